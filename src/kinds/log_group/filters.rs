//! Metric filters of a group: what is counted in its lines. A put replaces what has the name.
use super::{LogGroup, MetricFilter};
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    resource::Live,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Number, Value, json};
use std::collections::BTreeMap;

/// As DescribeMetricFilters shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    filter_name: String,
    #[serde(default)]
    filter_pattern: String,
    metric_transformations: Vec<Transformation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transformation {
    metric_name: String,
    metric_namespace: String,
    metric_value: String,
    default_value: Option<Number>,
    dimensions: Option<BTreeMap<String, String>>,
    unit: Option<String>,
}

pub(super) async fn list(ctx: &SweepCtx, group: &str) -> Result<Vec<MetricFilter>, Error> {
    let input = json!({ "logGroupName": group });
    let found: Vec<Found> =
        ctx.aws.logs().pages("DescribeMetricFilters", input, ("metricFilters", "nextToken")).await?;
    // Each has exactly one transformation.
    Ok(found.into_iter().filter_map(read).collect())
}

fn read(found: Found) -> Option<MetricFilter> {
    let it = found.metric_transformations.into_iter().next()?;
    Some(MetricFilter {
        name: found.filter_name,
        pattern: found.filter_pattern,
        metric: it.metric_name,
        namespace: it.metric_namespace,
        value: it.metric_value,
        default: it.default_value,
        dimensions: it.dimensions.unwrap_or_default(),
        unit: it.unit,
    })
}

/// Takes away what is not wanted, which makes room, and puts what is new or differs.
pub(super) async fn bring(want: &[MetricFilter], ctx: &Ctx, live: &Live<LogGroup>) -> Result<(), Error> {
    let now = live.spec.filters();
    let call = async |action, mut input: Value| {
        input["logGroupName"] = json!(live.id);
        ctx.aws.logs().call::<IgnoredAny>(action, &input).await.map(drop)
    };
    for old in now.iter().filter(|old| want.iter().all(|one| one.name != old.name)) {
        gone(call("DeleteMetricFilter", json!({ "filterName": old.name })).await)?;
    }
    for new in want.iter().filter(|new| !now.contains(new)) {
        call("PutMetricFilter", request(new)).await?;
    }
    Ok(())
}

fn request(filter: &MetricFilter) -> Value {
    let mut made = json!({
        "metricName": filter.metric, "metricNamespace": filter.namespace, "metricValue": filter.value,
    });
    if let Some(default) = &filter.default {
        made["defaultValue"] = json!(default);
    }
    if !filter.dimensions.is_empty() {
        made["dimensions"] = json!(filter.dimensions);
    }
    if let Some(unit) = &filter.unit {
        made["unit"] = json!(unit);
    }
    json!({ "filterName": filter.name, "filterPattern": filter.pattern, "metricTransformations": [made] })
}

impl MetricFilter {
    /// AWS says `None` where no unit was said, and `0.0` for a zero.
    pub(super) fn normalize(&mut self) {
        self.unit = self.unit.take().filter(|unit| unit != "None");
        let whole = |number: &Number| number.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 1e15);
        if let Some(value) = self.default.as_ref().and_then(whole) {
            self.default = Some((value as i64).into());
        }
    }
}
