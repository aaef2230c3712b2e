//! What a request says about a new object besides its content: headers, metadata, encryption, storage class, tags.

use std::collections::BTreeMap;

use serde_json::Value;

use super::argument;
use super::model::Bucket;
use super::object_tags;
use super::route::CONTENT_HEADERS;
use crate::call::Call;
use crate::error::ApiError;

pub(super) const SSE: &str = "x-amz-server-side-encryption";

/// The parts of a new object that its request names.
#[derive(Debug, Clone)]
pub(super) struct Attributes {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) storage_class: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Attributes {
    pub(super) fn take(call: &mut Call<'_>, bucket: &Bucket) -> Result<Self, ApiError> {
        let mut headers = BTreeMap::new();
        for name in CONTENT_HEADERS {
            if let Some(value) = call.params.text_opt(name)? {
                // The framing of the transfer is not part of the object.
                let kept: Vec<&str> = value.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
                if !(name == "content-encoding" && kept.iter().all(|part| part.is_empty())) {
                    headers.insert(name.to_owned(), if name == "content-encoding" { kept.join(",") } else { value });
                }
            }
        }
        headers.entry("content-type".to_owned()).or_insert_with(|| "binary/octet-stream".to_owned());
        take_metadata(call, &mut headers)?;
        take_encryption(call, bucket, &mut headers)?;
        if let Some(acl) = call.params.text_opt("x-amz-acl")?
            && !["private", "bucket-owner-full-control"].contains(&acl.as_str())
        {
            return Err(ApiError::bad("AccessControlListNotSupported", "The bucket does not allow ACLs"));
        }
        let storage_class = call.params.text_opt("x-amz-storage-class")?.unwrap_or_else(|| "STANDARD".to_owned());
        if !["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"].contains(&storage_class.as_str()) {
            return Err(ApiError::not_implemented(format!("the storage class {storage_class}")));
        }
        let tags = match call.params.text_opt("x-amz-tagging")? {
            Some(text) => object_tags::read_header(&text)?,
            None => BTreeMap::new(),
        };
        Ok(Self { headers, storage_class, tags })
    }

    /// The headers that replies to writing requests repeat.
    pub(super) fn encryption(&self) -> impl Iterator<Item = (&String, &String)> {
        self.headers.iter().filter(|(name, _)| name.starts_with(SSE))
    }
}

fn take_metadata(call: &mut Call<'_>, headers: &mut BTreeMap<String, String>) -> Result<(), ApiError> {
    let Some(Value::Object(meta)) = call.params.raw("x-amz-meta") else { return Ok(()) };
    let mut size = 0;
    for (name, value) in meta {
        let value = value.as_str().unwrap_or_default().to_owned();
        size += name.len() + value.len();
        headers.insert(format!("x-amz-meta-{name}"), value);
    }
    if size > 2048 {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(ApiError::bad("MetadataTooLarge", message).with("MaxSizeAllowed", 2048));
    }
    Ok(())
}

/// Notes how the object counts as encrypted: as the request says, else as the bucket does.
fn take_encryption(
    call: &mut Call<'_>,
    bucket: &Bucket,
    headers: &mut BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let key_header = format!("{SSE}-aws-kms-key-id");
    let bucket_key_header = format!("{SSE}-bucket-key-enabled");
    let rule = &bucket.encryption["Rule"][0];
    let default = &rule["ApplyServerSideEncryptionByDefault"];
    let asked = call.params.text_opt(SSE)?;
    let key = call.params.text_opt(&key_header)?;
    let bucket_key = call.params.flag_opt(&bucket_key_header)?;
    let (algorithm, key, bucket_key) = match asked {
        Some(algorithm) => (algorithm, key, bucket_key.unwrap_or(false)),
        None => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let algorithm = text(&default["SSEAlgorithm"]).unwrap_or_else(|| "AES256".to_owned());
            (algorithm, text(&default["KMSMasterKeyID"]), rule["BucketKeyEnabled"] == "true")
        }
    };
    match algorithm.as_str() {
        "AES256" if key.is_some() => {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                           x-amz-server-side-encryption : aws:kms";
            return Err(argument(message));
        }
        "AES256" => {}
        "aws:kms" | "aws:kms:dsse" => {
            let own = || call.arn_of("kms", "alias/aws/s3");
            headers.insert(key_header, key.unwrap_or_else(own));
            if bucket_key {
                headers.insert(bucket_key_header, "true".to_owned());
            }
        }
        _ => return Err(argument("The encryption method specified is not supported")),
    }
    headers.insert(SSE.to_owned(), algorithm);
    Ok(())
}
