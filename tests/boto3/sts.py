"""STS: who is calling."""

from harness import ACCOUNT, check, fails, refused


@check
def the_caller(sandbox):
    sts = sandbox.client("sts")
    found = sts.get_caller_identity()
    assert found["Account"] == ACCOUNT and found["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/sandbox", found
    assert found["UserId"], found
    refused("sts:AssumeRole", sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="session")


@check
def credentials_that_expire(sandbox):
    sts = sandbox.client("sts")
    sandbox.faults({"operation": "sts:*", "nth": 1, "action": {"do": "expired-token"}})
    fails("ExpiredToken", sts.get_caller_identity, status=403)
    sts.get_caller_identity()
