"""IAM: roles, policies, instance profiles."""

import json

from harness import ACCOUNT, check, fails, pages, refused, tags, untag

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
INLINE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
SSM_CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
S3_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
BATCH = "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"


def create(iam, name="role", **more):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **more)["Role"]


@check
def a_role_lives_and_dies(sandbox):
    iam = sandbox.client("iam")
    made = create(
        iam,
        Path="/dlinfra/demo/",
        Description="for tests",
        MaxSessionDuration=7200,
        PermissionsBoundary=S3_READ,
        Tags=tags({"dlinfra:stack": "demo", "b": ""}),
    )
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/dlinfra/demo/role", made
    assert made["RoleId"].startswith("AROA") and made["AssumeRolePolicyDocument"] == TRUST, made
    found = iam.get_role(RoleName="role")["Role"]
    assert found["Path"] == "/dlinfra/demo/" and found["Description"] == "for tests", found
    assert found["MaxSessionDuration"] == 7200 and found["RoleId"] == made["RoleId"], found
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == S3_READ, found
    assert untag(found["Tags"]) == {"dlinfra:stack": "demo", "b": ""}, found
    fails("EntityAlreadyExists", iam.create_role, status=409, RoleName="ROLE", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.update_role(RoleName="role", Description="", MaxSessionDuration=3600)
    found = iam.get_role(RoleName="role")["Role"]
    assert "Description" not in found and found["MaxSessionDuration"] == 3600, found
    other = json.loads(json.dumps(TRUST).replace("ec2.", "fsx."))
    iam.update_assume_role_policy(RoleName="role", PolicyDocument=json.dumps(other))
    assert iam.get_role(RoleName="role")["Role"]["AssumeRolePolicyDocument"] == other
    iam.delete_role_permissions_boundary(RoleName="role")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="role")["Role"]
    fails("NoSuchEntity", iam.delete_role_permissions_boundary, RoleName="role")
    iam.put_role_permissions_boundary(RoleName="role", PermissionsBoundary=SSM_CORE)
    fails("NoSuchEntity", iam.put_role_permissions_boundary, RoleName="role", PermissionsBoundary=SSM_CORE + "X")
    iam.delete_role(RoleName="role")
    fails("NoSuchEntity", iam.get_role, status=404, RoleName="role")
    for call in (iam.delete_role, iam.update_role, iam.list_role_tags, iam.list_role_policies):
        fails("NoSuchEntity", call, RoleName="role")


@check
def role_input_is_checked(sandbox):
    iam = sandbox.client("iam", parameter_validation=False)
    good = {"RoleName": "role", "AssumeRolePolicyDocument": json.dumps(TRUST)}

    def bad(code, **change):
        fails(code, iam.create_role, **{**good, **change})

    # What is missing is told in IAM's words, not in EC2's.
    error = fails("ValidationError", iam.create_role, RoleName="role")
    assert "'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null" in str(error), error
    bad("ValidationError", RoleName="a b")
    bad("ValidationError", RoleName="x" * 65)
    bad("ValidationError", Path="no-slash")
    bad("ValidationError", MaxSessionDuration=60)
    bad("ValidationError", Tags=[{"Key": "ünïcode(", "Value": "x"}])
    bad("ValidationError", Tags=[{"Key": "a", "Value": "[0]"}])
    bad("ValidationError", Tags=[{"Key": "a"}])
    bad("InvalidInput", Tags=tags({"a": "1", "A": "2"}))
    bad("InvalidInput", Tags=tags({"aws:x": "1"}))
    bad("ValidationError", Tags=tags({f"k{n}": "v" for n in range(51)}))
    bad("MalformedPolicyDocument", AssumeRolePolicyDocument="{")
    bad("MalformedPolicyDocument", AssumeRolePolicyDocument=json.dumps(INLINE))
    bad("MalformedPolicyDocument", AssumeRolePolicyDocument=json.dumps({**TRUST, "Version": "2020-01-01"}))
    long = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Sid": "x" * 2100}]}
    bad("LimitExceeded", AssumeRolePolicyDocument=json.dumps(long))
    bad("NoSuchEntity", PermissionsBoundary="arn:aws:iam::aws:policy/Nothing")
    fails("ValidationError", iam.create_role, RoleName="role")
    assert iam.list_roles()["Roles"] == []


