"""Lambda: functions made and changed, and run as processes of this machine."""

import base64
import io
import json
import zipfile

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused
from s3_buckets import bucket

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
LOGS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}

# A custom runtime: it says what it was called with, and does what it is told.
BOOTSTRAP = '''#!/usr/bin/env python3
import json, os, time, urllib.request

base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"

def call(url, body=None, **headers):
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read(), answer.headers

def aws(service, body):
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x",
               "Content-Type": "application/x-www-form-urlencoded"}
    try:
        return call(os.environ["AWS_ENDPOINT_URL"], body.encode(), **headers)[0].decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()

while True:
    body, headers = call(base + "next")
    event, request = json.loads(body), headers["Lambda-Runtime-Aws-Request-Id"]
    print("called with", json.dumps(event), flush=True)
    if event.get("exit"):
        os._exit(event["exit"])
    if event.get("fail"):
        answer = {"errorType": "Failed", "errorMessage": event["fail"]}
        call(f"{base}{request}/error", json.dumps(answer).encode())
        continue
    answer = {"event": event, "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
              "environment": sorted(os.environ), "word": os.environ.get("WORD"),
              "here": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
              "left": int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()}
    if event.get("ask"):
        answer["said"] = aws(*event["ask"])
    call(f"{base}{request}/response", json.dumps(answer).encode())
'''


