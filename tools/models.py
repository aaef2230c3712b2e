#!/usr/bin/env python3
"""Cuts facts about the operations of the sandbox out of AWS's published service models (botocore, on PyPI).

    pip install botocore && python3 tools/models.py            every service
    pip install botocore && python3 tools/models.py logs       one or some

Facts only: members and their types, what is required, enums, lengths, ranges, patterns, client tokens, pages, routes,
error codes with their HTTP status. No documentation text. The operations are those that the tables of
`sandbox/src/services/` name. Writes `sandbox/models/SERVICE.json`; the same botocore gives the same bytes.
"""
import gzip
import json
import pathlib
import re
import sys

import botocore

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(botocore.__file__).parent / "data"
# The sandbox's service -> botocore's folder.
SERVICES = {
    "application_autoscaling": "application-autoscaling",
    "ce": "ce",
    "ec2": "ec2",
    "elbv2": "elbv2",
    "events": "events",
    "fsx": "fsx",
    "iam": "iam",
    "lambda": "lambda",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "pricing": "pricing",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "sagemaker_runtime": "sagemaker-runtime",
    "scheduler": "scheduler",
    "service_quotas": "service-quotas",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
}
# What the members of a list call are named where AWS's model does not say that it has pages.
PAGES = {
    "token": ("NextToken", "nextToken", "Marker"),
    "limit": ("MaxResults", "maxResults", "MaxItems", "MaxRecords", "limit"),
}
# What a browser's form does has no place in AWS's model.
UNPUBLISHED = {"PostObject"}
# What clients of the query protocol were told, and those of today are told in a header (botocore 1.34 still states it).
FORMER = {
    "sqs": {
        "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
        "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
        "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists": "QueueAlreadyExists",
        "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
    }
}
# What `tagged::OPERATIONS` stands for.
TAGGED = {"TagResource", "UntagResource", "ListTagsForResource"}


def operations(service):
    """Names in the sandbox's tables of operations."""
    folder = ROOT / "sandbox/src/services"
    files = sorted((folder / service).glob("**/*.rs")) or [folder / f"{service}.rs"]
    text = "".join(file.read_text() for file in files)
    found = set(re.findall(r'\b(?:read|write|create)\(\s*"([A-Za-z0-9]+)"', text))
    found -= UNPUBLISHED
    return sorted(found | (TAGGED if "tagged::OPERATIONS" in text else set()))


def pattern(text):
    """A Java pattern in Rust's syntax; None where Rust's engine has no such thing."""
    if re.search(r"\(\?[=!<]", text):
        return None
    for name in ("Alnum", "Alpha", "Graph", "Print", "ASCII", "Digit", "Punct", "Space"):
        text = text.replace("\\p{%s}" % name, "[[:%s:]]" % name.lower())
    # Java's shorthands are ASCII; a class may stand in a class.
    text = text.replace("\\w", "[A-Za-z0-9_]").replace("\\d", "[0-9]")
    text = text.replace("\\s", "[\\t-\\r ]").replace("\\S", "[^\\t-\\r ]")
    text = re.sub(r"\\u(10[0-9A-F]{4}|10000|[0-9A-Fa-f]{4})", r"\\u{\1}", text)
    # Halves of surrogate pairs are not characters of a UTF-8 text.
    if re.search(r"\\u\{[dD][89a-fA-F]..\}", text):
        return None
    return text.removeprefix("^").removesuffix("$")


def on_the_wire(protocol, name, ref, shapes):
    """The names of a member in requests and in replies."""
    stated = ref.get("locationName", name)
    if protocol == "ec2":
        return ref.get("queryName", stated[:1].upper() + stated[1:]), stated
    if protocol in ("json", "rest-json", "smithy-rpc-v2-cbor"):
        return name, name
    inner = shapes[ref["shape"]]
    if protocol in ("query", "rest-xml") and inner["type"] == "list" and (ref.get("flattened") or inner.get("flattened")):
        stated = inner["member"].get("locationName", stated)
    return stated, stated


def member(protocol, name, ref, shapes):
    """A member: the name of its shape, or an object where there is more to say."""
    asked, told = on_the_wire(protocol, name, ref, shapes)
    place = {"shape": ref["shape"]}
    if asked != name:
        place["name"] = asked
    if told != asked:
        place["told"] = told
    if "location" in ref:
        place["location"] = ref["location"]
        if protocol == "rest-json" and ref.get("locationName", name) != name:
            place["at"] = ref["locationName"]
    elif protocol == "rest-json" and ref.get("locationName", name) != name:
        raise SystemExit(f"{name} is called {ref['locationName']} in a body: the sandbox does not rename there")
    if ref.get("idempotencyToken") or (protocol == "ec2" and name == "ClientToken"):
        place["token"] = True
    return ref["shape"] if len(place) == 1 else place


