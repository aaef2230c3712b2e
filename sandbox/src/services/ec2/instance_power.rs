//! Instances stopped, started again and rebooted; what they print to their console.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::addresses::new_public_ip;
use super::capacity::{self, Site};
use super::catalogue::{InstanceType, instance_type};
use super::instances::{Instance, Market, change_xml, named};
use super::interfaces::{Interface, PublicAddress};
use super::{done, reservations};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::{after, durations};
use crate::service::{Operation, read, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("StopInstances", stop),
    write("StartInstances", start),
    write("RebootInstances", reboot),
    read("GetConsoleOutput", console_output),
];

fn wrong_state(id: &str, action: &str) -> ApiError {
    let message = format!("The instance '{id}' is not in a state from which it can be {action}.");
    ApiError::bad("IncorrectInstanceState", message)
}

fn stop(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let instances = named(call)?;
    // Nothing runs in the machine that could be in the middle of something.
    let (_force, _skip) = (call.params.flag("Force")?, call.params.flag("SkipOsShutdown")?);
    if call.params.flag("Hibernate")? {
        let message = "Hibernation is not enabled for one or more of the specified instances.";
        return Err(ApiError::bad("UnsupportedHibernationConfiguration", message));
    }
    let mut items = Vec::new();
    for mut instance in instances {
        let before = instance.life.state(call.now).to_owned();
        match before.as_str() {
            "running" | "stopping" | "stopped" => {}
            _ => return Err(wrong_state(&instance.id, "stopped")),
        }
        if instance.market == Market::Spot {
            let message = format!(
                "You can't stop the Spot Instance '{}' because it is associated with a one-time Spot Instance request. \
                 You can only stop Spot Instances associated with persistent Spot Instance requests.",
                instance.id
            );
            return Err(ApiError::bad("UnsupportedOperation", message));
        }
        if before == "running" {
            let accelerated = instance_type(&instance.instance_type).is_some_and(InstanceType::is_accelerated);
            let wait = if accelerated { durations::INSTANCE_STOP_GPU } else { durations::INSTANCE_STOP };
            instance.life.enter(call.now, "stopping");
            instance.life.plan(call.done_after(wait), "stopped");
            let code = "Client.UserInitiatedShutdown";
            instance.reason = Some((code.to_owned(), format!("{code}: User initiated shutdown")));
            for eni in &instance.interfaces {
                // Only an Elastic IP stays.
                call.update::<Interface>(eni, |eni| {
                    eni.public.take_if(|public| public.allocation.is_none());
                });
            }
        }
        items.push(change_xml(&instance.id, &before, instance.life.state(call.now)));
        call.put(instance);
    }
    Ok(Reply::xml(Xml::new().list("instancesSet", "item", items)))
}

fn start(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let instances = named(call)?;
    let mut items = Vec::new();
    for mut instance in instances {
        let before = instance.life.state(call.now).to_owned();
        match before.as_str() {
            "stopped" => {
                bring_up(call, &mut instance)?;
                items.push(change_xml(&instance.id, &before, instance.life.state(call.now)));
                call.put(instance);
            }
            "pending" | "running" => items.push(change_xml(&instance.id, &before, &before)),
            _ => return Err(wrong_state(&instance.id, "started")),
        }
    }
    Ok(Reply::xml(Xml::new().list("instancesSet", "item", items)))
}

/// A start takes a machine, as a launch does, and may find none.
fn bring_up(call: &mut Call<'_>, instance: &mut Instance) -> Result<(), ApiError> {
    let Some(kind) = instance_type(&instance.instance_type) else { return Ok(()) };
    let target = instance.target_reservation.clone();
    let target = target.map(|id| reservations::usable(call, &id, instance)).transpose()?;
    let zone = instance.zone.clone();
    let site = Site { kind, zone: &zone, market: instance.market };
    let slots = capacity::admit(call, &site, (1, 1), target.as_ref(), instance.reservation_preference != "none")?;
    instance.capacity_reservation = slots.into_iter().next().flatten();
    let running = call.done_after(durations::INSTANCE_START);
    let checks = if kind.is_accelerated() { durations::CHECKS_GPU } else { durations::CHECKS };
    instance.life.enter(call.now, "pending");
    instance.life.plan(running, "running");
    instance.checks_passed = call.done_after(checks).max(running);
    instance.reason = None;
    if let Some(primary) = instance.interfaces.first().filter(|_| instance.auto_public) {
        let ip = new_public_ip(call.world);
        call.update::<Interface>(primary, |eni| {
            eni.public.get_or_insert(PublicAddress { ip, allocation: None, association: None });
        });
    }
    Ok(())
}

fn reboot(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    for instance in named(call)? {
        if !matches!(instance.life.state(call.now), "pending" | "running") {
            return Err(wrong_state(&instance.id, "rebooted"));
        }
    }
    done()
}

/// No machine runs, so none prints: the answer is that of one that has not yet printed anything.
/// After so long a machine has started.
const BOOTED: Duration = Duration::from_secs(60);

fn console_output(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let _latest = call.params.flag("Latest")?;
    let id = call.params.text("InstanceId")?;
    let instance = call.see::<Instance>(&id).ok_or_else(|| super::instances::missing(&id))?;
    let xml = Xml::new().text("instanceId", &id).text("timestamp", instance.created);
    Ok(Reply::xml(xml.text("output", STANDARD.encode(console(instance, call.now)))))
}

/// What a machine has written to its console: as long as it starts, the kernel; what it was told to do is not executed.
fn console(instance: &Instance, now: Timestamp) -> String {
    let mut lines = vec!["[    0.000000] Linux version 6.8.0-1021-aws (buildd@bos03-amd64-044)".to_owned()];
    if now > after(instance.created, BOOTED) {
        lines.push(format!("[   21.402331] cloud-init[1204]: instance-id: {}", instance.id));
        lines.push("[   48.117204] cloud-init[1204]: Cloud-init v. 24.4 finished. Up 48.11 seconds".to_owned());
    }
    lines.join("\r\n")
}
