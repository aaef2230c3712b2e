//! Where load balancers stand: subnets, one in each zone, and security groups.

use std::collections::BTreeSet;

use super::balancers::Balancer;
use super::{balancer, interfaces, invalid, unfit};
use crate::services::ec2::groups::{check_groups, default_group};
use crate::services::ec2::leads_out;
use crate::services::ec2::subnets::Subnet;
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("SetSubnets", set_subnets), write("SetSecurityGroups", set_security_groups)];

pub(super) fn zone(call: &Call<'_>, subnet: &str) -> String {
    call.get::<Subnet>(subnet).map(|it| it.zone.clone()).unwrap_or_default()
}

/// The subnets of a request, in order; addresses of one's own are not simulated.
pub(super) fn take_subnets(call: &mut Call<'_>) -> Result<Vec<String>, ApiError> {
    let mut subnets = call.params.texts("Subnets")?;
    for mut mapping in call.params.structs("SubnetMappings")? {
        subnets.push(mapping.text("SubnetId")?);
    }
    subnets.sort();
    Ok(subnets)
}

/// Refuses subnets that do not fit together; gives their VPC.
pub(super) fn check_subnets(call: &Call<'_>, ids: &[String], network: bool, scheme: &str) -> Result<String, ApiError> {
    let mut found = Vec::new();
    for id in ids {
        let missing = || ApiError::bad("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        found.push(call.find::<Subnet>(id).ok_or_else(missing)?);
    }
    let Some(first) = found.first() else {
        return Err(invalid("At least one subnet must be specified"));
    };
    if found.iter().any(|it| it.vpc != first.vpc) {
        return Err(unfit("All subnets must belong to the same VPC"));
    }
    let zones: BTreeSet<&str> = found.iter().map(|it| it.zone.as_str()).collect();
    if zones.len() < found.len() {
        let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
        return Err(unfit(message));
    }
    if !network && zones.len() < 2 {
        return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
    }
    if scheme == "internet-facing" && !leads_out(call.world, call.region, &first.vpc) {
        return Err(ApiError::bad("InvalidSubnet", format!("VPC {} has no internet gateway", first.vpc)));
    }
    Ok(first.vpc.clone())
}

/// The security groups of a load balancer; an application load balancer without any gets the default one of its VPC.
pub(super) fn groups_or_default(
    call: &Call<'_>,
    mut ids: Vec<String>,
    vpc: &str,
    network: bool,
) -> Result<Vec<String>, ApiError> {
    let refused = |_| ApiError::bad("InvalidSecurityGroup", "One or more security groups are invalid");
    check_groups(call.world, call.region, &ids, vpc).map_err(refused)?;
    if ids.is_empty() && !network {
        ids.extend(default_group(call.world, call.region, vpc));
    }
    ids.sort();
    Ok(ids)
}

fn set_subnets(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    let (subnets, mut it) = (take_subnets(call)?, balancer(call, &arn)?);
    let vpc = check_subnets(call, &subnets, it.is_network(), &it.scheme)?;
    if vpc != it.vpc {
        return Err(unfit("The subnets must belong to the VPC of the load balancer"));
    }
    it.subnets = subnets;
    interfaces::follow(call, &mut it)?;
    let zones: Vec<Value> = it.subnets.iter().map(|id| json!({"SubnetId": id, "ZoneName": zone(call, id)})).collect();
    call.put(it);
    Ok(Reply::json(json!({"AvailabilityZones": zones, "IpAddressType": "ipv4"})))
}

fn set_security_groups(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    let (ids, mut it): (_, Balancer) = (call.params.texts("SecurityGroups")?, balancer(call, &arn)?);
    if it.is_network() && it.security_groups.is_empty() {
        return Err(unfit("The load balancer was created without security groups and cannot have any"));
    }
    if ids.is_empty() {
        return Err(invalid("At least one security group must be specified"));
    }
    it.security_groups = groups_or_default(call, ids, &it.vpc, it.is_network())?;
    interfaces::follow(call, &mut it)?;
    let told = it.security_groups.clone();
    call.put(it);
    Ok(Reply::json(json!({"SecurityGroupIds": told})))
}
