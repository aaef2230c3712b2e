//! Objects read: whole, in part, or only their headers.

use jiff::Timestamp;

use super::model::{Bucket, NULL_VERSION, Version};
use super::objects::{no_such_key, precondition, same_etag, versions};
use super::{argument, bucket, done};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::{Body, Reply};

pub(super) const OPERATIONS: &[Operation] = &[read("GetObject", get_object), read("HeadObject", head_object)];

/// The version that a reading request asks for.
fn wanted(call: &mut Call<'_>, bucket: &Bucket, key: &str) -> Result<Version, ApiError> {
    let marker = |error: ApiError, version: &Version| {
        let error = error.header("x-amz-delete-marker", "true");
        error.header("x-amz-version-id", version.version.clone())
    };
    let Some(name) = call.params.text_opt("versionId")? else {
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
            Err(marker(ApiError::new(405, "MethodNotAllowed", message), version))
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

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The reply of a reading request, without its content.
fn describe(call: &mut Call<'_>) -> Result<(Version, Reply), ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    let checksum_mode = call.params.text_opt("x-amz-checksum-mode")?;
    let only_match = call.params.text_opt("if-match")?;
    let none_match = call.params.text_opt("if-none-match")?;
    let version = wanted(call, &bucket, &key)?;
    if only_match.is_some_and(|given| !same_etag(&given, &version)) {
        return Err(precondition("If-Match"));
    }
    let etag = format!("\"{}\"", version.etag);
    if none_match.is_some_and(|given| same_etag(&given, &version)) {
        return Err(ApiError::new(304, "NotModified", "Not Modified").header("etag", etag));
    }
    let mut reply = done()
        .header("etag", etag)
        .header("last-modified", http_date(version.created))
        .header("accept-ranges", "bytes")
        .header("content-length", version.body.0.len().to_string());
    for (name, value) in &version.headers {
        reply = reply.header(name, value.clone());
    }
    if version.storage_class != "STANDARD" {
        reply = reply.header("x-amz-storage-class", version.storage_class.clone());
    }
    if bucket.versioning.is_some() {
        reply = reply.header("x-amz-version-id", version.version.clone());
    }
    match (checksum_mode, &version.checksum) {
        (None, _) | (_, None) => {}
        (Some(mode), _) if mode != "ENABLED" => return Err(argument(format!("Invalid checksum mode {mode}"))),
        (_, Some((algorithm, value))) => {
            reply = reply.header(&format!("x-amz-checksum-{algorithm}"), value.clone());
            reply = reply.header("x-amz-checksum-type", "FULL_OBJECT");
        }
    }
    Ok((version, reply))
}

fn head_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    Ok(describe(call)?.1)
}

fn get_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let range = call.params.text_opt("range")?;
    let (version, reply) = describe(call)?;
    let body = version.body.0;
    let Some((first, last)) = range.and_then(|range| byte_range(&range, body.len())).transpose()? else {
        return Ok(Reply { body: Body::Raw(body), ..reply });
    };
    let content_range = format!("bytes {first}-{last}/{}", body.len());
    let part = body.slice(first..=last);
    // A checksum of the whole says nothing about a part of it.
    let mut headers = reply.headers;
    headers.retain(|(name, _)| name != "content-length" && !name.starts_with("x-amz-checksum-"));
    headers.push(("content-length".to_owned(), part.len().to_string()));
    headers.push(("content-range".to_owned(), content_range));
    Ok(Reply { status: 206, headers, body: Body::Raw(part) })
}

/// First and last byte of a range; `None` for a header that is to be ignored.
fn byte_range(header: &str, size: usize) -> Option<Result<(usize, usize), ApiError>> {
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
        return Some(Err(error.with("ActualObjectSize", size)));
    }
    Some(Ok((first, last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        let range = |text| byte_range(text, 10).map(Result::unwrap);
        assert_eq!(range("bytes=0-3"), Some((0, 3)));
        assert_eq!(range("bytes=4-"), Some((4, 9)));
        assert_eq!(range("bytes=-3"), Some((7, 9)));
        assert_eq!(range("bytes=8-99"), Some((8, 9)));
        assert_eq!(range("lines=1-2"), None);
        assert_eq!(byte_range("bytes=10-", 10).unwrap().unwrap_err().status, 416);
    }
}
