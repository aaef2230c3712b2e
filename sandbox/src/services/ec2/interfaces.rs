//! Network interfaces: made by instances, NAT gateways, endpoints and other services.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::addresses::Address;
use super::catalogue::zone_id;
use super::filters::{Query, listing};
use super::groups::Group;
use super::subnets::{self, Subnet, free_addresses};
use super::tags::{erase, tag_set};
use super::{done, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::{Object, World};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[read("DescribeNetworkInterfaces", describe), write("DeleteNetworkInterface", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) subnet: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    /// `efa-only` interfaces have none.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) groups: Vec<String>,
    pub(crate) description: String,
    /// `interface`, `efa`, `efa-only`, `nat_gateway`, `vpc_endpoint`, `lustre`…
    pub(crate) interface_type: String,
    /// The service that manages it, if it is not the account's own.
    pub(crate) requester: Option<String>,
    pub(crate) attachment: Option<Attachment>,
    pub(crate) public: Option<PublicAddress>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    /// None for services, whose machines are not the account's.
    pub(crate) instance: Option<String>,
    pub(crate) device: usize,
    pub(crate) card: usize,
    pub(crate) delete_on_termination: bool,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PublicAddress {
    pub(crate) ip: Ipv4Addr,
    /// Of an Elastic IP.
    pub(crate) allocation: Option<String>,
    pub(crate) association: Option<String>,
}

impl Object for Interface {
    const KIND: &'static str = "ec2/network-interface";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Interface {
    pub(super) fn instance(&self) -> Option<&str> {
        self.attachment.as_ref().and_then(|attachment| attachment.instance.as_deref())
    }

    pub(super) fn mac(&self) -> String {
        let hex: String = self.id.chars().rev().take(10).collect();
        let byte = |i: usize| hex.get(i * 2..i * 2 + 2).unwrap_or("00");
        format!("02:{}:{}:{}:{}:{}", byte(0), byte(1), byte(2), byte(3), byte(4))
    }
}

/// What a service's interface in the account is made of.
#[derive(Debug)]
pub(crate) struct ManagedInterface<'a> {
    pub(crate) subnet: &'a str,
    pub(crate) groups: Vec<String>,
    pub(crate) interface_type: &'a str,
    pub(crate) description: String,
    pub(crate) requester: &'a str,
}

/// Makes an interface that a service holds in a subnet; returns its id.
pub(crate) fn create_managed(
    world: &mut World,
    region: &str,
    now: Timestamp,
    wanted: ManagedInterface<'_>,
) -> Result<String, ApiError> {
    let subnet = world.get::<Subnet>(region, wanted.subnet).cloned().ok_or_else(|| subnets::missing(wanted.subnet))?;
    let address = free_addresses(world, region, &subnet, 1)?.pop();
    let attachment = Attachment {
        id: world.new_id("eni-attach-"),
        instance: None,
        device: 1,
        card: 0,
        delete_on_termination: false,
        at: now,
    };
    let eni = Interface {
        id: world.new_id("eni-"),
        created: now,
        subnet: subnet.id,
        vpc: subnet.vpc,
        zone: subnet.zone,
        address,
        groups: wanted.groups,
        description: wanted.description,
        interface_type: wanted.interface_type.to_owned(),
        requester: Some(wanted.requester.to_owned()),
        attachment: Some(attachment),
        public: None,
    };
    let id = eni.id.clone();
    world.put(region, eni);
    Ok(id)
}

/// Removes an interface and frees the Elastic IP that was on it.
pub(crate) fn release(world: &mut World, region: &str, id: &str) {
    let allocation = world.get::<Interface>(region, id).and_then(|eni| eni.public.as_ref()?.allocation.clone());
    if let Some(allocation) = allocation {
        world.update::<Address>(region, &allocation, |address| address.association = None);
    }
    erase::<Interface>(world, region, id);
}

/// Group ids with names, as the replies list them.
pub(super) fn group_items<'c>(call: &'c Call<'_>, groups: &'c [String]) -> impl Iterator<Item = Xml> + 'c {
    groups.iter().map(|id| {
        let name = call.get::<Group>(id).map(|group| &group.name);
        Xml::new().text("groupId", id).text_opt("groupName", name)
    })
}

