//! Rules of ways in and out, and of room for addresses.
use super::{
    Findings, Resource, Rule, Stack,
    view::{Item, WayOut},
};
use crate::{
    diagnostic::{Code, Severity},
    field::Ref,
    kinds::{FsxLustre, NatGateway, Subnet, VpcEndpoint},
    units::Cidr,
};
use std::collections::BTreeMap;

/// Addresses of a subnet that AWS keeps for itself.
const KEPT: u64 = 5;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0221",
            title: "Instances in a public subnet without public addresses",
            explain: "A route to an internet gateway serves only interfaces that have a public address. AWS gives none \
                      to an instance with several network interfaces, as EFA types have, and dlinfra asks for none: \
                      such machines reach neither the internet nor Session Manager. Put them into a private subnet \
                      whose default route leads to a NAT gateway.",
        },
        severity: Severity::Error,
        check: public_machines,
    },
    Rule {
        code: Code {
            code: "DL0222",
            title: "No way out of the subnet",
            explain: "No route table of the stack gives the subnet a default route. Machines in it cannot fetch \
                      packages or container images and, without VPC endpoints, cannot talk to Session Manager or S3. \
                      If that is the intention, allow this rule and say so.",
        },
        severity: Severity::Warning,
        check: no_way_out,
    },
    Rule {
        code: Code {
            code: "DL0223",
            title: "NAT gateway in a private subnet",
            explain: "A NAT gateway sends the traffic of private subnets to the internet, so it must itself stand in a \
                      subnet whose default route leads to an internet gateway. In a private subnet it is made, is \
                      paid for, and forwards nothing.",
        },
        severity: Severity::Error,
        check: private_nat,
    },
    Rule {
        code: Code {
            code: "DL0224",
            title: "Subnet too small",
            explain: "Every node takes an address for each of its plain network interfaces (one with the layout `ip`; \
                      EFA-only interfaces take none), a NAT gateway, a file system and an interface endpoint take one \
                      or more, and AWS keeps five addresses of each subnet. A launch that does not fit fails as a whole.",
        },
        severity: Severity::Error,
        check: room,
    },
    Rule {
        code: Code {
            code: "DL0225",
            title: "Subnet outside its VPC, or over another one",
            explain: "The range of a subnet lies inside the range of its VPC, and no two subnets of a VPC overlap.",
        },
        severity: Severity::Error,
        check: ranges,
    },
    Rule {
        code: Code {
            code: "DL0226",
            title: "Zone that the region does not have",
            explain: "Everything in a stack is in one region, and the names of its zones are the region's name and a \
                      letter. Local Zones and Wavelength Zones have longer names, which are not judged here. If AWS has \
                      opened a zone that this version does not know, allow this rule and say so.",
        },
        severity: Severity::Error,
        check: unknown_zone,
    },
];

fn public_machines(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(subnet) = stack.follow(&m.group.subnet) else { continue };
        if stack.way_out(subnet) == Some(WayOut::Internet) {
            let why = match m.layout.interfaces.len() {
                1 => "dlinfra gives instances no public addresses".to_owned(),
                n => format!("AWS gives no public address to {} with its {n} network interfaces", m.facts.name),
            };
            let summary = format!("{} is public, but {why}: the machines have no way out", subnet.address());
            let help = "use a private subnet with a route to a NAT gateway";
            found.with(m.group.resource, "subnet", summary, help, Some((subnet.resource, "", "the public subnet")));
        }
    }
}

fn no_way_out(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(subnet) = stack.follow(&m.group.subnet) else { continue };
        if stack.way_out(subnet) == Some(WayOut::None) {
            let summary = format!("machines in {} reach nothing outside their VPC", subnet.address());
            let help = "add a route table with a route from 0.0.0.0/0 to a NAT gateway for this subnet";
            found.with(m.group.resource, "subnet", summary, help, Some((subnet.resource, "", "has no default route")));
        }
    }
}

fn private_nat(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for nat in stack.all::<NatGateway>() {
        let Some(subnet) = stack.follow(&nat.subnet) else { continue };
        if matches!(stack.way_out(subnet), Some(WayOut::Nat | WayOut::None)) {
            let (subnet, nat) = (subnet.resource, nat.resource);
            let summary =
                format!("{} has no route to an internet gateway, so {} forwards nothing", subnet.address, nat.address);
            let help = "put the NAT gateway into a public subnet";
            found.with(nat, "subnet", summary, help, Some((subnet, "", "this subnet is private")));
        }
    }
}

/// What is to have room in a subnet.
struct Need<'a> {
    addresses: u64,
    /// The addresses of each resource in words.
    what: Vec<String>,
    /// The first of them.
    by: &'a Resource<'a>,
    subnet: Item<'a, Subnet>,
}

