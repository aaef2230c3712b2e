//! Rules of names: two objects cannot have one, and a reservation is not bought by the stack that uses it.
use super::{Findings, Resource, Rule, Stack, view};
use crate::diagnostic::{Code, Severity};
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0246",
            title: "Two buckets with one name",
            explain: "The name of a bucket is unique in the whole world, so two resources cannot have the same. Give one \
                      of them another `name`, or leave it out: dlinfra then makes one from stack and address.",
        },
        severity: Severity::Error,
        check: buckets,
    },
    Rule {
        code: Code {
            code: "DL0247",
            title: "Role without an instance profile",
            explain: "Machines take a role through an instance profile, which a role has with `instance_profile: true`. \
                      Without one EC2 refuses the launch.",
        },
        severity: Severity::Error,
        check: profiles,
    },
    Rule {
        code: Code {
            code: "DL0248",
            title: "Machines whose price is not counted",
            explain: "A capacity reservation costs the same whether machines run in it or not, and a Capacity Block was \
                      paid when it was bought: both are paid for outside of the stack. The machines in them add nothing \
                      to plans, costs and budgets, which does not mean that they are free.",
        },
        severity: Severity::Note,
        check: reserved,
    },
];

fn buckets(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut seen: BTreeMap<&str, &Resource<'_>> = BTreeMap::new();
    for bucket in stack.all("bucket") {
        let Some(name) = view::text(bucket, "name") else { continue };
        if let Some(first) = seen.get(name) {
            let summary = format!("{} and {} are both called `{name}`", first.address, bucket.address);
            found.with(
                bucket,
                "name",
                summary,
                "give each bucket a name of its own",
                Some((first, "name", "taken here")),
            );
        } else {
            seen.insert(name, bucket);
        }
    }
}

fn profiles(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all("instance-group") {
        let Some(role) = stack.parent(group, "role") else { continue };
        if role.spec.get("instance_profile").is_none_or(|p| p == false) {
            let summary =
                format!("{} has no instance profile, through which {} would take it", role.address, group.address);
            let help = format!("write `instance_profile: true` in {}", role.address);
            found.with(group, "role", summary, help, Some((role, "", "this role")));
        }
    }
}

fn reserved(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(id) = view::text(m.resource, "reservation") else { continue };
        let count = m.count.map_or("some".to_owned(), |n| n.to_string());
        let summary =
            format!("{count} x {} in {id} are paid for with it: no sum of this stack counts them", m.facts.name);
        found.at(m.resource, "reservation", summary, "look at its price where it was bought");
    }
}
