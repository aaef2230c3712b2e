//! subnet: a part of a VPC's range in one zone.
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    catalog::durations,
    diagnostic::codes,
    field::Ref,
    kinds::{Vpc, ec2, holders},
    resource::{
        About, Answers, Asks, Call, Changes, Claim, Class, Compares, DefaultValue, Durations, Foreseen, Gone, Id, Live,
        Lookup, Output, Problem, Quota, Resource, State, Teardown,
    },
    units::Cidr,
};
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, SubnetState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A part of a VPC's range in one zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// The VPC that it is part of.
    pub vpc: Ref<Vpc>,
    /// Its IPv4 range, /16 to /28, inside the VPC's.
    pub cidr: Cidr,
    /// Ranges that would do as well. A subnet that exists keeps its range if it is one of these or `cidr`; a new one
    /// takes the first, `cidr` before them, that nothing else of the blueprint has. So a range can stay with its zone
    /// although a list of zones changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Cidr>,
    /// The availability zone by name: `us-east-1a`.
    pub zone: String,
    /// Instances get a public IPv4 address at launch. The internet is reached only if the subnet's route table has a
    /// route to an internet gateway too.
    #[serde(default)]
    pub public: bool,
}

const CREATE: Call = Call::new("ec2:CreateSubnet", Class::Tags);

codes! {
    CODES:
    CIDR = "DL0311", "Subnet range of a size that AWS refuses",
        "A subnet's IPv4 range has a prefix between /16 and /28 and lies inside its VPC's range. AWS keeps five \
         addresses of each subnet for itself. A training node can use 32 addresses, one for each of its network \
         interfaces, so 16 nodes need at least a /22.";
    ZONE = "DL0312", "Not the name of an availability zone",
        "A zone is named by its region and a letter (`us-east-1a`), or as AWS names a local zone \
         (`us-west-2-lax-1a`). A zone id (`use1-az4`) is the same in all accounts, but the calls that launch \
         instances and reserve capacity take names.";
}

impl Resource for Subnet {
    const KIND: &'static str = "subnet";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "subnet-…" },
            Output { name: "cidr", ty: "cidr", doc: "the IPv4 range" },
            Output { name: "zone", ty: "string", doc: "the zone's name" },
        ],
        fixed: &["vpc", "cidr", "zone"],
        asked: &["zone"],
        claims: &[Claim { field: "cidr", within: "vpc", choices: "alternatives" }],
        id_prefix: "subnet-",
        terraform: "aws_subnet",
        calls: &[CREATE],
        iam: &[
            "ec2:CreateSubnet",
            "ec2:DescribeSubnets",
            "ec2:DescribeAvailabilityZones",
            "ec2:ModifySubnetAttribute",
            "ec2:DeleteSubnet",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[Quota { code: "L-407747CB", name: "Subnets per VPC" }],
        codes: CODES,
        free: true,
        defaults: &[("public", DefaultValue::Flag(false))],
        durations: Some(Durations {
            create: durations::SUBNET_CREATE,
            update: durations::IMMEDIATE,
            delete: durations::SUBNET_DELETE,
        }),
        gone: Gone::AtOnce,
        stand_in: r#"{"vpc":"@vpc","cidr":"@net","zone":"@zone"}"#,
        ..About::new("A part of a VPC's range in one zone")
    };

    fn summary(&self) -> String {
        format!("{} in {}{}", self.cidr, self.zone, if self.public { ", public" } else { "" })
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let ranges = std::iter::once(("cidr", &self.cidr)).chain(self.alternatives.iter().map(|c| ("alternatives", c)));
        for (path, range) in ranges.filter(|(_, range)| !(16..=28).contains(&range.prefix())) {
            problems.push(Problem {
                code: &CIDR,
                path: path.to_owned(),
                summary: format!("AWS makes no subnet of {range}"),
                help: "use a prefix between /16 and /28, for example `10.20.0.0/20`".to_owned(),
            });
        }
        if !is_zone_name(&self.zone) {
            problems.push(Problem {
                code: &ZONE,
                path: "zone".to_owned(),
                summary: format!("`{}` is not the name of an availability zone", self.zone),
                help: "write the region and a letter, for example `us-east-1a`".to_owned(),
            });
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let vpc = self.vpc.id()?;
        let params = json!({ "vpc": vpc, "cidr": self.cidr, "zone": self.zone });
        let ids = ctx
            .call(&CREATE, "", &params, |attempt| async move {
                let call = ctx.aws.ec2_once().create_subnet().vpc_id(vpc).cidr_block(self.cidr.to_string());
                let tags = ec2::tag_specification(ResourceType::Subnet, &attempt.tags);
                let out = call.availability_zone(&self.zone).tag_specifications(tags).send().await?;
                let id = out.subnet.and_then(|s| s.subnet_id);
                Ok(vec![id.ok_or_else(|| Error::missing("the subnet's id"))?])
            })
            .await?;
        ec2::only(ids, "the subnet's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if changes.touches("public") {
            let set = AttributeBooleanValue::builder().value(want.public).build();
            let call = || ctx.aws.ec2().modify_subnet_attribute().subnet_id(&live.id);
            ec2::patient(ctx, || async { Ok(call().map_public_ip_on_launch(set.clone()).send().await?) }).await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().delete_subnet().subnet_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::lookup_filters("subnet-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("subnet-id", ids, |filters| find(ctx, filters)).await
    }
}

impl Answers for Subnet {
    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        Some(live.with_spec(want.clone()))
    }
}

impl Compares for Subnet {
    /// One of the alternatives is as good as `cidr`.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let alternatives = want.get("alternatives")?.as_array().filter(|all| !all.is_empty())?;
        let mut seen = found.as_object()?.clone();
        if found.get("cidr").is_some_and(|range| alternatives.contains(range)) {
            seen.insert("cidr".to_owned(), want.get("cidr")?.clone());
        }
        seen.insert("alternatives".to_owned(), json!(alternatives));
        Some(Value::Object(seen))
    }
}

