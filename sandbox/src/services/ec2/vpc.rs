//! VPCs and their attributes.

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::endpoints::Endpoint;
use super::filters::{Query, listing};
use super::gateways::InternetGateway;
use super::groups::{self, Group};
use super::routes::{self, RouteTable};
use super::subnets::Subnet;
use super::tags::{TagSpecs, erase, tag_set};
use super::{dependency, done, invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateVpc", create_vpc),
    read("DescribeVpcs", describe_vpcs),
    write("DeleteVpc", delete_vpc),
    write("ModifyVpcAttribute", modify_vpc_attribute),
    read("DescribeVpcAttribute", describe_vpc_attribute),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Vpc {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) cidr: Ipv4Net,
    pub(super) tenancy: String,
    pub(super) dns_support: bool,
    pub(super) dns_hostnames: bool,
}

impl Object for Vpc {
    const KIND: &'static str = "ec2/vpc";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    not_found("InvalidVpcID.NotFound", "vpc", id)
}

/// A CIDR block as EC2 takes it: an IPv4 network between /16 and /28.
pub(super) fn cidr(text: &str, range: &'static str) -> Result<Ipv4Net, ApiError> {
    let net: Ipv4Net = text.parse().map_err(|_| {
        invalid(format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."))
    })?;
    if !(16..=28).contains(&net.prefix_len()) {
        return Err(ApiError::bad(range, format!("The CIDR '{text}' is invalid.")));
    }
    // EC2 clears host bits rather than complaining.
    Ok(net.trunc())
}

fn create_vpc(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let cidr = cidr(&call.params.text("CidrBlock")?, "InvalidVpc.Range")?;
    let tenancy = call.params.text_opt("InstanceTenancy")?.unwrap_or_else(|| "default".to_owned());
    if !["default", "dedicated"].contains(&tenancy.as_str()) {
        return Err(call.params.invalid("InstanceTenancy", tenancy, "Expecting default or dedicated."));
    }
    let tags = TagSpecs::take(call, &["vpc"])?;
    let id = call.world.new_id("vpc-");
    let vpc = Vpc { id: id.clone(), created: call.now, cidr, tenancy, dns_support: true, dns_hostnames: false };
    tags.apply(call, "vpc", &id);
    // The create call itself answers `pending`; every later read finds it available.
    let xml = vpc_xml(call, &vpc, "pending");
    call.put(vpc);
    routes::create_main(call, &id);
    groups::add(call, "default".to_owned(), "default VPC security group".to_owned(), id);
    Ok(Reply::xml(Xml::new().child("vpc", xml)))
}

fn vpc_xml(call: &Call<'_>, vpc: &Vpc, state: &str) -> Xml {
    let association = Xml::new()
        .text("associationId", vpc.id.replace("vpc-", "vpc-cidr-assoc-"))
        .text("cidrBlock", vpc.cidr)
        .child("cidrBlockState", Xml::new().text("state", "associated"));
    Xml::new()
        .text("vpcId", &vpc.id)
        .text("ownerId", call.account())
        .text("state", state)
        .text("cidrBlock", vpc.cidr)
        .list("cidrBlockAssociationSet", "item", [association])
        .text("dhcpOptionsId", "dopt-00000000000000000")
        .text("instanceTenancy", &vpc.tenancy)
        .text("isDefault", false)
        .extend(tag_set(call, &vpc.id))
}

fn describe_vpcs(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = ["vpc-id", "cidr", "cidr-block-association.cidr-block", "state", "is-default", "owner-id"];
    let query = Query::take(call, "VpcId", &known)?;
    let account = call.account();
    let (found, next) = query.run::<Vpc>(call, missing, |vpc, name| {
        vec![match name {
            "vpc-id" => vpc.id.clone(),
            "state" => "available".to_owned(),
            "is-default" => "false".to_owned(),
            "owner-id" => account.clone(),
            _ => vpc.cidr.to_string(),
        }]
    })?;
    Ok(listing("vpcSet", found.into_iter().map(|vpc| vpc_xml(call, vpc, "available")), next))
}

fn delete_vpc(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VpcId")?;
    call.find::<Vpc>(&id).ok_or_else(|| missing(&id))?;
    let busy = call.all::<Subnet>().any(|it| it.vpc == id)
        || call.all::<InternetGateway>().any(|it| it.vpc.as_ref() == Some(&id))
        || call.all::<Endpoint>().any(|it| it.vpc == id)
        || call.all::<Group>().any(|it| it.vpc == id && it.name != "default")
        || call.all::<RouteTable>().any(|it| it.vpc == id && !it.is_main());
    if busy {
        return Err(dependency(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    // What it was born with goes with it.
    let tables: Vec<String> = call.all::<RouteTable>().filter(|it| it.vpc == id).map(|it| it.id.clone()).collect();
    for table in tables {
        erase::<RouteTable>(call.world, call.region, &table);
    }
    let default: Vec<String> = call.all::<Group>().filter(|it| it.vpc == id).map(|it| it.id.clone()).collect();
    for group in default {
        groups::remove(call, &group);
    }
    erase::<Vpc>(call.world, call.region, &id);
    done()
}

fn modify_vpc_attribute(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VpcId")?;
    let mut flags = [None, None];
    for (flag, field) in flags.iter_mut().zip(["EnableDnsSupport", "EnableDnsHostnames"]) {
        if let Some(mut value) = call.params.child_opt(field)? {
            *flag = value.flag_opt("Value")?;
        }
    }
    if flags.iter().flatten().count() != 1 {
        return Err(ApiError::bad("InvalidParameterCombination", "Exactly one attribute may be modified at a time"));
    }
    call.find::<Vpc>(&id).ok_or_else(|| missing(&id))?;
    call.update::<Vpc>(&id, |vpc| {
        vpc.dns_support = flags[0].unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = flags[1].unwrap_or(vpc.dns_hostnames);
    });
    done()
}

fn describe_vpc_attribute(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VpcId")?;
    let attribute = call.params.text("Attribute")?;
    let vpc = call.see::<Vpc>(&id).ok_or_else(|| missing(&id))?;
    let value = match attribute.as_str() {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => false,
        _ => return Err(call.params.invalid("attribute", attribute, "Unknown attribute.")),
    };
    Ok(Reply::xml(Xml::new().text("vpcId", id).child(attribute, Xml::new().text("value", value))))
}
