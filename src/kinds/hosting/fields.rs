//! Fields that endpoints and inference components share.
use crate::{
    field::{Field, Ref},
    kinds::Bucket,
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeMap;

/// A container and what it loads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its image in a registry of ECR, with a tag or, better, a digest.
    pub image: Field<String>,
    /// Its environment. Everybody who may look at the model can read it: no tokens.
    #[serde(default)]
    pub environment: BTreeMap<String, Field<String>>,
    /// What it finds under `/opt/ml/model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelData>,
}

/// Where the data of a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelData {
    /// The bucket, in the endpoint's region.
    pub bucket: Ref<Bucket>,
    /// Everything under this prefix, which ends with `/`; or `object`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Field<String>>,
    /// One object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Field<String>>,
    /// How it is packed.
    #[serde(default)]
    pub compression: Packing,
}

/// How the data of a model is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// As it is.
    #[default]
    None,
    /// A `tar.gz` that SageMaker unpacks.
    Gzip,
}

/// How a count follows the load: that of the machines of a variant, or that of the copies of a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// The fewest of them; 0 for inference components, and for endpoints with `async`.
    pub min: u32,
    /// The most of them. Budgets count that many machines; copies cost nothing of their own.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// The metric to keep near a value; without it, nothing changes the count by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// After a change, none is removed for this long.
    #[serde(default = "pause")]
    pub scale_in_cooldown: Span,
    /// After a change, none is added for this long.
    #[serde(default = "pause")]
    pub scale_out_cooldown: Span,
    /// With `min: 0`: does the first request that finds nobody start one? An alarm of the resource's own does that.
    #[serde(default = "yes")]
    pub wake: bool,
}

fn pause() -> Span {
    Span::from_seconds(300)
}
fn yes() -> bool {
    true
}

/// A metric to keep near a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What is measured.
    pub metric: Measure,
    /// The value, per machine or copy.
    pub value: Number,
}

/// What scaling measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Requests per minute, for each machine or copy.
    Invocations,
    /// Concurrent requests for each machine or copy, measured every ten seconds.
    ConcurrentRequests,
    /// Waiting requests for each machine: for `async`.
    Backlog,
}
