//! Objects copied from other objects.

use serde_json::Value;

use super::checksums;
use super::conditions::Conditions;
use super::model::{Bucket, Version};
use super::object_headers::{Attributes, SSE};
use super::objects::{Content, check_write, new_key, precondition, store};
use super::reads::wanted_version;
use super::{argument, bucket, bucket_named, iso};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::form::decode;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[write("CopyObject", copy_object)];

/// The object that `x-amz-copy-source` names, with its bucket.
pub(super) fn source(call: &mut Call<'_>) -> Result<(Bucket, Version), ApiError> {
    let text = call.params.text("x-amz-copy-source")?;
    let owner = call.params.text_opt("x-amz-source-expected-bucket-owner")?;
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (text.as_str(), None),
    };
    // A plus sign is one, unless it was encoded as a form encodes a space.
    let path = decode(&path.replace('+', "%2B"));
    let wrong = || argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    let (name, key) = path.trim_start_matches('/').split_once('/').ok_or_else(wrong)?;
    if name.is_empty() || key.is_empty() {
        return Err(wrong());
    }
    let bucket = bucket_named(call, name.to_owned(), owner)?;
    let version = wanted_version(call, &bucket, key, version)?;
    let conditions = Conditions::take(call, "x-amz-copy-source-")?;
    if conditions.is_known(&version)? {
        return Err(precondition("x-amz-copy-source-If-None-Match"));
    }
    Ok((bucket, version))
}

/// What a directive such as `x-amz-metadata-directive` says: to take the request's own.
fn replaces(call: &mut Call<'_>, directive: &str) -> Result<bool, ApiError> {
    match call.params.text_opt(directive)?.as_deref() {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(argument(format!("Unknown {directive}."))),
    }
}

fn copy_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let key = new_key(call)?;
    let (from, version) = source(call)?;
    check_write(call, &bucket, &key)?;
    let new_headers = replaces(call, "x-amz-metadata-directive")?;
    let new_tags = replaces(call, "x-amz-tagging-directive")?;
    let algorithm = call.params.text_opt("x-amz-checksum-algorithm")?.map(|name| name.to_lowercase());
    let changes = new_headers || call.params.has("x-amz-storage-class") || call.params.has(SSE);
    if from.name == bucket.name && version.key == key && !changes && version.version == latest_name(call, &bucket, &key)
    {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing \
                       the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(ApiError::bad("InvalidRequest", message));
    }
    if !new_headers {
        // Clients send them all the same; S3 takes the source's.
        for name in super::route::CONTENT_HEADERS {
            call.params.raw(name);
        }
        call.params.raw("x-amz-meta");
    }
    if !new_tags {
        call.params.raw("x-amz-tagging");
    }
    let mut attributes = Attributes::take(call, &bucket)?;
    if !new_headers {
        attributes.headers.retain(|name, _| name.starts_with(SSE));
        let kept = version.headers.iter().filter(|(name, _)| !name.starts_with(SSE));
        attributes.headers.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    }
    if !new_tags {
        attributes.tags.clone_from(&version.tags);
    }
    let body = version.body.0.clone();
    // Summed as asked, else as the source was, else as S3 sums what comes without.
    let named = algorithm.or_else(|| version.checksum.as_ref().map(|checksum| checksum.algorithm.clone()));
    let checksum = match named {
        None => None,
        Some(name) => Some(
            checksums::whole(&name, &body)
                .ok_or_else(|| ApiError::not_implemented(format!("checksums of the algorithm {name}")))?,
        ),
    };
    let content = Content::whole(body, checksum);
    let mut xml =
        Xml::new().text("LastModified", iso(super::modified(call))).text("ETag", format!("\"{}\"", content.etag));
    if let Some(checksum) = &content.checksum {
        xml = xml.text("ChecksumType", checksum.kind()).text(checksum.element(), &checksum.value);
    }
    let mut reply = Reply::document("CopyObjectResult", xml);
    if from.versioning.is_some() {
        reply = reply.header("x-amz-copy-source-version-id", version.version.clone());
    }
    let told = store(call, &bucket, &key, content, attributes);
    Ok(told.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value)))
}

/// The name of a key's newest version.
fn latest_name(call: &Call<'_>, bucket: &Bucket, key: &str) -> String {
    super::objects::versions(call, &bucket.name, key).next().map(|it| it.version.clone()).unwrap_or_default()
}

/// The bytes of a source that `x-amz-copy-source-range` names.
pub(super) fn range(call: &mut Call<'_>, size: usize) -> Result<std::ops::Range<usize>, ApiError> {
    let Some(text) = call.params.text_opt("x-amz-copy-source-range")? else { return Ok(0..size) };
    let wrong = || {
        argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                  zero-based offsets of the first and last bytes to copy",
        )
        .with("ArgumentName", "x-amz-copy-source-range")
        .with("ArgumentValue", Value::String(text.clone()))
    };
    let (first, last) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-')).ok_or_else(wrong)?;
    let (first, last): (usize, usize) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first > last {
        return Err(wrong());
    }
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(argument(message));
    }
    Ok(first..last + 1)
}
