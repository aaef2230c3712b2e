//! Reading endpoints back: each with the configuration that serves, its models, its scaling and what is left over.
use super::{SagemakerEndpoint, Variant, parts, wire};
use crate::{
    aws::{Error, optional, tags::Tags},
    call::{self, SweepCtx},
    field::Ref,
    kinds::hosting::{
        self, RULE,
        found::{self, Hosted},
        scaling::{self, Scaled},
        watches,
    },
    resource::{Live, Lookup, Resource, State},
    units::Span,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// As DescribeEndpoint shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Endpoint {
    endpoint_name: String,
    endpoint_arn: String,
    endpoint_config_name: Option<String>,
    #[serde(default)]
    production_variants: Vec<Value>,
    endpoint_status: String,
    failure_reason: Option<String>,
    creation_time: Option<f64>,
    pending_deployment_summary: Option<Value>,
}

impl Endpoint {
    /// The configuration that serves.
    pub(super) fn config(&self) -> &str {
        self.endpoint_config_name.as_deref().unwrap_or_default()
    }

    /// The configuration that it shall have: another one while it moves.
    fn goal(&self) -> &str {
        let pending = self.pending_deployment_summary.as_ref();
        pending.and_then(|new| new["EndpointConfigName"].as_str()).unwrap_or_else(|| self.config())
    }

    pub(super) fn is_changing(&self) -> bool {
        matches!(self.endpoint_status.as_str(), "Creating" | "Updating" | "SystemUpdating" | "RollingBack")
            || self.pending_deployment_summary.is_some()
    }

    fn state(&self) -> State {
        let why = self.failure_reason.as_deref().map(|why| why.trim_end_matches('.')).filter(|why| !why.is_empty());
        match self.endpoint_status.as_str() {
            "InService" => why.map_or(State::Ready, |why| State::Degraded(format!("{ROLLED_BACK}: {why}"))),
            "Deleting" => State::Deleting,
            "Failed" => State::Failed(why.unwrap_or("AWS gave no reason").to_owned()),
            _ if self.is_changing() => State::Pending,
            other => State::Degraded(why.map_or(other.to_owned(), |why| format!("{other}: {why}"))),
        }
    }
}

/// What is said of an endpoint that serves as before.
pub(super) const ROLLED_BACK: &str = "its last change was rolled back";
/// The endpoint of this name, whoever owns it.
pub(super) async fn serving(ctx: &SweepCtx, name: &str) -> Result<Option<Endpoint>, Error> {
    optional(ctx.aws.sagemaker().call("DescribeEndpoint", &json!({ "EndpointName": name })).await)
}

/// Endpoints under the stack's names that are not being deleted, whoever owns them, each with the parts that it uses: the
/// configuration that serves, the one that it moves to, and their models.
pub(super) async fn users(ctx: &SweepCtx) -> Result<Vec<(String, BTreeSet<String>)>, Error> {
    let prefix = call::name_prefix(&ctx.scope.stack, &RULE);
    let mut out = Vec::new();
    for name in found::names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), &prefix).await? {
        let Some(found) = serving(ctx, &name).await?.filter(|found| found.endpoint_status != "Deleting") else {
            continue;
        };
        let mut uses = BTreeSet::new();
        for config in BTreeSet::from([found.config(), found.goal()]) {
            uses.insert(parts::part(parts::CONFIG_PART, config));
            let stated = described(ctx, config).await?;
            uses.extend(models_of(&stated).map(|model| parts::part(parts::MODEL_PART, model)));
        }
        out.push((name, uses));
    }
    Ok(out)
}

/// Inference components that run on an endpoint, whoever owns them. One that brings its own containers has none.
pub(super) async fn components(ctx: &SweepCtx, live: &Live<SagemakerEndpoint>) -> Result<Vec<String>, Error> {
    let own = |one: &Variant| one.container.is_some();
    if !live.spec.variants.is_empty() && live.spec.variants.iter().all(own) {
        return Ok(Vec::new());
    }
    let input = json!({ "EndpointNameEquals": live.id, "MaxResults": 100 });
    let list = ("InferenceComponents", "NextToken");
    let found: Vec<Value> = ctx.aws.sagemaker().pages("ListInferenceComponents", input, list).await?;
    Ok(found.iter().filter_map(|one| one["InferenceComponentName"].as_str().map(str::to_owned)).collect())
}

