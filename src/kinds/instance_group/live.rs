//! Reading fleets back: which instances belong together, where each is in its life, and which spec it has.
use super::{
    InstanceGroup, booted,
    disks::{Volumes, attached},
    group_id,
    placement::{self, Group},
    profile::{self, Roles},
    read::{is_whole, nothing, own_fields, read},
};

use crate::{
    address::Address,
    aws::{
        Error, ErrorClass,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::{Ctx, Scope, SweepCtx},
    field::Ref,
    kinds::{ec2, fleet},
    packed::Packed,
    resource::{Id, Live, Member, State},
    units::Span,
};
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whose a fleet is: stack, stack-id and address.
type Key = (String, String, Option<Address>);

fn key(ctx: &SweepCtx, id: &str, tags: &Tags) -> Key {
    let owner = ctx.owner(id, tags).or_else(|| Ownership::read(tags)).unwrap_or_default();
    (owner.stack, owner.stack_id, owner.address)
}

/// The instances of one address.
#[derive(Default)]
pub(super) struct Fleet {
    /// Whose they are; nothing in it for instances that dlinfra does not own.
    key: Key,
    /// Pending, running, stopping and stopped ones, oldest first.
    pub(super) members: Vec<Instance>,
    /// Those that shut down.
    pub(super) leaving: Vec<Instance>,
    /// Those that are terminated; EC2 shows them for about an hour.
    gone: Vec<Instance>,
}

impl Fleet {
    fn add(&mut self, instance: Instance) {
        match state_name(&instance) {
            Some(InstanceStateName::Terminated) => self.gone.push(instance),
            Some(InstanceStateName::ShuttingDown) => self.leaving.push(instance),
            _ => self.members.push(instance),
        }
    }

    fn sort(&mut self) {
        for list in [&mut self.members, &mut self.leaving] {
            // One launch gives all its instances one time; the index tells them apart.
            list.sort_by_key(|i| (launched(i), i.ami_launch_index(), i.instance_id().map(str::to_owned)));
        }
    }

    /// What the next step of the fleet depends on.
    pub(super) fn standing(&self) -> fleet::Members {
        let (dead, alive): (Vec<_>, Vec<_>) = self.members.iter().partition(|m| is_dead(m));
        let ids = |all: &[&Instance]| all.iter().filter_map(|m| m.instance_id().map(str::to_owned)).collect();
        fleet::Members {
            starting: alive.iter().any(|m| is_pending(m)),
            ending: !self.leaving.is_empty(),
            alive: ids(&alive),
            dead: ids(&dead),
        }
    }

    /// Those that run and of whose first start nothing is known.
    pub(super) fn unheard(&self) -> Vec<Id> {
        let alive = self.members.iter().filter(|m| !is_dead(m) && !booted::is_done(&ec2::tags(m.tags())));
        alive.filter_map(|m| m.instance_id().map(str::to_owned)).collect()
    }

    /// Does EC2 show this instance, in whatever state?
    pub(super) fn shows(&self, id: &str) -> bool {
        [&self.members, &self.leaving, &self.gone].into_iter().flatten().any(|i| i.instance_id() == Some(id))
    }

    /// An instance that EC2 starts and at once terminates (a key that cannot be used, a volume quota) would be launched
    /// for ever: says what killed the last one instead.
    pub(super) fn explain_casualties(&self, ctx: &Ctx) -> Result<(), Error> {
        let now = ctx.clock.now();
        let fresh =
            |i: &&Instance| launched(i).is_some_and(|at| now.duration_since(at) < SignedDuration::from_mins(10));
        for instance in self.gone.iter().filter(fresh) {
            let reason = instance.state_reason();
            let code = reason.and_then(|r| r.code()).unwrap_or("");
            let deadly = code == "Server.InternalError"
                || code.starts_with("Client.")
                    && !matches!(
                        code,
                        "Client.UserInitiatedShutdown"
                            | "Client.InstanceInitiatedShutdown"
                            | "Client.UserInitiatedHibernate"
                    );
            if deadly {
                let id = instance.instance_id().unwrap_or("an instance");
                let why = reason.and_then(|r| r.message()).unwrap_or(code);
                return Err(Error::new(
                    ErrorClass::Other,
                    format!("EC2 terminated {id} right after its launch: {why}"),
                )
                .help("remove the cause, then apply again; within ten minutes of the launch nothing new is started"));
            }
        }
        Ok(())
    }
}

fn state_name(instance: &Instance) -> Option<&InstanceStateName> {
    instance.state().and_then(|s| s.name())
}

fn is_dead(instance: &Instance) -> bool {
    matches!(state_name(instance), Some(InstanceStateName::Stopped | InstanceStateName::Stopping))
        || booted::has_failed(&ec2::tags(instance.tags()))
}

fn is_pending(instance: &Instance) -> bool {
    matches!(state_name(instance), Some(InstanceStateName::Pending) | None)
}

fn launched(instance: &Instance) -> Option<Timestamp> {
    instance.launch_time().and_then(|t| Timestamp::new(t.secs(), 0).ok())
}

pub(super) fn placement_name(instance: &Instance) -> Option<&str> {
    instance.placement().and_then(|p| p.group_name()).filter(|name| !name.is_empty())
}

/// Every instance that matches, by stack and address; what dlinfra does not own is one fleet.
pub(super) async fn fleets(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Fleet>, Error> {
    let mut found: BTreeMap<Key, Fleet> = BTreeMap::new();
    let call = ctx.aws.ec2().describe_instances().set_filters(Some(filters)).max_results(1000);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        for instance in page?.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default())
        {
            let key = key(ctx, instance.instance_id().unwrap_or_default(), &ec2::tags(instance.tags()));
            found.entry(key.clone()).or_insert_with(|| Fleet { key, ..Fleet::default() }).add(instance);
        }
    }
    let mut all: Vec<Fleet> = found.into_values().collect();
    all.iter_mut().for_each(Fleet::sort);
    all.retain(|f| !f.members.is_empty() || !f.leaving.is_empty() || !f.gone.is_empty());
    Ok(all)
}

