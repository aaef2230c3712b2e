//! Alarms: put whole, whoever had the name before.

use serde_json::Map;

use super::actions;
use super::evaluation::{State, evaluated};
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutMetricAlarm", put),
    read("DescribeAlarms", describe),
    write("DeleteAlarms", delete),
    write("SetAlarmState", set_state),
];

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 21] = [
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
    "WarmUpConfiguration",
];
const DAY: i64 = 24 * 3600;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alarm {
    name: String,
    created: Timestamp,
    updated: Timestamp,
    fields: Map<String, Value>,
    /// As it was made, or set by hand.
    state: State,
    tags: Tags,
}

object!(Alarm, "monitoring/alarm", name, tags of "cloudwatch" "alarm:{name}");

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("AlarmName")?;
    let tags = tagged::take(call)?;
    let kept = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?)));
    let fields: Map<String, Value> = kept.collect();
    check(call, &fields)?;
    let (created, updated) = (call.now, call.now);
    let alarm = match call.get::<Alarm>(&name).cloned() {
        // The tags of a call count for a new alarm only; the state stays.
        Some(old) => Alarm { updated, fields, ..old },
        None => {
            let state = ("INSUFFICIENT_DATA".to_owned(), "Unchecked: Initial alarm creation".to_owned(), created);
            Alarm { name, created, updated, fields, state, tags }
        }
    };
    call.put(alarm);
    Ok(Reply::empty())
}

/// What goes together, from the API reference of PutMetricAlarm.
fn check(call: &Call<'_>, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let has = |name: &str| fields.contains_key(name);
    let int = |name: &str| fields.get(name).and_then(Value::as_i64);
    let refuse = |message: &str| Err(call.invalid(message));
    if has("MetricName") == has("Metrics") {
        return refuse("Exactly one of the parameters MetricName and Metrics must be specified");
    }
    if has("MetricName") && !(has("Namespace") && has("Period") && has("Statistic") != has("ExtendedStatistic")) {
        return refuse("Namespace, Period and exactly one of Statistic and ExtendedStatistic go with MetricName");
    }
    if !has("ComparisonOperator") || !has("EvaluationPeriods") || has("Threshold") == has("ThresholdMetricId") {
        return refuse("ComparisonOperator, EvaluationPeriods and one of Threshold and ThresholdMetricId are required");
    }
    let periods = int("EvaluationPeriods").unwrap_or(1);
    if int("DatapointsToAlarm").is_some_and(|count| count > periods) {
        return refuse("DatapointsToAlarm must not be above EvaluationPeriods");
    }
    if let Some(period) = int("Period") {
        if !matches!(period, 10 | 20 | 30) && period % 60 != 0 {
            return refuse("Period must be 10, 20, 30 or a multiple of 60");
        }
        if period * periods > if period < 3600 { DAY } else { 7 * DAY } {
            return refuse(
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)",
            );
        }
    }
    let missing = fields.get("TreatMissingData").and_then(Value::as_str).unwrap_or("missing");
    if !["breaching", "notBreaching", "ignore", "missing"].contains(&missing) {
        return refuse("TreatMissingData must be one of breaching, notBreaching, ignore, missing");
    }
    Ok(())
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (names, prefix) = (call.params.texts("AlarmNames")?, call.params.text_opt("AlarmNamePrefix")?);
    if !names.is_empty() && prefix.is_some() {
        return Err(call.invalid("AlarmNamePrefix and AlarmNames are mutually exclusive"));
    }
    let (types, state) = (call.params.texts("AlarmTypes")?, call.params.text_opt("StateValue")?);
    let page = Page::take(call, 50)?;
    // Composite alarms are shown to those only who ask for them, and there are none.
    let asked = types.is_empty() || types.iter().any(|one| one == "MetricAlarm");
    let wanted = |it: &&Alarm| {
        asked
            && (names.is_empty() || names.contains(&it.name))
            && prefix.as_ref().is_none_or(|prefix| it.name.starts_with(prefix))
            && state
                .as_ref()
                .is_none_or(|state| evaluated(call.world, call.region, call.now, &it.fields, &it.state).0 == *state)
    };
    let (found, next) = page.cut(call.seen::<Alarm>().filter(wanted), |it| &it.name);
    let shown: Vec<Value> = found.iter().map(|it| shown(call, it)).collect();
    Ok(Reply::json(json!({"MetricAlarms": shown, "CompositeAlarms": [], "NextToken": next})))
}

fn shown(call: &Call<'_>, it: &Alarm) -> Value {
    let (state, reason, since) = evaluated(call.world, call.region, call.now, &it.fields, &it.state);
    let mut out = json!({
        "AlarmName": it.name, "AlarmArn": call.arn(format_args!("alarm:{}", it.name)),
        "AlarmConfigurationUpdatedTimestamp": it.updated.as_second(), "ActionsEnabled": true, "OKActions": [],
        "AlarmActions": [], "InsufficientDataActions": [], "StateValue": state, "StateReason": reason,
        "StateUpdatedTimestamp": since.as_second(), "StateTransitionedTimestamp": since.as_second(),
    });
    if let Value::Object(map) = &mut out {
        map.extend(it.fields.clone());
    }
    out
}

/// Is the alarm of this name in ALARM at a moment?
pub(crate) fn is_in_alarm(world: &World, region: &str, name: &str, at: Timestamp) -> bool {
    let alarm = world.get::<Alarm>(region, name);
    alarm.is_some_and(|it| evaluated(world, region, at, &it.fields, &it.state).0 == "ALARM")
}

/// Is an alarm in ALARM that runs this action?
pub(crate) fn runs(world: &World, region: &str, at: Timestamp, action: &str) -> bool {
    let names = |it: &Alarm| it.fields.get("AlarmActions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all = world.all::<Alarm>(region).filter(|it| names(it).iter().any(|one| one == action));
    all.any(|it| evaluated(world, region, at, &it.fields, &it.state).0 == "ALARM")
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("AlarmNames")?;
    let missing = |name: &&String| call.get::<Alarm>(name).is_none();
    // With one name AWS says that it is not there; of several, those that are there go.
    if let [only] = names.as_slice()
        && missing(&only)
    {
        return Err(no_alarm());
    }
    names.iter().for_each(|name| call.remove::<Alarm>(name));
    Ok(Reply::empty())
}

fn no_alarm() -> ApiError {
    ApiError::new(404, "ResourceNotFound", "The named resource does not exist.")
}

fn set_state(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (name, now) = (call.params.text("AlarmName")?, call.now);
    let (state, reason) = (call.params.text("StateValue")?, call.params.text("StateReason")?);
    call.params.text_opt("StateReasonData")?;
    let alarm = call.get::<Alarm>(&name).cloned().ok_or_else(no_alarm)?;
    let (before, _, _) = evaluated(call.world, call.region, now, &alarm.fields, &alarm.state);
    actions::run(call, &name, &alarm.fields, (&before, &state), &reason);
    call.put(Alarm { state: (state, reason, now), ..alarm });
    Ok(Reply::empty())
}
