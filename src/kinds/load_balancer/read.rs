//! Load balancers as AWS shows them, with their listeners, rules, target groups and targets.
use super::{
    AccessLog, LoadBalancer, NAME, Scheme, Type,
    groups::{self, Which},
    listeners, targets,
};
use crate::{
    address::Address,
    aws::{
        Error, optional,
        tags::{self, Tagger, Tags},
    },
    call::{self, SweepCtx},
    field::{Field, Ref},
    kinds::named::{self, Named},
    resource::{Id, Live, Resource, State},
    units::Span,
};
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as AwsBalancer, LoadBalancerSchemeEnum, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const IDLE: &str = "idle_timeout.timeout_seconds";
pub(super) const LOG: [&str; 3] = ["access_logs.s3.enabled", "access_logs.s3.bucket", "access_logs.s3.prefix"];

impl Named for LoadBalancer {
    type Found = AwsBalancer;
    const WHAT: &'static str = "the load balancer";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric();
        (1..=NAME.max).contains(&name.len())
            && name.chars().all(|c| plain(c) || c == '-')
            && name.starts_with(plain)
            && name.ends_with(plain)
            && !name.starts_with("internal-")
    }

    /// `arn:…:loadbalancer/app/NAME/50dc6c495c0c9188`
    fn name_in(id: &str) -> &str {
        if id.contains(":loadbalancer/") { id.rsplit('/').nth(1).unwrap_or(id) } else { id }
    }

    fn name(found: &AwsBalancer) -> &str {
        found.load_balancer_name().unwrap_or_default()
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<AwsBalancer>, Error> {
        let all = ctx.aws.elb().describe_load_balancers().into_paginator().items().send().try_collect().await?;
        let ours = |it: &AwsBalancer| Self::name(it).starts_with(prefix) && class(it).is_some();
        Ok(all.into_iter().filter(ours).collect())
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<AwsBalancer>, Error> {
        if !Self::legal(name) {
            return Ok(None);
        }
        let found = optional(ctx.aws.elb().describe_load_balancers().names(name).send().await.map_err(Error::from))?;
        Ok(found.and_then(|found| found.load_balancers?.into_iter().next()).filter(|it| class(it).is_some()))
    }

    async fn tags(ctx: &SweepCtx, found: &AwsBalancer) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, found.load_balancer_arn().unwrap_or_default()).await
    }

    async fn live(ctx: &SweepCtx, found: AwsBalancer, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let (arn, name) = (found.load_balancer_arn().unwrap_or_default().to_owned(), Self::name(&found).to_owned());
        let class = class(&found).unwrap_or_default();
        let Some(attributes) = attributes(ctx, &arn).await? else { return Ok(None) };
        let mut parts = BTreeMap::new();
        let mut novel = BTreeMap::new();
        let (mut labels, mut target_groups, mut ill) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mine = |id: &str, tags: &Tags| {
            ctx.owner(id, tags).and_then(|owner| owner.address).is_some_and(|address| address == at)
        };
        for mut one in groups::list(ctx, Which::Of(&arn)).await? {
            labels.insert(one.arn.clone(), one.group.name.clone());
            if mine(&one.arn, &one.tags) {
                parts.insert(one.part(), one.arn.clone());
            }
            (one.group.drain, one.group.stickiness) = groups::attributes(&ctx.aws, &one.arn).await?;
            let all = targets::of(&ctx.aws, &one.arn).await?;
            let here: Vec<_> = all.iter().filter(|target| !target.is_draining()).collect();
            ill.extend(illness(&one.group.name, &here));
            let ids: BTreeSet<Id> = here.iter().map(|target| target.id.clone()).collect();
            one.group.targets = Field::Known(ids.into_iter().collect());
            novel.extend(one.novel.map(|what| ("target_groups".to_owned(), what)));
            target_groups.push(one.group);
        }
        let mut all = Vec::new();
        for one in listeners::of(&ctx.aws, &arn, class).await? {
            parts.extend(listeners::parts(&one));
            novel.extend(one.novel.map(|what| ("listeners".to_owned(), what)));
            let mut listener = one.listener;
            let label = |to: &mut String| {
                if let Some(label) = labels.get(to) {
                    to.clone_from(label);
                }
            };
            label(&mut listener.to);
            listener.rules.iter_mut().for_each(|rule| label(&mut rule.to));
            all.push(listener);
        }
        let text = |key: &str| attributes.get(key).cloned().unwrap_or_default();
        let logs = text(LOG[0]) == "true";
        let zones = found.availability_zones().iter().filter_map(|zone| zone.subnet_id());
        let mut spec = Self {
            name: Some(name.clone()),
            class,
            scheme: match found.scheme {
                Some(LoadBalancerSchemeEnum::InternetFacing) => Scheme::InternetFacing,
                _ => Scheme::Internal,
            },
            subnets: zones.map(Ref::to_id).collect(),
            security_groups: found.security_groups().iter().map(Ref::to_id).collect(),
            idle_timeout: text(IDLE).parse().ok().map(Span::from_seconds),
            access_log: logs.then(|| AccessLog { bucket: text(LOG[1]).into(), prefix: text(LOG[2]) }),
            target_groups,
            listeners: all,
        };
        spec.normalize();
        let url = url(&spec, found.dns_name().unwrap_or_default());
        let mut live = named::live(at, &name, arn, tags, spec);
        live.state = state(&found, &ill);
        live.created = found.created_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
        live.outputs.insert("dns_name", json!(found.dns_name()));
        live.outputs.insert("zone_id", json!(found.canonical_hosted_zone_id()));
        live.outputs.insert("url", json!(url));
        (live.parts, live.novel) = (parts, novel);
        Ok(Some(live))
    }
}

