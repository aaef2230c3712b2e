//! Rules of names: two objects cannot have one, and a reservation is not bought by the stack that uses it.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{Bucket, InstanceGroup},
};
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
    let mut seen: BTreeMap<&str, Item<'_, Bucket>> = BTreeMap::new();
    for bucket in stack.all::<Bucket>() {
        let Some(name) = bucket.fields.name.as_deref() else { continue };
        if let Some(first) = seen.get(name) {
            let summary = format!("{} and {} are both called `{name}`", first.address(), bucket.address());
            found.with(
                bucket.resource,
                "name",
                summary,
                "give each bucket a name of its own",
                Some((first.resource, "name", "taken here")),
            );
        } else {
            seen.insert(name, bucket);
        }
    }
}

fn profiles(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all::<InstanceGroup>() {
        let Some(role) = group.role.as_ref().and_then(|role| stack.follow(role)) else { continue };
        if role.instance_profile != Some(true) {
            let summary =
                format!("{} has no instance profile, through which {} would take it", role.address(), group.address());
            let help = format!("write `instance_profile: true` in {}", role.address());
            found.with(group.resource, "role", summary, help, Some((role.resource, "", "this role")));
        }
    }
}

fn reserved(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(id) = &m.group.reservation else { continue };
        let count = m.group.count;
        let summary =
            format!("{count} x {} in {id} are paid for with it: no sum of this stack counts them", m.facts.name);
        found.at(m.group.resource, "reservation", summary, "look at its price where it was bought");
    }
}
