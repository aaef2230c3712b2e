//! Reading components back: each with its model, its scaling and what is left over.
use super::{InferenceComponent, LOGS_OF, wire};
use crate::{
    aws::{Error, optional, tags::Tags},
    call::SweepCtx,
    field::Ref,
    kinds::hosting::{
        COMPONENT_MODEL,
        found::{self, Hosted},
        parts,
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
use std::collections::BTreeSet;

/// As DescribeInferenceComponent shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Component {
    inference_component_name: String,
    inference_component_arn: String,
    endpoint_name: String,
    #[serde(default)]
    variant_name: String,
    failure_reason: Option<String>,
    #[serde(default)]
    specification: Value,
    specifications: Option<Value>,
    #[serde(default)]
    runtime_config: Value,
    creation_time: Option<f64>,
    inference_component_status: String,
}

impl Component {
    pub(super) fn is_changing(&self) -> bool {
        matches!(self.inference_component_status.as_str(), "Creating" | "Updating")
    }

    /// The endpoint that it runs on.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint_name
    }

    /// The model that it names.
    pub(super) fn model(&self) -> Option<&str> {
        self.specification["ModelName"].as_str()
    }

    /// Why its last change failed. It may be told long after that.
    pub(super) fn why(&self) -> Option<String> {
        let why = self.failure_reason.as_deref().map(|why| why.trim_end_matches('.'));
        why.filter(|why| !why.is_empty()).map(str::to_owned)
    }

    fn copies(&self, which: &str) -> Option<u32> {
        self.runtime_config[which].as_u64().and_then(|count| u32::try_from(count).ok())
    }

    fn state(&self) -> State {
        let why = || self.why().unwrap_or_else(|| "AWS gave no reason".to_owned());
        let missing = || match (self.copies("CurrentCopyCount"), self.copies("DesiredCopyCount")) {
            (Some(now), Some(wanted)) if now < wanted => Some(format!("{now} of {wanted} copies: {}", why())),
            _ => None,
        };
        match self.inference_component_status.as_str() {
            "InService" => missing().map_or(State::Ready, State::Degraded),
            "Deleting" => State::Deleting,
            "Failed" => State::Failed(why()),
            _ if self.is_changing() => State::Pending,
            other => State::Degraded(other.to_owned()),
        }
    }
}

const LIST: (&str, (&str, &str)) = ("ListInferenceComponents", ("InferenceComponents", "InferenceComponentName"));

/// What scales of a component.
pub(super) fn scaled(name: &str) -> Scaled {
    Scaled::Copies(name.to_owned())
}

/// The component of this name, whoever owns it.
pub(super) async fn running(ctx: &SweepCtx, name: &str) -> Result<Option<Component>, Error> {
    let input = json!({ "InferenceComponentName": name });
    optional(ctx.aws.sagemaker().call("DescribeInferenceComponent", &input).await)
}

/// Components under the stack's names that are not being deleted and name a model, whoever owns them, each with it.
pub(super) async fn users(ctx: &SweepCtx) -> Result<Vec<(String, String)>, Error> {
    let mut out = Vec::new();
    for name in found::names(ctx, LIST.0, LIST.1, &found::prefix(ctx)).await? {
        let there = running(ctx, &name).await?.filter(|it| it.inference_component_status != "Deleting");
        out.extend(there.and_then(|it| it.model().map(str::to_owned)).map(|model| (name, model)));
    }
    Ok(out)
}

/// Every component of the stack, and parts whose component was never made or is gone.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<InferenceComponent>>, Error> {
    let prefix = found::prefix(ctx);
    let listed = found::names(ctx, LIST.0, LIST.1, &prefix).await?;
    let all = found::sought(ctx, InferenceComponent::KIND, listed, &prefix);
    let reads: Vec<_> = all.iter().map(|name| one(ctx, name, |tags| ctx.takes(tags))).collect();
    let found: Vec<_> = stream::iter(reads).buffered(found::AT_ONCE).try_collect().await?;
    let mut out: Vec<_> = found.into_iter().flatten().collect();
    found::models(ctx, &mut out, &prefix).await?;
    // Those of components that are gone are known by their names alone.
    let starts: BTreeSet<String> =
        all.iter().filter(|name| !name.starts_with(&prefix)).chain([&prefix]).cloned().collect();
    found::log_groups(ctx, &mut out, &starts).await?;
    found::alarms(ctx, &mut out, starts.iter().map(|start| format!("sagemaker/inference-component/{start}"))).await?;
    for live in &mut out {
        found::leave_over(live, |live, part, arn| {
            let its = |watch| part == scaled(&live.id).part(watch);
            let watched = watches::of(live.spec.scaling.as_ref()).any(its);
            watched || live.ids.iter().any(|id| id == arn)
        });
    }
    Ok(out)
}

