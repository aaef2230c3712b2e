//! Endpoints: made, moved to another configuration beside the old fleet, rescaled, removed.
//!
//! What an update takes back ends in service on the old configuration, as AWS does it: only the reason tells.

use super::configs::Config;
use super::deployment::Deployment;
use super::interfaces;
use super::models::Model;
use super::variants::{Variant, retain};
use super::{missing, named, refused, seconds, taken};
use crate::history::Meter;
use crate::life::durations;
use crate::services::application_autoscaling;
use crate::services::prelude::*;
use crate::store::{Object, World};

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateEndpoint", create),
    read("DescribeEndpoint", describe),
    read("ListEndpoints", list),
    write("UpdateEndpoint", update),
    write("UpdateEndpointWeightsAndCapacities", weigh),
    write("DeleteEndpoint", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(super) name: String,
    created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) status: Status,
    /// The configuration that serves.
    pub(super) config: String,
    pub(crate) variants: Vec<Variant>,
    pub(crate) is_async: bool,
    /// Where responses and errors of requests that wait are written.
    pub(crate) output: (String, Option<String>),
    pub(super) capture: Option<Value>,
    pub(super) deployment: Option<Deployment>,
    /// How the last change was asked for.
    last: Option<Value>,
    pub(super) failure: Option<String>,
    pub(super) interfaces: Vec<String>,
    tags: Tags,
    pub(super) timer: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Creating,
    InService,
    Updating,
    Failed,
    Deleting,
}

impl Object for Endpoint {
    const KIND: &'static str = "sagemaker/endpoint";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn state(&self, _now: Timestamp) -> &str {
        self.status.name()
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("sagemaker".to_owned(), format!("endpoint/{}", self.name)))
    }
    fn meters(&self) -> Vec<Meter> {
        let of = |one: &Variant| {
            let machine = one.machine.as_ref()?;
            let meter = Meter::new("Amazon SageMaker", format!("Host:{machine}"), self.created, None);
            Some(meter.times(one.count as f64))
        };
        self.variants.iter().filter_map(of).collect()
    }
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::InService => "InService",
            Self::Updating => "Updating",
            Self::Failed => "Failed",
            Self::Deleting => "Deleting",
        }
    }
}

impl Endpoint {
    /// Does anybody answer?
    pub(crate) fn serves(&self) -> bool {
        matches!(self.status, Status::InService | Status::Updating)
    }

    /// The fleet that answers the request for which `draw` of 0 to 99 was drawn: its configuration and variants.
    pub(crate) fn fleet(&self, now: Timestamp, draw: u32) -> (&str, &[Variant]) {
        match &self.deployment {
            Some(new) if draw < new.share(now) => (&new.config, &new.variants),
            _ => (&self.config, &self.variants),
        }
    }

    fn is_busy(&self) -> bool {
        !matches!(self.status, Status::InService | Status::Failed)
    }
}

fn tail(name: &str) -> String {
    format!("endpoint/{name}")
}

/// The configuration that a request names, with the variants that it stands for.
fn config(call: &mut Call<'_>) -> Result<Config, ApiError> {
    let name = call.params.text("EndpointConfigName")?;
    let found = call.find::<Config>(&name).cloned();
    let missing = || missing(call, "endpoint configuration", &format!("endpoint-config/{name}"));
    let config = found.ok_or_else(missing)?;
    for one in config.variants().iter().filter(|one| !one.model.is_empty()) {
        if call.get::<Model>(&one.model).is_none() {
            return Err(super::missing(call, "model", &format!("model/{}", one.model)));
        }
    }
    Ok(config)
}

/// More machines than the account may have; quotas go by their names here, as nobody publishes their codes.
fn check_quota(call: &Call<'_>, variants: &[Variant]) -> Result<(), ApiError> {
    for machine in variants.iter().filter_map(|one| one.machine.as_ref()) {
        let quota = format!("{machine} for endpoint usage");
        let Some(limit) = call.world.config.behaviour.quotas.get(&quota) else { continue };
        let of = |all: &[Variant]| -> i64 {
            all.iter().filter(|one| one.machine.as_ref() == Some(machine)).map(|one| one.count).sum()
        };
        let (used, more) = (call.all::<Endpoint>().map(|it| of(&it.variants)).sum::<i64>(), of(variants));
        if used + more > i64::try_from(*limit).unwrap_or(i64::MAX) {
            let message = format!(
                "The account-level service limit '{quota}' is {limit} Instances, with current utilization of {used} \
                 Instances and a request delta of {more} Instances. Please use AWS Service Quotas to request an increase \
                 for this quota."
            );
            return Err(ApiError::bad("ResourceLimitExceeded", message));
        }
    }
    Ok(())
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("EndpointName")?;
    let (tags, asked) = (tagged::take(call)?, call.params.raw("DeploymentConfig"));
    // Names that differ in case only are the same.
    if let Some(other) = call.all::<Endpoint>().find(|it| it.name.eq_ignore_ascii_case(&name)) {
        return Err(taken(call, "endpoint", &tail(&other.name)));
    }
    let config = config(call)?;
    let variants = config.variants();
    check_quota(call, &variants)?;
    let deployment = Deployment::fleet(call, &config.name, variants.clone(), None);
    let interfaces = interfaces::make(call, &name, &variants, config.network())?;
    let endpoint = Endpoint {
        created: call.now,
        modified: call.now,
        status: Status::Creating,
        config: config.name.clone(),
        is_async: config.is_async(),
        output: config.output(),
        capture: config.capture(),
        timer: Some(deployment.next(call.now)),
        deployment: Some(deployment),
        variants,
        last: asked,
        failure: None,
        interfaces,
        tags,
        name,
    };
    let arn = call.arn(tail(&endpoint.name));
    call.put(endpoint);
    Ok(Reply::json(json!({"EndpointArn": arn})))
}

