//! What goes together in the queries of an alarm (API reference of PutMetricAlarm, "Using metric math").

use serde_json::Map;

use super::parse::{self, Wrong};
use super::select::{Select, is_select};
use crate::services::prelude::*;

/// So many metrics can go into one alarm.
const METRICS: usize = 10;

pub(super) fn check(call: &Call<'_>, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(all) = fields.get("Metrics").and_then(Value::as_array) else { return Ok(()) };
    let refuse = |message: String| Err(call.invalid(message));
    let ids: Vec<&str> = all.iter().filter_map(|query| query["Id"].as_str()).collect();
    if all.iter().filter(|query| query["MetricStat"].is_object()).count() > METRICS {
        return refuse(format!("An alarm has at most {METRICS} metrics"));
    }
    for query in all {
        let id = query["Id"].as_str().unwrap_or_default();
        if ids.iter().filter(|other| **other == id).count() > 1 {
            return refuse(format!("The id {id} is used twice"));
        }
        let Some(text) = query["Expression"].as_str() else { continue };
        if is_select(text) {
            if query["Period"].as_i64().is_none() {
                return refuse(format!("Period must not be null for the Metrics Insights query {id}"));
            }
            if Select::parse(text).is_none() {
                return Err(ApiError::not_implemented("this query of Metrics Insights"));
            }
            continue;
        }
        let checked = parse::expression(text).map_err(Wrong::Refused).and_then(|ast| parse::check(&ast, &ids));
        match checked {
            Ok(()) => {}
            Err(Wrong::NotHere(what)) => return Err(ApiError::not_implemented(what)),
            Err(Wrong::Refused(why)) => return refuse(format!("Error in expression '{id}' [{why}]")),
        }
    }
    let returned = all.iter().filter(|query| query["ReturnData"] != false).count();
    let wanted = if fields.contains_key("ThresholdMetricId") { 2 } else { 1 };
    if returned != wanted {
        return refuse(format!("Exactly {wanted} of the metrics must return data, not {returned}"));
    }
    Ok(())
}