fn room<'a>(stack: &Stack<'a>, found: &mut Findings<'_>) {
    let mut needs: BTreeMap<&str, Need<'_>> = BTreeMap::new();
    let mut take = |by: &'a Resource<'a>, subnet: &Ref<Subnet>, addresses: u64, what: String| {
        let Some(subnet) = stack.follow(subnet) else { return };
        let fresh = || Need { addresses: 0, what: Vec::new(), by, subnet };
        let need = needs.entry(subnet.address()).or_insert_with(fresh);
        need.addresses = need.addresses.saturating_add(addresses);
        need.what.push(what);
    };
    for m in stack.machines() {
        let (group, each) = (m.group, m.layout.addresses_per_node() as u64);
        let what = format!("{} x {each} of {}", group.count, group.address());
        take(group.resource, &group.subnet, each.saturating_mul(u64::from(group.count)), what);
    }
    for nat in stack.all::<NatGateway>() {
        take(nat.resource, &nat.subnet, 1, format!("1 of {}", nat.address()));
    }
    for fs in stack.all::<FsxLustre>() {
        // At least one; larger file systems have more servers.
        take(fs.resource, &fs.subnet, 1, format!("1 or more of {}", fs.address()));
    }
    for endpoint in stack.all::<VpcEndpoint>() {
        for subnet in &endpoint.subnets {
            take(endpoint.resource, subnet, 1, format!("1 of {}", endpoint.address()));
        }
    }
    for Need { addresses: need, what, by, subnet } in needs.into_values() {
        let free = subnet.cidr.addresses().saturating_sub(KEPT);
        if need > free {
            let summary =
                format!("{} has {free} free addresses, {need} are needed ({})", subnet.address(), what.join(", "));
            let help = "give the subnet a larger range, or use fewer instances";
            found.with(by, "subnet", summary, help, Some((subnet.resource, "cidr", "its range")));
        }
    }
}

fn ranges(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut seen: BTreeMap<&str, Taken<'_>> = BTreeMap::new();
    for subnet in stack.all::<Subnet>() {
        let Some(vpc) = stack.follow(&subnet.vpc) else { continue };
        let (range, whole) = (subnet.cidr, vpc.cidr);
        let help = "take a part of the VPC's range, for example with `cidrsubnet(…)`";
        if !whole.covers(range) {
            let summary = format!("{range} of {} is not inside {whole} of {}", subnet.address(), vpc.address());
            found.with(subnet.resource, "cidr", summary, help, Some((vpc.resource, "cidr", "the VPC's range")));
        }
        for range in subnet.alternatives.iter().filter(|range| !whole.covers(**range)) {
            let summary =
                format!("{range} of {}'s alternatives is not inside {whole} of {}", subnet.address(), vpc.address());
            found.with(subnet.resource, "alternatives", summary, help, Some((vpc.resource, "cidr", "the VPC's range")));
        }
        // One with alternatives takes a range that is free.
        if !subnet.alternatives.is_empty() {
            continue;
        }
        if let Some((taken, other)) = seen.entry(vpc.address()).or_default().add(range, subnet.resource) {
            let summary = format!("{range} of {} overlaps {taken} of {}", subnet.address(), other.address);
            found.with(
                subnet.resource,
                "cidr",
                summary,
                "give each subnet a range of its own",
                Some((other, "cidr", "taken here")),
            );
        }
    }
}

/// The ranges of one VPC's subnets. Of two ranges that overlap one holds the other, so whoever overlaps a new one is
/// among the 32 ranges that could hold it, or starts inside of it.
#[derive(Default)]
struct Taken<'a> {
    all: Vec<(Cidr, &'a Resource<'a>)>,
    /// By first address and prefix.
    ranges: BTreeMap<(u32, u8), First>,
}

/// Numbers of subnets.
struct First {
    /// The first that has this range.
    own: usize,
    /// The first that has this range or one inside of it. Who comes after `own` is later, so this does not change.
    inside: usize,
}

impl<'a> Taken<'a> {
    /// Takes a range; returns the first that overlaps it.
    fn add(&mut self, range: Cidr, by: &'a Resource<'a>) -> Option<(Cidr, &'a Resource<'a>)> {
        let (start, end) = (u32::from(range.network()), u32::from(range.broadcast()));
        let own = (start, range.prefix());
        let holder = |prefix: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            self.ranges.get(&(start & mask, prefix)).map(|first| first.own)
        };
        let outside = (0..range.prefix()).filter_map(holder).min();
        let inside = match self.ranges.get(&own) {
            Some(first) => Some(first.inside),
            None => self.ranges.range(own..=(end, 32)).map(|(_, first)| first.own).min(),
        };
        let number = self.all.len();
        self.ranges.entry(own).or_insert(First { own: number, inside: inside.unwrap_or(number) });
        self.all.push((range, by));
        outside.into_iter().chain(inside).min().map(|first| self.all[first])
    }
}

fn unknown_zone(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for subnet in stack.all::<Subnet>() {
        let region = stack.input.region;
        let zones = crate::catalog::zones(region).unwrap_or_default();
        let is_of = |zone: &str| match zone.strip_prefix(region) {
            Some(rest) if rest.starts_with('-') => true,
            Some(rest) if zones.is_empty() => rest.len() == 1,
            Some(_) => zones.iter().any(|known| known == zone),
            None => false,
        };
        let zone = &subnet.zone;
        if !is_of(zone) {
            let help = match zones.is_empty() {
                true => format!("use a zone of {region}"),
                false => match crate::diagnostic::did_you_mean(zone, zones.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`? Zones of {region}: {}", zones.join(", ")),
                    None => format!("zones of {region}: {}", zones.join(", ")),
                },
            };
            found.at(subnet.resource, "zone", format!("{zone} is not in {region}"), help);
        }
    }
}