pub(super) fn missing(id: &str) -> ApiError {
    not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = [
        "network-interface-id",
        "vpc-id",
        "subnet-id",
        "group-id",
        "status",
        "description",
        "interface-type",
        "availability-zone",
        "requester-id",
        "requester-managed",
        "private-ip-address",
        "addresses.private-ip-address",
        "attachment.instance-id",
        "attachment.attachment-id",
        "attachment.status",
        "attachment.device-index",
        "association.allocation-id",
        "association.public-ip",
        "owner-id",
    ];
    let query = Query::take(call, "NetworkInterfaceId", &known)?;
    let account = call.account();
    let (found, next) = query.run::<Interface>(call, missing, |eni, name| {
        let attachment = eni.attachment.as_ref();
        match name {
            "network-interface-id" => vec![eni.id.clone()],
            "vpc-id" => vec![eni.vpc.clone()],
            "subnet-id" => vec![eni.subnet.clone()],
            "group-id" => eni.groups.clone(),
            "status" => vec![if attachment.is_some() { "in-use" } else { "available" }.to_owned()],
            "description" => vec![eni.description.clone()],
            "interface-type" => vec![eni.interface_type.clone()],
            "availability-zone" => vec![eni.zone.clone()],
            "requester-id" => eni.requester.iter().cloned().collect(),
            "requester-managed" => vec![eni.requester.is_some().to_string()],
            "attachment.instance-id" => eni.instance().map(str::to_owned).into_iter().collect(),
            "attachment.attachment-id" => attachment.map(|it| it.id.clone()).into_iter().collect(),
            "attachment.status" => attachment.map(|_| "attached".to_owned()).into_iter().collect(),
            "attachment.device-index" => attachment.map(|it| it.device.to_string()).into_iter().collect(),
            "association.allocation-id" => {
                eni.public.as_ref().and_then(|it| it.allocation.clone()).into_iter().collect()
            }
            "association.public-ip" => eni.public.as_ref().map(|it| it.ip.to_string()).into_iter().collect(),
            "owner-id" => vec![account.clone()],
            _ => eni.address.iter().map(ToString::to_string).collect(),
        }
    })?;
    Ok(listing("networkInterfaceSet", found.into_iter().map(|eni| interface_xml(call, eni)), next))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("NetworkInterfaceId")?;
    let eni = call.find::<Interface>(&id).ok_or_else(|| missing(&id))?;
    if eni.attachment.is_some() {
        // Launches get a code of its own for this; deletions only the general one.
        return Err(super::invalid(format!("Network interface '{id}' is currently in use.")));
    }
    release(call.world, call.region, &id);
    done()
}

/// The association with a public address.
pub(super) fn association_xml(call: &Call<'_>, eni: &Interface) -> Option<Xml> {
    let public = eni.public.as_ref()?;
    let owner = if public.allocation.is_some() { call.account() } else { "amazon".to_owned() };
    Some(
        Xml::new()
            .text("publicIp", public.ip)
            .text("ipOwnerId", owner)
            .text("publicDnsName", "")
            .text_opt("allocationId", public.allocation.as_ref())
            .text_opt("associationId", public.association.as_ref()),
    )
}

/// The attachment; `for_instance` leaves out what DescribeInstances does not show.
pub(super) fn attachment_xml(call: &Call<'_>, attachment: &Attachment, for_instance: bool) -> Xml {
    let xml = Xml::new()
        .text("attachmentId", &attachment.id)
        .text("attachTime", attachment.at)
        .text("deleteOnTermination", attachment.delete_on_termination)
        .text("deviceIndex", attachment.device)
        .text("networkCardIndex", attachment.card)
        .text("status", "attached");
    if for_instance {
        return xml;
    }
    let owner = if attachment.instance.is_some() { call.account() } else { "amazon-aws".to_owned() };
    xml.text_opt("instanceId", attachment.instance.as_ref()).text("instanceOwnerId", owner)
}

pub(super) fn interface_xml(call: &Call<'_>, eni: &Interface) -> Xml {
    let private = eni.address.map(|address| {
        let xml = Xml::new().text("privateIpAddress", address).text("primary", true);
        xml.child_opt("association", association_xml(call, eni))
    });
    Xml::new()
        .text("networkInterfaceId", &eni.id)
        .text("subnetId", &eni.subnet)
        .text("vpcId", &eni.vpc)
        .text("availabilityZone", &eni.zone)
        .text_opt("availabilityZoneId", zone_id(&eni.zone))
        .text("description", &eni.description)
        .text("ownerId", call.account())
        .text_opt("requesterId", eni.requester.as_ref())
        .text("requesterManaged", eni.requester.is_some())
        .text("status", if eni.attachment.is_some() { "in-use" } else { "available" })
        .text("macAddress", eni.mac())
        .text_opt("privateIpAddress", eni.address)
        .list("privateIpAddressesSet", "item", private)
        .list("ipv6AddressesSet", "item", [])
        .text("sourceDestCheck", eni.interface_type != "nat_gateway")
        .text("interfaceType", &eni.interface_type)
        .list("groupSet", "item", group_items(call, &eni.groups))
        .child_opt("attachment", eni.attachment.as_ref().map(|it| attachment_xml(call, it, false)))
        .child_opt("association", association_xml(call, eni))
        .extend(tag_set(call, &eni.id))
}
