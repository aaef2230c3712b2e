//! VPC endpoints: gateways in route tables, interfaces in subnets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::groups::{check_groups, default_group};
use super::interfaces::{Interface, ManagedInterface, create_managed, group_items, release};
use super::routes::{self, RouteTable};
use super::subnets::{self, Subnet};
use super::tags::{TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use crate::call::Call;
use crate::error::ApiError;
use crate::history::Meter;
use crate::life::{Life, durations};
use crate::regions;
use crate::service::{Operation, create, read, write};
use crate::store::{Object, World};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateVpcEndpoint", make, show),
    read("DescribeVpcEndpoints", describe),
    write("DeleteVpcEndpoints", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) vpc: String,
    pub(super) service: String,
    /// `Gateway` or `Interface`.
    pub(super) endpoint_type: String,
    pub(super) policy: String,
    pub(super) route_tables: BTreeSet<String>,
    pub(super) subnets: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) private_dns: bool,
    pub(super) life: Life,
    pub(super) timer: Option<Timestamp>,
}

impl Object for Endpoint {
    const KIND: &'static str = "ec2/vpc-endpoint";
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
        let span = self.life.between("available", "deleting").filter(|_| self.endpoint_type == "Interface");
        let meter = |(from, to)| {
            let meter = Meter::new("Amazon Virtual Private Cloud", "VpcEndpoint-Hours", from, to);
            meter.times(self.subnets.len() as f64)
        };
        span.map(meter).into_iter().collect()
    }
}

impl Endpoint {
    /// The prefix list of a gateway endpoint's service.
    pub(super) fn prefix_list(&self, region: &str) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{region}/{}", self.service));
        digest.iter().take(4).fold("pl-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::bad("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist"))
}

pub(super) const OPEN_POLICY: &str =
    r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let vpc_id = call.params.text("VpcId")?;
    let service = call.params.text("ServiceName")?;
    let endpoint_type = call.params.text_opt("VpcEndpointType")?.unwrap_or_else(|| "Gateway".to_owned());
    let policy = call.params.text_opt("PolicyDocument")?;
    let tables = call.params.texts("RouteTableId")?;
    let subnet_ids = call.params.texts("SubnetId")?;
    let mut groups = call.params.texts("SecurityGroupId")?;
    let private_dns = call.params.flag_opt("PrivateDnsEnabled")?;
    let tags = TagSpecs::take(call, &["vpc-endpoint"])?;
    let vpc = call.find::<Vpc>(&vpc_id).cloned().ok_or_else(|| vpc::missing(&vpc_id))?;
    let known = service.strip_prefix(&format!("com.amazonaws.{}.", call.region));
    let Some(short) = known else {
        let message = format!("The Vpc Endpoint Service '{service}' does not exist");
        return Err(ApiError::bad("InvalidServiceName", message));
    };
    if policy.as_ref().is_some_and(|policy| serde_json::from_str::<serde_json::Value>(policy).is_err()) {
        return Err(ApiError::bad("InvalidParameter", "Policy is not valid JSON"));
    }
    let misfit = |what: &str| ApiError::bad("InvalidParameter", format!("{what} for {endpoint_type} endpoints"));
    let mut subnets = Vec::new();
    match endpoint_type.as_str() {
        "Gateway" => {
            if !["s3", "dynamodb"].contains(&short) {
                let message = format!("The Vpc Endpoint Service '{service}' does not exist");
                return Err(ApiError::bad("InvalidServiceName", message));
            }
            if !subnet_ids.is_empty() || !groups.is_empty() || private_dns == Some(true) {
                return Err(misfit("Subnets, security groups and private DNS are not supported"));
            }
            for id in &tables {
                let table = call.find::<RouteTable>(id).ok_or_else(|| routes::missing(id))?;
                if table.vpc != vpc_id {
                    return Err(ApiError::bad("InvalidParameter", format!("Route table {id} is in another VPC")));
                }
                let taken = |other: &&Endpoint| other.service == service && other.route_tables.contains(id);
                if call.all::<Endpoint>().any(|other| taken(&other)) {
                    let message = format!("route table {id} already has a route with the endpoint's prefix list");
                    return Err(ApiError::bad("RouteAlreadyExists", message));
                }
            }
        }
        "Interface" => {
            if !tables.is_empty() {
                return Err(misfit("Route tables are not supported"));
            }
            if private_dns.unwrap_or(true) {
                check_private_dns(call, &vpc, &service)?;
            }
            let mut zones = BTreeSet::new();
            for id in &subnet_ids {
                let subnet = call.find::<Subnet>(id).ok_or_else(|| subnets::missing(id))?;
                if subnet.vpc != vpc_id {
                    return Err(ApiError::bad("InvalidParameter", format!("Subnet {id} is in another VPC")));
                }
                if !zones.insert(subnet.zone.clone()) {
                    let message = "Found another VPC endpoint subnet in the availability zone of the subnet";
                    return Err(ApiError::bad("DuplicateSubnetsInSameZone", message));
                }
                subnets.push(subnet.clone());
            }
            if groups.is_empty() {
                groups.extend(default_group(call.world, call.region, &vpc_id));
            }
            check_groups(call.world, call.region, &groups, &vpc_id)?;
        }
        other => return Err(call.params.invalid("VpcEndpointType", other, "Expecting Gateway or Interface.")),
    }
    let id = call.world.new_id("vpce-");
    let mut interfaces = Vec::new();
    for subnet in &subnets {
        interfaces.push(interface_in(call, &id, &subnet.id, &groups)?);
    }
    let is_gateway = endpoint_type == "Gateway";
    let life = if is_gateway {
        Life::begin(call.now, "available")
    } else {
        Life::begin(call.now, "pending").then(call.done_after(durations::ENDPOINT_CREATE), "available")
    };
    let endpoint = Endpoint {
        id: id.clone(),
        created: call.now,
        vpc: vpc_id,
        service,
        endpoint_type,
        policy: policy.unwrap_or_else(|| OPEN_POLICY.to_owned()),
        route_tables: tables.into_iter().collect(),
        subnets: subnet_ids,
        groups,
        interfaces,
        private_dns: !is_gateway && private_dns.unwrap_or(true),
        life,
        timer: None,
    };
    tags.apply(call, "vpc-endpoint", &id);
    call.put(endpoint);
    Ok(id)
}

