//! Route tables and their routes.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::endpoints::Endpoint;
use super::filters::{Query, listing};
use super::gateways::InternetGateway;
use super::interfaces::Interface;
use super::nat::NatGateway;
use super::tags::{TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use super::{dependency, done, invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, create, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateRouteTable", make_table, show_table),
    read("DescribeRouteTables", describe_tables),
    write("DeleteRouteTable", delete_table),
    write("CreateRoute", create_route),
    write("ReplaceRoute", replace_route),
    write("DeleteRoute", delete_route),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RouteTable {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) vpc: String,
    /// Association id to subnet; the association without a subnet makes this the VPC's main table.
    pub(super) associations: BTreeMap<String, Option<String>>,
    pub(super) routes: BTreeMap<Ipv4Net, Target>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    Gateway(String),
    Nat(String),
    Interface(String),
}

impl Object for RouteTable {
    const KIND: &'static str = "ec2/route-table";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

impl RouteTable {
    pub(super) fn is_main(&self) -> bool {
        self.associations.values().any(Option::is_none)
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    not_found("InvalidRouteTableID.NotFound", "routeTable", id)
}

/// The table that every VPC is born with.
pub(super) fn create_main(call: &mut Call<'_>, vpc: &str) {
    let association = call.world.new_id("rtbassoc-");
    let table = RouteTable {
        id: call.world.new_id("rtb-"),
        created: call.now,
        vpc: vpc.to_owned(),
        associations: BTreeMap::from([(association, None)]),
        routes: BTreeMap::new(),
    };
    call.put(table);
}

/// A deleted subnet leaves its table.
pub(super) fn forget_subnet(call: &mut Call<'_>, subnet: &str) {
    let holds = |table: &&RouteTable| table.associations.values().flatten().any(|id| id == subnet);
    let table = call.all::<RouteTable>().find(holds).map(|table| table.id.clone());
    if let Some(id) = table {
        call.update::<RouteTable>(&id, |table| table.associations.retain(|_, id| id.as_deref() != Some(subnet)));
    }
}

/// A route's gateway may be of several kinds, so this is not the error that other calls give.
fn no_gateway(id: &str) -> ApiError {
    super::not_found("InvalidGatewayID.NotFound", "gateway", id)
}

fn make_table(call: &mut Call<'_>) -> Result<String, ApiError> {
    let vpc = call.params.text("VpcId")?;
    let tags = TagSpecs::take(call, &["route-table"])?;
    call.find::<Vpc>(&vpc).ok_or_else(|| vpc::missing(&vpc))?;
    let id = call.world.new_id("rtb-");
    let associations = BTreeMap::new();
    let table = RouteTable { id: id.clone(), created: call.now, vpc, associations, routes: BTreeMap::new() };
    tags.apply(call, "route-table", &id);
    call.put(table);
    Ok(id)
}

fn show_table(call: &Call<'_>, id: &str) -> Option<Reply> {
    let table = table_xml(call, call.get::<RouteTable>(id)?);
    Some(Reply::xml(Xml::new().child("routeTable", table).text_opt("clientToken", call.token.as_ref())))
}

/// Whether a route's target still takes packets.
fn is_active(call: &Call<'_>, table: &RouteTable, target: &Target) -> bool {
    match target {
        Target::Gateway(id) => {
            call.get::<InternetGateway>(id).is_some_and(|gateway| gateway.vpc.as_ref() == Some(&table.vpc))
        }
        Target::Nat(id) => call.get::<NatGateway>(id).is_some_and(|nat| nat.life.state(call.now) != "deleted"),
        Target::Interface(id) => call.get::<Interface>(id).is_some(),
    }
}

fn table_xml(call: &Call<'_>, table: &RouteTable) -> Xml {
    let associations = table.associations.iter().map(|(id, subnet)| {
        Xml::new()
            .text("routeTableAssociationId", id)
            .text("routeTableId", &table.id)
            .text("main", subnet.is_none())
            .text_opt("subnetId", subnet.as_ref())
            .child("associationState", Xml::new().text("state", "associated"))
    });
    let cidr = call.get::<Vpc>(&table.vpc).map(|vpc| vpc.cidr);
    let local = Xml::new()
        .text_opt("destinationCidrBlock", cidr)
        .text("gatewayId", "local")
        .text("state", "active")
        .text("origin", "CreateRouteTable");
    let mut routes = vec![local];
    for (cidr, target) in &table.routes {
        let xml = Xml::new().text("destinationCidrBlock", cidr);
        let xml = match target {
            Target::Gateway(id) => xml.text("gatewayId", id),
            Target::Nat(id) => xml.text("natGatewayId", id),
            Target::Interface(id) => xml.text("networkInterfaceId", id),
        };
        let state = if is_active(call, table, target) { "active" } else { "blackhole" };
        routes.push(xml.text("state", state).text("origin", "CreateRoute"));
    }
    // Routes of gateway endpoints stand in the tables that they are attached to.
    for endpoint in call.all::<Endpoint>().filter(|endpoint| endpoint.route_tables.contains(&table.id)) {
        routes.push(
            Xml::new()
                .text("destinationPrefixListId", endpoint.prefix_list(call.region))
                .text("gatewayId", &endpoint.id)
                .text("state", "active")
                .text("origin", "CreateRoute"),
        );
    }
    Xml::new()
        .text("routeTableId", &table.id)
        .text("vpcId", &table.vpc)
        .text("ownerId", call.account())
        .list("associationSet", "item", associations)
        .list("routeSet", "item", routes)
        .list("propagatingVgwSet", "item", [])
        .extend(tag_set(call, &table.id))
}

fn describe_tables(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = [
        "route-table-id",
        "vpc-id",
        "owner-id",
        "association.main",
        "association.subnet-id",
        "association.route-table-association-id",
        "association.route-table-id",
        "route.destination-cidr-block",
        "route.gateway-id",
        "route.nat-gateway-id",
    ];
    let query = Query::take(call, "RouteTableId", &known)?;
    let account = call.account();
    let (found, next) = query.run::<RouteTable>(call, missing, |table, name| match name {
        "route-table-id" => vec![table.id.clone()],
        "vpc-id" => vec![table.vpc.clone()],
        "owner-id" => vec![account.clone()],
        // A table without associations has no value here, so it passes neither `true` nor `false`.
        "association.main" => table.associations.values().map(|subnet| subnet.is_none().to_string()).collect(),
        "association.subnet-id" => table.associations.values().flatten().cloned().collect(),
        "association.route-table-association-id" => table.associations.keys().cloned().collect(),
        "association.route-table-id" => table.associations.keys().map(|_| table.id.clone()).collect(),
        "route.destination-cidr-block" => table.routes.keys().map(ToString::to_string).collect(),
        name => table
            .routes
            .values()
            .filter_map(|target| match target {
                Target::Gateway(id) if name == "route.gateway-id" => Some(id.clone()),
                Target::Nat(id) if name == "route.nat-gateway-id" => Some(id.clone()),
                _ => None,
            })
            .collect(),
    })?;
    Ok(listing("routeTableSet", found.into_iter().map(|table| table_xml(call, table)), next))
}

fn delete_table(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("RouteTableId")?;
    let table = call.find::<RouteTable>(&id).ok_or_else(|| missing(&id))?;
    if !table.associations.is_empty() || call.all::<Endpoint>().any(|it| it.route_tables.contains(&id)) {
        return Err(dependency(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
    }
    erase::<RouteTable>(call.world, call.region, &id);
    done()
}

/// The table, destination and target that a route call names.
fn route_call(call: &mut Call<'_>) -> Result<(RouteTable, Ipv4Net, Target), ApiError> {
    let id = call.params.text("RouteTableId")?;
    let text = call.params.text("DestinationCidrBlock")?;
    let gateway = call.params.text_opt("GatewayId")?;
    let nat = call.params.text_opt("NatGatewayId")?;
    let interface = call.params.text_opt("NetworkInterfaceId")?;
    // The canonical form: EC2 clears host bits.
    let cidr = text.parse::<Ipv4Net>().map(|cidr| cidr.trunc()).map_err(|_| {
        invalid(format!(
            "Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        ))
    })?;
    let target = match (gateway, nat, interface) {
        (Some(id), None, None) => Target::Gateway(id),
        (None, Some(id), None) => Target::Nat(id),
        (None, None, Some(id)) => Target::Interface(id),
        (None, None, None) => {
            let message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId";
            return Err(ApiError::bad("MissingParameter", message));
        }
        _ => {
            let message = "The request must contain exactly one target";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
    };
    let table = call.find::<RouteTable>(&id).cloned().ok_or_else(|| missing(&id))?;
    let vpc = match &target {
        Target::Gateway(id) if id.starts_with("igw-") => {
            call.find::<InternetGateway>(id).ok_or_else(|| no_gateway(id))?.vpc.clone()
        }
        Target::Gateway(id) => {
            return Err(ApiError::bad("InvalidGatewayID.NotFound", format!("The gateway ID '{id}' does not exist")));
        }
        Target::Nat(id) => {
            let nat = call.find::<NatGateway>(id).filter(|nat| nat.is_live(call.now)).ok_or_else(|| {
                let message = format!("The natGateway ID '{id}' does not exist");
                ApiError::bad("InvalidNatGatewayID.NotFound", message)
            })?;
            Some(nat.vpc.clone())
        }
        Target::Interface(id) => {
            let eni = call
                .find::<Interface>(id)
                .ok_or_else(|| not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id))?;
            Some(eni.vpc.clone())
        }
    };
    if vpc.as_ref() != Some(&table.vpc) {
        let (Target::Gateway(target) | Target::Nat(target) | Target::Interface(target)) = &target;
        return Err(invalid(format!(
            "route table {} and network gateway {target} belong to different networks",
            table.id
        )));
    }
    Ok((table, cidr, target))
}

/// The local route can be neither made nor removed.
fn refuse_local(call: &Call<'_>, table: &RouteTable, cidr: Ipv4Net) -> Result<(), ApiError> {
    let local = call.get::<Vpc>(&table.vpc).map(|vpc| vpc.cidr);
    if local == Some(cidr) {
        return Err(invalid(format!("cannot change the local route {cidr} in route table {}", table.id)));
    }
    Ok(())
}

fn create_route(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut table, cidr, target) = route_call(call)?;
    refuse_local(call, &table, cidr)?;
    match table.routes.get(&cidr) {
        Some(old) if *old != target => {
            let message = format!("The route identified by {cidr} already exists.");
            return Err(ApiError::bad("RouteAlreadyExists", message));
        }
        // The very same route again is not an error.
        _ => table.routes.insert(cidr, target),
    };
    call.put(table);
    done()
}

fn replace_route(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut table, cidr, target) = route_call(call)?;
    refuse_local(call, &table, cidr)?;
    if table.routes.insert(cidr, target).is_none() {
        let message = format!("There is no route defined for '{cidr}' in the route table. Use CreateRoute instead.");
        return Err(invalid(message));
    }
    call.put(table);
    done()
}

fn delete_route(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("RouteTableId")?;
    let text = call.params.text("DestinationCidrBlock")?;
    let mut table = call.find::<RouteTable>(&id).cloned().ok_or_else(|| missing(&id))?;
    let cidr: Option<Ipv4Net> = text.parse().ok();
    if let Some(cidr) = cidr {
        refuse_local(call, &table, cidr)?;
    }
    if cidr.and_then(|cidr| table.routes.remove(&cidr.trunc())).is_none() {
        let message = format!("no route with destination-cidr-block {text} in route table {id}");
        return Err(ApiError::bad("InvalidRoute.NotFound", message));
    }
    call.put(table);
    done()
}
