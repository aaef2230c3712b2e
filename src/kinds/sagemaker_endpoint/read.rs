//! Reading endpoints back: each with the configuration that serves, its models, its scaling and what is left over.
use super::{RULE, SagemakerEndpoint, Variant, check, parts, scaling, wire};
use crate::{
    aws::{
        Error, optional,
        ownership::Ownership,
        tags::{self, Carrier, Tagger, Tags},
    },
    call::{self, SweepCtx},
    field::Ref,
    kinds::log_group,
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

/// A configuration or a model of the stack.
struct Part {
    name: String,
    arn: String,
    tags: Tags,
}

/// What is said of an endpoint that serves as before.
pub(super) const ROLLED_BACK: &str = "its last change was rolled back";
/// How much is read at the same time: more only waits at the gate.
const AT_ONCE: usize = 4;
/// So many lines of a log tell why a container did not answer.
const LINES: usize = 5;

/// The endpoint of this name, whoever owns it.
pub(super) async fn serving(ctx: &SweepCtx, name: &str) -> Result<Option<Endpoint>, Error> {
    optional(ctx.aws.sagemaker().call("DescribeEndpoint", &json!({ "EndpointName": name })).await)
}

/// Endpoints under the stack's names that are not being deleted, whoever owns them, each with the parts that it uses: the
/// configuration that serves, the one that it moves to, and their models.
pub(super) async fn users(ctx: &SweepCtx) -> Result<Vec<(String, BTreeSet<String>)>, Error> {
    let prefix = call::name_prefix(&ctx.scope.stack, &RULE);
    let mut out = Vec::new();
    for name in names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), &prefix).await? {
        let Some(found) = serving(ctx, &name).await?.filter(|found| found.endpoint_status != "Deleting") else {
            continue;
        };
        let mut uses = BTreeSet::new();
        for config in BTreeSet::from([found.config(), found.goal()]) {
            uses.insert(parts::part(parts::CONFIG_PART, config));
            let stated = described(ctx, config).await?;
            uses.extend(variants(&stated).filter_map(model_of).map(|model| parts::part(parts::MODEL_PART, model)));
        }
        out.push((name, uses));
    }
    Ok(out)
}

/// What a configuration states; nothing of one that is gone.
async fn described(ctx: &SweepCtx, config: &str) -> Result<Value, Error> {
    let input = json!({ "EndpointConfigName": config });
    Ok(optional(ctx.aws.sagemaker().call("DescribeEndpointConfig", &input).await)?.unwrap_or_default())
}

fn variants(config: &Value) -> impl Iterator<Item = &Value> {
    config["ProductionVariants"].as_array().into_iter().flatten()
}

fn model_of(variant: &Value) -> Option<&str> {
    variant["ModelName"].as_str()
}

/// Every endpoint of the stack, and parts whose endpoint was never made or is gone.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<SagemakerEndpoint>>, Error> {
    let prefix = if ctx.all_stacks { String::new() } else { call::name_prefix(&ctx.scope.stack, &RULE) };
    let listed = names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), &prefix).await?;
    // Those that somebody else chose, or that the journal knows; the names of parts begin as the stack's do.
    let others = ctx.names.of(SagemakerEndpoint::KIND).into_iter().chain(ctx.only_ids().into_iter().flatten().cloned());
    let others = others.map(|id| parts::name_in(&id).to_owned());
    let wanted = |name: &String| check::legal(name) && (ctx.all_stacks || !name.starts_with(&prefix));
    let all: BTreeSet<String> = listed.into_iter().chain(others.filter(wanted)).collect();
    let reads: Vec<_> = all.iter().map(|name| one(ctx, name, |tags| ctx.takes(tags))).collect();
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let mut out: Vec<_> = found.into_iter().flatten().collect();
    for (what, list) in [
        (parts::MODEL_PART, ("ListModels", ("Models", "ModelName"))),
        (parts::CONFIG_PART, ("ListEndpointConfigs", ("EndpointConfigs", "EndpointConfigName"))),
    ] {
        let names = names(ctx, list.0, list.1, &prefix).await?;
        for part in tagged(ctx, names.iter().map(|name| parts::arn(&ctx.scope, &format!("{what}/{name}")))).await? {
            belongs(ctx, &mut out, what, part);
        }
    }
    // Those of endpoints that are gone are known by their names alone.
    let groups = all.iter().filter(|name| !name.starts_with(&prefix)).chain([&prefix]);
    log_groups(ctx, &mut out, groups.map(|name| parts::log_group_of(name)).collect()).await?;
    out.iter_mut().for_each(leave_over);
    Ok(out)
}

/// Endpoints that match, whoever owns them.
pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<SagemakerEndpoint>>, Error> {
    let (names, wanted) = match by {
        Lookup::Id(id) | Lookup::Name(id) => (BTreeSet::from([parts::name_in(id).to_owned()]), Tags::new()),
        Lookup::Tags(tags) => (names(ctx, "ListEndpoints", ("Endpoints", "EndpointName"), "").await?, tags.clone()),
    };
    let mut out = Vec::new();
    for name in names.iter().filter(|name| check::legal(name)) {
        out.extend(one(ctx, name, |tags| wanted.iter().all(|(k, v)| tags.get(k) == Some(v))).await?);
    }
    Ok(out)
}