impl Asks for Subnet {
    async fn foresee(ctx: &SweepCtx, made: &[Foreseen<Self>]) -> Result<Vec<(usize, Problem)>, Error> {
        let out = ctx.aws.ec2().describe_availability_zones().send().await?;
        let zones: Vec<String> =
            out.availability_zones.unwrap_or_default().into_iter().filter_map(|z| z.zone_name).collect();
        let unknown = |one: &Foreseen<Self>| {
            let zone = &one.want.zone;
            (!zones.contains(zone)).then(|| Problem {
                code: &crate::catalog::codes::ZONE_NOT_THERE,
                path: "zone".to_owned(),
                summary: format!("this account has no zone {zone} in {}", ctx.scope.region),
                help: format!("zones of this account: {}; others may have to be enabled first", zones.join(", ")),
            })
        };
        Ok(made.iter().enumerate().filter_map(|(n, one)| Some((n, unknown(one)?))).collect())
    }
}

impl Teardown for Subnet {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        holders::interfaces(ctx, "subnet-id", &live.id).await
    }
}

/// `us-east-1a`, `us-west-2-lax-1a`; not a region and not a zone id.
fn is_zone_name(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let numbered = parts.last().is_some_and(|last| {
        let digits = last.trim_end_matches(|c: char| c.is_ascii_lowercase());
        digits.len() + 1 == last.len() && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    });
    let legal = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    parts.len() >= 3 && numbered && parts.iter().all(legal)
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<Subnet>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_subnets().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for subnet in page?.subnets.unwrap_or_default() {
            let tags = ec2::tags(subnet.tags());
            let id = subnet.subnet_id.ok_or_else(|| Error::missing("the subnet's id"))?;
            let cidr = subnet.cidr_block.and_then(|c| c.parse().ok());
            let spec = Subnet {
                vpc: Ref::to_id(subnet.vpc_id.ok_or_else(|| Error::missing("the subnet's VPC"))?),
                cidr: cidr.unwrap_or(Cidr::EVERYWHERE),
                alternatives: Vec::new(),
                zone: subnet.availability_zone.ok_or_else(|| Error::missing("the subnet's zone"))?,
                public: subnet.map_public_ip_on_launch.unwrap_or(false),
            };
            let mut live = Live::new(ctx.address(&id, &tags), &id, tags, spec);
            if cidr.is_none() {
                live.novel.insert("cidr".to_owned(), "no IPv4 range".to_owned());
            }
            live.state = match subnet.state {
                Some(SubnetState::Pending) => State::Pending,
                Some(SubnetState::Available) | None => State::Ready,
                Some(SubnetState::Unavailable) => State::Degraded("AWS calls the subnet unavailable".to_owned()),
                Some(other) => State::Failed(format!("AWS calls the subnet {}", other.as_str())),
            };
            live.ids.extend(subnet.subnet_arn);
            live.outputs = ec2::outputs([("id", json!(id)), ("cidr", json!(cidr)), ("zone", json!(live.spec.zone))]);
            out.push(live);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(cidr: &str, zone: &str) -> Vec<&'static str> {
        let subnet = json!({ "vpc": { "$ref": "vpc" }, "cidr": cidr, "zone": zone });
        let subnet: Subnet = serde_json::from_value(subnet).unwrap();
        let mut problems = Vec::new();
        subnet.check(&mut problems);
        problems.iter().map(|p| p.code.code).collect()
    }

    #[test]
    fn ranges_and_zones_are_checked() {
        assert!(subnet("10.0.0.0/20", "us-east-1a").is_empty());
        assert!(subnet("10.0.0.0/28", "us-west-2-lax-1a").is_empty());
        assert!(subnet("10.0.0.0/20", "us-gov-west-1b").is_empty());
        assert_eq!(subnet("10.0.0.0/15", "us-east-1"), ["DL0311", "DL0312"]);
        assert_eq!(subnet("10.0.0.0/29", "use1-az4"), ["DL0311", "DL0312"]);
        assert_eq!(subnet("10.0.0.0/24", "us-east-1ab"), ["DL0312"]);
    }
}
