//! route-table: where packets of some subnets go; its routes and the subnets that use it live inside it.
mod association;

use association::{associate, associations, disassociate};

use crate::{
    aws::{Error, ErrorClass, gone},
    call::{Ctx, SweepCtx},
    catalog::durations,
    diagnostic::codes,
    field::Ref,
    kinds::{
        InternetGateway, NatGateway, Subnet, Vpc,
        ec2::{self, Range},
        holders,
    },
    resource::{
        About, Answers, Call, Changes, Class, DefaultValue, Durations, Gone, Id, Live, Lookup, Output, Problem, Quota,
        Resource, Teardown,
    },
};
use aws_sdk_ec2::types::{Filter, ResourceType, Route as LiveRoute, RouteOrigin, RouteState, RouteTable as Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// Where the packets of some subnets go.
///
/// The route inside the VPC, routes to prefix lists (gateway endpoints) and propagated routes belong to AWS and are
/// left alone; every other route is stated here, or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// Routes out of the VPC, by destination.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// The subnets that use it; others use the VPC's main table.
    #[serde(default)]
    pub subnets: Vec<Ref<Subnet>>,
}

/// One route: a destination and exactly one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The destination: `0.0.0.0/0` is everything that no narrower route takes.
    pub to: Range,
    /// Through this internet gateway: makes the subnets public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_gateway: Option<Ref<InternetGateway>>,
    /// Through this NAT gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway: Option<Ref<NatGateway>>,
    /// Through something that dlinfra does not make, by its id: `tgw-…`, `pcx-…`, `eni-…`, `vpce-…`, `vgw-…`, `eigw-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// On live routes only: the target is gone, and AWS drops the packets.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schemars(skip)]
    pub blackhole: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

const CREATE: Call = Call::new("ec2:CreateRouteTable", Class::Token);
const ROUTE: Call = Call::new("ec2:CreateRoute", Class::Parent);
const ASSOCIATE: Call = Call::new("ec2:AssociateRouteTable", Class::Parent);

/// Ids that a route can name without a field of their own.
const TARGETS: [&str; 6] = ["tgw-", "pcx-", "eni-", "vpce-", "vgw-", "eigw-"];

codes! {
    CODES:
    TARGET = "DL0314", "Route without exactly one target",
        "A route leads to one thing: an `internet_gateway`, a `nat_gateway`, or the id of something that dlinfra \
         does not make in `target`. Two targets for one destination need two tables.";
    TWO_ROUTES = "DL0315", "Two routes to one destination",
        "A table has one route per destination. When two routes overlap, the one with the longer prefix takes \
         the packet, so narrow one of them.";
    TARGET_KIND = "DL0316", "Target of a kind that routes cannot have",
        "`target` takes the id of a transit gateway (tgw-), peering connection (pcx-), network interface (eni-), \
         gateway load balancer endpoint (vpce-), virtual private gateway (vgw-) or egress-only internet gateway \
         (eigw-). Internet and NAT gateways have fields of their own. Routes to gateway endpoints are made by AWS \
         when the endpoint names the table.";
}

impl Route {
    /// The id of what it leads to.
    fn target_id(&self) -> Result<Option<&str>, Error> {
        Ok(match (&self.internet_gateway, &self.nat_gateway) {
            (Some(gateway), _) => Some(gateway.id()?),
            (_, Some(gateway)) => Some(gateway.id()?),
            _ => self.target.as_deref(),
        })
    }
}

