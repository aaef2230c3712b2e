//! What others ask of EC2: load balancers whether an instance runs and where, policies what an id or a name stands for.

use jiff::Timestamp;

use super::gateways::InternetGateway;
use super::instances::Instance;
use super::key_pairs::KeyPair;
use super::placement::PlacementGroup;
use super::routes::RouteTable;
use super::tags::{TagSet, resource_type};
use super::vpc::Vpc;
use crate::store::{Object, Tags, World};

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

/// The last part of the ARN of what a text in a request stands for, and its tags: an id, whether it is there or not, or
/// the name of a placement group or a key pair that is to be deleted.
pub(crate) fn resource(world: &World, region: &str, operation: &str, text: &str) -> Option<(String, Tags)> {
    let tags = |id: &str| world.get::<TagSet>(region, id).map(|set| set.tags.clone()).unwrap_or_default();
    match operation {
        "DeletePlacementGroup" => {
            let id = world.get::<PlacementGroup>(region, text).map(|group| group.id.clone()).unwrap_or_default();
            return Some((format!("placement-group/{text}"), tags(&id)));
        }
        "DisassociateRouteTable" => {
            let has = |table: &&RouteTable| table.associations.contains_key(text);
            let id = &world.all::<RouteTable>(region).find(has)?.id;
            return Some((format!("route-table/{id}"), tags(id)));
        }
        "DeleteKeyPair" => {
            let pair = world.all::<KeyPair>(region).find(|pair| pair.name == text || pair.id() == text)?;
            return Some((format!("key-pair/{}", pair.name), tags(pair.id())));
        }
        _ => {}
    }
    let (_, digits) = text.rsplit_once('-')?;
    let is_id = matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A rule of a group goes with its group.
    let kind = resource_type(text).filter(|kind| is_id && *kind != "security-group-rule")?;
    Some((format!("{kind}/{text}"), tags(text)))
}

/// The type of what an operation makes, which has no id before.
pub(crate) fn made_by(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "AllocateAddress" => "elastic-ip",
        "CreateCapacityReservation" | "PurchaseCapacityBlock" => "capacity-reservation",
        "CreateFlowLogs" => "vpc-flow-log",
        "CreateInternetGateway" => "internet-gateway",
        "CreateNatGateway" => "natgateway",
        "CreateNetworkInterface" => "network-interface",
        "CreatePlacementGroup" => "placement-group",
        "CreateRouteTable" => "route-table",
        "CreateSecurityGroup" => "security-group",
        "CreateSubnet" => "subnet",
        "CreateVpc" => "vpc",
        "CreateVpcEndpoint" => "vpc-endpoint",
        "ImportKeyPair" => "key-pair",
        "RunInstances" => "instance",
        _ => return None,
    })
}
