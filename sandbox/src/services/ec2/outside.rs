//! What load balancers ask of EC2: networks, and whether an instance runs.

use jiff::Timestamp;

use super::gateways::InternetGateway;
use super::instances::Instance;
use super::vpc::Vpc;
use crate::store::{Object, World};

/// Whether an instance runs, and in which VPC.
#[derive(Debug, Clone)]
pub(crate) enum Power {
    /// Since then.
    Running(Timestamp, String),
    Off,
}

impl Power {
    pub(crate) fn is_in(&self, vpc: &str) -> bool {
        matches!(self, Self::Running(_, its) if its == vpc)
    }
}

/// Whether an instance runs; nothing of one that is not shown.
pub(crate) fn power(world: &World, region: &str, id: &str, now: Timestamp) -> Option<Power> {
    let it = world.get::<Instance>(region, id).filter(|it| !it.is_hidden(now))?;
    let since = it.life.last("running", now).filter(|_| it.life.state(now) == "running");
    Some(since.map_or(Power::Off, |since| Power::Running(since, it.vpc.clone())))
}

pub(crate) fn has_vpc(world: &World, region: &str, id: &str) -> bool {
    world.get::<Vpc>(region, id).is_some()
}

/// Whether a VPC has an internet gateway.
pub(crate) fn leads_out(world: &World, region: &str, vpc: &str) -> bool {
    world.all::<InternetGateway>(region).any(|it| it.vpc.as_deref() == Some(vpc))
}
