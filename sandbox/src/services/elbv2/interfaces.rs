//! Network interfaces of load balancers: one in each subnet, which stay for a while when their load balancer is gone.

use super::balancers::Balancer;
use super::unfit;
use crate::life::durations;
use crate::services::ec2::interfaces::{Interface, ManagedInterface, create_managed};
use crate::services::ec2::leases::Lease;
use crate::services::prelude::*;

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
