//! Target groups: each with a name that carries a digest of what never changes of it.
use super::{
    GROUP, NAME, TargetGroup,
    fields::{Health, TargetProtocol},
    targets,
};
use crate::{
    aws::{
        Aws, Error, ErrorClass, gone, optional,
        tags::{self, PART as PART_TAG, Tagger, Tags},
    },
    call::{Ctx, SweepCtx},
    field::Field,
    resource::Id,
    units::Span,
};
use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, Tag, TargetGroup as AwsGroup, TargetGroupAttribute, TargetTypeEnum,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What a part that is a target group begins with; then comes what listeners call it, and its name in AWS.
pub(super) const PART: &str = "target-group";

const DRAIN: &str = "deregistration_delay.timeout_seconds";
const STICKY: &str = "stickiness.enabled";
const COOKIE: &str = "stickiness.lb_cookie.duration_seconds";

/// A target group of AWS.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) arn: Id,
    pub(super) tags: Tags,
    /// Does any listener or rule lead to it?
    pub(super) used: bool,
    /// Without its targets.
    pub(super) group: TargetGroup,
    /// A protocol that no blueprint can name.
    pub(super) novel: Option<String>,
}

impl Found {
    /// The part of the load balancer that it is.
    pub(super) fn part(&self) -> String {
        part(&self.group.name, self.arn.rsplit('/').nth(1).unwrap_or_default())
    }
}

/// Tags as AWS takes them here.
pub(super) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn part(label: &str, name: &str) -> String {
    format!("{PART} {label} {name}")
}

/// A new name for a new port or protocol.
fn name(ctx: &Ctx, group: &TargetGroup) -> String {
    ctx.name(&NAME, &format!("{} {} {}", group.name, group.port, group.protocol.word()))
}

impl TargetProtocol {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Http, Self::Https, Self::Tcp].into_iter().find(|one| one.word() == word)
    }

    /// What a target is asked by.
    fn asks(self, health: &Health) -> ProtocolEnum {
        match (self, &health.path) {
            (Self::Https, _) => ProtocolEnum::Https,
            (Self::Http, _) | (Self::Tcp, Some(_)) => ProtocolEnum::Http,
            (Self::Tcp, None) => ProtocolEnum::Tcp,
        }
    }
}

