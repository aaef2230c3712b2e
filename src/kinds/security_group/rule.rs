//! One rule of a security group: its form in a blueprint, in AWS, and which of two lists of rules differ.
use super::SecurityGroup;
use crate::{
    aws::Error,
    diagnostic::codes,
    field::{Field, Ref},
    kinds::ec2::Range,
    resource::Problem,
};
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroup as Group, UserIdGroupPair};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One rule: a protocol, its ports, and exactly one other end (`cidr`, `source`, `self` or `prefix_list`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `all` (every protocol, as EFA needs), `tcp`, `udp` or `icmp`.
    #[schemars(schema_with = "protocol_schema")]
    pub protocol: String,
    /// One port (`"988"`) or a range (`"1018-1023"`), for tcp and udp. For icmp a type, with a code if need be
    /// (`"3/4"`); without it, all types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<String>,
    /// Addresses at the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Field<Range>>,
    /// Everything in this group at the other end (where packets come from, or go to in `egress`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ref<SecurityGroup>>,
    /// Everything in this same group at the other end.
    #[serde(default, rename = "self", skip_serializing_if = "is_false")]
    pub itself: bool,
    /// A list of ranges that AWS or somebody else keeps: `pl-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Live rules may have other protocols (by number), so the Rust type is text.
fn protocol_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": PROTOCOLS })
}

const PROTOCOLS: [&str; 4] = ["all", "tcp", "udp", "icmp"];

codes! {
    /// What the checks of rules find.
    pub(super) CODES:
    OPEN = "DL0320", "Open to the internet",
        "An ingress rule from 0.0.0.0/0, or from any range wider than a private network can be (/8), lets strangers \
         in. Name the addresses that need access, or a `source` group; to reach a machine without an open port, \
         use Session Manager. If it must be open, silence this rule on the resource and say why: \
         `allow: [{ rule: DL0320, reason: … }]`.";
    OTHER_END = "DL0321", "Rule without exactly one other end",
        "A rule names who is at the other end in one way: `cidr` (addresses), `source` (another group), \
         `self: true` (this group) or `prefix_list`. Several ends need several rules.";
    PORTS = "DL0322", "Ports that do not fit the protocol",
        "tcp and udp rules name a port (`\"988\"`) or a range (`\"1018-1023\"`); all of them is `\"0-65535\"`. icmp \
         rules name a type, or a type and a code (`\"3/4\"`), or nothing. A rule for `all` protocols has no ports.";
    DESCRIPTION = "DL0323", "Description that AWS refuses",
        "A rule's description has at most 255 characters: ASCII letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";
    TWICE = "DL0324", "The same rule twice",
        "AWS keeps one rule per protocol, ports and other end; the description does not make it another rule. Merge \
         the two.";
    PROTOCOL = "DL0325", "Protocol that dlinfra does not write",
        "Rules are for `all`, `tcp`, `udp` or `icmp`. Live rules for other protocols are shown and removed.";
    VPC = "DL0326", "Security group without exactly one VPC",
        "A security group belongs to one VPC for life. Name it in `vpc`, or name one of its subnets in `subnet` \
         (modules that are given a subnet only do that).";
}

/// What AWS knows a rule by: protocol, ports, and the other end.
type Key = (String, Option<String>, String);

/// What brings one list of rules to another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan<'r> {
    pub(super) add: Vec<&'r Rule>,
    pub(super) remove: Vec<&'r Rule>,
    pub(super) describe: Vec<&'r Rule>,
}

/// Matches rules by content. A changed description is a call of its own, so that traffic is never cut for words.
pub(super) fn compare<'r>(want: &'r [Rule], have: &'r [Rule]) -> Result<Plan<'r>, Error> {
    let keyed =
        |rules: &'r [Rule]| rules.iter().map(|r| Ok((r.key()?, r))).collect::<Result<BTreeMap<Key, _>, Error>>();
    let (want, have) = (keyed(want)?, keyed(have)?);
    let mut plan = Plan::default();
    for (key, rule) in &want {
        match have.get(key) {
            None => plan.add.push(rule),
            Some(live) if live.description != rule.description => plan.describe.push(rule),
            Some(_) => {}
        }
    }
    plan.remove.extend(have.iter().filter(|(key, _)| !want.contains_key(*key)).map(|(_, rule)| *rule));
    Ok(plan)
}

