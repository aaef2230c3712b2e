//! What an alarm on metrics says at a moment: M of its last N periods, with what is made of periods without a value.

use std::collections::BTreeMap;

use serde_json::Map;

use super::math::{self, Known, Values};
use super::select::{Select, is_select};
use super::{band, metrics};
use crate::services::prelude::*;
use crate::store::World;

/// Where and when is looked, at how many periods of which length.
#[derive(Clone, Copy)]
pub(super) struct Window<'w> {
    pub(super) world: &'w World,
    pub(super) region: &'w str,
    pub(super) at: Timestamp,
    pub(super) period: i64,
    pub(super) count: usize,
}

pub(super) fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn int(fields: &Map<String, Value>, name: &str) -> Option<i64> {
    fields.get(name).and_then(Value::as_i64)
}

/// The period of an alarm, in seconds, and how many of them it looks at.
pub(super) fn span(fields: &Map<String, Value>) -> (i64, usize) {
    let of_query = |query: &Value| query["MetricStat"]["Period"].as_i64().or_else(|| query["Period"].as_i64());
    let queries = fields.get("Metrics").and_then(Value::as_array);
    let period = int(fields, "Period").or_else(|| queries?.iter().find_map(of_query)).unwrap_or(60).max(1);
    (period, usize::try_from(int(fields, "EvaluationPeriods").unwrap_or(1)).unwrap_or(1))
}

/// The state and the reason; nothing where the state stays, since nothing is known.
pub(super) fn evaluated(window: Window<'_>, fields: &Map<String, Value>) -> Option<(String, String)> {
    let (values, breaks) = compared(window, fields);
    let missing = values.iter().filter(|value| value.is_none()).count();
    let mut breaching = values.iter().flatten().filter(|value| breaks(**value)).count();
    let mut known = values.len() - missing;
    match text(fields, "TreatMissingData") {
        "breaching" => {
            breaching += missing;
            known += missing;
        }
        "notBreaching" => known += missing,
        "ignore" if known == 0 => return None,
        _ => {}
    }
    if known == 0 {
        let reason = format!("Insufficient Data: {missing} datapoints were unknown.");
        return Some(("INSUFFICIENT_DATA".to_owned(), reason));
    }
    let needed = int(fields, "DatapointsToAlarm").and_then(|n| usize::try_from(n).ok()).unwrap_or(window.count);
    let state = if breaching >= needed { "ALARM" } else { "OK" };
    let reason =
        format!("Threshold Crossed: {breaching} out of the last {} datapoints crossed the threshold.", window.count);
    Some((state.to_owned(), reason))
}

/// The latest value that there is.
pub(super) fn latest(window: Window<'_>, fields: &Map<String, Value>) -> Option<f64> {
    compared(window, fields).0.into_iter().flatten().next()
}

/// Have all periods a value?
pub(super) fn is_filled(window: Window<'_>, fields: &Map<String, Value>) -> bool {
    compared(window, fields).0.iter().all(Option::is_some)
}

/// The values of the last periods, and which of them break the threshold or leave the band.
fn compared<'f>(window: Window<'f>, fields: &'f Map<String, Value>) -> (Values, Box<dyn Fn(f64) -> bool + 'f>) {
    let queries = Queries { window, all: fields.get("Metrics").and_then(Value::as_array).map_or(&[], Vec::as_slice) };
    let nothing = || vec![None; window.count];
    let operator = text(fields, "ComparisonOperator");
    if let Some(id) = fields.get("ThresholdMetricId").and_then(Value::as_str) {
        let Some((around, width)) = queries.get(id).and_then(|query| band::around(query["Expression"].as_str()?))
        else {
            return (nothing(), Box::new(|_| false));
        };
        let wide = Queries { window: Window { count: window.count + band::LOOKED_AT, ..window }, ..queries };
        let all = wide.values(&around).unwrap_or_default();
        let band = band::of(&all, window.count, width);
        let values = if band.is_some() { all.into_iter().take(window.count).collect() } else { nothing() };
        let (low, high) = band.unwrap_or((f64::MIN, f64::MAX));
        let (below, above) = (operator.contains("LessThanLower"), operator.contains("GreaterThanUpper"));
        return (values, Box::new(move |value| below && value < low || above && value > high));
    }
    let values = match fields.get("MetricName") {
        Some(_) => metric(window, fields, &[text(fields, "Statistic"), text(fields, "ExtendedStatistic")].concat()),
        None => queries.returned().and_then(|id| queries.values(id)).unwrap_or_else(nothing),
    };
    let threshold = fields.get("Threshold").and_then(Value::as_f64).unwrap_or_default();
    let breaks: fn(f64, f64) -> bool = match operator {
        "GreaterThanThreshold" => |value, line| value > line,
        "GreaterThanOrEqualToThreshold" => |value, line| value >= line,
        "LessThanThreshold" => |value, line| value < line,
        _ => |value, line| value <= line,
    };
    (values, Box::new(move |value| breaks(value, threshold)))
}

/// The values of a metric that is named with namespace and dimensions.
fn metric(window: Window<'_>, named: &Map<String, Value>, statistic: &str) -> Values {
    // No service publishes its metrics with one unit here: an alarm that names one is not evaluated by it.
    let pair = |one: &Value| Some((one["Name"].as_str()?.to_owned(), one["Value"].as_str()?.to_owned()));
    let dimensions: BTreeMap<_, _> =
        named.get("Dimensions").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect();
    let id = metrics::id(text(named, "Namespace"), text(named, "MetricName"), &dimensions);
    metrics::periods(window, &[id], statistic)
}

/// The queries of an alarm.
#[derive(Clone, Copy)]
struct Queries<'q> {
    window: Window<'q>,
    all: &'q [Value],
}

impl<'q> Queries<'q> {
    fn get(&self, id: &str) -> Option<&'q Value> {
        self.all.iter().find(|query| query["Id"] == id)
    }

    fn returned(&self) -> Option<&'q str> {
        self.all.iter().find(|query| query["ReturnData"] != false)?["Id"].as_str()
    }

    fn values(&self, id: &str) -> Option<Values> {
        let query = self.get(id)?;
        if let Some(stat) = query["MetricStat"].as_object() {
            let statistic = text(stat, "Stat");
            return Some(metric(self.window, stat.get("Metric")?.as_object()?, statistic));
        }
        let expression = query["Expression"].as_str()?;
        if is_select(expression) {
            let select = Select::parse(expression)?;
            let ids = metrics::chosen(self.window, &select);
            return Some(metrics::periods(self.window, &ids, select.statistic));
        }
        let metrics = || {
            let of = |query: &&Value| query["MetricStat"].is_object();
            self.all.iter().filter(of).filter_map(|query| self.values(query["Id"].as_str()?)).collect()
        };
        let known = Known {
            of: &|other| (other != id).then(|| self.values(other)).flatten(),
            metrics: &metrics,
            count: self.window.count,
            period: self.window.period,
        };
        math::evaluate(expression, &known)
    }
}
