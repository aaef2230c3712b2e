//! security-group: which packets may reach and leave network interfaces; its rules live inside it.
mod rule;

pub(crate) use rule::Rule;

use crate::{
    aws::{Error, ErrorClass, gone},
    call::{Ctx, SweepCtx},
    catalog::durations,
    field::Ref,
    kinds::{Subnet, Vpc, ec2, holders},
    resource::{
        About, Answers, Call, Changes, Class, DefaultValue, Durations, Gone, Id, Live, Lookup, NameRule, Output,
        Problem, Quota, Resource, Teardown,
    },
};
use aws_sdk_ec2::types::{Filter, IpPermission, ResourceType, SecurityGroup as Group};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which packets may reach and leave network interfaces. Nothing comes in unless a rule lets it in; answers to what
/// was let through always pass.
// There is no description field: AWS cannot change a group's description, so dlinfra derives it from the address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// The VPC that it belongs to; this, or `subnet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Ref<Vpc>>,
    /// A subnet of the VPC that it belongs to, for modules that are given a subnet only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Ref<Subnet>>,
    /// What may come in; nothing by default.
    #[serde(default)]
    pub ingress: Vec<Rule>,
    /// What may go out; everything by default, nothing with an empty list. A group for EFA needs a rule to itself here
    /// as well: a rule to 0.0.0.0/0 does not cover EFA traffic.
    #[serde(default = "everything")]
    pub egress: Vec<Rule>,
}

/// AWS gives a new group this rule.
fn everything() -> Vec<Rule> {
    vec![Rule::everything()]
}

const CREATE: Call = Call::new("ec2:CreateSecurityGroup", Class::Name);
const INGRESS: Call = Call::new("ec2:AuthorizeSecurityGroupIngress", Class::Parent);
const EGRESS: Call = Call::new("ec2:AuthorizeSecurityGroupEgress", Class::Parent);
const NAME: NameRule = NameRule { max: 247, extra: "-", lower: false };

/// Which of a group's two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "security-group";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "sg-…" },
            Output { name: "name", ty: "string", doc: "its name in AWS" },
        ],
        // A subnet is replaced when its VPC is, so the group goes with it.
        fixed: &["vpc", "subnet"],
        local: &["subnet"],
        late: &["ingress", "egress"],
        id_prefix: "sg-",
        terraform: "aws_security_group",
        calls: &[CREATE, INGRESS, EGRESS],
        name: Some(NAME),
        iam: &[
            "ec2:CreateSecurityGroup",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:DeleteSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-E79EC296", name: "VPC security groups per Region" },
            Quota { code: "L-0EA8095F", name: "Inbound or outbound rules per security group" },
        ],
        codes: rule::CODES,
        free: true,
        looked_at_first: true,
        defaults: &[("ingress", DefaultValue::EmptyList), ("egress", DefaultValue::Other(|| json!(everything())))],
        durations: Some(Durations {
            create: durations::SECURITY_GROUP_CREATE,
            update: durations::IMMEDIATE,
            delete: durations::SECURITY_GROUP_DELETE,
        }),
        gone: Gone::AtOnce,
        stand_in: r#"{"vpc":"@vpc","egress":[{"protocol":"all","cidr":"0.0.0.0/0"}]}"#,
        ..About::new("Which packets may reach and leave network interfaces")
    };

    fn summary(&self) -> String {
        let side = |rules: &[Rule], way: &str, word: &str| match rules {
            [] => format!("nothing {way}"),
            [one] => format!("{way} {}", one.phrase(word)),
            many => format!("{way} {} rules", many.len()),
        };
        format!("{}, {}", side(&self.ingress, "in", "from"), side(&self.egress, "out", "to"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if self.vpc.is_some() == self.subnet.is_some() {
            problems.push(Problem {
                code: &rule::VPC,
                path: "vpc".to_owned(),
                summary: "a security group belongs to one VPC".to_owned(),
                help: "write `vpc: ${…}`, or `subnet: ${…}` for the VPC of a subnet, and not both".to_owned(),
            });
        }
        rule::check(&self.ingress, "ingress", problems);
        rule::check(&self.egress, "egress", problems);
    }

    fn normalize(&mut self) {
        rule::normalize(&mut self.ingress);
        rule::normalize(&mut self.egress);
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let vpc = &self.vpc_id(ctx).await?;
        let name = &name(ctx, vpc);
        let description = &description(ctx);
        let params = json!({ "vpc": vpc, "name": name, "description": description });
        let ids = ctx
            .call_named(&CREATE, "", name, &params, |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::SecurityGroup, &attempt.tags);
                let call = ctx.aws.ec2_once().create_security_group().vpc_id(vpc).group_name(name);
                let sent = call.description(description).tag_specifications(tags).send().await;
                match sent.map_err(Error::from) {
                    Ok(out) => Ok(vec![out.group_id.ok_or_else(|| Error::missing("the security group's id"))?]),
                    Err(e) if e.class == ErrorClass::Exists => Ok(vec![taken(ctx, vpc, name).await?]),
                    Err(e) => Err(e),
                }
            })
            .await?;
        ec2::only(ids, "the security group's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if !changes.touches("ingress") && !changes.touches("egress") {
            return Ok(());
        }
        let sweep = ctx.sweep();
        let now = ec2::now(ctx, live, find(&sweep, vec![ec2::filter("group-id", &live.id)])).await?;
        reconcile(ctx, &live.id, Way::In, &want.ingress, &now.ingress).await?;
        reconcile(ctx, &live.id, Way::Out, &want.egress, &now.egress).await
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().delete_security_group().group_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let filters = match by {
            Lookup::Name(name) => vec![ec2::filter("group-name", name)],
            other => ec2::lookup_filters("group-id", other),
        };
        find(ctx, filters).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("group-id", ids, |filters| find(ctx, filters)).await
    }
}

