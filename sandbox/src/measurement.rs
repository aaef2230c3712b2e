//! What somebody measures: values of metrics that no request may publish, since they are AWS's own.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A value of a metric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// `AWS/EC2`
    pub namespace: String,
    /// `StatusCheckFailed`
    pub name: String,
    /// All of them.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// In the unit of the metric.
    pub value: f64,
    /// Where; without it, in `us-east-1`.
    #[serde(default = "first_region")]
    pub region: String,
}

fn first_region() -> String {
    "us-east-1".to_owned()
}