/// Both sides in one form: sorted, each rule once, ports in their shortest form.
pub(super) fn normalize(rules: &mut Vec<Rule>) {
    for rule in rules.iter_mut() {
        rule.ports = rule.ports.take().map(|ports| shortest(&ports)).filter(|p| !p.is_empty());
        if let Some(Field::Known(range)) = &mut rule.cidr {
            range.normalize();
        }
        rule.description = rule.description.take().filter(|d| !d.is_empty());
    }
    if rules.len() > 1 {
        rules.sort_by_cached_key(|rule| serde_json::to_string(rule).unwrap_or_default());
    }
    rules.dedup();
}

/// `0988 - 988` is `988`: numbers are written as AWS returns them.
fn shortest(ports: &str) -> String {
    let plain = |text: &str| {
        let text = text.trim();
        let number = if is_digits(text) { text.trim_start_matches('0') } else { text };
        if number.is_empty() && !text.is_empty() { "0".to_owned() } else { number.to_owned() }
    };
    let mark = if ports.contains('/') { '/' } else { '-' };
    match ports.split_once(mark).map(|(from, to)| (plain(from), plain(to))) {
        Some((from, to)) if mark == '-' && from == to => from,
        Some((from, to)) => format!("{from}{mark}{to}"),
        None => plain(ports),
    }
}

/// The parser of numbers takes a sign too, which AWS never returns.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Checks the rules of one list.
pub(super) fn check(rules: &[Rule], path: &str, problems: &mut Vec<Problem>) {
    let word = if path == "ingress" { "from" } else { "to" };
    for (index, rule) in rules.iter().enumerate() {
        let mut found = |code, field: &str, summary: String, help: &str| {
            problems.push(Problem { code, path: format!("{path}[{index}]{field}"), summary, help: help.to_owned() });
        };
        let phrase = rule.phrase(word);
        if path == "ingress" && rule.cidr.as_ref().and_then(Field::known).is_some_and(is_anybody) {
            found(
                &OPEN,
                ".cidr",
                format!("`{phrase}` lets the internet in"),
                "name the addresses that need access or a `source` group; if it must be open, write \
                 `allow: [{ rule: DL0320, reason: … }]` on the resource",
            );
        }
        let ends = [rule.cidr.is_some(), rule.source.is_some(), rule.itself, rule.prefix_list.is_some()];
        let count = ends.iter().filter(|set| **set).count();
        if count != 1 {
            found(
                &OTHER_END,
                "",
                format!("a rule for {} in {path} names {count} other ends", rule.protocol),
                "write one of `cidr`, `source`, `self: true`, `prefix_list`",
            );
        }
        if !PROTOCOLS.contains(&rule.protocol.as_str()) {
            let summary = format!("`{}` is not a protocol of rules", rule.protocol);
            found(&PROTOCOL, ".protocol", summary, "write all, tcp, udp or icmp");
        } else if rule.numbers().is_none() {
            found(
                &PORTS,
                ".ports",
                match &rule.ports {
                    Some(ports) => format!("`ports: {ports}` does not fit {}", rule.protocol),
                    None => format!("a rule for {} needs ports", rule.protocol),
                },
                "write a port (`\"988\"`) or a range, the lower port first (`\"1018-1023\"`), for tcp and udp, and no ports for \
                 `all`",
            );
        }
        if let Some(text) = rule.description.as_ref().filter(|text| !is_description(text)) {
            found(
                &DESCRIPTION,
                ".description",
                format!("AWS refuses the description `{text}`"),
                "use at most 255 ASCII letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
            );
        }
        let same = |other: &&Rule| {
            Rule { description: None, ..(*other).clone() } == Rule { description: None, ..rule.clone() }
        };
        if rules.iter().take(index).any(|other| same(&other)) {
            found(&TWICE, "", format!("`{phrase}` appears twice"), "keep one of them");
        }
    }
}

/// A range that holds addresses of the internet for sure: no private network is wider than /8.
fn is_anybody(range: &Range) -> bool {
    let narrowest = if range.is_v6() { 1 } else { 8 };
    range.prefix().is_some_and(|prefix| prefix < narrowest)
}

fn is_description(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    text.len() <= 255 && text.chars().all(legal)
}

impl Rule {
    /// Everything to everywhere: what AWS lets out of a new group.
    pub(super) fn everything() -> Self {
        let cidr = Some(Field::Known(Range("0.0.0.0/0".to_owned())));
        Self { cidr, ..Self::bare("all", None) }
    }

    fn bare(protocol: &str, ports: Option<String>) -> Self {
        let protocol = protocol.to_owned();
        Self { protocol, ports, cidr: None, source: None, itself: false, prefix_list: None, description: None }
    }

