//! What the random operations work on: a small stack as its author thinks of it, and what must be live for it.
use crate::stage::wanted;
use dlinfra::{address::Address, plan::Wanted};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Live objects that carry the stack's tags, by kind, address and part.
pub(crate) type Books = BTreeMap<(String, String, String), usize>;

/// A resource whose address changes when it is renamed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Named<T> {
    pub(crate) is: T,
    /// How often it was renamed.
    pub(crate) names: u8,
}

/// The stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    /// Which range the VPC has; another one replaces everything in it.
    pub(crate) range: u8,
    /// Further subnets, and whether they are public.
    pub(crate) subnets: BTreeMap<u8, bool>,
    /// Security groups, and whom they let in: nobody, themselves, the next one.
    pub(crate) groups: BTreeMap<u8, u8>,
    /// A role, with or without an instance profile.
    pub(crate) role: Option<Named<bool>>,
    /// A bucket, versioned or not.
    pub(crate) bucket: Option<Named<bool>>,
    /// A NAT gateway in the first subnet.
    pub(crate) nat: Option<Named<()>>,
    /// So many instances with the first or the second script.
    pub(crate) fleet: Option<Named<(u8, bool)>>,
}

/// A change of the blueprint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edit {
    Range(u8),
    Subnet(u8, Option<bool>),
    Group(u8, Option<u8>),
    Role(Option<bool>),
    Bucket(Option<bool>),
    Nat(bool),
    Fleet(Option<(u8, bool)>),
    Rename(u8),
}

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn put<T>(slot: &mut Option<Named<T>>, is: Option<T>, names: u8) {
    *slot = is.map(|is| Named { is, names: slot.as_ref().map_or(names, |s| s.names) });
}

impl Model {
    pub(crate) fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Range(n) => self.range = n,
            Edit::Subnet(n, Some(public)) => drop(self.subnets.insert(n, public)),
            Edit::Subnet(n, None) => drop(self.subnets.remove(&n)),
            Edit::Group(n, Some(rule)) => drop(self.groups.insert(n, rule)),
            Edit::Group(n, None) => drop(self.groups.remove(&n)),
            Edit::Role(is) => put(&mut self.role, is, 0),
            Edit::Bucket(is) => put(&mut self.bucket, is, 0),
            Edit::Nat(on) => put(&mut self.nat, on.then_some(()), 0),
            Edit::Fleet(is) => put(&mut self.fleet, is, 0),
            Edit::Rename(which) => {
                let more = |names: Option<&mut u8>| names.map(|n| *n = n.saturating_add(1)).unwrap_or_default();
                match which {
                    0 => more(self.role.as_mut().map(|n| &mut n.names)),
                    1 => more(self.bucket.as_mut().map(|n| &mut n.names)),
                    2 => more(self.nat.as_mut().map(|n| &mut n.names)),
                    _ => more(self.fleet.as_mut().map(|n| &mut n.names)),
                }
            }
        }
    }

    /// The stack as a blueprint would say it.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let net = format!("10.{}.", self.range);
        let mut out = vec![
            wanted("vpc", "vpc", json!({ "cidr": format!("{net}0.0/16") })),
            wanted("igw", "internet-gateway", json!({ "vpc": to("vpc") })),
            wanted("net", "subnet", json!({ "vpc": to("vpc"), "cidr": format!("{net}0.0/24"), "zone": "us-east-1a" })),
        ];
        for (n, public) in &self.subnets {
            let cidr = format!("{net}{}.0/24", n + 1);
            let spec = json!({ "vpc": to("vpc"), "cidr": cidr, "zone": "us-east-1b", "public": public });
            out.push(wanted(&format!("more/{n}"), "subnet", spec));
        }
        for (n, rule) in &self.groups {
            let other = self.groups.keys().find(|o| *o > n).or(self.groups.keys().next()).filter(|o| *o != n);
            let rules = match (rule, other) {
                (2, Some(other)) => json!([{ "protocol": "all", "source": to(&format!("group/{other}")) }]),
                (0, _) => json!([]),
                _ => json!([{ "protocol": "all", "self": true }]),
            };
            out.push(wanted(&format!("group/{n}"), "security-group", json!({ "vpc": to("vpc"), "ingress": rules })));
        }
        if let Some(role) = &self.role {
            let spec = json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": role.is });
            out.push(named("role", role, "iam-role", spec));
        }
        if let Some(bucket) = &self.bucket {
            out.push(named("bucket", bucket, "bucket", json!({ "versioning": bucket.is })));
        }
        if let Some(nat) = &self.nat {
            out.push(named("nat", nat, "nat-gateway", json!({ "subnet": to("net"), "internet_gateway": to("igw") })));
        }
        if let Some(fleet) = &self.fleet {
            let groups: Vec<Value> = self.groups.keys().map(|n| to(&format!("group/{n}"))).collect();
            let (count, script) = fleet.is;
            let mut spec = json!({
                "instance_type": "m5.large", "count": count, "subnet": to("net"), "image": "al2023",
                "interfaces": { "security_groups": groups }, "placement": "cluster",
                "boot": { "script": if script { "#!/bin/sh\necho two\n" } else { "#!/bin/sh\necho one\n" } }
            });
            if groups.is_empty() {
                spec["interfaces"] = json!({ "security_groups": [to("plain")] });
                out.push(wanted("plain", "security-group", json!({ "vpc": to("vpc") })));
            }
            out.push(named("fleet", fleet, "instance-group", spec));
        }
        out
    }

    /// What must be live, counted from the model alone.
    pub(crate) fn books(&self) -> Books {
        let mut out = Books::new();
        let mut add = |kind: &str, address: &str, part: &str, count: usize| {
            if count > 0 {
                out.insert((kind.to_owned(), address.to_owned(), part.to_owned()), count);
            }
        };
        add("ec2/vpc", "vpc", "", 1);
        add("ec2/internet-gateway", "igw", "", 1);
        add("ec2/subnet", "net", "", 1);
        self.subnets.keys().for_each(|n| add("ec2/subnet", &format!("more/{n}"), "", 1));
        self.groups.keys().for_each(|n| add("ec2/security-group", &format!("group/{n}"), "", 1));
        if let Some(role) = &self.role {
            add("iam/role", &address("role", role.names), "", 1);
            add("iam/instance-profile", &address("role", role.names), "instance-profile", usize::from(role.is));
        }
        if let Some(bucket) = &self.bucket {
            add("s3/bucket", &address("bucket", bucket.names), "", 1);
        }
        if let Some(nat) = &self.nat {
            add("ec2/nat-gateway", &address("nat", nat.names), "", 1);
            add("ec2/elastic-ip", &address("nat", nat.names), "address", 1);
        }
        if let Some(fleet) = &self.fleet {
            let (at, count) = (address("fleet", fleet.names), usize::from(fleet.is.0));
            add("ec2/instance", &at, "member", count);
            add("ec2/volume", &at, "volume", count);
            add("ec2/network-interface", &at, "interface", count);
            add("ec2/placement-group", &at, "placement", usize::from(count > 0));
            add("ec2/security-group", "plain", "", usize::from(self.groups.is_empty()));
        }
        out
    }
}

fn address(stem: &str, names: u8) -> String {
    if names == 0 { stem.to_owned() } else { format!("{stem}-{names}") }
}

/// Under its newest name; it was moved from every former one.
fn named<T>(stem: &str, is: &Named<T>, kind: &str, spec: Value) -> Wanted {
    let mut out = wanted(&address(stem, is.names), kind, spec);
    out.moved = (0..is.names).rev().filter_map(|n| Address::parse(&address(stem, n))).collect();
    out
}
