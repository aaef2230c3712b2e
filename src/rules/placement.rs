//! Rules of placement groups that several instance groups share.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{InstanceGroup, PlacementGroup, placement_group::Strategy},
};
use std::collections::BTreeMap;

/// Machines of a spread group that run in one zone.
const SPREAD: u64 = 7;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0270",
            title: "Cluster placement group over two zones",
            explain: "A placement group of the strategy `cluster` puts machines close together in one zone. Instance groups \
                      that share it must have subnets in the same zone; AWS refuses to launch into another one.",
        },
        severity: Severity::Error,
        check: one_zone,
    },
    Rule {
        code: Code {
            code: "DL0271",
            title: "More machines than a spread placement group takes",
            explain: "A placement group of the strategy `spread` puts each machine on a rack of its own, and takes at \
                      most seven running machines in a zone, counted over all its instance groups. Use the strategy \
                      `partition`, more zones, or more placement groups.",
        },
        severity: Severity::Error,
        check: seven,
    },
];

/// Instance groups that stand in a shared placement group of a strategy, each with its zone.
fn members<'a>(
    stack: &Stack<'a>,
    strategy: Strategy,
) -> Vec<(Item<'a, PlacementGroup>, Item<'a, InstanceGroup>, &'a str)> {
    let of = |group: Item<'a, InstanceGroup>| {
        let shared = stack.follow(group.fields.placement_group.as_ref()?)?;
        (shared.strategy == strategy).then_some((shared, group, stack.zone(&group.subnet)?))
    };
    stack.all::<InstanceGroup>().filter(|group| group.count > 0).filter_map(of).collect()
}

fn one_zone(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut first = BTreeMap::new();
    for (shared, group, zone) in members(stack, Strategy::Cluster) {
        let (other, there) = *first.entry(shared.address()).or_insert((group, zone));
        if there != zone {
            let summary = format!(
                "{} is in {zone}, and {} in the same placement group in {there}",
                group.address(),
                other.address()
            );
            let help = "use subnets of one zone, or a placement group for each zone";
            found.with(
                group.resource,
                "placement_group",
                summary,
                help,
                Some((other.resource, "subnet", "another zone")),
            );
        }
    }
}

fn seven(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut counts: BTreeMap<_, (u64, Item<'_, InstanceGroup>)> = BTreeMap::new();
    for (shared, group, zone) in members(stack, Strategy::Spread) {
        let sum = counts.entry((shared.address(), zone)).or_insert((0, group));
        *sum = (sum.0.saturating_add(u64::from(group.count)), group);
    }
    for ((shared, zone), (count, last)) in counts {
        if count > SPREAD {
            let summary = format!("{count} machines in {zone} stand in {shared}, which takes {SPREAD} in a zone");
            found.at(last.resource, "placement_group", summary, "use `strategy: partition`, or fewer machines");
        }
    }
}
