//! Metrics: what was put, by name and dimensions, and what a statistic makes of it.

use std::collections::BTreeMap;

use super::alarms;
use super::evaluation::Window;
use super::select::Select;
use crate::measurement::Measurement;
use crate::services::prelude::*;
use crate::store::World;
use crate::wire::params::Params;

pub(super) const OPERATIONS: &[Operation] = &[write("PutMetricData", put)];

/// So many values are kept of each metric.
const KEPT: usize = 5_000;

/// The values of one metric with one set of dimensions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Series {
    id: String,
    created: Timestamp,
    /// When, in seconds, and what.
    values: Vec<(i64, f64)>,
}

object!(Series, "monitoring/metric", id);

/// Under which id a metric is kept.
pub(crate) fn id(namespace: &str, name: &str, dimensions: &BTreeMap<String, String>) -> String {
    dimensions.iter().fold(format!("{namespace}|{name}"), |id, (key, value)| format!("{id}|{key}={value}"))
}

/// The dimensions of a request; one name stands for one value.
fn dimensions(call: &Call<'_>, of: &mut Params) -> Result<BTreeMap<String, String>, ApiError> {
    let mut out = BTreeMap::new();
    for mut one in of.structs("Dimensions")? {
        if out.insert(one.text("Name")?, one.text("Value")?).is_some() {
            return Err(call.invalid("No two dimensions have the same name"));
        }
    }
    Ok(out)
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let namespace = call.params.text("Namespace")?;
    if namespace.starts_with("AWS/") {
        let message = "The value AWS/ for parameter Namespace is invalid.";
        return Err(ApiError::bad("InvalidParameterValue", message));
    }
    for mut datum in call.params.structs("MetricData")? {
        let (name, dimensions) = (datum.text("MetricName")?, dimensions(call, &mut datum)?);
        let at = datum.time_opt("Timestamp")?.unwrap_or(call.now).as_second();
        // A metric has no unit here: alarms that name one are not evaluated by it either.
        datum.text_opt("Unit")?;
        datum.int_opt("StorageResolution")?;
        let counts = datum.numbers("Counts")?;
        let mut values: Vec<(i64, f64)> = datum.number_opt("Value")?.into_iter().map(|value| (at, value)).collect();
        for (i, value) in datum.numbers("Values")?.into_iter().enumerate() {
            let count = counts.get(i).copied().unwrap_or(1.0).clamp(0.0, 1_000.0);
            values.extend((0..count as usize).map(|_| (at, value)));
        }
        record(call.world, call.region, call.now, id(&namespace, &name, &dimensions), values);
    }
    Ok(Reply::empty())
}

/// A service publishes one value of each of these metrics, which have the same dimensions.
pub(crate) fn publish(call: &mut Call<'_>, namespace: &str, dimensions: &[(&str, &str)], values: &[(&str, f64)]) {
    note((call.world, call.region, call.now), namespace, dimensions, values);
}

/// The same at a moment when nobody calls.
pub(crate) fn note(
    (world, region, now): (&mut World, &str, Timestamp),
    namespace: &str,
    dimensions: &[(&str, &str)],
    values: &[(&str, f64)],
) {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let dimensions = dimensions.iter().map(pair).collect();
    for (name, value) in values {
        record(world, region, now, id(namespace, name, &dimensions), vec![(now.as_second(), *value)]);
    }
}

/// Somebody publishes one value now.
pub(crate) fn measured(world: &mut World, now: Timestamp, one: &Measurement) {
    let id = id(&one.namespace, &one.name, &one.dimensions);
    record(world, &one.region, now, id, vec![(now.as_second(), one.value)]);
}

/// Adds values; the oldest go.
pub(crate) fn record(world: &mut World, region: &str, now: Timestamp, id: String, values: Vec<(i64, f64)>) {
    if values.is_empty() {
        return;
    }
    let old = world.get::<Series>(region, &id).cloned();
    let mut series = old.unwrap_or(Series { id, created: now, values: Vec::new() });
    series.values.extend(values);
    series.values.sort_by_key(|(at, _)| *at);
    series.values.drain(..series.values.len().saturating_sub(KEPT));
    world.put(region, series);
    alarms::wake(world, region, now);
}

/// What a statistic makes of one or several metrics in each of the last periods, the latest first; nothing where none has
/// a value.
pub(super) fn periods(window: Window<'_>, ids: &[String], statistic: &str) -> Vec<Option<f64>> {
    let Window { world, region, period, .. } = window;
    let series: Vec<&[(i64, f64)]> =
        ids.iter().filter_map(|id| world.get::<Series>(region, id)).map(|series| series.values.as_slice()).collect();
    let end = window.at.as_second().div_euclid(period) * period;
    let one = |back: usize| {
        let to = end - i64::try_from(back).unwrap_or(i64::MAX).saturating_mul(period);
        let mut inside: Vec<f64> = Vec::new();
        for values in &series {
            let (first, last) =
                (values.partition_point(|(at, _)| *at < to - period), values.partition_point(|(at, _)| *at < to));
            inside.extend(values[first..last].iter().map(|(_, value)| *value));
        }
        inside.sort_by(f64::total_cmp);
        summary(statistic, &inside)
    };
    (0..window.count).map(one).collect()
}

/// What a statistic makes of one metric in each of the last periods, the latest first.
pub(crate) fn lately(
    (world, region, at): (&World, &str, Timestamp),
    id: String,
    statistic: &str,
    period: i64,
    count: usize,
) -> Vec<Option<f64>> {
    periods(Window { world, region, at, period, count }, &[id], statistic)
}

/// The metrics that a query of Metrics Insights is about.
pub(super) fn chosen(window: Window<'_>, select: &Select) -> Vec<String> {
    let start = format!("{}|{}", select.namespace, select.metric);
    let fits = |series: &&Series| {
        let Some(rest) = series.id.strip_prefix(&start).filter(|rest| rest.is_empty() || rest.starts_with('|')) else {
            return false;
        };
        select.fits(&rest.split('|').filter_map(|pair| pair.split_once('=')).collect())
    };
    window.world.all::<Series>(window.region).filter(fits).map(|series| series.id.clone()).collect()
}

/// When the latest value of all metrics of a region was measured.
pub(super) fn latest(world: &World, region: &str) -> Option<i64> {
    world.all::<Series>(region).filter_map(|series| Some(series.values.last()?.0)).max()
}

/// A statistic of sorted values.
fn summary(statistic: &str, values: &[f64]) -> Option<f64> {
    let (least, most) = (*values.first()?, *values.last()?);
    let (sum, count) = (values.iter().sum::<f64>(), values.len() as f64);
    Some(match statistic {
        "SampleCount" => count,
        "Average" => sum / count,
        "Sum" => sum,
        "Minimum" => least,
        "Maximum" => most,
        // The nearest rank.
        percentile => {
            let part: f64 = percentile.strip_prefix('p')?.parse().ok()?;
            let rank = (part / 100.0 * count).ceil().clamp(1.0, count) as usize;
            *values.get(rank - 1)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn statistics_are_what_their_names_say() {
        let values = [1.0, 2.0, 3.0, 4.0, 10.0];
        let of = |statistic| summary(statistic, &values);
        assert_eq!((of("SampleCount"), of("Sum"), of("Average")), (Some(5.0), Some(20.0), Some(4.0)));
        assert_eq!((of("Minimum"), of("Maximum")), (Some(1.0), Some(10.0)));
        assert_eq!((of("p50"), of("p99"), of("p0")), (Some(3.0), Some(10.0), Some(1.0)));
        assert_eq!(summary("Average", &[]), None);
    }
}
