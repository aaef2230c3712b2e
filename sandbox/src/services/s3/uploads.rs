//! Uploads in parts: begun, filled, completed or aborted.

use bytes::Bytes;
use serde_json::Value;

use super::checksums;
use super::copies;
use super::model::{Body, Bucket, Checksum, Part, Upload, key_rows, part_row};
use super::object_headers::Attributes;
use super::objects::{Content, check_size, check_write, new_key, store};
use super::{argument, bucket, done, iso, malformed, no_content};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateMultipartUpload", create),
    write("UploadPart", upload_part),
    write("UploadPartCopy", upload_part_copy),
    write("CompleteMultipartUpload", complete),
    write("AbortMultipartUpload", abort),
];

/// Every part but the last has at least so many bytes.
const SMALLEST_PART: usize = 5 << 20;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidRequest", message)
}

/// Algorithm and kind of the checksums that an upload is begun with.
fn take_checksum(call: &mut Call<'_>) -> Result<Option<(String, bool)>, ApiError> {
    let algorithm = call.params.text_opt("x-amz-checksum-algorithm")?.map(|name| name.to_lowercase());
    let kind = call.params.text_opt("x-amz-checksum-type")?;
    let Some(algorithm) = algorithm else {
        if kind.is_some() {
            return Err(invalid(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm \
                                header.",
            ));
        }
        return Ok(None);
    };
    if checksums::compute(&algorithm, b"").is_none() {
        return Err(ApiError::not_implemented(format!("checksums of the algorithm {algorithm}")));
    }
    // CRCs of parts can be joined into that of the whole; hashes cannot.
    let can_be_whole = algorithm.starts_with("crc");
    let is_composite = match kind.as_deref() {
        None => algorithm != "crc64nvme",
        Some("COMPOSITE") if algorithm != "crc64nvme" => true,
        Some("FULL_OBJECT") if can_be_whole => false,
        Some("COMPOSITE" | "FULL_OBJECT") => {
            return Err(invalid(format!(
                "The {} checksum type cannot be used with the {algorithm} checksum algorithm.",
                kind.unwrap_or_default()
            )));
        }
        Some(_) => return Err(invalid("Value for x-amz-checksum-type header is invalid.")),
    };
    Ok(Some((algorithm, is_composite)))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let key = new_key(call)?;
    let checksum = take_checksum(call)?;
    let attributes = Attributes::take(call, &bucket)?;
    // Names sort by age, as lists show them.
    let name = format!("{:016x}{}", call.world.counter(), call.world.new_hex(48));
    let mut reply = Reply::document(
        "InitiateMultipartUploadResult",
        Xml::new().text("Bucket", &bucket.name).text("Key", &key).text("UploadId", &name),
    );
    if let Some((algorithm, is_composite)) = &checksum {
        reply = reply.header("x-amz-checksum-algorithm", algorithm.to_uppercase());
        reply = reply.header("x-amz-checksum-type", if *is_composite { "COMPOSITE" } else { "FULL_OBJECT" });
    }
    for (name, value) in attributes.encryption() {
        reply = reply.header(name, value.clone());
    }
    let modified = super::modified(call);
    call.put(Upload {
        row: format!("{}{name}", key_rows(&bucket.name, &key)),
        name,
        bucket: bucket.name,
        key,
        created: call.now,
        modified,
        headers: attributes.headers,
        storage_class: attributes.storage_class,
        tags: attributes.tags,
        checksum,
    });
    Ok(reply)
}

pub(super) fn no_such_upload(name: &str) -> ApiError {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    ApiError::new(404, "NoSuchUpload", message).with("UploadId", name)
}

/// The upload that a request names, with its bucket.
pub(super) fn named(call: &mut Call<'_>) -> Result<(Bucket, Upload), ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    let name = call.params.text("uploadId")?;
    let row = format!("{}{name}", key_rows(&bucket.name, &key));
    let upload = call.find::<Upload>(&row).cloned().ok_or_else(|| no_such_upload(&name))?;
    Ok((bucket, upload))
}

/// The parts of an upload, by number.
pub(super) fn parts<'c, 'w>(call: &'c Call<'w>, upload: &Upload) -> impl Iterator<Item = &'c Part> + use<'c, 'w> {
    let rows = format!("{}\0", upload.row);
    call.all_from::<Part>(rows.clone()).take_while(move |part| part.row.starts_with(&rows))
}

