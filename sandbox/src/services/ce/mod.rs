//! Cost Explorer: what the account's objects cost, by day, service, region, usage type and tag.
//!
//! Seeded from the objects themselves: instances, NAT gateways, interface endpoints, volumes, public addresses and
//! Lustre storage, at the prices of the price list. As in AWS usage shows a day late, a tag is known a day after its
//! first use, and only usage after its activation carries it. Data transfer, requests and S3 are not counted.

mod filter;
mod tags;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::history::Past;
use crate::life::after;
use crate::model::facts;
use crate::service::{Service, read, write};
use crate::store::ObjectKind;
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use filter::{check_dimension, take_filter};
use tags::{CostTag, list_tags, update_tags};
use usage::{known_until, midnight, slices, usages};

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("ValidationException"),
    operations: &[&[
        read("GetCostAndUsage", get_cost_and_usage),
        read("ListCostAllocationTags", list_tags),
        write("UpdateCostAllocationTagsStatus", update_tags),
    ]],
    objects: || vec![ObjectKind::of::<Past>(), ObjectKind::of::<CostTag>()],
    ..Service::new("ce", Protocol::AwsJson("1.1"), facts!("ce"))
};

/// How late usage is, and a new tag key.
const LATE: Duration = Duration::from_secs(24 * 3600);

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

fn take_period(call: &mut Call<'_>) -> Result<Vec<(Date, Date)>, ApiError> {
    let mut period = call.params.child("TimePeriod")?;
    let mut date = |field: &str| -> Result<Date, ApiError> {
        let text = period.text(field)?;
        text.parse().map_err(|_| bad(format!("{field} {text} is invalid: it should be a date such as 2026-01-31")))
    };
    let (start, end) = (date("Start")?, date("End")?);
    if start >= end {
        return Err(bad(format!("Start date (and hour) should be before end date (and hour): {start}, {end}")));
    }
    let monthly = match call.params.text("Granularity")?.as_str() {
        "DAILY" => false,
        "MONTHLY" => true,
        "HOURLY" => return Err(ApiError::not_implemented("hourly granularity")),
        other => return Err(bad(format!("Granularity {other} is invalid"))),
    };
    let mut out = Vec::new();
    let mut from = start;
    while from < end && out.len() < 500 {
        let next = if monthly { from.last_of_month().tomorrow() } else { from.tomorrow() };
        let next = next.unwrap_or(end).min(end);
        out.push((from, next));
        from = next;
    }
    Ok(out)
}

fn take_metrics(call: &mut Call<'_>) -> Result<Vec<String>, ApiError> {
    let costs =
        ["UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost", "UsageQuantity"];
    let metrics = call.params.texts("Metrics")?;
    if metrics.is_empty() {
        return Err(call.params.missing("Metrics"));
    }
    match metrics.iter().find(|metric| !costs.contains(&metric.as_str())) {
        Some(other) => Err(ApiError::not_implemented(format!("the metric {other}"))),
        None => Ok(metrics),
    }
}

fn take_groups(call: &mut Call<'_>) -> Result<Vec<(String, String)>, ApiError> {
    let mut out = Vec::new();
    for mut group in call.params.structs("GroupBy")? {
        let (kind, key) = (group.text("Type")?, group.text("Key")?);
        match kind.as_str() {
            "DIMENSION" => check_dimension(&key)?,
            "TAG" => {}
            other => return Err(ApiError::not_implemented(format!("grouping by {other}"))),
        }
        out.push((kind, key));
    }
    if out.len() > 2 {
        return Err(bad("At most two groups can be given"));
    }
    Ok(out)
}

fn values(metrics: &[String], dollars: f64, hours: f64) -> Value {
    let metric = |name: &String| {
        let value = if name == "UsageQuantity" {
            json!({"Amount": format!("{hours:.10}"), "Unit": "N/A"})
        } else {
            json!({"Amount": format!("{dollars:.10}"), "Unit": "USD"})
        };
        (name.clone(), value)
    };
    metrics.iter().map(metric).collect::<serde_json::Map<_, _>>().into()
}

