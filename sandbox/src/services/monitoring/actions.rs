//! What an alarm does when it comes into another state: it tells topics, unless another alarm suppresses that.

use std::time::Duration;

use super::alarms::{Alarm, is_in_alarm};
use super::composites::named;
use super::evaluation::text;
use crate::life::after;
use crate::regions;
use crate::services::prelude::*;
use crate::services::sns;
use crate::store::World;

/// By this name policies let the service in.
const SELF: &str = "cloudwatch.amazonaws.com";

/// A change of state that nobody has been told yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    before: String,
    since: Timestamp,
    /// The suppressor has been seen in ALARM.
    suppressed: bool,
    /// Since when it is no longer.
    released: Option<Timestamp>,
}

impl Held {
    pub(super) fn new(before: &str, since: Timestamp) -> Self {
        Self { before: before.to_owned(), since, suppressed: false, released: None }
    }

    /// What AWS calls the reason for silence.
    pub(super) fn suppressed_by(&self, it: &Alarm) -> Option<&'static str> {
        it.fields.get("ActionsSuppressor")?;
        Some(match (self.suppressed, self.released) {
            (false, _) => "WaitPeriod",
            (true, None) => "Alarm",
            (true, Some(_)) => "ExtensionPeriod",
        })
    }
}

/// Acts on a change of state, or waits with it.
pub(super) fn settle(world: &mut World, region: &str, it: &mut Alarm, at: Timestamp) {
    let Some(mut held) = it.held.take() else { return };
    let Some(suppressor) = it.fields.get("ActionsSuppressor").and_then(Value::as_str) else {
        return run(world, region, it, &held.before, at);
    };
    let period = |which: &str| {
        let seconds = it.fields.get(&format!("ActionsSuppressor{which}Period")).and_then(Value::as_u64);
        Duration::from_secs(seconds.unwrap_or_default())
    };
    let is_over = if is_in_alarm(world, region, named(suppressor)) {
        (held.suppressed, held.released) = (true, None);
        false
    } else if held.suppressed {
        after(*held.released.get_or_insert(at), period("Extension")) <= at
    } else {
        after(held.since, period("Wait")) <= at
    };
    if is_over {
        return run(world, region, it, &held.before, at);
    }
    it.held = Some(held);
    it.timer = Some(after(at, Duration::from_secs(10)));
}

/// Runs the actions of the state.
fn run(world: &mut World, region: &str, it: &Alarm, before: &str, at: Timestamp) {
    let (name, fields, (state, reason, _)) = (&it.name, &it.fields, &it.state);
    let enabled = fields.get("ActionsEnabled").and_then(Value::as_bool).unwrap_or(true);
    let member = match state.as_str() {
        "ALARM" => "AlarmActions",
        "OK" => "OKActions",
        _ => "InsufficientDataActions",
    };
    if before == state || !enabled {
        return;
    }
    let account = &world.config.account;
    let message = json!({
        "AlarmName": name, "AlarmDescription": text(fields, "AlarmDescription"), "AWSAccountId": account,
        "NewStateValue": state, "OldStateValue": before, "NewStateReason": reason, "Region": region,
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
        "AlarmArn": format!("arn:{}:cloudwatch:{region}:{account}:alarm:{name}", regions::partition(region)),
    });
    let actions: Vec<String> =
        fields.get(member).and_then(|all| serde_json::from_value(all.clone()).ok()).unwrap_or_default();
    for arn in actions.iter().filter(|arn| arn.split(':').nth(2) == Some("sns")) {
        // Whether it arrives is not said to anybody.
        sns::deliver(world, region, arn, SELF, &message.to_string());
    }
}