/// The instances of one address, read now: no instance is started or terminated on an older view.
pub(super) async fn fleet(ctx: &Ctx) -> Result<Fleet, Error> {
    Ok(fleets(&ctx.sweep(), ec2::of_address(ctx)).await?.into_iter().next().unwrap_or_default())
}

/// Instances with these ids, whoever owns them.
pub(super) async fn with_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<InstanceGroup>>, Error> {
    let mut all: BTreeMap<Key, Fleet> = BTreeMap::new();
    for some in ids.chunks(200) {
        for found in fleets(ctx, vec![ec2::filter_any("instance-id", some.iter().map(String::as_str))]).await? {
            let Fleet { key, members, leaving, gone } = found;
            let fleet = all.entry(key.clone()).or_insert_with(|| Fleet { key, ..Fleet::default() });
            fleet.members.extend(members);
            fleet.leaving.extend(leaving);
            fleet.gone.extend(gone);
            fleet.sort();
        }
    }
    whole(ctx, &all.into_values().collect::<Vec<_>>()).await
}

/// What a lookup finds, with the placement groups and volumes of its instances.
pub(super) async fn looked_up(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<InstanceGroup>>, Error> {
    whole(ctx, &fleets(ctx, filters).await?).await
}

async fn whole(ctx: &SweepCtx, fleets: &[Fleet]) -> Result<Vec<Live<InstanceGroup>>, Error> {
    if fleets.is_empty() {
        return Ok(Vec::new());
    }
    let members = fleets.iter().flat_map(|f| &f.members);
    let ids: Vec<Id> = members.filter_map(|m| m.instance_id().map(str::to_owned)).collect();
    assemble(ctx, fleets, Vec::new(), &attached(ctx, &ids).await?).await
}

/// Fleets and placement groups as resources. A placement group without instances is a resource that is partly there.
pub(super) async fn assemble(
    ctx: &SweepCtx,
    fleets: &[Fleet],
    mut groups: Vec<Group>,
    volumes: &Volumes,
) -> Result<Vec<Live<InstanceGroup>>, Error> {
    groups.extend(placement::named_by(ctx, fleets, &groups).await?);
    let mut out = Vec::new();
    let mut with_members = Vec::new();
    let shown = fleets.iter().flat_map(|f| f.members.iter().chain(&f.leaving));
    let roles = profile::roles(ctx, profile::foreign(shown)).await?;
    let mut left: Vec<(Key, Live<InstanceGroup>)> = Vec::new();
    for fleet in fleets {
        if fleet.members.is_empty() && fleet.leaving.is_empty() {
            continue;
        }
        with_members.push(fleet.key.clone());
        out.push(one(ctx, fleet, &groups, volumes, &roles)?);
    }
    for group in groups.iter().filter(|group| group.is_part()) {
        let key = key(ctx, &group.id, &group.tags);
        if !ctx.takes(&group.tags) || with_members.contains(&key) {
            continue;
        }
        // More than one is one too many, and goes with the first.
        if let Some(live) = left.iter_mut().find(|(other, _)| *other == key && key.2.is_some()).map(|(_, live)| live) {
            live.parts.insert(format!("{} {}", placement::PART, group.id), group.id.clone());
            continue;
        }
        // One whose address nobody knows has only its own id.
        let (address, id) = match &key.2 {
            Some(address) => (address.clone(), live_id(ctx, address, &key)),
            None => (Address::unowned(), group.id.clone()),
        };
        let mut live = Live::new(address, id, group.tags.clone(), nothing());
        live.state = State::Partial;
        live.parts.insert(placement::PART.to_owned(), group.id.clone());
        live.outputs = outputs(&live.id, &[], None);
        live.outputs.insert("placement_group", json!(group.name));
        left.push((key, live));
    }
    out.extend(left.into_iter().map(|(_, live)| live));
    Ok(out)
}

/// In a sweep over all stacks each object has its own stack.
fn live_id(ctx: &SweepCtx, address: &Address, key: &Key) -> Id {
    group_id(&Scope { stack: key.0.clone(), ..(*ctx.scope).clone() }, address)
}

fn one(
    ctx: &SweepCtx,
    fleet: &Fleet,
    groups: &[Group],
    volumes: &Volumes,
    roles: &Roles,
) -> Result<Live<InstanceGroup>, Error> {
    // While all shut down, they are what is left to see.
    let shown = if fleet.members.is_empty() { &fleet.leaving } else { &fleet.members };
    // The oldest that runs speaks for all.
    let head = shown.iter().position(|i| !is_dead(i)).unwrap_or(0);
    let (mut members, mut spec) = (Vec::new(), nothing());
    for (place, instance) in shown.iter().enumerate() {
        let own = read(instance, volumes, roles);
        let id = instance.instance_id().map(str::to_owned).ok_or_else(|| Error::missing("the instance's id"))?;
        if !is_whole(instance, volumes) {
            ctx.unread.say(format!("the root volume of {id} cannot be read, so it is not compared"));
        }
        members.push(Member {
            id,
            state: member_state(instance),
            spec: own_fields(&own)?,
            created: launched(instance),
            tags: ec2::tags(instance.tags()),
        });
        if place == head {
            spec = own;
        }
    }
    let alive = members.iter().filter(|m| matches!(m.state, State::Ready | State::Pending)).count();
    spec.count = u32::try_from(alive).unwrap_or(u32::MAX);
    let heard = members.iter().filter(|m| m.state == State::Ready).all(|m| booted::is_done(&m.tags));
    // How long it might have taken is no property of a machine.
    spec.boot_within = (alive > 0 && heard).then(Span::default);
    let stands_in = shown.iter().find_map(placement_name).and_then(|n| groups.iter().find(|g| g.name == n));
    // One that belongs to somebody else, or that others share, is not a part of it.
    let group = stands_in.filter(|g| fleet.key.2.is_none() || is_of(ctx, g, fleet));
    let subnet = spec.subnet.id.as_deref();
    let is_lost = |g: &Group| fleet.key.2.as_ref().is_some_and(|address| g.is_lost(ctx, address, subnet));
    if let Some(shared) = stands_in.filter(|g| group.is_none() && !is_lost(g)) {
        (spec.placement, spec.placement_group) = (None, Some(Ref::to_id(&shared.id)));
    }
    let group = group.or_else(|| groups.iter().find(|g| is_of(ctx, g, fleet)));
    let tags = common_tags(&members, head, group);
    // An address of another stack is none here.
    let address = fleet.key.2.clone().filter(|_| ctx.all_stacks || fleet.key.0 == ctx.scope.stack);
    let id = match (&fleet.key.2, members.first()) {
        (None, Some(oldest)) => oldest.id.clone(),
        (place, _) => live_id(ctx, place.as_ref().unwrap_or(&Address::unowned()), &fleet.key),
    };
    let address = address.unwrap_or_else(Address::unowned);
    let mut live = Live::new(address, id, tags, spec);
    live.created = members.iter().filter_map(|m| m.created).min();
    live.state = group_state(fleet, &members);
    live.outputs = outputs(&live.id, shown, Some(live.spec.count));
    live.ids = parts(shown);
    live.parts = group.map(|g| (placement::PART.to_owned(), g.id.clone())).into_iter().collect();
    live.members = members;
    Ok(live)
}

fn is_of(ctx: &SweepCtx, group: &Group, fleet: &Fleet) -> bool {
    group.is_part() && fleet.key.2.is_some() && key(ctx, &group.id, &group.tags) == fleet.key
}

pub(super) fn member_state(instance: &Instance) -> State {
    match state_name(instance) {
        Some(InstanceStateName::Running) if is_dead(instance) => State::Failed("its first start has failed".to_owned()),
        Some(InstanceStateName::Running) => State::Ready,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => State::Deleting,
        Some(name @ (InstanceStateName::Stopped | InstanceStateName::Stopping)) => {
            let why = instance.state_reason().and_then(|r| r.message()).unwrap_or("no reason given");
            State::Failed(format!("{}: {why}", name.as_str()))
        }
        _ => State::Pending,
    }
}

fn group_state(fleet: &Fleet, members: &[Member]) -> State {
    if fleet.members.is_empty() {
        return State::Deleting;
    }
    // Those that leave still cost money and hold capacity, so the group is not settled.
    if !fleet.leaving.is_empty() || members.iter().any(|m| m.state == State::Pending) {
        return State::Pending;
    }
    let dead = members.iter().filter_map(|m| match &m.state {
        State::Failed(why) => Some(format!("{} is {why}", m.id)),
        _ => None,
    });
    let dead: Vec<String> = dead.collect();
    match dead.first() {
        Some(first) => State::Degraded(format!("{} of {} do not run: {first}", dead.len(), members.len())),
        None => State::Ready,
    }
}

/// Tags that all have: one member without a tag makes the engine set it on all.
fn common_tags(members: &[Member], head: usize, group: Option<&Group>) -> Tags {
    let Some(head) = members.get(head) else { return Tags::new() };
    let mut common = head.tags.clone();
    let others = members.iter().map(|m| &m.tags).chain(group.map(|g| &g.tags));
    for tags in others {
        common.retain(|k, v| tags::NEVER_DIFFED.contains(&k) || tags.get(k) == Some(v));
    }
    common
}

/// Volumes and interfaces, which carry the group's tags too.
fn parts(instances: &[Instance]) -> Vec<Id> {
    let of = |i: &Instance| -> Vec<Id> {
        let volumes = i.block_device_mappings().iter().filter_map(|m| m.ebs()?.volume_id().map(str::to_owned));
        let interfaces = i.network_interfaces().iter().filter_map(|n| n.network_interface_id().map(str::to_owned));
        volumes.chain(interfaces).collect()
    };
    instances.iter().flat_map(of).collect()
}

fn outputs(id: &str, members: &[Instance], count: Option<u32>) -> Packed<Value> {
    let texts = |of: &dyn Fn(&Instance) -> Option<&str>| -> Value {
        match count {
            Some(_) => members.iter().map(|m| json!(of(m))).collect::<Vec<_>>().into(),
            None => Value::Null,
        }
    };
    let head = members.iter().find(|m| !is_dead(m));
    Packed::from([
        ("id", json!(id)),
        ("instance_ids", texts(&|m| m.instance_id())),
        ("private_ips", texts(&|m| m.private_ip_address())),
        ("private_dns", texts(&|m| m.private_dns_name().filter(|n| !n.is_empty()))),
        ("head_address", json!(head.and_then(|m| m.private_ip_address()))),
        ("count", json!(count)),
        ("image_id", json!(head.and_then(|m| m.image_id()))),
        ("zone", json!(head.and_then(|m| m.placement()).and_then(|p| p.availability_zone()))),
        ("placement_group", json!(members.iter().find_map(placement_name))),
    ])
}
