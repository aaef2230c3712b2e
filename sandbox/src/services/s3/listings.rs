//! Lists of objects, by page, prefix and delimiter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::model::{Bucket, Checksum, Version, bucket_rows};
use super::{argument, bucket, iso, owner_xml};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[read("ListObjectsV2", list_objects_v2), read("ListObjects", list_objects)];

/// What every list is asked for.
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    pub(super) size: usize,
    pub(super) asked_size: i64,
    pub(super) encode: bool,
}

impl Listing {
    /// `limit` is the name of the parameter that says how many entries a page holds.
    pub(super) fn take(call: &mut Call<'_>, limit: &str) -> Result<Self, ApiError> {
        let prefix = call.params.text_opt("prefix")?.unwrap_or_default();
        let delimiter = call.params.text_opt("delimiter")?.filter(|text| !text.is_empty());
        let asked_size = call.params.int_opt(limit)?.unwrap_or(1000);
        let Ok(size) = usize::try_from(asked_size) else {
            return Err(argument(format!("Argument {limit} must be an integer between 0 and 2147483647")));
        };
        let encode = match call.params.text_opt("encoding-type")?.as_deref() {
            None => false,
            Some("url") => true,
            Some(_) => return Err(argument("Invalid Encoding Method specified in Request")),
        };
        // Restoring from archives is not simulated: there is nothing to say about it.
        call.params.text_opt("x-amz-optional-object-attributes")?;
        let asked_size = asked_size.min(1000);
        Ok(Self { prefix, delimiter, size: size.min(1000), asked_size, encode })
    }

    /// A key as the reply writes it.
    pub(super) fn text(&self, key: &str) -> String {
        if self.encode { percent(key) } else { key.to_owned() }
    }

    /// The common prefix under which a key is hidden, if it is.
    pub(super) fn group<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_ref()?;
        let rest = key.get(self.prefix.len()..)?;
        let at = rest.find(delimiter.as_str())?;
        key.get(..self.prefix.len() + at + delimiter.len())
    }

    /// The elements that repeat the question.
    pub(super) fn echo(&self, bucket: &Bucket) -> Xml {
        Xml::new()
            .text("Name", &bucket.name)
            .text("Prefix", self.text(&self.prefix))
            .text_opt("Delimiter", self.delimiter.as_ref().map(|text| self.text(text)))
            .text("MaxKeys", self.asked_size)
            .text_opt("EncodingType", self.encode.then_some("url"))
    }

    /// All versions of all keys with the prefix, in order, from a key on.
    pub(super) fn rows<'c>(
        &self,
        call: &'c Call<'_>,
        bucket: &Bucket,
        from: &str,
    ) -> impl Iterator<Item = &'c Version> {
        let rows = bucket_rows(&bucket.name);
        let start = format!("{rows}{}", self.prefix.as_str().max(from));
        let prefix = format!("{rows}{}", self.prefix);
        call.all_from::<Version>(start).take_while(move |version| version.id.starts_with(&prefix))
    }
}

/// Percent-encoding that leaves slashes, as lists write keys on request.
pub(super) fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The parts of an entry that objects and versions share.
pub(super) fn object_xml(listing: &Listing, version: &Version) -> Xml {
    let checksum = version.checksum.as_ref();
    Xml::new()
        .text("Key", listing.text(&version.key))
        .text("LastModified", iso(version.modified))
        .text("ETag", format!("\"{}\"", version.etag))
        .text_opt("ChecksumAlgorithm", checksum.map(|it| it.algorithm.to_uppercase()))
        .text_opt("ChecksumType", checksum.map(Checksum::kind))
        .text("Size", version.body.0.len())
        .text("StorageClass", &version.storage_class)
}

/// Where a page begins.
enum After {
    /// Keys above this one, as the client chose.
    Key(String),
    /// What stands above the last entry of the page before: a key or a common prefix.
    Entry(String),
}

