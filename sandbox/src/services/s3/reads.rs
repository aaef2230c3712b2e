//! Objects read: whole, in part, or only their headers.

use std::ops::Range;

use super::conditions::{Conditions, http_date};
use super::model::{Bucket, NULL_VERSION, Version};
use super::objects::{no_such_key, versions};
use super::{argument, bucket, checksums, done};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::{Body, Reply};
use crate::wire::request::Signature;

pub(super) const OPERATIONS: &[Operation] = &[read("GetObject", get_object), read("HeadObject", head_object)];

/// The version that a reading request asks for.
pub(super) fn wanted(call: &mut Call<'_>, bucket: &Bucket, key: &str) -> Result<Version, ApiError> {
    let name = call.params.text_opt("versionId")?;
    wanted_version(call, bucket, key, name)
}

/// A version by its name, the newest without one.
pub(super) fn wanted_version(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    name: Option<String>,
) -> Result<Version, ApiError> {
    let marker = |error: ApiError, version: &Version| {
        let error = error.header("x-amz-delete-marker", "true");
        error.header("x-amz-version-id", version.version.clone())
    };
    let Some(name) = name else {
        let newest = versions(call, &bucket.name, key).next();
        return match newest {
            None => Err(no_such_key(key)),
            Some(version) if version.delete_marker => Err(marker(no_such_key(key), version)),
            Some(version) => Ok(version.clone()),
        };
    };
    check_version_name(&name)?;
    let found = versions(call, &bucket.name, key).find(|version| version.version == name);
    match found {
        None => {
            let error = ApiError::new(404, "NoSuchVersion", "The specified version does not exist.");
            Err(error.with("Key", key).with("VersionId", name))
        }
        Some(version) if version.delete_marker => {
            let message = "The specified method is not allowed against this resource.";
            let error = ApiError::new(405, "MethodNotAllowed", message).header("allow", "DELETE");
            Err(marker(error.header("last-modified", http_date(version.modified)), version))
        }
        Some(version) => Ok(version.clone()),
    }
}

pub(super) fn check_version_name(name: &str) -> Result<(), ApiError> {
    let own = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if own || name == NULL_VERSION {
        return Ok(());
    }
    Err(argument("Invalid version id specified").with("ArgumentName", "versionId").with("ArgumentValue", name))
}

/// Parameters of a presigned address, and the headers of the reply that they set.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// The reply of a reading request, without its content.
fn describe(call: &mut Call<'_>) -> Result<(Version, Reply), ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    let checksum_mode = call.params.text_opt("x-amz-checksum-mode")?;
    let conditions = Conditions::take(call, "")?;
    let version = wanted(call, &bucket, &key)?;
    let etag = format!("\"{}\"", version.etag);
    let versioned = bucket.versioning.is_some();
    if conditions.is_known(&version)? {
        let mut error = ApiError::new(304, "NotModified", "Not Modified").header("etag", etag);
        error = error.header("last-modified", http_date(version.modified));
        return Err(if versioned { error.header("x-amz-version-id", version.version) } else { error });
    }
    let mut reply = done()
        .header("etag", etag)
        .header("last-modified", http_date(version.modified))
        .header("accept-ranges", "bytes")
        .header("content-length", version.body.0.len().to_string());
    for (name, value) in &version.headers {
        reply = reply.header(name, value.clone());
    }
    for (parameter, header) in OVERRIDES {
        let Some(value) = call.params.text_opt(parameter)? else { continue };
        if call.request.signature == Signature::None {
            let message = "Request specific response headers cannot be used for anonymous GET requests.";
            return Err(ApiError::bad("InvalidRequest", message));
        }
        reply.headers.retain(|(name, _)| name != header);
        reply = reply.header(header, value);
    }
    if version.storage_class != "STANDARD" {
        reply = reply.header("x-amz-storage-class", version.storage_class.clone());
    }
    if versioned {
        reply = reply.header("x-amz-version-id", version.version.clone());
    }
    if !version.tags.is_empty() {
        reply = reply.header("x-amz-tagging-count", version.tags.len().to_string());
    }
    match (checksum_mode, &version.checksum) {
        (None, _) | (_, None) => {}
        (Some(mode), _) if mode != "ENABLED" => return Err(argument(format!("Invalid checksum mode {mode}"))),
        (_, Some(checksum)) => reply = checksums::tell(reply, checksum),
    }
    Ok((version, reply))
}

