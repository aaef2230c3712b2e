//! NAT gateways.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::addresses::{self, Address};
use super::filters::{Query, listing};
use super::gateways::InternetGateway;
use super::interfaces::{Interface, ManagedInterface, PublicAddress, create_managed, release};
use super::invalid;
use super::subnets::{self, Subnet};
use super::tags::{TagSpecs, erase, tag_set};
use crate::call::Call;
use crate::error::ApiError;
use crate::history::Meter;
use crate::life::{Life, after, durations};
use crate::service::{Operation, create, read, write};
use crate::store::{Object, World};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[create("CreateNatGateway", make, show), read("DescribeNatGateways", describe), write("DeleteNatGateway", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NatGateway {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) subnet: String,
    pub(super) vpc: String,
    pub(super) private: bool,
    pub(super) allocation: Option<String>,
    /// Gone once it is deleted.
    pub(super) interface: Option<String>,
    pub(super) failure: Option<(String, String)>,
    pub(super) life: Life,
    pub(super) deleted: Option<Timestamp>,
    pub(super) timer: Option<Timestamp>,
}

impl Object for NatGateway {
    const KIND: &'static str = "ec2/nat-gateway";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn state(&self, now: Timestamp) -> &str {
        self.life.state(now)
    }
    fn meters(&self) -> Vec<Meter> {
        let span = self.life.between("available", "deleting");
        span.map(|(from, to)| Meter::new("EC2 - Other", "NatGateway-Hours", from, to)).into_iter().collect()
    }
}

impl NatGateway {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        !matches!(self.life.state(now), "deleted" | "failed")
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::bad("NatGatewayNotFound", format!("The Nat Gateway {id} was not found"))
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let subnet_id = call.params.text("SubnetId")?;
    let allocation = call.params.text_opt("AllocationId")?;
    let connectivity = call.params.text_opt("ConnectivityType")?.unwrap_or_else(|| "public".to_owned());
    let tags = TagSpecs::take(call, &["natgateway"])?;
    let private = match connectivity.as_str() {
        "public" => false,
        "private" => true,
        other => return Err(call.params.invalid("connectivityType", other, "Expecting public or private.")),
    };
    let subnet = call.find::<Subnet>(&subnet_id).cloned().ok_or_else(|| {
        // This call has its own code for a missing subnet.
        ApiError::bad("InvalidSubnet", subnets::missing(&subnet_id).message)
    })?;
    let mut failure = None;
    match (&allocation, private) {
        (None, false) => return Err(call.params.missing("AllocationId")),
        (Some(_), true) => {
            return Err(invalid("AllocationId may not be specified for a private NAT gateway"));
        }
        (Some(id), false) => {
            let address = call.find::<Address>(id).ok_or_else(|| addresses::missing(id))?;
            if address.association.is_some() {
                let why = format!("Elastic IP address [{id}] is already associated");
                failure = Some(("Resource.AlreadyAssociated".to_owned(), why));
            }
        }
        (None, true) => {}
    }
    let attached = call.all::<InternetGateway>().any(|gateway| gateway.vpc.as_ref() == Some(&subnet.vpc));
    if !private && !attached && failure.is_none() {
        let why = format!("Network {} has no Internet gateway attached", subnet.vpc);
        failure = Some(("Gateway.NotAttached".to_owned(), why));
    }
    let limit = call.world.config.behaviour.quotas.get("L-FE5A380F").copied().unwrap_or(u64::MAX);
    let in_zone = call
        .all::<NatGateway>()
        .filter(|nat| nat.is_live(call.now))
        .filter(|nat| call.get::<Subnet>(&nat.subnet).is_some_and(|other| other.zone == subnet.zone));
    if in_zone.count() as u64 >= limit {
        let message = format!("The maximum limit of NAT gateways per zone has been reached: {limit}");
        return Err(ApiError::bad("NatGatewayLimitExceeded", message));
    }

