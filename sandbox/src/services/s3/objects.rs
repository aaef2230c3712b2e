//! Objects written; what writing, reading and removing share.

use bytes::Bytes;

use super::model::{Body, Bucket, Checksum, NULL_VERSION, Version, key_rows, row};
use super::object_headers::Attributes;
use super::{bucket, checksums, done};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[write("PutObject", put_object)];

/// Objects live in memory and in a log; large ones are refused rather than making both slow.
pub(super) const LARGEST: usize = 1 << 30;

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

/// The key of a request that writes, if it is not too long.
pub(super) fn new_key(call: &mut Call<'_>) -> Result<String, ApiError> {
    let key = call.params.text("Key")?;
    if key.len() > 1024 {
        return Err(ApiError::bad("KeyTooLongError", "Your key is too long").with("MaxSizeAllowed", 1024));
    }
    Ok(key)
}

pub(super) fn check_size(size: usize) -> Result<(), ApiError> {
    if size > LARGEST {
        let message = format!("The sandbox keeps objects of up to {LARGEST} bytes");
        return Err(ApiError::bad("EntityTooLarge", message).with("ProposedSize", size));
    }
    Ok(())
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

/// Content on its way to becoming an object.
pub(super) struct Content {
    pub(super) body: Bytes,
    pub(super) etag: String,
    pub(super) checksum: Option<Checksum>,
    pub(super) parts: Vec<u64>,
}

impl Content {
    /// Content that came in one piece; a checksum that was not given is computed, as S3 does.
    pub(super) fn whole(body: Bytes, checksum: Option<Checksum>) -> Self {
        let checksum = checksum.or_else(|| checksums::own(&body));
        Self { etag: checksums::etag(&body), checksum, body, parts: Vec::new() }
    }
}

/// Makes the newest version of a key; gives the headers that tell of it.
pub(super) fn store(
    call: &mut Call<'_>,
    bucket: &Bucket,
    key: &str,
    content: Content,
    attributes: Attributes,
) -> Vec<(String, String)> {
    let (created, modified, name) = (call.now, super::modified(call), bucket.name.clone());
    let mut told: Vec<(String, String)> =
        attributes.encryption().map(|(name, value)| (name.clone(), value.clone())).collect();
    let version = push(call, bucket, key, |id, version| Version {
        id,
        bucket: name,
        key: key.to_owned(),
        version,
        created,
        modified,
        delete_marker: false,
        etag: content.etag,
        body: Body(content.body),
        headers: attributes.headers,
        storage_class: attributes.storage_class,
        tags: attributes.tags,
        checksum: content.checksum,
        parts: content.parts,
    });
    if bucket.versioning.is_some() {
        told.push(("x-amz-version-id".to_owned(), version));
    }
    told
}

fn put_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let key = new_key(call)?;
    let body = call.request.body.clone();
    check_size(body.len())?;
    let checksum = checksums::verify(call.request)?;
    check_write(call, &bucket, &key)?;
    let attributes = Attributes::take(call, &bucket)?;
    let content = Content::whole(body, checksum);
    let mut reply = done().header("etag", format!("\"{}\"", content.etag));
    if let Some(checksum) = &content.checksum {
        reply = checksums::tell(reply, checksum);
    }
    let told = store(call, &bucket, &key, content, attributes);
    Ok(told.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value)))
}

/// Conditional writes.
pub(super) fn check_write(call: &mut Call<'_>, bucket: &Bucket, key: &str) -> Result<(), ApiError> {
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