/// What a configuration states; nothing of one that is gone.
async fn described(ctx: &SweepCtx, config: &str) -> Result<Value, Error> {
    let input = json!({ "EndpointConfigName": config });
    Ok(optional(ctx.aws.sagemaker().call("DescribeEndpointConfig", &input).await)?.unwrap_or_default())
}

fn variants(config: &Value) -> impl Iterator<Item = &Value> {
    config["ProductionVariants"].as_array().into_iter().flatten()
}

fn shadow(config: &Value) -> Option<&Value> {
    config["ShadowProductionVariants"].as_array()?.first()
}

/// Every model that a configuration names: those of its variants, of the one in the shadow, and of single types.
fn models_of(config: &Value) -> impl Iterator<Item = &str> {
    variants(config).chain(shadow(config)).flat_map(|one| {
        let pools = one["InstancePools"].as_array().into_iter().flatten();
        one["ModelName"].as_str().into_iter().chain(pools.filter_map(|pool| pool["ModelNameOverride"].as_str()))
    })
}

/// Every endpoint of the stack, and parts whose endpoint was never made or is gone.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<SagemakerEndpoint>>, Error> {
    let prefix = found::prefix(ctx);
    let listed = found::names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), &prefix).await?;
    let all = found::sought(ctx, SagemakerEndpoint::KIND, listed, &prefix);
    let reads: Vec<_> = all.iter().map(|name| one(ctx, name, |tags| ctx.takes(tags))).collect();
    let found: Vec<_> = stream::iter(reads).buffered(found::AT_ONCE).try_collect().await?;
    let mut out: Vec<_> = found.into_iter().flatten().collect();
    found::models(ctx, &mut out, &prefix).await?;
    let configs = ("EndpointConfigs", "EndpointConfigName");
    let names = found::names(ctx, "ListEndpointConfigs", configs, &prefix).await?;
    let arns = names.iter().map(|name| parts::arn(&ctx.scope, &format!("{}/{name}", parts::CONFIG_PART)));
    for part in found::tagged(ctx, arns).await? {
        found::belongs(ctx, &mut out, parts::CONFIG_PART, part);
    }
    // Those of endpoints that are gone are known by their names alone.
    let starts = all.iter().filter(|name| !name.starts_with(&prefix)).chain([&prefix]).cloned().collect();
    found::log_groups(ctx, &mut out, &starts).await?;
    found::alarms(ctx, &mut out, starts.iter().map(|start| format!("sagemaker/endpoint/{start}"))).await?;
    for live in &mut out {
        found::leave_over(live, |live, part, arn| {
            let watched = |one: &Variant| {
                watches::of(one.scaling.as_ref()).any(|watch| part == scaled(&live.id, one).part(watch))
            };
            live.ids.iter().any(|id| id == arn) || live.spec.variants.iter().any(watched)
        });
    }
    Ok(out)
}

/// What scales of an endpoint.
pub(super) fn scaled(endpoint: &str, variant: &Variant) -> Scaled {
    Scaled::Machines { endpoint: endpoint.to_owned(), variant: variant.name.clone() }
}

/// Endpoints that match, whoever owns them.
pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<SagemakerEndpoint>>, Error> {
    let (names, wanted) = match by {
        Lookup::Id(id) | Lookup::Name(id) => (BTreeSet::from([hosting::parts::name_in(id).to_owned()]), Tags::new()),
        Lookup::Tags(tags) => {
            (found::names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), "").await?, tags.clone())
        }
    };
    let mut out = Vec::new();
    for name in names.iter().filter(|name| found::legal(name)) {
        out.extend(one(ctx, name, |tags| wanted.iter().all(|(k, v)| tags.get(k) == Some(v))).await?);
    }
    Ok(out)
}

