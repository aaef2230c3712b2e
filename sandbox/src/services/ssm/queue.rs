//! What is to be done on machines: user data at the first start, and commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::machines;
use super::model::{Command, Invocation, Status};
use crate::commands::{Boot, Order, Outcome};
use crate::services::ec2::hosts::{Host, hosts};
use crate::services::prelude::*;
use crate::store::World;

/// A command that has begun on a machine.
pub(crate) struct Begun {
    pub(crate) region: String,
    /// The invocation's.
    pub(crate) id: String,
    pub(crate) order: Order,
}

/// What there is to do on machines now.
#[derive(Default)]
pub(crate) struct Look {
    /// The machines that run.
    pub(crate) running: BTreeSet<String>,
    pub(crate) boots: Vec<Boot>,
    pub(crate) begun: Vec<Begun>,
    /// Region and id of invocations that are to end.
    pub(crate) cancelling: Vec<(String, String)>,
    /// When to look again, if nothing happens before.
    pub(crate) next: Option<Timestamp>,
}

/// Begins whatever can begin now, on all machines at the same time.
pub(crate) fn look(world: &mut World, now: Timestamp) -> Look {
    let mut out = Look { next: world.next_timer(), ..Look::default() };
    for region in machines::places(world) {
        let all = hosts(world, &region, now);
        machines::take_leave(world, &region, &all);
        let starts = all.iter().filter_map(|host| host.starts).min();
        out.next = [out.next, starts].into_iter().flatten().min();
        for host in all.iter().filter(|host| host.running.is_some()) {
            out.running.insert(host.id.clone());
            let is_new = machines::greet(world, &region, &host.id, now);
            if let Some(script) = host.script.clone().filter(|_| is_new) {
                out.boots.push(Boot { machine: machines::of(world, &region, host, now), script });
            }
        }
        begin(world, &region, &all, now, &mut out);
    }
    out
}

fn begin(world: &mut World, region: &str, all: &[Host], now: Timestamp, out: &mut Look) {
    let running: BTreeMap<&str, &Host> =
        all.iter().filter(|host| host.running.is_some()).map(|host| (host.id.as_str(), host)).collect();
    let open: Vec<Invocation> = world.all::<Invocation>(region).filter(|it| !it.status.is_final()).cloned().collect();
    for it in open {
        match (it.status, running.get(it.instance.as_str())) {
            (Status::Cancelling, _) => out.cancelling.push((region.to_owned(), it.id)),
            (Status::Pending, Some(host)) => {
                let Some(command) = world.get::<Command>(region, &it.command).cloned() else { continue };
                let order = Order {
                    machine: machines::of(world, region, host, now),
                    command: command.id.clone(),
                    script: command.script(),
                    directory: command.directory().map(str::to_owned),
                    timeout: command.timeout(),
                };
                world.update::<Invocation>(region, &it.id, |it| it.begin(now));
                out.begun.push(Begun { region: region.to_owned(), id: it.id, order });
            }
            _ => {}
        }
    }
}

/// A command has ended on a machine, or the machine has.
pub(crate) fn ended(
    world: &mut World,
    (region, id): (&str, &str),
    timeout: Duration,
    outcome: Outcome,
    now: Timestamp,
) {
    if world.get::<Invocation>(region, id).is_some_and(|it| !it.status.is_final()) {
        world.update::<Invocation>(region, id, |it| it.end(outcome, timeout, now));
    }
}

/// A command was ended on a machine because somebody wanted it.
pub(crate) fn cancelled(world: &mut World, (region, id): (&str, &str), now: Timestamp) {
    if world.get::<Invocation>(region, id).is_some_and(|it| !it.status.is_final()) {
        world.update::<Invocation>(region, id, |it| it.finish(Status::Cancelled, now));
    }
}

/// The process in which commands ran is gone, and what it ran as well.
pub(crate) fn interrupted(world: &mut World) {
    for region in machines::places(world) {
        let begun = |it: &&Invocation| it.began.is_some() && !it.status.is_final();
        let all: Vec<Invocation> = world.all::<Invocation>(&region).filter(begun).cloned().collect();
        for mut it in all {
            let at = it.began.unwrap_or(it.created);
            it.finish(Status::Failed, at);
            world.put(&region, it);
        }
    }
}
