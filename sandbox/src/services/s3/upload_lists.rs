//! Lists of uploads under way, and of the parts of one.

use super::listings::Listing;
use super::model::{Part, Upload, bucket_rows};
use super::uploads::{named, parts};
use super::{argument, bucket, iso, owner_xml};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[read("ListParts", list_parts), read("ListMultipartUploads", list_uploads)];

/// Who began an upload, and who owns what becomes of it.
fn people(call: &Call<'_>) -> Xml {
    Xml::new().child("Initiator", owner_xml(call)).child("Owner", owner_xml(call))
}

/// The elements that tell of an upload's checksums.
fn checksum_xml(upload: &Upload) -> Xml {
    let Some((algorithm, is_composite)) = &upload.checksum else { return Xml::new() };
    let kind = if *is_composite { "COMPOSITE" } else { "FULL_OBJECT" };
    Xml::new().text("ChecksumAlgorithm", algorithm.to_uppercase()).text("ChecksumType", kind)
}

fn part_xml(upload: &Upload, part: &Part) -> Xml {
    let xml = Xml::new()
        .text("PartNumber", part.number)
        .text("LastModified", iso(part.modified))
        .text("ETag", format!("\"{}\"", part.etag))
        .text("Size", part.body.0.len());
    match &part.checksum {
        Some(checksum) if upload.checksum.is_some() => xml.text(checksum.element(), &checksum.value),
        _ => xml,
    }
}

fn list_parts(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (bucket, upload) = named(call)?;
    let number = |call: &mut Call<'_>, name: &str, default: usize| {
        let Some(text) = call.params.text_opt(name)? else { return Ok(default) };
        let range = || argument(format!("Argument {name} must be an integer between 0 and 2147483647"));
        let far = || argument(format!("Provided {name} not an integer or within integer range"));
        let value: i32 = text.parse().map_err(|_| far())?;
        usize::try_from(value).map_err(|_| range())
    };
    let size = number(call, "max-parts", 1000)?.min(1000);
    let after = number(call, "part-number-marker", 0)?;
    let mut rest = parts(call, &upload).filter(|part| part.number as usize > after).peekable();
    let mut page = Vec::new();
    while page.len() < size
        && let Some(part) = rest.next()
    {
        page.push(part);
    }
    let more = rest.peek().is_some() && size > 0;
    let last = page.last().map_or(after, |part| part.number as usize);
    let mut xml = Xml::new()
        .text("Bucket", &bucket.name)
        .text("Key", &upload.key)
        .text("UploadId", &upload.name)
        .text("PartNumberMarker", after)
        .text("NextPartNumberMarker", last)
        .text("MaxParts", size)
        .text("IsTruncated", more);
    for part in page {
        xml = xml.child("Part", part_xml(&upload, part));
    }
    let xml = xml.extend(people(call)).text("StorageClass", &upload.storage_class).extend(checksum_xml(&upload));
    Ok(Reply::document("ListPartsResult", xml))
}

fn list_uploads(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let listing = Listing::take(call, "max-uploads")?;
    let key = call.params.text_opt("key-marker")?.filter(|text| !text.is_empty());
    // Without a key, the marker of an upload is ignored.
    let name = call.params.text_opt("upload-id-marker")?.filter(|text| !text.is_empty() && key.is_some());
    let rows = format!("{}{}", bucket_rows(&bucket.name), listing.prefix);
    let passed = |upload: &Upload, entry: &str| match (&key, &name) {
        (None, _) => false,
        (Some(key), Some(name)) if upload.key == *key => upload.name <= *name,
        (Some(key), _) => entry <= key.as_str(),
    };
    let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
    let mut last: Option<(String, String)> = None;
    let mut more = false;
    for upload in call.all_from::<Upload>(rows.clone()).take_while(|upload| upload.row.starts_with(&rows)) {
        let group = listing.group(&upload.key);
        let entry = group.unwrap_or(&upload.key);
        let repeated = group.is_some() && last.as_ref().is_some_and(|(last, _)| last == entry);
        if passed(upload, entry) || repeated {
            continue;
        }
        if uploads.len() + prefixes.len() >= listing.size {
            more = listing.size > 0;
            break;
        }
        last = Some((entry.to_owned(), if group.is_some() { String::new() } else { upload.name.clone() }));
        match group {
            Some(group) => prefixes.push(listing.text(group)),
            None => uploads.push(upload),
        }
    }
    let next = last.filter(|_| more);
    let mut xml = Xml::new()
        .text("Bucket", &bucket.name)
        .text("KeyMarker", listing.text(key.as_deref().unwrap_or_default()))
        .text("UploadIdMarker", name.unwrap_or_default())
        .text_opt("NextKeyMarker", next.as_ref().map(|(key, _)| listing.text(key)))
        .text_opt("NextUploadIdMarker", next.map(|(_, name)| name).filter(|name| !name.is_empty()))
        .text("Prefix", listing.text(&listing.prefix))
        .text_opt("Delimiter", listing.delimiter.as_ref().map(|text| listing.text(text)))
        .text("MaxUploads", listing.asked_size)
        .text_opt("EncodingType", listing.encode.then_some("url"))
        .text("IsTruncated", more);
    for upload in uploads {
        let item = Xml::new()
            .text("Key", listing.text(&upload.key))
            .text("UploadId", &upload.name)
            .extend(people(call))
            .text("StorageClass", &upload.storage_class)
            .text("Initiated", iso(upload.modified))
            .extend(checksum_xml(upload));
        xml = xml.child("Upload", item);
    }
    for prefix in prefixes {
        xml = xml.child("CommonPrefixes", Xml::new().text("Prefix", prefix));
    }
    Ok(Reply::document("ListMultipartUploadsResult", xml))
}