/// Names that begin so; AWS filters by a part of a name.
async fn names(
    ctx: &SweepCtx,
    action: &'static str,
    (list, member): (&str, &str),
    prefix: &str,
) -> Result<BTreeSet<String>, Error> {
    let mut input = json!({ "MaxResults": 100 });
    if !prefix.is_empty() {
        input["NameContains"] = json!(prefix);
    }
    let found: Vec<Value> = ctx.aws.sagemaker().pages(action, input, (list, "NextToken")).await?;
    let name = |one: &Value| one[member].as_str().map(str::to_owned);
    Ok(found.iter().filter_map(name).filter(|name| name.starts_with(prefix)).collect())
}

/// One endpoint with everything that is read of it; nothing if it is not there or not wanted.
async fn one(
    ctx: &SweepCtx,
    name: &str,
    wanted: impl Fn(&Tags) -> bool,
) -> Result<Option<Live<SagemakerEndpoint>>, Error> {
    let Some(found) = serving(ctx, name).await? else { return Ok(None) };
    let tags = optional(tags::SAGEMAKER.read(&ctx.aws, std::slice::from_ref(&found.endpoint_arn)).await)?;
    let Some(tags) = tags.and_then(|mut all| all.remove(&found.endpoint_arn)).filter(|tags| wanted(tags)) else {
        return Ok(None);
    };
    let sagemaker = ctx.aws.sagemaker();
    let config = described(ctx, found.goal()).await?;
    let raw: Vec<&Value> = variants(&config).collect();
    let mut models = BTreeMap::new();
    for model in raw.iter().filter_map(|one| model_of(one)).collect::<BTreeSet<_>>() {
        let found: Option<wire::Model> =
            optional(sagemaker.call("DescribeModel", &json!({ "ModelName": model })).await)?;
        models.insert(model, found.unwrap_or_default());
    }
    let mut live = describe(ctx, &found, &config, &raw, &models, tags);
    // A target is registered only when the endpoint has been in service.
    if !matches!(found.endpoint_status.as_str(), "Creating" | "Deleting") {
        let mut scaled = scaling::read(ctx, name, &live.spec.variants).await?;
        for variant in &mut live.spec.variants {
            variant.scaling = scaled.remove(&variant.name);
        }
    }
    if let State::Failed(why) = &mut live.state {
        why.push_str(&last_lines(ctx, name).await);
    }
    live.spec.normalize();
    Ok(Some(live))
}

