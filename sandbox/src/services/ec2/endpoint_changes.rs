//! Changes of VPC endpoints: route tables, subnets, security groups, private DNS and the policy.

use std::collections::BTreeSet;

use super::endpoints::{Endpoint, OPEN_POLICY, check_private_dns, interface_in, missing};
use super::groups::check_groups;
use super::interfaces::{Interface, release};
use super::routes::{self, RouteTable};
use super::subnets::{self, Subnet};
use super::vpc::{self, Vpc};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::durations;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[write("ModifyVpcEndpoint", modify)];

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VpcEndpointId")?;
    let policy = call.params.text_opt("PolicyDocument")?;
    let reset = call.params.flag("ResetPolicy")?;
    let private_dns = call.params.flag_opt("PrivateDnsEnabled")?;
    let more_tables = call.params.texts("AddRouteTableId")?;
    let fewer_tables = call.params.texts("RemoveRouteTableId")?;
    let more_groups = call.params.texts("AddSecurityGroupId")?;
    let fewer_groups = call.params.texts("RemoveSecurityGroupId")?;
    let more_subnets = call.params.texts("AddSubnetId")?;
    let fewer_subnets = call.params.texts("RemoveSubnetId")?;
    let mut endpoint = call.find::<Endpoint>(&id).cloned().ok_or_else(|| missing(&id))?;
    let is_gateway = endpoint.endpoint_type == "Gateway";
    if endpoint.life.state(call.now) != "available" {
        return Err(ApiError::bad("InvalidParameter", format!("Endpoint {id} is not in the state available")));
    }
    let for_gateways = !more_tables.is_empty() || !fewer_tables.is_empty();
    let subnets_change = !more_subnets.is_empty() || !fewer_subnets.is_empty();
    let for_interfaces = subnets_change || !more_groups.is_empty() || !fewer_groups.is_empty() || private_dns.is_some();
    if (for_gateways && !is_gateway) || (for_interfaces && is_gateway) {
        let message = format!("This change is not supported for {} endpoints", endpoint.endpoint_type);
        return Err(ApiError::bad("InvalidParameter", message));
    }
    for table in &more_tables {
        let found = call.find::<RouteTable>(table).ok_or_else(|| routes::missing(table))?;
        if found.vpc != endpoint.vpc {
            return Err(ApiError::bad("InvalidParameter", format!("Route table {table} is in another VPC")));
        }
        let taken = |other: &Endpoint| other.service == endpoint.service && other.route_tables.contains(table);
        if call.all::<Endpoint>().any(|other| other.id != id && taken(other)) {
            let message = format!("route table {table} already has a route with the endpoint's prefix list");
            return Err(ApiError::bad("RouteAlreadyExists", message));
        }
    }
    check_groups(call.world, call.region, &more_groups, &endpoint.vpc)?;
    endpoint.route_tables.extend(more_tables);
    endpoint.route_tables.retain(|table| !fewer_tables.contains(table));
    endpoint.groups.retain(|group| !fewer_groups.contains(group) && !more_groups.contains(group));
    endpoint.groups.extend(more_groups);
    if !is_gateway && endpoint.groups.is_empty() {
        return Err(ApiError::bad("InvalidParameter", "An interface endpoint keeps at least one security group"));
    }
    if private_dns == Some(true) && !endpoint.private_dns {
        let vpc = call.find::<Vpc>(&endpoint.vpc).cloned().ok_or_else(|| vpc::missing(&endpoint.vpc))?;
        check_private_dns(call, &vpc, &endpoint.service)?;
    }
    endpoint.private_dns = private_dns.unwrap_or(endpoint.private_dns);
    if let Some(policy) = policy {
        if serde_json::from_str::<serde_json::Value>(&policy).is_err() {
            return Err(ApiError::bad("InvalidParameter", "Policy is not valid JSON"));
        }
        endpoint.policy = policy;
    } else if reset {
        endpoint.policy = OPEN_POLICY.to_owned();
    }
    if subnets_change {
        move_to(call, &mut endpoint, more_subnets, &fewer_subnets)?;
    }
    for interface in &endpoint.interfaces {
        call.update::<Interface>(interface, |eni| eni.groups.clone_from(&endpoint.groups));
    }
    call.put(endpoint);
    Ok(Reply::xml(Xml::new().text("return", true)))
}

/// Interfaces come and go with subnets; meanwhile the endpoint is pending, for which Terraform waits. How long that takes is
/// unverified.
fn move_to(call: &mut Call<'_>, endpoint: &mut Endpoint, more: Vec<String>, fewer: &[String]) -> Result<(), ApiError> {
    let mut zones = BTreeSet::new();
    let kept: Vec<String> = endpoint.subnets.iter().filter(|subnet| !fewer.contains(subnet)).cloned().collect();
    for id in kept.iter().chain(more.iter().filter(|subnet| !kept.contains(subnet))) {
        let subnet = call.find::<Subnet>(id).ok_or_else(|| subnets::missing(id))?;
        if subnet.vpc != endpoint.vpc {
            return Err(ApiError::bad("InvalidParameter", format!("Subnet {id} is in another VPC")));
        }
        if !zones.insert(subnet.zone.clone()) {
            let message = "Found another VPC endpoint subnet in the availability zone of the subnet";
            return Err(ApiError::bad("DuplicateSubnetsInSameZone", message));
        }
    }
    let leaving = |id: &&String| call.get::<Interface>(id).is_some_and(|eni| fewer.contains(&eni.subnet));
    let leaving: Vec<String> = endpoint.interfaces.iter().filter(leaving).cloned().collect();
    for interface in &leaving {
        release(call.world, call.region, interface);
    }
    endpoint.interfaces.retain(|interface| !leaving.contains(interface));
    endpoint.subnets = kept;
    for subnet in more {
        if !endpoint.subnets.contains(&subnet) {
            endpoint.interfaces.push(interface_in(call, &endpoint.id, &subnet, &endpoint.groups)?);
            endpoint.subnets.push(subnet);
        }
    }
    endpoint.life.enter(call.now, "pending");
    endpoint.life.plan(call.done_after(durations::ENDPOINT_CREATE), "available");
    Ok(())
}