impl Answers for SecurityGroup {
    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        let (ingress, egress) = (want.ingress.clone(), want.egress.clone());
        Some(live.with_spec(Self { ingress, egress, ..live.spec.clone() }))
    }
}

impl Teardown for SecurityGroup {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        let mut out = holders::interfaces(ctx, "group-id", &live.id).await?;
        if let Some(Ok(vpc)) = live.spec.vpc.as_ref().map(Ref::id) {
            out.extend(holders::referring_groups(ctx, vpc, &live.id).await?);
        }
        Ok(out)
    }
}

impl SecurityGroup {
    async fn vpc_id(&self, ctx: &Ctx) -> Result<Id, Error> {
        match (&self.vpc, &self.subnet) {
            (Some(vpc), _) => Ok(vpc.id()?.to_owned()),
            (None, Some(subnet)) => {
                let out = ctx.aws.ec2().describe_subnets().subnet_ids(subnet.id()?).send().await?;
                let vpc = out.subnets.unwrap_or_default().into_iter().next().and_then(|s| s.vpc_id);
                vpc.ok_or_else(|| Error::missing("the subnet's VPC"))
            }
            (None, None) => Err(Error::bug("a security group without a VPC was not refused")),
        }
    }
}

/// AWS refuses names that look like ids.
fn name(ctx: &Ctx, vpc: &str) -> String {
    let name = ctx.name(&NAME, vpc);
    if name.starts_with("sg-") { format!("dlinfra-{name}") } else { name }
}

/// The description that AWS demands and never changes: at most 255 characters.
fn description(ctx: &Ctx) -> String {
    let mut text = format!("dlinfra {} {}", ctx.scope.stack, ctx.address);
    text.truncate(255);
    text
}

/// The group that has the name already, if it is ours.
async fn taken(ctx: &Ctx, vpc: &str, name: &str) -> Result<Id, Error> {
    let filters = vec![ec2::filter("vpc-id", vpc), ec2::filter("group-name", name)];
    let Some(found) = find(&ctx.sweep(), filters).await?.into_iter().next() else {
        let text = format!("AWS says that the security group `{name}` exists, and does not show it");
        return Err(Error::new(ErrorClass::NotVisibleYet, text));
    };
    ctx.ours(&format!("the security group `{name}`"), &found.tags)?;
    Ok(found.id)
}

/// Brings one list to what is wanted: what is missing first, so that nothing is cut off meanwhile.
async fn reconcile(ctx: &Ctx, id: &str, way: Way, want: &[Rule], have: &[Rule]) -> Result<(), Error> {
    let plan = rule::compare(want, have)?;
    match authorize(ctx, id, way, &plan.add).await {
        // No room for old and new rules side by side.
        Err(e) if e.class == ErrorClass::Quota && !plan.remove.is_empty() => {
            revoke(ctx, id, way, &plan.remove).await?;
            authorize(ctx, id, way, &plan.add).await?;
        }
        other => {
            other?;
            revoke(ctx, id, way, &plan.remove).await?;
        }
    }
    describe(ctx, id, way, &plan.describe).await
}

