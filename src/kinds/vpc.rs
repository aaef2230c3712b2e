//! vpc: a network of its own, with DNS inside.
use crate::{
    aws::{Error, gone, tags::TagTarget},
    call::{Ctx, SweepCtx},
    kinds::ec2,
    resource::{About, Call, Changes, Class, Durations, Id, Live, Lookup, Output, Quota, Resource, State},
    units::Cidr,
};
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

impl Resource for Vpc {
    const KIND: &'static str = "vpc";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "vpc-…" },
            Output { name: "cidr", ty: "cidr", doc: "the IPv4 range" },
        ],
        fixed: &["cidr"],
        calls: &[CREATE],
        iam: &[
            "ec2:CreateVpc", "ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:ModifyVpcAttribute", "ec2:DeleteVpc",
            "ec2:CreateTags", "ec2:DeleteTags",
        ],
        quotas: &[Quota { code: "L-F678F1CE", name: "VPCs per Region" }],
        ..About::new("A virtual private cloud: a network of its own, with DNS inside")
    };

    fn summary(&self) -> String {
        self.cidr.to_string()
    }

    fn durations(&self) -> Durations {
        Durations::quick(5, 2, 2)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, vec![ec2::filter("tag:dlinfra:stack", ctx.stack_filter())]).await
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
        ids.into_iter().next().ok_or_else(|| Error::missing("the VPC's id"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let set = |on: bool| AttributeBooleanValue::builder().value(on).build();
        // One attribute a call; names need support, so support goes first when both are switched on.
        if changes.touches("dns_support") && want.dns_support {
            ctx.aws.ec2().modify_vpc_attribute().vpc_id(&live.id).enable_dns_support(set(true)).send().await?;
        }
        if changes.touches("dns_hostnames") {
            ctx.aws.ec2().modify_vpc_attribute().vpc_id(&live.id).enable_dns_hostnames(set(want.dns_hostnames)).send().await?;
        }
        if changes.touches("dns_support") && !want.dns_support {
            ctx.aws.ec2().modify_vpc_attribute().vpc_id(&live.id).enable_dns_support(set(false)).send().await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().delete_vpc().vpc_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::lookup_filters("vpc-id", by)).await
    }

    fn tag_targets(live: &Live<Self>) -> Vec<TagTarget> {
        vec![TagTarget::Ec2(vec![live.id.clone()])]
    }

    fn default_of(path: &str) -> Option<Value> {
        (path == "dns_hostnames" || path == "dns_support").then(|| json!(true))
    }
}

async fn find(ctx: &SweepCtx, filters: Vec<aws_sdk_ec2::types::Filter>) -> Result<Vec<Live<Vpc>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_vpcs().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for vpc in page?.vpcs.unwrap_or_default() {
            let tags = ec2::tags(vpc.tags());
            let id = vpc.vpc_id.ok_or_else(|| Error::missing("the VPC's id"))?;
            let cidr = vpc.cidr_block.and_then(|c| c.parse().ok()).ok_or_else(|| Error::missing("the VPC's CIDR"))?;
            let spec = Vpc {
                cidr,
                dns_hostnames: attribute(ctx, &id, VpcAttributeName::EnableDnsHostnames).await?,
                dns_support: attribute(ctx, &id, VpcAttributeName::EnableDnsSupport).await?,
            };
            let mut live = Live::new(ec2::address(ctx, &tags), &id, tags, spec);
            live.state = if vpc.state == Some(VpcState::Pending) { State::Pending } else { State::Ready };
            live.outputs = [("id".to_owned(), json!(id)), ("cidr".to_owned(), json!(live.spec.cidr))].into_iter().collect();
            out.push(live);
        }
    }
    Ok(out)
}

/// A getter per VPC and attribute: DescribeVpcs does not return them.
async fn attribute(ctx: &SweepCtx, id: &str, name: VpcAttributeName) -> Result<bool, Error> {
    let out = ctx.aws.ec2().describe_vpc_attribute().vpc_id(id).attribute(name).send().await?;
    let value = out.enable_dns_hostnames.or(out.enable_dns_support).and_then(|a| a.value);
    value.ok_or_else(|| Error::missing("a VPC attribute"))
}
