//! Buckets and object versions as stored.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use crate::content::Body;
use crate::store::{GLOBAL, Object, World};

/// A bucket and everything that is set on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) created: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    /// Four flags; `None` when they were deleted.
    pub(super) public_access: Option<PublicAccess>,
    /// As XML writes it.
    pub(super) encryption: Value,
    /// `Enabled` or `Suspended`; `None` when never set.
    pub(super) versioning: Option<String>,
    pub(super) policy: Option<String>,
    /// As XML writes it.
    pub(super) lifecycle: Option<Value>,
    pub(super) ownership: Option<String>,
}

impl Object for Bucket {
    const KIND: &'static str = "s3/bucket";
    // Names are unique over all regions.
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn tags(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("s3".to_owned(), self.name.clone()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublicAccess {
    pub(super) block_acls: bool,
    pub(super) ignore_acls: bool,
    pub(super) block_policy: bool,
    pub(super) restrict: bool,
}

/// The name of versions that were written while versioning was not enabled.
pub(super) const NULL_VERSION: &str = "null";

/// A checksum as S3 keeps it: what was summed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    /// `crc32`
    pub(super) algorithm: String,
    pub(super) value: String,
    /// Of the checksums of an upload's parts, and not of the content.
    pub(super) is_composite: bool,
}

impl Checksum {
    /// Of content as a whole.
    pub(super) fn whole(algorithm: impl Into<String>, value: impl Into<String>) -> Self {
        Self { algorithm: algorithm.into(), value: value.into(), is_composite: false }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.is_composite { "COMPOSITE" } else { "FULL_OBJECT" }
    }

    /// The element of a reply that holds it.
    pub(super) fn element(&self) -> String {
        format!("Checksum{}", self.algorithm.to_uppercase())
    }
}

/// One version of an object, or a delete marker. Of a row, only the tags ever change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    /// Bucket, key and age: versions of a key stand together, the newest first.
    pub(super) id: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: String,
    pub(super) created: Timestamp,
    pub(super) delete_marker: bool,
    /// Without quotation marks.
    pub(super) etag: String,
    pub(super) body: Body,
    /// Headers that are given back as they came, with `x-amz-meta-`.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) storage_class: String,
    /// The checksum that came with the object, or that S3 computed.
    pub(super) checksum: Option<Checksum>,
    /// When it was written, by the client's clock, if the account's runs ahead of that.
    pub(super) modified: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    /// The sizes of the parts that it was uploaded in; none for an object that came whole.
    pub(super) parts: Vec<u64>,
}

impl Object for Version {
    const KIND: &'static str = "s3/object";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// An upload in parts that is neither complete nor aborted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    /// Bucket, key and name: uploads are listed by key, then by age.
    pub(super) row: String,
    /// What clients call it.
    pub(super) name: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) storage_class: String,
    pub(super) tags: BTreeMap<String, String>,
    /// The algorithm of its checksums, and whether the parts' checksums are summed; none when it was begun without.
    pub(super) checksum: Option<(String, bool)>,
}

impl Object for Upload {
    const KIND: &'static str = "s3/upload";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.row
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// One part of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    /// The upload's row and the part's number.
    pub(super) row: String,
    pub(super) number: u32,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) etag: String,
    pub(super) checksum: Option<Checksum>,
    pub(super) body: Body,
}

impl Object for Part {
    const KIND: &'static str = "s3/part";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.row
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// The row of an upload's part.
pub(super) fn part_row(upload: &Upload, number: u32) -> String {
    format!("{}\0{number:05}", upload.row)
}

/// Is there an object with this key, or with this prefix? Nothing = the account has no such bucket.
pub(crate) fn holds(world: &World, bucket: &str, key: &str, prefix: bool) -> Option<bool> {
    world.get::<Bucket>(GLOBAL, bucket)?;
    let start = if prefix { format!("{}{key}", bucket_rows(bucket)) } else { key_rows(bucket, key) };
    let mut rows = world.all_from::<Version>(GLOBAL, start.clone()).take_while(|it| it.id.starts_with(&start));
    Some(rows.any(|it| !it.delete_marker))
}

/// The content of a version, the newest without a name, for another service in a region. An error is S3's code and
/// sentence.
pub(crate) fn content(
    world: &World,
    region: &str,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Bytes, (&'static str, String)> {
    let Some(found) = world.get::<Bucket>(GLOBAL, bucket) else {
        return Err(("NoSuchBucket", "The specified bucket does not exist".to_owned()));
    };
    if found.region != region {
        let place = &found.region;
        let message = format!("The bucket is in this region: {place}. Please use this region to retry the request");
        return Err(("PermanentRedirect", message));
    }
    let start = key_rows(bucket, key);
    let mut rows = world.all_from::<Version>(GLOBAL, start.clone()).take_while(|it| it.id.starts_with(&start));
    let row = rows.find(|it| version.is_none_or(|version| it.version == version));
    match (row, version) {
        (Some(row), _) if !row.delete_marker => Ok(row.body.0.clone()),
        (None, Some(_)) => Err(("NoSuchVersion", "The specified version does not exist.".to_owned())),
        _ => Err(("NoSuchKey", "The specified key does not exist.".to_owned())),
    }
}

/// A service of the account writes an object under a key that is new; nothing where the account has no such bucket.
pub(crate) fn write(world: &mut World, now: Timestamp, bucket: &str, key: &str, body: Vec<u8>) {
    let Some(found) = world.get::<Bucket>(GLOBAL, bucket) else { return };
    let versioned = found.versioning.as_deref() == Some("Enabled");
    let tail = world.new_hex(16);
    let (id, order) = row(bucket, key, world.counter());
    let body = Bytes::from(body);
    let version = Version {
        id,
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: if versioned { format!("{order}{tail}") } else { NULL_VERSION.to_owned() },
        created: now,
        delete_marker: false,
        etag: super::checksums::etag(&body),
        checksum: super::checksums::own(&body),
        body: Body(body),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        storage_class: "STANDARD".to_owned(),
        modified: now.min(Timestamp::now()),
        tags: BTreeMap::new(),
        parts: Vec::new(),
    };
    world.put(GLOBAL, version);
}

/// What all rows of a bucket begin with.
pub(super) fn bucket_rows(bucket: &str) -> String {
    format!("{bucket}\0")
}

/// What all rows of a key begin with.
pub(super) fn key_rows(bucket: &str, key: &str) -> String {
    format!("{bucket}\0{key}\0")
}

/// The row of a version written as the account's `number`th thing, and the sixteen digits that order it. Later ones
/// sort first.
pub(super) fn row(bucket: &str, key: &str, number: u64) -> (String, String) {
    let order = format!("{:016x}", u64::MAX - number);
    (format!("{}{order}", key_rows(bucket, key)), order)
}
