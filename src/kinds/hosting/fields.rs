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
    /// The metric to keep near a value; or `steps`. Without both, nothing but `schedule` changes the count by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// How many are added and removed at which values of a metric, by alarms of the resource's own; or `target`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// Other bounds from certain times on. From the first of these times on, `min` and `max` are what the latest one set.
    #[serde(default)]
    pub schedule: Vec<Timed>,
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

impl Scaling {
    /// The fewest and the most that there can ever be, whatever the time.
    pub(in crate::kinds) fn bounds(&self) -> (u32, u32) {
        let (least, most) =
            (self.schedule.iter().filter_map(|one| one.min), self.schedule.iter().filter_map(|one| one.max));
        (least.chain([self.min]).min().unwrap_or_default(), most.chain([self.max]).max().unwrap_or_default())
    }

    /// What says nothing is left out, and lists have one order.
    pub(in crate::kinds) fn normalize(&mut self) {
        self.wake |= self.bounds().0 > 0;
        self.schedule.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut rises, mut falls) = (self.target.is_some(), self.target.is_some());
        if let Some(steps) = &mut self.steps {
            steps.up.sort_by_key(|step| step.at);
            steps.down.sort_by_key(|step| step.at);
            (rises, falls) = (rises || !steps.up.is_empty(), falls || !steps.down.is_empty());
        }
        // AWS has no place for the time after a change that nothing makes.
        if !rises {
            self.scale_out_cooldown = pause();
        }
        if !falls {
            self.scale_in_cooldown = pause();
        }
    }

    /// What is live, as it shall be compared with what is wanted: bounds that the wanted schedule has set are no
    /// difference.
    pub(in crate::kinds) fn in_force(&self, want: &Self) -> Self {
        let sets =
            |bound: fn(&Timed) -> Option<u32>, value: u32| want.schedule.iter().any(|one| bound(one) == Some(value));
        let mut seen = self.clone();
        if sets(|one| one.min, self.min) {
            seen.min = want.min;
        }
        if sets(|one| one.max, self.max) {
            seen.max = want.max;
        }
        seen
    }
}

/// What happens as a metric rises and falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// What is measured.
    pub metric: Measure,
    /// How many are added while the metric has been at a value or above it for three minutes: of several steps, the one
    /// with the highest value that is reached.
    #[serde(default)]
    pub up: Vec<Step>,
    /// How many are removed while the metric has been at a value or below it for a quarter of an hour: of several steps,
    /// the one with the lowest value that is reached. No requests at all count as 0.
    #[serde(default)]
    pub down: Vec<Step>,
}

/// What happens at a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The value, per machine or copy.
    pub at: u32,
    /// How many are added or removed.
    pub by: u32,
}

/// Other bounds from certain times on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// Its name.
    pub name: String,
    /// When: `cron(0 20 ? * MON-FRI *)` (minutes, hours, day of the month, month, day of the week, year), or
    /// `rate(12 hours)`.
    pub at: String,
    /// The time zone of `cron`, such as `Europe/Berlin`; UTC where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The fewest from then on; as before where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// The most from then on; as before where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
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
