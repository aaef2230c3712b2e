//! Elastic IP addresses.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::done;
use super::filters::{Filters, tags_of};
use super::interfaces::Interface;
use super::tags::{TagSpecs, erase, tag_set_if_any};
use crate::call::Call;
use crate::error::ApiError;
use crate::history::Meter;
use crate::service::{Operation, read, write};
use crate::store::{Object, World};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[write("AllocateAddress", allocate), read("DescribeAddresses", describe), write("ReleaseAddress", release)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) ip: Ipv4Addr,
    /// Association id and network interface.
    pub(super) association: Option<(String, String)>,
}

impl Object for Address {
    const KIND: &'static str = "ec2/elastic-ip";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn meters(&self) -> Vec<Meter> {
        let usage = if self.association.is_some() { "PublicIPv4:InUseAddress" } else { "PublicIPv4:IdleAddress" };
        vec![Meter::new("Amazon Virtual Private Cloud", usage, self.created, None)]
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::bad("InvalidAllocationID.NotFound", format!("The allocation ID '{id}' does not exist"))
}

fn unknown_ip(ip: &str) -> ApiError {
    ApiError::bad("InvalidAddress.NotFound", format!("Address '{ip}' not found."))
}

/// A public address that nobody has: from a network reserved for documentation and benchmarks.
pub(super) fn new_public_ip(world: &mut World) -> Ipv4Addr {
    let hex = world.new_hex(8);
    let low = u32::from_str_radix(&hex, 16).unwrap_or_default() & 0x0001_ffff;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) | low)
}

fn allocate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let domain = call.params.text_opt("Domain")?.filter(|domain| !domain.is_empty());
    if domain.as_deref().is_some_and(|domain| domain != "vpc") {
        return Err(call.params.invalid("domain", domain.unwrap_or_default(), "Expecting vpc."));
    }
    let tags = TagSpecs::take(call, &["elastic-ip"])?;
    // Nobody has brought addresses here. The code is formed like EC2's others, and unverified.
    if let Some(pool) = call.params.text_opt("PublicIpv4Pool")?.filter(|pool| pool != "amazon") {
        let message = format!("The public IPv4 pool '{pool}' does not exist");
        return Err(ApiError::bad("InvalidPublicIpv4PoolID.NotFound", message));
    }
    let limit = call.world.config.behaviour.quotas.get("L-0263D0A3").copied().unwrap_or(u64::MAX);
    if call.all::<Address>().count() as u64 >= limit {
        let message = "The maximum number of addresses has been reached.";
        return Err(ApiError::bad("AddressLimitExceeded", message));
    }
    let address = Address {
        id: call.world.new_id("eipalloc-"),
        created: call.now,
        ip: new_public_ip(call.world),
        association: None,
    };
    tags.apply(call, "elastic-ip", &address.id);
    let xml = Xml::new()
        .text("publicIp", address.ip)
        .text("domain", "vpc")
        .text("allocationId", &address.id)
        .text("publicIpv4Pool", "amazon")
        .text("networkBorderGroup", call.region);
    call.put(address);
    Ok(Reply::xml(xml))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("AllocationId")?;
    let ips = call.params.texts("PublicIp")?;
    let known = [
        "allocation-id",
        "association-id",
        "domain",
        "instance-id",
        "network-interface-id",
        "public-ip",
        "private-ip-address",
    ];
    let filters = Filters::take(call, &known)?;
    if let Some(id) = ids.iter().find(|id| call.see::<Address>(id).is_none()) {
        return Err(missing(id));
    }
    let known = |ip: &str| call.seen::<Address>().any(|address| address.ip.to_string() == ip);
    if let Some(ip) = ips.iter().find(|ip| !known(ip)) {
        return Err(unknown_ip(ip));
    }
    let mut items = Vec::new();
    for address in call.seen::<Address>() {
        let ip = address.ip.to_string();
        if !(ids.is_empty() || ids.contains(&address.id)) || !(ips.is_empty() || ips.contains(&ip)) {
            continue;
        }
        let eni = address.association.as_ref().and_then(|(_, eni)| call.get::<Interface>(eni));
        let instance = eni.and_then(Interface::instance);
        let private = eni.and_then(|eni| eni.address);
        let passes = filters.pass(tags_of(call, &address.id), |name| match name {
            "allocation-id" => vec![address.id.clone()],
            "association-id" => address.association.iter().map(|(id, _)| id.clone()).collect(),
            "domain" => vec!["vpc".to_owned()],
            "instance-id" => instance.iter().map(|id| (*id).to_owned()).collect(),
            "network-interface-id" => address.association.iter().map(|(_, eni)| eni.clone()).collect(),
            "public-ip" => vec![ip.clone()],
            _ => private.iter().map(ToString::to_string).collect(),
        });
        if !passes {
            continue;
        }
        items.push(
            Xml::new()
                .text("publicIp", &ip)
                .text("allocationId", &address.id)
                .text("domain", "vpc")
                .text("publicIpv4Pool", "amazon")
                .text("networkBorderGroup", call.region)
                .text_opt("associationId", address.association.as_ref().map(|(id, _)| id))
                .text_opt("networkInterfaceId", eni.map(|eni| &eni.id))
                .text_opt("networkInterfaceOwnerId", eni.map(|_| call.account()))
                .text_opt("privateIpAddress", private)
                .text_opt("instanceId", instance)
                .extend(tag_set_if_any(call, &address.id)),
        );
    }
    Ok(Reply::xml(Xml::new().list("addressesSet", "item", items)))
}

fn release(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (id, ip) = (call.params.text_opt("AllocationId")?, call.params.text_opt("PublicIp")?);
    let id = match (id, ip) {
        (Some(id), None) => id,
        (None, Some(_)) => {
            // It was the way of the network before VPCs.
            let message = "You must specify an allocation id when releasing a VPC elastic IP address";
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        (Some(_), Some(_)) => {
            let message = "You may specify public IP or allocation id, but not both in the same call";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        (None, None) => return Err(call.params.missing("AllocationId")),
    };
    let address = call.find::<Address>(&id).ok_or_else(|| missing(&id))?;
    if address.association.is_some() {
        let message = format!("Address with allocation id {id} cannot be released because it is in use.");
        return Err(ApiError::bad("InvalidIPAddress.InUse", message));
    }
    erase::<Address>(call.world, call.region, &id);
    done()
}