impl Resource for RouteTable {
    const KIND: &'static str = "route-table";
    const ABOUT: About = About {
        outputs: &[Output { name: "id", ty: "string", doc: "rtb-…" }],
        fixed: &["vpc"],
        id_prefix: "rtb-",
        terraform: "aws_route_table",
        calls: &[CREATE, ROUTE, ASSOCIATE],
        iam: &[
            "ec2:CreateRouteTable",
            "ec2:DescribeRouteTables",
            "ec2:DeleteRouteTable",
            "ec2:CreateRoute",
            "ec2:ReplaceRoute",
            "ec2:DeleteRoute",
            "ec2:AssociateRouteTable",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:DisassociateRouteTable",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-589F43AA", name: "Route tables per VPC" },
            Quota { code: "L-93826ACB", name: "Routes per route table" },
        ],
        codes: CODES,
        completes: &["subnets"],
        free: true,
        defaults: &[("routes", DefaultValue::EmptyList), ("subnets", DefaultValue::EmptyList)],
        durations: Some(Durations {
            create: durations::ROUTE_TABLE_CREATE,
            update: durations::IMMEDIATE,
            delete: durations::IMMEDIATE,
        }),
        gone: Gone::AtOnce,
        stand_in: r#"{"vpc":"@vpc"}"#,
        ..About::new("Where the packets of some subnets go")
    };

    fn summary(&self) -> String {
        let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        format!("{} for {}", count(self.routes.len(), "route"), count(self.subnets.len(), "subnet"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for (index, route) in self.routes.iter().enumerate() {
            let mut problem = |code, summary: String, help: &str| {
                problems.push(Problem { code, path: format!("routes[{index}]"), summary, help: help.to_owned() });
            };
            let targets = [route.internet_gateway.is_some(), route.nat_gateway.is_some(), route.target.is_some()];
            let count = targets.iter().filter(|set| **set).count();
            if count != 1 {
                problem(
                    &TARGET,
                    format!("the route to {} has {count} targets", route.to),
                    "write one of `internet_gateway`, `nat_gateway`, `target`",
                );
            }
            if !seen.insert(&route.to) {
                problem(&TWO_ROUTES, format!("two routes lead to {}", route.to), "keep one, or narrow one of them");
            }
            if let Some(target) = route.target.as_ref().filter(|t| !TARGETS.iter().any(|p| t.starts_with(p))) {
                problem(
                    &TARGET_KIND,
                    format!("a route cannot lead to `{target}`"),
                    "write an id that starts with tgw-, pcx-, eni-, vpce-, vgw- or eigw-; gateways have fields of their own",
                );
            }
        }
    }

    fn normalize(&mut self) {
        self.routes.iter_mut().for_each(|route| route.to.normalize());
        self.routes.sort_by(|a, b| a.to.cmp(&b.to));
        self.subnets.sort();
        self.subnets.dedup();
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let vpc = self.vpc.id()?;
        let ids = ctx
            .call(&CREATE, "", &json!({ "vpc": vpc }), |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::RouteTable, &attempt.tags);
                let call = ctx.aws.ec2_once().create_route_table().vpc_id(vpc).client_token(attempt.token);
                let id = call.tag_specifications(tags).send().await?.route_table.and_then(|t| t.route_table_id);
                Ok(vec![id.ok_or_else(|| Error::missing("the route table's id"))?])
            })
            .await?;
        ec2::only(ids, "the route table's id")
    }

    /// Routes are there before a subnet comes to the table, and stay until it has left.
    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if !changes.touches("routes") && !changes.touches("subnets") {
            return Ok(());
        }
        let id = live.id.as_str();
        let sweep = ctx.sweep();
        let now = ec2::now(ctx, live, find(&sweep, vec![ec2::filter("route-table-id", id)])).await?;
        for route in &want.routes {
            match now.routes.iter().find(|r| r.to == route.to) {
                Some(have) if !have.blackhole && have.target_id()? == route.target_id()? => {}
                Some(_) => replace(ctx, id, route).await?,
                None => match create(ctx, id, route).await {
                    Err(e) if e.class == ErrorClass::Exists => replace(ctx, id, route).await?,
                    other => other?,
                },
            }
        }
        associate(ctx, id, want, &now).await?;
        for route in now.routes.iter().filter(|have| !want.routes.iter().any(|r| r.to == have.to)) {
            let call = ctx.aws.ec2().delete_route().route_table_id(id);
            let call = match route.to.is_v6() {
                true => call.destination_ipv6_cidr_block(&route.to.0),
                false => call.destination_cidr_block(&route.to.0),
            };
            gone(call.send().await.map_err(Error::from))?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        // Those of a look: one that came since holds the table, and the next look shows it.
        for association in live.ids.iter().filter(|id| id.starts_with("rtbassoc-")) {
            disassociate(ctx, association).await?;
        }
        gone(ctx.aws.ec2().delete_route_table().route_table_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::lookup_filters("route-table-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("route-table-id", ids, |filters| find(ctx, filters)).await
    }
}

impl Answers for RouteTable {
    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        Some(live.with_spec(want.clone()))
    }
}

