"""Other clients than boto3: the AWS CLI and s3fs, from the folder of programs that DLINFRA_CLIENTS names."""

import os
import pathlib
import subprocess
import tempfile

from harness import REGION, check
from s3_buckets import bucket

PROGRAMS = os.environ.get("DLINFRA_CLIENTS")
MIB = 1 << 20
SETTINGS = {"AWS_ACCESS_KEY_ID": "AKIASANDBOX", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}


def client_check(function):
    """A check that needs the programs."""
    if PROGRAMS:
        check(function)
    else:
        print(f"skipped: {function.__name__}, because DLINFRA_CLIENTS names no folder with the AWS CLI and s3fs")


def run(program, *arguments):
    """What a program prints; it must succeed."""
    command = [str(pathlib.Path(PROGRAMS) / program), *map(str, arguments)]
    ended = subprocess.run(command, env=os.environ | SETTINGS, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr or ended.stdout}"
    return ended.stdout


def keys(s3, name="my-bucket"):
    return {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=name).get("Contents", [])}


@client_check
def the_cli_moves_files(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    aws = lambda *arguments: run("aws", "--endpoint-url", sandbox.url, "s3", *arguments)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        big = os.urandom(MIB) * 100
        (folder / "big").write_bytes(big)
        aws("cp", folder / "big", "s3://my-bucket/big", "--no-progress")
        assert sandbox.counts()["s3:UploadPart"] == 13, sandbox.counts()
        # Within S3: a copy in parts, and the source goes.
        aws("mv", "s3://my-bucket/big", "s3://my-bucket/moved", "--no-progress")
        assert keys(s3) == {"moved": 100 * MIB}, keys(s3)
        aws("mv", "s3://my-bucket/moved", folder / "back", "--no-progress")
        assert (folder / "back").read_bytes() == big and keys(s3) == {}
        tree = folder / "tree"
        (tree / "a").mkdir(parents=True)
        (tree / "a" / "1").write_text("one")
        (tree / "2").write_text("two")
        # S3 gives times in whole seconds, so a file of the same second counts as newer.
        for path in (tree / "a" / "1", tree / "2"):
            os.utime(path, (path.stat().st_mtime - 5,) * 2)
        aws("sync", tree, "s3://my-bucket/tree", "--no-progress")
        assert keys(s3) == {"tree/2": 3, "tree/a/1": 3}, keys(s3)
        assert aws("sync", tree, "s3://my-bucket/tree", "--no-progress") == ""
        # Changed later, and of the same size: only the time tells.
        (tree / "2").write_text("TWO")
        later = os.stat(tree / "2").st_mtime + 5
        os.utime(tree / "2", (later, later))
        assert "tree/2" in aws("sync", tree, "s3://my-bucket/tree", "--no-progress")
        assert s3.get_object(Bucket="my-bucket", Key="tree/2")["Body"].read() == b"TWO"
        (tree / "2").unlink()
        aws("sync", "--delete", tree, "s3://my-bucket/tree", "--no-progress")
        assert keys(s3) == {"tree/a/1": 3}, keys(s3)
        assert "1.0 KiB" not in aws("ls", "--recursive", "s3://my-bucket")
        aws("rb", "--force", "s3://my-bucket")
    fetched = run("aws", "--endpoint-url", sandbox.url, "s3api", "list-buckets", "--query", "Buckets[].Name")
    assert fetched.split() == ["[]"], fetched


@client_check
def the_cli_presigns(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    s3.put_object(Bucket="my-bucket", Key="k", Body=b"body")
    url = run("aws", "--endpoint-url", sandbox.url, "s3", "presign", "s3://my-bucket/k").strip()
    import urllib.request

    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"body"


@client_check
def s3fs_is_a_file_system(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    script = """
import os, sys, s3fs
fs = s3fs.S3FileSystem(endpoint_url=sys.argv[1], key="x", secret="x")
body = os.urandom(1 << 20) * 60
with fs.open("my-bucket/dir/big", "wb") as file:
    file.write(body)
fs.cp("my-bucket/dir/big", "my-bucket/dir/copy")
fs.mv("my-bucket/dir/copy", "my-bucket/moved")
assert fs.cat("my-bucket/moved") == body
fs.pipe("my-bucket/dir/small", b"small")
fs.cp("my-bucket/dir", "my-bucket/other", recursive=True)
assert sorted(fs.find("my-bucket")) == [
    "my-bucket/" + key for key in ("dir/big", "dir/small", "moved", "other/big", "other/small")], fs.find("my-bucket")
assert fs.info("my-bucket/dir/small")["size"] == 5
fs.rm("my-bucket/dir", recursive=True)
fs.touch("my-bucket/empty")
print(len(fs.find("my-bucket")))
"""
    assert run("python", "-c", script, sandbox.url).strip() == "4"
