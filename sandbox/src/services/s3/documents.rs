//! A bucket's policy and its lifecycle rules. Both are checked and kept; neither has an effect here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::Bucket;
use super::{argument, bucket, checked_body, checksums, done, malformed, no_content, xml_of};
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::is_principal;
use crate::policy::{self, Use};
use crate::service::{Operation, read, write};
use crate::wire::params::Params;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutBucketPolicy", put_policy),
    read("GetBucketPolicy", get_policy),
    write("DeleteBucketPolicy", delete_policy),
    read("GetBucketPolicyStatus", get_policy_status),
    write("PutBucketLifecycleConfiguration", put_lifecycle),
    read("GetBucketLifecycleConfiguration", get_lifecycle),
    write("DeleteBucketLifecycle", delete_lifecycle),
];

const MINIMUM: &str = "x-amz-transition-default-minimum-object-size";

fn put_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    // A safety catch for people who lock themselves out; nobody is locked out here.
    call.params.flag("x-amz-confirm-remove-self-bucket-access")?;
    checksums::verify(call.request)?;
    let text = String::from_utf8_lossy(&call.request.body).into_owned();
    if text.len() > 20 * 1024 {
        return Err(ApiError::bad("MalformedPolicy", "Policy exceeds the maximum allowed document size."));
    }
    let document =
        policy::check(&text, Use::Bucket(&bucket.name)).map_err(|why| ApiError::bad("MalformedPolicy", why))?;
    if bucket.public_access.is_some_and(|flags| flags.block_policy) && policy::is_public(&document) {
        let message = format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public policies \
             are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            call.iam_arn("user/sandbox"),
            super::arn(call, &bucket.name)
        );
        return Err(ApiError::new(403, "AccessDenied", message));
    }
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    if let Some(arn) = policy::unknown_role(&document, call.partition(), &call.account(), is_known) {
        return Err(ApiError::bad("MalformedPolicy", "Invalid principal in policy")
            .with("Detail", format!("\"AWS\" : \"{arn}\"")));
    }
    call.put(Bucket { policy: Some(policy::with_roots(document, call.partition()).unwrap_or(text)), ..bucket });
    Ok(no_content())
}

fn stored_policy(bucket: &Bucket) -> Result<&String, ApiError> {
    let missing = || ApiError::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist");
    bucket.policy.as_ref().ok_or_else(|| missing().with("BucketName", bucket.name.clone()))
}

fn get_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let text = stored_policy(&bucket)?.clone();
    Ok(Reply::raw(200, text).header("content-type", "application/json"))
}

fn delete_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { policy: None, ..bucket });
    Ok(no_content())
}

fn get_policy_status(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let document = serde_json::from_str(stored_policy(&bucket)?).unwrap_or(Value::Null);
    let xml = Xml::new().text("IsPublic", policy::is_public(&document));
    Ok(Reply::document("PolicyStatus", xml))
}

fn put_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let minimum = call.params.text_opt(MINIMUM)?.unwrap_or_else(|| "all_storage_classes_128K".to_owned());
    if !["all_storage_classes_128K", "varies_by_storage_class"].contains(&minimum.as_str()) {
        return Err(argument(format!("Invalid {MINIMUM}: {minimum}")));
    }
    let mut input = checked_body(call, "LifecycleConfiguration")?;
    let Some(Value::Array(rules)) = input.raw("Rule") else { return Err(malformed()) };
    if rules.len() > 1000 {
        return Err(malformed());
    }
    let (mut stored, mut names) = (Vec::new(), BTreeSet::new());
    for mut rule in rules {
        // Checked as parameters, so that what is not known in them is refused, and kept as they came.
        let id = match rule.get("ID").and_then(Value::as_str) {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => call.world.new_uuid(),
        };
        if id.chars().count() > 255 {
            return Err(argument("ID length should not exceed allowed limit of 255"));
        }
        rule["ID"] = id.clone().into();
        check_rule(call, rule.clone())?;
        if !names.insert(id) {
            return Err(argument("Rule ID must be unique. Found same ID for more than one rule"));
        }
        stored.push(rule);
    }
    call.put(Bucket { lifecycle: Some(json!({"minimum": minimum, "xml": {"Rule": stored}})), ..bucket });
    Ok(done().header(MINIMUM, minimum))
}

