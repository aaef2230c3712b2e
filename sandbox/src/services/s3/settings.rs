//! What is set on a bucket: tags, public access, encryption, versioning, ownership.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::buckets::default_encryption;
use super::model::{Bucket, PublicAccess};
use super::{argument, bucket, checked_body, done, malformed, no_content, xml_of};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::wire::params::Params;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutBucketTagging", put_tagging),
    read("GetBucketTagging", get_tagging),
    write("DeleteBucketTagging", delete_tagging),
    write("PutPublicAccessBlock", put_public_access),
    read("GetPublicAccessBlock", get_public_access),
    write("DeletePublicAccessBlock", delete_public_access),
    write("PutBucketEncryption", put_encryption),
    read("GetBucketEncryption", get_encryption),
    write("DeleteBucketEncryption", delete_encryption),
    write("PutBucketVersioning", put_versioning),
    read("GetBucketVersioning", get_versioning),
    write("PutBucketOwnershipControls", put_ownership),
    read("GetBucketOwnershipControls", get_ownership),
    write("DeleteBucketOwnershipControls", delete_ownership),
];

/// What S3 says of a tag that it does not take.
pub(super) fn check_tag(key: &str, value: &str) -> Result<(), ApiError> {
    let invalid = |message: &str| ApiError::bad("InvalidTag", message);
    let legal = |ch: char| ch.is_alphanumeric() || ch.is_whitespace() || "_.:/=+-@".contains(ch);
    if key.is_empty() || key.chars().count() > 128 || !key.chars().all(legal) {
        return Err(invalid("The TagKey you have provided is invalid").with("TagKey", key));
    }
    if value.chars().count() > 256 || !value.chars().all(legal) {
        return Err(invalid("The TagValue you have provided is invalid").with("TagValue", value));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(invalid("System tags cannot be added/updated by requester").with("TagKey", key));
    }
    Ok(())
}

/// The tags in `<field><Tag>…</Tag></field>`.
pub(super) fn read_tags(parent: &mut Params, field: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |message: &str| ApiError::bad("InvalidTag", message);
    let mut tags = BTreeMap::new();
    let set = match parent.raw(field) {
        // An empty element is an empty list.
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(tags),
        Some(Value::Object(mut fields)) if fields.len() == 1 => fields.remove("Tag"),
        _ => None,
    };
    let Some(Value::Array(items)) = set else { return Err(malformed()) };
    for item in items {
        let Value::Object(mut fields) = item else { return Err(malformed()) };
        let (Some(Value::String(key)), Some(Value::String(value))) = (fields.remove("Key"), fields.remove("Value"))
        else {
            return Err(malformed());
        };
        if !fields.is_empty() {
            return Err(malformed());
        }
        check_tag(&key, &value)?;
        if tags.contains_key(&key) {
            return Err(invalid("Cannot provide multiple Tags with the same key").with("TagKey", key));
        }
        tags.insert(key, value);
    }
    if tags.len() > 50 {
        return Err(ApiError::bad("BadRequest", "Bucket tag count cannot be greater than 50"));
    }
    Ok(tags)
}

fn put_tagging(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let tags = read_tags(&mut checked_body(call, "Tagging")?, "TagSet")?;
    call.put(Bucket { tags, ..bucket });
    Ok(no_content())
}

fn get_tagging(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    if bucket.tags.is_empty() {
        return Err(ApiError::new(404, "NoSuchTagSet", "The TagSet does not exist").with("BucketName", bucket.name));
    }
    let items = bucket.tags.iter().map(|(key, value)| Xml::new().text("Key", key).text("Value", value));
    Ok(Reply::document("Tagging", Xml::new().list("TagSet", "Tag", items)))
}

fn delete_tagging(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { tags: BTreeMap::new(), ..bucket });
    Ok(no_content())
}

fn put_public_access(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut input = checked_body(call, "PublicAccessBlockConfiguration")?;
    let flags = PublicAccess {
        block_acls: input.flag("BlockPublicAcls")?,
        ignore_acls: input.flag("IgnorePublicAcls")?,
        block_policy: input.flag("BlockPublicPolicy")?,
        restrict: input.flag("RestrictPublicBuckets")?,
    };
    call.put(Bucket { public_access: Some(flags), ..bucket });
    Ok(done())
}