/// Target groups whose names begin so, or of one load balancer, or with these ARNs, each with its tags.
pub(super) enum Which<'a> {
    Named(&'a str),
    Of(&'a str),
    These(&'a [Id]),
}

pub(super) async fn list(ctx: &SweepCtx, which: Which<'_>) -> Result<Vec<Found>, Error> {
    let mut raw: Vec<AwsGroup> = Vec::new();
    let call = || ctx.aws.elb().describe_target_groups();
    match which {
        Which::Named(prefix) => {
            let all = call().into_paginator().items().send().try_collect().await?;
            raw.extend(all.into_iter().filter(|g| g.target_group_name().is_some_and(|name| name.starts_with(prefix))));
        }
        Which::Of(balancer) => {
            let all = call().load_balancer_arn(balancer).into_paginator().items().send().try_collect().await;
            raw.extend(optional(all.map_err(Error::from))?.unwrap_or_default());
        }
        // One that is gone makes AWS refuse all of them, so each is asked for.
        Which::These(arns) => {
            for arn in arns {
                let found = optional(call().target_group_arns(arn).send().await.map_err(Error::from))?;
                raw.extend(found.and_then(|found| found.target_groups).unwrap_or_default());
            }
        }
    }
    let arns: Vec<Id> = raw.iter().filter_map(|g| g.target_group_arn.clone()).collect();
    let mut tags = match tags::BALANCERS.read(&ctx.aws, &arns).await {
        // One that is gone since it was listed makes AWS refuse all of them.
        Err(e) if e.class == ErrorClass::NotFound => {
            let mut all = BTreeMap::new();
            for arn in &arns {
                let read = tags::BALANCERS.read(&ctx.aws, std::slice::from_ref(arn)).await;
                all.extend(optional(read)?.unwrap_or_default());
            }
            all
        }
        read => read?,
    };
    Ok(raw.into_iter().filter_map(|g| Some((tags.remove(g.target_group_arn.as_ref()?)?, g))).map(of).collect())
}

fn of((tags, raw): (Tags, AwsGroup)) -> Found {
    let arn = raw.target_group_arn.clone().unwrap_or_default();
    let label = tags.get(PART_TAG).and_then(|part| part.split(' ').nth(1));
    let name = label.or(raw.target_group_name()).unwrap_or_default().to_owned();
    let word = raw.protocol.as_ref().map_or("none", ProtocolEnum::as_str);
    let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    let seconds = |n: Option<i32>| number(n).map(|n| Span::from_seconds(n.into()));
    let http = matches!(raw.health_check_protocol, Some(ProtocolEnum::Http | ProtocolEnum::Https));
    let health = Health {
        path: raw.health_check_path.filter(|_| http),
        port: raw.health_check_port.and_then(|port| port.parse().ok()),
        interval: seconds(raw.health_check_interval_seconds),
        timeout: seconds(raw.health_check_timeout_seconds),
        healthy: number(raw.healthy_threshold_count),
        unhealthy: number(raw.unhealthy_threshold_count),
        codes: raw.matcher.and_then(|matcher| matcher.http_code).filter(|_| http),
    };
    let group = TargetGroup {
        name,
        port: number(raw.port).unwrap_or(0),
        protocol: TargetProtocol::of(word).unwrap_or(TargetProtocol::Tcp),
        targets: Field::Known(Vec::new()),
        health: Some(health),
        drain: Span::from_seconds(300),
        stickiness: None,
    };
    let novel = TargetProtocol::of(word).is_none().then(|| word.to_owned());
    Found { arn, tags, used: raw.load_balancer_arns.is_some_and(|all| !all.is_empty()), group, novel }
}

/// How long targets drain, and for how long a client stays with one.
pub(super) async fn attributes(aws: &Aws, arn: &str) -> Result<(Span, Option<Span>), Error> {
    let out = aws.elb().describe_target_group_attributes().target_group_arn(arn).send().await.map_err(Error::from);
    let all = optional(out)?.and_then(|out| out.attributes).unwrap_or_default();
    let all: BTreeMap<String, String> = all.into_iter().filter_map(|one| Some((one.key?, one.value?))).collect();
    let span = |key: &str| all.get(key).and_then(|text| text.parse().ok()).map(Span::from_seconds);
    let sticky = all.get(STICKY).is_some_and(|on| on == "true");
    Ok((span(DRAIN).unwrap_or(Span::from_seconds(300)), span(COOKIE).filter(|_| sticky)))
}

/// The ARN of each wanted group, by what listeners call it: made where it is not there, changed where it differs.
pub(super) async fn bring(
    ctx: &Ctx,
    want: &[TargetGroup],
    vpc: &str,
    there: &[Found],
) -> Result<BTreeMap<String, Id>, Error> {
    let mut out = BTreeMap::new();
    for group in want {
        let is_it = |found: &&Found| {
            let its = &found.group;
            (&its.name, its.port, its.protocol) == (&group.name, group.port, group.protocol) && found.novel.is_none()
        };
        // Of two, the one that is in use.
        let known = there.iter().filter(is_it).max_by_key(|found| found.used);
        let arn = match known {
            Some(found) => found.arn.clone(),
            None => make(ctx, group, vpc).await?,
        };
        if known.is_some_and(|found| found.group.health.as_ref() != Some(&group.asked())) {
            modify(ctx, &arn, group).await?;
        }
        if attributes(&ctx.aws, &arn).await? != (group.drain, group.stickiness) {
            set_attributes(ctx, &arn, group).await?;
        }
        out.insert(group.name.clone(), arn);
    }
    Ok(out)
}

fn seconds(span: Option<Span>) -> Option<i32> {
    span.and_then(|span| i32::try_from(span.seconds()).ok())
}

async fn make(ctx: &Ctx, group: &TargetGroup, vpc: &str) -> Result<Id, Error> {
    let (name, health) = (&name(ctx, group), &group.asked());
    let params = json!({ "name": name, "port": group.port, "protocol": group.protocol, "vpc": vpc, "health": health });
    let part = part(&group.name, name);
    let made = ctx.call_named(&GROUP, &part, name, &params, |attempt| async move {
        // What has the name would be answered as if it had been made.
        if let Some(arn) = present(ctx, name).await? {
            return Ok(vec![arn]);
        }
        let call = ctx.aws.elb_once().create_target_group().name(name).vpc_id(vpc);
        let call = call.protocol(group.protocol.word().into()).set_port(i32::try_from(group.port).ok());
        let call = call.target_type(TargetTypeEnum::Instance).set_tags(Some(tags(&attempt.tags)));
        let call = call.health_check_protocol(group.protocol.asks(health)).health_check_port(port(health));
        let call = call.set_health_check_path(health.path.clone()).set_matcher(matcher(health));
        let call = call.set_health_check_interval_seconds(seconds(health.interval));
        let call = call.set_health_check_timeout_seconds(seconds(health.timeout));
        let call = call.set_healthy_threshold_count(count(health.healthy));
        let call = call.set_unhealthy_threshold_count(count(health.unhealthy));
        match call.send().await.map_err(Error::from) {
            Ok(out) => {
                let arn = out.target_groups.and_then(|all| all.into_iter().next()?.target_group_arn);
                Ok(vec![arn.ok_or_else(|| Error::missing("the target group's ARN"))?])
            }
            Err(e) if e.class == ErrorClass::Exists => {
                let hidden = || Error::new(ErrorClass::NotVisibleYet, format!("{name} is not shown yet"));
                Ok(vec![present(ctx, name).await?.ok_or_else(hidden)?])
            }
            Err(e) => Err(e),
        }
    });
    made.await?.pop().ok_or_else(|| Error::missing("the target group's ARN"))
}

/// What has the name is ours if its tags say so.
async fn present(ctx: &Ctx, name: &str) -> Result<Option<Id>, Error> {
    let found = optional(ctx.aws.elb().describe_target_groups().names(name).send().await.map_err(Error::from))?;
    let arn = found.and_then(|found| found.target_groups?.into_iter().next()?.target_group_arn);
    let Some(arn) = arn else { return Ok(None) };
    let tags = optional(tags::BALANCERS.read(&ctx.aws, std::slice::from_ref(&arn)).await)?;
    let Some(tags) = tags.and_then(|mut all| all.remove(&arn)) else { return Ok(None) };
    ctx.ours(&format!("the target group {name}"), &tags)?;
    ctx.doubtful();
    Ok(Some(arn))
}

fn port(health: &Health) -> String {
    health.port.map_or("traffic-port".to_owned(), |port| port.to_string())
}
fn matcher(health: &Health) -> Option<Matcher> {
    health.codes.as_ref().map(|codes| Matcher::builder().http_code(codes).build())
}
fn count(n: Option<u32>) -> Option<i32> {
    n.and_then(|n| i32::try_from(n).ok())
}

async fn modify(ctx: &Ctx, arn: &str, group: &TargetGroup) -> Result<(), Error> {
    let health = &group.asked();
    let call = ctx.aws.elb().modify_target_group().target_group_arn(arn);
    let call = call.health_check_protocol(group.protocol.asks(health)).health_check_port(port(health));
    let call = call.set_health_check_path(health.path.clone()).set_matcher(matcher(health));
    let call = call.set_health_check_interval_seconds(seconds(health.interval));
    let call = call.set_health_check_timeout_seconds(seconds(health.timeout));
    let call = call.set_healthy_threshold_count(count(health.healthy));
    call.set_unhealthy_threshold_count(count(health.unhealthy)).send().await?;
    Ok(())
}

async fn set_attributes(ctx: &Ctx, arn: &str, group: &TargetGroup) -> Result<(), Error> {
    let mut all = vec![(DRAIN, group.drain.seconds().to_string()), (STICKY, group.stickiness.is_some().to_string())];
    all.extend(group.stickiness.map(|span| (COOKIE, span.seconds().to_string())));
    let all = all.into_iter().map(|(key, value)| TargetGroupAttribute::builder().key(key).value(value).build());
    let call = ctx.aws.elb().modify_target_group_attributes().target_group_arn(arn);
    call.set_attributes(Some(all.collect())).send().await?;
    Ok(())
}

/// Removes groups that nothing leads to. What targets of theirs still work on may end first.
pub(super) async fn remove(ctx: &Ctx, arns: &BTreeSet<Id>, drained: bool) -> Result<(), Error> {
    for arn in arns {
        if drained && targets::let_go(&ctx.aws, arn).await? {
            continue;
        }
        let sent = ctx.aws.elb().delete_target_group().target_group_arn(arn).send().await;
        gone(sent.map_err(Error::from))?;
    }
    Ok(())
}
