//! Load balancers: made and removed by name.

use std::collections::BTreeMap;

use super::interfaces;
use super::listeners::Listener;
use super::rules::Rule;
use super::{attributes, balancer, check_name, invalid, network};
use crate::history::Meter;
use crate::life::durations;
use crate::services::ec2::leases::Lease;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateLoadBalancer", create),
    read("DescribeLoadBalancers", describe),
    write("DeleteLoadBalancer", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Balancer {
    pub(super) name: String,
    pub(super) hex: String,
    pub(super) created: Timestamp,
    /// When it begins to take requests.
    pub(super) active: Timestamp,
    /// `application` or `network`.
    pub(super) class: String,
    pub(super) scheme: String,
    pub(super) vpc: String,
    pub(super) subnets: Vec<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) attributes: BTreeMap<String, String>,
    /// By subnet.
    pub(super) interfaces: BTreeMap<String, String>,
    pub(super) tags: Tags,
}

impl Object for Balancer {
    const KIND: &'static str = "elasticloadbalancing/load-balancer";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn state(&self, now: Timestamp) -> &str {
        if now < self.active { "provisioning" } else { "active" }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("elasticloadbalancing".to_owned(), format!("loadbalancer/{}", self.tail())))
    }
    fn meters(&self) -> Vec<Meter> {
        vec![Meter::new("AWS Elastic Load Balancing", "LoadBalancerUsage".to_owned(), self.created, None)]
    }
}

impl Balancer {
    /// The end of its ARN and of those of its listeners.
    pub(super) fn tail(&self) -> String {
        format!("{}/{}/{}", if self.is_network() { "net" } else { "app" }, self.name, self.hex)
    }

    pub(super) fn arn(&self, call: &Call<'_>) -> String {
        call.arn(format_args!("loadbalancer/{}", self.tail()))
    }

    pub(super) fn is_network(&self) -> bool {
        self.class == "network"
    }

    fn dns(&self, region: &str) -> String {
        let inner = if self.scheme == "internal" { "internal-" } else { "" };
        match self.is_network() {
            true => format!("{}-{}.elb.{region}.amazonaws.com", self.name, self.hex),
            false => format!(
                "{inner}{}-{}.{region}.elb.amazonaws.com",
                self.name,
                u32::from_str_radix(&self.hex[..7], 16).unwrap_or(1)
            ),
        }
    }

    fn shown(&self, call: &Call<'_>) -> Value {
        let zones: Vec<Value> =
            self.subnets.iter().map(|id| json!({"SubnetId": id, "ZoneName": network::zone(call, id)})).collect();
        let mut out = json!({
            "LoadBalancerArn": self.arn(call), "LoadBalancerName": self.name, "CreatedTime": self.created,
            "DNSName": self.dns(call.region), "Scheme": self.scheme, "Type": self.class, "VpcId": self.vpc,
            "CanonicalHostedZoneId": if self.is_network() { "Z26RNL4JYFTOTI" } else { "Z35SXDOTRQ7X7K" },
            "State": {"Code": self.state(call.now)}, "AvailabilityZones": zones, "IpAddressType": "ipv4",
        });
        if !self.security_groups.is_empty() {
            out["SecurityGroups"] = json!(self.security_groups);
        }
        out
    }
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::bad("LoadBalancerNotFound", format!("Load balancer '{arn}' not found"))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let (subnets, groups) = (network::take_subnets(call)?, call.params.texts("SecurityGroups")?);
    let scheme = call.params.text_opt("Scheme")?.unwrap_or_else(|| "internet-facing".to_owned());
    let class = call.params.text_opt("Type")?.unwrap_or_else(|| "application".to_owned());
    let (kind, tags) = (call.params.text_opt("IpAddressType")?, tagged::take(call)?);
    if class == "gateway" || kind.is_some_and(|kind| kind != "ipv4") {
        return Err(ApiError::not_implemented("gateway load balancers and IPv6"));
    }
    check_name("The load balancer", &name)?;
    if name.starts_with("internal-") {
        return Err(invalid(format!("The load balancer name '{name}' cannot begin with 'internal-'")));
    }
    let vpc = network::check_subnets(call, &subnets, class == "network", &scheme)?;
    let groups = network::groups_or_default(call, groups, &vpc, class == "network")?;
    if let Some(old) = call.get::<Balancer>(&name) {
        let same =
            (&old.class, &old.scheme, &old.subnets, &old.security_groups) == (&class, &scheme, &subnets, &groups);
        if !same || old.tags != tags {
            let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
            return Err(ApiError::bad("DuplicateLoadBalancerName", message));
        }
        return Ok(Reply::json(json!({"LoadBalancers": [old.shown(call)]})));
    }
    let mut it = Balancer {
        hex: call.world.new_hex(16),
        created: call.now,
        active: call.done_after(durations::BALANCER_CREATE),
        attributes: attributes::usual(class == "network", &scheme),
        interfaces: BTreeMap::new(),
        name,
        class,
        scheme,
        vpc,
        subnets,
        security_groups: groups,
        tags,
    };
    interfaces::follow(call, &mut it)?;
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"LoadBalancers": [shown]})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (arns, names) = (call.params.texts("LoadBalancerArns")?, call.params.texts("Names")?);
    let page = Page::take(call, 400)?;
    for arn in &arns {
        call.seen::<Balancer>().find(|it| it.arn(call) == *arn).ok_or_else(|| missing(arn))?;
    }
    if let Some(name) = names.iter().find(|name| call.see::<Balancer>(name).is_none()) {
        return Err(ApiError::bad("LoadBalancerNotFound", format!("Load balancers '[{name}]' not found")));
    }
    let wanted = |it: &&Balancer| {
        (arns.is_empty() || arns.contains(&it.arn(call))) && (names.is_empty() || names.contains(&it.name))
    };
    Ok(page.reply(call.seen::<Balancer>().filter(wanted), |it| &it.name, |it| it.shown(call)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    // One that is not there is deleted too.
    let Ok(it) = balancer(call, &arn) else { return Ok(Reply::empty()) };
    if it.attributes.get("deletion_protection.enabled").is_some_and(|set| set == "true") {
        let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(ApiError::bad("OperationNotPermitted", message));
    }
    let listeners: Vec<String> =
        call.all::<Listener>().filter(|one| one.balancer == it.name).map(|one| one.id.clone()).collect();
    let rules = call.all::<Rule>().filter(|rule| listeners.contains(&rule.listener));
    for rule in rules.map(|rule| rule.id.clone()).collect::<Vec<_>>() {
        call.remove::<Rule>(&rule);
    }
    listeners.iter().for_each(|id| call.remove::<Listener>(id));
    call.remove::<Balancer>(&it.name);
    let until = call.done_after(durations::BALANCER_INTERFACES);
    call.put(Lease::new(&it.hex, it.interfaces.into_values().collect(), call.now, until));
    Ok(Reply::empty())
}
