//! What time brings to endpoints: a deployment ends or is taken back, what was deleted goes; and what containers write.

use super::configs::Config;
use super::endpoints::{Endpoint, Status};
use super::queues::Queue;
use super::variants::Variant;
use crate::life::{after, durations};
use crate::services::ec2::leases::Lease;
use crate::services::prelude::*;
use crate::services::{logs, monitoring};
use crate::store::World;
use sha2::{Digest, Sha256};

/// A deployment ends, or is looked after; what is being deleted goes, and leaves its interfaces behind for a while.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let Some(mut it) = world.get::<Endpoint>(region, id).cloned() else { return };
    it.timer = None;
    if it.status == Status::Deleting {
        world.remove::<Endpoint>(region, id);
        world.remove::<Queue>(region, id);
        if !it.interfaces.is_empty() {
            let until = after(at, world.scaled(durations::HOSTING_INTERFACES));
            world.put(region, Lease::new(id, it.interfaces, at, until));
        }
        return;
    }
    let Some(new) = it.deployment.take() else { return world.put(region, it) };
    let alarm = new.alarms.iter().find(|name| new.share(at) > 0 && monitoring::is_in_alarm(world, region, name));
    let failed = match (&new.fails, alarm) {
        (Some((when, why)), _) if *when <= at => Some(why.clone()),
        (_, Some(name)) => Some(format!(
            "The deployment was rolled back because one or more specified CloudWatch alarms went into alarm status: {name}."
        )),
        _ => None,
    };
    if let Some(why) = failed {
        if why.contains("ping health check") {
            it.log_all(world, region, at, &new.variants, "ERROR: the model server ended before it answered /ping");
        }
        it.status = if it.status == Status::Creating { Status::Failed } else { Status::InService };
        it.failure = Some(why);
    } else if new.fails.is_none() && new.end <= at {
        if !new.shifts.is_empty() {
            it.log_all(world, region, at, &new.variants, "INFO: the model is loaded, listening on port 8080");
        }
        if let Some(config) = world.get::<Config>(region, &new.config) {
            (it.is_async, it.output, it.capture) = (config.is_async(), config.output(), config.capture());
        }
        (it.config, it.variants, it.status, it.failure) = (new.config, new.variants, Status::InService, None);
    } else {
        it.timer = Some(new.next(at));
        it.deployment = Some(new);
        return world.put(region, it);
    }
    it.modified = at;
    world.put(region, it);
}

impl Endpoint {
    fn log_all(&self, world: &mut World, region: &str, at: Timestamp, variants: &[Variant], line: &str) {
        for variant in variants {
            log(world, region, &self.name, variant, at, line);
        }
    }
}

/// What a container of an endpoint writes to its log.
pub(crate) fn log(world: &mut World, region: &str, endpoint: &str, variant: &Variant, at: Timestamp, line: &str) {
    let group = format!("/aws/sagemaker/Endpoints/{endpoint}");
    // Each version has machines of its own.
    let machine: String = Sha256::digest(&variant.model).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    logs::record(world, region, &group, &format!("{}/i-0{machine}", variant.name), at, line);
}