/// One endpoint with everything that is read of it; nothing if it is not there or not wanted.
async fn one(
    ctx: &SweepCtx,
    name: &str,
    wanted: impl Fn(&Tags) -> bool,
) -> Result<Option<Live<SagemakerEndpoint>>, Error> {
    let Some(found) = serving(ctx, name).await? else { return Ok(None) };
    let Some(tags) = found::tags_of(ctx, &found.endpoint_arn, wanted).await? else { return Ok(None) };
    let sagemaker = ctx.aws.sagemaker();
    let config = described(ctx, found.goal()).await?;
    let mut models = BTreeMap::new();
    for model in models_of(&config).collect::<BTreeSet<_>>() {
        let found: Option<wire::Model> =
            optional(sagemaker.call("DescribeModel", &json!({ "ModelName": model })).await)?;
        models.insert(model, found.unwrap_or_default());
    }
    let mut live = describe(ctx, &found, &config, &models, tags);
    // A target is registered only when the endpoint has been in service.
    if !matches!(found.endpoint_status.as_str(), "Creating" | "Deleting") {
        let all: Vec<Scaled> = live.spec.variants.iter().map(|one| scaled(name, one)).collect();
        let mut scales = scaling::read(ctx, &all).await?;
        for (i, variant) in live.spec.variants.iter_mut().enumerate() {
            variant.scaling = scales.remove(&i);
        }
    }
    // What scales has the count that AWS gives it.
    for variant in live.spec.variants.iter_mut().filter(|one| one.bounds().is_some()) {
        live.running.extend(variant.count.take().map(|count| (variant.name.clone(), count)));
    }
    let machines = |(variant, count): (&String, &u32)| format!("{variant} has {count} now");
    live.now = (!live.running.is_empty()).then(|| live.running.iter().map(machines).collect::<Vec<_>>().join(", "));
    if let State::Failed(why) = &mut live.state {
        why.push_str(&found::last_lines(ctx, &parts::log_group_of(name)).await);
    }
    live.spec.normalize();
    Ok(Some(live))
}

fn describe(
    ctx: &SweepCtx,
    found: &Endpoint,
    config: &Value,
    models: &BTreeMap<&str, wire::Model>,
    tags: Tags,
) -> Live<SagemakerEndpoint> {
    let name = &found.endpoint_name;
    let mut novel = None;
    let container = |name: &str| models.get(name).cloned().unwrap_or_default().container();
    let mut all: Vec<Variant> = Vec::new();
    for one in variants(config) {
        let (mut variant, strange) = wire::variant(one, &container);
        novel = novel.or(strange);
        // What it runs now is told by the endpoint, not by what it began with.
        let running = found.production_variants.iter().filter(|_| found.goal() == found.config());
        let now = running.into_iter().find(|it| it["VariantName"] == variant.name.as_str());
        if let Some(now) = now {
            let count = now["DesiredInstanceCount"].as_u64().and_then(|count| u32::try_from(count).ok());
            variant.count = count.or(variant.count);
            variant.weight = now.get("DesiredWeight").map_or(variant.weight, wire::weight);
        }
        all.push(variant);
    }
    let (shadow, strange) = shadow(config).map(|one| wire::variant(one, &container)).unzip();
    novel = novel.or(strange.flatten());
    let model = wire::Model::of_config(config).or_else(|| models.values().next().cloned()).unwrap_or_default();
    let spec = SagemakerEndpoint {
        name: Some(name.clone()),
        role: Ref::to_id(hosting::parts::name_in(&model.execution_role_arn)),
        variants: all,
        shadow,
        network: model.network(),
        isolation: model.enable_network_isolation,
        asynchronous: hosting::models::there(config, "AsyncInferenceConfig").map(wire::asynchronous),
        capture: hosting::models::there(config, "DataCaptureConfig").and_then(wire::capture),
        rollout: None,
        kms_key: config["KmsKeyId"].as_str().map(|key| key.to_owned().into()),
        log_retention: None,
    };
    let mut live = Live::new(ctx.address(name, &tags), name, tags, spec);
    live.state = found.state();
    let model = |name: &&str| parts::arn(&ctx.scope, &format!("{}/{name}", parts::MODEL_PART));
    live.ids = vec![found.endpoint_arn.clone()];
    live.ids.push(parts::arn(&ctx.scope, &format!("{}/{}", parts::CONFIG_PART, found.goal())));
    live.ids.extend(models.keys().map(model));
    live.created = found.creation_time.and_then(|at| Timestamp::from_millisecond((at * 1000.0) as i64).ok());
    live.novel.extend(novel.map(|what| ("variants".to_owned(), what)));
    live.outputs = [
        ("name", json!(name)),
        ("arn", json!(found.endpoint_arn)),
        ("config", json!(found.config())),
        ("log_group", json!(parts::log_group_of(name))),
    ]
    .into();
    live
}

impl Hosted for SagemakerEndpoint {
    const LOGS: &'static str = "/aws/sagemaker/Endpoints/";
    const MODEL_PART: &'static str = parts::MODEL_PART;

    fn empty() -> Self {
        Self {
            name: None,
            role: Ref::to_id(""),
            variants: Vec::new(),
            shadow: None,
            network: None,
            isolation: false,
            asynchronous: None,
            capture: None,
            rollout: None,
            kms_key: None,
            log_retention: None,
        }
    }

    fn retention(&mut self) -> &mut Option<Span> {
        &mut self.log_retention
    }
}
