"""CloudWatch: dashboards, alarms and the metrics that they are evaluated on."""

import json

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused, tags, untag

LINE = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 80.5, "EvaluationPeriods": 2}
ERRORS = {"Namespace": "Mine", "MetricName": "Errors", "Statistic": "Sum", "Period": 60,
          "Dimensions": [{"Name": "Job", "Value": "train"}]}


def arn(name):
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def put(cloudwatch, name="a", **more):
    cloudwatch.put_metric_alarm(AlarmName=name, **{**ERRORS, **LINE, **more})


def alarms(cloudwatch, **parameters):
    return cloudwatch.describe_alarms(**parameters)["MetricAlarms"]


@check
def an_alarm_lives(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    put(cloudwatch, AlarmDescription="too many", AlarmActions=["arn:aws:sns:us-east-1:1:x"], Tags=tags({"a": "1"}))
    (found,) = alarms(cloudwatch, AlarmNames=["a"])
    assert found["AlarmArn"] == arn("a") and found["StateValue"] == "INSUFFICIENT_DATA", found
    assert found["Threshold"] == 80.5 and found["Dimensions"] == ERRORS["Dimensions"], found
    assert found["ActionsEnabled"] is True and found["OKActions"] == [], found
    before = found["AlarmConfigurationUpdatedTimestamp"]
    # Whoever puts it again puts all of it; the tags of that call do not count.
    put(cloudwatch, Threshold=90, Tags=tags({"b": "2"}))
    (found,) = alarms(cloudwatch)
    assert found["Threshold"] == 90 and found["AlarmActions"] == [] and "AlarmDescription" not in found, found
    assert found["AlarmConfigurationUpdatedTimestamp"] >= before
    assert untag(cloudwatch.list_tags_for_resource(ResourceARN=arn("a"))["Tags"]) == {"a": "1"}
    cloudwatch.tag_resource(ResourceARN=arn("a"), Tags=tags({"c": "3"}))
    cloudwatch.untag_resource(ResourceARN=arn("a"), TagKeys=["a"])
    assert untag(cloudwatch.list_tags_for_resource(ResourceARN=arn("a"))["Tags"]) == {"c": "3"}
    cloudwatch.delete_alarms(AlarmNames=["a"])
    fails("ResourceNotFound", cloudwatch.delete_alarms, AlarmNames=["a"], status=404)
    fails("ResourceNotFoundException", cloudwatch.list_tags_for_resource, ResourceARN=arn("a"))


@check
def alarms_are_checked(sandbox):
    cloudwatch = sandbox.client("cloudwatch", parameter_validation=False)

    def bad(**change):
        fields = {**ERRORS, **LINE, **change}
        kept = {name: value for name, value in fields.items() if value is not None}
        fails("ValidationError", cloudwatch.put_metric_alarm, AlarmName="a", **kept)

    bad(Statistic=None)
    bad(ExtendedStatistic="p99")
    bad(Threshold=None)
    bad(Period=45)
    bad(EvaluationPeriods=1441)
    bad(DatapointsToAlarm=3)
    bad(TreatMissingData="never")
    bad(ComparisonOperator="MoreThan")
    bad(Metrics=[{"Id": "m"}])
    bad(AlarmActions=["x"] * 6)
    refused("EvaluationInterval", cloudwatch.put_metric_alarm, AlarmName="a", EvaluationInterval=60, **ERRORS, **LINE)
    assert alarms(cloudwatch) == []


@check
def alarms_are_listed_by_pages(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    for number in range(7):
        put(cloudwatch, f"job-{number}")
    put(cloudwatch, "other")
    found = pages(cloudwatch, "describe_alarms", "MetricAlarms", "MaxRecords", 3, AlarmNamePrefix="job-")
    assert [one["AlarmName"] for one in found] == [f"job-{number}" for number in range(7)], found
    assert alarms(cloudwatch, AlarmTypes=["CompositeAlarm"]) == []
    cloudwatch.set_alarm_state(AlarmName="other", StateValue="ALARM", StateReason="by hand")
    (found,) = alarms(cloudwatch, StateValue="ALARM")
    assert found["AlarmName"] == "other" and found["StateReason"] == "by hand", found
    fails("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")


@check
def alarms_follow_their_metric(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    put(cloudwatch, EvaluationPeriods=1, Threshold=2, TreatMissingData="notBreaching")
    put(cloudwatch, "heartbeat", EvaluationPeriods=1, TreatMissingData="breaching")
    state = lambda name: alarms(cloudwatch, AlarmNames=[name])[0]["StateValue"]
    # Without a value: one counts the errors that there are, the other misses what is not there.
    eventually(lambda: state("a") == "OK" and state("heartbeat") == "ALARM")
    datum = {"MetricName": "Errors", "Dimensions": ERRORS["Dimensions"], "Unit": "Count"}

    def errors():
        cloudwatch.put_metric_data(Namespace="Mine", MetricData=[{**datum, "Values": [1.0, 2.0], "Counts": [1, 2]}])
        return state("a") == "ALARM"

    eventually(errors)
    eventually(lambda: state("a") == "OK")
    fails("InvalidParameterValue", cloudwatch.put_metric_data, Namespace="AWS/EC2", MetricData=[{**datum, "Value": 1}])


@check
def a_dashboard_lives(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    body = json.dumps({"widgets": [{"type": "metric", "properties": {"region": REGION, "metrics": []}}]})
    answer = cloudwatch.put_dashboard(DashboardName="a_1", DashboardBody=body, Tags=tags({"a": "1"}))
    assert answer["DashboardValidationMessages"] == [], answer
    found = cloudwatch.get_dashboard(DashboardName="a_1")
    there = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/a_1"
    assert found["DashboardArn"] == there and found["DashboardBody"] == body, found
    # It is the same in every region.
    elsewhere = sandbox.client("cloudwatch", "eu-west-1")
    assert [one["DashboardName"] for one in elsewhere.list_dashboards()["DashboardEntries"]] == ["a_1"]
    cloudwatch.tag_resource(ResourceARN=there, Tags=tags({"b": "2"}))
    cloudwatch.put_dashboard(DashboardName="a_1", DashboardBody='{"widgets": []}', Tags=tags({"c": "3"}))
    assert untag(cloudwatch.list_tags_for_resource(ResourceARN=there)["Tags"]) == {"a": "1", "b": "2"}
    (entry,) = cloudwatch.list_dashboards(DashboardNamePrefix="a")["DashboardEntries"]
    assert entry["Size"] == len('{"widgets": []}') and entry["DashboardArn"] == there, entry
    assert cloudwatch.list_dashboards(DashboardNamePrefix="b")["DashboardEntries"] == []
    for wrong in ("{", "{}", '{"widgets": [{"type": "picture", "properties": {}}]}',
                  '{"widgets": [{"type": "metric", "properties": {}}]}'):
        fails("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName="b", DashboardBody=wrong)
    fails("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName="b c", DashboardBody=body)
    fails("ResourceNotFound", cloudwatch.delete_dashboards, DashboardNames=["a_1", "none"], status=404)
    cloudwatch.delete_dashboards(DashboardNames=["a_1"])
    fails("ResourceNotFound", cloudwatch.get_dashboard, DashboardName="a_1", status=404)


@check
def an_alarm_that_is_set_tells_its_topics(sandbox):
    cloudwatch, sns, sqs = sandbox.client("cloudwatch"), sandbox.client("sns"), sandbox.client("sqs")
    topic = sns.create_topic(Name="people")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(QueueName="inbox", Attributes={"Policy": policy})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox")
    alarm = {"Namespace": "Mine", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
             "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "AlarmActions": [topic]}
    cloudwatch.put_metric_alarm(AlarmName="a", **alarm)
    for state in ("ALARM", "ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="a", StateValue=state, StateReason="a test")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    told = [json.loads(json.loads(one["Body"])["Message"]) for one in found]
    assert told and told[0]["AlarmName"] == "a" and told[0]["NewStateValue"] == "ALARM", told
    cloudwatch.put_metric_alarm(AlarmName="b", ActionsEnabled=False, **alarm)
    cloudwatch.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="a test")
    again = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert all(json.loads(json.loads(one["Body"])["Message"])["AlarmName"] == "a" for one in again), again


def query(identity, **more):
    stat = {"Metric": {"Namespace": "Mine", "MetricName": identity}, "Period": 60, "Stat": "Sum"}
    return {"Id": identity, "ReturnData": False, "MetricStat": stat, **more}


@check
def an_alarm_computes(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    metrics = [query("errors"), query("calls"),
               {"Id": "ratio", "Expression": "IF(calls >= 20, 100 * FILL(errors, 0) / calls, 0)"}]
    line = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5, "EvaluationPeriods": 1,
            "TreatMissingData": "notBreaching"}
    cloudwatch.put_metric_alarm(AlarmName="ratio", Metrics=metrics, **line)
    cloudwatch.put_metric_alarm(AlarmName="all", Metrics=[
        {"Id": "q", "Expression": 'SELECT SUM(calls) FROM SCHEMA("Mine", Host)', "Period": 60}], **line)
    for expression in ("errors /", "errors / other", "SEARCH('x', 'Sum')"):
        wrong = [query("errors"), {"Id": "ratio", "Expression": expression}]
        fails("ValidationError", cloudwatch.put_metric_alarm, AlarmName="wrong", Metrics=wrong, **line)
    both = [{**query("errors"), "ReturnData": True}, {"Id": "ratio", "Expression": "errors * 2"}]
    fails("ValidationError", cloudwatch.put_metric_alarm, AlarmName="wrong", Metrics=both, **line)

    def state(name):
        return alarms(cloudwatch, AlarmNames=[name])[0]["StateValue"]

    def publish(errors, calls, **more):
        data = [{"MetricName": "errors", "Value": errors, **more}, {"MetricName": "calls", "Value": calls, **more}]
        cloudwatch.put_metric_data(Namespace="Mine", MetricData=data)

    # However many of these come into one minute, the share is the same.
    eventually(lambda: (publish(0, 30), state("ratio"))[1] == "OK")
    eventually(lambda: (publish(5, 30), state("ratio"))[1] == "ALARM")
    assert state("all") == "OK", "not one of a host"
    eventually(lambda: (publish(0, 30, Dimensions=[{"Name": "Host", "Value": "h"}]), state("all"))[1] == "ALARM")


@check
def a_composite_alarm_lives(sandbox):
    cloudwatch = sandbox.client("cloudwatch")
    put(cloudwatch, "a b")
    put(cloudwatch, "c")

    def put_rule(name, rule, **more):
        cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)

    put_rule("both", 'ALARM("a b") AND NOT OK(c)', AlarmDescription="two", Tags=tags({"a": "1"}))
    assert [one["AlarmName"] for one in alarms(cloudwatch)] == ["a b", "c"]
    composites = lambda: cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    (found,) = composites()
    assert found["AlarmRule"] == 'ALARM("a b") AND NOT OK(c)' and found["AlarmArn"] == arn("both"), found
    assert untag(cloudwatch.list_tags_for_resource(ResourceARN=arn("both"))["Tags"]) == {"a": "1"}
    for name, rule in (("x", "ALARM(none)"), ("x", "ALARM(c) ALARM(c)"), ("c", 'ALARM("a b")')):
        fails("ValidationError", cloudwatch.put_composite_alarm, AlarmName=name, AlarmRule=rule)
    fails("ValidationError", cloudwatch.put_metric_alarm, AlarmName="both", **ERRORS, **LINE)
    fails("ValidationError", cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(c)", ActionsSuppressor="c")
    put_rule("x", "TRUE", ActionsSuppressor="c", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60)
    eventually(lambda: [one["StateValue"] for one in composites()] == ["OK", "ALARM"])
    cloudwatch.set_alarm_state(AlarmName="a b", StateValue="ALARM", StateReason="by hand")
    eventually(lambda: composites()[0]["StateValue"] == "ALARM")
    fails("ValidationError", cloudwatch.delete_alarms, AlarmNames=["c"])
    fails("ValidationError", cloudwatch.delete_alarms, AlarmNames=["both", "x"])
    cloudwatch.delete_alarms(AlarmNames=["both"])
    cloudwatch.delete_alarms(AlarmNames=["x", "a b", "c"])
    assert composites() == []
