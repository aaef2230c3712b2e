"""S3 as other clients speak to it: presigned addresses, forms, nobody's requests, signed trailers, clocks."""

import datetime
import json
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from harness import ACCOUNT, check, fails, refused
from s3_buckets import bucket, located, put


def fetch(url, method="GET", body=None, **headers):
    """Status, headers and body of a plain request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def anybody(sandbox):
    return boto3.client("s3", region_name="us-east-1", endpoint_url=sandbox.url,
                        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))


@check
def presigned_addresses_work_in_both_versions(sandbox):
    for version in ("s3", "s3v4"):
        s3 = sandbox.client("s3", signature_version=version)
        name = bucket(s3, f"bucket-{version}")
        sign = lambda method, seconds=60, **more: s3.generate_presigned_url(
            method, Params={"Bucket": name, "Key": "a b+ü", **more}, ExpiresIn=seconds)
        assert fetch(sign("put_object"), "PUT", b"body")[0] == 200, version
        status, headers, body = fetch(sign("get_object", ResponseContentType="x/y", ResponseCacheControl="no-store"))
        assert (status, body, headers["Content-Type"]) == (200, b"body", "x/y"), (version, status, body)
        assert headers["Cache-Control"] == "no-store"
        url = s3.generate_presigned_url("put_object", Params={"Bucket": name, "Key": "m", "Metadata": {"a": "b"}})
        more = {} if version == "s3" else {"x_amz_meta_a": "b"}
        assert fetch(url, "PUT", b"", **more)[0] == 200
        assert s3.head_object(Bucket=name, Key="m")["Metadata"] == {"a": "b"}, version
        assert fetch(sign("head_object"), "HEAD")[0] == 200
        status, _, body = fetch(sign("get_object", seconds=-60))
        assert status == 403 and b"<Code>AccessDenied</Code><Message>Request has expired" in body, body
    # Newer regions never took the older version.
    frankfurt = sandbox.client("s3", "eu-central-1", signature_version="s3v4")
    frankfurt.create_bucket(Bucket="frankfurt", **located("eu-central-1"))
    old = sandbox.client("s3", "eu-central-1", signature_version="s3")
    fails("InvalidRequest", old.list_objects_v2, Bucket="frankfurt")


@check
def nobody_gets_what_everybody_may(sandbox):
    s3, nobody = sandbox.client("s3"), anybody(sandbox)
    bucket(s3)
    put(s3, "open/k", b"x")
    put(s3, "k", b"x")
    fails("AccessDenied", nobody.get_object, status=403, Bucket="my-bucket", Key="open/k")
    fails("AccessDenied", nobody.list_buckets, status=403)
    fails("AccessDenied", nobody.create_bucket, status=403, Bucket="other")
    fails("NoSuchBucket", nobody.list_objects_v2, status=404, Bucket="nobodys-bucket")
    s3.delete_public_access_block(Bucket="my-bucket")
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"],
                 "Resource": "arn:aws:s3:::my-bucket/open/*"}
    s3.put_bucket_policy(Bucket="my-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert nobody.get_object(Bucket="my-bucket", Key="open/k")["Body"].read() == b"x"
    fails("AccessDenied", nobody.get_object, Bucket="my-bucket", Key="k")
    fails("AccessDenied", nobody.put_object, Bucket="my-bucket", Key="open/k", Body=b"")
    fails("AccessDenied", nobody.list_objects_v2, Bucket="my-bucket")
    fails("AccessDenied", nobody.get_bucket_policy, Bucket="my-bucket")
    fails("InvalidRequest", nobody.get_object, Bucket="my-bucket", Key="open/k", ResponseContentType="x/y")


@check
def only_s3_takes_unsigned_requests(sandbox):
    unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = lambda service: boto3.client(service, region_name="us-east-1", endpoint_url=sandbox.url, config=unsigned)
    fails("MissingAuthenticationToken", client("ec2").describe_vpcs, status=403)
    fails("MissingAuthenticationToken", client("iam").list_roles, status=403)
    fails("MissingAuthenticationTokenException", client("ssm").get_parameter, Name="/x")
    refused("sts:AssumeRoleWithWebIdentity", client("sts").assume_role_with_web_identity,
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r", RoleSessionName="s1", WebIdentityToken="token")


@check
def services_that_are_not_here_are_refused_in_their_own_protocol(sandbox):
    for service, call, arguments in (
        ("rds", "describe_db_instances", {}),
        ("route53", "list_hosted_zones", {}),
        ("dynamodb", "list_tables", {}),
        ("apigateway", "get_rest_apis", {}),
        ("autoscaling", "describe_auto_scaling_groups", {}),
        ("cloudwatch", "list_metrics", {}),
    ):
        error = fails("NotImplemented", getattr(sandbox.client(service), call), status=501, **arguments)
        assert "does not implement" in error.response["Error"]["Message"], (service, error.response)


@check
def forms_are_posted(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)

    def post(url, fields, file=b"content", name="a.txt"):
        parts = b"".join(f'--edge\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
                         for key, value in fields.items())
        head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = parts + head + file + b"\r\n--edge--\r\n"
        return fetch(url, "POST", body, Content_Type="multipart/form-data; boundary=edge")

    form = s3.generate_presigned_post(
        "my-bucket", "up/${filename}", Fields={"Content-Type": "text/plain", "x-amz-meta-m": "1"},
        Conditions=[{"Content-Type": "text/plain"}, {"x-amz-meta-m": "1"}, ["content-length-range", 1, 10]])
    status, headers, body = post(form["url"], form["fields"])
    assert status == 204 and headers["ETag"] and not body, (status, body)
    found = s3.get_object(Bucket="my-bucket", Key="up/a.txt")
    assert found["Body"].read() == b"content" and found["ContentType"] == "text/plain", found
    assert found["Metadata"] == {"m": "1"}, found
    status, _, body = post(form["url"], form["fields"], file=b"much too long")
    assert status == 400 and b"<Code>EntityTooLarge</Code>" in body, body
    status, _, body = post(form["url"], form["fields"] | {"x-amz-storage-class": "STANDARD_IA"})
    assert status == 403 and b"Extra input fields: x-amz-storage-class" in body, body
    status, _, body = post(form["url"], form["fields"] | {"x-amz-meta-m": "2"})
    assert status == 403 and b"Policy Condition failed" in body, body
    late = s3.generate_presigned_post("my-bucket", "k", ExpiresIn=-10)
    status, _, body = post(late["url"], late["fields"])
    assert status == 403 and b"Policy expired" in body, body
    status, _, body = post(form["url"], {"key": "k"})
    assert status == 403 and b"<Code>AccessDenied</Code>" in body, body
    made = s3.generate_presigned_post("my-bucket", "k", Fields={"success_action_status": "201"},
                                      Conditions=[{"success_action_status": "201"}])
    status, _, body = post(made["url"], made["fields"])
    assert status == 201 and b"<PostResponse" in body and b"<Key>k</Key>" in body, body


@check
def trailers_may_be_signed(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
    send = lambda body: fetch(
        f"{sandbox.url}/my-bucket/k", "PUT", body, Authorization=scope, Content_Encoding="aws-chunked",
        X_Amz_Content_Sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", X_Amz_Decoded_Content_Length="5",
        X_Amz_Trailer="x-amz-checksum-crc32", X_Amz_Sdk_Checksum_Algorithm="CRC32")
    chunks = b"5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:%s\r\n"
    chunks += b"x-amz-trailer-signature:ef\r\n\r\n"
    status, _, body = send(chunks % b"NhCmhg==")
    assert status == 200, body
    assert s3.get_object(Bucket="my-bucket", Key="k")["Body"].read() == b"hello"
    status, _, body = send(chunks % b"AAAAAA==")
    assert status == 400 and b"BadDigest" in body, body


@check
def checksums_come_one_at_a_time(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    fails("InvalidRequest", put, s3=s3, key="k", ChecksumCRC32="jNxVOw==", ChecksumSHA256=wrong)
    fails("InvalidRequest", put, s3=s3, key="k", ChecksumCRC32="none")
    fails("InvalidDigest", put, s3=s3, key="k", ContentMD5="none")
    for algorithm in ("SHA1", "SHA256", "CRC32"):
        put(s3, algorithm, ChecksumAlgorithm=algorithm)


@check
def times_of_objects_are_those_of_the_clients_clock(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    time.sleep(0.2)
    put(s3, "k", b"x")
    now = datetime.datetime.now(datetime.timezone.utc)
    head = s3.head_object(Bucket="my-bucket", Key="k")["LastModified"]
    assert abs(now - head) < datetime.timedelta(seconds=10), (now, head)
    listed = s3.list_objects_v2(Bucket="my-bucket")["Contents"][0]["LastModified"]
    assert abs(now - listed) < datetime.timedelta(seconds=10), (now, listed)
    read = lambda **more: s3.get_object(Bucket="my-bucket", Key="k", **more)
    fails("304", read, status=304, IfModifiedSince=head)
    read(IfModifiedSince=head - datetime.timedelta(seconds=1))
    fails("PreconditionFailed", read, status=412, IfUnmodifiedSince=head - datetime.timedelta(seconds=1))
    read(IfUnmodifiedSince=head)


@check
def answers_carry_what_s3_says(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    etag = put(s3, "k", b"x")["ETag"]
    headers = lambda error: error.response["ResponseMetadata"]["HTTPHeaders"]
    assert s3.head_bucket(Bucket="my-bucket")["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml"
    error = fails("304", s3.get_object, Bucket="my-bucket", Key="k", IfNoneMatch=etag)
    assert headers(error)["last-modified"] and headers(error)["etag"] == etag, headers(error)
    error = fails("InvalidRange", s3.get_object, Bucket="my-bucket", Key="k", Range="bytes=9-")
    assert error.response["Error"]["RangeRequested"] == "bytes=9-", error.response
    assert error.response["Error"]["ActualObjectSize"] == "1" and error.response["ResponseMetadata"]["HostId"]
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket="my-bucket", Key="k")["VersionId"]
    error = fails("MethodNotAllowed", s3.get_object, Bucket="my-bucket", Key="k", VersionId=marker)
    assert headers(error)["allow"] == "DELETE" and headers(error)["x-amz-id-2"], headers(error)


@check
def regions_that_are_not_there_are_refused(sandbox):
    fails("AuthFailure", sandbox.client("ec2", "eu-west-9").describe_vpcs, status=401)
    fails("InvalidSignatureException", sandbox.client("ssm", "eu-west-9").get_parameter, Name="/x")
    fails("ParameterNotFound", sandbox.client("ssm", "af-south-1").get_parameter, Name="/x")
    fails("SignatureDoesNotMatch", sandbox.client("sts", "eu-west-9").get_caller_identity, status=403)
    fails("AuthorizationHeaderMalformed", sandbox.client("s3", "eu-west-9").list_buckets)


@check
def other_partitions_have_names_of_their_own(sandbox):
    for region, partition in (("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")):
        s3 = sandbox.client("s3", region)
        name = f"bucket-{region}"
        fails("IllegalLocationConstraintException", s3.create_bucket, Bucket=name)
        fails("InvalidLocationConstraint", s3.create_bucket, Bucket=name, **located("eu-west-1"))
        made = s3.create_bucket(Bucket=name, **located(region))
        assert made["BucketArn"] == f"arn:{partition}:s3:::{name}", made
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:{partition}:s3:::{name}/*"}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))
        iam = sandbox.client("iam", region)
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=f"r-{region}", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
        assert role["Role"]["Arn"] == f"arn:{partition}:iam::{ACCOUNT}:role/r-{region}", role
        iam.attach_role_policy(RoleName=f"r-{region}",
                               PolicyArn=f"arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore")
        who = sandbox.client("sts", region).get_caller_identity()["Arn"]
        assert who.startswith(f"arn:{partition}:"), who
    east = sandbox.client("s3")
    fails("InvalidLocationConstraint", east.create_bucket, Bucket="other", **located("cn-north-1"))
    west = sandbox.client("s3", "us-west-2")
    fails("IllegalLocationConstraintException", west.create_bucket, Bucket="other", **located("us-east-1"))