    let id = call.world.new_id("nat-");
    let mut interface = None;
    let life;
    if failure.is_some() {
        life = Life::begin(call.now, "pending").then(call.done_after(durations::NAT_DELETE), "failed");
    } else {
        life = Life::begin(call.now, "pending").then(call.done_after(durations::NAT_CREATE), "available");
        let wanted = ManagedInterface {
            subnet: &subnet_id,
            groups: Vec::new(),
            interface_type: "nat_gateway",
            description: format!("Interface for NAT Gateway {id}"),
            requester: "amazon-aws",
        };
        let eni = create_managed(call.world, call.region, call.now, wanted)?;
        if let Some(allocation) = &allocation {
            let association = call.world.new_id("eipassoc-");
            let mut ip = None;
            call.update::<Address>(allocation, |address| {
                address.association = Some((association.clone(), eni.clone()));
                ip = Some(address.ip);
            });
            call.update::<Interface>(&eni, |eni| {
                eni.public = ip.map(|ip| PublicAddress {
                    ip,
                    allocation: Some(allocation.clone()),
                    association: Some(association),
                });
            });
        }
        interface = Some(eni);
    }
    // A gateway that failed is shown for an hour, as a deleted one is.
    let timer = failure.as_ref().map(|_| after(call.now, durations::AFTERGLOW));
    let nat = NatGateway {
        id: id.clone(),
        created: call.now,
        subnet: subnet_id,
        vpc: subnet.vpc,
        private,
        allocation,
        interface,
        failure,
        life,
        deleted: None,
        timer,
    };
    tags.apply(call, "natgateway", &id);
    call.put(nat);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    let nat = nat_xml(call, call.get::<NatGateway>(id)?);
    Some(Reply::xml(Xml::new().text_opt("clientToken", call.token.as_ref()).child("natGateway", nat)))
}

fn nat_xml(call: &Call<'_>, nat: &NatGateway) -> Xml {
    let state = nat.life.state(call.now);
    let eni = nat.interface.as_ref().and_then(|id| call.get::<Interface>(id));
    let public = eni.and_then(|eni| eni.public.as_ref());
    let address = Xml::new()
        .text_opt("allocationId", nat.allocation.as_ref())
        .text_opt("networkInterfaceId", nat.interface.as_ref())
        .text_opt("privateIp", eni.and_then(|eni| eni.address))
        .text_opt("publicIp", public.map(|public| public.ip))
        .text_opt("associationId", public.and_then(|public| public.association.as_ref()))
        .text("isPrimary", true)
        .text("status", if state == "failed" { "failed" } else { "succeeded" });
    Xml::new()
        .text("natGatewayId", &nat.id)
        .text("subnetId", &nat.subnet)
        .text("vpcId", &nat.vpc)
        .text("state", state)
        .text("createTime", nat.created)
        .text_opt("deleteTime", nat.deleted)
        .text_opt("failureCode", nat.failure.as_ref().filter(|_| state == "failed").map(|(code, _)| code))
        .text_opt("failureMessage", nat.failure.as_ref().filter(|_| state == "failed").map(|(_, why)| why))
        .text("connectivityType", if nat.private { "private" } else { "public" })
        .list("natGatewayAddressSet", "item", [address])
        .extend(tag_set(call, &nat.id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let query = Query::take(call, "NatGatewayId", &["nat-gateway-id", "state", "subnet-id", "vpc-id"])?;
    let (found, next) = query.run::<NatGateway>(call, missing, |nat, name| {
        vec![match name {
            "nat-gateway-id" => nat.id.clone(),
            "state" => nat.life.state(call.now).to_owned(),
            "subnet-id" => nat.subnet.clone(),
            _ => nat.vpc.clone(),
        }]
    })?;
    Ok(listing("natGatewaySet", found.into_iter().map(|nat| nat_xml(call, nat)), next))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("NatGatewayId")?;
    let nat = call.find::<NatGateway>(&id).ok_or_else(|| missing(&id))?;
    if nat.life.state(call.now) == "deleted" {
        return Err(missing(&id));
    }
    if nat.deleted.is_none() {
        let (now, gone) = (call.now, call.done_after(durations::NAT_DELETE));
        call.update::<NatGateway>(&id, |nat| {
            nat.life.enter(now, "deleting");
            nat.life.plan(gone, "deleted");
            nat.deleted = Some(now);
            nat.timer = Some(gone);
        });
    }
    Ok(Reply::xml(Xml::new().text("natGatewayId", id)))
}

/// Deleted: gives back its address. An hour later: disappears.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let Some(nat) = world.get::<NatGateway>(region, id).cloned() else { return };
    if let Some(interface) = nat.interface {
        release(world, region, &interface);
        let gone = after(at, durations::AFTERGLOW);
        world.update::<NatGateway>(region, id, |nat| {
            nat.interface = None;
            nat.timer = Some(gone);
        });
    } else {
        erase::<NatGateway>(world, region, id);
    }
}
