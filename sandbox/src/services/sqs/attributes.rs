//! Attributes of queues: texts by name, each with its bounds.

use std::collections::BTreeMap;

use super::queues::Queue;
use crate::iam_model::is_principal;
use crate::policy::{self, Use};
use crate::services::prelude::*;

pub(super) type Attributes = BTreeMap<String, String>;

/// Numbers: the least, the most, and what a new queue has.
const NUMBERS: [(&str, i64, i64, i64); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];
/// What an empty text takes away.
const REMOVABLE: [&str; 4] = ["KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy"];

/// Takes over what a request says.
pub(super) fn set(call: &Call<'_>, name: &str, now: &mut Attributes, given: Attributes) -> Result<(), ApiError> {
    if ["KmsMasterKeyId", "SqsManagedSseEnabled"].iter().all(|one| given.get(*one).is_some_and(|it| is_set(it))) {
        let message = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.";
        return Err(ApiError::bad("InvalidAttributeValue", message));
    }
    for (key, value) in given {
        check(call, name, &key, &value)?;
        match key.as_str() {
            // The one takes the place of the other.
            "KmsMasterKeyId" if !value.is_empty() => now.insert("SqsManagedSseEnabled".to_owned(), "false".to_owned()),
            "SqsManagedSseEnabled" if value == "true" => now.remove("KmsMasterKeyId"),
            _ => None,
        };
        let value = if key == "Policy" { document(call, &value).unwrap_or_default() } else { value };
        if value.is_empty() {
            now.remove(&key)
        } else {
            now.insert(key, value)
        };
    }
    Ok(())
}

/// A policy as SQS keeps it; nothing where it is wrong, or names a role that nobody knows yet.
fn document(call: &Call<'_>, text: &str) -> Option<String> {
    let document = policy::check(text, Use::Object).ok()?;
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    let unknown = policy::unknown_role(&document, call.partition(), &call.account(), is_known);
    let kept = policy::with_roots(document, call.partition()).unwrap_or_else(|| text.to_owned());
    unknown.is_none().then_some(kept)
}

fn is_set(value: &str) -> bool {
    !value.is_empty() && value != "false"
}

/// What a queue has of which nothing is said.
pub(super) fn usual() -> Attributes {
    let numbers = NUMBERS.iter().filter(|(name, ..)| !name.starts_with("Kms"));
    let mut out: Attributes = numbers.map(|(name, _, _, usual)| ((*name).to_owned(), usual.to_string())).collect();
    out.insert("SqsManagedSseEnabled".to_owned(), "true".to_owned());
    out
}

/// Documents in one form, so that two texts of one policy are equal.
pub(super) fn same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    one == other || parsed(one).is_some_and(|one| Some(one) == parsed(other))
}

fn check(call: &Call<'_>, queue: &str, name: &str, value: &str) -> Result<(), ApiError> {
    let wrong = || ApiError::bad("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
    if value.is_empty() && REMOVABLE.contains(&name) {
        return Ok(());
    }
    if let Some((_, least, most, _)) = NUMBERS.iter().find(|(one, ..)| *one == name) {
        return value.parse().ok().filter(|it| (*least..=*most).contains(it)).map(drop).ok_or_else(wrong);
    }
    match name {
        "Policy" => document(call, value).map(drop).ok_or_else(wrong),
        "SqsManagedSseEnabled" if matches!(value, "true" | "false") => Ok(()),
        "RedrivePolicy" => {
            let (arn, count) = redrive(value).ok_or_else(wrong)?;
            let target = tagged::here(call, &arn).filter(|it| *it != queue && call.find::<Queue>(it).is_some());
            let known = target.is_some() && (1..=1000).contains(&count);
            let message = format!(
                "Value {value} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
            );
            if known { Ok(()) } else { Err(ApiError::bad("InvalidAttributeValue", message)) }
        }
        // Keys are not simulated: every name of one stands for one that may be used.
        "KmsMasterKeyId" => Ok(()),
        "FifoQueue"
        | "ContentBasedDeduplication"
        | "DeduplicationScope"
        | "FifoThroughputLimit"
        | "RedriveAllowPolicy" => Err(ApiError::not_implemented(format!("queues with {name}"))),
        _ => Err(ApiError::bad("InvalidAttributeName", format!("Unknown Attribute {name}."))),
    }
}

/// Where messages go that were received too often, and how often that is.
pub(super) fn redrive(policy: &str) -> Option<(String, i64)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let count = &policy["maxReceiveCount"];
    let count = count.as_i64().or_else(|| count.as_str()?.parse().ok())?;
    Some((policy["deadLetterTargetArn"].as_str()?.to_owned(), count))
}