fn take_number(call: &mut Call<'_>) -> Result<u32, ApiError> {
    let text = call.params.text("partNumber")?;
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        argument(message).with("ArgumentName", "partNumber").with("ArgumentValue", text)
    })
}

/// Keeps a part, in the place of one with the same number.
fn keep(
    call: &mut Call<'_>,
    upload: &Upload,
    number: u32,
    body: Bytes,
    given: Option<Checksum>,
) -> Result<Part, ApiError> {
    check_size(body.len())?;
    let wanted = upload.checksum.as_ref().map(|(algorithm, _)| algorithm.as_str());
    let checksum = match (given, wanted) {
        (Some(given), Some(wanted)) if given.algorithm != wanted => {
            return Err(invalid(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum Type: {}",
                given.algorithm
            )));
        }
        (Some(given), _) => Some(given),
        (None, wanted) => checksums::whole(wanted.unwrap_or("crc64nvme"), &body),
    };
    let part = Part {
        row: part_row(upload, number),
        number,
        created: call.now,
        modified: super::modified(call),
        etag: checksums::etag(&body),
        checksum,
        body: Body(body),
    };
    call.put(part.clone());
    Ok(part)
}

fn upload_part(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (_, upload) = named(call)?;
    let number = take_number(call)?;
    let given = checksums::verify(call.request)?;
    if let (None, Some((algorithm, true))) = (&given, &upload.checksum) {
        let message =
            format!("Checksum Type mismatch occurred, expected checksum Type: {algorithm}, actual checksum Type: null");
        return Err(invalid(message));
    }
    let part = keep(call, &upload, number, call.request.body.clone(), given)?;
    let mut reply = done().header("etag", format!("\"{}\"", part.etag));
    if let Some(checksum) = &part.checksum {
        reply = reply.header(&format!("x-amz-checksum-{}", checksum.algorithm), checksum.value.clone());
    }
    let encryption = upload.headers.iter().filter(|(name, _)| name.starts_with(super::object_headers::SSE));
    Ok(encryption.fold(reply, |reply, (name, value)| reply.header(name, value.clone())))
}

fn upload_part_copy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (_, upload) = named(call)?;
    let number = take_number(call)?;
    let (from, version) = copies::source(call)?;
    let range = copies::range(call, version.body.0.len())?;
    let part = keep(call, &upload, number, version.body.0.slice(range), None)?;
    let mut xml = Xml::new().text("LastModified", iso(part.modified)).text("ETag", format!("\"{}\"", part.etag));
    if let (Some(checksum), Some(_)) = (&part.checksum, &upload.checksum) {
        xml = xml.text(checksum.element(), &checksum.value);
    }
    let reply = Reply::document("CopyPartResult", xml);
    Ok(if from.versioning.is_some() { reply.header("x-amz-copy-source-version-id", version.version) } else { reply })
}

/// The parts that a completion lists, each found and compared.
fn listed_parts(call: &mut Call<'_>, upload: &Upload) -> Result<Vec<Part>, ApiError> {
    // The checksum headers of this request are about the object, and not about its body.
    let mut input = call.params.child_opt("CompleteMultipartUpload")?.ok_or_else(malformed)?;
    let items = input.structs("Part")?;
    if items.is_empty() {
        return Err(malformed());
    }
    let mut found: Vec<Part> = Vec::new();
    for mut item in items {
        let number = u32::try_from(item.int("PartNumber")?).map_err(|_| malformed())?;
        let etag = item.text("ETag")?;
        if found.last().is_some_and(|before| before.number >= number) {
            let message = "The list of parts was not in ascending order. The parts list must be specified in order by \
                           part number.";
            return Err(ApiError::bad("InvalidPartOrder", message).with("UploadId", upload.name.clone()));
        }
        let invalid = || {
            let message = "One or more of the specified parts could not be found.  The part may not have been \
                           uploaded, or the specified entity tag may not match the part's entity tag.";
            let error = ApiError::bad("InvalidPart", message).with("UploadId", upload.name.clone());
            error.with("PartNumber", number).with("ETag", etag.trim_matches('"'))
        };
        let part = call.find::<Part>(&part_row(upload, number)).cloned().ok_or_else(invalid)?;
        if part.etag != etag.trim_matches('"') {
            return Err(invalid());
        }
        if let Some(checksum) = &part.checksum {
            match item.text_opt(&checksum.element())? {
                Some(given) if given != checksum.value => return Err(invalid()),
                None if upload.checksum.as_ref().is_some_and(|(_, is_composite)| *is_composite) => {
                    let message = format!(
                        "The upload was created using a {} checksum. The complete request must include the checksum \
                         for each part. It was missing for part {number} in the request.",
                        checksum.algorithm
                    );
                    return Err(ApiError::bad("InvalidRequest", message));
                }
                _ => {}
            }
        }
        found.push(part);
    }
    let small = found.iter().rev().skip(1).rev().find(|part| part.body.0.len() < SMALLEST_PART);
    if let Some(part) = small {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        let error = ApiError::bad("EntityTooSmall", message).with("ProposedSize", part.body.0.len());
        let error = error.with("MinSizeAllowed", SMALLEST_PART).with("PartNumber", part.number);
        return Err(error.with("ETag", part.etag.clone()));
    }
    Ok(found)
}

