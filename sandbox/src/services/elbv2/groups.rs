//! Target groups: made and removed by name.

use std::collections::BTreeMap;

use super::balancers::{self, Balancer};
use super::group_settings::{self, Health};
use super::targets::Target;
use super::{actions, check_name, group, invalid};
use crate::services::ec2::has_vpc;
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("CreateTargetGroup", create), read("DescribeTargetGroups", describe), write("DeleteTargetGroup", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TargetGroup {
    pub(super) name: String,
    pub(super) hex: String,
    pub(super) created: Timestamp,
    pub(super) protocol: String,
    pub(super) port: i64,
    pub(super) vpc: String,
    pub(super) health: Health,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) targets: Vec<Target>,
    pub(super) tags: Tags,
}

object!(TargetGroup, "elasticloadbalancing/target-group", name, tags of "elasticloadbalancing" "targetgroup/{name}/{hex}" with hex);

impl TargetGroup {
    pub(super) fn arn(&self, call: &Call<'_>) -> String {
        call.arn(format_args!("targetgroup/{}/{}", self.name, self.hex))
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTP" | "HTTPS")
    }

    pub(super) fn shown(&self, call: &Call<'_>) -> Value {
        let arn = self.arn(call);
        let users = actions::users(call.world, call.region, &arn);
        let users: Vec<String> = users.iter().filter_map(|name| Some(call.get::<Balancer>(name)?.arn(call))).collect();
        let mut out = json!({
            "TargetGroupArn": arn, "TargetGroupName": self.name, "Protocol": self.protocol, "Port": self.port,
            "VpcId": self.vpc, "TargetType": "instance", "IpAddressType": "ipv4", "LoadBalancerArns": users,
        });
        if self.is_http() {
            out["ProtocolVersion"] = json!("HTTP1");
        }
        self.health.show(&mut out);
        out
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let (protocol, port) = (call.params.text("Protocol")?, call.params.int("Port")?);
    let vpc = call.params.text("VpcId")?;
    let target_type = call.params.text_opt("TargetType")?.unwrap_or_else(|| "instance".to_owned());
    let version = call.params.text_opt("ProtocolVersion")?;
    let tags = tagged::take(call)?;
    if target_type != "instance" || version.is_some_and(|version| version != "HTTP1") {
        return Err(ApiError::not_implemented("targets that are no instances, and HTTP/2 to targets"));
    }
    if !matches!(protocol.as_str(), "HTTP" | "HTTPS" | "TCP" | "TLS") {
        return Err(ApiError::not_implemented(format!("target groups of {protocol}")));
    }
    check_name("Target group", &name)?;
    if !has_vpc(call.world, call.region, &vpc) {
        return Err(invalid(format!("The VPC ID '{vpc}' is not found")));
    }
    let health = group_settings::take(call, Health::usual(&protocol), &protocol)?;
    if let Some(old) = call.get::<TargetGroup>(&name) {
        if (&old.protocol, old.port, &old.vpc, &old.health, &old.tags) != (&protocol, port, &vpc, &health, &tags) {
            let message = format!("A target group with the same name '{name}' exists, but with different settings");
            return Err(ApiError::bad("DuplicateTargetGroupName", message));
        }
        return Ok(Reply::json(json!({"TargetGroups": [old.shown(call)]})));
    }
    let it = TargetGroup {
        hex: call.world.new_hex(16),
        created: call.now,
        attributes: group_settings::usual(&protocol),
        targets: Vec::new(),
        name,
        protocol,
        port,
        vpc,
        health,
        tags,
    };
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"TargetGroups": [shown]})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let of = call.params.text_opt("LoadBalancerArn")?;
    let (arns, names) = (call.params.texts("TargetGroupArns")?, call.params.texts("Names")?);
    let page = Page::take(call, 400)?;
    let of =
        of.map(|arn| call.seen::<Balancer>().find(|it| it.arn(call) == arn).ok_or_else(|| balancers::missing(&arn)));
    let of = of.transpose()?.map(|it| it.name.clone());
    for arn in &arns {
        group(call, arn)?;
    }
    if names.iter().any(|name| call.see::<TargetGroup>(name).is_none()) {
        return Err(ApiError::bad("TargetGroupNotFound", "One or more target groups not found"));
    }
    let wanted = |it: &&TargetGroup| {
        let arn = it.arn(call);
        let used = |name: &String| actions::users(call.world, call.region, &arn).contains(name);
        (arns.is_empty() || arns.contains(&arn))
            && (names.is_empty() || names.contains(&it.name))
            && of.as_ref().is_none_or(used)
    };
    Ok(page.reply(call.seen::<TargetGroup>().filter(wanted), |it| &it.name, |it| it.shown(call)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    // One that is not there is deleted too.
    let Ok(it) = group(call, &arn) else { return Ok(Reply::empty()) };
    if !actions::users(call.world, call.region, &arn).is_empty() {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(ApiError::bad("ResourceInUse", message));
    }
    call.remove::<TargetGroup>(&it.name);
    Ok(Reply::empty())
}