fn check_rule(call: &mut Call<'_>, rule: Value) -> Result<(), ApiError> {
    let Value::Object(fields) = rule else { return Err(malformed()) };
    let mut rule = call.params.adopt("Rule", fields);
    rule.text("ID")?;
    if !["Enabled", "Disabled"].contains(&rule.text("Status")?.as_str()) {
        return Err(malformed());
    }
    let prefix = rule.text_opt("Prefix")?;
    let filter = match rule.raw("Filter") {
        None => false,
        Some(Value::String(text)) if text.trim().is_empty() => true,
        Some(Value::Object(fields)) => {
            check_filter(rule.adopt("Filter", fields), false)?;
            true
        }
        Some(_) => return Err(malformed()),
    };
    if filter == prefix.is_some() {
        return Err(malformed());
    }
    let mut actions = 0;
    if let Some(mut expiration) = rule.child_opt("Expiration")? {
        let given = [
            positive(&mut expiration, "Days")?,
            expiration.text_opt("Date")?.is_some(),
            expiration.flag_opt("ExpiredObjectDeleteMarker")?.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err(malformed());
        }
        actions += 1;
    }
    for mut transition in rule.structs("Transition")? {
        let days = transition.int_opt("Days")?;
        if days.is_some() == transition.text_opt("Date")?.is_some() {
            return Err(malformed());
        }
        storage_class(&mut transition)?;
        actions += 1;
    }
    for mut transition in rule.structs("NoncurrentVersionTransition")? {
        transition.int("NoncurrentDays")?;
        transition.int_opt("NewerNoncurrentVersions")?;
        storage_class(&mut transition)?;
        actions += 1;
    }
    if let Some(mut expiration) = rule.child_opt("NoncurrentVersionExpiration")? {
        if !positive(&mut expiration, "NoncurrentDays")? {
            return Err(malformed());
        }
        expiration.int_opt("NewerNoncurrentVersions")?;
        actions += 1;
    }
    if let Some(mut abort) = rule.child_opt("AbortIncompleteMultipartUpload")? {
        if !positive(&mut abort, "DaysAfterInitiation")? {
            return Err(malformed());
        }
        actions += 1;
    }
    if actions == 0 {
        return Err(ApiError::bad("InvalidRequest", "At least one action needs to be specified in a rule"));
    }
    Ok(())
}

/// Whether a number is given, which must then be above zero.
fn positive(params: &mut Params, field: &str) -> Result<bool, ApiError> {
    match params.int_opt(field)? {
        None => Ok(false),
        Some(1..) => Ok(true),
        Some(_) => Err(argument(format!("'{field}' for action must be a positive integer"))),
    }
}

fn storage_class(params: &mut Params) -> Result<(), ApiError> {
    const CLASSES: [&str; 6] =
        ["GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"];
    if CLASSES.contains(&params.text("StorageClass")?.as_str()) { Ok(()) } else { Err(malformed()) }
}

fn check_filter(mut filter: Params, inside_and: bool) -> Result<(), ApiError> {
    let mut conditions = 0;
    conditions += usize::from(filter.text_opt("Prefix")?.is_some());
    for mut tag in filter.structs("Tag")? {
        tag.text("Key")?;
        tag.text("Value")?;
        conditions += 1;
    }
    for field in ["ObjectSizeGreaterThan", "ObjectSizeLessThan"] {
        conditions += usize::from(filter.int_opt(field)?.is_some());
    }
    if inside_and {
        return if conditions >= 2 { Ok(()) } else { Err(malformed()) };
    }
    if let Some(both) = filter.child_opt("And")? {
        check_filter(both, true)?;
        conditions += 1;
    }
    if conditions <= 1 { Ok(()) } else { Err(malformed()) }
}

fn get_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let Some(stored) = bucket.lifecycle else {
        let message = "The lifecycle configuration does not exist";
        let error = ApiError::new(404, "NoSuchLifecycleConfiguration", message);
        return Err(error.with("BucketName", bucket.name));
    };
    let minimum = stored["minimum"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::document("LifecycleConfiguration", xml_of(&stored["xml"])).header(MINIMUM, minimum))
}

fn delete_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    call.put(Bucket { lifecycle: None, ..bucket });
    Ok(no_content())
}
