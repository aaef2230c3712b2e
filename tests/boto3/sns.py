"""SNS: topics, subscriptions, and what reaches queues."""

import json

from harness import ACCOUNT, REGION, check, fails, refused, tags, untag


def arn(name):
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"


def attributes(sns, name):
    return sns.get_topic_attributes(TopicArn=arn(name))["Attributes"]


def subscriptions(sns, name):
    found = sns.list_subscriptions_by_topic(TopicArn=arn(name))["Subscriptions"]
    return sorted((one["Protocol"], one["Endpoint"], one["SubscriptionArn"]) for one in found)


@check
def a_topic_lives(sandbox):
    sns = sandbox.client("sns")
    assert sns.create_topic(Name="a", Tags=tags({"a": "1"}))["TopicArn"] == arn("a")
    found = attributes(sns, "a")
    assert found["Owner"] == ACCOUNT and found["TopicArn"] == arn("a") and "KmsMasterKeyId" not in found, found
    (statement,) = json.loads(found["Policy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}, statement
    # The same again is the same topic; with other tags or attributes it is refused.
    assert sns.create_topic(Name="a", Tags=tags({"a": "1"}))["TopicArn"] == arn("a")
    assert sns.create_topic(Name="a")["TopicArn"] == arn("a")
    for change in ({"Tags": tags({"a": "2"})}, {"Attributes": {"KmsMasterKeyId": "alias/mine"}}):
        error = fails("InvalidParameter", sns.create_topic, Name="a", status=400, **change)
        assert "Topic already exists with different" in error.response["Error"]["Message"], error
    fails("InvalidParameter", sns.create_topic, Name="a b")
    refused("FifoTopic", sns.create_topic, Name="b", Attributes={"FifoTopic": "true"})
    assert [one["TopicArn"] for one in sns.list_topics()["Topics"]] == [arn("a")]
    sns.delete_topic(TopicArn=arn("a"))
    sns.delete_topic(TopicArn=arn("a"))
    fails("NotFound", sns.get_topic_attributes, TopicArn=arn("a"), status=404)
    fails("InvalidParameter", sns.get_topic_attributes, TopicArn="a")


@check
def topics_have_attributes_and_tags(sandbox):
    sns = sandbox.client("sns")
    sns.create_topic(Name="a")

    def sets(name, value):
        sns.set_topic_attributes(TopicArn=arn("a"), AttributeName=name, AttributeValue=value)
        return attributes(sns, "a").get(name)

    assert sets("KmsMasterKeyId", "alias/mine") == "alias/mine" and sets("KmsMasterKeyId", "") is None
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sns:Publish", "Resource": arn("a")}
    kept = sets("Policy", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert json.loads(kept)["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, kept
    nobody = json.dumps({"Statement": [{**statement, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}}]})
    for name, value in (("Policy", "{}"), ("Policy", nobody), ("Color", "red")):
        fails("InvalidParameter", sns.set_topic_attributes, TopicArn=arn("a"), AttributeName=name, AttributeValue=value)
    sns.tag_resource(ResourceArn=arn("a"), Tags=tags({"a": "1", "b": "2"}))
    sns.untag_resource(ResourceArn=arn("a"), TagKeys=["a", "none"])
    assert untag(sns.list_tags_for_resource(ResourceArn=arn("a"))["Tags"]) == {"b": "2"}
    fails("ResourceNotFound", sns.list_tags_for_resource, ResourceArn=arn("b"), status=404)
    fails("TagLimitExceeded", sns.tag_resource, ResourceArn=arn("a"), Tags=tags({f"k{n}": "" for n in range(50)}))


@check
def people_are_asked_first(sandbox):
    sns = sandbox.client("sns")
    sns.create_topic(Name="a")
    mail = {"TopicArn": arn("a"), "Protocol": "email", "Endpoint": "ops@example.com"}
    assert sns.subscribe(**mail)["SubscriptionArn"] == "pending confirmation"
    there = sns.subscribe(**mail, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert there.startswith(arn("a") + ":"), there
    assert subscriptions(sns, "a") == [("email", "ops@example.com", "PendingConfirmation")]
    assert attributes(sns, "a")["SubscriptionsPending"] == "1"
    for one in ("PendingConfirmation", there):
        fails("InvalidParameter", sns.unsubscribe, SubscriptionArn=one)
    fails("InvalidParameter", sns.confirm_subscription, TopicArn=arn("a"), Token="?")
    for protocol, endpoint in (("email", "ops"), ("https", "http://x"), ("sqs", "x"), ("lambda", "x"), ("pigeon", "x")):
        fails("InvalidParameter", sns.subscribe, TopicArn=arn("a"), Protocol=protocol, Endpoint=endpoint)
    refused("sms", sns.subscribe, TopicArn=arn("a"), Protocol="sms", Endpoint="+123456")
    fails("NotFound", sns.subscribe, TopicArn=arn("b"), Protocol="email", Endpoint="ops@example.com")
    # It goes with the topic.
    sns.delete_topic(TopicArn=arn("a"))
    sns.create_topic(Name="a")
    assert subscriptions(sns, "a") == []


@check
def what_is_published_reaches_queues_that_let_it_in(sandbox):
    sns, sqs = sandbox.client("sns"), sandbox.client("sqs")
    sns.create_topic(Name="a")
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": arn("a")}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    urls, ends = {}, {}
    for name, given in (("open", {"Policy": policy}), ("closed", {})):
        urls[name] = sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
        queue = {"TopicArn": arn("a"), "Protocol": "sqs", "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}
        ends[name] = sns.subscribe(**queue)["SubscriptionArn"]
        assert sns.subscribe(**queue)["SubscriptionArn"] == ends[name]
    sent = sns.publish(TopicArn=arn("a"), Message="hello", Subject="news")

    def bodies(name):
        found = sqs.receive_message(QueueUrl=urls[name], MaxNumberOfMessages=10, VisibilityTimeout=43_200)
        return [json.loads(one["Body"]) for one in found.get("Messages", [])]

    (one,) = bodies("open")
    assert one["Message"] == "hello" and one["Subject"] == "news" and one["TopicArn"] == arn("a"), one
    assert one["MessageId"] == sent["MessageId"] and one["Type"] == "Notification", one
    assert bodies("closed") == []
    sns.unsubscribe(SubscriptionArn=ends["open"])
    sns.unsubscribe(SubscriptionArn=ends["open"])
    sns.publish(TopicArn=arn("a"), Message="more")
    assert bodies("open") == []
    fails("NotFound", sns.publish, TopicArn=arn("b"), Message="x")
    fails("InvalidParameter", sns.publish, TopicArn=arn("a"), Message="")


@check
def rules_tell_topics_that_let_them_in(sandbox):
    sns, sqs, events = sandbox.client("sns"), sandbox.client("sqs"), sandbox.client("events")

    def policy(service, action):
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    sns.create_topic(Name="a")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": policy("sns.amazonaws.com", "sqs:SendMessage")})["QueueUrl"]
    sns.subscribe(TopicArn=arn("a"), Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")
    events.put_rule(Name="r", EventPattern='{"source": ["train"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn("a"), "InputPath": "$.detail.run"}])

    def told():
        events.put_events(Entries=[{"Source": "train", "DetailType": "Run", "Detail": '{"run": "r1"}'}])
        return len(sqs.receive_message(QueueUrl=url, VisibilityTimeout=43_200).get("Messages", []))

    assert told() == 0
    allowed = policy("events.amazonaws.com", "SNS:Publish")
    sns.set_topic_attributes(TopicArn=arn("a"), AttributeName="Policy", AttributeValue=allowed)
    assert told() == 1
    # AWS's own key lets nobody in.
    sns.set_topic_attributes(TopicArn=arn("a"), AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
    assert told() == 0