/// An interface of an endpoint in a subnet.
pub(super) fn interface_in(
    call: &mut Call<'_>,
    endpoint: &str,
    subnet: &str,
    groups: &[String],
) -> Result<String, ApiError> {
    let wanted = ManagedInterface {
        subnet,
        groups: groups.to_vec(),
        interface_type: "vpc_endpoint",
        description: format!("VPC Endpoint Interface {endpoint}"),
        requester: "amazon-vpce",
    };
    create_managed(call.world, call.region, call.now, wanted)
}

/// The name of a service leads to one endpoint of a VPC, and only where the VPC has DNS.
pub(super) fn check_private_dns(call: &Call<'_>, vpc: &Vpc, service: &str) -> Result<(), ApiError> {
    if !(vpc.dns_support && vpc.dns_hostnames) {
        let message =
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true";
        return Err(ApiError::bad("InvalidParameter", message));
    }
    // One that is being deleted still has the name, as people report of Terraform; AWS does not state it (unverified).
    let clash = |other: &Endpoint| other.vpc == vpc.id && other.service == service && other.private_dns;
    if call.all::<Endpoint>().any(clash) {
        let message = format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {}",
            vpc.id
        );
        return Err(ApiError::bad("InvalidParameter", message));
    }
    Ok(())
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    let endpoint = endpoint_xml(call, call.get::<Endpoint>(id)?);
    Some(Reply::xml(Xml::new().child("vpcEndpoint", endpoint).text_opt("clientToken", call.token.as_ref())))
}

/// The names under which an interface endpoint is found, its own and the service's if that is private, each with its
/// hosted zone: one of the region for all endpoints, one of the endpoint for its private name.
fn dns_names(call: &Call<'_>, endpoint: &Endpoint) -> Vec<(String, String)> {
    if endpoint.interfaces.is_empty() {
        return Vec::new();
    }
    let suffix = regions::suffix(call.region);
    let service = endpoint.service.rsplit('.').next().unwrap_or_default();
    let mark: String = endpoint.id.chars().rev().take(8).collect();
    let own = format!("{}-{mark}.{service}.{}.vpce.{suffix}", endpoint.id, call.region);
    let private = endpoint.private_dns.then(|| format!("{service}.{}.{suffix}", call.region));
    let private = private.map(|name| (name, hosted_zone(&endpoint.id)));
    std::iter::once((own, hosted_zone(call.region))).chain(private).collect()
}

