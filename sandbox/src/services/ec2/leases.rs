//! Network interfaces that a service holds for a while after what they were for is gone.

use super::interfaces::release;
use crate::services::prelude::*;
use crate::store::{Object, World};

/// Interfaces that nobody has given back yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lease {
    id: String,
    created: Timestamp,
    until: Timestamp,
    interfaces: Vec<String>,
}

impl Object for Lease {
    const KIND: &'static str = "ec2/lease";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        Some(self.until)
    }
    fn is_hidden(&self, _now: Timestamp) -> bool {
        true
    }
}

impl Lease {
    /// Of something that goes now.
    pub(crate) fn new(of: &str, interfaces: Vec<String>, now: Timestamp, until: Timestamp) -> Self {
        Self { id: format!("{of}/{}", now.as_millisecond()), created: now, until, interfaces }
    }
}

/// The interfaces go.
pub(super) fn settle(world: &mut World, region: &str, id: &str) {
    let Some(lease) = world.get::<Lease>(region, id).cloned() else { return };
    for interface in &lease.interfaces {
        release(world, region, interface);
    }
    world.remove::<Lease>(region, id);
}
