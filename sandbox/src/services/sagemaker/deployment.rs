//! What an endpoint is on its way to: when the new fleet takes which share of the traffic, and what stops it.

use std::time::Duration;

use super::variants::Variant;
use crate::config::Ailment;
use crate::life::{after, durations};
use crate::services::prelude::*;
use crate::store::World;

/// A change of an endpoint that takes time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) config: String,
    /// As they shall be.
    pub(super) variants: Vec<Variant>,
    pub(super) began: Timestamp,
    /// From when on the new fleet has which share of the traffic, in percent.
    pub(super) shifts: Vec<(Timestamp, u32)>,
    /// When it is done, if nothing stops it.
    pub(super) end: Timestamp,
    /// When it fails, and why.
    pub(super) fails: Option<(Timestamp, String)>,
    /// Alarms that take it back, by name.
    pub(super) alarms: Vec<String>,
    /// As it was asked for.
    pub(super) asked: Option<Value>,
}

/// How often alarms are looked at.
const CHECK: Duration = Duration::from_secs(60);
/// A model that loads slowly takes so long.
const SLOW: Duration = Duration::from_secs(900);

impl Deployment {
    /// A new fleet: when it is there, traffic moves as `asked` says.
    pub(super) fn fleet(call: &Call<'_>, config: &str, variants: Vec<Variant>, asked: Option<Value>) -> Self {
        let mut out = Self::resize(call.world, call.now, config, variants);
        (out.fails, out.asked) = (None, asked.clone());
        let asked = asked.unwrap_or_default();
        out.choose(call);
        let slow = out.is_slow(call);
        let start = call.done_after(if slow { SLOW.max(durations::HOSTING_START) } else { durations::HOSTING_START });
        let wait = |value: &Value| {
            let seconds = value.as_u64().unwrap_or_default();
            call.world.scaled(Duration::from_secs(seconds))
        };
        let green = &asked["BlueGreenUpdatePolicy"];
        let routing = &green["TrafficRoutingConfiguration"];
        let rolling = &asked["RollingUpdatePolicy"];
        let most = out.variants.iter().map(|one| one.count).max().unwrap_or(1).max(1);
        let percent = |size: &Value| {
            let value = size["Value"].as_i64().unwrap_or(100);
            let percent = if size["Type"] == "INSTANCE_COUNT" { value * 100 / most } else { value };
            u32::try_from(percent.clamp(1, 100)).unwrap_or(100)
        };
        let pause =
            if rolling.is_null() { &routing["WaitIntervalInSeconds"] } else { &rolling["WaitIntervalInSeconds"] };
        let step = match routing["Type"].as_str() {
            Some("CANARY") => percent(&routing["CanarySize"]),
            Some("LINEAR") => percent(&routing["LinearStepSize"]),
            _ if !rolling.is_null() => percent(&rolling["MaximumBatchSize"]),
            _ => 100,
        };
        // A canary is followed by all the rest.
        let next = |now: u32| if routing["Type"] == "CANARY" { 100 } else { (now + step).min(100) };
        let (mut at, mut share) = (start, step);
        out.shifts = vec![(at, share)];
        while share < 100 {
            (at, share) = (after(at, wait(pause)), next(share));
            out.shifts.push((at, share));
        }
        out.end = after(at, wait(&green["TerminationWaitInSeconds"]));
        let names = asked["AutoRollbackConfiguration"]["Alarms"].as_array();
        let name = |one: &Value| one["AlarmName"].as_str().map(str::to_owned);
        out.alarms = names.into_iter().flatten().filter_map(name).collect();
        out.fails = out.ailing(call, start);
        out
    }

    /// Other counts and weights of the same fleet.
    pub(super) fn resize(world: &World, now: Timestamp, config: &str, variants: Vec<Variant>) -> Self {
        Self {
            config: config.to_owned(),
            variants,
            began: now,
            shifts: Vec::new(),
            end: after(now, world.scaled(durations::HOSTING_RESIZE)),
            fails: None,
            alarms: Vec::new(),
            asked: None,
        }
    }

