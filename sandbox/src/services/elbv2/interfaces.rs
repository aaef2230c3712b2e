//! Network interfaces of load balancers: one in each subnet, which stay for a while when their load balancer is gone.

use super::balancers::Balancer;
use super::unfit;
use crate::life::durations;
use crate::services::ec2::interfaces::{Interface, ManagedInterface, create_managed, release};
use crate::services::prelude::*;
use crate::store::{Object, World};

/// Interfaces that nobody has given back yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lease {
    id: String,
    created: Timestamp,
    until: Timestamp,
    interfaces: Vec<String>,
}

impl Object for Lease {
    const KIND: &'static str = "elasticloadbalancing/lease";
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
    /// Of what goes now.
    pub(super) fn new(of: &str, interfaces: Vec<String>, now: Timestamp, until: Timestamp) -> Self {
        Self { id: format!("{of}/{}", now.as_millisecond()), created: now, until, interfaces }
    }
}

/// Gives the load balancer an interface in each of its subnets, with its groups, and takes away the others.
pub(super) fn follow(call: &mut Call<'_>, it: &mut Balancer) -> Result<(), ApiError> {
    let left: Vec<String> = it.interfaces.keys().filter(|subnet| !it.subnets.contains(subnet)).cloned().collect();
    let left: Vec<String> = left.iter().filter_map(|subnet| it.interfaces.remove(subnet)).collect();
    if !left.is_empty() {
        let until = call.done_after(durations::BALANCER_INTERFACES);
        call.put(Lease::new(&it.hex, left, call.now, until));
    }
    for id in it.interfaces.values() {
        call.update::<Interface>(id, |eni| eni.groups.clone_from(&it.security_groups));
    }
    for subnet in &it.subnets {
        if it.interfaces.contains_key(subnet) {
            continue;
        }
        let wanted = ManagedInterface {
            subnet,
            groups: it.security_groups.clone(),
            interface_type: if it.is_network() { "network_load_balancer" } else { "interface" },
            description: format!("ELB {}", it.tail()),
            requester: "amazon-elb",
        };
        let made = create_managed(call.world, call.region, call.now, wanted).map_err(|error| unfit(error.message))?;
        it.interfaces.insert(subnet.clone(), made);
    }
    Ok(())
}

/// The interfaces go.
pub(super) fn settle(world: &mut World, region: &str, id: &str) {
    let Some(lease) = world.get::<Lease>(region, id).cloned() else { return };
    for interface in &lease.interfaces {
        release(world, region, interface);
    }
    world.remove::<Lease>(region, id);
}