/// The whole object, the bytes of a range, or one of the parts that it was uploaded in.
fn answer(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let range = call.params.text_opt("range")?;
    let number = call.params.int_opt("partNumber")?;
    let (version, mut reply) = describe(call)?;
    let size = version.body.0.len();
    if number.is_some() && range.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(ApiError::bad("InvalidRequest", message));
    }
    let part = match number {
        None => range.and_then(|range| byte_range(&range, size)).transpose()?,
        Some(number) => {
            if !version.parts.is_empty() {
                reply = reply.header("x-amz-mp-parts-count", version.parts.len().to_string());
            }
            part_range(&version, number)?
        }
    };
    let Some(part) = part else { return Ok(Reply { body: Body::Raw(version.body.0), ..reply }) };
    let body = version.body.0.slice(part.clone());
    // A checksum of the whole says nothing about a part of it.
    let mut headers = reply.headers;
    headers.retain(|(name, _)| name != "content-length" && !name.starts_with("x-amz-checksum-"));
    headers.push(("content-length".to_owned(), body.len().to_string()));
    if !part.is_empty() {
        headers.push(("content-range".to_owned(), format!("bytes {}-{}/{size}", part.start, part.end - 1)));
    }
    Ok(Reply { headers, ..Reply::raw(206, body) })
}

/// The bytes of a part by its number; an object that came whole is its own first part.
fn part_range(version: &Version, number: i64) -> Result<Option<Range<usize>>, ApiError> {
    let message = "The requested partnumber is not satisfiable";
    let wrong = || ApiError::new(416, "InvalidPartNumber", message).with("PartNumberRequested", number);
    let at = usize::try_from(number).ok().filter(|at| *at > 0).ok_or_else(wrong)? - 1;
    if version.parts.is_empty() {
        return if at == 0 { Ok(Some(0..version.body.0.len())) } else { Err(wrong()) };
    }
    let size = |sizes: &[u64]| usize::try_from(sizes.iter().sum::<u64>()).unwrap_or(usize::MAX);
    let (Some(before), Some(until)) = (version.parts.get(..at), version.parts.get(..=at)) else { return Err(wrong()) };
    Ok(Some(size(before)..size(until)))
}

fn head_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    // The sandbox takes the content off the reply (`sandbox::handle`).
    answer(call)
}

fn get_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    answer(call)
}

/// The bytes of a range; `None` for a header that is to be ignored.
fn byte_range(header: &str, size: usize) -> Option<Result<Range<usize>, ApiError>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    if last.contains(',') {
        return Some(Err(ApiError::not_implemented("several ranges in one request")));
    }
    let end = size.checked_sub(1);
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, end.map_or(0, |end| last.min(end))),
        (Ok(first), Err(_)) if last.is_empty() => (first, end.unwrap_or(0)),
        (Err(_), Ok(count)) if first.is_empty() => (size.saturating_sub(count), end.unwrap_or(0)),
        _ => return None,
    };
    if end.is_none_or(|end| first > end) {
        let error = ApiError::new(416, "InvalidRange", "The requested range is not satisfiable");
        return Some(Err(error.with("RangeRequested", header).with("ActualObjectSize", size.to_string())));
    }
    Some(Ok(first..last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        let range = |text| byte_range(text, 10).map(Result::unwrap);
        assert_eq!(range("bytes=0-3"), Some(0..4));
        assert_eq!(range("bytes=4-"), Some(4..10));
        assert_eq!(range("bytes=-3"), Some(7..10));
        assert_eq!(range("bytes=8-99"), Some(8..10));
        assert_eq!(range("lines=1-2"), None);
        assert_eq!(byte_range("bytes=10-", 10).unwrap().unwrap_err().status, 416);
    }
}
