//! Metric filters: what a group's lines are made into. They belong to the group and go with it.

use std::collections::{BTreeMap, BTreeSet};

use super::LogGroup;
use super::patterns::{Pattern, select};
use crate::services::monitoring;
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] =
    &[write("PutMetricFilter", put), read("DescribeMetricFilters", describe), write("DeleteMetricFilter", delete)];

/// So many a group has at most, and so many dimensions a metric of one.
const MOST: usize = 100;
const DIMENSIONS: usize = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Filter {
    created: Timestamp,
    pattern: String,
    metric: String,
    namespace: String,
    /// A number, or the field of a line that has one.
    value: String,
    default: Option<f64>,
    /// Names, and the fields of a line that have the values.
    dimensions: BTreeMap<String, String>,
    unit: String,
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut group = super::named(call)?;
    let (name, pattern) = (call.params.text("filterName")?, call.params.text("filterPattern")?);
    let created = group.filters.get(&name).map_or(call.now, |old| old.created);
    let filter = transformation(call, created, pattern)?;
    // The documentation says that such groups have none, not how AWS says so.
    if group.class != "STANDARD" {
        return Err(call.invalid(format!("Metric filters are not supported for log groups of class {}.", group.class)));
    }
    group.filters.insert(name, filter);
    if group.filters.len() > MOST {
        return Err(ApiError::bad("LimitExceededException", "Resource limit exceeded."));
    }
    call.put(group);
    Ok(Reply::empty())
}

fn transformation(call: &mut Call<'_>, created: Timestamp, pattern: String) -> Result<Filter, ApiError> {
    Pattern::parse(&pattern)?;
    let Some(mut it) = call.params.structs("metricTransformations")?.pop() else {
        return Err(call.params.missing("metricTransformations"));
    };
    let of_line = |text: &str| text.len() > 1 && text.starts_with('$');
    let mut dimensions = BTreeMap::new();
    if let Some(mut all) = it.child_opt("dimensions")? {
        for (name, field) in all.rest() {
            let field = field.as_str().filter(|field| of_line(field)).map(str::to_owned);
            let wrong = || call.invalid(format!("Invalid metric transformation: dimension {name} must be a field"));
            dimensions.insert(name.clone(), field.ok_or_else(wrong)?);
        }
    }
    let (metric, namespace) = (it.text("metricName")?, it.text("metricNamespace")?);
    let (value, default) = (it.text("metricValue")?, it.number_opt("defaultValue")?);
    let unit = it.text_opt("unit")?.unwrap_or_else(|| "None".to_owned());
    if !of_line(&value) && !value.parse().is_ok_and(f64::is_finite) {
        return Err(call.invalid("Invalid metric transformation: metricValue must be a number or a field."));
    }
    if default.is_some() && !dimensions.is_empty() {
        return Err(call.invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    if dimensions.len() > DIMENSIONS {
        return Err(call.invalid("Invalid metric transformation: there are at most 3 dimensions."));
    }
    Ok(Filter { created, pattern, metric, namespace, value, default, dimensions, unit })
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, prefix) = (call.params.text_opt("logGroupName")?, call.params.text_opt("filterNamePrefix")?);
    let (metric, namespace) = (call.params.text_opt("metricName")?, call.params.text_opt("metricNamespace")?);
    if metric.is_some() != namespace.is_some() {
        return Err(call.invalid("metricName and metricNamespace go together."));
    }
    let page = Page::take(call, 50)?;
    let groups: Vec<LogGroup> = match group {
        Some(name) => vec![call.see::<LogGroup>(&name).cloned().ok_or_else(super::missing)?],
        None => call.seen::<LogGroup>().cloned().collect(),
    };
    let wanted = |name: &str, it: &Filter| {
        prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && metric.as_ref().is_none_or(|metric| it.metric == *metric)
            && namespace.as_ref().is_none_or(|namespace| it.namespace == *namespace)
    };
    let of_group = |group: &LogGroup| {
        let all = group.filters.iter().filter(|(name, it)| wanted(name, it));
        all.map(|(name, it)| (format!("{}\0{name}", group.name), shown(group, name, it))).collect::<Vec<_>>()
    };
    let all: Vec<(String, Value)> = groups.iter().flat_map(of_group).collect();
    Ok(page.reply(all.iter(), |(id, _)| id, |(_, shown)| shown.clone()))
}

fn shown(group: &LogGroup, name: &str, it: &Filter) -> Value {
    let mut transformation = json!({
        "metricName": it.metric, "metricNamespace": it.namespace, "metricValue": it.value, "defaultValue": it.default,
        "unit": it.unit,
    });
    if !it.dimensions.is_empty() {
        transformation["dimensions"] = json!(it.dimensions);
    }
    json!({
        "filterName": name, "filterPattern": it.pattern, "logGroupName": group.name,
        "creationTime": it.created.as_millisecond(), "metricTransformations": [transformation],
    })
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut group, name) = (super::named(call)?, call.params.text("filterName")?);
    if group.filters.remove(&name).is_none() {
        return Err(ApiError::bad("ResourceNotFoundException", "The specified metric filter does not exist."));
    }
    call.put(group);
    Ok(Reply::empty())
}

/// Publishes what the filters of a group make of lines that have just been written, at the times of the lines.
pub(super) fn act(world: &mut World, region: &str, now: Timestamp, group: &str, lines: &[(i64, &str)]) {
    let filters = world.get::<LogGroup>(region, group).map(|group| group.filters.clone()).unwrap_or_default();
    for filter in filters.values() {
        // It was understood when it was put.
        let Ok(pattern) = Pattern::parse(&filter.pattern) else { continue };
        let seconds = |at: i64| at.div_euclid(1000);
        let (mut hit, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for (at, line) in lines {
            let minute = seconds(*at).div_euclid(60);
            seen.insert(minute);
            if !pattern.fits(line) {
                continue;
            }
            hit.insert(minute);
            if let Some((dimensions, value)) = filter.made(line) {
                let id = monitoring::id(&filter.namespace, &filter.metric, &dimensions);
                monitoring::record(world, region, now, id, vec![(seconds(*at), value)]);
            }
        }
        // Once for each minute in which there were lines, and none that fits.
        if let Some(default) = filter.default {
            let id = monitoring::id(&filter.namespace, &filter.metric, &BTreeMap::new());
            let values = seen.difference(&hit).map(|minute| (minute * 60, default)).collect();
            monitoring::record(world, region, now, id, values);
        }
    }
}

impl Filter {
    /// The dimensions and the value of a line that fits; nothing where it lacks a field of them.
    fn made(&self, line: &str) -> Option<(BTreeMap<String, String>, f64)> {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |field: &String| match select(&line, field)? {
            Value::String(text) => Some(text.clone()),
            other @ (Value::Number(_) | Value::Bool(_)) => Some(other.to_string()),
            _ => None,
        };
        let pair = |(name, field): (&String, &String)| Some((name.clone(), text(field)?));
        let dimensions = self.dimensions.iter().map(pair).collect::<Option<_>>()?;
        let value =
            if self.value.starts_with('$') { select(&line, &self.value)?.as_f64() } else { self.value.parse().ok() };
        Some((dimensions, value?))
    }
}