/// An endpoint that is to be changed.
fn settled(call: &mut Call<'_>) -> Result<Endpoint, ApiError> {
    let name = call.params.text("EndpointName")?;
    let found = call.find::<Endpoint>(&name).cloned();
    let endpoint = found.ok_or_else(|| missing(call, "endpoint", &tail(&name)))?;
    if endpoint.is_busy() {
        return Err(refused(format!("Cannot update in-progress endpoint \"{}\".", call.arn(tail(&name)))));
    }
    Ok(endpoint)
}

/// One that failed can only be removed.
fn living(call: &mut Call<'_>) -> Result<Endpoint, ApiError> {
    let endpoint = settled(call)?;
    if endpoint.status == Status::Failed {
        return Err(refused(format!("Cannot update failed endpoint \"{}\".", call.arn(tail(&endpoint.name)))));
    }
    Ok(endpoint)
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut endpoint = living(call)?;
    let config = config(call)?;
    let keep = call.params.flag("RetainAllVariantProperties")?;
    let mut without = Vec::new();
    for mut property in call.params.structs("ExcludeRetainedVariantProperties")? {
        without.push(property.text("VariantPropertyType")?);
    }
    let again = call.params.flag("RetainDeploymentConfig")?;
    let asked = call.params.raw("DeploymentConfig").or_else(|| endpoint.last.clone().filter(|_| again));
    let mut variants = config.variants();
    if endpoint.variants.iter().any(|one| one.serverless.is_none())
        && variants.iter().any(|one| one.serverless.is_some())
    {
        return Err(refused("Cannot update a variant on instances to a serverless one."));
    }
    for old in &endpoint.variants {
        let new = variants.iter().find(|one| one.name == old.name);
        let registered = application_autoscaling::scales(call.world, call.region, &endpoint.name, &old.name);
        if registered && new.is_none_or(|new| new.types() != old.types()) {
            return Err(refused(format!(
                "The variant(s) \"[{}]\" must be deregistered as scalable targets with Application Auto Scaling before \
                 they can be removed or their instance type can be changed.",
                old.name
            )));
        }
    }
    let moves_traffic = asked.as_ref().is_some_and(|asked| asked.get("BlueGreenUpdatePolicy").is_some());
    let names = |all: &[Variant]| {
        all.iter().filter(|one| !one.shadow).map(|one| one.name.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    if moves_traffic && names(&variants) != names(&endpoint.variants) {
        return Err(refused("The names of the variants must not change where a deployment has guardrails."));
    }
    if keep {
        retain(&mut variants, &endpoint.variants, &without);
    }
    check_quota(call, &variants)?;
    let deployment = Deployment::fleet(call, &config.name, variants, asked.clone());
    endpoint.timer = Some(deployment.next(call.now));
    (endpoint.deployment, endpoint.last, endpoint.failure) = (Some(deployment), asked, None);
    (endpoint.status, endpoint.modified) = (Status::Updating, call.now);
    let arn = call.arn(tail(&endpoint.name));
    call.put(endpoint);
    Ok(Reply::json(json!({"EndpointArn": arn})))
}

/// Starts a change of counts and weights of the same fleet.
fn rescale(world: &mut World, region: &str, now: Timestamp, mut endpoint: Endpoint, variants: Vec<Variant>) {
    let deployment = Deployment::resize(world, now, &endpoint.config, variants);
    endpoint.timer = Some(deployment.next(now));
    (endpoint.status, endpoint.deployment, endpoint.modified) = (Status::Updating, Some(deployment), now);
    world.put(region, endpoint);
}

fn weigh(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let endpoint = living(call)?;
    let mut variants = endpoint.variants.clone();
    for mut wanted in call.params.structs("DesiredWeightsAndCapacities")? {
        let (name, weight) = (wanted.text("VariantName")?, wanted.number_opt("DesiredWeight")?);
        let count = wanted.int_opt("DesiredInstanceCount")?;
        let variant = variants.iter_mut().find(|one| one.name == name);
        let variant = variant.ok_or_else(|| refused(format!("Could not find variant {name}.")))?;
        variant.weight = weight.unwrap_or(variant.weight);
        variant.count = count.unwrap_or(variant.count);
    }
    check_quota(call, &[])?;
    let arn = call.arn(tail(&endpoint.name));
    rescale(call.world, call.region, call.now, endpoint, variants);
    Ok(Reply::json(json!({"EndpointArn": arn})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("EndpointName")?;
    let found = call.see::<Endpoint>(&name).cloned();
    let it = found.ok_or_else(|| missing(call, "endpoint", &tail(&name)))?;
    let new = it.deployment.as_ref().filter(|_| it.status == Status::Updating);
    let images = |one: &Variant| call.get::<Model>(&one.model).map(Model::images).unwrap_or_default();
    let desired = |one: &Variant| {
        let target = new.filter(|new| new.config == it.config).into_iter().flat_map(|new| &new.variants);
        target.into_iter().find(|other| other.name == one.name).unwrap_or(one).clone()
    };
    let is_there = it.status != Status::Creating;
    let all = |shadow: bool| -> Option<Vec<Value>> {
        let shown = it.variants.iter().filter(|one| one.shadow == shadow);
        let shown: Vec<Value> = shown.map(|one| one.shown(&desired(one), &images(one))).collect();
        Some(shown).filter(|all| is_there && (!shadow || !all.is_empty()))
    };
    let pending = new.filter(|new| !new.shifts.is_empty()).map(|new| {
        let shown = |one: &Variant| {
            let mut out = one.shown(one, &images(one));
            // It is shown of what serves only.
            out.as_object_mut().map(|out| out.remove("CapacityReservationConfig"));
            out
        };
        let variants: Vec<Value> = new.variants.iter().filter(|one| !one.shadow).map(shown).collect();
        json!({
            "EndpointConfigName": new.config, "ProductionVariants": variants, "StartTime": seconds(new.began),
        })
    });
    Ok(Reply::json(json!({
        "EndpointName": it.name, "EndpointArn": call.arn(tail(&it.name)), "EndpointConfigName": it.config,
        "ProductionVariants": all(false), "ShadowProductionVariants": all(true), "DataCaptureConfig": it.capture,
        "EndpointStatus": it.status.name(), "FailureReason": it.failure, "CreationTime": seconds(it.created),
        "LastModifiedTime": seconds(it.modified), "LastDeploymentConfig": it.last,
        "PendingDeploymentSummary": pending,
    })))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let part = call.params.text_opt("NameContains")?;
    let page = Page::take(call, 10)?;
    let shown = |it: &&Endpoint| {
        json!({
            "EndpointName": it.name, "EndpointArn": call.arn(tail(&it.name)), "CreationTime": seconds(it.created),
            "LastModifiedTime": seconds(it.modified), "EndpointStatus": it.status.name(),
        })
    };
    Ok(page.reply(named::<Endpoint>(call, part), |it| &it.name, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut endpoint = settled(call)?;
    application_autoscaling::forget(call.world, call.region, &endpoint.name);
    (endpoint.status, endpoint.deployment) = (Status::Deleting, None);
    (endpoint.timer, endpoint.modified) = (Some(call.done_after(durations::HOSTING_DELETE)), call.now);
    call.put(endpoint);
    Ok(Reply::empty())
}

/// How many instances a variant has now; nothing where there is none on instances.
pub(crate) fn capacity(world: &World, region: &str, endpoint: &str, variant: &str) -> Option<i64> {
    let found = world.get::<Endpoint>(region, endpoint).filter(|it| it.status != Status::Deleting)?;
    found.variants.iter().find(|one| one.name == variant && one.machine.is_some()).map(|one| one.count)
}

/// Is the endpoint being made or changed?
pub(crate) fn is_changing(world: &World, region: &str, endpoint: &str) -> bool {
    world.get::<Endpoint>(region, endpoint).is_some_and(Endpoint::is_busy)
}

/// Application Auto Scaling gives a variant this many instances.
pub(crate) fn resize(world: &mut World, region: &str, now: Timestamp, endpoint: &str, variant: &str, count: i64) {
    let Some(endpoint) = world.get::<Endpoint>(region, endpoint).filter(|it| !it.is_busy()).cloned() else { return };
    let mut variants = endpoint.variants.clone();
    variants.iter_mut().filter(|one| one.name == variant).for_each(|one| one.count = count);
    rescale(world, region, now, endpoint, variants);
}
