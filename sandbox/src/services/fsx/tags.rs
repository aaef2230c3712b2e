//! Tags of FSx resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bad;
use super::file_systems::FileSystem;
use super::repositories::Association;
use super::tasks::Task;
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::wire::params::Params;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] =
    &[write("TagResource", tag), write("UntagResource", untag), read("ListTagsForResource", list)];

type Tags = BTreeMap<String, String>;

/// Letters, digits, spaces and `_.:/=+-@`, of any script.
fn is_allowed(text: &str) -> bool {
    text.chars().all(|ch| ch.is_alphanumeric() || ch.is_whitespace() || "_.:/=+-@".contains(ch))
}

pub(super) fn read_tags(items: Vec<Params>) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for mut item in items {
        let (key, value) = (item.text("Key")?, item.text("Value")?);
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(bad(format!("The tag {key} is too long: 128 characters for keys, 256 for values")));
        }
        if !is_allowed(&key) || !is_allowed(&value) {
            return Err(bad(format!(
                "The tag {key}={value} is not valid: letters, digits, spaces and _.:/=+-@ are allowed"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(bad("Tag keys starting with aws: are reserved"));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(bad(format!("Duplicate tag key {key}")));
        }
    }
    if tags.len() > 50 {
        return Err(bad("A resource has at most 50 tags"));
    }
    Ok(tags)
}

pub(super) fn tags_json(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

fn unknown(arn: &str) -> ApiError {
    ApiError::bad("ResourceNotFound", format!("The resource {arn} does not exist")).with("ResourceARN", arn)
}

/// Reads, and with a change rewrites, the tags behind an ARN.
fn with_tags(call: &mut Call<'_>, arn: &str, change: impl FnOnce(&mut Tags)) -> Result<Tags, ApiError> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    if let Some(mut it) = call.find::<FileSystem>(id).filter(|it| it.arn == arn).cloned() {
        change(&mut it.tags);
        let tags = it.tags.clone();
        call.put(it);
        return Ok(tags);
    }
    if let Some(mut it) = call.find::<Association>(id).filter(|it| it.arn == arn).cloned() {
        change(&mut it.tags);
        let tags = it.tags.clone();
        call.put(it);
        return Ok(tags);
    }
    if let Some(mut it) = call.find::<Task>(id).filter(|it| it.arn == arn).cloned() {
        change(&mut it.tags);
        let tags = it.tags.clone();
        call.put(it);
        return Ok(tags);
    }
    Err(unknown(arn))
}

fn tag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ResourceARN")?;
    let items = call.params.structs("Tags")?;
    let new = read_tags(items)?;
    let tags = with_tags(call, &arn, |tags| tags.extend(new))?;
    if tags.len() > 50 {
        return Err(bad("A resource has at most 50 tags"));
    }
    Ok(Reply::json(json!({})))
}

fn untag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ResourceARN")?;
    let keys = call.params.texts("TagKeys")?;
    with_tags(call, &arn, |tags| tags.retain(|key, _| !keys.contains(key)))?;
    Ok(Reply::json(json!({})))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ResourceARN")?;
    let id = arn.rsplit('/').next().unwrap_or_default();
    let tags = match (call.see::<FileSystem>(id), call.see::<Association>(id), call.see::<Task>(id)) {
        (Some(it), ..) if it.arn == arn => it.tags.clone(),
        (_, Some(it), _) if it.arn == arn => it.tags.clone(),
        (.., Some(it)) if it.arn == arn => it.tags.clone(),
        _ => return Err(unknown(&arn)),
    };
    Ok(Reply::json(json!({"Tags": tags_json(&tags)})))
}