/// The parts as one content.
fn join(upload: &Upload, parts: &[Part]) -> Result<Content, ApiError> {
    let size = parts.iter().map(|part| part.body.0.len()).sum();
    check_size(size)?;
    let mut body = Vec::with_capacity(size);
    for part in parts {
        body.extend_from_slice(&part.body.0);
    }
    let etags: Vec<&str> = parts.iter().map(|part| part.etag.as_str()).collect();
    let values: Vec<&str> =
        parts.iter().filter_map(|part| part.checksum.as_ref()).map(|checksum| checksum.value.as_str()).collect();
    let checksum = match &upload.checksum {
        Some((algorithm, true)) => checksums::composite(algorithm, &values),
        Some((algorithm, false)) => checksums::whole(algorithm, &body),
        None => checksums::own(&body),
    };
    let sizes = parts.iter().map(|part| part.body.0.len() as u64).collect();
    Ok(Content { etag: checksums::etag_of_parts(&etags), body: body.into(), checksum, parts: sizes })
}

fn complete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (bucket, upload) = named(call)?;
    let parts = listed_parts(call, &upload)?;
    check_write(call, &bucket, &upload.key)?;
    let content = join(&upload, &parts)?;
    if let Some(size) = call.params.text_opt("x-amz-mp-object-size")?
        && size.parse() != Ok(content.body.len())
    {
        return Err(invalid(format!(
            "The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {}",
            content.body.len()
        )));
    }
    check_whole(call, &content)?;
    let place = format!(
        "https://{}.s3.{}.{}/{}",
        bucket.name,
        bucket.region,
        crate::regions::suffix(&bucket.region),
        super::listings::percent(&upload.key)
    );
    let mut xml = Xml::new()
        .text("Location", place)
        .text("Bucket", &bucket.name)
        .text("Key", &upload.key)
        .text("ETag", format!("\"{}\"", content.etag));
    if let Some(checksum) = &content.checksum {
        xml = xml.text(checksum.element(), &checksum.value).text("ChecksumType", checksum.kind());
    }
    remove(call, &upload);
    let attributes = Attributes { headers: upload.headers, storage_class: upload.storage_class, tags: upload.tags };
    let told = store(call, &bucket, &upload.key, content, attributes);
    let reply = Reply::document("CompleteMultipartUploadResult", xml);
    Ok(told.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value)))
}

/// Compares the checksum of the object that the completing request may state.
fn check_whole(call: &mut Call<'_>, content: &Content) -> Result<(), ApiError> {
    if let Some(kind) = call.params.text_opt("x-amz-checksum-type")?
        && content.checksum.as_ref().is_some_and(|checksum| checksum.kind() != kind)
    {
        return Err(invalid(format!("The upload was not created using the {kind} checksum mode.")));
    }
    let Some(Value::Object(stated)) = call.params.raw("x-amz-checksums") else { return Ok(()) };
    for (algorithm, value) in stated {
        let right = content.checksum.as_ref().is_some_and(|it| it.algorithm == algorithm && value == it.value.as_str());
        if !right {
            let name = algorithm.to_uppercase();
            let message = format!("The {name} you specified did not match the calculated checksum.");
            return Err(ApiError::bad("BadDigest", message));
        }
    }
    Ok(())
}

/// Forgets an upload and what was uploaded of it.
pub(super) fn remove(call: &mut Call<'_>, upload: &Upload) {
    let rows: Vec<String> = parts(call, upload).map(|part| part.row.clone()).collect();
    for row in rows {
        call.remove::<Part>(&row);
    }
    call.remove::<Upload>(&upload.row);
}

fn abort(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (_, upload) = named(call)?;
    remove(call, &upload);
    Ok(no_content())
}
