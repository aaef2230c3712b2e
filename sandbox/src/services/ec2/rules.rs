//! Rules of security groups.

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::groups::{self, Group};
use super::tags::{TagSet, TagSpecs, tag_set};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::wire::params::Params;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("AuthorizeSecurityGroupIngress", |call| authorize(call, false)),
    write("AuthorizeSecurityGroupEgress", |call| authorize(call, true)),
    write("RevokeSecurityGroupIngress", |call| revoke(call, false)),
    write("RevokeSecurityGroupEgress", |call| revoke(call, true)),
    write("UpdateSecurityGroupRuleDescriptionsIngress", |call| describe_anew(call, false)),
    write("UpdateSecurityGroupRuleDescriptionsEgress", |call| describe_anew(call, true)),
    read("DescribeSecurityGroupRules", describe),
];

/// The limit of rules per direction and group.
const MAX_RULES: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1` or a number.
    pub(super) protocol: String,
    /// First and last port, or ICMP type and code; none when the protocol is `-1`.
    pub(super) ports: Option<(i64, i64)>,
    pub(super) peer: Peer,
    pub(super) description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Peer {
    Ipv4(String),
    Ipv6(String),
    Group(String),
    PrefixList(String),
}

impl Rule {
    pub(super) fn group(&self) -> Option<&str> {
        match &self.peer {
            Peer::Group(id) => Some(id),
            _ => None,
        }
    }

    /// The same permission, whatever its description.
    fn equals(&self, other: &Rule) -> bool {
        let key = |rule: &Rule| (rule.egress, rule.protocol.clone(), rule.ports, rule.peer.clone());
        key(self) == key(other)
    }

    fn say(&self) -> String {
        let (Peer::Ipv4(peer) | Peer::Ipv6(peer) | Peer::Group(peer) | Peer::PrefixList(peer)) = &self.peer;
        let protocol = if self.protocol == "-1" { "ALL".to_owned() } else { self.protocol.to_uppercase() };
        match self.ports {
            Some((from, to)) => format!("peer: {peer}, {protocol}, from port: {from}, to port: {to}, ALLOW"),
            None => format!("peer: {peer}, {protocol}, ALLOW"),
        }
    }
}

fn protocol(text: &str) -> Result<String, ApiError> {
    let lower = text.to_ascii_lowercase();
    let name = match lower.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        "tcp" | "udp" | "icmp" | "icmpv6" | "-1" => lower.as_str(),
        number if number.parse::<u8>().is_ok() => number,
        _ => return Err(invalid(format!("Invalid value '{text}' for IP protocol. Unknown protocol."))),
    };
    Ok(name.to_owned())
}

fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> Result<Option<(i64, i64)>, ApiError> {
    match (protocol, from, to) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                return Err(invalid(format!("Invalid value '{from}-{to}' for portRange.")));
            }
            Ok(Some((from, to)))
        }
        ("tcp" | "udp", ..) => {
            let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
            Err(invalid(message))
        }
        ("icmp" | "icmpv6", from, to) => Ok(Some((from.unwrap_or(-1), to.unwrap_or(-1)))),
        // All ports, whatever was given.
        _ => Ok(None),
    }
}

fn description(params: &mut Params) -> Result<Option<String>, ApiError> {
    let text = params.text_opt("Description")?;
    let allowed = |ch: char| ch.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(ch);
    match text {
        Some(text) if text.len() > 255 || !text.chars().all(allowed) => {
            Err(invalid(format!("Invalid rule description '{text}'.")))
        }
        other => Ok(other.filter(|text| !text.is_empty())),
    }
}

/// The rules that `IpPermissions` stands for.
fn read_rules(call: &mut Call<'_>, group: &Group, egress: bool) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    for mut permission in call.params.structs("IpPermissions")? {
        let protocol = protocol(&permission.text("IpProtocol")?)?;
        let (from, to) = (permission.int_opt("FromPort")?, permission.int_opt("ToPort")?);
        let ports = ports(&protocol, from, to)?;
        let mut peers = Vec::new();
        for mut range in permission.structs("IpRanges")? {
            let text = range.text("CidrIp")?;
            let net: Ipv4Net = text.parse().map_err(|_| invalid(format!("CIDR block {text} is malformed")))?;
            peers.push((Peer::Ipv4(net.trunc().to_string()), description(&mut range)?));
        }
        for mut range in permission.structs("Ipv6Ranges")? {
            let text = range.text("CidrIpv6")?;
            let net: Ipv6Net = text.parse().map_err(|_| invalid(format!("CIDR block {text} is malformed")))?;
            peers.push((Peer::Ipv6(net.trunc().to_string()), description(&mut range)?));
        }
        for mut list in permission.structs("PrefixListIds")? {
            peers.push((Peer::PrefixList(list.text("PrefixListId")?), description(&mut list)?));
        }
        for mut pair in permission.structs("Groups")? {
            if pair.has("GroupName") && !pair.has("GroupId") {
                return Err(groups::no_default_vpc());
            }
            let id = pair.text("GroupId")?;
            let user = pair.text_opt("UserId")?;
            if user.is_some_and(|user| user != call.world.config.account) {
                return Err(ApiError::not_implemented("security groups of other accounts"));
            }
            let peer = call.find::<Group>(&id).ok_or_else(|| groups::missing(&id))?;
            if peer.vpc != group.vpc {
                let message = format!("You have specified two resources that belong to different networks: {id}");
                return Err(ApiError::bad("InvalidGroup.NotFound", message));
            }
            peers.push((Peer::Group(id), description(&mut pair)?));
        }
        if peers.is_empty() {
            return Err(ApiError::bad("MissingParameter", "Missing source specification: include a source"));
        }
        for (peer, description) in peers {
            let rule = Rule { egress, protocol: protocol.clone(), ports, peer, description };
            if rules.iter().any(|earlier: &Rule| earlier.equals(&rule)) {
                return Err(invalid("The same permission must not appear multiple times"));
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn take_group(call: &mut Call<'_>) -> Result<Group, ApiError> {
    let id = groups::take_id(call)?;
    call.find::<Group>(&id).cloned().ok_or_else(|| groups::missing(&id))
}

fn authorize(call: &mut Call<'_>, egress: bool) -> Result<Reply, ApiError> {
    let mut group = take_group(call)?;
    let tags = TagSpecs::take(call, &["security-group-rule"])?;
    let rules = read_rules(call, &group, egress)?;
    if rules.is_empty() {
        return Err(call.params.missing("IpPermissions"));
    }
    let mut made = Vec::new();
    for rule in rules {
        if group.rules.values().any(|old| old.equals(&rule)) {
            let message = format!("the specified rule \"{}\" already exists", rule.say());
            return Err(ApiError::bad("InvalidPermission.Duplicate", message));
        }
        if group.rules.values().filter(|old| old.egress == egress).count() >= MAX_RULES {
            let message = "The maximum number of rules per security group has been reached.";
            return Err(ApiError::bad("RulesPerSecurityGroupLimitExceeded", message));
        }
        let id = call.world.new_id("sgr-");
        tags.apply(call, "security-group-rule", &id);
        group.rules.insert(id.clone(), rule.clone());
        made.push((id, rule));
    }
    let items: Vec<Xml> = made.iter().map(|(id, rule)| rule_xml(call, &group.id, id, rule)).collect();
    call.put(group);
    Ok(Reply::xml(Xml::new().text("return", true).list("securityGroupRuleSet", "item", items)))
}

fn revoke(call: &mut Call<'_>, egress: bool) -> Result<Reply, ApiError> {
    let mut group = take_group(call)?;
    let ids = call.params.texts("SecurityGroupRuleId")?;
    let mut found = Vec::new();
    for id in ids {
        match group.rules.get(&id) {
            Some(rule) if rule.egress == egress => found.push(id),
            _ => {
                let message = format!("The security group rule ID '{id}' does not exist");
                return Err(ApiError::bad("InvalidSecurityGroupRuleId.NotFound", message));
            }
        }
    }
    for rule in read_rules(call, &group, egress)? {
        match group.rules.iter().find(|(_, old)| old.equals(&rule)) {
            Some((id, _)) => found.push(id.clone()),
            None => {
                let message = "The specified rule does not exist in this security group.";
                return Err(ApiError::bad("InvalidPermission.NotFound", message));
            }
        }
    }
    if found.is_empty() {
        return Err(call.params.missing("IpPermissions"));
    }
    let mut items = Vec::new();
    for id in found {
        if let Some(rule) = group.rules.remove(&id) {
            call.remove::<TagSet>(&id);
            let xml = Xml::new().text("securityGroupRuleId", &id).text("groupId", &group.id).text("isEgress", egress);
            let xml = rule_core(xml, &rule);
            items.push(match &rule.peer {
                Peer::Group(peer) => xml.text("referencedGroupId", peer),
                _ => xml,
            });
        }
    }
    call.put(group);
    Ok(Reply::xml(Xml::new().text("return", true).list("revokedSecurityGroupRuleSet", "item", items)))
}

/// Gives rules the descriptions in the request; a rule that comes without one loses its own.
fn describe_anew(call: &mut Call<'_>, egress: bool) -> Result<Reply, ApiError> {
    let mut group = take_group(call)?;
    let rules = read_rules(call, &group, egress)?;
    let mut by_id = Vec::new();
    for mut item in call.params.structs("SecurityGroupRuleDescription")? {
        by_id.push((item.text("SecurityGroupRuleId")?, description(&mut item)?));
    }
    if rules.is_empty() && by_id.is_empty() {
        return Err(call.params.missing("IpPermissions"));
    }
    let not_found =
        || ApiError::bad("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    for rule in rules {
        let old = group.rules.values_mut().find(|old| old.equals(&rule)).ok_or_else(not_found)?;
        old.description = rule.description;
    }
    for (id, description) in by_id {
        let old = group.rules.get_mut(&id).filter(|old| old.egress == egress).ok_or_else(not_found)?;
        old.description = description;
    }
    call.put(group);
    done()
}

fn rule_core(xml: Xml, rule: &Rule) -> Xml {
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    let xml = xml.text("ipProtocol", &rule.protocol).text("fromPort", from).text("toPort", to);
    let xml = match &rule.peer {
        Peer::Ipv4(cidr) => xml.text("cidrIpv4", cidr),
        Peer::Ipv6(cidr) => xml.text("cidrIpv6", cidr),
        Peer::PrefixList(id) => xml.text("prefixListId", id),
        Peer::Group(_) => xml,
    };
    xml.text_opt("description", rule.description.as_ref())
}

fn rule_xml(call: &Call<'_>, group: &str, id: &str, rule: &Rule) -> Xml {
    let vpc = call.get::<Group>(group).map(|group| group.vpc.clone());
    let xml = Xml::new()
        .text("securityGroupRuleId", id)
        .text("securityGroupRuleArn", call.arn(format!("security-group-rule/{id}")))
        .text("groupId", group)
        .text("groupOwnerId", call.account())
        .text("isEgress", rule.egress);
    let xml = rule_core(xml, rule);
    let xml = match rule.group() {
        Some(peer) => {
            let peer = Xml::new().text("groupId", peer).text("userId", call.account()).text_opt("vpcId", vpc);
            xml.child("referencedGroupInfo", peer)
        }
        None => xml,
    };
    xml.extend(tag_set(call, id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("SecurityGroupRuleId")?;
    let query = Query::take(call, "", &["group-id", "security-group-rule-id"])?;
    let is_group = |id: &str| id.strip_prefix("sg-").is_some_and(|hex| hex.chars().all(|ch| ch.is_ascii_hexdigit()));
    if let Some(id) = query.filters.values("group-id").find(|id| !is_group(id)) {
        return Err(ApiError::bad("InvalidGroupId.Malformed", format!("The security group ID '{id}' is malformed")));
    }
    let mut items = Vec::new();
    let mut all = Vec::new();
    for group in call.seen::<Group>() {
        for (id, rule) in &group.rules {
            all.push(id.as_str());
            let passes = query.filters.pass(super::filters::tags_of(call, id), |name| {
                vec![if name == "group-id" { group.id.clone() } else { id.clone() }]
            });
            if passes && (ids.is_empty() || ids.contains(id)) {
                items.push((id.clone(), rule_xml(call, &group.id, id, rule)));
            }
        }
    }
    if let Some(id) = ids.iter().find(|id| !all.contains(&id.as_str())) {
        let message = format!("The security group rule ID '{id}' does not exist");
        return Err(ApiError::bad("InvalidSecurityGroupRuleId.NotFound", message));
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (page, next) = query.page(items, |(id, _)| id);
    Ok(listing("securityGroupRuleSet", page.into_iter().map(|(_, xml)| xml), next))
}

/// The rules of one direction, joined by protocol and ports as DescribeSecurityGroups shows them.
pub(super) fn permissions_xml(call: &Call<'_>, group: &Group, egress: bool) -> Xml {
    let mut joined: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
    for rule in group.rules.values().filter(|rule| rule.egress == egress) {
        joined.entry((rule.protocol.as_str(), rule.ports)).or_default().push(rule);
    }
    let items = joined.into_iter().map(|((protocol, ports), rules)| {
        let peers = |name: &'static str, pick: fn(&Peer) -> Option<&String>| {
            let of_kind = rules.iter().filter_map(move |rule| Some((pick(&rule.peer)?, *rule)));
            of_kind
                .map(move |(value, rule)| {
                    Xml::new().text(name, value).text_opt("description", rule.description.as_ref())
                })
                .collect::<Vec<_>>()
        };
        let pairs = peers("groupId", |peer| if let Peer::Group(id) = peer { Some(id) } else { None });
        let pairs = pairs.into_iter().map(|xml| xml.text("userId", call.account()));
        Xml::new()
            .text("ipProtocol", protocol)
            .text_opt("fromPort", ports.map(|ports| ports.0))
            .text_opt("toPort", ports.map(|ports| ports.1))
            .list("groups", "item", pairs)
            .list("ipRanges", "item", peers("cidrIp", |peer| if let Peer::Ipv4(it) = peer { Some(it) } else { None }))
            .list(
                "ipv6Ranges",
                "item",
                peers("cidrIpv6", |peer| if let Peer::Ipv6(it) = peer { Some(it) } else { None }),
            )
            .list(
                "prefixListIds",
                "item",
                peers("prefixListId", |peer| if let Peer::PrefixList(it) = peer { Some(it) } else { None }),
            )
    });
    let items: Vec<Xml> = items.collect();
    items.into_iter().fold(Xml::new(), |xml, item| xml.child("item", item))
}
