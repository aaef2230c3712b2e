//! Subnets and the addresses in them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::catalogue::{zone_id, zones};
use super::filters::{Query, listing};
use super::interfaces::Interface;
use super::tags::{TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use super::{dependency, done, invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::{Object, World};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateSubnet", create_subnet),
    read("DescribeSubnets", describe_subnets),
    write("DeleteSubnet", delete_subnet),
    write("ModifySubnetAttribute", modify_subnet_attribute),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) vpc: String,
    pub(crate) cidr: Ipv4Net,
    pub(crate) zone: String,
    pub(crate) map_public: bool,
}

impl Object for Subnet {
    const KIND: &'static str = "ec2/subnet";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(crate) fn missing(id: &str) -> ApiError {
    not_found("InvalidSubnetID.NotFound", "subnet", id)
}

/// The addresses of a subnet in use.
fn used(world: &World, region: &str, subnet: &str) -> BTreeSet<Ipv4Addr> {
    world.all::<Interface>(region).filter(|eni| eni.subnet == subnet).filter_map(|eni| eni.address).collect()
}

/// AWS keeps the first four addresses and the last one.
fn usable(cidr: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    let first = u32::from(cidr.network()).saturating_add(4);
    let last = u32::from(cidr.broadcast());
    (first..last).map(Ipv4Addr::from)
}

fn free_count(world: &World, region: &str, subnet: &Subnet) -> usize {
    let total = (1_usize << (32 - subnet.cidr.prefix_len())) - 5;
    total.saturating_sub(used(world, region, &subnet.id).len())
}

/// Whether an address of a subnet is free; nothing for one that is not for the account to use.
pub(super) fn is_free(world: &World, region: &str, subnet: &Subnet, address: Ipv4Addr) -> Option<bool> {
    let is_usable = usable(subnet.cidr).any(|other| other == address);
    is_usable.then(|| !used(world, region, &subnet.id).contains(&address))
}

/// Free addresses of a subnet, in order; an error if there are not `count` of them.
pub(super) fn free_addresses(
    world: &World,
    region: &str,
    subnet: &Subnet,
    count: usize,
) -> Result<Vec<Ipv4Addr>, ApiError> {
    let used = used(world, region, &subnet.id);
    let free: Vec<_> = usable(subnet.cidr).filter(|address| !used.contains(address)).take(count).collect();
    if free.len() < count {
        return Err(ApiError::bad(
            "InsufficientFreeAddressesInSubnet",
            format!("The specified subnet does not have enough free addresses to satisfy the request: {}", subnet.id),
        ));
    }
    Ok(free)
}

fn create_subnet(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let vpc_id = call.params.text("VpcId")?;
    let cidr = vpc::cidr(&call.params.text("CidrBlock")?, "InvalidSubnet.Range")?;
    let zone_name = call.params.text_opt("AvailabilityZone")?;
    let by_id = call.params.text_opt("AvailabilityZoneId")?;
    let tags = TagSpecs::take(call, &["subnet"])?;
    let zones = zones(call.region);
    let zone = match (zone_name, by_id) {
        (Some(_), Some(_)) => {
            let message = "AvailabilityZone and AvailabilityZoneId cannot both be given";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        (Some(name), None) => zones.iter().find(|(zone, _)| *zone == name).ok_or(name),
        (None, Some(id)) => zones.iter().find(|(_, zone)| *zone == id).ok_or(id),
        (None, None) => zones.first().ok_or_else(|| call.region.to_owned()),
    };
    let zone = match zone {
        Ok((name, _)) => name.clone(),
        Err(wrong) => {
            return Err(invalid(format!(
                "Value ({wrong}) for parameter availabilityZone is invalid. Subnets can currently only be created in \
                 the following availability zones: {}.",
                zones.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
            )));
        }
    };
    let vpc = call.find::<Vpc>(&vpc_id).ok_or_else(|| vpc::missing(&vpc_id))?;
    if !vpc.cidr.contains(&cidr) {
        return Err(ApiError::bad("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let clash = call
        .all::<Subnet>()
        .find(|other| other.vpc == vpc_id && (other.cidr.contains(&cidr) || cidr.contains(&other.cidr)));
    if clash.is_some() {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(ApiError::bad("InvalidSubnet.Conflict", message));
    }
    let id = call.world.new_id("subnet-");
    let subnet = Subnet { id: id.clone(), created: call.now, vpc: vpc_id, cidr, zone, map_public: false };
    tags.apply(call, "subnet", &id);
    let xml = subnet_xml(call, &subnet);
    call.put(subnet);
    Ok(Reply::xml(Xml::new().child("subnet", xml)))
}

fn subnet_xml(call: &Call<'_>, subnet: &Subnet) -> Xml {
    Xml::new()
        .text("subnetId", &subnet.id)
        .text("subnetArn", call.arn(format!("subnet/{}", subnet.id)))
        .text("state", "available")
        .text("ownerId", call.account())
        .text("vpcId", &subnet.vpc)
        .text("cidrBlock", subnet.cidr)
        .list("ipv6CidrBlockAssociationSet", "item", [])
        .text("availableIpAddressCount", free_count(call.world, call.region, subnet))
        .text("availabilityZone", &subnet.zone)
        .text_opt("availabilityZoneId", zone_id(&subnet.zone))
        .text("defaultForAz", false)
        .text("mapPublicIpOnLaunch", subnet.map_public)
        .text("assignIpv6AddressOnCreation", false)
        .text("ipv6Native", false)
        .text("enableDns64", false)
        .text("mapCustomerOwnedIpOnLaunch", false)
        .child(
            "privateDnsNameOptionsOnLaunch",
            Xml::new()
                .text("hostnameType", "ip-name")
                .text("enableResourceNameDnsARecord", false)
                .text("enableResourceNameDnsAAAARecord", false),
        )
        .extend(tag_set(call, &subnet.id))
}

fn describe_subnets(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = [
        "subnet-id",
        "vpc-id",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "availability-zone",
        "availabilityZone",
        "availability-zone-id",
        "state",
        "map-public-ip-on-launch",
        "default-for-az",
    ];
    let query = Query::take(call, "SubnetId", &known)?;
    let (found, next) = query.run::<Subnet>(call, missing, |subnet, name| {
        vec![match name {
            "subnet-id" => subnet.id.clone(),
            "vpc-id" => subnet.vpc.clone(),
            "availability-zone" | "availabilityZone" => subnet.zone.clone(),
            "availability-zone-id" => zone_id(&subnet.zone).unwrap_or_default(),
            "state" => "available".to_owned(),
            "map-public-ip-on-launch" => subnet.map_public.to_string(),
            "default-for-az" => "false".to_owned(),
            _ => subnet.cidr.to_string(),
        }]
    })?;
    Ok(listing("subnetSet", found.into_iter().map(|subnet| subnet_xml(call, subnet)), next))
}

fn delete_subnet(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("SubnetId")?;
    call.find::<Subnet>(&id).ok_or_else(|| missing(&id))?;
    if call.all::<Interface>().any(|eni| eni.subnet == id) {
        return Err(dependency(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
    }
    super::routes::forget_subnet(call, &id);
    erase::<Subnet>(call.world, call.region, &id);
    done()
}

fn modify_subnet_attribute(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("SubnetId")?;
    let mut value = call.params.child("MapPublicIpOnLaunch")?;
    let map_public = value.flag("Value")?;
    call.find::<Subnet>(&id).ok_or_else(|| missing(&id))?;
    call.update::<Subnet>(&id, |subnet| subnet.map_public = map_public);
    done()
}
