"""S3: uploads in parts, copies, tags of objects, the older list."""

import base64
import hashlib
import io
import os

from boto3.s3.transfer import TransferConfig
from harness import check, fails, pages, tags, untag
from s3_buckets import bucket, located, put

MIB = 1 << 20


def begin(s3, key="big", **more):
    return s3.create_multipart_upload(Bucket="my-bucket", Key=key, **more)["UploadId"]


def part(s3, upload, number, body, key="big", **more):
    made = s3.upload_part(Bucket="my-bucket", Key=key, UploadId=upload, PartNumber=number, Body=body, **more)
    sums = {name: made[name] for name in made if name.startswith("Checksum") and name != "ChecksumType"}
    return {"PartNumber": number, "ETag": made["ETag"], **sums}


def complete(s3, upload, parts, key="big", **more):
    return s3.complete_multipart_upload(
        Bucket="my-bucket", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **more)


@check
def parts_become_an_object(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    first, second = os.urandom(5 * MIB), b"the end"
    upload = begin(s3, ContentType="x/y", Metadata={"a": "b"}, Tagging="t=1&u=2", StorageClass="STANDARD_IA")
    parts = [part(s3, upload, 2, second), part(s3, upload, 1, b"replaced"), part(s3, upload, 1, first)]
    listed = s3.list_parts(Bucket="my-bucket", Key="big", UploadId=upload)
    assert [(one["PartNumber"], one["Size"]) for one in listed["Parts"]] == [(1, 5 * MIB), (2, 7)], listed
    assert listed["StorageClass"] == "STANDARD_IA" and listed["Owner"]["ID"], listed
    found = pages(s3, "list_parts", "Parts", "MaxParts", 1, Bucket="my-bucket", Key="big", UploadId=upload)
    assert [one["PartNumber"] for one in found] == [1, 2], found
    fails("NoSuchKey", s3.get_object, Bucket="my-bucket", Key="big")
    made = complete(s3, upload, [parts[2], parts[0]])
    digests = hashlib.md5(first).digest() + hashlib.md5(second).digest()
    etag = f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert made["ETag"] == etag and made["Bucket"] == "my-bucket" and made["Location"].endswith("/big"), made
    found = s3.get_object(Bucket="my-bucket", Key="big")
    assert found["Body"].read() == first + second and found["ETag"] == etag, found
    assert found["ContentType"] == "x/y" and found["Metadata"] == {"a": "b"} and found["TagCount"] == 2, found
    one = s3.get_object(Bucket="my-bucket", Key="big", PartNumber=2)
    assert one["Body"].read() == second and one["PartsCount"] == 2, one
    assert one["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 6}/{5 * MIB + 7}", one
    assert s3.head_object(Bucket="my-bucket", Key="big", PartNumber=1)["ContentLength"] == 5 * MIB
    fails("InvalidPartNumber", s3.get_object, status=416, Bucket="my-bucket", Key="big", PartNumber=3)
    fails("NoSuchUpload", s3.list_parts, status=404, Bucket="my-bucket", Key="big", UploadId=upload)
    fails("NoSuchUpload", s3.complete_multipart_upload, Bucket="my-bucket", Key="big", UploadId=upload,
          MultipartUpload={"Parts": parts})


@check
def parts_are_compared(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    upload = begin(s3)
    parts = [part(s3, upload, 1, b"x" * 5 * MIB), part(s3, upload, 2, b"y"), part(s3, upload, 3, b"z")]
    fails("InvalidPartOrder", complete, s3=s3, upload=upload, parts=[parts[1], parts[0]])
    fails("InvalidPart", complete, s3=s3, upload=upload, parts=[parts[0] | {"ETag": '"0"'}])
    fails("InvalidPart", complete, s3=s3, upload=upload, parts=[parts[0] | {"PartNumber": 9}])
    error = fails("EntityTooSmall", complete, s3=s3, upload=upload, parts=parts)
    assert error.response["Error"]["PartNumber"] == "2", error.response
    fails("MalformedXML", complete, s3=s3, upload=upload, parts=[])
    for number in (0, 10_001):
        fails("InvalidArgument", part, s3=s3, upload=upload, number=number, body=b"")
    fails("NoSuchUpload", part, s3=s3, upload="none", number=1, body=b"")
    fails("BadDigest", part, s3=s3, upload=upload, number=1, body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    put(s3, "big", b"there")
    fails("PreconditionFailed", complete, status=412, s3=s3, upload=upload, parts=parts[:2], IfNoneMatch="*")
    fails("InvalidRequest", complete, s3=s3, upload=upload, parts=parts[:2], MpuObjectSize=3)
    complete(s3, upload, parts[:2], MpuObjectSize=5 * MIB + 1)
    assert s3.head_object(Bucket="my-bucket", Key="big")["ContentLength"] == 5 * MIB + 1


@check
def checksums_of_parts_make_one(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    first, second = b"x" * 5 * MIB, b"y"
    upload = begin(s3, ChecksumAlgorithm="SHA256")
    fails("InvalidRequest", part, s3=s3, upload=upload, number=1, body=b"x", ChecksumAlgorithm="CRC32")
    parts = [part(s3, upload, number, body, ChecksumAlgorithm="SHA256")
             for number, body in enumerate((first, second), 1)]
    bare = [{name: one[name] for name in ("PartNumber", "ETag")} for one in parts]
    fails("InvalidRequest", complete, s3=s3, upload=upload, parts=bare)
    made = complete(s3, upload, parts)
    sums = hashlib.sha256(first).digest() + hashlib.sha256(second).digest()
    wanted = base64.b64encode(hashlib.sha256(sums).digest()).decode() + "-2"
    assert made["ChecksumSHA256"] == wanted and made["ChecksumType"] == "COMPOSITE", made
    head = s3.head_object(Bucket="my-bucket", Key="big", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == wanted and head["ChecksumType"] == "COMPOSITE", head
    whole = put(s3, "whole", first + second, ChecksumAlgorithm="CRC32")["ChecksumCRC32"]
    upload = begin(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [part(s3, upload, number, body, ChecksumAlgorithm="CRC32")
             for number, body in enumerate((first, second), 1)]
    fails("BadDigest", complete, s3=s3, upload=upload, parts=parts, ChecksumCRC32="AAAAAA==")
    made = complete(s3, upload, parts, ChecksumCRC32=whole, ChecksumType="FULL_OBJECT")
    assert made["ChecksumCRC32"] == whole and made["ChecksumType"] == "FULL_OBJECT", made
    fails("InvalidRequest", begin, s3=s3, ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT")


@check
def uploads_are_listed_and_aborted(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    keys = ["a/1", "a/1", "a/2", "b", "c/1"]
    uploads = [begin(s3, key) for key in keys]
    found = pages(s3, "list_multipart_uploads", "Uploads", "MaxUploads", 2, Bucket="my-bucket")
    assert [(one["Key"], one["UploadId"]) for one in found] == list(zip(keys, uploads)), found
    assert found[0]["Initiated"] and found[0]["StorageClass"] == "STANDARD" and found[0]["Initiator"]["ID"], found[0]
    top = s3.list_multipart_uploads(Bucket="my-bucket", Delimiter="/")
    assert [one["Key"] for one in top["Uploads"]] == ["b"], top
    assert [one["Prefix"] for one in top["CommonPrefixes"]] == ["a/", "c/"], top
    inner = s3.list_multipart_uploads(Bucket="my-bucket", Prefix="a/", KeyMarker="a/1", UploadIdMarker=uploads[0])
    assert [one["UploadId"] for one in inner["Uploads"]] == uploads[1:3], inner
    s3.abort_multipart_upload(Bucket="my-bucket", Key="b", UploadId=uploads[3])
    fails("NoSuchUpload", s3.abort_multipart_upload, status=404, Bucket="my-bucket", Key="b", UploadId=uploads[3])
    fails("NoSuchUpload", s3.abort_multipart_upload, Bucket="my-bucket", Key="other", UploadId=uploads[0])
    part(s3, uploads[0], 1, b"x", key="a/1")
    # Uploads under way do not keep a bucket.
    s3.delete_bucket(Bucket="my-bucket")
    bucket(s3)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="my-bucket")


@check
def large_files_are_transferred(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    body = os.urandom(MIB) * 20 + b"end"
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(body), "my-bucket", "up", Config=config)
    back = io.BytesIO()
    s3.download_fileobj("my-bucket", "up", back, Config=config)
    assert back.getvalue() == body
    s3.copy({"Bucket": "my-bucket", "Key": "up"}, "my-bucket", "copied", Config=config)
    assert s3.get_object(Bucket="my-bucket", Key="copied")["Body"].read() == body
    counts = sandbox.counts()
    assert counts["s3:UploadPart"] == 5 and counts["s3:UploadPartCopy"] == 5, counts
    upload = begin(s3, "piece")
    source = {"Bucket": "my-bucket", "Key": "up"}
    wrong = dict(Bucket="my-bucket", Key="piece", UploadId=upload, PartNumber=1, CopySource=source)
    fails("InvalidArgument", s3.upload_part_copy, CopySourceRange=f"bytes=0-{len(body)}", **wrong)
    fails("InvalidArgument", s3.upload_part_copy, CopySourceRange="bytes=5-4", **wrong)
    made = s3.upload_part_copy(CopySourceRange=f"bytes={len(body) - 3}-{len(body) - 1}", **wrong)["CopyPartResult"]
    complete(s3, upload, [{"PartNumber": 1, "ETag": made["ETag"]}], key="piece")
    assert s3.get_object(Bucket="my-bucket", Key="piece")["Body"].read() == b"end"


@check
def objects_are_copied(sandbox):
    s3, west = sandbox.client("s3"), sandbox.client("s3", "us-west-2")
    bucket(s3)
    west.create_bucket(Bucket="west", **located("us-west-2"))
    made = put(s3, "a b/ü+", b"body", Metadata={"m": "1"}, ContentType="x/y", Tagging="t=1",
               StorageClass="STANDARD_IA")
    source = {"Bucket": "my-bucket", "Key": "a b/ü+"}
    copied = west.copy_object(Bucket="west", Key="k", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == made["ETag"] and copied["LastModified"] and copied["ChecksumCRC32"], copied
    found = west.get_object(Bucket="west", Key="k")
    assert found["Body"].read() == b"body" and found["Metadata"] == {"m": "1"} and found["TagCount"] == 1, found
    assert found["ContentType"] == "x/y" and "StorageClass" not in found, found
    s3.copy_object(Bucket="my-bucket", Key="k", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"},
                   ContentType="z/z", TaggingDirective="REPLACE", Tagging="u=2&v=3")
    found = s3.get_object(Bucket="my-bucket", Key="k")
    assert found["Metadata"] == {"n": "2"} and found["ContentType"] == "z/z" and found["TagCount"] == 2, found
    itself = {"Bucket": "my-bucket", "Key": "k"}
    fails("InvalidRequest", s3.copy_object, CopySource=itself, **itself)
    s3.copy_object(CopySource=itself, MetadataDirective="REPLACE", Metadata={"x": "3"}, **itself)
    assert s3.head_object(**itself)["Metadata"] == {"x": "3"}
    copy = lambda **more: s3.copy_object(Bucket="my-bucket", Key="l", **{"CopySource": source, **more})
    fails("NoSuchKey", copy, status=404, CopySource={"Bucket": "my-bucket", "Key": "none"})
    fails("NoSuchBucket", copy, status=404, CopySource={"Bucket": "nobodys-bucket", "Key": "none"})
    fails("PreconditionFailed", copy, status=412, CopySourceIfMatch='"0"')
    fails("PreconditionFailed", copy, status=412, CopySourceIfNoneMatch=made["ETag"])
    copy(CopySourceIfMatch=made["ETag"], IfNoneMatch="*", ChecksumAlgorithm="SHA256")
    fails("PreconditionFailed", copy, status=412, IfNoneMatch="*")
    s3.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Enabled"})
    old = put(s3, "v", b"old")["VersionId"]
    put(s3, "v", b"new")
    back = s3.copy_object(Bucket="my-bucket", Key="v", CopySource={"Bucket": "my-bucket", "Key": "v", "VersionId": old})
    assert back["CopySourceVersionId"] == old and back["VersionId"] not in (old, "null"), back
    assert s3.get_object(Bucket="my-bucket", Key="v")["Body"].read() == b"old"


@check
def objects_have_tags(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    put(s3, "k", b"x", Tagging="a=1&b=x%20y")
    which = dict(Bucket="my-bucket", Key="k")
    read = lambda: untag(s3.get_object_tagging(**which)["TagSet"])
    assert read() == {"a": "1", "b": "x y"} and s3.head_object(**which)["TagCount"] == 2
    s3.put_object_tagging(Tagging={"TagSet": tags({"c": "3"})}, **which)
    assert read() == {"c": "3"}
    too_many = {"TagSet": tags({str(number): "" for number in range(11)})}
    fails("BadRequest", s3.put_object_tagging, Tagging=too_many, **which)
    fails("InvalidTag", s3.put_object_tagging, Tagging={"TagSet": tags({"aws:x": ""})}, **which)
    fails("InvalidTag", put, s3=s3, key="l", Tagging="aws%3Ax=1")
    s3.delete_object_tagging(**which)
    assert read() == {}
    fails("NoSuchKey", s3.get_object_tagging, status=404, Bucket="my-bucket", Key="none")


@check
def the_older_list_works(sandbox):
    s3 = sandbox.client("s3")
    bucket(s3)
    keys = ["a", "a/1", "a/2", "b", "c d+ü", "z/1", "z/2"]
    for key in keys:
        put(s3, key)
    found = pages(s3, "list_objects", "Contents", "MaxKeys", 3, Bucket="my-bucket")
    assert [one["Key"] for one in found] == keys and found[0]["Owner"]["ID"], found
    first = s3.list_objects(Bucket="my-bucket", MaxKeys=3)
    assert first["IsTruncated"] and "NextMarker" not in first, first
    entries, marker = [], ""
    while True:
        page = s3.list_objects(Bucket="my-bucket", Delimiter="/", MaxKeys=1, Marker=marker)
        entries += [one["Key"] for one in page.get("Contents", [])]
        entries += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert entries == ["a", "a/", "b", "c d+ü", "z/"], entries
    fails("InvalidArgument", s3.list_objects_v2, Bucket="my-bucket", ContinuationToken="")
