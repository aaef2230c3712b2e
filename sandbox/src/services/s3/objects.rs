//! Objects written; what writing, reading and removing share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Body, Bucket, NULL_VERSION, Version, key_rows, row};
use super::route::CONTENT_HEADERS;
use super::{argument, bucket, checksums, done};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[write("PutObject", put_object)];

/// Objects live in memory and in a log; large ones are refused rather than making both slow.
const LARGEST: usize = 16 << 20;
const SSE: &str = "x-amz-server-side-encryption";

pub(super) fn no_such_key(key: &str) -> ApiError {
    ApiError::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

pub(super) fn precondition(condition: &str) -> ApiError {
    let message = "At least one of the pre-conditions you specified did not hold";
    ApiError::new(412, "PreconditionFailed", message).with("Condition", condition)
}

pub(super) fn header_not_implemented(header: &str) -> ApiError {
    let message = "A header you provided implies functionality that is not implemented";
    ApiError::new(501, "NotImplemented", message).with("Header", header)
}

/// The versions of a key, the newest first.
pub(super) fn versions<'c, 'w>(
    call: &'c Call<'w>,
    bucket: &str,
    key: &str,
) -> impl Iterator<Item = &'c Version> + use<'c, 'w> {
    let rows = key_rows(bucket, key);
    call.all_from::<Version>(rows.clone()).take_while(move |version| version.id.starts_with(&rows))
}

/// The newest version of a key unless it is a delete marker.
pub(super) fn current<'c>(call: &'c Call<'_>, bucket: &str, key: &str) -> Option<&'c Version> {
    versions(call, bucket, key).next().filter(|version| !version.delete_marker)
}

/// Whether an entity tag of a request, with or without quotation marks, is that of a version.
pub(super) fn same_etag(given: &str, version: &Version) -> bool {
    given == "*" || given.trim_matches('"') == version.etag
}

/// Puts a version on top of a key; gives its name. `make` gets the row and the name.
pub(super) fn push(
    call: &mut Call<'_>,
    bucket: &Bucket,
    key: &str,
    make: impl FnOnce(String, String) -> Version,
) -> String {
    let tail = call.world.new_hex(16);
    let (id, order) = row(&bucket.name, key, call.world.counter());
    let name = if bucket.versioning.as_deref() == Some("Enabled") {
        // A version's name tells its place, so that a list can go on after a version that was deleted meanwhile.
        format!("{order}{tail}")
    } else {
        let old = versions(call, &bucket.name, key).find(|version| version.version == NULL_VERSION);
        if let Some(old) = old.map(|version| version.id.clone()) {
            call.remove::<Version>(&old);
        }
        NULL_VERSION.to_owned()
    };
    call.put(make(id, name.clone()));
    name
}

