//! Health of targets, which follows from time: from their registration, their instance, and how they are asked.

use std::time::Duration;

use super::balancers::Balancer;
use super::groups::TargetGroup;
use super::targets::{self, Target};
use super::{actions, group};
use crate::life::after;
use crate::services::ec2::{Power, power};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[read("DescribeTargetHealth", describe)];

/// The state of a target, and AWS's reason and words for it.
type Told = (&'static str, Option<(&'static str, String)>);

fn told(state: &'static str, reason: &'static str, words: impl Into<String>) -> Told {
    (state, Some((reason, words.into())))
}

fn health(call: &Call<'_>, of: &TargetGroup, users: &[&Balancer], one: &Target) -> Told {
    if one.leaves.is_some() {
        return told("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress");
    }
    let Some(active) = users.iter().map(|it| it.active).min() else {
        let words = "Target group is not configured to receive traffic from the load balancer";
        return told("unused", "Target.NotInUse", words);
    };
    let Some(Power::Running(since, _)) = power(call.world, call.region, &one.id, call.now) else {
        return told("unused", "Target.InvalidState", "Target is in the stopped state");
    };
    if call.now < active {
        return told("initial", "Elb.RegistrationInProgress", "Target registration is in progress");
    }
    let begun = since.max(one.since).max(active);
    let times = |count: i64| {
        let seconds = u64::try_from(of.health.interval.saturating_mul(count)).unwrap_or(0);
        call.world.scaled(Duration::from_secs(seconds))
    };
    let path = of.health.path.as_deref().unwrap_or_default();
    let fails = call.world.config.behaviour.failing_paths.contains(path);
    let count = if fails { of.health.unhealthy } else { of.health.healthy };
    match (call.now < after(begun, times(count)), fails) {
        (true, _) => told("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
        (false, true) => {
            told("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
        }
        (false, false) => ("healthy", None),
    }
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    let (wanted, of) = (targets::take(call)?, group(call, &arn)?);
    let users = actions::users(call.world, call.region, &arn);
    let users: Vec<&Balancer> = users.iter().filter_map(|name| call.get::<Balancer>(name)).collect();
    let shown = |id: &str, port: i64, (state, why): Told| {
        let mut health = json!({"State": state});
        if let Some((reason, words)) = why {
            health["Reason"] = json!(reason);
            health["Description"] = json!(words);
        }
        let asked = if of.health.port == "traffic-port" { port.to_string() } else { of.health.port.clone() };
        json!({"Target": {"Id": id, "Port": port}, "HealthCheckPort": asked, "TargetHealth": health})
    };
    // What has been drained is no target any more, nor is an instance that EC2 has forgotten.
    let there = |one: &&Target| {
        one.leaves.is_none_or(|at| call.now < at) && power(call.world, call.region, &one.id, call.now).is_some()
    };
    let all: Vec<&Target> = of.targets.iter().filter(there).collect();
    let mut out: Vec<Value> = Vec::new();
    for (id, port) in &wanted {
        let port = port.unwrap_or(of.port);
        let known = all.iter().find(|one| one.id == *id && one.port == port);
        let words = "Target is not registered to the target group";
        let state =
            known.map_or_else(|| told("unused", "Target.NotRegistered", words), |one| health(call, &of, &users, one));
        out.push(shown(id, port, state));
    }
    if wanted.is_empty() {
        out.extend(all.iter().map(|one| shown(&one.id, one.port, health(call, &of, &users, one))));
    }
    Ok(Reply::json(json!({"TargetHealthDescriptions": out})))
}
