//! How a load balancer comes to what is wanted, and how it goes.
use super::{
    LoadBalancer,
    groups::{self, Which},
    listeners, read, targets,
};
use crate::{
    aws::{Error, ErrorClass, gone},
    call::Ctx,
    kinds::named::Named,
    resource::{Changes, Id, Live, PARTS, State},
};
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute;
use serde_json::Value;
use std::collections::BTreeSet;

/// Ids of subnets and security groups.
pub(super) fn places(want: &LoadBalancer) -> Result<(Vec<String>, Vec<String>), Error> {
    let subnets = want.subnets.iter().map(|one| one.id().map(str::to_owned)).collect::<Result<_, _>>()?;
    let groups = want.security_groups.iter().map(|one| one.id().map(str::to_owned)).collect::<Result<_, _>>()?;
    Ok((subnets, groups))
}

fn arn(live: &Live<LoadBalancer>) -> Result<&str, Error> {
    live.outputs.get("arn").and_then(Value::as_str).ok_or_else(|| Error::missing("the load balancer's ARN"))
}

/// Target groups first, then what leads to them, then who is in them; and what nothing leads to any more goes last.
pub(super) async fn update(
    want: &LoadBalancer,
    ctx: &Ctx,
    live: &Live<LoadBalancer>,
    changes: &Changes,
) -> Result<(), Error> {
    let (arn, elb) = (arn(live)?, ctx.aws.elb());
    let (subnets, security_groups) = places(want)?;
    if changes.touches("security_groups") {
        let call = elb.set_security_groups().load_balancer_arn(arn);
        call.set_security_groups(Some(security_groups)).send().await?;
    }
    if changes.touches("subnets") {
        elb.set_subnets().load_balancer_arn(arn).set_subnets(Some(subnets)).send().await?;
    }
    if changes.touches("idle_timeout") || changes.touches("access_log") {
        set_attributes(want, ctx, arn).await?;
    }
    if ["target_groups", "listeners", PARTS].iter().all(|field| !changes.touches(field)) {
        return Ok(());
    }
    let sweep = ctx.sweep();
    let known: Vec<Id> = live.parts.iter().filter(|(part, _)| is_group(part)).map(|(_, arn)| arn.clone()).collect();
    let there = groups::list(&sweep, Which::These(&known)).await?;
    let found = LoadBalancer::get(&sweep, &live.id).await?.and_then(|found| found.vpc_id);
    let vpc = found.ok_or_else(|| Error::new(ErrorClass::NotVisibleYet, format!("{} is not shown", live.id)))?;
    let groups = groups::bring(ctx, &want.target_groups, &vpc, &there).await?;
    listeners::bring(ctx, want, arn, &groups).await?;
    for group in &want.target_groups {
        if let Some(arn) = groups.get(&group.name) {
            targets::bring(&ctx.aws, arn, group.targets.get()?).await?;
        }
    }
    if changes.touches(PARTS) {
        // As it is now, not as the plan saw it.
        let now = groups::list(&sweep, Which::These(&known)).await?;
        let unused = now.into_iter().filter(|one| !one.used && live.left_over.contains(&one.part()));
        let unused: BTreeSet<Id> =
            unused.map(|one| one.arn).filter(|arn| groups.values().all(|it| it != arn)).collect();
        groups::remove(ctx, &unused, true).await?;
    }
    Ok(())
}

fn is_group(part: &str) -> bool {
    part.split(' ').next() == Some(groups::PART)
}

async fn set_attributes(want: &LoadBalancer, ctx: &Ctx, arn: &str) -> Result<(), Error> {
    let mut all: Vec<(&str, String)> = Vec::new();
    all.extend(want.idle_timeout.map(|span| (read::IDLE, span.seconds().to_string())));
    let [on, bucket, prefix] = read::LOG;
    all.push((on, want.access_log.is_some().to_string()));
    if let Some(log) = &want.access_log {
        all.extend([(bucket, log.bucket.get()?.clone()), (prefix, log.prefix.clone())]);
    }
    let all = all.into_iter().map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build());
    let call = ctx.aws.elb().modify_load_balancer_attributes().load_balancer_arn(arn);
    call.set_attributes(Some(all.collect())).send().await?;
    Ok(())
}

/// The load balancer, with its listeners and rules; then its target groups, which it uses until it is gone.
pub(super) async fn delete(ctx: &Ctx, live: &Live<LoadBalancer>) -> Result<(), Error> {
    if live.state == State::Partial {
        let all = live.parts.iter().filter(|(part, _)| is_group(part)).map(|(_, arn)| arn.clone()).collect();
        return groups::remove(ctx, &all, false).await;
    }
    gone(ctx.aws.elb().delete_load_balancer().load_balancer_arn(arn(live)?).send().await.map_err(Error::from))
}
