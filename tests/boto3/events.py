"""EventBridge: rules, their targets, and the events that reach them."""

import json

from harness import ACCOUNT, REGION, check, fails, pages, refused, tags, untag

PATTERN = json.dumps({"source": ["train"], "detail": {"status": ["FAILED"]}})


def arn(name):
    return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"


def queue(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


@check
def a_rule_lives(sandbox):
    events = sandbox.client("events")
    made = events.put_rule(Name="a", EventPattern=PATTERN, Description="x", Tags=tags({"a": "1"}))
    assert made["RuleArn"] == arn("a"), made
    found = events.describe_rule(Name="a")
    assert found["EventPattern"] == PATTERN and found["State"] == "ENABLED" and found["Description"] == "x", found
    assert found["EventBusName"] == "default" and found["Arn"] == arn("a"), found
    # What is not said again is gone, and the tags of a call count for a new rule only.
    events.put_rule(Name="a", ScheduleExpression="rate(5 minutes)", State="DISABLED", Tags=tags({"b": "2"}))
    found = events.describe_rule(Name="a", EventBusName="default")
    assert "EventPattern" not in found and "Description" not in found and found["State"] == "DISABLED", found
    assert untag(events.list_tags_for_resource(ResourceARN=arn("a"))["Tags"]) == {"a": "1"}
    events.tag_resource(ResourceARN=arn("a"), Tags=tags({"c": "3"}))
    events.untag_resource(ResourceARN=arn("a"), TagKeys=["a"])
    assert untag(events.list_tags_for_resource(ResourceARN=arn("a"))["Tags"]) == {"c": "3"}
    events.enable_rule(Name="a")
    assert events.describe_rule(Name="a")["State"] == "ENABLED"
    events.disable_rule(Name="a")
    events.delete_rule(Name="a")
    events.delete_rule(Name="a")
    fails("ResourceNotFoundException", events.describe_rule, Name="a", status=400)
    fails("ResourceNotFoundException", events.list_tags_for_resource, ResourceARN=arn("a"))


@check
def what_is_no_rule_is_refused(sandbox):
    events = sandbox.client("events")
    fails("ValidationException", events.put_rule, Name="a")
    fails("ValidationException", events.put_rule, Name="a b", EventPattern=PATTERN)
    for schedule in ("5 minutes", "rate(1 minutes)", "rate(2 minute)", "cron(0 8 * * * *)"):
        fails("ValidationException", events.put_rule, Name="a", ScheduleExpression=schedule)
    for pattern in ("{", "{}", '{"source": "train"}', '{"source": []}', '{"source": [{"like": "x"}]}'):
        fails("InvalidEventPatternException", events.put_rule, Name="a", EventPattern=pattern)
    fails("ResourceNotFoundException", events.put_rule, Name="a", EventPattern=PATTERN, EventBusName="other")


@check
def rules_are_found_in_pages(sandbox):
    events = sandbox.client("events")
    for n in range(5):
        events.put_rule(Name=f"p-{n}", EventPattern=PATTERN)
    found = pages(events, "list_rules", "Rules", "Limit", 2, NamePrefix="p-")
    assert [one["Name"] for one in found] == [f"p-{n}" for n in range(5)], found
    assert events.list_rules(NamePrefix="q")["Rules"] == []


@check
def targets_come_and_go(sandbox):
    events = sandbox.client("events")
    events.put_rule(Name="a", EventPattern=PATTERN)

    def put(*targets):
        answer = events.put_targets(Rule="a", Targets=list(targets))
        assert answer["FailedEntryCount"] == 0, answer
        return [one["Id"] for one in events.list_targets_by_rule(Rule="a")["Targets"]]

    assert put({"Id": "b", "Arn": queue("x")}, {"Id": "a", "Arn": queue("x")}) == ["a", "b"]
    assert put({"Id": "b", "Arn": queue("y"), "InputPath": "$.detail"}) == ["a", "b"]
    assert events.list_targets_by_rule(Rule="a")["Targets"][1]["Arn"] == queue("y")
    fails("ValidationException", events.delete_rule, Name="a")
    more = [{"Id": f"c{n}", "Arn": queue("x")} for n in range(4)]
    fails("LimitExceededException", events.put_targets, Rule="a", Targets=more)
    wrong = {"Id": "a", "Arn": queue("x")}
    for change in ({"Arn": "x"}, {"Input": "{"}, {"InputPath": "detail"}, {"Input": "{}", "InputPath": "$"}):
        fails("ValidationException", events.put_targets, Rule="a", Targets=[{**wrong, **change}])
    refused("SqsParameters", events.put_targets, Rule="a", Targets=[{**wrong, "SqsParameters": {"MessageGroupId": "x"}}])
    fails("ResourceNotFoundException", events.put_targets, Rule="b", Targets=[wrong])
    assert events.remove_targets(Rule="a", Ids=["a", "b", "none"])["FailedEntryCount"] == 0
    events.delete_rule(Name="a")


@check
def events_reach_who_lets_them_in(sandbox):
    events, sqs = sandbox.client("events"), sandbox.client("sqs")
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    urls = {}
    for name, attributes in (("open", {"Policy": policy}), ("closed", {}), ("dead", {"Policy": policy}),
                             ("key", {"Policy": policy, "KmsMasterKeyId": "alias/aws/sqs"})):
        urls[name] = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    events.put_rule(Name="a", EventPattern=PATTERN)
    events.put_targets(Rule="a", Targets=[
        {"Id": "open", "Arn": queue("open"), "InputTransformer": {
            "InputPathsMap": {"run": "$.detail.run"}, "InputTemplate": '"<run> failed"'}},
        {"Id": "closed", "Arn": queue("closed"), "DeadLetterConfig": {"Arn": queue("dead")}},
        {"Id": "key", "Arn": queue("key")},
    ])

    def put(**entry):
        return events.put_events(Entries=[{"Source": "train", "DetailType": "Run", **entry}])

    answer = put(Detail=json.dumps({"status": "FAILED", "run": "r1"}))
    assert answer["FailedEntryCount"] == 0 and "EventId" in answer["Entries"][0], answer
    put(Detail=json.dumps({"status": "DONE", "run": "r2"}))
    answer = put(Detail="[]")
    assert answer["FailedEntryCount"] == 1 and answer["Entries"][0]["ErrorCode"] == "MalformedDetail", answer
    answer = put(Detail="{}", Source="aws.ec2")
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException", answer
    fails("ResourceNotFoundException", put, Detail="{}", EventBusName="other")

    def bodies(name):
        found = sqs.receive_message(QueueUrl=urls[name], MaxNumberOfMessages=10).get("Messages", [])
        return [one["Body"] for one in found]

    assert bodies("open") == ['"r1 failed"'] and bodies("closed") == [] and bodies("key") == []
    (letter,) = bodies("dead")
    event = json.loads(letter)
    assert event["detail"] == {"status": "FAILED", "run": "r1"} and event["detail-type"] == "Run", event
    assert event["account"] == ACCOUNT and event["region"] == REGION and event["source"] == "train", event


@check
def patterns_can_be_tried(sandbox):
    events = sandbox.client("events")
    event = json.dumps({"source": "train", "detail": {"status": "FAILED"}})
    assert events.test_event_pattern(EventPattern=PATTERN, Event=event)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["x"]}', Event=event)["Result"] is False