/// One page of a bucket's objects.
struct Page {
    /// Entries and common prefixes, as the reply lists them.
    contents: Vec<Xml>,
    prefixes: Vec<String>,
    /// The last entry, if another page follows.
    last: Option<String>,
}

fn page(call: &Call<'_>, bucket: &Bucket, listing: &Listing, after: &After, with_owner: bool) -> Page {
    let from = match after {
        After::Key(text) | After::Entry(text) => text.as_str(),
    };
    let mut page = Page { contents: Vec::new(), prefixes: Vec::new(), last: None };
    let (mut seen_key, mut last, mut more) = (None, String::new(), false);
    for version in listing.rows(call, bucket, from) {
        let newest = seen_key != Some(version.key.as_str());
        seen_key = Some(version.key.as_str());
        if !newest || version.delete_marker {
            continue;
        }
        let group = listing.group(&version.key);
        let entry = group.unwrap_or(&version.key);
        let passed_by = match after {
            After::Key(key) => version.key <= *key,
            After::Entry(before) => entry <= before.as_str(),
        };
        if passed_by || (group.is_some() && last == entry) {
            continue;
        }
        if page.contents.len() + page.prefixes.len() >= listing.size {
            // A page of no entries is complete, whatever is in the bucket.
            more = listing.size > 0;
            break;
        }
        entry.clone_into(&mut last);
        match group {
            Some(group) => page.prefixes.push(listing.text(group)),
            None => {
                let owner = with_owner.then(|| owner_xml(call));
                page.contents.push(object_xml(listing, version).child_opt("Owner", owner));
            }
        }
    }
    page.last = Some(last).filter(|_| more);
    page
}

fn entries(xml: Xml, page: Page) -> Reply {
    let xml = page.contents.into_iter().fold(xml, |xml, entry| xml.child("Contents", entry));
    let prefix = |xml: Xml, prefix| xml.child("CommonPrefixes", Xml::new().text("Prefix", prefix));
    Reply::document("ListBucketResult", page.prefixes.into_iter().fold(xml, prefix))
}

fn list_objects_v2(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let listing = Listing::take(call, "max-keys")?;
    let start_after = call.params.text_opt("start-after")?;
    let token = call.params.text_opt("continuation-token")?;
    let with_owner = call.params.flag("fetch-owner")?;
    let after = match (&token, &start_after) {
        (Some(token), _) => {
            let text = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.filter(|text| !text.is_empty());
            After::Entry(text.ok_or_else(|| argument("The continuation token provided is incorrect"))?)
        }
        (None, Some(key)) => After::Key(key.clone()),
        (None, None) => After::Key(String::new()),
    };
    let page = page(call, &bucket, &listing, &after, with_owner);
    let xml = listing
        .echo(&bucket)
        .text("KeyCount", page.contents.len() + page.prefixes.len())
        .text("IsTruncated", page.last.is_some())
        .text_opt("ContinuationToken", token)
        .text_opt("NextContinuationToken", page.last.as_ref().map(|last| STANDARD.encode(last)))
        .text_opt("StartAfter", start_after.map(|key| listing.text(&key)));
    Ok(entries(xml, page))
}

fn list_objects(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let listing = Listing::take(call, "max-keys")?;
    let marker = call.params.text_opt("marker")?.unwrap_or_default();
    // A marker that ends a page of common prefixes is one of them: all that it stands for was listed.
    let after = match listing.group(&marker) {
        Some(group) if group == marker => After::Entry(marker.clone()),
        _ => After::Key(marker.clone()),
    };
    let page = page(call, &bucket, &listing, &after, true);
    // Without a delimiter the last key of the page is the next marker, and S3 does not repeat it.
    let next = page.last.as_ref().filter(|_| listing.delimiter.is_some()).map(|last| listing.text(last));
    let xml = listing
        .echo(&bucket)
        .text("Marker", listing.text(&marker))
        .text_opt("NextMarker", next)
        .text("IsTruncated", page.last.is_some());
    Ok(entries(xml, page))
}
