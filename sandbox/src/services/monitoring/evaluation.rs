//! Alarms on the last periods of their metric: M of N, with what is made of periods without a value.

use std::collections::BTreeMap;

use serde_json::Map;

use super::metrics;
use crate::life::after;
use crate::services::prelude::*;
use crate::store::World;

/// The state's name, its reason, and since when.
pub(super) type State = (String, String, Timestamp);

/// A new alarm, and one whose state was set, is evaluated after so long.
const FIRST: std::time::Duration = std::time::Duration::from_secs(60);

/// What an alarm with these fields says now: by its metric, or as it was kept, where nothing has been evaluated yet.
pub(super) fn evaluated(
    world: &World,
    region: &str,
    now: Timestamp,
    fields: &Map<String, Value>,
    kept: &State,
) -> State {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let int = |name: &str| fields.get(name).and_then(Value::as_i64);
    let (Some(period), Some(threshold)) = (int("Period"), fields.get("Threshold").and_then(Value::as_f64)) else {
        return kept.clone();
    };
    if now < after(kept.2, FIRST) {
        return kept.clone();
    }
    let pair = |one: &Value| Some((one["Name"].as_str()?.to_owned(), one["Value"].as_str()?.to_owned()));
    let dimensions: BTreeMap<_, _> =
        fields.get("Dimensions").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect();
    let statistic = if text("Statistic").is_empty() { text("ExtendedStatistic") } else { text("Statistic") };
    let count = int("EvaluationPeriods").unwrap_or(1);
    let id = metrics::id(text("Namespace"), text("MetricName"), &dimensions);
    let found = metrics::periods((world, region, now), &id, statistic, period, count);
    let crosses = |value: f64| match text("ComparisonOperator") {
        "GreaterThanThreshold" => value > threshold,
        "GreaterThanOrEqualToThreshold" => value >= threshold,
        "LessThanThreshold" => value < threshold,
        _ => value <= threshold,
    };
    let missing = found.iter().filter(|value| value.is_none()).count();
    let mut breaching = found.iter().flatten().filter(|value| crosses(**value)).count();
    match text("TreatMissingData") {
        "breaching" => breaching += missing,
        "notBreaching" => {}
        _ if missing < found.len() => {}
        "ignore" => return kept.clone(),
        _ => {
            return (
                "INSUFFICIENT_DATA".to_owned(),
                format!("Insufficient Data: {missing} datapoints were unknown."),
                now,
            );
        }
    }
    let needed = int("DatapointsToAlarm").unwrap_or(count);
    let state = if i64::try_from(breaching).unwrap_or(i64::MAX) >= needed { "ALARM" } else { "OK" };
    let reason = format!(
        "Threshold Crossed: {breaching} out of the last {count} datapoints crossed the threshold ({threshold})."
    );
    (state.to_owned(), reason, now)
}