fn get_public_access(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let Some(flags) = bucket.public_access else {
        let message = "The public access block configuration was not found";
        let error = ApiError::new(404, "NoSuchPublicAccessBlockConfiguration", message);
        return Err(error.with("BucketName", bucket.name));
    };
    let xml = Xml::new()
        .text("BlockPublicAcls", flags.block_acls)
        .text("IgnorePublicAcls", flags.ignore_acls)
        .text("BlockPublicPolicy", flags.block_policy)
        .text("RestrictPublicBuckets", flags.restrict);
    Ok(Reply::document("PublicAccessBlockConfiguration", xml))
}

fn delete_public_access(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { public_access: None, ..bucket });
    Ok(no_content())
}

fn put_encryption(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut input = checked_body(call, "ServerSideEncryptionConfiguration")?;
    let mut rules = input.structs("Rule")?;
    let (Some(mut rule), true) = (rules.pop(), rules.is_empty()) else { return Err(malformed()) };
    let mut stored = json!({});
    if let Some(mut default) = rule.child_opt("ApplyServerSideEncryptionByDefault")? {
        let algorithm = default.text("SSEAlgorithm")?;
        let key = default.text_opt("KMSMasterKeyID")?;
        if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&algorithm.as_str()) {
            return Err(malformed());
        }
        if key.is_some() && algorithm == "AES256" {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or \
                           aws:kms:dsse";
            return Err(argument(message));
        }
        let mut fields = json!({"SSEAlgorithm": algorithm});
        if let Some(key) = key {
            fields["KMSMasterKeyID"] = key.into();
        }
        stored["ApplyServerSideEncryptionByDefault"] = fields;
    }
    stored["BucketKeyEnabled"] = rule.flag("BucketKeyEnabled")?.to_string().into();
    if let Some(mut blocked) = rule.child_opt("BlockedEncryptionTypes")? {
        let types = blocked.texts("EncryptionType")?;
        if types.iter().any(|kind| !["NONE", "SSE-C"].contains(&kind.as_str())) {
            return Err(malformed());
        }
        stored["BlockedEncryptionTypes"] = json!({"EncryptionType": types});
    }
    call.put(Bucket { encryption: json!({"Rule": [stored]}), ..bucket });
    Ok(done())
}

fn get_encryption(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    Ok(Reply::document("ServerSideEncryptionConfiguration", xml_of(&bucket.encryption)))
}

fn delete_encryption(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { encryption: default_encryption(), ..bucket });
    Ok(no_content())
}

fn put_versioning(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut input = checked_body(call, "VersioningConfiguration")?;
    let status = input.text_opt("Status")?;
    let Some("Enabled" | "Suspended") = status.as_deref() else {
        let message = "The Versioning element must be specified";
        return Err(ApiError::bad("IllegalVersioningConfigurationException", message));
    };
    call.put(Bucket { versioning: status, ..bucket });
    Ok(done())
}

fn get_versioning(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    Ok(Reply::document("VersioningConfiguration", Xml::new().text_opt("Status", bucket.versioning)))
}

pub(super) fn ownership(given: &str) -> Result<String, ApiError> {
    if ["BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"].contains(&given) {
        Ok(given.to_owned())
    } else {
        Err(argument(format!("Invalid x-amz-object-ownership header: {given}")))
    }
}

fn put_ownership(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut input = checked_body(call, "OwnershipControls")?;
    let mut rules = input.structs("Rule")?;
    let (Some(mut rule), true) = (rules.pop(), rules.is_empty()) else { return Err(malformed()) };
    let value = ownership(&rule.text("ObjectOwnership")?).map_err(|_| malformed())?;
    call.put(Bucket { ownership: Some(value), ..bucket });
    Ok(done())
}

fn get_ownership(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let Some(value) = bucket.ownership else {
        let message = "The bucket ownership controls were not found";
        return Err(ApiError::new(404, "OwnershipControlsNotFoundError", message).with("BucketName", bucket.name));
    };
    let xml = Xml::new().child("Rule", Xml::new().text("ObjectOwnership", value));
    Ok(Reply::document("OwnershipControls", xml))
}

fn delete_ownership(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { ownership: None, ..bucket });
    Ok(no_content())
}
