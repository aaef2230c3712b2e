//! Where copies of inference components are placed: what each needs of a machine, and how many machines that takes.

use super::components::{Component, Next};
use super::endpoints::Endpoint;
use super::models::Model;
use crate::config::Ailment;
use crate::life::durations;
use crate::services::ec2::accelerators_and_memory;
use crate::services::prelude::*;
use crate::services::{logs, monitoring};
use crate::store::World;

/// What is said where no machine has room.
const NO_ROOM: &str = "There is not enough hardware resources on the instances for this endpoint to create a copy of the inference component.";

/// Images and places of data of what a specification runs.
fn contents(call: &Call<'_>, specification: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let model = specification["ModelName"].as_str().and_then(|name| call.get::<Model>(name));
    let container = &specification["Container"];
    let own = [text(&container["Image"]), text(&container["ArtifactUrl"])].into_iter().flatten();
    model.map_or_else(|| own.collect(), Model::contents)
}

/// Why it never serves, by what the account's behaviour says of images.
pub(super) fn ailing(call: &Call<'_>, endpoint: &str, specification: &Value) -> Option<String> {
    let contents = contents(call, specification);
    let containers = &call.world.config.behaviour.containers;
    let (_, ailment) = containers.iter().find(|(part, _)| contents.iter().any(|text| text.contains(*part)))?;
    let why = match ailment {
        Ailment::HealthCheck => "The container did not pass the ping health check. Please check CloudWatch logs.",
        Ailment::Image => "Please make sure that the image exists and that the execution role may read it.",
        Ailment::ModelData => "Failed to download model data.",
        Ailment::Slow => return None,
    };
    Some(format!("{why} (endpoint {endpoint})"))
}

/// When a change that begins now ends.
pub(super) fn done(call: &Call<'_>, fails: Option<&String>) -> Timestamp {
    let unhealthy = fails.is_some_and(|why| why.contains("ping health check"));
    call.done_after(if unhealthy { durations::HOSTING_UNHEALTHY } else { durations::HOSTING_START })
}

/// What one copy needs: accelerators, cores in hundredths, MiB.
fn needs(specification: &Value) -> (i64, i64, i64) {
    let needs = &specification["ComputeResourceRequirements"];
    let number = |name: &str| needs[name].as_f64().unwrap_or_default();
    let (devices, cores) = (number("NumberOfAcceleratorDevicesRequired"), number("NumberOfCpuCoresRequired"));
    (devices as i64, (cores * 100.0) as i64, number("MinMemoryRequiredInMb") as i64)
}

/// How many machines of this type all copies take, each on the first that has room; nothing where one has room on none.
fn machines(machine: &str, copies: &[(i64, i64, i64)]) -> Option<i64> {
    // What is not in the catalogue has room for everything.
    let Some((devices, cores, memory)) = accelerators_and_memory(machine.trim_start_matches("ml.")) else {
        return Some(1);
    };
    // The machine keeps a part of its memory for itself.
    let whole = (devices, cores * 100, memory * 3 / 4);
    let mut left: Vec<(i64, i64, i64)> = Vec::new();
    for one in copies {
        let fits = |free: &(i64, i64, i64)| free.0 >= one.0 && free.1 >= one.1 && free.2 >= one.2;
        if !fits(&whole) {
            return None;
        }
        let place = left.iter().position(fits).unwrap_or_else(|| {
            left.push(whole);
            left.len() - 1
        });
        let free = &mut left[place];
        *free = (free.0 - one.0, free.1 - one.1, free.2 - one.2);
    }
    i64::try_from(left.len()).ok()
}

/// Gives a managed variant as many machines as its components take; false where there is no room for all copies.
fn fit(world: &mut World, region: &str, endpoint: &str, variant: &str) -> bool {
    let Some(mut found) = world.get::<Endpoint>(region, endpoint).cloned() else { return false };
    let Some(one) = found.variants.iter_mut().find(|one| one.name == variant) else { return false };
    let on = |it: &&Component| it.endpoint == endpoint && it.variant == variant;
    let of = |it: &Component| vec![needs(&it.specification); usize::try_from(it.copies).unwrap_or_default()];
    let copies: Vec<_> = world.all::<Component>(region).filter(on).flat_map(of).collect();
    let Some(taken) = one.machine.as_deref().and_then(|machine| machines(machine, &copies)) else { return false };
    match one.managed {
        Some((least, most)) if taken <= most => {
            one.count = taken.max(least);
            world.put(region, found);
            true
        }
        Some(_) => false,
        None => taken <= one.count,
    }
}

/// A change ends: the component is what it shall be, or stays what it was; what is being deleted goes.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let Some(mut it) = world.get::<Component>(region, id).cloned() else { return };
    it.timer = None;
    if it.status == "Deleting" {
        world.remove::<Component>(region, id);
        fit(world, region, &it.endpoint, &it.variant);
        return;
    }
    let Some(Next { specification, copies, fails }) = it.next.take() else { return world.put(region, it) };
    let before = it.clone();
    let rolls = it.specification != specification;
    (it.specification, it.copies) = (specification, copies);
    world.put(region, it.clone());
    let alarms = it.last.as_ref().map(|last| last["AutoRollbackConfiguration"]["Alarms"].clone()).unwrap_or_default();
    let names = alarms.as_array().into_iter().flatten().filter_map(|one| one["AlarmName"].as_str());
    let alarm = names.filter(|_| rolls).find(|name| monitoring::is_in_alarm(world, region, name));
    let alarm = alarm.map(|name| {
        format!("The deployment was rolled back because one or more specified alarms went into alarm status: {name}.")
    });
    let room = || (!fit(world, region, &it.endpoint, &it.variant)).then(|| NO_ROOM.to_owned());
    let failed = fails.or(alarm).or_else(room);
    let line = match &failed {
        Some(_) => "ERROR: the model server ended before it answered /ping",
        None => "INFO: the model is loaded, listening on port 8080",
    };
    if before.status == "Creating" || rolls {
        log(world, region, &it, at, line);
    }
    if failed.is_some() {
        let is_new = before.status == "Creating";
        it = before;
        it.status = if is_new { "Failed" } else { "InService" }.to_owned();
    } else {
        it.status = "InService".to_owned();
    }
    (it.failure, it.modified) = (failed, at);
    let place = (it.endpoint.clone(), it.variant.clone());
    world.put(region, it);
    fit(world, region, &place.0, &place.1);
}

/// What a container of a component writes to its log.
pub(crate) fn log(world: &mut World, region: &str, it: &Component, at: Timestamp, line: &str) {
    let group = format!("/aws/sagemaker/InferenceComponents/{}", it.name);
    logs::record(world, region, &group, &format!("{}/copy-1", it.variant), at, line);
}
