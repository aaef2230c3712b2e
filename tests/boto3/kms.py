"""KMS: keys, their aliases and settings, and their removal."""

import json

from harness import ACCOUNT, REGION, check, fails, pages, refused


def arn(tail):
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:{tail}"


def make(kms, **parameters):
    return kms.create_key(**parameters)["KeyMetadata"]["KeyId"]


@check
def a_key_lives(sandbox):
    kms = sandbox.client("kms")
    made = kms.create_key(Description="data", Tags=[{"TagKey": "team", "TagValue": "vision"}])["KeyMetadata"]
    key = made["KeyId"]
    assert made["Arn"] == arn(f"key/{key}") and made["KeyState"] == "Enabled" and made["Enabled"], made
    assert made["KeySpec"] == "SYMMETRIC_DEFAULT" and made["KeyManager"] == "CUSTOMER", made
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, policy
    kms.update_key_description(KeyId=made["Arn"], Description="other data")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "other data"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 90
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    fails("DisabledException", kms.disable_key_rotation, KeyId=key)
    kms.enable_key(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    fails("NotFoundException", kms.describe_key, KeyId=arn("key/0d1e2f3a-0000-4000-8000-000000000001"))
    refused("RSA_2048", kms.create_key, KeySpec="RSA_2048")


@check
def policies_of_a_key(sandbox):
    kms = sandbox.client("kms")
    key = make(kms)
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*"}
    put = lambda **change: kms.put_key_policy(
        KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, **change}]})
    )
    put()
    kept = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    assert kept["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}, kept
    none = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}
    error = fails("MalformedPolicyDocumentException", put, Principal=none)
    assert "invalid principals" in str(error), error


@check
def keys_have_aliases(sandbox):
    kms = sandbox.client("kms")
    one, other = make(kms), make(kms)
    kms.create_alias(AliasName="alias/a", TargetKeyId=one)
    fails("AlreadyExistsException", kms.create_alias, AliasName="alias/a", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"] == one
    assert kms.describe_key(KeyId=arn("alias/a"))["KeyMetadata"]["KeyId"] == one
    fails("NotFoundException", kms.describe_key, KeyId="alias/b")
    kms.update_alias(AliasName="alias/a", TargetKeyId=other)
    (found,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert found["AliasArn"] == arn("alias/a") and found["TargetKeyId"] == other, found
    assert kms.list_aliases(KeyId=one)["Aliases"] == []
    fails("ValidationException", kms.create_alias, AliasName="b", TargetKeyId=one)
    kms.delete_alias(AliasName="alias/a")
    fails("NotFoundException", kms.delete_alias, AliasName="alias/a")


@check
def keys_are_listed_and_tagged(sandbox):
    kms = sandbox.client("kms")
    made = {make(kms) for _ in range(5)}
    found = pages(kms, "list_keys", "Keys", "Limit", 2)
    assert {it["KeyId"] for it in found} == made and len(found) == 5, found
    key = sorted(made)[0]
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]


@check
def a_key_is_removed_after_some_days(sandbox):
    kms = sandbox.client("kms")
    key = make(kms)
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    fails("ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)
    told = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert told["KeyState"] == "PendingDeletion", told
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert found["KeyState"] == "PendingDeletion" and found["DeletionDate"] == told["DeletionDate"], found
    fails("KMSInvalidStateException", kms.schedule_key_deletion, KeyId=key)
    fails("KMSInvalidStateException", kms.tag_resource, KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}])
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    fails("KMSInvalidStateException", kms.cancel_key_deletion, KeyId=key)
