//! What is remembered of machines where commands run: that they had their first start, and their credentials.

use super::model::Invocation;
use crate::commands;
use crate::functions::Credentials;
use crate::regions;
use crate::services::ec2::hosts::Host;
use crate::services::prelude::*;
use crate::session;
use crate::store::World;

/// A machine that has started once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) created: Timestamp,
    credentials: Option<Kept>,
}

object!(Machine, "token/machine", id);

/// Credentials that a machine has until it stops.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// The ARN of the role that they stand for.
    role: String,
    access_key: String,
    secret: String,
    token: String,
}

/// Notes that a machine runs; true if that was not known: it starts for the first time.
pub(super) fn greet(world: &mut World, region: &str, id: &str, now: Timestamp) -> bool {
    let is_new = world.get::<Machine>(region, id).is_none();
    if is_new {
        world.put(region, Machine { id: id.to_owned(), created: now, credentials: None });
    }
    is_new
}

/// A machine that runs, as what runs on it finds it: with the credentials of its role, which are there until it stops.
pub(super) fn of(world: &mut World, region: &str, host: &Host, now: Timestamp) -> commands::Machine {
    let machine = |credentials| commands::Machine { instance: host.id.clone(), region: region.to_owned(), credentials };
    let Some(role) = host.role.clone() else { return machine(None) };
    let kept = world.get::<Machine>(region, &host.id).and_then(|it| it.credentials.clone());
    let is_good = |it: &Kept| it.role == role && session::is_live(world, &it.access_key);
    let kept = kept.filter(is_good).unwrap_or_else(|| {
        let (partition, account) = (regions::partition(region), &world.config.account);
        let arn = format!("arn:{partition}:ec2:{region}:{account}:instance/{}", host.id);
        let new = session::begin(world, now, &role, &host.id, &arn);
        Kept { role, access_key: new.access_key, secret: new.secret, token: new.token }
    });
    world.update::<Machine>(region, &host.id, |it| it.credentials = Some(kept.clone()));
    machine(Some(Credentials { access_key: kept.access_key, secret: kept.secret, token: kept.token }))
}

/// Takes leave of machines that do not run any more: of some for ever.
pub(super) fn take_leave(world: &mut World, region: &str, hosts: &[Host]) {
    let host = |id: &str| hosts.iter().find(|host| host.id == id);
    let off = |it: &&Machine| host(&it.id).is_none_or(|host| host.running.is_none());
    let all: Vec<Machine> = world.all::<Machine>(region).filter(off).cloned().collect();
    for it in all {
        if let Some(kept) = &it.credentials {
            session::end(world, &kept.access_key);
        }
        if host(&it.id).is_none() {
            world.remove::<Machine>(region, &it.id);
        } else if it.credentials.is_some() {
            world.update::<Machine>(region, &it.id, |it| it.credentials = None);
        }
    }
}

/// Every region in which there ever was a machine or a command.
pub(super) fn places(world: &World) -> Vec<String> {
    let mut all = crate::services::ec2::hosts::regions(world);
    all.extend(world.places::<Invocation>());
    all.sort();
    all.dedup();
    all
}