/// An id in the form of Route 53's.
fn hosted_zone(of: &str) -> String {
    use sha2::{Digest, Sha256};
    const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let sign = |byte: &u8| SIGNS.get(usize::from(byte % 32)).map_or('Z', |sign| char::from(*sign));
    std::iter::once('Z').chain(Sha256::digest(of).iter().take(13).map(sign)).collect()
}

fn endpoint_xml(call: &Call<'_>, endpoint: &Endpoint) -> Xml {
    Xml::new()
        .text("vpcEndpointId", &endpoint.id)
        .text("vpcEndpointType", &endpoint.endpoint_type)
        .text("vpcId", &endpoint.vpc)
        .text("serviceName", &endpoint.service)
        .text("state", endpoint.life.state(call.now))
        .text("policyDocument", &endpoint.policy)
        .texts("routeTableIdSet", "item", &endpoint.route_tables)
        .texts("subnetIdSet", "item", &endpoint.subnets)
        .list("groupSet", "item", group_items(call, &endpoint.groups))
        .text("privateDnsEnabled", endpoint.private_dns)
        .text("requesterManaged", false)
        .texts("networkInterfaceIdSet", "item", &endpoint.interfaces)
        .list(
            "dnsEntrySet",
            "item",
            dns_names(call, endpoint)
                .into_iter()
                .map(|(name, zone)| Xml::new().text("dnsName", name).text("hostedZoneId", zone)),
        )
        .text("creationTimestamp", endpoint.created)
        .text("ownerId", call.account())
        .extend(tag_set(call, &endpoint.id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = ["vpc-endpoint-id", "vpc-id", "service-name", "vpc-endpoint-state", "vpc-endpoint-type"];
    let query = Query::take(call, "VpcEndpointId", &known)?;
    let (found, next) = query.run::<Endpoint>(call, missing, |endpoint, name| {
        vec![match name {
            "vpc-endpoint-id" => endpoint.id.clone(),
            "vpc-id" => endpoint.vpc.clone(),
            "service-name" => endpoint.service.clone(),
            "vpc-endpoint-type" => endpoint.endpoint_type.clone(),
            _ => endpoint.life.state(call.now).to_owned(),
        }]
    })?;
    Ok(listing("vpcEndpointSet", found.into_iter().map(|endpoint| endpoint_xml(call, endpoint)), next))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("VpcEndpointId")?;
    if ids.is_empty() {
        return Err(call.params.missing("VpcEndpointId"));
    }
    let mut failed = Vec::new();
    for id in ids {
        match call.find::<Endpoint>(&id) {
            // What could not be deleted is listed in a reply that says 200.
            None => {
                let error = Xml::new()
                    .text("code", "InvalidVpcEndpoint.NotFound")
                    .text("message", format!("The Vpc Endpoint Id '{id}' does not exist"));
                failed.push(Xml::new().text("resourceId", id).child("error", error));
            }
            Some(endpoint) if endpoint.endpoint_type == "Gateway" => {
                erase::<Endpoint>(call.world, call.region, &id);
            }
            Some(endpoint) if endpoint.timer.is_some() => {}
            Some(_) => {
                let (now, gone) = (call.now, call.done_after(durations::ENDPOINT_DELETE));
                call.update::<Endpoint>(&id, |endpoint| {
                    endpoint.life.enter(now, "deleting");
                    endpoint.timer = Some(gone);
                });
            }
        }
    }
    Ok(Reply::xml(Xml::new().list("unsuccessful", "item", failed)))
}

/// Deleted: its interfaces go with it.
pub(super) fn settle(world: &mut World, region: &str, id: &str) {
    let interfaces = world.get::<Endpoint>(region, id).map(|endpoint| endpoint.interfaces.clone());
    for interface in interfaces.unwrap_or_default() {
        if world.get::<Interface>(region, &interface).is_some() {
            release(world, region, &interface);
        }
    }
    erase::<Endpoint>(world, region, id);
}