fn put_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    if key.len() > 1024 {
        return Err(ApiError::bad("KeyTooLongError", "Your key is too long").with("MaxSizeAllowed", 1024));
    }
    let body = call.request.body.clone();
    if body.len() > LARGEST {
        let message = format!("The sandbox keeps objects of up to {LARGEST} bytes");
        return Err(ApiError::bad("EntityTooLarge", message).with("ProposedSize", body.len()));
    }
    let checksum = checksums::verify(call.request)?;
    check_write(call, &bucket, &key)?;
    let mut headers = BTreeMap::new();
    for name in CONTENT_HEADERS {
        if let Some(value) = call.params.text_opt(name)? {
            // The framing of the transfer is not part of the object.
            let kept: Vec<&str> = value.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
            if !(name == "content-encoding" && kept.iter().all(|part| part.is_empty())) {
                headers.insert(name.to_owned(), if name == "content-encoding" { kept.join(",") } else { value });
            }
        }
    }
    headers.entry("content-type".to_owned()).or_insert_with(|| "binary/octet-stream".to_owned());
    take_metadata(call, &mut headers)?;
    take_encryption(call, &bucket, &mut headers)?;
    if let Some(acl) = call.params.text_opt("x-amz-acl")?
        && !["private", "bucket-owner-full-control"].contains(&acl.as_str())
    {
        return Err(ApiError::bad("AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    let storage_class = call.params.text_opt("x-amz-storage-class")?.unwrap_or_else(|| "STANDARD".to_owned());
    if !["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"].contains(&storage_class.as_str()) {
        return Err(ApiError::not_implemented(format!("the storage class {storage_class}")));
    }
    let etag = checksums::etag(&body);
    let mut reply = done().header("etag", format!("\"{etag}\""));
    let (created, name) = (call.now, bucket.name.clone());
    // What was not given is computed and told, as S3 does.
    let checksum = checksum.or_else(|| checksums::own(&body));
    if let Some((algorithm, value)) = &checksum {
        let reported = reply.header(&format!("x-amz-checksum-{algorithm}"), value.clone());
        reply = reported.header("x-amz-checksum-type", "FULL_OBJECT");
    }
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with(SSE)) {
        reply = reply.header(name, value.clone());
    }
    let stored_key = key.clone();
    let version = push(call, &bucket, &key, |id, version| Version {
        id,
        bucket: name,
        key: stored_key,
        version,
        created,
        delete_marker: false,
        etag,
        body: Body(body),
        headers,
        storage_class,
        checksum,
    });
    Ok(if bucket.versioning.is_some() { reply.header("x-amz-version-id", version) } else { reply })
}

/// Conditional writes.
fn check_write(call: &mut Call<'_>, bucket: &Bucket, key: &str) -> Result<(), ApiError> {
    let none_match = call.params.text_opt("if-none-match")?;
    let only_match = call.params.text_opt("if-match")?;
    let existing = current(call, &bucket.name, key);
    match (none_match, only_match) {
        (None, None) => Ok(()),
        (Some(_), Some(_)) => Err(header_not_implemented("If-None-Match, If-Match")),
        (Some(given), None) if given != "*" => Err(header_not_implemented("If-None-Match")),
        (Some(_), None) => match existing {
            Some(_) => Err(precondition("If-None-Match")),
            None => Ok(()),
        },
        (None, Some(given)) if given == "*" => Err(header_not_implemented("If-Match")),
        (None, Some(given)) => match existing {
            None => Err(no_such_key(key)),
            Some(version) if same_etag(&given, version) => Ok(()),
            Some(_) => Err(precondition("If-Match")),
        },
    }
}

fn take_metadata(call: &mut Call<'_>, headers: &mut BTreeMap<String, String>) -> Result<(), ApiError> {
    let Some(Value::Object(meta)) = call.params.raw("x-amz-meta") else { return Ok(()) };
    let mut size = 0;
    for (name, value) in meta {
        let value = value.as_str().unwrap_or_default().to_owned();
        size += name.len() + value.len();
        headers.insert(format!("x-amz-meta-{name}"), value);
    }
    if size > 2048 {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(ApiError::bad("MetadataTooLarge", message).with("MaxSizeAllowed", 2048));
    }
    Ok(())
}

/// Notes how the object counts as encrypted: as the request says, else as the bucket does.
fn take_encryption(
    call: &mut Call<'_>,
    bucket: &Bucket,
    headers: &mut BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let key_header = format!("{SSE}-aws-kms-key-id");
    let bucket_key_header = format!("{SSE}-bucket-key-enabled");
    let rule = &bucket.encryption["Rule"][0];
    let default = &rule["ApplyServerSideEncryptionByDefault"];
    let asked = call.params.text_opt(SSE)?;
    let key = call.params.text_opt(&key_header)?;
    let bucket_key = call.params.flag_opt(&bucket_key_header)?;
    let (algorithm, key, bucket_key) = match asked {
        Some(algorithm) => (algorithm, key, bucket_key.unwrap_or(false)),
        None => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let algorithm = text(&default["SSEAlgorithm"]).unwrap_or_else(|| "AES256".to_owned());
            (algorithm, text(&default["KMSMasterKeyID"]), rule["BucketKeyEnabled"] == "true")
        }
    };
    match algorithm.as_str() {
        "AES256" if key.is_some() => {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                           x-amz-server-side-encryption : aws:kms";
            return Err(argument(message));
        }
        "AES256" => {}
        "aws:kms" | "aws:kms:dsse" => {
            let own = || format!("arn:aws:kms:{}:{}:alias/aws/s3", call.region, call.account());
            headers.insert(key_header, key.unwrap_or_else(own));
            if bucket_key {
                headers.insert(bucket_key_header, "true".to_owned());
            }
        }
        _ => return Err(argument("The encryption method specified is not supported")),
    }
    headers.insert(SSE.to_owned(), algorithm);
    Ok(())
}
