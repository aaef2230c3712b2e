//! EC2: networks, instances and what belongs to them.

mod addresses;
mod blocks;
mod capacity;
mod catalogue;
mod endpoint_changes;
mod endpoints;
mod filters;
mod flow_logs;
mod gateways;
pub(crate) mod groups;
pub(crate) mod hosts;
mod instance_changes;
mod instance_power;
mod instance_view;
mod instances;
mod interface_changes;
pub(crate) mod interfaces;
mod key_pairs;
mod launch;
mod launch_network;
mod launch_options;
pub(crate) mod leases;
mod nat;
mod outside;
mod placement;
mod reservations;
mod route_associations;
mod routes;
mod rules;
mod spot;
pub(crate) mod subnets;
mod tags;
mod types;
mod volumes;
mod vpc;
mod zones;

use crate::call::Call;
use crate::error::ApiError;
use crate::model::facts;
use crate::service::Service;
use crate::store::{Due, Object, ObjectKind, World};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;
pub(crate) use instances::interrupt;
pub(crate) use outside::{Power, has_vpc, leads_out, made_by, power, resource};

/// Accelerators, cores and memory in MiB of a type.
pub(crate) fn accelerators_and_memory(name: &str) -> Option<(i64, i64, i64)> {
    let found = catalogue::instance_type(name)?;
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Some((number(found.accelerator_count), number(found.vcpus), number(found.memory_mib)))
}

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("http://ec2.amazonaws.com/doc/2016-11-15/"),
    input: InputErrors { missing: "MissingParameter", invalid: "InvalidParameterValue" },
    operations: &[
        zones::OPERATIONS,
        types::OPERATIONS,
        vpc::OPERATIONS,
        subnets::OPERATIONS,
        gateways::OPERATIONS,
        addresses::OPERATIONS,
        nat::OPERATIONS,
        routes::OPERATIONS,
        route_associations::OPERATIONS,
        groups::OPERATIONS,
        rules::OPERATIONS,
        interfaces::OPERATIONS,
        interface_changes::OPERATIONS,
        endpoints::OPERATIONS,
        endpoint_changes::OPERATIONS,
        flow_logs::OPERATIONS,
        placement::OPERATIONS,
        key_pairs::OPERATIONS,
        launch::OPERATIONS,
        instances::OPERATIONS,
        instance_changes::OPERATIONS,
        instance_power::OPERATIONS,
        instance_view::OPERATIONS,
        volumes::OPERATIONS,
        reservations::OPERATIONS,
        blocks::OPERATIONS,
        spot::OPERATIONS,
        tags::OPERATIONS,
    ],
    objects,
    settle,
    worded: &["InstanceType", "ResourceType"],
    token_differs: || {
        let message = "The request uses the same client token as a previous, but non-identical request. Do not reuse a \
                       client token with different requests, unless the requests are identical";
        ApiError::bad("IdempotentParameterMismatch", message)
    },
    ..Service::new("ec2", Protocol::Ec2Query, facts!("ec2"))
};

fn objects() -> Vec<ObjectKind> {
    vec![
        ObjectKind::of::<tags::TagSet>(),
        ObjectKind::of::<vpc::Vpc>(),
        ObjectKind::of::<subnets::Subnet>(),
        ObjectKind::of::<gateways::InternetGateway>(),
        ObjectKind::of::<addresses::Address>(),
        ObjectKind::of::<nat::NatGateway>(),
        ObjectKind::of::<routes::RouteTable>(),
        ObjectKind::of::<groups::Group>(),
        ObjectKind::of::<interfaces::Interface>(),
        ObjectKind::of::<endpoints::Endpoint>(),
        ObjectKind::of::<flow_logs::FlowLog>(),
        ObjectKind::of::<leases::Lease>(),
        ObjectKind::of::<placement::PlacementGroup>(),
        ObjectKind::of::<key_pairs::KeyPair>(),
        ObjectKind::of::<instances::Instance>(),
        ObjectKind::of::<volumes::Volume>(),
        ObjectKind::of::<reservations::Reservation>(),
    ]
}

fn settle(world: &mut World, due: &Due) {
    let (region, id) = (due.region.as_str(), due.id.as_str());
    match due.kind {
        nat::NatGateway::KIND => nat::settle(world, region, id, due.at),
        endpoints::Endpoint::KIND => endpoints::settle(world, region, id),
        leases::Lease::KIND => leases::settle(world, region, id),
        instances::Instance::KIND => instances::settle(world, region, id, due.at),
        reservations::Reservation::KIND => blocks::settle(world, region, id, due.at),
        _ => {}
    }
}

/// The reply of calls that only say that they worked.
fn done() -> Result<Reply, ApiError> {
    Ok(Reply::xml(Xml::new().text("return", true)))
}

/// `InvalidXxx.NotFound` in EC2's words.
fn not_found(code: &'static str, noun: &str, id: &str) -> ApiError {
    ApiError::bad(code, format!("The {noun} ID '{id}' does not exist"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValue", message)
}

fn dependency(message: impl Into<String>) -> ApiError {
    ApiError::bad("DependencyViolation", message)
}

/// Whether a taggable resource is there (also one that readers do not see yet).
fn exists(call: &Call<'_>, kind: &str, id: &str) -> bool {
    match kind {
        "vpc" => call.find::<vpc::Vpc>(id).is_some(),
        "subnet" => call.find::<subnets::Subnet>(id).is_some(),
        "internet-gateway" => call.find::<gateways::InternetGateway>(id).is_some(),
        "elastic-ip" => call.find::<addresses::Address>(id).is_some(),
        "natgateway" => call.find::<nat::NatGateway>(id).is_some(),
        "route-table" => call.find::<routes::RouteTable>(id).is_some(),
        "security-group" => call.find::<groups::Group>(id).is_some(),
        "security-group-rule" => call.all::<groups::Group>().any(|group| group.rules.contains_key(id)),
        "network-interface" => call.find::<interfaces::Interface>(id).is_some(),
        "vpc-endpoint" => call.find::<endpoints::Endpoint>(id).is_some(),
        "vpc-flow-log" => call.find::<flow_logs::FlowLog>(id).is_some(),
        "placement-group" => call.all::<placement::PlacementGroup>().any(|group| group.id == id),
        "key-pair" => call.find::<key_pairs::KeyPair>(id).is_some(),
        "instance" => call.find::<instances::Instance>(id).is_some(),
        "volume" => call.find::<volumes::Volume>(id).is_some(),
        "capacity-reservation" => call.find::<reservations::Reservation>(id).is_some(),
        _ => false,
    }
}

/// The error for a taggable resource that is not there.
fn missing(kind: &str, id: &str) -> ApiError {
    match kind {
        "vpc" => vpc::missing(id),
        "subnet" => subnets::missing(id),
        "internet-gateway" => gateways::missing(id),
        "elastic-ip" => addresses::missing(id),
        "natgateway" => nat::missing(id),
        "route-table" => routes::missing(id),
        "security-group" => groups::missing(id),
        "instance" => instances::missing(id),
        "vpc-endpoint" => endpoints::missing(id),
        "vpc-flow-log" => flow_logs::missing(id),
        "capacity-reservation" => reservations::missing(id),
        _ => ApiError::bad("InvalidID", format!("The ID '{id}' is not valid")),
    }
}
