"""A pytest plugin: moto's own tests, in server mode, against a sandbox; counts by service how they end.

Where moto's tests empty moto's server, the sandbox is emptied. A test that needs an operation or a parameter which the
sandbox refuses as not implemented says nothing about what it has, and is counted apart.
"""

import collections
import json
import os
import signal
import urllib.request

import moto.core.models as models
import pytest

URL = os.environ["TEST_SERVER_MODE_ENDPOINT"]
SECONDS = 15
outcomes = {}


def ask(page, post=False):
    """Asks the sandbox's own pages."""
    request = urllib.request.Request(f"{URL}/_sandbox/{page}", data=b"" if post else None)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


class Seen:
    """What the test under way asked for, and what of it was refused; emptying the sandbox empties its log too."""

    asked, refused = set(), set()


def reset():
    """Empties the sandbox, once its log was read."""
    requests = ask("requests")
    Seen.asked |= set(requests["counts"])
    Seen.refused |= {name.split(" ")[0] for name in requests["errors"] if "NotImplemented" in name}
    ask("reset", post=True)


models.ServerModeMockAWS.reset = lambda self: reset()


def service_of(item):
    """`tests/test_s3/test_s3_tagging.py` is about s3."""
    part = item.nodeid.split("/")[1]
    return part.removeprefix("test_")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    reset()
    Seen.asked, Seen.refused = set(), set()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    def late(*_):
        raise TimeoutError(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when != "call":
        return report
    reset()
    refused = sorted(Seen.refused)
    if report.skipped or not Seen.asked:
        outcome = "aside"
    elif report.passed:
        outcome = "passed"
    else:
        outcome = "not here" if refused else "differs"
    why = "" if report.passed or call.excinfo is None else call.excinfo.exconly().replace("\n", " ")[:300]
    outcomes[item.nodeid] = {"service": service_of(item), "outcome": outcome, "refused": refused, "why": why}
    return report


def pytest_sessionfinish(session):
    counts = collections.defaultdict(collections.Counter)
    for one in outcomes.values():
        counts[one["service"]][one["outcome"]] += 1
    with open(os.environ["PEERS_RESULT"], "w", encoding="utf-8") as file:
        json.dump({"counts": counts, "tests": outcomes}, file, indent=1, sort_keys=True)
