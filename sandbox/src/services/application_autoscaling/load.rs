//! What policies make of the load: each minute after somebody asked, until nobody has for a while.

use std::time::Duration;

use super::policies::Policy;
use super::scaled::Scaled;
use super::targets::{Target, id};
use crate::life::after;
use crate::services::monitoring;
use crate::services::prelude::*;
use crate::store::World;

const MINUTE: Duration = Duration::from_secs(60);
/// So many minutes above the target add something, and so many below nine tenths of it take something away.
const OUT: i64 = 3;
const IN: usize = 15;

/// Somebody asked this resource for something: its policies look at the load.
pub(crate) fn asked(world: &mut World, region: &str, now: Timestamp, resource: &str) {
    let next = after(now, MINUTE);
    let sleeps = |it: &Target| it.timer.is_none();
    if world.get::<Target>(region, &id(resource)).is_some_and(sleeps) {
        world.update::<Target>(region, &id(resource), |it| it.timer = Some(next));
    }
}

/// One look.
pub(super) fn settle(world: &mut World, region: &str, target: &str, at: Timestamp) {
    let Some(it) = world.get::<Target>(region, target).cloned() else { return };
    let count = Scaled::parse(&it.resource).and_then(|scaled| scaled.count(world, region));
    let Some((scaled, count)) = Scaled::parse(&it.resource).zip(count) else {
        world.update::<Target>(region, target, |it| it.timer = None);
        return;
    };
    let policies: Vec<Policy> =
        world.all::<Policy>(region).filter(|one| one.resource == it.resource).cloned().collect();
    let all = invocations(world, region, at, &scaled);
    let mut is_asked = all.iter().any(|asked| *asked > 0.0);
    let (mut asks, mut acts) = (Vec::new(), Vec::new());
    for policy in &policies {
        if let Some(tracking) = policy.fields.get("TargetTrackingScalingPolicyConfiguration") {
            let own = measured(world, region, at, tracking, count);
            asks.extend(tracked(tracking, own.as_ref().unwrap_or(&all), count));
            is_asked |= own.into_iter().flatten().any(|asked| asked > 0.0);
        } else if let Some(step) = stepped(world, region, at, policy) {
            asks.push(count + step);
            acts.push(policy.id.clone());
        }
    }
    // Where several policies ask for something, the most counts.
    let wanted = asks.into_iter().max().unwrap_or(count).clamp(it.least, it.most);
    if wanted != count && !scaled.is_changing(world, region) {
        scaled.resize(world, region, at, wanted);
        for policy in acts {
            world.update::<Policy>(region, &policy, |it| it.acted = Some(at));
        }
    }
    // Once nobody asks and nothing is left to take away, there is nothing to look at.
    let now = scaled.count(world, region);
    let goes_on = is_asked || now != Some(it.least);
    let next = (goes_on && !policies.is_empty() || wanted != count).then(|| after(at, MINUTE));
    world.update::<Target>(region, target, |it| it.timer = next);
}

/// Requests in each of the last minutes, the latest first.
fn invocations(world: &World, region: &str, at: Timestamp, scaled: &Scaled<'_>) -> Vec<f64> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let dimensions = scaled.measured().iter().map(pair).collect();
    let of = |name: &str| {
        let metric = monitoring::id("AWS/SageMaker", name, &dimensions);
        monitoring::lately((world, region, at), metric, "Sum", 60, IN)
    };
    let pairs = of("Invocations").into_iter().zip(of("NoCapacityInvocationFailures"));
    pairs.map(|(served, missed)| served.unwrap_or_default() + missed.unwrap_or_default()).collect()
}

/// The same by a metric that the policy names, which says how much there is for each.
fn measured(world: &World, region: &str, at: Timestamp, tracking: &Value, count: i64) -> Option<Vec<f64>> {
    let own = tracking.get("CustomizedMetricSpecification")?;
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let dimensions = own["Dimensions"].as_array().into_iter().flatten();
    let dimensions = dimensions.map(|one| (text(one, "Name"), text(one, "Value"))).collect();
    let metric = monitoring::id(&text(own, "Namespace"), &text(own, "MetricName"), &dimensions);
    let values = monitoring::lately((world, region, at), metric, &text(own, "Statistic"), 60, IN);
    Some(values.into_iter().map(|value| value.unwrap_or_default() * count.max(1) as f64).collect())
}

/// How many the target wants.
fn tracked(tracking: &Value, all: &[f64], count: i64) -> Option<i64> {
    let target = tracking["TargetValue"].as_f64().filter(|value| *value > 0.0)?;
    let each = |asked: &f64| asked / count.max(1) as f64;
    let recent = all.get(..usize::try_from(OUT).ok()?)?;
    if count > 0 && recent.iter().all(|asked| each(asked) > target) {
        return Some((recent.iter().copied().fold(0.0, f64::max) / target).ceil() as i64);
    }
    let calm = all.iter().all(|asked| each(asked) < target * 0.9);
    calm.then(|| ((all.iter().copied().fold(0.0, f64::max) / target).ceil() as i64).min(count))
}

/// What a policy with steps adds or removes now, if its alarm runs it and it has rested.
fn stepped(world: &World, region: &str, at: Timestamp, policy: &Policy) -> Option<i64> {
    let config = policy.fields.get("StepScalingPolicyConfiguration")?;
    let rest = Duration::from_secs(config["Cooldown"].as_u64().unwrap_or(300));
    if policy.acted.is_some_and(|acted| at < after(acted, rest)) {
        return None;
    }
    let far = monitoring::breach(world, region, &policy.arn, at)?;
    let steps = || config["StepAdjustments"].as_array().into_iter().flatten();
    let bounds = |step: &Value| {
        let bound = |name: &str| step[name].as_f64();
        (
            bound("MetricIntervalLowerBound").unwrap_or(f64::NEG_INFINITY),
            bound("MetricIntervalUpperBound").unwrap_or(f64::INFINITY),
        )
    };
    // Above the threshold the lower bound belongs to a step, below it the upper one.
    let above = |step: &&Value| far >= 0.0 && bounds(step).0 <= far && far < bounds(step).1;
    let below = |step: &&Value| far <= 0.0 && bounds(step).0 < far && far <= bounds(step).1;
    steps().find(above).or_else(|| steps().find(below))?["ScalingAdjustment"].as_i64()
}