/// Components that match, whoever owns them.
pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<InferenceComponent>>, Error> {
    let (names, wanted) = match by {
        Lookup::Id(id) | Lookup::Name(id) => (BTreeSet::from([parts::name_in(id).to_owned()]), Tags::new()),
        Lookup::Tags(tags) => (found::names(ctx, LIST.0, LIST.1, "").await?, tags.clone()),
    };
    let mut out = Vec::new();
    for name in names.iter().filter(|name| found::legal(name)) {
        out.extend(one(ctx, name, |tags| wanted.iter().all(|(k, v)| tags.get(k) == Some(v))).await?);
    }
    Ok(out)
}

/// One component with everything that is read of it; nothing if it is not there or not wanted.
async fn one(
    ctx: &SweepCtx,
    name: &str,
    wanted: impl Fn(&Tags) -> bool,
) -> Result<Option<Live<InferenceComponent>>, Error> {
    let Some(found) = running(ctx, name).await? else { return Ok(None) };
    let Some(tags) = found::tags_of(ctx, &found.inference_component_arn, wanted).await? else { return Ok(None) };
    let model = match found.model() {
        None => None,
        Some(model) => {
            let input = json!({ "ModelName": model });
            let shown: Option<wire::Model> = optional(ctx.aws.sagemaker().call("DescribeModel", &input).await)?;
            Some(shown.unwrap_or_default())
        }
    };
    let mut live = describe(ctx, &found, model.as_ref(), tags);
    // A target is registered only when the component has been in service.
    if !matches!(found.inference_component_status.as_str(), "Creating" | "Deleting") {
        live.spec.scaling = scaling::read(ctx, &[scaled(name)]).await?.remove(&0);
    }
    // What scales has the copies that AWS gives it.
    if live.spec.scaling.is_some() {
        live.spec.copies = None;
    }
    if let State::Failed(why) = &mut live.state {
        why.push_str(&found::last_lines(ctx, &format!("{LOGS_OF}{name}")).await);
    }
    live.spec.normalize();
    Ok(Some(live))
}

fn describe(ctx: &SweepCtx, found: &Component, model: Option<&wire::Model>, tags: Tags) -> Live<InferenceComponent> {
    let name = &found.inference_component_name;
    let mut spec = InferenceComponent {
        name: Some(name.clone()),
        endpoint: Ref::to_id(found.endpoint_name.clone()),
        variant: found.variant_name.clone(),
        copies: found.copies("DesiredCopyCount"),
        ..InferenceComponent::empty()
    };
    let several = found.specifications.is_some().then(|| "one specification for each type".to_owned());
    let strange = wire::read(&found.specification, model, &mut spec).or(several);
    let mut live = Live::new(ctx.address(name, &tags), name, tags, spec);
    live.state = found.state();
    live.ids = vec![found.inference_component_arn.clone()];
    let its = found.model().map(|model| parts::arn(&ctx.scope, &format!("{}/{model}", parts::MODEL_PART)));
    live.ids.extend(its);
    live.created = found.creation_time.and_then(|at| Timestamp::from_millisecond((at * 1000.0) as i64).ok());
    live.novel.extend(strange.map(|what| ("resources".to_owned(), what)));
    live.outputs = [
        ("name", json!(name)),
        ("arn", json!(found.inference_component_arn)),
        ("model", json!(found.model())),
        ("log_group", json!(format!("{LOGS_OF}{name}"))),
    ]
    .into();
    live
}

impl Hosted for InferenceComponent {
    const LOGS: &'static str = LOGS_OF;
    const MODEL_PART: &'static str = COMPONENT_MODEL;

    fn empty() -> Self {
        Self {
            name: None,
            endpoint: Ref::to_id(""),
            variant: String::new(),
            container: None,
            model: None,
            resources: super::fields::Resources {
                accelerators: None,
                cpus: None,
                memory: crate::units::Size::default(),
                max_memory: None,
            },
            copies: None,
            scaling: None,
            placement: None,
            health_check_timeout: None,
            download_timeout: None,
            rollout: None,
            log_retention: None,
        }
    }

    fn retention(&mut self) -> &mut Option<Span> {
        &mut self.log_retention
    }
}
