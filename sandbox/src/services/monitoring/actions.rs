//! What an alarm does when its state is set to another one: it tells topics. What its metric makes of its state is computed
//! when somebody asks, so that tells nobody.

use serde_json::Map;

use crate::services::prelude::*;
use crate::services::sns;

/// By this name policies let the service in.
const SELF: &str = "cloudwatch.amazonaws.com";

/// Runs the actions of the new state, if it is another one than before.
pub(super) fn run(
    call: &mut Call<'_>,
    name: &str,
    fields: &Map<String, Value>,
    (before, after): (&str, &str),
    reason: &str,
) {
    let enabled = fields.get("ActionsEnabled").and_then(Value::as_bool).unwrap_or(true);
    let member = match after {
        "ALARM" => "AlarmActions",
        "OK" => "OKActions",
        _ => "InsufficientDataActions",
    };
    if before == after || !enabled {
        return;
    }
    let message = json!({
        "AlarmName": name, "AlarmDescription": fields.get("AlarmDescription"), "AWSAccountId": call.account(),
        "NewStateValue": after, "OldStateValue": before, "NewStateReason": reason, "Region": call.region,
        "StateChangeTime": call.now.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
        "AlarmArn": call.arn(format_args!("alarm:{name}")),
    });
    let actions: Vec<String> =
        fields.get(member).and_then(|all| serde_json::from_value(all.clone()).ok()).unwrap_or_default();
    for arn in actions.iter().filter(|arn| arn.split(':').nth(2) == Some("sns")) {
        // Whether it arrives is not said to anybody.
        sns::deliver(call.world, call.region, arn, SELF, &message.to_string());
    }
}
