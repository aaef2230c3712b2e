//! Rules of file systems and the machines that mount them.
use super::{
    Findings, Resource, Rule, Stack,
    view::{Admission, Item},
};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{FsxLustre, SecurityGroup},
    units::Cidr,
};
use rust_decimal::Decimal;

/// What Lustre servers and clients talk over.
const PORTS: [(u32, u32); 2] = [(988, 988), (1018, 1023)];
/// MB/s of Lustre for each accelerator below which training usually waits for data.
const SLOW: u64 = 50;
/// GiB of Lustre for each accelerator below which the cache holds little more than a checkpoint.
const SMALL: u64 = 32;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0211",
            title: "Lustre ports closed",
            explain: "Lustre needs TCP 988 and 1018 to 1023 into the file system's security group, from the group \
                      itself (its servers talk to each other) and from the machines that mount it. Many examples open \
                      988 only: the file system is then made, and mounting hangs.",
        },
        severity: Severity::Error,
        check: ports,
    },
    Rule {
        code: Code {
            code: "DL0212",
            title: "Lustre in another zone than its clients",
            explain: "A file system stands in one zone. Machines in another zone can mount it, with more latency and at \
                      a price for every byte that crosses zones.",
        },
        severity: Severity::Warning,
        check: zones,
    },
    Rule {
        code: Code {
            code: "DL0213",
            title: "Lustre small or slow for its accelerators",
            explain: "Throughput of a Lustre file system is its size times its throughput per TiB, and all machines \
                      share it. Below some 50 MB/s for each accelerator training often waits for data. Take a higher \
                      throughput per TiB, or a larger size.",
        },
        severity: Severity::Note,
        check: speed,
    },
];

fn ports(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for fs in stack.all::<FsxLustre>() {
        let Some(groups) = stack.security_groups(&fs.security_groups).filter(|g| !g.is_empty()) else { continue };
        // The servers among themselves.
        if let Some(group) = groups.first()
            && let Some(missing) = closed(stack, &groups, &Other::Group(group.address()))
        {
            report(found, fs.resource, group.resource, &missing, "its own servers");
        }
        for client in stack.users(fs.address()).map(|m| m.group) {
            let Some(theirs) = stack.security_groups(&client.interfaces.security_groups) else { continue };
            let range = stack.follow(&client.subnet).map(|subnet| subnet.cidr);
            let ways = theirs.iter().map(|g| Other::Group(g.address())).chain(range.map(Other::Range));
            let missing: Vec<_> = ways.map(|other| closed(stack, &groups, &other)).collect();
            // `None` in the list: one of the ways is open, or cannot be judged.
            if !missing.is_empty()
                && missing.iter().all(Option::is_some)
                && let Some(Some(first)) = missing.first()
            {
                report(found, fs.resource, groups[0].resource, first, client.address());
            }
        }
    }
}

fn report(found: &mut Findings<'_>, fs: &Resource<'_>, group: &Resource<'_>, missing: &[(u32, u32)], who: &str) {
    let text = |(from, to): &(u32, u32)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    let ports: Vec<String> = missing.iter().map(text).collect();
    let summary =
        format!("{} does not let {who} in on TCP {}, which {} needs", group.address, ports.join(" and "), fs.address);
    let rules: Vec<String> = ports.iter().map(|p| format!("`{{ protocol: tcp, ports: \"{p}\", … }}`")).collect();
    let help = format!("add {} to `ingress` of {}", rules.join(" and "), group.address);
    found.with(fs, "security_groups", summary, help, Some((group, "ingress", "this group")));
}

/// Who wants to get in.
enum Other<'a> {
    /// By its address.
    Group(&'a str),
    Range(Cidr),
}

/// The ports of Lustre that no rule of these groups opens; `None` = all open, or cannot tell.
fn closed(stack: &Stack<'_>, groups: &[Item<'_, SecurityGroup>], other: &Other<'_>) -> Option<Vec<(u32, u32)>> {
    let mut missing = PORTS.to_vec();
    for group in groups {
        for rule in group.ingress.iter().map(|rule| Admission { rule }) {
            if rule.is_opaque(stack) {
                return None;
            }
            let reaches = match other {
                Other::Group(client) => rule.reaches(stack, group.address(), client),
                Other::Range(range) => rule.range().ok().flatten().is_some_and(|r| r.covers(*range)),
            };
            if reaches {
                missing.retain(|(from, to)| !rule.covers_tcp(*from, *to));
            }
        }
    }
    (!missing.is_empty()).then_some(missing)
}

fn zones(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for fs in stack.all::<FsxLustre>() {
        let Some(here) = stack.zone(&fs.subnet) else { continue };
        for client in stack.users(fs.address()).map(|m| m.group) {
            if let Some(there) = stack.zone(&client.subnet).filter(|z| *z != here) {
                let summary = format!("{} is in {here}, {} mounts it from {there}", fs.address(), client.address());
                let help = "use subnets of one zone";
                found.with(
                    fs.resource,
                    "subnet",
                    summary,
                    help,
                    Some((client.resource, "subnet", "the machines' subnet")),
                );
            }
        }
    }
}

fn speed(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for fs in stack.all::<FsxLustre>() {
        let (Some(size), Some(per_tib)) = (fs.size, fs.throughput) else { continue };
        let mut accelerators = Decimal::ZERO;
        for client in stack.users(fs.address()) {
            let each = client.facts.accelerator.as_ref().map_or(Decimal::ZERO, |a| a.count);
            accelerators += each * Decimal::from(client.group.count);
        }
        if accelerators < Decimal::ONE {
            continue;
        }
        let total = size.gib() * Decimal::from(per_tib.mb_per_second()) / Decimal::from(1024);
        let (each, room) = (total / accelerators, size.gib() / accelerators);
        if each < Decimal::from(SLOW) {
            let summary = format!(
                "{} gives {} MB/s to {accelerators} accelerators, {} MB/s each",
                fs.address(),
                total.round(),
                each.round()
            );
            found.at(fs.resource, "throughput", summary, "raise `throughput`, or `size`, if training waits for data");
        } else if room < Decimal::from(SMALL) {
            let summary = format!("{} has {} GiB for each of {accelerators} accelerators", fs.address(), room.round());
            found.at(fs.resource, "size", summary, "raise `size` if data sets or checkpoints do not fit");
        }
    }
}
