"""S3: objects, versions, lists."""

import hashlib
import io

from harness import check, fails, pages, refused
from s3_buckets import bucket, put


@check
def an_object_comes_back_as_it_went(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    body = bytes(range(256)) * 300
    made = put(s3, "a dir/ü+%&=.bin", body, ContentType="application/x-thing", CacheControl="no-store",
               Metadata={"purpose": "test", "Other": "x y"}, ServerSideEncryption="AES256")
    assert made["ETag"] == '"' + hashlib.md5(body).hexdigest() + '"', made
    assert made["ServerSideEncryption"] == "AES256" and "VersionId" not in made, made
    found = s3.get_object(Bucket="my-bucket", Key="a dir/ü+%&=.bin", ChecksumMode="ENABLED")
    assert found["Body"].read() == body
    assert found["ContentType"] == "application/x-thing" and found["CacheControl"] == "no-store", found
    assert found["Metadata"] == {"purpose": "test", "other": "x y"}, found["Metadata"]
    assert found["ChecksumType"] == "FULL_OBJECT", found
    head = s3.head_object(Bucket="my-bucket", Key="a dir/ü+%&=.bin")
    assert head["ContentLength"] == len(body) and head["ETag"] == made["ETag"], head
    assert head["LastModified"].tzinfo is not None
    part = s3.get_object(Bucket="my-bucket", Key="a dir/ü+%&=.bin", Range="bytes=10-19")
    assert part["Body"].read() == body[10:20] and part["ContentRange"] == f"bytes 10-19/{len(body)}", part
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    fails("InvalidRange", s3.get_object, status=416, Bucket="my-bucket", Key="a dir/ü+%&=.bin", Range="bytes=999999-")
    fails("NoSuchKey", s3.get_object, status=404, Bucket="my-bucket", Key="none")
    fails("404", s3.head_object, status=404, Bucket="my-bucket", Key="none")
    fails("NoSuchBucket", s3.put_object, Bucket="none-of-it", Key="k", Body=b"")
    put(s3, "empty", b"")
    assert s3.get_object(Bucket="my-bucket", Key="empty")["Body"].read() == b""
    s3.get_waiter("object_exists").wait(Bucket="my-bucket", Key="empty")
    s3.delete_object(Bucket="my-bucket", Key="empty")
    s3.delete_object(Bucket="my-bucket", Key="empty")
    s3.get_waiter("object_not_exists").wait(Bucket="my-bucket", Key="empty")


@check
def checksums_are_compared(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        made = put(s3, algorithm, b"123456789", ChecksumAlgorithm=algorithm)
        assert made[f"Checksum{algorithm}"], made
        found = s3.get_object(Bucket="my-bucket", Key=algorithm, ChecksumMode="ENABLED")
        assert found["Body"].read() == b"123456789"
    fails("BadDigest", s3.put_object, Bucket="my-bucket", Key="k", Body=b"x", ChecksumCRC32="AAAAAA==")
    fails("BadDigest", s3.put_object, Bucket="my-bucket", Key="k", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    plain = sandbox.client("s3", request_checksum_calculation="when_required")
    made = put(plain, "k", b"x")
    assert made["ChecksumCRC64NVME"], made


@check
def streamed_bodies_arrive(sandbox):
    s3 = sandbox.client("s3", s3={"payload_signing_enabled": False})
    bucket(s3)
    body = b"x" * 70000 + b"y" * 10
    s3.put_object(Bucket="my-bucket", Key="k", Body=io.BytesIO(body))
    assert s3.get_object(Bucket="my-bucket", Key="k")["Body"].read() == body
    s3.upload_fileobj(io.BytesIO(body), "my-bucket", "u")
    assert s3.head_object(Bucket="my-bucket", Key="u")["ContentLength"] == len(body)


@check
def conditions(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    made = put(s3, "k", b"1", IfNoneMatch="*")
    fails("PreconditionFailed", s3.put_object, status=412, Bucket="my-bucket", Key="k", Body=b"2", IfNoneMatch="*")
    second = put(s3, "k", b"2", IfMatch=made["ETag"])
    fails("PreconditionFailed", s3.put_object, status=412, Bucket="my-bucket", Key="k", Body=b"3", IfMatch=made["ETag"])
    fails("NoSuchKey", s3.put_object, status=404, Bucket="my-bucket", Key="new", Body=b"3", IfMatch=made["ETag"])
    fails("NotImplemented", s3.put_object, Bucket="my-bucket", Key="k", Body=b"3", IfNoneMatch=made["ETag"])
    assert s3.get_object(Bucket="my-bucket", Key="k", IfMatch=second["ETag"])["Body"].read() == b"2"
    fails("PreconditionFailed", s3.get_object, status=412, Bucket="my-bucket", Key="k", IfMatch=made["ETag"])
    fails("304", s3.get_object, status=304, Bucket="my-bucket", Key="k", IfNoneMatch=second["ETag"])
    fails("412", s3.head_object, status=412, Bucket="my-bucket", Key="k", IfMatch=made["ETag"])
    fails("PreconditionFailed", s3.delete_object, status=412, Bucket="my-bucket", Key="k", IfMatch=made["ETag"])
    fails("NoSuchKey", s3.delete_object, status=404, Bucket="my-bucket", Key="new", IfMatch="*")
    s3.delete_object(Bucket="my-bucket", Key="k", IfMatch=second["ETag"])
    fails("NoSuchKey", s3.get_object, Bucket="my-bucket", Key="k")
    sandbox.faults({"operation": "s3:PutObject", "nth": 1,
                    "action": {"do": "error-before", "code": "ConditionalRequestConflict", "status": 409}})
    fails("ConditionalRequestConflict", s3.put_object, status=409, Bucket="my-bucket", Key="k", IfNoneMatch="*")


@check
def versions_and_delete_markers(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    assert "Status" not in s3.get_bucket_versioning(Bucket="my-bucket")
    put(s3, "k", b"before")
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="my-bucket")["Status"] == "Enabled"
    first, second = put(s3, "k", b"1")["VersionId"], put(s3, "k", b"2")["VersionId"]
    assert first != second
    read = lambda **more: s3.get_object(Bucket="my-bucket", Key="k", **more)
    assert read()["Body"].read() == b"2" and read()["VersionId"] == second
    assert read(VersionId=first)["Body"].read() == b"1"
    assert read(VersionId="null")["Body"].read() == b"before"
    deleted = s3.delete_object(Bucket="my-bucket", Key="k")
    assert deleted["DeleteMarker"] is True and deleted["VersionId"], deleted
    error = fails("NoSuchKey", read, status=404)
    assert error.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    fails("MethodNotAllowed", read, status=405, VersionId=deleted["VersionId"])
    fails("NoSuchVersion", read, status=404, VersionId="0" * 32)
    fails("InvalidArgument", read, VersionId="?")
    found = s3.list_object_versions(Bucket="my-bucket")
    assert [v["VersionId"] for v in found["Versions"]] == [second, first, "null"], found
    assert [m["IsLatest"] for m in found["DeleteMarkers"]] == [True] and not found["Versions"][0]["IsLatest"], found
    fails("BucketNotEmpty", s3.delete_bucket, status=409, Bucket="my-bucket")
    assert s3.list_objects_v2(Bucket="my-bucket")["KeyCount"] == 0
    fails("NoSuchKey", s3.delete_object, status=404, Bucket="my-bucket", Key="k", IfMatch="*")
    fails("NotImplemented", s3.delete_object, status=501, Bucket="my-bucket", Key="k", VersionId=first, IfMatch="*")
    again = s3.delete_object(Bucket="my-bucket", Key="k", VersionId=deleted["VersionId"])
    assert again["DeleteMarker"] is True, again
    assert read()["Body"].read() == b"2"
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Suspended"})
    assert put(s3, "k", b"after")["VersionId"] == "null"
    assert s3.delete_object(Bucket="my-bucket", Key="k")["VersionId"] == "null"
    found = s3.list_object_versions(Bucket="my-bucket")
    assert [v["VersionId"] for v in found["Versions"]] == [second, first], found
    assert [m["VersionId"] for m in found["DeleteMarkers"]] == ["null"], found
    for version in (second, first, "null", "null"):
        s3.delete_object(Bucket="my-bucket", Key="k", VersionId=version)
    s3.delete_bucket(Bucket="my-bucket")
    fails("IllegalVersioningConfigurationException", s3.put_bucket_versioning, Bucket=bucket(s3),
          VersioningConfiguration={})


@check
def many_deletes_at_once(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    etag = put(s3, "a")["ETag"]
    put(s3, "b")
    put(s3, "c")
    answer = s3.delete_objects(Bucket="my-bucket", Delete={"Objects": [
        {"Key": "a", "ETag": etag}, {"Key": "b", "ETag": '"other"'}, {"Key": "none"}]})
    assert [d["Key"] for d in answer["Deleted"]] == ["a", "none"], answer
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [("b", "PreconditionFailed")], answer
    answer = s3.delete_objects(Bucket="my-bucket", Delete={"Quiet": True, "Objects": [{"Key": "b"}]})
    assert "Deleted" not in answer and "Errors" not in answer, answer
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    answer = s3.delete_objects(Bucket="my-bucket", Delete={"Objects": [{"Key": "c"}]})["Deleted"][0]
    assert answer["DeleteMarker"] and answer["DeleteMarkerVersionId"], answer
    marker = {"Key": "c", "VersionId": answer["DeleteMarkerVersionId"]}
    answer = s3.delete_objects(Bucket="my-bucket", Delete={"Objects": [marker]})["Deleted"][0]
    assert answer["DeleteMarker"] and answer["VersionId"] == marker["VersionId"], answer
    too_many = {"Objects": [{"Key": f"k{n}"} for n in range(1001)]}
    fails("MalformedXML", s3.delete_objects, Bucket="my-bucket", Delete=too_many)


@check
def objects_are_listed(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    bucket(s3, "my-bucket2")
    put(s3, "stranger", name="my-bucket2")
    keys = sorted(["a", "a/1", "a/2", "a/b/1", "b", "c d+ü", "z/1", "z/2"])
    for key in keys:
        put(s3, key, key.encode())
    found = pages(s3, "list_objects_v2", "Contents", "MaxKeys", 3, Bucket="my-bucket")
    assert [one["Key"] for one in found] == keys, found
    assert found[1]["Size"] == 3 and found[1]["StorageClass"] == "STANDARD" and found[1]["ETag"], found[1]
    top = s3.list_objects_v2(Bucket="my-bucket", Delimiter="/")
    assert [one["Key"] for one in top["Contents"]] == ["a", "b", "c d+ü"], top
    assert [one["Prefix"] for one in top["CommonPrefixes"]] == ["a/", "z/"] and top["KeyCount"] == 5, top
    entries = []
    token = {}
    while True:
        page = s3.list_objects_v2(Bucket="my-bucket", Delimiter="/", MaxKeys=1, **token)
        entries += [one["Key"] for one in page.get("Contents", [])]
        entries += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert entries == ["a", "a/", "b", "c d+ü", "z/"], entries
    inner = s3.list_objects_v2(Bucket="my-bucket", Prefix="a/", Delimiter="/", FetchOwner=True)
    assert [one["Key"] for one in inner["Contents"]] == ["a/1", "a/2"] and inner["Contents"][0]["Owner"]["ID"], inner
    assert inner["CommonPrefixes"] == [{"Prefix": "a/b/"}], inner
    later = s3.list_objects_v2(Bucket="my-bucket", StartAfter="b")
    assert [one["Key"] for one in later["Contents"]] == ["c d+ü", "z/1", "z/2"], later
    assert s3.list_objects_v2(Bucket="my-bucket", Prefix="nothing")["KeyCount"] == 0
    assert s3.list_objects_v2(Bucket="my-bucket", MaxKeys=0)["IsTruncated"] is False
    fails("InvalidArgument", s3.list_objects_v2, Bucket="my-bucket", ContinuationToken="???")


@check
def versions_are_listed_while_they_are_deleted(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    put(s3, "k2", b"null")
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    for n in range(7):
        put(s3, f"k{n % 3}", str(n).encode())
    s3.delete_object(Bucket="my-bucket", Key="k1")
    found = s3.list_object_versions(Bucket="my-bucket")
    every = [(one["Key"], one["VersionId"]) for part in ("Versions", "DeleteMarkers") for one in found[part]]
    assert len(every) == 9, every
    seen = []
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket="my-bucket", PaginationConfig={"PageSize": 2}
    ):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        assert 0 < len(entries) <= 2, page
        batch = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in entries]
        seen += [(one["Key"], one["VersionId"]) for one in entries]
        s3.delete_objects(Bucket="my-bucket", Delete={"Objects": batch})
    assert sorted(seen) == sorted(every), seen
    s3.delete_bucket(Bucket="my-bucket")


@check
def versions_are_listed_by_prefix_and_delimiter(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a/1", "a/1", "a/2", "b", "b", "c/1"):
        put(s3, key)
    found = s3.list_object_versions(Bucket="my-bucket", Delimiter="/")
    assert [one["Key"] for one in found["Versions"]] == ["b", "b"], found
    assert [one["Prefix"] for one in found["CommonPrefixes"]] == ["a/", "c/"], found
    assert [one["IsLatest"] for one in found["Versions"]] == [True, False], found
    found = s3.list_object_versions(Bucket="my-bucket", Prefix="a/")
    assert len(found["Versions"]) == 3, found
    first = s3.list_object_versions(Bucket="my-bucket", Delimiter="/", MaxKeys=1)
    assert first["IsTruncated"] and first["NextKeyMarker"] == "a/" and "NextVersionIdMarker" not in first, first
    second = s3.list_object_versions(Bucket="my-bucket", Delimiter="/", MaxKeys=1, KeyMarker="a/")
    assert [one["Key"] for one in second["Versions"]] == ["b"], second
    fails("InvalidArgument", s3.list_object_versions, Bucket="my-bucket", VersionIdMarker="0" * 32)


@check
def what_is_not_known_is_refused(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    put(s3, "k")
    refused("s3:GetBucketCors", s3.get_bucket_cors, Bucket="my-bucket")
    refused("s3:GetBucketAcl", s3.get_bucket_acl, Bucket="my-bucket")
    refused("s3:GetObjectAcl", s3.get_object_acl, Bucket="my-bucket", Key="k")
    refused("s3:SelectObjectContent", s3.select_object_content, Bucket="my-bucket", Key="k", Expression="x",
            ExpressionType="SQL", InputSerialization={}, OutputSerialization={})
    refused("x-amz-website-redirect-location", s3.put_object, Bucket="my-bucket", Key="l", Body=b"",
            WebsiteRedirectLocation="/x")
    assert s3.list_objects_v2(Bucket="my-bucket")["KeyCount"] == 1
