//! What holds an object in a VPC that AWS refuses to delete: interfaces, rules, endpoints of others, by id.
use super::ec2;
use crate::{
    aws::{Error, tags},
    call::SweepCtx,
};
use aws_sdk_ec2::types::{IpPermission, NetworkInterface, Tag};

/// Does this stack own it? What it owns goes by itself.
fn ours(ctx: &SweepCtx, found: &[Tag]) -> bool {
    ec2::tags(found).get(tags::STACK) == Some(&ctx.scope.stack)
}

/// The interfaces behind this filter.
pub(super) async fn interfaces(ctx: &SweepCtx, filter: &str, id: &str) -> Result<Vec<String>, Error> {
    Ok(all(ctx, filter, id).await?.iter().map(interface).collect())
}

/// The interfaces in the VPC that have a public address.
pub(super) async fn public_interfaces(ctx: &SweepCtx, vpc: &str) -> Result<Vec<String>, Error> {
    let all = all(ctx, "vpc-id", vpc).await?;
    Ok(all.iter().filter(|e| e.association().is_some_and(|a| a.public_ip().is_some())).map(interface).collect())
}

async fn all(ctx: &SweepCtx, filter: &str, id: &str) -> Result<Vec<NetworkInterface>, Error> {
    let list = ctx.aws.ec2().describe_network_interfaces().filters(ec2::filter(filter, id));
    let mut found = list.into_paginator().items().send().try_collect().await?;
    found.retain(|e: &NetworkInterface| !ours(ctx, e.tag_set()));
    Ok(found)
}

/// `eni-… (VPC Endpoint Interface vpce-…, of vpc_endpoint, requested by 123456789012)`.
fn interface(eni: &NetworkInterface) -> String {
    let mut words = Vec::new();
    let instance = eni.attachment().and_then(|a| a.instance_id());
    words.extend(eni.description().filter(|d| !d.is_empty()).map(str::to_owned));
    words.extend(instance.map(|i| format!("of {i}")));
    match eni.requester_id() {
        Some(requester) if !requester.is_empty() => words.push(format!("requested by {requester}")),
        _ => words.extend(eni.owner_id().map(|o| format!("of account {o}"))),
    }
    format!("the network interface {} ({})", eni.network_interface_id().unwrap_or("?"), words.join(", "))
}

/// The security groups of this VPC whose rules name the group.
pub(super) async fn referring_groups(ctx: &SweepCtx, vpc: &str, id: &str) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_security_groups().filters(ec2::filter("vpc-id", vpc));
    let groups = list.into_paginator().items().send().try_collect().await?;
    let names = |g: &&aws_sdk_ec2::types::SecurityGroup| {
        let rules = || g.ip_permissions().iter().chain(g.ip_permissions_egress());
        rules().flat_map(IpPermission::user_id_group_pairs).any(|pair| pair.group_id() == Some(id))
    };
    let others = groups.iter().filter(|g| g.group_id() != Some(id) && !ours(ctx, g.tags())).filter(names);
    Ok(others
        .map(|g| format!("the security group {} (a rule of it names {id})", named(g.group_id(), g.group_name())))
        .collect())
}

/// The security groups of others in the VPC; the default one goes with it.
pub(super) async fn groups(ctx: &SweepCtx, vpc: &str) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_security_groups().filters(ec2::filter("vpc-id", vpc));
    let groups = list.into_paginator().items().send().try_collect().await?;
    let others = groups.iter().filter(|g| g.group_name() != Some("default") && !ours(ctx, g.tags()));
    Ok(others.map(|g| format!("the security group {}", named(g.group_id(), g.group_name()))).collect())
}

/// The subnets of others in the VPC.
pub(super) async fn subnets(ctx: &SweepCtx, vpc: &str) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_subnets().filters(ec2::filter("vpc-id", vpc));
    let subnets = list.into_paginator().items().send().try_collect().await?;
    let others = subnets.iter().filter(|s| !ours(ctx, s.tags()));
    Ok(others.map(|s| format!("the subnet {}", named(s.subnet_id(), s.cidr_block()))).collect())
}

/// The internet gateways of others at the VPC.
pub(super) async fn gateways(ctx: &SweepCtx, vpc: &str) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_internet_gateways().filters(ec2::filter("attachment.vpc-id", vpc));
    let gateways = list.into_paginator().items().send().try_collect().await?;
    let others = gateways.iter().filter(|g| !ours(ctx, g.tags()));
    Ok(others.map(|g| format!("the internet gateway {}", g.internet_gateway_id().unwrap_or("?"))).collect())
}

/// The route tables of others in the VPC; the main one goes with it.
pub(super) async fn tables(ctx: &SweepCtx, vpc: &str) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_route_tables().filters(ec2::filter("vpc-id", vpc));
    let tables = list.into_paginator().items().send().try_collect().await?;
    let main = |t: &aws_sdk_ec2::types::RouteTable| t.associations().iter().any(|a| a.main() == Some(true));
    let others = tables.iter().filter(|t| !main(t) && !ours(ctx, t.tags()));
    Ok(others.map(|t| format!("the route table {}", t.route_table_id().unwrap_or("?"))).collect())
}

/// The endpoints of others in the VPC, or those that stand in one of its route tables.
pub(super) async fn endpoints(
    ctx: &SweepCtx,
    filter: &str,
    id: &str,
    table: Option<&str>,
) -> Result<Vec<String>, Error> {
    let list = ctx.aws.ec2().describe_vpc_endpoints().filters(ec2::filter(filter, id));
    let endpoints = list.into_paginator().items().send().try_collect().await?;
    let here = |e: &&aws_sdk_ec2::types::VpcEndpoint| {
        table.is_none_or(|table| e.route_table_ids().iter().any(|t| t == table)) && !ours(ctx, e.tags())
    };
    let names = endpoints.iter().filter(here);
    Ok(names.map(|e| format!("the endpoint {}", named(e.vpc_endpoint_id(), e.service_name()))).collect())
}

fn named(id: Option<&str>, name: Option<&str>) -> String {
    let id = id.unwrap_or("?");
    name.map_or(id.to_owned(), |name| format!("{id} ({name})"))
}
