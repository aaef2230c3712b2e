"""S3: buckets and what is set on them."""

import json

from botocore.exceptions import ClientError
from harness import ACCOUNT, check, fails, pages, refused, tags, untag

OTHER = "111111111111"


def bucket(s3, name="my-bucket", **more):
    s3.create_bucket(Bucket=name, **more)
    return name


def located(region):
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def put(s3, key, body=b"x", name="my-bucket", **more):
    return s3.put_object(Bucket=name, Key=key, Body=body, **more)


@check
def buckets_are_made_once(sandbox):
    s3, west = sandbox.client("s3"), sandbox.client("s3", "us-west-2")
    made = s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"Tags": tags({"a": "1", "b": "2"})})
    assert made["Location"] == "/a-bucket" and made["BucketArn"] == "arn:aws:s3:::a-bucket", made
    # Again: fine in us-east-1, without a word, and without a change.
    s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"Tags": tags({"a": "9"})})
    assert untag(s3.get_bucket_tagging(Bucket="a-bucket")["TagSet"]) == {"a": "1", "b": "2"}
    fails("BucketAlreadyOwnedByYou", west.create_bucket, status=409, Bucket="a-bucket", **located("us-west-2"))
    west.create_bucket(Bucket="b-bucket", **located("us-west-2"))
    fails("BucketAlreadyOwnedByYou", west.create_bucket, Bucket="b-bucket", **located("us-west-2"))
    fails("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="b-bucket")
    s3.create_bucket(Bucket="c-bucket", **located("eu-west-1"))
    assert s3.get_bucket_location(Bucket="a-bucket")["LocationConstraint"] is None
    assert s3.get_bucket_location(Bucket="b-bucket")["LocationConstraint"] == "us-west-2"
    assert s3.get_bucket_location(Bucket="c-bucket")["LocationConstraint"] == "eu-west-1"


@check
def bucket_input_is_checked(sandbox):
    s3, west = sandbox.client("s3"), sandbox.client("s3", "us-west-2")
    for name in ("Upper-case", "ab", "a..b", "192.168.0.1", "-abc", "xn--abc", "abc-s3alias", "a_b_c"):
        try:
            s3.create_bucket(Bucket=name)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidBucketName", error
        else:
            raise AssertionError(name)
    fails("IllegalLocationConstraintException", west.create_bucket, Bucket="my-bucket")
    fails("IllegalLocationConstraintException", west.create_bucket, Bucket="my-bucket", **located("eu-west-1"))
    fails("InvalidLocationConstraint", s3.create_bucket, Bucket="my-bucket", **located("us-east-1"))
    fails("InvalidLocationConstraint", s3.create_bucket, Bucket="my-bucket", **located("moon-1"))
    fails("InvalidBucketAclWithObjectOwnership", s3.create_bucket, Bucket="my-bucket", ACL="public-read")
    bad = {"Tags": tags({"aws:x": "1"})}
    fails("InvalidTag", s3.create_bucket, Bucket="my-bucket", CreateBucketConfiguration=bad)
    refused("x-amz-bucket-object-lock-enabled", s3.create_bucket, Bucket="my-bucket", ObjectLockEnabledForBucket=True)
    directory = {"Bucket": {"Type": "Directory"}}
    refused("CreateBucketConfiguration.Bucket.Type", s3.create_bucket, Bucket="my-bucket",
            CreateBucketConfiguration=directory)
    assert s3.list_buckets()["Buckets"] == []
    bucket(s3, ObjectOwnership="BucketOwnerPreferred")
    found = s3.get_bucket_ownership_controls(Bucket="my-bucket")["OwnershipControls"]["Rules"]
    assert found == [{"ObjectOwnership": "BucketOwnerPreferred"}], found


@check
def buckets_are_listed_in_pages(sandbox):
    s3 = sandbox.client("s3")
    for n in range(5):
        bucket(s3, f"b-{n}", **(located("us-west-2") if n % 2 else {}))
    bucket(s3, "other")
    everything = s3.list_buckets()
    assert len(everything["Buckets"]) == 6 and "BucketRegion" not in everything["Buckets"][0], everything
    assert everything["Owner"]["ID"].endswith(ACCOUNT)
    found = pages(s3, "list_buckets", "Buckets", "MaxBuckets", 2, Prefix="b-")
    assert [one["Name"] for one in found] == [f"b-{n}" for n in range(5)], found
    assert found[1]["BucketRegion"] == "us-west-2", found
    found = s3.list_buckets(BucketRegion="us-west-2")["Buckets"]
    assert [one["Name"] for one in found] == ["b-1", "b-3"], found
    fails("InvalidArgument", s3.list_buckets, ContinuationToken="???")


@check
def a_bucket_is_in_its_region(sandbox):
    east, west = sandbox.client("s3"), sandbox.client("s3", "us-west-2")
    bucket(west, **located("us-west-2"))
    head = west.head_bucket(Bucket="my-bucket")
    assert head["BucketRegion"] == "us-west-2" and head["BucketArn"] == "arn:aws:s3:::my-bucket", head
    # boto3 follows the redirect by itself and remembers the region.
    fails("NoSuchTagSet", east.get_bucket_tagging, Bucket="my-bucket")
    assert sandbox.errors()["s3:GetBucketTagging PermanentRedirect"] == 1, sandbox.errors()
    east = sandbox.client("s3", "eu-west-1")
    assert east.head_bucket(Bucket="my-bucket")["BucketRegion"] == "us-west-2"
    assert sandbox.errors()["s3:HeadBucket PermanentRedirect"] == 1, sandbox.errors()
    fails("404", east.head_bucket, status=404, Bucket="not-there")
    east.get_waiter("bucket_not_exists").wait(Bucket="not-there")
    west.get_waiter("bucket_exists").wait(Bucket="my-bucket")


@check
def the_expected_owner_is_compared(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    s3.head_bucket(Bucket="my-bucket", ExpectedBucketOwner=ACCOUNT)
    put(s3, "k", ExpectedBucketOwner=ACCOUNT)
    fails("AccessDenied", s3.put_object, status=403, Bucket="my-bucket", Key="k", ExpectedBucketOwner=OTHER)
    fails("AccessDenied", s3.list_objects_v2, Bucket="my-bucket", ExpectedBucketOwner=OTHER)
    fails("AccessDenied", s3.delete_bucket, Bucket="my-bucket", ExpectedBucketOwner=OTHER)
    fails("403", s3.head_bucket, status=403, Bucket="my-bucket", ExpectedBucketOwner=OTHER)
    fails("InvalidBucketOwnerAWSAccountID", s3.get_bucket_tagging, Bucket="my-bucket", ExpectedBucketOwner="me")


@check
def bucket_tags(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    fails("NoSuchTagSet", s3.get_bucket_tagging, status=404, Bucket="my-bucket")

    def tag(mapping):
        s3.put_bucket_tagging(Bucket="my-bucket", Tagging={"TagSet": tags(mapping)})

    tag({"a": "1", "b": "ü:/@"})
    tag({"c": "3"})
    assert untag(s3.get_bucket_tagging(Bucket="my-bucket")["TagSet"]) == {"c": "3"}
    for bad in ({"aws:a": "1"}, {"a": "x" * 257}, {"k" * 129: "x"}, {"a": "<>"}):
        fails("InvalidTag", s3.put_bucket_tagging, Bucket="my-bucket", Tagging={"TagSet": tags(bad)})
    twice = {"TagSet": tags({"a": "1"}) + tags({"a": "2"})}
    fails("InvalidTag", s3.put_bucket_tagging, Bucket="my-bucket", Tagging=twice)
    many = {"TagSet": tags({f"k{n}": "" for n in range(51)})}
    fails("BadRequest", s3.put_bucket_tagging, Bucket="my-bucket", Tagging=many)
    s3.delete_bucket_tagging(Bucket="my-bucket")
    fails("NoSuchTagSet", s3.get_bucket_tagging, Bucket="my-bucket")
    fails("NoSuchBucket", s3.get_bucket_tagging, status=404, Bucket="not-there")


@check
def public_access_and_policies(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    every = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    assert s3.get_public_access_block(Bucket="my-bucket")["PublicAccessBlockConfiguration"] == every
    public = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                     "Resource": "arn:aws:s3:::my-bucket/*"}]}
    private = {"Version": "2012-10-17", "Statement": [{"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*",
               "Action": "s3:*", "Resource": ["arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/*"],
               "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
    fails("NoSuchBucketPolicy", s3.get_bucket_policy, status=404, Bucket="my-bucket")
    fails("NoSuchBucketPolicy", s3.get_bucket_policy_status, Bucket="my-bucket")
    fails("AccessDenied", s3.put_bucket_policy, status=403, Bucket="my-bucket", Policy=json.dumps(public))
    s3.put_bucket_policy(Bucket="my-bucket", Policy=json.dumps(private))
    assert json.loads(s3.get_bucket_policy(Bucket="my-bucket")["Policy"]) == private
    assert s3.get_bucket_policy_status(Bucket="my-bucket")["PolicyStatus"]["IsPublic"] is False
    s3.put_public_access_block(Bucket="my-bucket", PublicAccessBlockConfiguration={**every, "BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket="my-bucket", Policy=json.dumps(public))
    assert s3.get_bucket_policy_status(Bucket="my-bucket")["PolicyStatus"]["IsPublic"] is True
    s3.delete_public_access_block(Bucket="my-bucket")
    fails("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, status=404, Bucket="my-bucket")
    for bad in ("{", json.dumps({**public, "Statement": []}), json.dumps(public).replace("my-bucket", "another")):
        fails("MalformedPolicy", s3.put_bucket_policy, Bucket="my-bucket", Policy=bad)
    s3.delete_bucket_policy(Bucket="my-bucket")
    s3.delete_bucket_policy(Bucket="my-bucket")
    fails("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="my-bucket")


@check
def encryption(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)

    def rule():
        return s3.get_bucket_encryption(Bucket="my-bucket")["ServerSideEncryptionConfiguration"]["Rules"][0]

    def change(default, **more):
        configuration = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, **more}]}
        s3.put_bucket_encryption(Bucket="my-bucket", ServerSideEncryptionConfiguration=configuration)

    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    assert rule() == default, rule()
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
    change({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, BucketKeyEnabled=True)
    assert rule()["BucketKeyEnabled"] is True
    assert rule()["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    made = put(s3, "k")
    assert made["ServerSideEncryption"] == "aws:kms" and made["SSEKMSKeyId"] == key and made["BucketKeyEnabled"], made
    change({"SSEAlgorithm": "AES256"}, BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]})
    assert rule()["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}, rule()
    configuration = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "x"}}]}
    fails("InvalidArgument", s3.put_bucket_encryption, Bucket="my-bucket",
          ServerSideEncryptionConfiguration=configuration)
    configuration["Rules"][0]["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": "rot13"}
    fails("MalformedXML", s3.put_bucket_encryption, Bucket="my-bucket",
          ServerSideEncryptionConfiguration=configuration)
    s3.delete_bucket_encryption(Bucket="my-bucket")
    assert rule() == default


@check
def ownership_controls(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    found = s3.get_bucket_ownership_controls(Bucket="my-bucket")["OwnershipControls"]["Rules"]
    assert found == [{"ObjectOwnership": "BucketOwnerEnforced"}], found
    s3.put_bucket_ownership_controls(Bucket="my-bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    found = s3.get_bucket_ownership_controls(Bucket="my-bucket")["OwnershipControls"]["Rules"]
    assert found == [{"ObjectOwnership": "ObjectWriter"}], found
    fails("MalformedXML", s3.put_bucket_ownership_controls, Bucket="my-bucket",
          OwnershipControls={"Rules": [{"ObjectOwnership": "Nobody"}]})
    s3.delete_bucket_ownership_controls(Bucket="my-bucket")
    fails("OwnershipControlsNotFoundError", s3.get_bucket_ownership_controls, status=404, Bucket="my-bucket")


@check
def lifecycle_rules(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    fails("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, status=404, Bucket="my-bucket")

    def change(*rules, **more):
        return s3.put_bucket_lifecycle_configuration(
            Bucket="my-bucket", LifecycleConfiguration={"Rules": list(rules)}, **more)

    rules = [
        {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}},
        {"ID": "two", "Status": "Disabled", "Filter": {"And": {"Prefix": "a", "Tags": tags({"k": "v", "l": "w"}),
         "ObjectSizeGreaterThan": 100}},
         "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
         "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}},
        {"ID": "three", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    answer = change(*rules)
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K", answer
    found = s3.get_bucket_lifecycle_configuration(Bucket="my-bucket")["Rules"]
    found[2].setdefault("Filter", {})
    assert found == rules, found
    change({"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}})
    found = s3.get_bucket_lifecycle_configuration(Bucket="my-bucket")["Rules"]
    assert len(found) == 1 and found[0]["ID"] and found[0]["Prefix"] == "", found

    def bad(code, *rules):
        fails(code, s3.put_bucket_lifecycle_configuration, Bucket="my-bucket",
              LifecycleConfiguration={"Rules": list(rules)})

    bad("InvalidArgument", rules[0], rules[0])
    bad("InvalidRequest", {"Status": "Enabled", "Filter": {}})
    bad("MalformedXML", {"Status": "Enabled", "Expiration": {"Days": 1}})
    bad("MalformedXML", {"Status": "Perhaps", "Filter": {}, "Expiration": {"Days": 1}})
    bad("InvalidArgument", {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 0}})
    s3.delete_bucket_lifecycle(Bucket="my-bucket")
    fails("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket="my-bucket")
