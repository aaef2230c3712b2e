//! Rules of nodes that speak EFA with each other.
use super::{
    Findings, Rule, Stack,
    view::{Admission, Item},
};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{InstanceGroup, SecurityGroup},
};
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0201",
            title: "EFA without a security group that lets it through",
            explain: "EFA traffic passes a security group only by rules for all protocols from the group itself and to \
                      the group itself. A rule to 0.0.0.0/0 does not cover EFA, so the default egress rule is not \
                      enough: NCCL then falls back to TCP or hangs at the first collective. Give one group of the \
                      nodes `ingress: [{ protocol: all, self: true }]` and an `egress` list that has the same rule.",
        },
        severity: Severity::Error,
        check: self_traffic,
    },
    Rule {
        code: Code {
            code: "DL0202",
            title: "EFA across zones",
            explain: "EFA does not leave its availability zone. Groups of nodes that share a security group for EFA are \
                      one cluster; put them into subnets of one zone, or give each its own security group.",
        },
        severity: Severity::Warning,
        check: one_zone,
    },
];

fn self_traffic(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for machines in stack.machines().filter(|m| m.use_efa()) {
        let Some(groups) = stack.security_groups(&machines.group.interfaces.security_groups) else { continue };
        let lacking: Vec<_> = groups.iter().map(|g| (*g, lacks(stack, *g))).collect();
        // One group that lets it through both ways is enough.
        if groups.is_empty() || lacking.iter().any(|(_, missing)| missing.is_none()) {
            continue;
        }
        let nearest = lacking.iter().filter_map(|(g, m)| Some((g, m.as_ref()?))).min_by_key(|(_, m)| m.len());
        let Some((group, missing)) = nearest else { continue };
        found.with(
            machines.group.resource,
            "interfaces.security_groups",
            format!(
                "{} nodes of {} need EFA, but {} allows no traffic {} itself",
                machines.group.count,
                machines.facts.name,
                group.address(),
                missing
                    .iter()
                    .map(|way| if *way == "ingress" { "from" } else { "to" })
                    .collect::<Vec<_>>()
                    .join(" and ")
            ),
            format!(
                "add `{{ protocol: all, self: true }}` to {} of {}",
                missing.iter().map(|way| format!("`{way}`")).collect::<Vec<_>>().join(" and to "),
                group.address()
            ),
            Some((group.resource, missing.first().copied().unwrap_or(""), "this group")),
        );
    }
}

/// The directions in which a group does not let all traffic of its own through; `None` = none.
fn lacks(stack: &Stack<'_>, group: Item<'_, SecurityGroup>) -> Option<Vec<&'static str>> {
    let mut out = Vec::new();
    for (way, rules) in [("ingress", &group.ingress), ("egress", &group.egress)] {
        let mut admits = rules.iter().map(|rule| Admission { rule });
        if !admits.any(|r| r.is_all() && r.reaches(stack, group.address(), group.address())) {
            out.push(way);
        }
    }
    (!out.is_empty()).then_some(out)
}

fn one_zone(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut first: BTreeMap<&str, (&str, Item<'_, InstanceGroup>)> = BTreeMap::new();
    for m in stack.machines().filter(|m| m.use_efa()) {
        let Some(zone) = stack.zone(&m.group.subnet) else { continue };
        for group in stack.security_groups(&m.group.interfaces.security_groups).unwrap_or_default() {
            let (there, other) = *first.entry(group.address()).or_insert((zone, m.group));
            if there != zone {
                found.with(
                    m.group.resource,
                    "subnet",
                    format!(
                        "{} is in {zone} and {} in {there}, but both use EFA with {}",
                        m.group.address(),
                        other.address(),
                        group.address()
                    ),
                    "put both into one zone, or give each a security group of its own",
                    Some((other.resource, "subnet", "the other zone")),
                );
                break;
            }
        }
    }
}