async fn authorize(ctx: &Ctx, id: &str, way: Way, rules: &[&Rule]) -> Result<(), Error> {
    match send_authorize(ctx, id, way, rules).await {
        // One rule that exists makes AWS refuse the whole call; then each rule goes alone.
        Err(e) if e.class == ErrorClass::Exists => {
            for rule in rules {
                ec2::there(ctx, send_authorize(ctx, id, way, &[rule]).await)?;
            }
            Ok(())
        }
        other => other,
    }
}

async fn send_authorize(ctx: &Ctx, id: &str, way: Way, rules: &[&Rule]) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let permissions = permissions(id, rules)?;
    let set = || Some(permissions.clone());
    let ec2 = ctx.aws.ec2();
    ec2::patient(ctx, || async {
        match way {
            Way::In => {
                ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(set()).send().await?;
            }
            Way::Out => {
                ec2.authorize_security_group_egress().group_id(id).set_ip_permissions(set()).send().await?;
            }
        }
        Ok(())
    })
    .await
}

async fn revoke(ctx: &Ctx, id: &str, way: Way, rules: &[&Rule]) -> Result<(), Error> {
    match send_revoke(ctx, id, way, rules).await {
        // One rule that is gone makes AWS refuse the whole call.
        Err(e) if e.class == ErrorClass::NotFound && rules.len() > 1 => {
            for rule in rules {
                gone(send_revoke(ctx, id, way, &[rule]).await)?;
            }
            Ok(())
        }
        other => gone(other),
    }
}

async fn send_revoke(ctx: &Ctx, id: &str, way: Way, rules: &[&Rule]) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let set = Some(permissions(id, rules)?);
    let ec2 = ctx.aws.ec2();
    match way {
        Way::In => {
            ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(set).send().await?;
        }
        Way::Out => {
            ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(set).send().await?;
        }
    }
    Ok(())
}

async fn describe(ctx: &Ctx, id: &str, way: Way, rules: &[&Rule]) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let set = Some(permissions(id, rules)?);
    let ec2 = ctx.aws.ec2();
    match way {
        Way::In => {
            let call = ec2.update_security_group_rule_descriptions_ingress();
            call.group_id(id).set_ip_permissions(set).send().await?;
        }
        Way::Out => {
            let call = ec2.update_security_group_rule_descriptions_egress();
            call.group_id(id).set_ip_permissions(set).send().await?;
        }
    }
    Ok(())
}

fn permissions(group: &str, rules: &[&Rule]) -> Result<Vec<IpPermission>, Error> {
    rules.iter().map(|rule| rule.permission(group)).collect()
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<SecurityGroup>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_security_groups().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for group in page?.security_groups.unwrap_or_default() {
            out.push(read(ctx, &group)?);
        }
    }
    Ok(out)
}

fn read(ctx: &SweepCtx, group: &Group) -> Result<Live<SecurityGroup>, Error> {
    let tags = ec2::tags(group.tags());
    let id = group.group_id().ok_or_else(|| Error::missing("the security group's id"))?;
    let spec = SecurityGroup {
        vpc: Some(Ref::to_id(group.vpc_id().ok_or_else(|| Error::missing("the security group's VPC"))?)),
        subnet: None,
        ingress: rule::read(group, group.ip_permissions())?,
        egress: rule::read(group, group.ip_permissions_egress())?,
    };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.ids.extend(group.security_group_arn().map(str::to_owned));
    live.outputs = ec2::outputs([("id", json!(id)), ("name", json!(group.group_name()))]);
    Ok(live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn egress_is_open_unless_written() {
        let mut group: SecurityGroup = serde_json::from_value(json!({ "vpc": { "$ref": "vpc" } })).unwrap();
        group.normalize();
        assert_eq!(group.summary(), "nothing in, out all to 0.0.0.0/0");
        let spec = serde_json::to_value(&group).unwrap();
        assert_eq!(spec["egress"], json!([{ "protocol": "all", "cidr": "0.0.0.0/0" }]));
        let closed: SecurityGroup = serde_json::from_value(json!({ "vpc": { "$ref": "vpc" }, "egress": [] })).unwrap();
        assert_eq!(closed.summary(), "nothing in, nothing out");
    }
}
