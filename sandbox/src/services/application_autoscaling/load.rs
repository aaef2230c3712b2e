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
    let mut wanted = count;
    for policy in &policies {
        let tracking = policy.fields.get("TargetTrackingScalingPolicyConfiguration");
        wanted = tracking.and_then(|tracking| tracked(tracking, &all, count)).unwrap_or(wanted);
    }
    for policy in &policies {
        let step = policy.fields.get("StepScalingPolicyConfiguration").map(|step| &step["StepAdjustments"][0]);
        if let Some(step) = step.filter(|_| monitoring::runs(world, region, &policy.arn)) {
            wanted = wanted.max(count + step["ScalingAdjustment"].as_i64().unwrap_or_default());
        }
    }
    let wanted = wanted.clamp(it.least, it.most);
    if wanted != count && !scaled.is_changing(world, region) {
        scaled.resize(world, region, at, wanted);
    }
    // Once nobody asks and nothing is left to take away, there is nothing to look at.
    let goes_on =
        all.iter().any(|asked| *asked > 0.0) || scaled.count(world, region) != Some(it.least) || wanted != count;
    let next = (goes_on && !policies.is_empty()).then(|| after(at, MINUTE));
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