    /// The share of the traffic that the new fleet has, in percent.
    pub(super) fn share(&self, now: Timestamp) -> u32 {
        if self.fails.is_some() {
            return 0;
        }
        self.shifts.iter().rev().find(|(at, _)| *at <= now).map_or(0, |(_, share)| *share)
    }

    /// When it has to be looked at next, after `now`.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        let end = self.fails.as_ref().map_or(self.end, |(at, _)| *at);
        let begun = self.shifts.first().map_or(end, |(at, _)| *at);
        let check = if self.alarms.is_empty() { end } else { after(now.max(begun), CHECK) };
        check.min(end)
    }

    fn contents(call: &Call<'_>, variant: &Variant) -> Vec<String> {
        call.get::<super::models::Model>(&variant.model).map(super::models::Model::contents).unwrap_or_default()
    }

    /// What the account's behaviour says of a variant's image or data.
    fn ailment(call: &Call<'_>, variant: &Variant) -> Option<Ailment> {
        let contents = Self::contents(call, variant);
        let containers = &call.world.config.behaviour.containers;
        containers.iter().find(|(part, _)| contents.iter().any(|text| text.contains(*part))).map(|(_, what)| *what)
    }

    fn is_slow(&self, call: &Call<'_>) -> bool {
        self.variants.iter().any(|one| Self::ailment(call, one) == Some(Ailment::Slow))
    }

    /// When the new fleet fails, and why, in AWS's words.
    fn ailing(&self, call: &Call<'_>, start: Timestamp) -> Option<(Timestamp, String)> {
        for variant in &self.variants {
            let name = &variant.name;
            if variant.machine.as_ref().is_some_and(|machine| !self.has_capacity(call, machine)) {
                let why =
                    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.";
                return Some((call.done_after(durations::HOSTING_NO_CAPACITY), why.to_owned()));
            }
            let unhealthy = || {
                let why = format!(
                    "The primary container for production variant {name} did not pass the ping health check. Please check \
                     CloudWatch logs for this endpoint."
                );
                Some((call.done_after(durations::HOSTING_UNHEALTHY), why))
            };
            match Self::ailment(call, variant) {
                Some(Ailment::HealthCheck) => return unhealthy(),
                Some(Ailment::Slow) if variant.patience < SLOW.as_secs().try_into().unwrap_or(i64::MAX) => {
                    return unhealthy();
                }
                Some(Ailment::Image) => {
                    let why = format!(
                        "Please make sure all images included in the model for the production variant {name} exist, and \
                         that the execution role used to create the model has permissions to access them."
                    );
                    return Some((start, why));
                }
                Some(Ailment::ModelData) => {
                    let uri = Self::contents(call, variant).into_iter().nth(1).unwrap_or_default();
                    let why =
                        format!("Failed to download model data for container \"container_1\" from URL: \"{uri}\".");
                    return Some((start, why));
                }
                Some(Ailment::Slow) | None => {}
            }
        }
        None
    }

    /// A variant with several types has the best one of which there is capacity, or else the last.
    fn choose(&mut self, call: &Call<'_>) {
        for i in 0..self.variants.len() {
            for pool in self.variants[i].pools.clone() {
                self.variants[i].take(&pool);
                if self.has_capacity(call, &pool.machine) {
                    break;
                }
            }
        }
    }

    fn has_capacity(&self, call: &Call<'_>, machine: &str) -> bool {
        let free = call.world.config.behaviour.capacity.get(&format!("{machine}@{}", call.region));
        free.is_none_or(|free| i64::try_from(*free).unwrap_or(i64::MAX) >= self.needed(call, machine))
    }

    /// How many machines of this type the endpoints of the region would have with the new fleet.
    fn needed(&self, call: &Call<'_>, machine: &str) -> i64 {
        let of = |variants: &[Variant]| -> i64 {
            variants.iter().filter(|one| one.machine.as_deref() == Some(machine)).map(|one| one.count).sum()
        };
        call.all::<super::endpoints::Endpoint>().map(|it| of(&it.variants)).sum::<i64>() + of(&self.variants)
    }
}
