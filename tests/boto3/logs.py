"""CloudWatch Logs: log groups."""

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d1e2f3a-0000-4000-8000-000000000001"


def arn(name):
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"


def groups(logs, **parameters):
    return logs.describe_log_groups(**parameters)["logGroups"]


@check
def a_log_group_lives(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="/train/run-1", tags={"team": "vision"})
    (found,) = groups(logs, logGroupNamePrefix="/train/")
    assert found["arn"] == arn("/train/run-1") + ":*" and found["logGroupArn"] == arn("/train/run-1"), found
    assert found["logGroupClass"] == "STANDARD" and found["storedBytes"] == 0, found
    assert "retentionInDays" not in found and "kmsKeyId" not in found, found
    error = fails("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/train/run-1")
    assert error.response["Error"]["Message"] == "The specified log group already exists", error
    logs.delete_log_group(logGroupName="/train/run-1")
    assert groups(logs) == []
    fails("ResourceNotFoundException", logs.delete_log_group, logGroupName="/train/run-1", status=400)


@check
def events_are_kept_for_days(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="a")
    logs.put_retention_policy(logGroupName="a", retentionInDays=30)
    assert groups(logs)[0]["retentionInDays"] == 30
    fails("InvalidParameterException", logs.put_retention_policy, logGroupName="a", retentionInDays=31)
    fails("ResourceNotFoundException", logs.put_retention_policy, logGroupName="b", retentionInDays=30)
    logs.delete_retention_policy(logGroupName="a")
    assert "retentionInDays" not in groups(logs)[0]
    logs.create_log_group(logGroupName="brief", logGroupClass="DELIVERY")
    refused("DELIVERY", logs.put_retention_policy, logGroupName="brief", retentionInDays=1)


@check
def tags_are_kept_by_arn(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="/a-b/c", tags={"a": "1", "b": "2"})
    there = arn("/a-b/c")
    logs.tag_resource(resourceArn=there, tags={"b": "3", "c": ""})
    logs.untag_resource(resourceArn=there, tagKeys=["a", "none"])
    assert logs.list_tags_for_resource(resourceArn=there)["tags"] == {"b": "3", "c": ""}
    # The ARN of the streams names no group, and neither does a part of a name.
    for other in (there + ":*", arn("c"), arn("b/c"), there.replace(REGION, "eu-west-1")):
        fails("ResourceNotFoundException" if "*" not in other else "InvalidParameterException",
              logs.list_tags_for_resource, resourceArn=other)
    fails("InvalidParameterException", logs.tag_resource, resourceArn=there, tags={"aws:x": "1"})
    fails("InvalidParameterException", logs.tag_resource, resourceArn=there, tags={"x": "?" * 257})
    logs.tag_resource(resourceArn=there, tags={f"k{n}": "" for n in range(48)})
    fails("TooManyTagsException", logs.tag_resource, resourceArn=there, tags={"more": ""})


@check
def keys_encrypt_what_comes(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="a", kmsKeyId=KEY)
    assert groups(logs)[0]["kmsKeyId"] == KEY
    logs.disassociate_kms_key(logGroupName="a")
    assert "kmsKeyId" not in groups(logs)[0]
    logs.associate_kms_key(logGroupName="a", kmsKeyId=KEY)
    assert groups(logs)[0]["kmsKeyId"] == KEY
    fails("InvalidParameterException", logs.associate_kms_key, logGroupName="a", kmsKeyId="alias/mine")
    fails("InvalidParameterException", logs.create_log_group, logGroupName="b", kmsKeyId=KEY.replace(REGION, "eu-west-1"))
    refused("resourceIdentifier", logs.associate_kms_key, resourceIdentifier=arn("a"), kmsKeyId=KEY)


@check
def a_protected_group_stays(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="a", deletionProtectionEnabled=True)
    assert groups(logs)[0]["deletionProtectionEnabled"] is True
    fails("ValidationException", logs.delete_log_group, logGroupName="a")
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn("a"), deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="a")


@check
def groups_are_found_in_pages(sandbox):
    logs = sandbox.client("logs")
    for n in range(7):
        logs.create_log_group(logGroupName=f"/p/{n}", logGroupClass="STANDARD" if n % 2 else "INFREQUENT_ACCESS")
    found = pages(logs, "describe_log_groups", "logGroups", "limit", 3)
    assert [one["logGroupName"] for one in found] == [f"/p/{n}" for n in range(7)], found
    assert len(groups(logs, logGroupClass="ESSENTIALS")) == 4
    (found,) = groups(logs, logGroupNamePattern="p/3")
    assert sorted(found) == ["arn", "creationTime", "logGroupName"], found
    both = {"logGroupNamePattern": "a", "logGroupNamePrefix": "a"}
    fails("InvalidParameterException", logs.describe_log_groups, **both)
    fails("InvalidParameterException", logs.describe_log_groups, nextToken="?")
    fails("InvalidParameterException", logs.describe_log_groups, limit=51)


