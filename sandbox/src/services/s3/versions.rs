//! Lists of object versions and delete markers.

use super::listings::{Listing, object_xml};
use super::model::{Version, key_rows};
use super::reads::check_version_name;
use super::{argument, bucket, iso, owner_xml};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[read("ListObjectVersions", list_object_versions)];

/// What the page before ended with.
struct Marker {
    key: String,
    version: Option<String>,
}

impl Marker {
    /// Whether a version was already listed.
    fn passes(&self, row: &Version, entry: &str) -> bool {
        if row.key != self.key {
            return entry <= self.key.as_str();
        }
        match &self.version {
            None => true,
            // The name of a version tells its place, also when it is gone.
            Some(version) => match version.get(..16).filter(|_| version.len() == 32) {
                Some(order) => row.id.as_str() <= format!("{}{order}", key_rows(&row.bucket, &row.key)).as_str(),
                None => false,
            },
        }
    }
}

fn list_object_versions(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let listing = Listing::take(call, "max-keys")?;
    let key = call.params.text_opt("key-marker")?.filter(|text| !text.is_empty());
    let version = call.params.text_opt("version-id-marker")?.filter(|text| !text.is_empty());
    if let Some(version) = &version {
        if key.is_none() {
            return Err(argument("A version-id marker cannot be specified without a key marker."));
        }
        check_version_name(version)?;
    }
    let marker = key.map(|key| Marker { key, version });
    let from = marker.as_ref().map_or("", |marker| marker.key.as_str());
    // The null version has no place in its name: it is found by looking.
    let null_row = marker.as_ref().filter(|marker| marker.version.as_deref() == Some("null")).and_then(|marker| {
        let mut rows = super::objects::versions(call, &bucket.name, &marker.key);
        rows.find(|row| row.version == "null").map(|row| row.id.clone())
    });
    let (mut entries, mut prefixes) = (Vec::new(), Vec::new());
    let mut last: Option<(String, Option<String>)> = None;
    let mut next = None;
    let mut seen_key = None;
    for row in listing.rows(call, &bucket, from) {
        let latest = seen_key != Some(row.key.as_str());
        seen_key = Some(row.key.as_str());
        let group = listing.group(&row.key);
        let entry = group.unwrap_or(&row.key);
        let before_null = null_row.as_ref().is_some_and(|null| row.id <= *null);
        if before_null || marker.as_ref().is_some_and(|marker| marker.passes(row, entry)) {
            continue;
        }
        let repeated = last.as_ref().is_some_and(|(last, version)| version.is_none() && last == entry);
        if group.is_some() && repeated {
            continue;
        }
        if entries.len() + prefixes.len() >= listing.size {
            next = last.take();
            break;
        }
        if let Some(group) = group {
            prefixes.push(listing.text(group));
            last = Some((group.to_owned(), None));
            continue;
        }
        last = Some((row.key.clone(), Some(row.version.clone())));
        let tail = Xml::new().text("VersionId", &row.version).text("IsLatest", latest).child("Owner", owner_xml(call));
        entries.push(if row.delete_marker {
            let head = Xml::new().text("Key", listing.text(&row.key)).text("LastModified", iso(row.modified));
            ("DeleteMarker", head.extend(tail))
        } else {
            ("Version", object_xml(&listing, row).extend(tail))
        });
    }
    let (next_key, next_version) = next.clone().map_or((None, None), |(key, version)| (Some(key), version));
    let (key, version) = marker.map_or((String::new(), None), |marker| (marker.key, marker.version));
    let mut xml = listing
        .echo(&bucket)
        .text("KeyMarker", listing.text(&key))
        .text("VersionIdMarker", version.unwrap_or_default())
        .text_opt("NextKeyMarker", next_key.map(|key| listing.text(&key)))
        .text_opt("NextVersionIdMarker", next_version)
        .text("IsTruncated", next.is_some());
    for (name, entry) in entries {
        xml = xml.child(name, entry);
    }
    for prefix in prefixes {
        xml = xml.child("CommonPrefixes", Xml::new().text("Prefix", prefix));
    }
    Ok(Reply::document("ListVersionsResult", xml))
}
