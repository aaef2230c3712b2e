//! An account through time: how it begins, what time brings, where it goes on after a pause.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::client_token::ClientToken;
use crate::config::SandboxConfig;
use crate::disk::Left;
use crate::services::SERVICES;
use crate::session::Session;
use crate::store::{Due, ObjectKind, World};

pub(crate) fn new_world(config: &Arc<SandboxConfig>) -> World {
    let mut kinds: Vec<ObjectKind> = SERVICES.iter().flat_map(|service| (service.objects)()).collect();
    kinds.extend([ObjectKind::of::<ClientToken>(), ObjectKind::of::<Session>()]);
    World::new(Arc::clone(config), &kinds)
}

/// Lets everything happen that time has brought.
pub(crate) fn settle(world: &mut World, now: Timestamp) {
    while let Some(due) = world.next_due(now) {
        settle_one(world, &due);
        if world.next_due(now).as_ref() == Some(&due) {
            debug_assert!(false, "{} {} stays due", due.kind, due.id);
            world.drop_timer(&due);
        }
    }
}

fn settle_one(world: &mut World, due: &Due) {
    world.now = due.at;
    let owner = due.kind.split('/').next().unwrap_or_default();
    if let Some(service) = SERVICES.iter().find(|service| service.name == owner && service.under.is_empty()) {
        (service.settle)(world, due);
    }
}

/// The sandbox time at which a stored account goes on.
pub(crate) fn resume(config: &SandboxConfig, left: Option<Left>, wall: Timestamp) -> Timestamp {
    let start = config.start.unwrap_or(wall);
    let Some(left) = left else { return start };
    let real = wall.duration_since(left.wall).max(SignedDuration::ZERO);
    let fast = SignedDuration::try_from_secs_f64(real.as_secs_f64() * config.speed).unwrap_or(SignedDuration::MAX);
    let passed = real.max(fast.min(SignedDuration::from_hours(1)));
    // With a fixed start nothing may depend on how long the test machine took.
    let passed = if config.start.is_some() { SignedDuration::ZERO } else { passed };
    left.sandbox.checked_add(passed).unwrap_or(left.sandbox)
}