    fn key(&self) -> Result<Key, Error> {
        let end = match (&self.cidr, &self.source, &self.prefix_list) {
            (Some(range), _, _) => range.get()?.0.clone(),
            (_, Some(group), _) => group.id()?.to_owned(),
            (_, _, Some(list)) => list.clone(),
            _ => "self".to_owned(),
        };
        Ok((self.protocol.clone(), self.ports.clone(), end))
    }

    /// For people: `tcp 988 from 10.0.0.0/8`, with the word for the direction.
    pub(super) fn phrase(&self, word: &str) -> String {
        let end = match (&self.cidr, &self.source, &self.prefix_list) {
            (Some(range), _, _) => range.to_string(),
            (_, Some(group), _) => group.to_string(),
            (_, _, Some(list)) => list.clone(),
            _ => "itself".to_owned(),
        };
        let ports = self.ports.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
        format!("{}{ports} {word} {end}", self.protocol)
    }

    /// From and to as AWS writes them (for icmp: type and code); `None` = the ports do not fit the protocol.
    fn numbers(&self) -> Option<(Option<i32>, Option<i32>)> {
        let number = |text: &str, max: i32| {
            Some(text).filter(|t| is_digits(t))?.parse().ok().filter(|n: &i32| (0..=max).contains(n))
        };
        match (self.protocol.as_str(), self.ports.as_deref()) {
            ("tcp" | "udp", Some(ports)) => {
                let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
                let (from, to) = (number(from, 65535)?, number(to, 65535)?);
                (from <= to).then_some((Some(from), Some(to)))
            }
            ("tcp" | "udp", None) => None,
            ("icmp" | "icmpv6", None) => Some((Some(-1), Some(-1))),
            ("icmp" | "icmpv6", Some(ports)) => match ports.split_once('/') {
                Some((kind, code)) => Some((Some(number(kind, 255)?), Some(number(code, 255)?))),
                None => Some((Some(number(ports, 255)?), Some(-1))),
            },
            (_, None) => Some((None, None)),
            (_, Some(_)) => None,
        }
    }

    /// The rule as a call names it. `group` is the group that has the rule.
    pub(super) fn permission(&self, group: &str) -> Result<IpPermission, Error> {
        let ports =
            self.numbers().ok_or_else(|| Error::bug(format!("the rule `{}` was not checked", self.phrase("with"))))?;
        let protocol = if self.protocol == "all" { "-1" } else { &self.protocol };
        let out = IpPermission::builder().ip_protocol(protocol).set_from_port(ports.0).set_to_port(ports.1);
        let words = self.description.clone();
        Ok(match (&self.cidr, &self.source, &self.prefix_list) {
            (Some(range), _, _) => {
                let range = range.get()?;
                match range.is_v6() {
                    true => out.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(&range.0).set_description(words).build()),
                    false => out.ip_ranges(IpRange::builder().cidr_ip(&range.0).set_description(words).build()),
                }
            }
            (_, _, Some(list)) => {
                out.prefix_list_ids(PrefixListId::builder().prefix_list_id(list).set_description(words).build())
            }
            (_, source, _) => {
                let id = source.as_ref().map_or(Ok(group), |s| s.id())?;
                let pair = UserIdGroupPair::builder().set_description(words);
                // `123456789012/sg-…` is a group of another account, over a peering connection.
                let pair = match id.split_once('/') {
                    Some((account, id)) => pair.user_id(account).group_id(id),
                    None => pair.group_id(id),
                };
                out.user_id_group_pairs(pair.build())
            }
        }
        .build())
    }
}

/// Live permissions as rules, one for each other end.
pub(super) fn read(group: &Group, permissions: &[IpPermission]) -> Result<Vec<Rule>, Error> {
    let mut out = Vec::new();
    for permission in permissions {
        let bare = bare(permission)?;
        let words = |text: Option<&str>| text.map(str::to_owned);
        let ranges = permission.ip_ranges().iter().map(|r| (r.cidr_ip(), r.description()));
        let ranges = ranges.chain(permission.ipv6_ranges().iter().map(|r| (r.cidr_ipv6(), r.description())));
        for (range, text) in ranges {
            let range = range.ok_or_else(|| Error::missing("the range of a rule"))?;
            let cidr = Some(Field::Known(Range(range.to_owned())));
            out.push(Rule { cidr, description: words(text), ..bare.clone() });
        }
        for list in permission.prefix_list_ids() {
            let id = list.prefix_list_id().ok_or_else(|| Error::missing("the prefix list of a rule"))?;
            out.push(Rule { prefix_list: Some(id.to_owned()), description: words(list.description()), ..bare.clone() });
        }
        for pair in permission.user_id_group_pairs() {
            let id = pair.group_id().ok_or_else(|| Error::missing("the group of a rule"))?;
            let account = pair.user_id().filter(|account| Some(*account) != group.owner_id());
            let end = match account {
                Some(account) => Rule { source: Some(Ref::to_id(format!("{account}/{id}"))), ..bare.clone() },
                None if Some(id) == group.group_id() => Rule { itself: true, ..bare.clone() },
                None => Rule { source: Some(Ref::to_id(id)), ..bare.clone() },
            };
            out.push(Rule { description: words(pair.description()), ..end });
        }
    }
    Ok(out)
}

