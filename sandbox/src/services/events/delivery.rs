//! Events: put on the bus, matched by every rule that is on, and brought to queues and topics.

use super::{is_default, pattern, rules::Rule, transform};
use crate::services::prelude::*;
use crate::services::{sns, sqs};
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[write("PutEvents", put), read("TestEventPattern", test)];

/// By this name policies let the service in.
const SELF: &str = "events.amazonaws.com";

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut told, mut failed) = (Vec::new(), 0);
    for mut entry in call.params.structs("Entries")? {
        let (source, kind, detail) =
            (entry.text_opt("Source")?, entry.text_opt("DetailType")?, entry.text_opt("Detail")?);
        let resources = entry.texts("Resources")?;
        let at = entry.time_opt("Time")?.unwrap_or(call.now);
        is_default(call, entry.text_opt("EventBusName")?.as_deref())?;
        let id = call.world.new_uuid();
        let detail: Option<Value> = detail.and_then(|text| serde_json::from_str(&text).ok()).filter(Value::is_object);
        let (Some(source), Some(kind), Some(detail)) = (source, kind, detail) else {
            failed += 1;
            let why =
                "Parameter Detail is malformed or Source or DetailType is missing. Reason: see the API reference.";
            told.push(json!({"ErrorCode": "MalformedDetail", "ErrorMessage": why}));
            continue;
        };
        if source.starts_with("aws.") {
            failed += 1;
            let why = "Not authorized for the source.";
            told.push(json!({"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": why}));
            continue;
        }
        let event = json!({
            "version": "0", "id": id, "detail-type": kind, "source": source, "account": call.account(),
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": call.region, "resources": resources,
            "detail": detail,
        });
        publish(call.world, call.region, &event);
        told.push(json!({"EventId": id}));
    }
    Ok(Reply::json(json!({"FailedEntryCount": failed, "Entries": told})))
}

/// Brings an event to the targets of every rule that matches it.
fn publish(world: &mut World, region: &str, event: &Value) {
    let wanted = |rule: &&Rule| {
        rule.state != "DISABLED" && rule.pattern.as_ref().is_some_and(|text| pattern::matches(text, event))
    };
    let targets: Vec<Value> =
        world.all::<Rule>(region).filter(wanted).flat_map(|rule| rule.targets.iter().cloned()).collect();
    for target in targets {
        let body = transform::input(&target, event);
        let arn = target["Arn"].as_str().unwrap_or_default();
        if !bring(world, region, arn, &body)
            && let Some(letters) = target["DeadLetterConfig"]["Arn"].as_str()
        {
            bring(world, region, letters, &body);
        }
    }
}

/// Other targets than these take everything and do nothing.
fn bring(world: &mut World, region: &str, arn: &str, body: &str) -> bool {
    match arn.split(':').nth(2) {
        Some("sns") => sns::deliver(world, region, arn, SELF, body),
        Some("sqs") => sqs::deliver(world, region, arn, SELF, body),
        _ => true,
    }
}

fn test(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (pattern, event) = (call.params.text("EventPattern")?, call.params.text("Event")?);
    let refuse =
        |why| ApiError::bad("InvalidEventPatternException", format!("Event pattern is not valid. Reason: {why}"));
    pattern::check(&pattern).map_err(refuse)?;
    let event: Value = serde_json::from_str(&event).map_err(|_| call.invalid("Parameter Event is not valid."))?;
    Ok(Reply::json(json!({"Result": pattern::matches(&pattern, &event)})))
}