impl Teardown for RouteTable {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        holders::endpoints(ctx, "vpc-endpoint-type", "Gateway", Some(&live.id)).await
    }
}

/// Sets destination and target of a CreateRoute or ReplaceRoute call, which have the same setters on two types.
macro_rules! aim {
    ($call:expr, $table:expr, $route:expr) => {{
        let (call, route): (_, &Route) = ($call.route_table_id($table), $route);
        let call = match route.to.is_v6() {
            true => call.destination_ipv6_cidr_block(&route.to.0),
            false => call.destination_cidr_block(&route.to.0),
        };
        let id = route.target_id()?.unwrap_or_default();
        match id.split_once('-').map_or("", |(prefix, _)| prefix) {
            "igw" | "vgw" => call.gateway_id(id),
            "nat" => call.nat_gateway_id(id),
            "tgw" => call.transit_gateway_id(id),
            "pcx" => call.vpc_peering_connection_id(id),
            "eni" => call.network_interface_id(id),
            "vpce" => call.vpc_endpoint_id(id),
            "eigw" => call.egress_only_internet_gateway_id(id),
            _ => return Err(Error::new(ErrorClass::Invalid, format!("a route cannot lead to `{id}`"))),
        }
    }};
}

async fn create(ctx: &Ctx, table: &str, route: &Route) -> Result<(), Error> {
    let call = aim!(ctx.aws.ec2().create_route(), table, route);
    ec2::patient(ctx, || async { Ok(call.clone().send().await.map(|_| ())?) }).await
}

async fn replace(ctx: &Ctx, table: &str, route: &Route) -> Result<(), Error> {
    let call = aim!(ctx.aws.ec2().replace_route(), table, route);
    ec2::patient(ctx, || async { Ok(call.clone().send().await.map(|_| ())?) }).await
}

async fn tables(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Table>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_route_tables().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.route_tables.unwrap_or_default());
    }
    Ok(out)
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<RouteTable>>, Error> {
    let mut out = Vec::new();
    for table in tables(ctx, filters).await? {
        let tags = ec2::tags(table.tags());
        let id = table.route_table_id().ok_or_else(|| Error::missing("the route table's id"))?;
        let routes = table.routes().iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let spec = RouteTable {
            vpc: Ref::to_id(table.vpc_id().ok_or_else(|| Error::missing("the route table's VPC"))?),
            routes: routes.into_iter().flatten().collect(),
            subnets: associations(&table).into_iter().map(|(subnet, _)| Ref::to_id(subnet)).collect(),
        };
        let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
        live.ids = associations(&table).into_iter().map(|(_, association)| association.to_owned()).collect();
        live.outputs = ec2::outputs([("id", json!(id))]);
        out.push(live);
    }
    Ok(out)
}