fn describe(
    ctx: &SweepCtx,
    found: &Endpoint,
    config: &Value,
    raw: &[&Value],
    models: &BTreeMap<&str, wire::Model>,
    tags: Tags,
) -> Live<SagemakerEndpoint> {
    let name = &found.endpoint_name;
    let mut novel = None;
    let mut variants: Vec<Variant> = Vec::new();
    for one in raw {
        let model = model_of(one).and_then(|name| models.get(name)).cloned().unwrap_or_default();
        let (mut variant, strange) = wire::variant(one, model.container());
        novel = novel.or(strange);
        // What it runs now is told by the endpoint, not by what it began with.
        let running = found.production_variants.iter().filter(|_| found.goal() == found.config());
        let now = running.into_iter().find(|it| it["VariantName"] == variant.name.as_str());
        if let Some(now) = now {
            let count = now["DesiredInstanceCount"].as_u64().and_then(|count| u32::try_from(count).ok());
            variant.count = count.or(variant.count);
            variant.weight = now.get("DesiredWeight").map_or(variant.weight, wire::weight);
        }
        variants.push(variant);
    }
    let model = models.values().next().cloned().unwrap_or_default();
    let spec = SagemakerEndpoint {
        name: Some(name.clone()),
        role: Ref::to_id(parts::name_in(&model.execution_role_arn)),
        variants,
        network: model.network(),
        isolation: model.enable_network_isolation,
        asynchronous: wire::there(config, "AsyncInferenceConfig").map(wire::asynchronous),
        capture: wire::there(config, "DataCaptureConfig").and_then(wire::capture),
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
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    live
}

/// The tags of things of this stack, by ARN; what is gone meanwhile or belongs to others is left out.
async fn tagged(ctx: &SweepCtx, arns: impl Iterator<Item = String>) -> Result<Vec<Part>, Error> {
    let read = |arn: String| async move {
        let tagger: &'static dyn Tagger = if arn.contains(":logs:") { &tags::LOGS } else { &tags::SAGEMAKER };
        let found = optional(Carrier::own(tagger, &arn).read(&ctx.aws).await)?;
        let tags = found.and_then(|mut all| all.remove(&arn)).filter(|tags| ctx.takes(tags));
        Ok::<_, Error>(tags.map(|tags| Part { name: parts::name_in(&arn).to_owned(), arn, tags }))
    };
    let reads: Vec<_> = arns.map(read).collect();
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Puts a part to the endpoint at the same place of the same stack, or to what is left of one.
fn belongs(ctx: &SweepCtx, all: &mut Vec<Live<SagemakerEndpoint>>, what: &str, part: Part) {
    let owner = ctx.owner(&part.arn, &part.tags);
    let at_its_place = |live: &Live<SagemakerEndpoint>| {
        let its: Option<Ownership> = ctx.owner(&live.id, &live.tags);
        matches!((&owner, &its), (Some(a), Some(b)) if a.address.is_some() && a.is_of(b))
    };
    let places: Vec<usize> = (0..all.len()).filter(|i| at_its_place(&all[*i])).collect();
    // Of two endpoints at one address the parts are those of the one that the journal knows.
    let known = places.iter().find(|i| ctx.remembered.address(&all[**i].id).is_some()).or(places.first());
    if let Some(live) = known.and_then(|i| all.get_mut(*i)) {
        // That of an endpoint which had another name is one more.
        let own = what == parts::LOG_GROUP && part.name == live.id;
        let key = if own { what.to_owned() } else { parts::part(what, &part.name) };
        live.parts.insert(key, part.arn);
        return;
    }
    let spec = SagemakerEndpoint {
        name: None,
        role: Ref::to_id(""),
        variants: Vec::new(),
        network: None,
        isolation: false,
        asynchronous: None,
        capture: None,
        rollout: None,
        kms_key: None,
        log_retention: None,
    };
    // An id of its own: the name may be that of the endpoint.
    let mut live = Live::new(ctx.address(&part.arn, &part.tags), &part.arn, part.tags, spec);
    live.state = State::Partial;
    live.outputs =
        ["name", "arn", "config", "log_group"].map(|name| (name.to_owned(), Value::Null)).into_iter().collect();
    live.parts.insert(parts::part(what, &part.name), part.arn);
    all.push(live);
}

/// Log groups of the stack's endpoints, and how long each keeps what is written.
async fn log_groups(
    ctx: &SweepCtx,
    all: &mut Vec<Live<SagemakerEndpoint>>,
    starts: BTreeSet<String>,
) -> Result<(), Error> {
    for start in starts {
        let input = json!({ "logGroupNamePrefix": start });
        let found: Vec<Value> = ctx.aws.logs().pages("DescribeLogGroups", input, ("logGroups", "nextToken")).await?;
        let days = |name: &str| {
            let group = found.iter().find(|one| one["logGroupName"] == name)?;
            group["retentionInDays"].as_u64().map(|days| Span::from_hours(days * 24))
        };
        let arns = found.iter().filter_map(|one| one["logGroupName"].as_str());
        for part in tagged(ctx, arns.map(|name| log_group::arn(&ctx.scope, name))).await? {
            let (arn, name) = (part.arn.clone(), parts::log_group_of(&part.name));
            belongs(ctx, all, parts::LOG_GROUP, part);
            let its = all.iter_mut().find(|live| live.parts.get(parts::LOG_GROUP) == Some(&arn));
            if let Some(live) = its {
                live.spec.log_retention = days(&name);
            }
        }
    }
    Ok(())
}

/// Versions that the endpoint does not name, or will not when it has moved: whoever removes them looks again.
fn leave_over(live: &mut Live<SagemakerEndpoint>) {
    if matches!(live.state, State::Partial | State::Deleting | State::Failed(_)) {
        return;
    }
    let named = |(part, arn): &(&String, &String)| *part == parts::LOG_GROUP || live.ids.contains(arn);
    live.left_over = live.parts.iter().filter(|part| !named(part)).map(|(part, _)| part.clone()).collect();
}

/// `; its log ends: …`, or nothing where nothing is known.
pub(super) async fn last_lines(ctx: &SweepCtx, endpoint: &str) -> String {
    let (logs, group) = (ctx.aws.logs(), parts::log_group_of(endpoint));
    // The reason is worth more than its lines: without them it is told all the same.
    let recent = json!({ "logGroupName": group, "orderBy": "LastEventTime", "descending": true });
    let found: Value = logs.call("DescribeLogStreams", &recent).await.unwrap_or_default();
    // The machines of the version before may still write: those that came last are the ones that did not answer.
    let made = |one: &&Value| one["creationTime"].as_i64();
    let last = found["logStreams"].as_array().into_iter().flatten().max_by_key(made);
    let Some(stream) = last.and_then(|one| one["logStreamName"].as_str()) else { return String::new() };
    let input = json!({ "logGroupName": group, "logStreamName": stream, "limit": LINES });
    let found: Value = logs.call("GetLogEvents", &input).await.unwrap_or_default();
    let lines = found["events"].as_array().into_iter().flatten().filter_map(|one| one["message"].as_str());
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    if lines.is_empty() { String::new() } else { format!("; its log ends: {}", lines.join(" | ")) }
}
