//! A queue as SQS has it: attributes by name, each a text.
use super::{DeadLetter, Queue};
use crate::{
    aws::Error,
    call::Scope,
    field::{Field, Ref},
    kinds::{named::Named, policy::Policy},
    units::Span,
};
use serde_json::{Map, Value, json};

/// Which attributes a field becomes.
pub(super) const FIELDS: [(&str, &str); 8] = [
    ("retention", "MessageRetentionPeriod"),
    ("visibility_timeout", "VisibilityTimeout"),
    // The one way of encrypting takes the place of the other, so both are said together.
    ("encrypted", "SqsManagedSseEnabled"),
    ("encrypted", "KmsMasterKeyId"),
    ("kms_key", "SqsManagedSseEnabled"),
    ("kms_key", "KmsMasterKeyId"),
    ("policy", "Policy"),
    ("dead_letter", "RedrivePolicy"),
];

pub(super) fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:sqs:{}:{}:{name}", scope.partition, scope.region, scope.account)
}

/// All of them; an empty text takes away what is there.
pub(super) fn attributes(queue: &Queue, scope: &Scope, name: &str) -> Result<Map<String, Value>, Error> {
    let key = queue.kms_key.as_ref().map(Field::get).transpose()?;
    let dead = match &queue.dead_letter {
        Some(to) => {
            let target = arn(scope, Queue::name_in(to.queue.id()?));
            json!({ "deadLetterTargetArn": target, "maxReceiveCount": to.max_receives }).to_string()
        }
        None => String::new(),
    };
    let policy = queue.policy.as_ref().map_or(String::new(), |policy| policy.of_one(&arn(scope, name)).text());
    let all = [
        ("MessageRetentionPeriod", queue.retention.seconds().to_string()),
        ("VisibilityTimeout", queue.visibility_timeout.seconds().to_string()),
        ("SqsManagedSseEnabled", (queue.encrypted && key.is_none()).to_string()),
        ("KmsMasterKeyId", key.cloned().unwrap_or_default()),
        ("Policy", policy),
        ("RedrivePolicy", dead),
    ];
    Ok(all.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
}

/// A number, which SQS and those who write its documents put in quotes or not.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn read(name: &str, arn: &str, found: &Map<String, Value>) -> Result<Queue, Error> {
    let text = |attribute: &str| found.get(attribute).and_then(Value::as_str).filter(|text| !text.is_empty());
    let seconds = |attribute: &'static str| {
        let value = found.get(attribute).and_then(number);
        value.map(Span::from_seconds).ok_or_else(|| Error::missing(&format!("{attribute} of a queue")))
    };
    let mut policy = text("Policy").map(Policy::parse).transpose()?;
    if let Some(policy) = &mut policy {
        policy.leave_out_one(arn);
    }
    let dead: Option<Value> = text("RedrivePolicy").and_then(|text| serde_json::from_str(text).ok());
    let dead_letter = dead.and_then(|dead| {
        let queue = Ref::to_id(Queue::name_in(dead["deadLetterTargetArn"].as_str()?));
        Some(DeadLetter { queue, max_receives: number(&dead["maxReceiveCount"])?.try_into().ok()? })
    });
    let key = text("KmsMasterKeyId");
    Ok(Queue {
        name: Some(name.to_owned()),
        retention: seconds("MessageRetentionPeriod")?,
        visibility_timeout: seconds("VisibilityTimeout")?,
        encrypted: key.is_some() || text("SqsManagedSseEnabled") == Some("true"),
        kms_key: key.map(|key| Field::Known(key.to_owned())),
        policy,
        dead_letter,
    })
}
