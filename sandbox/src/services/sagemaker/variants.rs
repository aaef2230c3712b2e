//! A variant of an endpoint: which model it runs, on what, how many, and its share of the traffic.

use crate::services::prelude::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) model: String,
    /// The type of its instances; none of a serverless one.
    pub(super) machine: Option<String>,
    /// The types to choose from, the best first.
    pub(super) pools: Vec<Pool>,
    /// It gets copies of requests, and answers nobody.
    pub(crate) shadow: bool,
    pub(super) reservation: Option<Value>,
    pub(super) count: i64,
    pub(crate) weight: f64,
    pub(super) serverless: Option<Value>,
    pub(super) routing: Option<Value>,
    /// The fewest and the most instances, where they follow inference components.
    pub(super) managed: Option<(i64, i64)>,
    /// How long its containers may take until they answer, in seconds.
    pub(super) patience: i64,
}

/// A type that the instances of a variant may have, and the model that those run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pool {
    pub(super) machine: String,
    model: String,
}

/// What a container has where nothing is said, in seconds (SageMaker Developer Guide, "Health check").
const PATIENCE: i64 = 240;

impl Variant {
    /// As a configuration states it.
    pub(super) fn new(raw: &Value) -> Self {
        let text = |field: &str| raw[field].as_str().map(str::to_owned);
        let model = text("ModelName").unwrap_or_default();
        let mut pools: Vec<&Value> = raw["InstancePools"].as_array().into_iter().flatten().collect();
        pools.sort_by_key(|pool| pool["Priority"].as_i64());
        let pool = |pool: &Value| Pool {
            machine: pool["InstanceType"].as_str().unwrap_or_default().to_owned(),
            model: pool["ModelNameOverride"].as_str().unwrap_or(&model).to_owned(),
        };
        let pools: Vec<Pool> = pools.into_iter().map(pool).collect();
        let first = pools.first().cloned();
        Self {
            name: text("VariantName").unwrap_or_default(),
            model: first.as_ref().map_or(model, |pool| pool.model.clone()),
            machine: text("InstanceType").or(first.map(|pool| pool.machine)),
            pools,
            shadow: false,
            reservation: raw.get("CapacityReservationConfig").cloned(),
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

    /// How many instances share its requests.
    pub(crate) fn instances(&self) -> f64 {
        self.count.max(1) as f64
    }

    /// Its instances are of this type.
    pub(super) fn take(&mut self, pool: &Pool) {
        (self.machine, self.model) = (Some(pool.machine.clone()), pool.model.clone());
    }

    /// The types that its instances may have.
    pub(super) fn types(&self) -> Vec<&str> {
        if self.pools.is_empty() {
            return self.machine.as_deref().into_iter().collect();
        }
        self.pools.iter().map(|pool| pool.machine.as_str()).collect()
    }

    /// As DescribeEndpoint shows it; `desired` is what it shall become.
    pub(super) fn shown(&self, desired: &Self, images: &[String]) -> Value {
        let on_instances = self.machine.is_some();
        let count = |one: &Self| on_instances.then_some(one.count);
        json!({
            "VariantName": self.name, "CurrentWeight": self.weight, "DesiredWeight": desired.weight,
            "CurrentInstanceCount": count(self), "DesiredInstanceCount": count(desired),
            "CurrentServerlessConfig": self.serverless, "DesiredServerlessConfig": desired.serverless,
            "RoutingConfig": self.routing, "CapacityReservationConfig": self.reservation,
            "InstancePools": (!self.pools.is_empty()).then(|| self.pools.iter().map(|pool| {
                let has = self.machine.as_ref() == Some(&pool.machine);
                json!({"InstanceType": pool.machine, "CurrentInstanceCount": if has { self.count } else { 0 }})
            }).collect::<Vec<_>>()),
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