/// Protocol and ports of a live permission.
fn bare(permission: &IpPermission) -> Result<Rule, Error> {
    let protocol = permission.ip_protocol().ok_or_else(|| Error::missing("the protocol of a rule"))?;
    let ports = match (protocol, permission.from_port(), permission.to_port()) {
        ("tcp" | "udp", Some(from), Some(to)) if from == to => Some(from.to_string()),
        ("tcp" | "udp", Some(from), Some(to)) => Some(format!("{from}-{to}")),
        ("icmp" | "icmpv6", Some(kind), Some(code)) if kind >= 0 && code >= 0 => Some(format!("{kind}/{code}")),
        ("icmp" | "icmpv6", Some(kind), _) if kind >= 0 => Some(kind.to_string()),
        _ => None,
    };
    Ok(Rule::bare(if protocol == "-1" { "all" } else { protocol }, ports))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rules(value: Value) -> Vec<Rule> {
        let mut rules: Vec<Rule> = serde_json::from_value(value).unwrap();
        normalize(&mut rules);
        rules
    }

    fn codes(value: Value, path: &str) -> Vec<&'static str> {
        let mut problems = Vec::new();
        check(&rules(value), path, &mut problems);
        problems.iter().map(|p| p.code.code).collect()
    }

    #[test]
    fn ingress_from_the_internet_is_refused() {
        let rule = |cidr: &str| json!([{ "protocol": "tcp", "ports": "443", "cidr": cidr }]);
        for open in ["0.0.0.0/0", "::/0", "0.0.0.0/1", "8.0.0.0/6"] {
            assert_eq!(codes(rule(open), "ingress"), ["DL0320"], "{open}");
            assert!(codes(rule(open), "egress").is_empty(), "{open}");
        }
        assert!(codes(rule("10.0.0.0/8"), "ingress").is_empty());
        let waits = json!([{ "protocol": "all", "cidr": { "$ref": "vpc", "attr": "cidr" } }]);
        assert!(codes(waits, "ingress").is_empty());
    }

    #[test]
    fn a_rule_has_one_other_end() {
        assert_eq!(codes(json!([{ "protocol": "all" }]), "ingress"), ["DL0321"]);
        let two = json!([{ "protocol": "all", "self": true, "source": { "$ref": "g" } }]);
        assert_eq!(codes(two, "ingress"), ["DL0321"]);
        assert!(codes(json!([{ "protocol": "all", "self": true }]), "ingress").is_empty());
    }

    #[test]
    fn ports_fit_the_protocol() {
        let rule =
            |protocol: &str, ports: Option<&str>| json!([{ "protocol": protocol, "ports": ports, "self": true }]);
        for (protocol, ports) in [("tcp", "988"), ("udp", "0-65535"), ("icmp", "3/4"), ("icmp", "8")] {
            assert!(codes(rule(protocol, Some(ports)), "ingress").is_empty(), "{protocol} {ports}");
        }
        for (protocol, ports) in [("tcp", "70000"), ("udp", "9-8"), ("tcp", "x"), ("all", "988"), ("icmp", "1-2")] {
            assert_eq!(codes(rule(protocol, Some(ports)), "ingress"), ["DL0322"], "{protocol} {ports}");
        }
        for ports in ["+443", "443-80", "-1", "4 43", "80-+90", "80-", "0x50", "80,443", "*"] {
            assert_eq!(codes(rule("tcp", Some(ports)), "ingress"), ["DL0322"], "{ports}");
        }
        assert_eq!(codes(rule("tcp", None), "ingress"), ["DL0322"]);
        assert!(codes(rule("icmp", None), "ingress").is_empty());
        assert_eq!(codes(rule("47", None), "ingress"), ["DL0325"]);
    }

    #[test]
    fn rules_are_put_into_one_form() {
        let one = rules(json!([
            { "protocol": "tcp", "ports": "1018 - 1023", "self": true },
            { "protocol": "tcp", "ports": "988-988", "self": true, "description": "" },
            { "protocol": "tcp", "ports": "988", "self": true },
        ]));
        let other = rules(json!([
            { "protocol": "tcp", "ports": "988", "self": true },
            { "protocol": "tcp", "ports": "1018-1023", "self": true },
        ]));
        assert_eq!(one, other);
        for (written, live) in [
            ("0988", "988"),
            (" 988 ", "988"),
            ("00080-0443", "80-443"),
            ("080-80", "80"),
            ("0", "0"),
            ("0-065535", "0-65535"),
        ] {
            let of = |ports: &str| rules(json!([{ "protocol": "tcp", "ports": ports, "self": true }]));
            assert_eq!(of(written), of(live), "{written}");
            assert_eq!(of(written)[0].ports.as_deref(), Some(live));
        }
        let of = |cidr: &str| rules(json!([{ "protocol": "all", "cidr": cidr }]));
        assert_eq!(of(" 10.0.0.0/08"), of("10.0.0.0/8"));
        for (written, live) in [("08", "8"), ("03/04", "3/4"), ("3 / 4", "3/4"), ("0/00", "0/0")] {
            let rules = rules(json!([{ "protocol": "icmp", "ports": written, "self": true }]));
            assert_eq!(rules[0].ports.as_deref(), Some(live));
        }
        let twice = json!([
            { "protocol": "all", "self": true, "description": "a" },
            { "protocol": "all", "self": true, "description": "b" },
        ]);
        assert_eq!(codes(twice, "egress"), ["DL0324"]);
        let foreign = json!([{ "protocol": "all", "self": true, "description": "für alle" }]);
        assert_eq!(codes(foreign, "egress"), ["DL0323"]);
    }

    #[test]
    fn live_permissions_become_the_rules_that_made_them() {
        let group = Group::builder().group_id("sg-1").owner_id("111122223333").build();
        let wanted = rules(json!([
            { "protocol": "all", "self": true, "description": "EFA" },
            { "protocol": "tcp", "ports": "988", "source": { "$id": "sg-2" } },
            { "protocol": "tcp", "ports": "1018-1023", "source": { "$id": "444455556666/sg-9" } },
            { "protocol": "udp", "ports": "53", "cidr": "10.0.0.0/8" },
            { "protocol": "icmp", "cidr": "10.0.0.0/8" },
            { "protocol": "icmp", "ports": "3/4", "cidr": "10.0.0.0/8" },
            { "protocol": "icmp", "ports": "8", "cidr": "10.0.0.0/8" },
            { "protocol": "tcp", "ports": "443", "prefix_list": "pl-1" },
            { "protocol": "tcp", "ports": "22", "cidr": "2001:db8::/32" },
            { "protocol": "50", "cidr": "10.0.0.0/8" },
        ]));
        let permissions: Vec<IpPermission> = wanted.iter().map(|r| r.permission("sg-1").unwrap()).collect();
        let mut live = read(&group, &permissions).unwrap();
        normalize(&mut live);
        assert_eq!(live, wanted);
        assert_eq!(compare(&wanted, &live).unwrap(), Plan::default());
    }

    #[test]
    fn only_what_differs_is_changed() {
        let have = rules(json!([
            { "protocol": "tcp", "ports": "22", "cidr": "10.0.0.0/8" },
            { "protocol": "tcp", "ports": "988", "source": { "$id": "sg-2" } },
            { "protocol": "all", "self": true },
        ]));
        let want = rules(json!([
            { "protocol": "tcp", "ports": "22", "cidr": "10.1.0.0/16" },
            { "protocol": "tcp", "ports": "988", "source": { "$ref": "lustre", "$id": "sg-2" } },
            { "protocol": "all", "self": true, "description": "EFA" },
        ]));
        let plan = compare(&want, &have).unwrap();
        let phrases = |rules: &[&Rule]| rules.iter().map(|r| r.phrase("from")).collect::<Vec<_>>();
        assert_eq!(phrases(&plan.add), ["tcp 22 from 10.1.0.0/16"]);
        assert_eq!(phrases(&plan.remove), ["tcp 22 from 10.0.0.0/8"]);
        assert_eq!(phrases(&plan.describe), ["all from itself"]);
    }
}