fn get_cost_and_usage(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let periods = take_period(call)?;
    let metrics = take_metrics(call)?;
    let groups = take_groups(call)?;
    let filter = call.params.child_opt("Filter")?.map(take_filter).transpose()?;
    let skip = take_token(call)?;
    let billing = call.world.config.behaviour.billing.clone();
    let usages = usages(call);
    let active = call.all::<CostTag>().filter(|tag| tag.active).map(|tag| (tag.key.clone(), tag.since));
    let active: Vec<(String, Timestamp)> = active.collect();
    // What was used in the last day is not known yet.
    let known = known_until(call);
    let mut results = Vec::new();
    for (from, to) in periods {
        let mut sums: BTreeMap<Vec<String>, (f64, f64)> = BTreeMap::new();
        for slice in slices(&usages, &active, midnight(from), midnight(to).min(known)) {
            if billing.silent_days.contains(&from) {
                continue;
            }
            if filter.as_ref().is_some_and(|filter| !slice.passes(call, filter)) {
                continue;
            }
            let key = groups.iter().map(|(kind, key)| match kind.as_str() {
                "TAG" => format!("{key}${}", slice.tag(key)),
                _ => slice.usage.dimension(call, key),
            });
            let sum = sums.entry(key.collect()).or_default();
            sum.0 += slice.hours * slice.usage.rate * billing.factor;
            sum.1 += slice.hours * slice.usage.meter.per_hour;
        }
        let mut result = json!({
            "TimePeriod": {"Start": from.to_string(), "End": to.to_string()},
            "Total": {},
            "Groups": [],
            // Bills are closed some days into the next month.
            "Estimated": call.now < after(midnight(to.last_of_month()), Duration::from_secs(5 * 24 * 3600)),
        });
        if groups.is_empty() {
            let (dollars, hours) = sums.values().next().copied().unwrap_or_default();
            result["Total"] = values(&metrics, dollars, hours);
        } else {
            let group = |(keys, (dollars, hours)): (Vec<String>, (f64, f64))| json!({"Keys": keys, "Metrics": values(&metrics, dollars, hours)});
            result["Groups"] = sums.into_iter().map(group).collect();
        }
        results.push(result);
    }
    let next = cut(&mut results, skip, billing.page);
    let definitions: Vec<Value> = groups.iter().map(|(kind, key)| json!({"Type": kind, "Key": key})).collect();
    let mut answer = json!({"ResultsByTime": results, "DimensionValueAttributes": []});
    if !definitions.is_empty() {
        answer["GroupDefinitions"] = definitions.into();
    }
    if let Some(next) = next {
        answer["NextPageToken"] = STANDARD_NO_PAD.encode(next.to_string()).into();
    }
    Ok(Reply::json(answer))
}

/// How many groups earlier pages had.
fn take_token(call: &mut Call<'_>) -> Result<usize, ApiError> {
    let Some(token) = call.params.text_opt("NextPageToken")?.filter(|token| !token.is_empty()) else { return Ok(0) };
    let bytes = STANDARD_NO_PAD.decode(&token).ok();
    let number = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    number.ok_or_else(|| ApiError::bad("InvalidNextTokenException", format!("Invalid token {token}")))
}

/// Leaves one page of groups in the days, which go on over pages, and says where the next begins.
fn cut(results: &mut Vec<Value>, skip: usize, size: usize) -> Option<usize> {
    let mut at = 0;
    for result in results.iter_mut() {
        let Some(groups) = result["Groups"].as_array_mut() else { continue };
        groups.retain(|_| {
            at += 1;
            (skip..skip + size).contains(&(at - 1))
        });
    }
    if skip > 0 || at > size {
        results.retain(|result| result["Groups"].as_array().is_some_and(|groups| !groups.is_empty()));
    }
    (at > skip + size).then_some(skip + size)
}
