"""Runs moto's own test suite against the sandbox and holds the number of tests that pass, by service, to a floor.

run.py [--bless] [--keep FILE] [--serve COMMAND...]

moto comes from the package index at run time, as its source distribution, because only that has the tests; nothing of
it is kept in the repository. `{port}` in COMMAND is replaced by a free port; without --serve the example server of the
crate is built and run. --bless writes the floor anew, --keep writes how each test ended.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/boto3"))

# moto's name of a service in its tests, where the sandbox has it.
SERVICES = ["ce", "ec2", "fsx", "iam", "logs", "pricing", "resourcegroupstaggingapi", "s3", "ssm", "sts"]
# The account that moto's tests expect.
ACCOUNT = "123456789012"
SERVE = ["cargo", "run", "--quiet", "--locked", "--package", "dlinfra-sandbox", "--example", "serve", "--"]
SERVE += ["{port}", "1000", "-", ACCOUNT]


def environment():
    """The Python of a virtual environment with what `requirements.txt` names."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folder = target / "peers-environment"
    python = folder / "bin/python"
    wanted, done = (HERE / "requirements.txt").read_text(), folder / "installed.txt"
    if not (done.exists() and done.read_text() == wanted):
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]
        subprocess.run([*install, HERE / "requirements.txt"], check=True)
        done.write_text(wanted)
    return python


def take_suite(python, folder):
    """Unpacks moto's source distribution; gives its folder."""
    wanted = next(line for line in (HERE / "requirements.txt").read_text().splitlines() if line.startswith("moto=="))
    take = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-binary", ":all:"]
    subprocess.run([*take, "--no-deps", "--dest", folder, wanted], check=True)
    archive = next(folder.glob("moto-*.tar.gz"))
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    suite = folder / archive.name.removesuffix(".tar.gz")
    # The installed package is the one to be imported.
    shutil.rmtree(suite / "moto")
    return suite


def run(python, suite, url, result):
    """Runs the tests of the services that the sandbox has; gives the counts and what became of each test."""
    settings = {
        "TEST_SERVER_MODE": "true",
        "TEST_SERVER_MODE_ENDPOINT": url,
        "MOTO_PORT": url.rsplit(":", 1)[1],
        "PEERS_RESULT": str(result),
        "PYTHONPATH": str(HERE),
        "AWS_ACCESS_KEY_ID": "AKIASANDBOX",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    tests = [f"tests/test_{name}" for name in SERVICES if (suite / f"tests/test_{name}").is_dir()]
    command = [python, "-m", "pytest", "--quiet", "--tb=no", "--no-header", "-p", "plugin", "-W", "ignore", "--continue-on-collection-errors"]
    # Failing tests are expected; what counts is the file that the plugin writes.
    ended = subprocess.run([*command, *tests], cwd=suite, env=os.environ | settings, stdout=subprocess.PIPE)
    if ended.returncode not in (0, 1, 2):
        sys.exit(f"pytest broke down:\n{ended.stdout.decode()[-4000:]}")
    return json.loads(result.read_text())


def main(arguments):
    python = environment()
    if pathlib.Path(sys.executable) != python:
        # boto3 is there.
        os.execv(python, [python, __file__, *arguments])
    import harness

    bless = "--bless" in arguments
    keep = pathlib.Path(arguments[arguments.index("--keep") + 1]).resolve() if "--keep" in arguments else None
    serve = arguments[arguments.index("--serve") + 1 :] if "--serve" in arguments else SERVE
    floor_file = HERE / "floor.json"
    floor = json.loads(floor_file.read_text()) if floor_file.exists() else {}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        suite = take_suite(python, scratch)
        process, url = harness.start(serve, patience=600)
        try:
            found = run(python, suite, url, keep or scratch / "result.json")
        finally:
            process.kill()
            process.wait()
    passed = {}
    for service, counts in sorted(found["counts"].items()):
        passed[service] = counts.get("passed", 0)
        rest = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("differs", "not here", "aside"))
        print(f"{service:26} {passed[service]:4} passed (floor {floor.get(service, 0)}), {rest}")
    print(f"{time.monotonic() - begun:.0f} seconds")
    if bless:
        floor_file.write_text(json.dumps(passed, indent=2, sort_keys=True) + "\n")
        return 0
    fallen = [service for service, least in floor.items() if passed.get(service, 0) < least]
    for service in fallen:
        print(f"FELL {service}: {passed.get(service, 0)} pass, {floor[service]} did")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