/// A live route in our form; `None` = it belongs to AWS.
fn read(route: &LiveRoute) -> Result<Option<Route>, Error> {
    let by_aws = route.origin().is_some_and(|origin| *origin != RouteOrigin::CreateRoute);
    if by_aws || route.gateway_id() == Some("local") || route.destination_prefix_list_id().is_some() {
        return Ok(None);
    }
    let to = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
    let to = Range(to.ok_or_else(|| Error::missing("the destination of a route"))?.to_owned());
    let blackhole = route.state() == Some(&RouteState::Blackhole);
    let mut out = Route { to, internet_gateway: None, nat_gateway: None, target: None, blackhole };
    if let Some(id) = route.nat_gateway_id() {
        out.nat_gateway = Some(Ref::to_id(id));
    } else if let Some(id) = route.gateway_id().filter(|id| id.starts_with("igw-")) {
        out.internet_gateway = Some(Ref::to_id(id));
    } else {
        // A route to an instance shows its interface as well, which is what a call can name.
        let rest = [
            route.gateway_id(),
            route.transit_gateway_id(),
            route.vpc_peering_connection_id(),
            route.network_interface_id(),
            route.instance_id(),
            route.egress_only_internet_gateway_id(),
            route.local_gateway_id(),
            route.carrier_gateway_id(),
            route.core_network_arn(),
        ];
        out.target = rest.into_iter().flatten().next().map(str::to_owned);
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(routes: &serde_json::Value) -> Vec<&'static str> {
        let table: RouteTable = serde_json::from_value(json!({ "vpc": { "$ref": "vpc" }, "routes": routes })).unwrap();
        let mut problems = Vec::new();
        table.check(&mut problems);
        problems.iter().map(|p| p.code.code).collect()
    }

    #[test]
    fn a_route_has_one_target_and_a_destination_of_its_own() {
        let igw = json!({ "$ref": "igw" });
        assert!(
            codes(&json!([{ "to": "0.0.0.0/0", "internet_gateway": igw }, { "to": "10.9.0.0/16", "target": "tgw-1" }]))
                .is_empty()
        );
        assert_eq!(codes(&json!([{ "to": "0.0.0.0/0" }])), ["DL0314"]);
        assert_eq!(codes(&json!([{ "to": "0.0.0.0/0", "internet_gateway": igw, "nat_gateway": igw }])), ["DL0314"]);
        assert_eq!(
            codes(&json!([{ "to": "0.0.0.0/0", "nat_gateway": igw }, { "to": "0.0.0.0/0", "target": "i-1" }])),
            ["DL0315", "DL0316"]
        );
    }

    #[test]
    fn what_belongs_to_aws_is_not_read() {
        let route = LiveRoute::builder().destination_cidr_block("10.0.0.0/16").gateway_id("local").build();
        assert_eq!(read(&route), Ok(None));
        let route = LiveRoute::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build();
        assert_eq!(read(&route), Ok(None));
        let route = LiveRoute::builder().destination_cidr_block("10.1.0.0/16").gateway_id("vgw-1");
        assert_eq!(read(&route.origin(RouteOrigin::EnableVgwRoutePropagation).build()), Ok(None));
        assert!(read(&LiveRoute::builder().gateway_id("igw-1").build()).is_err());
    }

    #[test]
    fn a_blackhole_is_a_difference() {
        let route = LiveRoute::builder().destination_cidr_block("0.0.0.0/0").nat_gateway_id("nat-1");
        let wanted = json!({ "to": "0.0.0.0/0", "nat_gateway": { "$id": "nat-1" } });
        let live = read(&route.clone().state(RouteState::Active).build()).unwrap();
        assert_eq!(serde_json::to_value(live).unwrap(), wanted);
        let live = read(&route.state(RouteState::Blackhole).build()).unwrap();
        assert_ne!(serde_json::to_value(live).unwrap(), wanted);
    }

    #[test]
    fn routes_to_other_things_are_read_by_id() {
        let route = LiveRoute::builder().destination_cidr_block("10.9.0.0/16").instance_id("i-1");
        let live = read(&route.network_interface_id("eni-1").build()).unwrap().unwrap();
        assert_eq!(live.target.as_deref(), Some("eni-1"));
        let route = LiveRoute::builder().destination_ipv6_cidr_block("::/0").egress_only_internet_gateway_id("eigw-1");
        let live = read(&route.build()).unwrap().unwrap();
        assert!(live.to.is_v6() && live.target.as_deref() == Some("eigw-1"));
    }
}
