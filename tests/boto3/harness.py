"""Runs checks against a served sandbox: one fresh account for each check, plain asserts, a count at the end."""

import json
import socket
import subprocess
import time
import traceback
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
REGION = "us-east-1"
CHECKS = []


def check(function):
    """Registers a check; it is called with a `Sandbox`."""
    CHECKS.append(function)
    return function


class Sandbox:
    """A served sandbox and the clients that talk to it."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        self.clients = {}

    def client(self, service, region=REGION, **config):
        """A client that does not retry, so that every error is seen."""
        key = (service, region, json.dumps(config, sort_keys=True))
        if key not in self.clients:
            self.clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id="AKIASANDBOX",
                aws_secret_access_key="none",
                config=Config(
                    retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60, **config
                ),
            )
        return self.clients[key]

    def control(self, page, body=None, post=False):
        """Asks the sandbox's own pages."""
        data = b"" if post and body is None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_sandbox/{page}", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def reset(self):
        """Empties the account; clients are made anew, because they remember where buckets are."""
        self.control("reset", post=True)
        self.clients.clear()

    def faults(self, *rules):
        """Replaces the fault rules."""
        self.control("faults", list(rules))

    def counts(self):
        """How often each operation was asked for."""
        return self.control("requests")["counts"]

    def errors(self):
        """How often each operation was answered with each error code."""
        return self.control("requests")["errors"]


def fails(code, call, status=None, **parameters):
    """Asserts that a call is refused with this error code; gives the error."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"expected {code}, got {found}: {error.response['Error'].get('Message')}"
        found = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status is None or found == status, f"expected status {status}, got {found}"
        return error
    raise AssertionError(f"expected {code}, got an answer: {answer}")


def refused(word, call, **parameters):
    """Asserts that a call is refused as unknown, and that the refusal names what is unknown."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        found = error.response["Error"]
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501, found
        # A reply to HEAD has no body to say it in.
        assert found["Code"] in ("NotImplemented", "501"), found
        assert found["Code"] == "501" or word in found["Message"], f"{word} is not in: {found['Message']}"
        return
    raise AssertionError(f"expected NotImplemented, got an answer: {answer}")


def tags(mapping, key="Key", value="Value"):
    """A dictionary as AWS's list of tags."""
    return [{key: name, value: text} for name, text in mapping.items()]


def untag(items, key="Key", value="Value"):
    """AWS's list of tags as a dictionary."""
    return {item[key]: item[value] for item in items}


def pages(client, operation, result, size_field, size, **parameters):
    """All items of a list read in pages of one size, with every page's length checked."""
    items = []
    for page in client.get_paginator(operation).paginate(
        **parameters, PaginationConfig={"PageSize": size}
    ):
        found = page.get(result, [])
        assert len(found) <= size, f"a page of {len(found)} with {size_field}={size}"
        items += found
    return items


def eventually(condition, seconds=30):
    """Waits until a condition holds; what a new object hides behind its consistency window does not hold yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(".NotFound"):
                raise
            value = None
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not come true in time")


def start(command, patience=20):
    """Starts a sandbox on a free port, for which `{port}` in the command stands, within so many seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([part.replace("{port}", str(port)) for part in command])
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise SystemExit(f"the sandbox did not start: {' '.join(command)}")
            time.sleep(0.05)


def run(url, pattern=""):
    """Runs the checks whose names contain `pattern`; gives the number that failed."""
    sandbox = Sandbox(url)
    asked = set()
    passed, failed = 0, 0
    for function in CHECKS:
        name = f"{function.__module__}.{function.__name__}"
        if pattern not in name:
            continue
        try:
            sandbox.faults()
            sandbox.reset()
            function(sandbox)
            passed += 1
        except Exception:  # a check that fails must not hide the others
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        asked |= set(sandbox.counts())
    if not pattern:
        # Every operation that the sandbox offers is exercised.
        missed = sorted(set(sandbox.control("operations")) - asked)
        if missed:
            failed += 1
            print(f"FAILED no check asks for {', '.join(missed)}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed", flush=True)
    if passed + failed == 0:
        print("no check has such a name")
        return 1
    return failed
