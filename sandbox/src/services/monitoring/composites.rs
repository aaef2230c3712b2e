//! Composite alarms: a rule over other alarms. They share the names of alarms on metrics.

use super::alarms::{Alarm, keep};
use super::rule::Rule;
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[write("PutCompositeAlarm", put)];

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 9] = [
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
];

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("AlarmName")?;
    let tags = tagged::take(call)?;
    let kept = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?)));
    let fields: serde_json::Map<String, Value> = kept.collect();
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let rule = Rule::parse(text("AlarmRule").unwrap_or_default()).map_err(|why| call.invalid(why))?;
    let suppressor = text("ActionsSuppressor").map(named);
    if suppressor.is_some()
        && !["Wait", "Extension"].iter().all(|which| fields.contains_key(&format!("ActionsSuppressor{which}Period")))
    {
        return Err(
            call.invalid("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod go with a suppressor")
        );
    }
    let missing: Vec<&str> =
        rule.names().into_iter().chain(suppressor).filter(|name| call.get::<Alarm>(name).is_none()).collect();
    if !missing.is_empty() {
        let list = missing.join(", ");
        let message = format!("Could not save the composite alarm as alarms [{list}] in the alarm rule do not exist");
        return Err(call.invalid(message));
    }
    if rule.names().into_iter().any(|child| reaches(call.world, call.region, child, &name)) {
        return Err(ApiError::not_implemented("composite alarms that depend on themselves"));
    }
    keep(call, name, fields, tags)
}

/// The name of an alarm that a name or an ARN stands for.
pub(super) fn named(text: &str) -> &str {
    text.split_once(":alarm:").map_or(text, |(_, name)| name)
}

fn reaches(world: &World, region: &str, from: &str, to: &str) -> bool {
    let below = || world.get::<Alarm>(region, from).and_then(Alarm::rule);
    from == to || below().is_some_and(|rule| rule.names().into_iter().any(|name| reaches(world, region, name, to)))
}

/// The composite alarms whose rules look at an alarm.
pub(super) fn above(world: &World, region: &str, name: &str) -> Vec<String> {
    let looks = |it: &&Alarm| it.rule().is_some_and(|rule| rule.names().contains(&name));
    world.all::<Alarm>(region).filter(looks).map(|it| it.name.clone()).collect()
}

/// What the rule of an alarm says now.
pub(super) fn evaluated(world: &World, region: &str, rule: &Rule) -> (String, String) {
    let is = |name: &str, state: &str| world.get::<Alarm>(region, name).is_some_and(|it| it.state.0 == state);
    let state = if rule.holds(&is) { "ALARM" } else { "OK" };
    let names = rule.names().join(", ");
    (state.to_owned(), format!("The rule over [{names}] says {state}."))
}