fn class(found: &AwsBalancer) -> Option<Type> {
    match found.r#type {
        Some(LoadBalancerTypeEnum::Application) => Some(Type::Application),
        Some(LoadBalancerTypeEnum::Network) => Some(Type::Network),
        _ => None,
    }
}

async fn attributes(ctx: &SweepCtx, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
    let found = ctx.aws.elb().describe_load_balancer_attributes().load_balancer_arn(arn).send().await;
    let all = optional(found.map_err(Error::from))?.map(|found| found.attributes.unwrap_or_default());
    Ok(all.map(|all| all.into_iter().filter_map(|one| Some((one.key?, one.value?))).collect()))
}

/// `http://NAME[:PORT]` of the first listener that speaks HTTP.
fn url(spec: &LoadBalancer, dns: &str) -> Option<String> {
    use super::fields::ListenerProtocol::{Http, Https};
    let (scheme, port) = spec.listeners.iter().find_map(|one| match (one.protocol, one.port) {
        (Http, port) => Some(("http", (port != 80).then_some(port))),
        (Https, port) => Some(("https", (port != 443).then_some(port))),
        _ => None,
    })?;
    Some(format!("{scheme}://{dns}{}", port.map(|port| format!(":{port}")).unwrap_or_default()))
}

/// `1 of 2 targets of api fail (Health checks failed with these codes: [503])`, or nothing where none does.
fn illness(group: &str, all: &[&targets::Target]) -> Option<String> {
    let ill: Vec<_> = all.iter().filter(|target| target.is_ill()).collect();
    let words = ill.first()?.words();
    let (some, verb) = (ill.len(), if ill.len() == 1 { "fails" } else { "fail" });
    Some(format!("{some} of {} targets of {group} {verb} ({words})", all.len()))
}

fn state(found: &AwsBalancer, ill: &[String]) -> State {
    let state = found.state();
    let why = || state.and_then(|state| state.reason()).unwrap_or("AWS gave no reason").to_owned();
    match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Provisioning) => State::Pending,
        Some(LoadBalancerStateEnum::Failed) => State::Failed(why()),
        Some(LoadBalancerStateEnum::ActiveImpaired) => State::Degraded(why()),
        _ if !ill.is_empty() => State::Degraded(ill.join("; ")),
        _ => State::Ready,
    }
}

/// Every load balancer of the stack, and target groups to which nothing leads: those of a load balancer that is gone, and
/// those from which it has moved on.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<LoadBalancer>>, Error> {
    let mut out = named::sweep::<LoadBalancer>(ctx).await?;
    let prefix = if ctx.all_stacks { String::new() } else { call::name_prefix(&ctx.scope.stack, &NAME) };
    for one in groups::list(ctx, Which::Named(&prefix)).await? {
        let known = out.iter().any(|live| live.parts.values().any(|arn| *arn == one.arn));
        let Some(owner) = ctx.owner(&one.arn, &one.tags).filter(|_| !known) else { continue };
        let at_its_place = |live: &Live<LoadBalancer>| {
            ctx.owner(&live.id, &live.tags).is_some_and(|its| owner.address.is_some() && owner.is_of(&its))
        };
        let places: Vec<usize> = (0..out.len()).filter(|i| at_its_place(&out[*i])).collect();
        // Of two load balancers at one address it belongs to the one that the journal knows.
        let place = places.iter().find(|i| ctx.remembered.address(&out[**i].id).is_some()).or(places.first());
        match place.and_then(|i| out.get_mut(*i)) {
            Some(live) => {
                let settled = !matches!(live.state, State::Partial | State::Deleting | State::Failed(_));
                if settled && !one.used {
                    live.left_over.insert(one.part());
                    // Nothing is to be done until the last target is done.
                    let all = targets::of(&ctx.aws, &one.arn).await?;
                    if live.state == State::Ready && all.iter().any(targets::Target::is_draining) {
                        live.state = State::Pending;
                    }
                }
                live.parts.insert(one.part(), one.arn);
            }
            None => out.push(remains(ctx, one)),
        }
    }
    Ok(out)
}

/// What is left of a load balancer, or was made of one that never came.
fn remains(ctx: &SweepCtx, one: groups::Found) -> Live<LoadBalancer> {
    let spec = LoadBalancer {
        name: None,
        class: Type::default(),
        scheme: Scheme::default(),
        subnets: Vec::new(),
        security_groups: Vec::new(),
        idle_timeout: None,
        access_log: None,
        target_groups: Vec::new(),
        listeners: Vec::new(),
    };
    let (part, address) = (one.part(), ctx.address(&one.arn, &one.tags));
    let mut live = Live::new(address, &one.arn, one.tags, spec);
    live.state = State::Partial;
    let outputs = LoadBalancer::ABOUT.outputs.iter().map(|output| (output.name.to_owned(), Value::Null));
    live.outputs = outputs.collect();
    live.parts.insert(part, one.arn);
    live
}

/// Objects with these ids that are there, whoever owns them, each with its tags.
pub(super) async fn there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
    let mut out = Vec::new();
    for id in ids.iter().filter(|id| id.starts_with("arn:") && id.contains(":elasticloadbalancing:")) {
        // One that is gone makes AWS refuse all of them, so each is asked for.
        let found = optional(tags::BALANCERS.read(&ctx.aws, std::slice::from_ref(id)).await)?;
        out.extend(found.unwrap_or_default());
    }
    Ok(out)
}
