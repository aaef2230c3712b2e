//! What an alarm is made of.
use crate::{field::Field, units::Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A metric and what is made of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its namespace: `AWS/EC2`, `CWAgent`.
    pub namespace: String,
    /// Its name: `CPUUtilization`.
    pub name: String,
    /// All of its dimensions, by name: with one too many or too few it is another metric, which nothing publishes.
    #[serde(default)]
    pub dimensions: BTreeMap<String, Field<String>>,
    /// `average`, `sum`, `minimum`, `maximum`, `sample-count`, or a percentile such as `p99`.
    #[serde(default = "average")]
    pub statistic: String,
    /// 10s, 20s, 30s or whole minutes.
    #[serde(default = "minute")]
    pub period: Span,
}

/// One of the things that are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What expressions call it: a small letter first, then letters, digits and `_`.
    pub id: String,
    /// A metric; or `expression`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Metric math over other ids (`errors / calls`), or a query (`SELECT …`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<Field<String>>,
    /// The period of an expression that has no metric to take it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// What charts call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Are these the values that are compared?
    #[serde(default)]
    pub returns: bool,
}

/// Another alarm: while it is in ALARM, no actions run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppressor {
    /// Its name or its ARN.
    pub alarm: Field<String>,
    /// How long to wait for it to go into ALARM before actions run.
    #[serde(default = "two_minutes")]
    pub wait: Span,
    /// How long to wait after it has left ALARM before actions run.
    #[serde(default = "two_minutes")]
    pub extension: Span,
}

/// How a value and the threshold are compared, in CloudWatch's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, clippy::enum_variant_names, reason = "CloudWatch's words say it all")]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
    LessThanLowerThreshold,
    GreaterThanUpperThreshold,
}

/// What a period without a value counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    /// Nothing: with no values at all the state is INSUFFICIENT_DATA.
    #[default]
    Missing,
    /// The state stays.
    Ignore,
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
}

pub(super) fn average() -> String {
    "average".to_owned()
}
pub(super) fn minute() -> Span {
    Span::from_seconds(60)
}
fn two_minutes() -> Span {
    Span::from_seconds(120)
}