def shape(protocol, name, shapes, out):
    """Adds a shape and what it is made of."""
    if name in out:
        return
    found = shapes[name]
    fact = {"type": found["type"]}
    out[name] = fact
    for key in ("enum", "min", "max", "required", "sensitive", "payload"):
        if found.get(key):
            fact[key] = found[key]
    if "pattern" in found:
        rust = pattern(found["pattern"])
        if rust is not None:
            fact["pattern"] = rust
            if rust != found["pattern"]:
                fact["stated"] = found["pattern"]
    inner = {}
    if found["type"] == "structure":
        for key, ref in found["members"].items():
            fact.setdefault("members", {})[key] = member(protocol, key, ref, shapes)
            inner[ref["shape"]] = True
    elif found["type"] == "list":
        fact["member"] = found["member"]["shape"]
        if found["member"].get("locationName", "member") != "member":
            fact["item"] = found["member"]["locationName"]
        if found.get("flattened"):
            fact["flat"] = True
        inner[found["member"]["shape"]] = True
    elif found["type"] == "map":
        fact["key"], fact["value"] = found["key"]["shape"], found["value"]["shape"]
        inner[found["key"]["shape"]] = inner[found["value"]["shape"]] = True
    for key in inner:
        shape(protocol, key, shapes, out)


def page(operation, stated, shapes):
    """The members that a list call has its pages by."""
    keys = {"input_token": "token", "output_token": "next", "limit_key": "limit", "result_key": "items"}
    out = {}
    for theirs, ours in keys.items():
        if theirs in stated:
            one = stated[theirs][0] if isinstance(stated[theirs], list) else stated[theirs]
            # `NextMarker || Contents[-1].Key`: what stands for a member that is not there.
            out[ours] = one.split(" ||")[0]
    if stated or "input" not in operation or "output" not in operation:
        return out
    asked, told = (shapes[operation[side]["shape"]]["members"] for side in ("input", "output"))
    for ours, names in PAGES.items():
        out.update({ours: name for name in names[::-1] if name in asked})
    lists = [name for name, ref in told.items() if shapes[ref["shape"]]["type"] == "list"]
    if out.get("token") not in told or len(lists) != 1:
        return {}
    return {**out, "next": out["token"], "items": lists[0]}


def route(operation, shapes):
    """Method and path of an operation, and the names of the parameters and headers that it cannot be without."""
    http = operation["http"]
    needs = []
    if "input" in operation:
        stated = shapes[operation["input"]["shape"]]
        refs = [(name, stated["members"][name]) for name in stated.get("required", [])]
        needs = [ref.get("locationName", name) for name, ref in refs if ref.get("location") in ("querystring", "header")]
    return [http["method"], http["requestUri"], *sorted(needs)]


def read(place, name):
    """One of botocore's files, some of which are packed; nothing where there is none."""
    packed, plain = place / f"{name}.json.gz", place / f"{name}.json"
    if packed.exists():
        return json.loads(gzip.open(packed).read())
    return json.loads(plain.read_text()) if plain.exists() else {}


def cut(service, folder):
    version = sorted(p.name for p in (DATA / folder).iterdir())[-1]
    place = DATA / folder / version
    model = read(place, "service-2")
    meta = model["metadata"]
    protocol, all_shapes = meta["protocol"], model["shapes"]
    pages = read(place, "paginators-1").get("pagination", {})
    shapes, facts, errors = {}, {}, {}
    for name in operations(service):
        stated = model["operations"].get(name)
        if stated is None:
            raise SystemExit(f"{service}: AWS's model has no operation {name}")
        fact = {}
        for side in ("input", "output"):
            if side in stated:
                fact[side] = stated[side]["shape"]
                shape(protocol, stated[side]["shape"], all_shapes, shapes)
        if "responseCode" in stated["http"]:
            fact["status"] = stated["http"]["responseCode"]
        for error in stated.get("errors", []):
            found = all_shapes[error["shape"]]
            told = found.get("error", {})
            code = told.get("code", FORMER.get(service, {}).get(error["shape"], error["shape"]))
            errors[code] = told.get("httpStatusCode", 500 if found.get("fault") else 400)
            if "awsQueryCompatible" in meta:
                errors[code] = [errors[code], error["shape"]]
            fact.setdefault("errors", []).append(code)
        paged = page(stated, pages.get(name, {}), all_shapes)
        if paged:
            fact["page"] = paged
        facts[name] = fact
    out = {
        "source": f"botocore {botocore.__version__}, {folder} {version}",
        "protocol": protocol,
        "operations": facts,
        "errors": errors,
        "shapes": shapes,
    }
    if protocol.startswith("rest-"):
        # Of every operation: what is not simulated must not be taken for something else, and has a name too.
        rows = {name: it for name, it in model["operations"].items() if not it.get("deprecated") or name in facts}
        out["routes"] = {name: route(it, all_shapes) for name, it in rows.items()}
    return out


def lines(value):
    """JSON with a line for each operation and shape, so that a new model is a readable difference."""
    out = []
    for key, found in value.items():
        if isinstance(found, dict) and key in ("operations", "shapes", "routes"):
            rows = [f"  {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(found.items())]
            out.append(f"{json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n}")
        else:
            out.append(f"{json.dumps(key)}: {json.dumps(found, sort_keys=True)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


def main(wanted):
    for service in wanted or SERVICES:
        target = ROOT / "sandbox/models" / f"{service}.json"
        facts = cut(service, SERVICES[service])
        target.write_text(lines(facts))
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")
        if service == "sagemaker":
            # Which types can serve is a fact that the kind needs as well.
            types = facts["shapes"]["ProductionVariantInstanceType"]["enum"]
            (ROOT / "src/kinds/sagemaker_endpoint/types.txt").write_text("".join(f"{one}\n" for one in sorted(types)))


if __name__ == "__main__":
    main(sys.argv[1:])
