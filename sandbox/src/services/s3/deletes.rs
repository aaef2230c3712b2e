//! Objects removed, one by one or a thousand at once; delete markers.

use std::collections::BTreeMap;

use super::model::{Body, Bucket, Version};
use super::objects::{current, header_not_implemented, no_such_key, precondition, push, same_etag, versions};
use super::reads::check_version_name;
use super::{bucket, checked_body, malformed, no_content};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[write("DeleteObject", delete_object), write("DeleteObjects", delete_objects)];

/// What a deletion did.
#[derive(Debug, Default)]
struct Deleted {
    /// The version that was removed, or the delete marker that was written.
    version: Option<String>,
    /// A delete marker was written or removed.
    marker: bool,
}

fn delete_one(
    call: &mut Call<'_>,
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
    etag: Option<&str>,
) -> Result<Deleted, ApiError> {
    if let Some(name) = version {
        check_version_name(name)?;
        if etag.is_some() {
            return Err(header_not_implemented("If-Match"));
        }
        let found = versions(call, &bucket.name, key).find(|version| version.version == name);
        let found = found.map(|version| (version.id.clone(), version.delete_marker));
        if let Some((id, _)) = &found {
            call.remove::<Version>(id);
        }
        // Removing a version that is not there succeeds as well.
        return Ok(Deleted { version: Some(name.to_owned()), marker: found.is_some_and(|(_, marker)| marker) });
    }
    if let Some(etag) = etag {
        match current(call, &bucket.name, key) {
            None => return Err(no_such_key(key)),
            Some(version) if same_etag(etag, version) => {}
            Some(_) => return Err(precondition("If-Match")),
        }
    }
    if bucket.versioning.is_none() {
        let only = versions(call, &bucket.name, key).next().map(|version| version.id.clone());
        if let Some(id) = only {
            call.remove::<Version>(&id);
        }
        return Ok(Deleted::default());
    }
    let (created, modified, name) = (call.now, super::modified(call), bucket.name.clone());
    let version = push(call, bucket, key, |id, version| Version {
        id,
        bucket: name,
        key: key.to_owned(),
        version,
        created,
        modified,
        delete_marker: true,
        etag: String::new(),
        body: Body::default(),
        headers: BTreeMap::new(),
        storage_class: String::new(),
        checksum: None,
        tags: BTreeMap::new(),
        parts: Vec::new(),
    });
    Ok(Deleted { version: Some(version), marker: true })
}

fn delete_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    let version = call.params.text_opt("versionId")?;
    let etag = call.params.text_opt("if-match")?;
    let deleted = delete_one(call, &bucket, &key, version.as_deref(), etag.as_deref())?;
    let mut reply = no_content();
    if deleted.marker {
        reply = reply.header("x-amz-delete-marker", "true");
    }
    if let Some(version) = deleted.version {
        reply = reply.header("x-amz-version-id", version);
    }
    Ok(reply)
}

fn delete_objects(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut input = checked_body(call, "Delete")?;
    let quiet = input.flag("Quiet")?;
    let items = input.structs("Object")?;
    if items.is_empty() || items.len() > 1000 {
        return Err(malformed());
    }
    let mut xml = Xml::new();
    for mut item in items {
        let key = item.text("Key")?;
        let version = item.text_opt("VersionId")?.filter(|version| !version.is_empty());
        let etag = item.text_opt("ETag")?;
        // One object's failure is an entry of the reply, not a failure of the call.
        match delete_one(call, &bucket, &key, version.as_deref(), etag.as_deref()) {
            Ok(_) if quiet => {}
            Ok(deleted) => {
                let mut entry = Xml::new().text("Key", &key).text_opt("VersionId", version.as_ref());
                if deleted.marker {
                    entry = entry.text("DeleteMarker", true).text_opt("DeleteMarkerVersionId", deleted.version);
                }
                xml = xml.child("Deleted", entry);
            }
            Err(error) => {
                let entry = Xml::new().text("Key", &key).text_opt("VersionId", version);
                xml = xml.child("Error", entry.text("Code", error.code).text("Message", error.message));
            }
        }
    }
    Ok(Reply::document("DeleteResult", xml))
}