@check
def policies_of_aws_are_known(sandbox):
    iam = sandbox.client("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["Arn"], policy["Path"], policy["PolicyName"]) == (arn, "/service-role/", "AWSBatchServiceRole"), policy
    assert policy["IsAttachable"] is True, policy
    for other in ("arn:aws:iam::aws:policy/AWSBatchServiceRole", f"arn:aws:iam::{ACCOUNT}:policy/mine"):
        fails("NoSuchEntity", iam.get_policy, PolicyArn=other)


@check
def roles_are_listed_in_pages_without_tags(sandbox):
    iam = sandbox.client("iam")
    for n in range(7):
        create(iam, f"r{n}", Path="/a/" if n % 2 else "/b/", Tags=tags({"n": str(n)}))
    found = pages(iam, "list_roles", "Roles", "MaxItems", 2)
    assert [role["RoleName"] for role in found] == [f"r{n}" for n in range(7)], found
    assert all("Tags" not in role and "RoleLastUsed" not in role for role in found), found
    assert found[0]["AssumeRolePolicyDocument"] == TRUST
    found = pages(iam, "list_roles", "Roles", "MaxItems", 2, PathPrefix="/a/")
    assert [role["RoleName"] for role in found] == ["r1", "r3", "r5"], found
    first = iam.list_roles(MaxItems=2)
    assert first["IsTruncated"] and first["Marker"], first
    fails("ValidationError", iam.list_roles, Marker="???")
    fails("ValidationError", iam.list_roles, PathPrefix="a")


@check
def roles_are_tagged(sandbox):
    iam = sandbox.client("iam")
    create(iam, Tags=tags({"a": "1"}))
    iam.tag_role(RoleName="role", Tags=tags({"A": "2", "b": "3", "c": "4"}))
    assert untag(pages(iam, "list_role_tags", "Tags", "MaxItems", 1, RoleName="role")) == {"A": "2", "b": "3", "c": "4"}
    iam.untag_role(RoleName="role", TagKeys=["a", "c", "unknown"])
    assert untag(iam.list_role_tags(RoleName="role")["Tags"]) == {"b": "3"}
    fails("LimitExceeded", iam.tag_role, RoleName="role", Tags=tags({f"k{n}": "v" for n in range(50)}))
    for keys in (["?"], ["k" * 129], [f"k{n}" for n in range(51)]):
        fails("ValidationError", iam.untag_role, RoleName="role", TagKeys=keys)
    fails("NoSuchEntity", iam.tag_role, RoleName="none", Tags=tags({"a": "b"}))
    fails("NoSuchEntity", iam.untag_role, RoleName="none", TagKeys=["a"])


@check
def inline_policies(sandbox):
    iam = sandbox.client("iam")
    create(iam)
    for name in ("p1", "p2", "p3"):
        iam.put_role_policy(RoleName="role", PolicyName=name, PolicyDocument=json.dumps(INLINE))
    found = iam.get_role_policy(RoleName="role", PolicyName="p1")
    assert found["PolicyDocument"] == INLINE and found["RoleName"] == "role" and found["PolicyName"] == "p1", found
    assert pages(iam, "list_role_policies", "PolicyNames", "MaxItems", 2, RoleName="role") == ["p1", "p2", "p3"]
    put = iam.put_role_policy
    fails("MalformedPolicyDocument", put, RoleName="role", PolicyName="x", PolicyDocument=json.dumps(TRUST), status=400)
    bad = json.dumps(INLINE).replace("s3:*", "everything")
    fails("MalformedPolicyDocument", put, RoleName="role", PolicyName="x", PolicyDocument=bad)
    long = {**INLINE, "Statement": [{**INLINE["Statement"][0], "Resource": ["arn:aws:s3:::" + "x" * 9500] }]}
    put(RoleName="role", PolicyName="p1", PolicyDocument=json.dumps(long))
    fails("LimitExceeded", put, RoleName="role", PolicyName="p9", PolicyDocument=json.dumps(long), status=409)
    fails("DeleteConflict", iam.delete_role, status=409, RoleName="role")
    for name in ("p1", "p2", "p3"):
        iam.delete_role_policy(RoleName="role", PolicyName=name)
    fails("NoSuchEntity", iam.delete_role_policy, RoleName="role", PolicyName="p1")
    fails("NoSuchEntity", iam.get_role_policy, RoleName="role", PolicyName="p1")
    fails("NoSuchEntity", put, RoleName="none", PolicyName="x", PolicyDocument=json.dumps(INLINE))
    iam.delete_role(RoleName="role")


@check
def attached_policies(sandbox):
    iam = sandbox.client("iam")
    create(iam)
    for arn in (SSM_CORE, S3_READ, BATCH, SSM_CORE):
        iam.attach_role_policy(RoleName="role", PolicyArn=arn)
    found = pages(iam, "list_attached_role_policies", "AttachedPolicies", "MaxItems", 2, RoleName="role")
    expected = [("AWSBatchServiceRole", BATCH), ("AmazonS3ReadOnlyAccess", S3_READ), ("AmazonSSMManagedInstanceCore", SSM_CORE)]
    assert [(policy["PolicyName"], policy["PolicyArn"]) for policy in found] == expected, found
    found = iam.list_attached_role_policies(RoleName="role", PathPrefix="/service-role/")["AttachedPolicies"]
    assert len(found) == 1, found
    fails("NoSuchEntity", iam.attach_role_policy, RoleName="role", PolicyArn="arn:aws:iam::aws:policy/NoSuchThing")
    fails("InvalidInput", iam.attach_role_policy, RoleName="role", PolicyArn="arn:something:else:entirely")
    fails("DeleteConflict", iam.delete_role, RoleName="role")
    for arn in (SSM_CORE, S3_READ, BATCH):
        iam.detach_role_policy(RoleName="role", PolicyArn=arn)
    fails("NoSuchEntity", iam.detach_role_policy, RoleName="role", PolicyArn=SSM_CORE)
    names = "AmazonEC2FullAccess AmazonEC2ReadOnlyAccess AmazonS3FullAccess AmazonFSxFullAccess ReadOnlyAccess \
        AmazonVPCFullAccess IAMFullAccess SecurityAudit PowerUserAccess IAMReadOnlyAccess".split()
    for name in names:
        iam.attach_role_policy(RoleName="role", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    fails("LimitExceeded", iam.attach_role_policy, RoleName="role", PolicyArn=SSM_CORE, status=409)


@check
def an_instance_profile_lives_and_dies(sandbox):
    iam = sandbox.client("iam")
    create(iam, Tags=tags({"x": "y"}))
    create(iam, "other")
    made = iam.create_instance_profile(InstanceProfileName="p", Path="/dlinfra/s/", Tags=tags({"a": "1"}))
    made = made["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/dlinfra/s/p" and made["Roles"] == [], made
    assert made["InstanceProfileId"].startswith("AIPA") and untag(made["Tags"]) == {"a": "1"}, made
    fails("EntityAlreadyExists", iam.create_instance_profile, status=409, InstanceProfileName="P")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="role")
    fails("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="other")
    found = iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == ["role"] and "Tags" not in found["Roles"][0], found
    assert found["Roles"][0]["AssumeRolePolicyDocument"] == TRUST, found
    fails("DeleteConflict", iam.delete_role, status=409, RoleName="role")
    fails("DeleteConflict", iam.delete_instance_profile, status=409, InstanceProfileName="p")
    fails("NoSuchEntity", iam.remove_role_from_instance_profile, InstanceProfileName="p", RoleName="other")
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="role")
    fails("NoSuchEntity", iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="none")
    fails("NoSuchEntity", iam.add_role_to_instance_profile, InstanceProfileName="none", RoleName="role")
    iam.delete_instance_profile(InstanceProfileName="p")
    fails("NoSuchEntity", iam.get_instance_profile, status=404, InstanceProfileName="p")
    fails("NoSuchEntity", iam.delete_instance_profile, InstanceProfileName="p")
    iam.delete_role(RoleName="role")


@check
def instance_profiles_are_listed_and_tagged(sandbox):
    iam = sandbox.client("iam")
    create(iam)
    for n in range(5):
        iam.create_instance_profile(InstanceProfileName=f"p{n}", Path="/a/" if n < 3 else "/b/")
    for n in (0, 1, 4):
        iam.add_role_to_instance_profile(InstanceProfileName=f"p{n}", RoleName="role")

    def names(found):
        return [profile["InstanceProfileName"] for profile in found]

    assert names(pages(iam, "list_instance_profiles", "InstanceProfiles", "MaxItems", 2)) == [f"p{n}" for n in range(5)]
    found = pages(iam, "list_instance_profiles", "InstanceProfiles", "MaxItems", 2, PathPrefix="/a/")
    assert names(found) == ["p0", "p1", "p2"], found
    found = pages(iam, "list_instance_profiles_for_role", "InstanceProfiles", "MaxItems", 2, RoleName="role")
    assert names(found) == ["p0", "p1", "p4"], found
    iam.tag_instance_profile(InstanceProfileName="p0", Tags=tags({"a": "1", "b": "2", "c": "3"}))
    iam.untag_instance_profile(InstanceProfileName="p0", TagKeys=["b"])
    found = pages(iam, "list_instance_profile_tags", "Tags", "MaxItems", 1, InstanceProfileName="p0")
    assert untag(found) == {"a": "1", "c": "3"}, found
    assert "Tags" not in iam.list_instance_profiles()["InstanceProfiles"][0]
    fails("NoSuchEntity", iam.tag_instance_profile, InstanceProfileName="none", Tags=tags({"a": "b"}))
    fails("NoSuchEntity", iam.list_instance_profiles_for_role, RoleName="none")


@check
def waiters_and_faults(sandbox):
    iam = sandbox.client("iam")
    create(iam)
    iam.create_instance_profile(InstanceProfileName="p")
    iam.get_waiter("role_exists").wait(RoleName="role")
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="p")
    sandbox.faults({"operation": "iam:GetRole", "action": {"do": "throttle"}, "nth": 1},
                   {"operation": "iam:DeleteRole", "action": {"do": "access-denied"}})
    fails("Throttling", iam.get_role, RoleName="role")
    iam.get_role(RoleName="role")
    fails("AccessDenied", iam.delete_role, status=403, RoleName="role")
    assert sandbox.counts()["iam:GetRole"] >= 2


@check
def what_is_not_known_is_refused(sandbox):
    iam = sandbox.client("iam")
    refused("iam:CreateUser", iam.create_user, UserName="u")
    refused("iam:ListPolicies", iam.list_policies)


@check
def policies_are_simulated(sandbox):
    iam = sandbox.client("iam")
    made = create(iam)
    statement = {"Effect": "Allow", "Action": "ec2:Delete*", "Resource": "*",
                 "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="role", PolicyName="own", PolicyDocument=policy)

    def decided(actions, *entries, **more):
        context = [{"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                   for key, value in entries]
        return iam.simulate_principal_policy(
            PolicySourceArn=made["Arn"], ActionNames=actions, ContextEntries=context, **more)["EvaluationResults"]

    (found,) = decided(["ec2:DeleteVpc"])
    assert found["EvalDecision"] == "implicitDeny" and found["EvalActionName"] == "ec2:DeleteVpc", found
    assert found["MissingContextValues"] == ["aws:ResourceTag/team"] and found["EvalResourceName"] == "*", found
    found = decided(["ec2:DeleteVpc", "ec2:CreateVpc"], ("aws:ResourceTag/team", "a"))
    assert [one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"], found
    deny = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    (found,) = decided(["ec2:DeleteVpc"], ("aws:ResourceTag/team", "a"), PolicyInputList=[deny])
    assert found["EvalDecision"] == "explicitDeny", found
    # AWS's own policies count where their documents are known.
    iam.attach_role_policy(RoleName="role", PolicyArn=S3_READ)
    found = decided(["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::b/k"])
    assert [one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"], found
    actions = [f"s3:Get{n}" for n in range(5)]
    shown = pages(iam, "simulate_principal_policy", "EvaluationResults", "MaxItems", 2,
                  PolicySourceArn=made["Arn"], ActionNames=actions)
    assert [one["EvalActionName"] for one in shown] == actions, shown
    fails("NoSuchEntity", iam.simulate_principal_policy, status=404, PolicySourceArn=made["Arn"] + "x",
          ActionNames=["s3:GetObject"])
    fails("InvalidInput", iam.simulate_principal_policy, PolicySourceArn=made["Arn"], ActionNames=["GetObject"])