def archive(text=BOOTSTRAP, name="bootstrap"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o100755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        file.writestr(entry, text)
    return out.getvalue()


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def role(sandbox, name="run", trust=TRUST, policy=LOGS):
    iam = sandbox.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    return made["Role"]["Arn"]


def later(call, text, **parameters):
    """What a call answers once AWS has learned of a new role."""

    def made():
        try:
            return call(**parameters)
        except call.__self__.exceptions.ClientError as error:
            if text in error.response["Error"]["Message"]:
                return None
            raise

    return eventually(made)


def function(sandbox, name="f", role_arn=None, wait=True, **more):
    client = sandbox.client("lambda")
    given = {"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap",
             "Role": role_arn or role(sandbox), "Code": {"ZipFile": archive()}}
    made = later(client.create_function, "cannot be assumed", **(given | more))
    if wait:
        eventually(lambda: client.get_function_configuration(FunctionName=name)["State"] == "Active")
    return made


@check
def a_function_lives(sandbox):
    client = sandbox.client("lambda")
    made = function(sandbox, Description="d", Timeout=900, MemorySize=512, Architectures=["arm64"],
                    Environment={"Variables": {"WORD": "x"}}, EphemeralStorage={"Size": 1024},
                    LoggingConfig={"LogGroup": "/own"}, TracingConfig={"Mode": "Active"}, Tags={"a": "1"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["State"] == "Pending", made
    assert made["StateReasonCode"] == "Creating" and made["FunctionArn"] == arn("f"), made
    assert made["CodeSize"] == len(archive()) and made["Version"] == "$LATEST", made
    import hashlib
    assert base64.b64decode(made["CodeSha256"]) == hashlib.sha256(archive()).digest()
    for name in ("f", arn("f"), f"{ACCOUNT}:function:f", "f:$LATEST"):
        found = client.get_function(FunctionName=name)
        it = found["Configuration"]
        assert it["FunctionName"] == "f" and it["LastUpdateStatus"] == "Successful", it
    assert it["Timeout"] == 900 and it["MemorySize"] == 512 and it["Architectures"] == ["arm64"], it
    assert it["Environment"] == {"Variables": {"WORD": "x"}} and it["EphemeralStorage"] == {"Size": 1024}, it
    assert it["LoggingConfig"]["LogGroup"] == "/own" and it["TracingConfig"] == {"Mode": "Active"}, it
    assert found["Tags"] == {"a": "1"} and found["Code"]["RepositoryType"] == "S3", found
    fails("ResourceConflictException", client.create_function, status=409, FunctionName="f", Runtime="provided.al2023",
          Handler="x", Role=it["Role"], Code={"ZipFile": archive()})
    changed = client.update_function_configuration(FunctionName="f", Timeout=10, RevisionId=it["RevisionId"])
    assert changed["LastUpdateStatus"] == "InProgress" and changed["Timeout"] == 10, changed
    assert changed["MemorySize"] == 512 and changed["RevisionId"] != it["RevisionId"], changed

    def settled():
        return client.get_function_configuration(FunctionName="f")["LastUpdateStatus"] == "Successful"

    eventually(settled)
    fails("PreconditionFailedException", client.update_function_code, status=412, FunctionName="f",
          ZipFile=archive("x"), RevisionId=it["RevisionId"])
    tried = client.update_function_code(FunctionName="f", ZipFile=archive("x"), DryRun=True)
    assert tried["CodeSha256"] != made["CodeSha256"] and settled(), tried
    changed = client.update_function_code(FunctionName="f", ZipFile=archive("x"), Architectures=["x86_64"])
    assert changed["CodeSha256"] == tried["CodeSha256"] and changed["Architectures"] == ["x86_64"], changed
    eventually(settled)
    client.delete_function(FunctionName="f")
    for call in (client.get_function, client.get_function_configuration, client.delete_function):
        fails("ResourceNotFoundException", call, status=404, FunctionName="f")
    fails("ResourceNotFoundException", client.get_function, FunctionName="f", Qualifier="1")


@check
def what_is_no_function_is_refused(sandbox):
    # The sandbox, and not boto3, is to refuse.
    client, role_arn = sandbox.client("lambda", parameter_validation=False), role(sandbox)
    function(sandbox, "there", role_arn)
    given = {"FunctionName": "f", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role_arn,
             "Code": {"ZipFile": archive()}}

    def says(text, code="InvalidParameterValueException", **change):
        error = fails(code, client.create_function, **(given | change))
        assert text in error.response["Error"]["Message"], error

    other = role(sandbox, "other", json.loads(json.dumps(TRUST).replace("lambda", "ec2")))
    says("cannot be assumed by Lambda", Role=other)
    says("cannot be assumed by Lambda", Role=role_arn + "x")
    says("Could not unzip", Code={"ZipFile": b"no zip"})
    says("NoSuchBucket", Code={"S3Bucket": "none", "S3Key": "k"})
    says("provide", Code={})
    says("reserved keys", Environment={"Variables": {"AWS_REGION": "x"}})
    says("4KB", Environment={"Variables": {"WORD": "x" * 4100}})
    for change in ({"Timeout": 901}, {"Timeout": 0}, {"MemorySize": 64}, {"MemorySize": 10241},
                   {"EphemeralStorage": {"Size": 100}}, {"Architectures": ["mips"]}, {"Runtime": "cobol"}):
        says("failed to satisfy constraint", "ValidationException", **change)
    del given["Handler"]
    says("mandatory")
    given["Handler"] = "bootstrap"
    refused("versions", client.create_function, **given, Publish=True)
    refused("Layers", client.create_function, **given, Layers=[f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:x:1"])
    refused("VpcConfig", client.create_function, **given, VpcConfig={"SubnetIds": ["subnet-1"]})
    big = io.BytesIO()
    with zipfile.ZipFile(big, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("big", b"\0" * (262144000 + 1))
    says("Unzipped size", Code={"ZipFile": big.getvalue()})


@check
def code_comes_from_s3(sandbox):
    client, s3 = sandbox.client("lambda"), sandbox.client("s3")
    bucket(s3)
    s3.put_object(Bucket="my-bucket", Key="code.zip", Body=archive())
    made = function(sandbox, Code={"S3Bucket": "my-bucket", "S3Key": "code.zip"})
    assert made["CodeSize"] == len(archive()), made
    s3.put_object(Bucket="my-bucket", Key="code.zip", Body=archive("y"))
    made = client.update_function_code(FunctionName="f", S3Bucket="my-bucket", S3Key="code.zip")
    assert made["CodeSize"] == len(archive("y")), made
    eventually(lambda: client.get_function_configuration(FunctionName="f")["LastUpdateStatus"] == "Successful")
    error = fails("InvalidParameterValueException", client.update_function_code, FunctionName="f",
                  S3Bucket="my-bucket", S3Key="other")
    assert "NoSuchKey" in error.response["Error"]["Message"], error


@check
def functions_are_found_in_pages_and_have_tags(sandbox):
    client, role_arn = sandbox.client("lambda"), role(sandbox)
    for n in range(5):
        function(sandbox, f"p-{n}", role_arn, wait=False)
    found = pages(client, "list_functions", "Functions", "MaxItems", 2)
    assert [one["FunctionName"] for one in found] == [f"p-{n}" for n in range(5)], found
    assert "State" not in found[0] and found[0]["CodeSize"] == len(archive()), found[0]
    client.tag_resource(Resource=arn("p-0"), Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn("p-0"), TagKeys=["a"])
    assert client.list_tags(Resource=arn("p-0"))["Tags"] == {"b": "2"}
    fails("ResourceNotFoundException", client.list_tags, status=404, Resource=arn("none"))
    tagging = sandbox.client("resourcegroupstaggingapi")

    def tagged():
        found = tagging.get_resources(ResourceTypeFilters=["lambda"])["ResourceTagMappingList"]
        return [one["ResourceARN"] for one in found if one["Tags"]] == [arn("p-0")]

    # The tagging service learns of tags some seconds later.
    eventually(tagged)


@check
def concurrency_is_reserved(sandbox):
    client = sandbox.client("lambda")
    function(sandbox)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 0
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    fails("TooManyRequestsException", client.invoke, status=429, FunctionName="f")
    client.delete_function_concurrency(FunctionName="f")
    assert client.invoke(FunctionName="f")["StatusCode"] == 200


@check
def a_function_has_a_policy(sandbox):
    client = sandbox.client("lambda")
    function(sandbox)
    fails("ResourceNotFoundException", client.get_policy, status=404, FunctionName="f")
    given = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction",
             "Principal": "events.amazonaws.com", "SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"}
    statement = json.loads(client.add_permission(**given)["Statement"])
    assert statement["Principal"] == {"Service": "events.amazonaws.com"} and statement["Resource"] == arn("f")
    fails("ResourceConflictException", client.add_permission, status=409, **given)
    policy = json.loads(client.get_policy(FunctionName="f")["Policy"])
    assert policy["Statement"] == [statement], policy
    client.remove_permission(FunctionName="f", StatementId="s")
    fails("ResourceNotFoundException", client.remove_permission, status=404, FunctionName="f", StatementId="s")


@check
def a_function_runs(sandbox):
    client, logs = sandbox.client("lambda"), sandbox.client("logs")
    function(sandbox, Environment={"Variables": {"WORD": "hello"}}, Timeout=60)
    answer = client.invoke(FunctionName="f", Payload=json.dumps({"n": 1}), LogType="Tail")
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST", answer
    assert "FunctionError" not in answer, answer["Payload"].read()
    said = json.load(answer["Payload"])
    assert said["event"] == {"n": 1} and said["arn"] == arn("f") and said["word"] == "hello" and said["here"], said
    assert 0 < said["left"] <= 20, said
    wanted = {"AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "HOME", "PATH",
              "TMPDIR", "WORD", "_HANDLER"}
    assert wanted <= set(said["environment"]), said
    # Nothing of this machine's own environment.
    assert not {"USER", "VIRTUAL_ENV", "DLINFRA_CLIENTS", "CARGO"} & set(said["environment"]), said
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert tail.startswith("START RequestId: ") and 'called with {"n": 1}' in tail and "REPORT" in tail, tail

    failed = client.invoke(FunctionName="f", Payload=json.dumps({"fail": "no"}))
    assert failed["StatusCode"] == 200 and failed["FunctionError"] == "Unhandled", failed
    assert json.load(failed["Payload"]) == {"errorType": "Failed", "errorMessage": "no"}
    failed = client.invoke(FunctionName="f", Payload=json.dumps({"exit": 7}))
    error = json.load(failed["Payload"])
    assert failed["FunctionError"] == "Unhandled" and error["errorType"] == "Runtime.ExitError", error
    assert "exit status: 7" in error["errorMessage"], error
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    fails("InvalidRequestContentException", client.invoke, status=400, FunctionName="f", Payload="{")
    fails("ResourceNotFoundException", client.invoke, status=404, FunctionName="g")
    fails("RequestEntityTooLargeException", client.invoke, status=413, FunctionName="f",
          Payload=json.dumps("x" * 6291456))

    lines = [one["message"] for one in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]
    assert sum(line.startswith("START") for line in lines) == 3 and 'called with {"exit": 7}' in lines, lines
    series = [one["id"] for one in sandbox.control("objects") if one["kind"] == "monitoring/metric"]
    assert len(series) == 3 and all("AWS/Lambda" in one for one in series), series


@check
def nobody_waits_for_an_event(sandbox):
    client, logs = sandbox.client("lambda"), sandbox.client("logs")
    function(sandbox)
    answer = client.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps({"n": 2}))
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b"", answer
    client.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps({"fail": "yes"}))

    def lines():
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]:
            return []
        return [one["message"] for one in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]

    # What fails is tried three times.
    eventually(lambda: lines().count('called with {"fail": "yes"}') == 3)
    assert lines().count('called with {"n": 2}') == 1, lines()
    fails("RequestEntityTooLargeException", client.invoke, status=413, FunctionName="f", InvocationType="Event",
          Payload=json.dumps("x" * 1048576))


@check
def a_function_may_what_its_role_may(sandbox):
    client, iam = sandbox.client("lambda"), sandbox.client("iam")
    function(sandbox, Timeout=60)

    def said(service, body):
        answer = client.invoke(FunctionName="f", Payload=json.dumps({"ask": [service, body]}))
        return json.load(answer["Payload"])["said"]

    who = said("sts", "Action=GetCallerIdentity&Version=2011-06-15")
    assert f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/run/f</Arn>" in who, who
    assert f"<UserId>{iam.get_role(RoleName='run')['Role']['RoleId']}:f</UserId>" in who, who
    refusal = said("ec2", "Action=DescribeVpcs&Version=2016-11-15")
    assert "UnauthorizedOperation" in refusal and "ec2:DescribeVpcs on resource: *" in refusal, refusal
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="run", PolicyName="more", PolicyDocument=json.dumps(policy))
    assert "vpcSet" in said("ec2", "Action=DescribeVpcs&Version=2016-11-15")
    # The boundary is one that allows something else.
    iam.put_role_permissions_boundary(
        RoleName="run", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    refusal = said("ec2", "Action=DescribeVpcs&Version=2016-11-15")
    assert "because no permissions boundary allows" in refusal, refusal
