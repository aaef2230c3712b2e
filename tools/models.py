#!/usr/bin/env python3
"""Cuts facts about the operations of the sandbox out of AWS's published service models (botocore, on PyPI).

    pip install botocore && python3 tools/models.py

Facts only: members and their types, what is required, enums, lengths, ranges, patterns, client tokens, pages, routes,
error codes with their HTTP status. No documentation text. The operations are those that the tables of
`sandbox/src/services/` name. Writes `sandbox/models/SERVICE.json`; the same botocore gives the same bytes.
"""
import gzip
import json
import pathlib
import re

import botocore

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(botocore.__file__).parent / "data"
# The sandbox's service -> botocore's folder. EC2 and S3 word their refusals by hand: neither answers from its model.
SERVICES = {
    "ce": "ce",
    "fsx": "fsx",
    "iam": "iam",
    "pricing": "pricing",
    "ssm": "ssm",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
}


def operations(service):
    """Names in the sandbox's tables of operations."""
    folder = ROOT / "sandbox/src/services"
    files = sorted((folder / service).glob("**/*.rs")) or [folder / f"{service}.rs"]
    text = "".join(file.read_text() for file in files)
    return sorted(set(re.findall(r'\b(?:read|write)\(\s*"([A-Za-z0-9]+)"', text)))


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


def shape(name, found, shapes, out):
    """Adds a shape and what it is made of."""
    if name in out:
        return
    kind = found["type"]
    fact = {"type": kind}
    out[name] = fact
    for key in ("enum", "min", "max", "required", "sensitive"):
        if found.get(key):
            fact[key] = found[key]
    if "pattern" in found:
        rust = pattern(found["pattern"])
        if rust is not None:
            fact["pattern"] = rust
            if rust != found["pattern"]:
                fact["stated"] = found["pattern"]
    inner = {}
    if kind == "structure":
        for member, ref in found["members"].items():
            place = {k: ref[k] for k in ("location", "locationName", "idempotencyToken") if k in ref}
            place.pop("locationName", None) if "location" not in ref else None
            fact.setdefault("members", {})[member] = {"shape": ref["shape"], **place} if place else ref["shape"]
            inner[ref["shape"]] = True
    elif kind == "list":
        fact["member"] = found["member"]["shape"]
        inner[found["member"]["shape"]] = True
    elif kind == "map":
        fact["key"], fact["value"] = found["key"]["shape"], found["value"]["shape"]
        inner[found["key"]["shape"]] = inner[found["value"]["shape"]] = True
    for name in inner:
        shape(name, shapes[name], shapes, out)


def cut(service, folder):
    version = sorted(p.name for p in (DATA / folder).iterdir())[-1]
    place = DATA / folder / version
    model = json.loads(gzip.open(place / "service-2.json.gz").read())
    pages = {}
    if (place / "paginators-1.json.gz").exists():
        pages = json.loads(gzip.open(place / "paginators-1.json.gz").read())["pagination"]
    shapes, facts, errors = {}, {}, {}
    for name in operations(service):
        stated = model["operations"].get(name)
        if stated is None:
            raise SystemExit(f"{service}: AWS's model has no operation {name}")
        fact = {"http": [stated["http"]["method"], stated["http"]["requestUri"]]}
        for side in ("input", "output"):
            if side in stated:
                fact[side] = stated[side]["shape"]
                shape(stated[side]["shape"], model["shapes"][stated[side]["shape"]], model["shapes"], shapes)
        for error in stated.get("errors", []):
            found = model["shapes"][error["shape"]]
            told = found.get("error", {})
            code = told.get("code", error["shape"])
            errors[code] = told.get("httpStatusCode", 500 if found.get("fault") else 400)
            fact.setdefault("errors", []).append(code)
        if name in pages:
            keys = {"input_token": "token", "output_token": "next", "limit_key": "limit", "result_key": "items"}
            fact["page"] = {ours: pages[name][theirs] for theirs, ours in keys.items() if theirs in pages[name]}
        facts[name] = fact
    meta = model["metadata"]
    return {
        "source": f"botocore {botocore.__version__}, {folder} {version}",
        "protocol": meta["protocol"],
        "operations": facts,
        "errors": errors,
        "shapes": shapes,
    }


def lines(value):
    """JSON with a line for each operation and shape, so that a new model is a readable difference."""
    out = []
    for key, found in value.items():
        if isinstance(found, dict) and key in ("operations", "shapes"):
            rows = [f"  {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(found.items())]
            out.append(f"{json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n}")
        else:
            out.append(f"{json.dumps(key)}: {json.dumps(found, sort_keys=True)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


def main():
    for service, folder in SERVICES.items():
        target = ROOT / "sandbox/models" / f"{service}.json"
        target.write_text(lines(cut(service, folder)))
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
