"""EventBridge Scheduler: schedules in their groups, and functions that they call."""

import datetime
import json

from functions import TRUST, arn as function_arn, function, later, role
from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused, tags, untag

OFF = {"Mode": "OFF"}


def arn(tail):
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:{tail}"


def scheduler_role(sandbox, name="schedule"):
    trust = json.loads(json.dumps(TRUST).replace("lambda", "scheduler"))
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["lambda:InvokeFunction", "sqs:SendMessage"], "Resource": "*"}]}
    return role(sandbox, name, trust, policy)


def in_seconds(sandbox, seconds):
    at = datetime.datetime.fromisoformat(sandbox.control("status")["time"][:19]) + datetime.timedelta(seconds=seconds)
    return f"at({at.isoformat()})"


def put(sandbox, name, expression, role_arn, call="create_schedule", target=None, **more):
    client = sandbox.client("scheduler")
    given = {"Arn": function_arn("f"), "RoleArn": role_arn} | (target or {})
    return later(getattr(client, call), "must allow AWS EventBridge Scheduler", Name=name,
                 ScheduleExpression=expression, Target=given, FlexibleTimeWindow=OFF, **more)


@check
def a_schedule_lives(sandbox):
    client, role_arn = sandbox.client("scheduler"), scheduler_role(sandbox)
    given = {"Description": "d", "State": "DISABLED", "ActionAfterCompletion": "DELETE", "ClientToken": "t"}
    more = {"Input": '{"a": 1}', "RetryPolicy": {"MaximumRetryAttempts": 3},
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}}
    made = put(sandbox, "s", "rate(15 minutes)", role_arn, target=more, **given)
    assert made["ScheduleArn"] == arn("schedule/default/s"), made
    # The same request again, and another one of the same name.
    assert put(sandbox, "s", "rate(15 minutes)", role_arn, target=more, **given)["ScheduleArn"] == made["ScheduleArn"]
    fails("ConflictException", put, status=409, sandbox=sandbox, name="s", expression="rate(1 day)", role_arn=role_arn)
    found = client.get_schedule(Name="s")
    assert found["GroupName"] == "default" and found["State"] == "DISABLED" and found["Description"] == "d", found
    assert found["ActionAfterCompletion"] == "DELETE" and found["ScheduleExpressionTimezone"] == "UTC", found
    policy = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 86400}
    assert found["Target"] == {"Arn": function_arn("f"), "RoleArn": role_arn, **more, "RetryPolicy": policy}, found
    # What an update leaves out is as if it had never been said.
    put(sandbox, "s", "cron(0 8 ? * MON-FRI *)", role_arn, "update_schedule")
    found = client.get_schedule(Name="s", GroupName="default")
    assert found["State"] == "ENABLED" and "Description" not in found, found
    assert found["ActionAfterCompletion"] == "NONE" and "Input" not in found["Target"], found
    assert found["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}, found
    assert found["LastModificationDate"] > found["CreationDate"], found
    client.delete_schedule(Name="s")
    for call in (client.get_schedule, client.delete_schedule):
        fails("ResourceNotFoundException", call, status=404, Name="s")
    fails("ResourceNotFoundException", client.update_schedule, status=404, Name="s", ScheduleExpression="rate(1 day)",
          Target={"Arn": function_arn("f"), "RoleArn": role_arn}, FlexibleTimeWindow=OFF)


@check
def what_is_no_schedule_is_refused(sandbox):
    role_arn = scheduler_role(sandbox)
    put(sandbox, "there", "rate(1 day)", role_arn)

    def says(code, expression="rate(1 day)", by=role_arn, **more):
        fails(code, put, sandbox=sandbox, name="s", expression=expression, role_arn=by, **more)

    other = role(sandbox, "other")
    client = sandbox.client("scheduler")
    error = fails("ValidationException", client.create_schedule, Name="s", ScheduleExpression="rate(1 day)",
                  Target={"Arn": function_arn("f"), "RoleArn": other}, FlexibleTimeWindow=OFF)
    assert "must allow AWS EventBridge Scheduler to assume the role" in error.response["Error"]["Message"], error
    for wrong in ("1 day", "rate(0 days)", "rate(1 week)", "at(2026-01-01)", "at(2020-01-01T00:00:00)",
                  "cron(0 8 * * * *)", "cron(0 25 * * ? *)"):
        says("ValidationException", wrong)
    says("ResourceNotFoundException", GroupName="none")
    says("ValidationException", target={"Arn": "x"})
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    says("ValidationException", StartDate=past)
    says("ValidationException", EndDate=past)
    says("ValidationException", target={"DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q.fifo"}})
    refused("Berlin", put, sandbox=sandbox, name="s", expression="rate(1 day)", role_arn=role_arn,
            ScheduleExpressionTimezone="Europe/Berlin")
    refused("L in schedules", put, sandbox=sandbox, name="s", expression="cron(0 8 L * ? *)", role_arn=role_arn)
    fails("ValidationException", client.create_schedule, Name="s", ScheduleExpression="rate(1 day)",
          Target={"Arn": function_arn("f"), "RoleArn": role_arn}, FlexibleTimeWindow={"Mode": "FLEXIBLE"})
    flexible = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    client.create_schedule(Name="late", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=flexible,
                           Target={"Arn": function_arn("f"), "RoleArn": role_arn})
    assert client.get_schedule(Name="late")["FlexibleTimeWindow"] == flexible


