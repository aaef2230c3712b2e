//! A variant of an endpoint: which model it runs, on what, how many, and its share of the traffic.

use crate::services::prelude::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) model: String,
    /// The type of its instances; none of a serverless one.
    pub(super) machine: Option<String>,
    pub(super) count: i64,
    pub(crate) weight: f64,
    pub(super) serverless: Option<Value>,
    pub(super) routing: Option<Value>,
    /// The fewest and the most instances, where they follow inference components.
    pub(super) managed: Option<(i64, i64)>,
    /// How long its containers may take until they answer, in seconds.
    pub(super) patience: i64,
}

/// What a container has where nothing is said, in seconds (SageMaker Developer Guide, "Health check").
const PATIENCE: i64 = 240;

impl Variant {
    /// As a configuration states it.
    pub(super) fn new(raw: &Value) -> Self {
        let text = |field: &str| raw[field].as_str().map(str::to_owned);
        Self {
            name: text("VariantName").unwrap_or_default(),
            model: text("ModelName").unwrap_or_default(),
            machine: text("InstanceType"),
            count: raw["InitialInstanceCount"].as_i64().unwrap_or_default(),
            weight: raw["InitialVariantWeight"].as_f64().unwrap_or(1.0),
            serverless: raw.get("ServerlessConfig").cloned(),
            routing: raw.get("RoutingConfig").cloned(),
            managed: raw.get("ManagedInstanceScaling").filter(|it| it["Status"] != "DISABLED").map(|it| {
                let bound = |name: &str, usual: i64| it[name].as_i64().unwrap_or(usual);
                (bound("MinInstanceCount", 1), bound("MaxInstanceCount", 1))
            }),
            patience: raw["ContainerStartupHealthCheckTimeoutInSeconds"].as_i64().unwrap_or(PATIENCE),
        }
    }

    /// As DescribeEndpoint shows it; `desired` is what it shall become.
    pub(super) fn shown(&self, desired: &Self, images: &[String]) -> Value {
        let on_instances = self.machine.is_some();
        let count = |one: &Self| on_instances.then_some(one.count);
        json!({
            "VariantName": self.name, "CurrentWeight": self.weight, "DesiredWeight": desired.weight,
            "CurrentInstanceCount": count(self), "DesiredInstanceCount": count(desired),
            "CurrentServerlessConfig": self.serverless, "DesiredServerlessConfig": desired.serverless,
            "RoutingConfig": self.routing,
            "ManagedInstanceScaling": self.managed.map(|(least, most)| json!({
                "Status": "ENABLED", "MinInstanceCount": least, "MaxInstanceCount": most,
            })),
            "DeployedImages": images.iter().map(|image| json!({"SpecifiedImage": image})).collect::<Vec<_>>(),
        })
    }
}

/// Takes over counts and weights of the variants that were there before.
pub(super) fn retain(new: &mut [Variant], old: &[Variant], without: &[String]) {
    let kept = |what: &str| !without.iter().any(|one| one == what);
    for variant in new {
        let Some(old) = old.iter().find(|old| old.name == variant.name) else { continue };
        if kept("DesiredInstanceCount") && variant.machine.is_some() && old.machine.is_some() {
            variant.count = old.count;
        }
        if kept("DesiredWeight") {
            variant.weight = old.weight;
        }
    }
}
