"""Secrets Manager: secrets, their values and policies, and their removal."""

import json

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused


@check
def a_secret_lives(sandbox):
    secrets = sandbox.client("secretsmanager")
    made = secrets.create_secret(Name="train/wandb", Tags=[{"Key": "team", "Value": "vision"}])
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:train/wandb-"), made
    assert "VersionId" not in made, made
    fails("ResourceExistsException", secrets.create_secret, Name="train/wandb")
    fails("ValidationException", secrets.create_secret, Name="a b")
    secrets.update_secret(SecretId="train/wandb", Description="tracker", KmsKeyId="alias/data")
    found = secrets.describe_secret(SecretId=made["ARN"])
    assert found["Description"] == "tracker" and found["KmsKeyId"] == "alias/data", found
    assert found["Tags"] == [{"Key": "team", "Value": "vision"}] and "VersionIdsToStages" not in found, found
    secrets.update_secret(SecretId="train/wandb", KmsKeyId="")
    assert "KmsKeyId" not in secrets.describe_secret(SecretId="train/wandb")
    fails("ResourceNotFoundException", secrets.describe_secret, SecretId="none")
    refused("SecretBinary", secrets.create_secret, Name="x", SecretBinary=b"1")


@check
def values_are_kept(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a")
    fails("ResourceNotFoundException", secrets.get_secret_value, SecretId="a")
    first = secrets.put_secret_value(SecretId="a", SecretString="1")["VersionId"]
    second = secrets.put_secret_value(SecretId="a", SecretString="2")["VersionId"]
    assert secrets.get_secret_value(SecretId="a")["SecretString"] == "2"
    assert secrets.get_secret_value(SecretId="a", VersionStage="AWSPREVIOUS")["SecretString"] == "1"
    stages = secrets.describe_secret(SecretId="a")["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}, stages


@check
def policies_of_a_secret(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="a")
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "secretsmanager:*", "Resource": "*"}
    put = lambda **change: secrets.put_resource_policy(
        SecretId="a",
        BlockPublicPolicy=True,
        ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, **change}]}),
    )
    put()
    kept = json.loads(secrets.get_resource_policy(SecretId="a")["ResourcePolicy"])
    assert kept["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}, kept
    fails("PublicPolicyException", put, Principal="*")
    none = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}
    fails("MalformedPolicyDocumentException", put, Principal=none)
    secrets.delete_resource_policy(SecretId="a")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="a")


@check
def secrets_are_listed_and_tagged(sandbox):
    secrets = sandbox.client("secretsmanager")
    for n in range(5):
        secrets.create_secret(Name=f"a/{n}")
    secrets.create_secret(Name="b", Tags=[{"Key": "team", "Value": "vision"}])
    named = [{"Key": "name", "Values": ["a/"]}]
    found = pages(secrets, "list_secrets", "SecretList", "MaxResults", 2, Filters=named)
    assert [it["Name"] for it in found] == [f"a/{n}" for n in range(5)], found
    secrets.tag_resource(SecretId="b", Tags=[{"Key": "x", "Value": "y"}])
    secrets.untag_resource(SecretId="b", TagKeys=["team"])
    assert secrets.describe_secret(SecretId="b")["Tags"] == [{"Key": "x", "Value": "y"}]


@check
def a_secret_is_removed_and_restored(sandbox):
    secrets = sandbox.client("secretsmanager")
    secrets.create_secret(Name="a", SecretString="1")
    fails("InvalidParameterException", secrets.delete_secret, SecretId="a", RecoveryWindowInDays=6)
    secrets.delete_secret(SecretId="a", RecoveryWindowInDays=7)
    for call in (secrets.get_secret_value, secrets.delete_secret):
        error = fails("InvalidRequestException", call, SecretId="a")
        assert "marked for deletion" in str(error), error
    error = fails("InvalidRequestException", secrets.create_secret, Name="a")
    assert "already scheduled for deletion" in str(error), error
    assert secrets.list_secrets()["SecretList"] == []
    (found,) = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert found["DeletedDate"], found
    secrets.restore_secret(SecretId="a")
    assert secrets.get_secret_value(SecretId="a")["SecretString"] == "1"
    secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
    # It is forgotten after a moment.
    eventually(lambda: secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] == [])
    secrets.create_secret(Name="a")