@check
def groups_hold_schedules(sandbox):
    client, role_arn = sandbox.client("scheduler"), scheduler_role(sandbox)
    made = client.create_schedule_group(Name="g", Tags=tags({"a": "1"}))
    assert made["ScheduleGroupArn"] == arn("schedule-group/g"), made
    fails("ConflictException", client.create_schedule_group, status=409, Name="g")
    fails("ConflictException", client.create_schedule_group, status=409, Name="default")
    found = client.get_schedule_group(Name="g")
    assert found["State"] == "ACTIVE" and found["Arn"] == arn("schedule-group/g"), found
    assert client.get_schedule_group(Name="default")["State"] == "ACTIVE"
    client.tag_resource(ResourceArn=arn("schedule-group/g"), Tags=tags({"b": "2"}))
    client.untag_resource(ResourceArn=arn("schedule-group/g"), TagKeys=["a"])
    assert untag(client.list_tags_for_resource(ResourceArn=arn("schedule-group/g"))["Tags"]) == {"b": "2"}
    fails("ResourceNotFoundException", client.list_tags_for_resource, status=404,
          ResourceArn=arn("schedule-group/none"))
    for n in range(3):
        client.create_schedule_group(Name=f"p-{n}")
        put(sandbox, f"p-{n}", "rate(1 day)", role_arn, GroupName="g", State="ENABLED" if n else "DISABLED")
    put(sandbox, "p-0", "rate(1 day)", role_arn)
    found = pages(client, "list_schedule_groups", "ScheduleGroups", "MaxResults", 2)
    assert [one["Name"] for one in found] == ["default", "g", "p-0", "p-1", "p-2"], found
    assert len(client.list_schedule_groups(NamePrefix="p-")["ScheduleGroups"]) == 3
    found = pages(client, "list_schedules", "Schedules", "MaxResults", 2)
    assert [(one["GroupName"], one["Name"]) for one in found] == [
        ("default", "p-0"), ("g", "p-0"), ("g", "p-1"), ("g", "p-2")], found
    found = client.list_schedules(GroupName="g", NamePrefix="p", State="ENABLED")["Schedules"]
    assert [one["Name"] for one in found] == ["p-1", "p-2"] and found[0]["Target"] == {"Arn": function_arn("f")}
    fails("ResourceNotFoundException", client.list_schedules, status=404, GroupName="none")
    client.delete_schedule_group(Name="g")
    fails("ValidationException", client.delete_schedule_group, Name="default")

    def gone():
        groups = [one["Name"] for one in client.list_schedule_groups()["ScheduleGroups"]]
        return "g" not in groups

    eventually(gone)
    fails("ResourceNotFoundException", client.get_schedule_group, status=404, Name="g")
    assert [one["GroupName"] for one in client.list_schedules()["Schedules"]] == ["default"]


@check
def a_schedule_calls_its_function(sandbox):
    client, logs = sandbox.client("scheduler"), sandbox.client("logs")
    function(sandbox)
    role_arn = scheduler_role(sandbox)
    put(sandbox, "warm", "rate(1 day)", role_arn, State="DISABLED")
    words = {"arn": "<aws.scheduler.schedule-arn>", "at": "<aws.scheduler.scheduled-time>"}
    expression = in_seconds(sandbox, 600)
    put(sandbox, "once", expression, role_arn, target={"Input": json.dumps(words)}, ActionAfterCompletion="DELETE")
    put(sandbox, "notice", in_seconds(sandbox, 600), role_arn)

    def lines():
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]:
            return []
        found = [one["message"] for one in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]
        return [json.loads(line.removeprefix("called with ")) for line in found if line.startswith("called with")]

    eventually(lambda: len(lines()) == 2)
    called = next(line for line in lines() if "arn" in line)
    assert called == {"arn": arn("schedule/default/once"), "at": expression[3:-1] + "Z"}, called
    notice = next(line for line in lines() if "source" in line)
    assert notice["source"] == "aws.scheduler" and notice["resources"] == [arn("schedule/default/notice")], notice
    # The one is gone, the other is there and done.
    fails("ResourceNotFoundException", client.get_schedule, Name="once")
    assert client.get_schedule(Name="notice")["State"] == "ENABLED"


@check
def a_call_that_cannot_be_made_is_a_dead_letter(sandbox):
    sqs = sandbox.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    role_arn = scheduler_role(sandbox)
    letters = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}
    put(sandbox, "warm", "rate(1 day)", role_arn, State="DISABLED")
    put(sandbox, "once", in_seconds(sandbox, 300), role_arn, target={"DeadLetterConfig": letters, "Input": '"x"'})
    eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
