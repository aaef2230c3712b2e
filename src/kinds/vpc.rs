//! vpc: a network of its own, with DNS inside.
use crate::{
    aws::{Error, gone, optional},
    call::{Ctx, SweepCtx},
    catalog::{durations, quota},
    diagnostic::codes,
    kinds::{ec2, holders},
    resource::{
        About, Answers, Call, Changes, Class, Compares, DefaultValue, Durations, Expected, Gone, Id, Live, Lookup,
        Need, Output, Problem, Quota, Resource, State, Teardown,
    },
    units::Cidr,
};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, ResourceType, VpcAttributeName, VpcCidrBlockAssociation, VpcCidrBlockStateCode,
    VpcState,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// The IPv4 range, /16 to /28.
    pub cidr: Cidr,
    /// Further IPv4 ranges, /16 to /28; AWS allows four of them, up to forty-nine with a higher quota. One that is no
    /// longer listed stays as long as the VPC: AWS frees none in which subnets stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_cidrs: Vec<Cidr>,
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
    OVERLAP = "DL0317", "Two ranges of a VPC overlap",
        "The ranges of a VPC have no address in common: `cidr` and each of `further_cidrs` stand beside each other.";
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
            "ec2:AssociateVpcCidrBlock",
            "ec2:DeleteVpc",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-F678F1CE", name: "VPCs per Region" },
            Quota { code: "L-83CA0A9D", name: "IPv4 CIDR blocks per VPC" },
        ],
        codes: CODES,
        free: true,
        defaults: &[
            ("further_cidrs", DefaultValue::EmptyList),
            ("dns_hostnames", DefaultValue::Flag(true)),
            ("dns_support", DefaultValue::Flag(true)),
        ],
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
        let further = self.further_cidrs.iter().map(|range| format!(" and {range}"));
        format!("{}{}", self.cidr, further.collect::<String>())
    }

    fn needs(&self) -> Vec<Need> {
        vec![Need { quota: &quota::VPCS, amount: 1 }]
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let further = self.further_cidrs.iter().enumerate().map(|(n, range)| (format!("further_cidrs[{n}]"), *range));
        let all: Vec<(String, Cidr)> = std::iter::once(("cidr".to_owned(), self.cidr)).chain(further).collect();
        for (n, (path, range)) in all.iter().enumerate() {
            let mut problem = |code, summary, help: &str| {
                problems.push(Problem { code, path: path.clone(), summary, help: help.to_owned() });
            };
            if !(16..=28).contains(&range.prefix()) {
                let help = "use a prefix between /16 and /28, for example `10.20.0.0/16`";
                problem(&CIDR, format!("AWS makes no VPC of {range}"), help);
            }
            if let Some((_, other)) = all[..n].iter().find(|(_, other)| other.overlaps(*range)) {
                problem(&OVERLAP, format!("{range} overlaps {other}"), "take a range that has no address in common");
            }
        }
    }

    fn normalize(&mut self) {
        self.further_cidrs.sort();
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
        if changes.touches("further_cidrs") {
            further_ranges(want, ctx, live).await?;
        }
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
        // A range takes a moment until it can be used.
        (want.further_cidrs == live.spec.further_cidrs).then(|| live.with_spec(want.clone()))
    }
}

impl Compares for Vpc {
    /// A VPC may have more ranges than are wanted.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let list = |spec: &Value| spec.get("further_cidrs").and_then(Value::as_array).cloned().unwrap_or_default();
        let (wanted, has) = (list(want), list(found));
        if wanted == has || !wanted.iter().all(|range| has.contains(range)) {
            return None;
        }
        let mut seen = found.clone();
        seen["further_cidrs"] = Value::Array(wanted);
        Some(seen)
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

/// Adds what is missing.
async fn further_ranges(want: &Vpc, ctx: &Ctx, live: &Live<Vpc>) -> Result<(), Error> {
    let vpc = ctx.aws.ec2().describe_vpcs().vpc_ids(&live.id).send().await?.vpcs.unwrap_or_default().pop();
    let has = vpc.as_ref().map(further).unwrap_or_default();
    for range in want.further_cidrs.iter().filter(|range| !has.contains(range)) {
        let call = ctx.aws.ec2().associate_vpc_cidr_block().vpc_id(&live.id).cidr_block(range.to_string());
        call.send().await?;
    }
    Ok(())
}

/// The ranges beside the first.
fn further(vpc: &aws_sdk_ec2::types::Vpc) -> Vec<Cidr> {
    let there = |a: &&VpcCidrBlockAssociation| {
        let state = a.cidr_block_state().and_then(|s| s.state());
        matches!(state, Some(VpcCidrBlockStateCode::Associated | VpcCidrBlockStateCode::Associating))
    };
    let all = vpc.cidr_block_association_set().iter().filter(there);
    let all = all.filter(|a| a.cidr_block() != vpc.cidr_block());
    all.filter_map(|a| a.cidr_block()?.parse().ok()).collect()
}

/// Is a range on its way?
fn associating(vpc: &aws_sdk_ec2::types::Vpc) -> bool {
    let state = |a: &VpcCidrBlockAssociation| a.cidr_block_state().and_then(|s| s.state()).cloned();
    vpc.cidr_block_association_set().iter().any(|a| state(a) == Some(VpcCidrBlockStateCode::Associating))
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<Vpc>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_vpcs().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for vpc in page?.vpcs.unwrap_or_default() {
            let tags = ec2::tags(vpc.tags());
            let mut further_cidrs = further(&vpc);
            further_cidrs.sort();
            let pending = vpc.state == Some(VpcState::Pending) || associating(&vpc);
            let id = vpc.vpc_id.ok_or_else(|| Error::missing("the VPC's id"))?;
            let cidr = vpc.cidr_block.and_then(|c| c.parse().ok()).ok_or_else(|| Error::missing("the VPC's CIDR"))?;
            let (dns_hostnames, dns_support) = tokio::try_join!(
                attribute(ctx, &id, VpcAttributeName::EnableDnsHostnames),
                attribute(ctx, &id, VpcAttributeName::EnableDnsSupport),
            )?;
            // Removed between the two requests: then it is gone.
            let (Some(dns_hostnames), Some(dns_support)) = (dns_hostnames, dns_support) else { continue };
            let spec = Vpc { cidr, further_cidrs, dns_hostnames, dns_support };
            let mut live = Live::new(ctx.address(&id, &tags), &id, tags, spec);
            live.state = if pending { State::Pending } else { State::Ready };
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
