//! vpc-endpoint: a way from a VPC to a service of AWS that does not cross the internet.
mod change;
mod check;
mod read;

use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    catalog::durations,
    field::Ref,
    kinds::{RouteTable, SecurityGroup, Subnet, Vpc, ec2, policy::Policy},
    price::{PriceContext, PriceLine, network},
    resource::{
        About, Call, Changes, Class, DefaultValue, Durations, Gone, Id, Live, Lookup, Output, Problem, Quota, Resource,
        State,
    },
};
use aws_sdk_ec2::types::{ResourceType, VpcEndpointType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// A way from a VPC to a service that does not cross the internet: routes to S3 or DynamoDB, which are free, or network
/// interfaces, which are paid for by the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcEndpoint {
    /// The VPC.
    pub vpc: Ref<Vpc>,
    /// The service: `s3`, `ssm`, `ecr.api` and so on are those of AWS in the stack's region; others have their full name
    /// (`com.amazonaws.vpce.REGION.vpce-svc-…`, `aws.sagemaker.REGION.studio`).
    pub service: String,
    /// How it is reached; if not given, `gateway` for S3 and DynamoDB and `interface` for all others.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub class: Option<Type>,
    /// The route tables that get a route to the service; for gateways only.
    #[serde(default)]
    pub route_tables: Vec<Ref<RouteTable>>,
    /// The subnets that get an interface, one in each zone; for interfaces only.
    #[serde(default)]
    pub subnets: Vec<Ref<Subnet>>,
    /// Who may send it requests: the groups must allow port 443 in. For interfaces only.
    #[serde(default)]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Does the service's own DNS name resolve to the endpoint in the whole VPC? Without it, programs must use the
    /// endpoint's own names. For interfaces only.
    #[serde(default = "yes")]
    pub private_dns: bool,
    /// What may be done through it, in AWS's policy language; everything without it, as far as the caller's own policies
    /// allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// By routes; S3 and DynamoDB only.
    Gateway,
    /// By a network interface in each zone.
    Interface,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("ec2:CreateVpcEndpoint", Class::Token);

impl Resource for VpcEndpoint {
    const KIND: &'static str = "vpc-endpoint";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "vpce-…" },
            Output { name: "dns_names", ty: "list(string)", doc: "its own DNS names, the one for all zones first" },
            Output { name: "network_interfaces", ty: "list(string)", doc: "eni-…, one for each subnet" },
        ],
        fixed: &["vpc", "service", "type"],
        unsettled: &[("dns_names", &["subnets", "private_dns"]), ("network_interfaces", &["subnets"])],
        // Its routes hold a table, its interfaces hold subnets and groups.
        holds: &["route_tables", "subnets", "security_groups"],
        completes: &["subnets"],
        id_prefix: "vpce-",
        terraform: "aws_vpc_endpoint",
        calls: &[CREATE],
        iam: &[
            "ec2:CreateVpcEndpoint",
            "ec2:DescribeVpcEndpoints",
            "ec2:ModifyVpcEndpoint",
            "ec2:DeleteVpcEndpoints",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        // Its code is unverified.
        quotas: &[Quota { code: "L-29B6F2EB", name: "Interface VPC endpoints per VPC" }],
        codes: check::CODES,
        spends: true,
        prices: "vpc",
        defaults: &[
            ("route_tables", DefaultValue::EmptyList),
            ("private_dns", DefaultValue::Flag(true)),
            ("policy", DefaultValue::Nothing),
        ],
        durations: Some(Durations {
            create: durations::VPC_ENDPOINT,
            update: durations::VPC_ENDPOINT,
            delete: durations::VPC_ENDPOINT,
        }),
        // For minutes it is being deleted, and its interfaces hold subnets and security groups so long.
        gone: Gone::Later,
        ..About::new("A way from a VPC to a service of AWS that does not cross the internet")
    };

    fn summary(&self) -> String {
        let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        match self.class() {
            Type::Gateway => format!("{} for {}", self.service, count(self.route_tables.len(), "route table")),
            Type::Interface => format!("{} in {}", self.service, count(self.subnets.len(), "subnet")),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        let class = *self.class.insert(self.class());
        self.private_dns &= class == Type::Interface;
        self.route_tables.sort();
        self.route_tables.dedup();
        self.subnets.sort();
        self.subnets.dedup();
        self.security_groups.sort();
        self.security_groups.dedup();
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
        // What AWS makes without a policy says the same.
        self.policy.take_if(|policy| read::is_open(policy));
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        match self.class() {
            Type::Gateway => Vec::new(),
            Type::Interface => network::interface_endpoint(ctx, u32::try_from(self.subnets.len()).unwrap_or(u32::MAX)),
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let (vpc, service) = (self.vpc.id()?, &read::full_name(&self.service, ctx.aws.region()));
        let (tables, subnets) = (&ids(&self.route_tables)?, &ids(&self.subnets)?);
        let groups = &ids(&self.security_groups)?;
        let policy = self.policy.as_ref().map(Policy::text);
        let params = &json!({ "vpc": vpc, "service": service, "type": self.class(), "route_tables": tables,
            "subnets": subnets, "security_groups": groups, "private_dns": self.private_dns, "policy": policy });
        let class = self.class();
        let some = |ids: &BTreeSet<&str>| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let ids = ctx
            .call(&CREATE, "", params, |attempt| {
                let tags = ec2::tag_specification(ResourceType::VpcEndpoint, &attempt.tags);
                let call = ctx.aws.ec2_once().create_vpc_endpoint().vpc_id(vpc).service_name(service);
                let call = call.client_token(attempt.token).tag_specifications(tags);
                let call = call.set_policy_document(policy.clone());
                let call = match class {
                    Type::Gateway => {
                        call.vpc_endpoint_type(VpcEndpointType::Gateway).set_route_table_ids(Some(some(tables)))
                    }
                    Type::Interface => call
                        .vpc_endpoint_type(VpcEndpointType::Interface)
                        .set_subnet_ids(Some(some(subnets)))
                        .set_security_group_ids(Some(some(groups)))
                        .private_dns_enabled(self.private_dns),
                };
                async move {
                    let id = call.send().await?.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
                    Ok(vec![id.ok_or_else(|| Error::missing("the endpoint's id"))?])
                }
            })
            .await?;
        ec2::only(ids, "the endpoint's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        change::bring(want, ctx, live, changes).await
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        if live.state == State::Deleting {
            return Ok(());
        }
        let out = ctx.aws.ec2().delete_vpc_endpoints().vpc_endpoint_ids(&live.id).send().await?;
        // What could not be deleted stands in an answer that is a success.
        let refused = out.unsuccessful().iter().find_map(|item| item.error());
        gone(refused.map_or(Ok(()), |error| {
            let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
            Err(Error::inside("ec2:DeleteVpcEndpoints", code, message))
        }))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::find(ctx, ec2::lookup_filters("vpc-endpoint-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("vpc-endpoint-id", ids, |filters| read::find(ctx, filters)).await
    }
}

impl VpcEndpoint {
    /// How it is reached, also where nothing is said.
    pub(crate) fn class(&self) -> Type {
        let by_routes = ["s3", "dynamodb"].contains(&self.service.as_str());
        self.class.unwrap_or(if by_routes { Type::Gateway } else { Type::Interface })
    }
}

fn ids<K>(refs: &[Ref<K>]) -> Result<BTreeSet<&str>, Error> {
    refs.iter().map(Ref::id).collect()
}
