//! vpc: a network of its own, with DNS inside.
use crate::{
    aws::{Error, gone, optional},
    call::{Ctx, SweepCtx},
    catalog::{durations, quota},
    diagnostic::codes,
    kinds::{ec2, holders},
    resource::{
        About, Answers, Call, Changes, Class, DefaultValue, Durations, Expected, Gone, Id, Live, Lookup, Need, Output,
        Problem, Quota, Resource, State, Teardown,
    },
    units::Cidr,
};
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, VpcAttributeName, VpcState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// The IPv4 range, /16 to /28.
    pub cidr: Cidr,
    /// Instances get DNS names; EFS, FSx and endpoints need them.
    #[serde(default = "yes")]
    pub dns_hostnames: bool,
    /// The VPC's own DNS server answers.
    #[serde(default = "yes")]
    pub dns_support: bool,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("ec2:CreateVpc", Class::Tags);

codes! {
    CODES:
    CIDR = "DL0310", "VPC range of a size that AWS refuses",
        "A VPC's IPv4 range has a prefix between /16 (65,536 addresses) and /28 (16 addresses). For training clusters \
         take a /16: a node can use 32 addresses, one for each of its network interfaces.";
}

impl Resource for Vpc {
    const KIND: &'static str = "vpc";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "vpc-…" },
            Output { name: "cidr", ty: "cidr", doc: "the IPv4 range" },
        ],
        fixed: &["cidr"],
        id_prefix: "vpc-",
        terraform: "aws_vpc",
        calls: &[CREATE],
        iam: &[
            "ec2:CreateVpc",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:DeleteVpc",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[Quota { code: "L-F678F1CE", name: "VPCs per Region" }],
        codes: CODES,
        free: true,
        defaults: &[("dns_hostnames", DefaultValue::Flag(true)), ("dns_support", DefaultValue::Flag(true))],
        durations: Some(Durations {
            create: durations::VPC_CREATE,
            update: durations::IMMEDIATE,
            delete: Expected::secs(2, 300),
        }),
        gone: Gone::AtOnce,
        stand_in: r#"{"cidr":"10.0.0.0/16"}"#,
        ..About::new("A virtual private cloud: a network of its own, with DNS inside")
    };

    fn summary(&self) -> String {
        self.cidr.to_string()
    }

    fn needs(&self) -> Vec<Need> {
        vec![Need { quota: &quota::VPCS, amount: 1 }]
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if !(16..=28).contains(&self.cidr.prefix()) {
            problems.push(Problem {
                code: &CIDR,
                path: "cidr".to_owned(),
                summary: format!("AWS makes no VPC of {}", self.cidr),
                help: "use a prefix between /16 and /28, for example `10.20.0.0/16`".to_owned(),
            });
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&CREATE, "", self, |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::Vpc, &attempt.tags);
                let call = ctx.aws.ec2_once().create_vpc().cidr_block(self.cidr.to_string()).tag_specifications(tags);
                let vpc = call.send().await?.vpc.and_then(|v| v.vpc_id);
                Ok(vec![vpc.ok_or_else(|| Error::missing("the VPC's id"))?])
            })
            .await?;
        ec2::only(ids, "the VPC's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let set = |on: bool| AttributeBooleanValue::builder().value(on).build();
        let support = |on: bool| ctx.aws.ec2().modify_vpc_attribute().vpc_id(&live.id).enable_dns_support(set(on));
        let names = |on: bool| ctx.aws.ec2().modify_vpc_attribute().vpc_id(&live.id).enable_dns_hostnames(set(on));
        // One attribute a call; names need support, so support goes first when both are switched on.
        if changes.touches("dns_support") && want.dns_support {
            ec2::patient(ctx, || async { Ok(support(true).send().await?) }).await?;
        }
        if changes.touches("dns_hostnames") {
            ec2::patient(ctx, || async { Ok(names(want.dns_hostnames).send().await?) }).await?;
        }
        if changes.touches("dns_support") && !want.dns_support {
            ec2::patient(ctx, || async { Ok(support(false).send().await?) }).await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().delete_vpc().vpc_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::lookup_filters("vpc-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("vpc-id", ids, |filters| find(ctx, filters)).await
    }
}

impl Answers for Vpc {
    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        Some(live.with_spec(want.clone()))
    }
}

impl Teardown for Vpc {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        let vpc = &live.id;
        let mut out = holders::endpoints(ctx, "vpc-id", vpc, None).await?;
        out.extend(holders::interfaces(ctx, "vpc-id", vpc).await?);
        out.extend(holders::subnets(ctx, vpc).await?);
        out.extend(holders::groups(ctx, vpc).await?);
        out.extend(holders::tables(ctx, vpc).await?);
        out.extend(holders::gateways(ctx, vpc).await?);
        Ok(out)
    }
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<Vpc>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_vpcs().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for vpc in page?.vpcs.unwrap_or_default() {
            let tags = ec2::tags(vpc.tags());
            let id = vpc.vpc_id.ok_or_else(|| Error::missing("the VPC's id"))?;
            let cidr = vpc.cidr_block.and_then(|c| c.parse().ok()).ok_or_else(|| Error::missing("the VPC's CIDR"))?;
            let (dns_hostnames, dns_support) = tokio::try_join!(
                attribute(ctx, &id, VpcAttributeName::EnableDnsHostnames),
                attribute(ctx, &id, VpcAttributeName::EnableDnsSupport),
            )?;
            // Removed between the two requests: then it is gone.
            let (Some(dns_hostnames), Some(dns_support)) = (dns_hostnames, dns_support) else { continue };
            let spec = Vpc { cidr, dns_hostnames, dns_support };
            let mut live = Live::new(ctx.address(&id, &tags), &id, tags, spec);
            live.state = if vpc.state == Some(VpcState::Pending) { State::Pending } else { State::Ready };
            live.outputs = ec2::outputs([("id", json!(id)), ("cidr", json!(live.spec.cidr))]);
            out.push(live);
        }
    }
    Ok(out)
}

/// A getter per VPC and attribute: DescribeVpcs does not return them.
async fn attribute(ctx: &SweepCtx, id: &str, name: VpcAttributeName) -> Result<Option<bool>, Error> {
    let out = ctx.aws.ec2().describe_vpc_attribute().vpc_id(id).attribute(name).send().await;
    let Some(out) = optional(out.map_err(Error::from))? else { return Ok(None) };
    let value = out.enable_dns_hostnames.or(out.enable_dns_support).and_then(|a| a.value);
    value.map(Some).ok_or_else(|| Error::missing("a VPC attribute"))
}
