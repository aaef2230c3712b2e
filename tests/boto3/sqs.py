"""SQS: queues and their messages."""

import json

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused


def url(name):
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


def arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def attributes(sqs, name):
    return sqs.get_queue_attributes(QueueUrl=url(name), AttributeNames=["All"])["Attributes"]


def bodies(sqs, name, **parameters):
    return [one["Body"] for one in sqs.receive_message(QueueUrl=url(name), **parameters).get("Messages", [])]


@check
def a_queue_lives(sandbox):
    sqs = sandbox.client("sqs")
    assert sqs.create_queue(QueueName="a", tags={"team": "vision"})["QueueUrl"] == url("a")
    assert sqs.get_queue_url(QueueName="a")["QueueUrl"] == url("a")
    found = attributes(sqs, "a")
    assert found["QueueArn"] == arn("a") and found["VisibilityTimeout"] == "30", found
    assert found["MessageRetentionPeriod"] == "345600" and found["SqsManagedSseEnabled"] == "true", found
    assert "Policy" not in found and "KmsMasterKeyId" not in found, found
    assert sqs.get_queue_attributes(QueueUrl=url("a"), AttributeNames=["DelaySeconds"])["Attributes"] == {
        "DelaySeconds": "0"
    }
    sqs.delete_queue(QueueUrl=url("a"))
    # Its name is free again a minute later.
    fails("AWS.SimpleQueueService.QueueDeletedRecently", sqs.create_queue, QueueName="a", status=400)
    assert "QueueUrls" not in sqs.list_queues() or not sqs.list_queues()["QueueUrls"]
    gone = "AWS.SimpleQueueService.NonExistentQueue"
    fails(gone, sqs.get_queue_url, QueueName="a", status=400)
    fails(gone, sqs.send_message, QueueUrl=url("a"), MessageBody="x")
    fails(gone, sqs.get_queue_url, QueueName="a", QueueOwnerAWSAccountId="111122223333")

    def again():
        try:
            return sqs.create_queue(QueueName="a")
        except sqs.exceptions.QueueDeletedRecently:
            return None

    eventually(again)


@check
def the_same_queue_is_made_once(sandbox):
    sqs = sandbox.client("sqs")
    sqs.create_queue(QueueName="a", Attributes={"DelaySeconds": "5"})
    assert sqs.create_queue(QueueName="a", Attributes={"DelaySeconds": "5"}, tags={"x": "1"})["QueueUrl"] == url("a")
    assert sqs.create_queue(QueueName="a")["QueueUrl"] == url("a")
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url("a"))
    error = fails("QueueAlreadyExists", sqs.create_queue, QueueName="a", Attributes={"DelaySeconds": "6"}, status=400)
    assert isinstance(error, sqs.exceptions.QueueNameExists), error
    fails("InvalidParameterValue", sqs.create_queue, QueueName="a.b")
    refused("FifoQueue", sqs.create_queue, QueueName="b", Attributes={"FifoQueue": "true"})


@check
def attributes_have_bounds(sandbox):
    sqs = sandbox.client("sqs")
    for name in ("a", "dead"):
        sqs.create_queue(QueueName=name)

    def sets(name, value):
        sqs.set_queue_attributes(QueueUrl=url("a"), Attributes={name: value})
        return attributes(sqs, "a").get(name)

    def wrong(name, value, code="InvalidAttributeValue"):
        fails(code, sqs.set_queue_attributes, QueueUrl=url("a"), Attributes={name: value})

    assert sets("MessageRetentionPeriod", "60") == "60"
    wrong("MessageRetentionPeriod", "59")
    wrong("VisibilityTimeout", "43201")
    wrong("QueueArn", arn("a"), "InvalidAttributeName")
    assert sets("KmsMasterKeyId", "alias/mine") == "alias/mine"
    assert attributes(sqs, "a")["SqsManagedSseEnabled"] == "false"
    assert sets("SqsManagedSseEnabled", "true") == "true" and "KmsMasterKeyId" not in attributes(sqs, "a")
    both = {"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "alias/mine"}
    fails("InvalidAttributeValue", sqs.set_queue_attributes, QueueUrl=url("a"), Attributes=both)
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sqs:*", "Resource": arn("a")}
    kept = sets("Policy", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert json.loads(kept)["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, kept
    assert sets("Policy", "") is None
    wrong("Policy", "{}")
    wrong("Policy", json.dumps({"Statement": [{**statement, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/x"}}]}))
    redrive = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 3})
    assert sets("RedrivePolicy", redrive) == redrive
    wrong("RedrivePolicy", redrive.replace("dead", "none"))
    wrong("RedrivePolicy", redrive.replace("3", "1001"))


@check
def messages_are_taken_and_given_back(sandbox):
    sqs = sandbox.client("sqs")
    sqs.create_queue(QueueName="dead")
    redrive = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1})
    sqs.create_queue(QueueName="a", Attributes={"RedrivePolicy": redrive})
    sent = sqs.send_message(QueueUrl=url("a"), MessageBody="hello")
    assert sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592", sent
    asked = {"AttributeNames": ["All"], "WaitTimeSeconds": 1, "VisibilityTimeout": 43_200}
    (one,) = sqs.receive_message(QueueUrl=url("a"), **asked)["Messages"]
    assert one["Body"] == "hello" and one["MessageId"] == sent["MessageId"], one
    assert one["Attributes"]["ApproximateReceiveCount"] == "1", one
    assert attributes(sqs, "a")["ApproximateNumberOfMessagesNotVisible"] == "1"
    sqs.delete_message(QueueUrl=url("a"), ReceiptHandle=one["ReceiptHandle"])
    fails("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url("a"), ReceiptHandle="?")
    sqs.send_message(QueueUrl=url("a"), MessageBody="again")
    assert bodies(sqs, "a", VisibilityTimeout=0) == ["again"]
    assert bodies(sqs, "a") == [] and bodies(sqs, "dead", MaxNumberOfMessages=10) == ["again"]
    sqs.purge_queue(QueueUrl=url("dead"))
    assert attributes(sqs, "dead")["ApproximateNumberOfMessagesNotVisible"] == "0"
    sqs.send_message(QueueUrl=url("dead"), MessageBody="later", DelaySeconds=900)
    assert attributes(sqs, "dead")["ApproximateNumberOfMessagesDelayed"] == "1"
    fails("InvalidParameterValue", sqs.receive_message, QueueUrl=url("a"), MaxNumberOfMessages=11)
    fails("InvalidParameterValue", sqs.send_message, QueueUrl=url("a"), MessageBody="x" * 1_048_577)


@check
def queues_are_tagged_and_listed(sandbox):
    sqs = sandbox.client("sqs")
    for n in range(5):
        sqs.create_queue(QueueName=f"p-{n}", tags={"a": "1"})
    assert pages(sqs, "list_queues", "QueueUrls", "MaxResults", 2, QueueNamePrefix="p-") == [
        url(f"p-{n}") for n in range(5)
    ]
    sqs.tag_queue(QueueUrl=url("p-1"), Tags={"b": "2"})
    sqs.untag_queue(QueueUrl=url("p-1"), TagKeys=["a", "none"])
    assert sqs.list_queue_tags(QueueUrl=url("p-1"))["Tags"] == {"b": "2"}
    fails("InvalidParameterValue", sqs.tag_queue, QueueUrl=url("p-1"), Tags={f"k{n}": "" for n in range(50)})
