//! Buckets and object versions as stored.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::store::Object;

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

/// One version of an object, or a delete marker. Rows are never changed, only written and removed.
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
    /// Algorithm (`crc32`) and value of the checksum that came with the object.
    pub(super) checksum: Option<(String, String)>,
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

/// Content, in files as base64.
#[derive(Debug, Clone, Default)]
pub(super) struct Body(pub(super) Bytes);

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
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