def filters(logs, **parameters):
    return logs.describe_metric_filters(**parameters)["metricFilters"]


def made(**more):
    return [{"metricName": "Errors", "metricNamespace": "Mine", "metricValue": "1", **more}]


@check
def metric_filters_live_in_their_group(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="g")
    put = {"logGroupName": "g", "filterName": "f", "filterPattern": "ERROR"}
    logs.put_metric_filter(**put, metricTransformations=made(defaultValue=0))
    (found,) = filters(logs, logGroupName="g")
    assert found["filterPattern"] == "ERROR" and found["logGroupName"] == "g" and found["creationTime"], found
    assert found["metricTransformations"] == made(defaultValue=0.0, unit="None"), found
    assert groups(logs)[0]["metricFilterCount"] == 1
    # A put replaces what has the name.
    put["filterPattern"] = "{ $.level = error }"
    logs.put_metric_filter(**put, metricTransformations=made(dimensions={"Node": "$.node"}))
    (found,) = filters(logs, logGroupName="g", filterNamePrefix="f")
    assert found["metricTransformations"] == made(dimensions={"Node": "$.node"}, unit="None"), found
    assert filters(logs, metricName="Errors", metricNamespace="Mine") == [found]
    assert filters(logs, metricName="Errors", metricNamespace="Theirs") == []
    fails("InvalidParameterException", logs.describe_metric_filters, metricName="Errors")
    fails("ResourceNotFoundException", logs.describe_metric_filters, logGroupName="none")
    logs.delete_metric_filter(logGroupName="g", filterName="f")
    fails("ResourceNotFoundException", logs.delete_metric_filter, logGroupName="g", filterName="f")
    assert groups(logs)[0]["metricFilterCount"] == 0


@check
def metric_filters_are_checked(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_group(logGroupName="cheap", logGroupClass="INFREQUENT_ACCESS")

    def put(pattern="x", group="g", name="f", **more):
        return {"logGroupName": group, "filterName": name, "filterPattern": pattern,
                "metricTransformations": made(**more)}

    both = {"defaultValue": 1, "dimensions": {"a": "$.a"}}
    four = {"dimensions": {name: "$.x" for name in "abcd"}}
    for wrong in (put("NVRM: Xid"), put(group="cheap"), put(name="a:b"), put(metricValue="one"), put(**both),
                  put(**four), put(unit="Lines")):
        fails("InvalidParameterException", logs.put_metric_filter, **wrong)
    refused("regular expressions", logs.put_metric_filter, **put("%x%"))
    refused("&&", logs.put_metric_filter, **put("{ $.a = 1 || $.b = 2 }"))
    for n in range(100):
        logs.put_metric_filter(**put(name=f"f{n:02}"))
    fails("LimitExceededException", logs.put_metric_filter, **put(name="more"))
    found = pages(logs, "describe_metric_filters", "metricFilters", "limit", 30, logGroupName="g")
    assert [one["filterName"] for one in found] == [f"f{n:02}" for n in range(100)], found


@check
def what_aws_publishes_is_checked_at_once(sandbox):
    logs = sandbox.client("logs")
    error = fails("InvalidParameterException", logs.create_log_group, logGroupName="a b", logGroupClass="FAST")
    assert error.response["Error"]["Message"] == (
        "2 validation errors detected: Value 'FAST' at 'logGroupClass' failed to satisfy constraint: Member must "
        "satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY, ESSENTIALS]; Value 'a b' at 'logGroupName' "
        "failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
    ), error
    fails("InvalidParameterException", logs.create_log_group, logGroupName="aws/mine")
    refused("logs:GetLogRecord", logs.get_log_record, logRecordPointer="x")


@check
def groups_are_found_by_their_tags(sandbox):
    sandbox.client("logs").create_log_group(logGroupName="/a/b", tags={"team": "vision"})
    tagging = sandbox.client("resourcegroupstaggingapi")

    def found():
        return tagging.get_resources(ResourceTypeFilters=["logs:log-group"])["ResourceTagMappingList"]

    (one,) = eventually(found)
    assert one == {"ResourceARN": arn("/a/b"), "Tags": [{"Key": "team", "Value": "vision"}]}, one
