//! Reading a stack: from a pointer to the resource, from a resource to its facts; `None` is always "cannot tell yet".
use super::{Resource, RuleInput};
use crate::{
    catalog::{self, InstanceType},
    spec::{self, Node},
    topology::{Layout, Profile},
    units::{Cidr, PerTib, Size},
};
use serde_json::Value;
use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
};

/// All resources, with an index of each question that a rule asks of every one of them: a rule that searched the stack
/// for each resource would take a hundred times as long for ten times the resources.
pub struct Stack<'a> {
    /// What is checked.
    pub input: &'a RuleInput<'a>,
    by_address: HashMap<&'a str, &'a Resource<'a>>,
    /// Those whose fields are known, in the order of the blueprint.
    by_kind: HashMap<&'a str, Vec<&'a Resource<'a>>>,
    machines: OnceCell<Vec<Machines<'a>>>,
    /// The machines that point at an address, in their order.
    users: OnceCell<HashMap<String, Vec<usize>>>,
    tables: OnceCell<Tables<'a>>,
    /// How many resources rules have gone over: a test tells from it how that grows.
    #[cfg(test)]
    pub(super) looked: std::cell::Cell<usize>,
}

/// Which route table each subnet has.
struct Tables<'a> {
    /// The first that names the subnet.
    of: HashMap<&'a str, &'a Resource<'a>>,
    /// Does a table not know all of its subnets yet?
    unclear: bool,
}

/// A group of instances with what the catalog knows.
pub(super) struct Machines<'a> {
    pub(super) resource: &'a Resource<'a>,
    pub(super) facts: &'static InstanceType,
    /// `None`: not known yet.
    pub(super) count: Option<u64>,
    pub(super) layout: Layout,
}

impl Machines<'_> {
    /// Do several of them speak EFA with each other?
    pub(super) fn use_efa(&self) -> bool {
        self.facts.supports_efa() && self.count.is_some_and(|n| n > 1)
    }
}

/// Where packets that match no narrower route go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WayOut {
    Internet,
    Nat,
    Other,
    None,
}

impl<'a> Stack<'a> {
    /// The view of one input.
    #[must_use]
    pub fn new(input: &'a RuleInput<'a>) -> Self {
        let mut by_kind: HashMap<&str, Vec<&Resource<'_>>> = HashMap::new();
        for resource in input.resources.iter().filter(|r| !r.existing) {
            by_kind.entry(resource.kind).or_default().push(resource);
        }
        let by_address = input.resources.iter().map(|r| (r.address, r)).collect();
        Self {
            input,
            by_address,
            by_kind,
            machines: OnceCell::new(),
            users: OnceCell::new(),
            tables: OnceCell::new(),
            #[cfg(test)]
            looked: std::cell::Cell::default(),
        }
    }

    fn look(&self) {
        #[cfg(test)]
        self.looked.set(self.looked.get() + 1);
    }

    /// The resource at an address.
    pub(super) fn at(&self, address: &str) -> Option<&'a Resource<'a>> {
        self.look();
        self.by_address.get(address).copied()
    }

    /// Every resource of a kind whose fields are known.
    pub(super) fn all(&self, kind: &str) -> impl Iterator<Item = &'a Resource<'a>> + '_ {
        self.by_kind.get(kind).into_iter().flatten().copied().inspect(|_| self.look())
    }

    /// The resource that a value points at, if it is one of the stack's own.
    pub(super) fn follow(&self, value: &Value) -> Option<&'a Resource<'a>> {
        match spec::node(value) {
            Node::Pointer { address: Some(address), .. } => self.at(address).filter(|r| !r.existing),
            _ => None,
        }
    }

    /// The resource that a field points at.
    pub(super) fn parent(&self, resource: &Resource<'_>, field: &str) -> Option<&'a Resource<'a>> {
        self.follow(spec::at(resource.spec, field)?)
    }

    /// Every group whose type the catalog knows and that is not empty.
    pub(super) fn machines(&self) -> impl Iterator<Item = &Machines<'a>> {
        self.known_machines().iter().inspect(|_| self.look())
    }

    fn known_machines(&self) -> &[Machines<'a>] {
        let one = |resource: &'a Resource<'a>| {
            let facts = catalog::instance_type(text(resource, "instance_type")?).ok()?;
            let profile = text(resource, "interfaces.layout").and_then(Profile::from_name).unwrap_or_default();
            let count = whole(resource, "count");
            let layout = Layout::of(facts, profile);
            (count != Some(0)).then_some(Machines { resource, facts, count, layout })
        };
        self.machines.get_or_init(|| self.all("instance-group").filter_map(one).collect())
    }

    /// The security groups of a field, if all of them are the stack's own.
    pub(super) fn security_groups(&self, resource: &Resource<'_>, field: &str) -> Option<Vec<&'a Resource<'a>>> {
        let list = spec::at(resource.spec, field)?.as_array()?;
        list.iter().map(|value| self.follow(value)).collect()
    }

    /// The zone of the subnet that `field` points at.
    pub(super) fn zone(&self, resource: &Resource<'_>, field: &str) -> Option<&'a str> {
        text(self.parent(resource, field)?, "zone")
    }

    /// Where a subnet of the stack sends what leaves its VPC. A VPC from outside may have a main table with routes.
    pub(super) fn way_out(&self, subnet: &Resource<'_>) -> Option<WayOut> {
        self.parent(subnet, "vpc")?;
        let tables = self.tables.get_or_init(|| self.tables());
        let Some(table) = tables.of.get(subnet.address) else { return (!tables.unclear).then_some(WayOut::None) };
        let routes = list(table, "routes")?;
        let default = routes.iter().find(|r| r.get("to").and_then(Value::as_str) == Some("0.0.0.0/0"));
        let has = |key: &str| default.is_some_and(|r| r.get(key).is_some_and(|v| !v.is_null()));
        match default {
            None if routes.iter().any(spec::has_unknown) => None,
            None => Some(WayOut::None),
            Some(_) if has("internet_gateway") => Some(WayOut::Internet),
            Some(_) if has("nat_gateway") => Some(WayOut::Nat),
            Some(_) => Some(WayOut::Other),
        }
    }

    fn tables(&self) -> Tables<'a> {
        let mut out = Tables { of: HashMap::new(), unclear: false };
        for table in self.all("route-table") {
            let Some(subnets) = list(table, "subnets") else {
                out.unclear = true;
                continue;
            };
            for value in subnets {
                match self.follow(value) {
                    Some(subnet) => drop(out.of.entry(subnet.address).or_insert(table)),
                    None => out.unclear |= spec::has_unknown(value),
                }
            }
        }
        out
    }

    /// Machines that use a resource's attributes: those that mount a file system, for example.
    pub(super) fn users(&self, of: &Resource<'_>) -> impl Iterator<Item = &Machines<'a>> {
        let machines = self.known_machines();
        let users = self.users.get_or_init(|| {
            let mut out: HashMap<String, Vec<usize>> = HashMap::new();
            for (number, machine) in machines.iter().enumerate() {
                let mut found = BTreeSet::new();
                spec::addresses(machine.resource.spec, &mut found);
                found.into_iter().for_each(|address| out.entry(address).or_default().push(number));
            }
            out
        });
        users.get(of.address).into_iter().flatten().map(|number| &machines[*number]).inspect(|_| self.look())
    }
}

/// A known text.
pub(super) fn text<'a>(resource: &Resource<'a>, path: &str) -> Option<&'a str> {
    spec::at(resource.spec, path)?.as_str()
}

/// A known whole number.
pub(super) fn whole(resource: &Resource<'_>, path: &str) -> Option<u64> {
    spec::at(resource.spec, path)?.as_u64()
}

/// A list; one that is not written is empty.
pub(super) fn list<'a>(resource: &Resource<'a>, path: &str) -> Option<&'a [Value]> {
    match spec::at(resource.spec, path) {
        None | Some(Value::Null) => Some(&[]),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    }
}

/// A known range of addresses.
pub(super) fn cidr(resource: &Resource<'_>, path: &str) -> Option<Cidr> {
    text(resource, path)?.parse().ok()
}

/// A known size.
pub(super) fn size(resource: &Resource<'_>, path: &str) -> Option<Size> {
    text(resource, path)?.parse().ok()
}

/// A known throughput per TiB.
pub(super) fn per_tib(resource: &Resource<'_>, path: &str) -> Option<PerTib> {
    text(resource, path)?.parse().ok()
}

/// The other end of a security group's rule.
pub(super) struct Admission<'r> {
    rule: &'r Value,
}

impl Admission<'_> {
    /// Every rule of one direction; what is not written is AWS's default.
    pub(super) fn of<'a>(group: &Resource<'a>, way: &str) -> Option<Vec<Admission<'a>>> {
        Some(list(group, way)?.iter().map(|rule| Admission { rule }).collect())
    }

    fn field(&self, key: &str) -> Option<&str> {
        self.rule.get(key).and_then(Value::as_str)
    }

    pub(super) fn is_all(&self) -> bool {
        self.field("protocol") == Some("all")
    }

    /// Does it cover these TCP ports?
    pub(super) fn covers_tcp(&self, from: u32, to: u32) -> bool {
        if self.is_all() {
            return true;
        }
        let Some(ports) = self.field("ports").filter(|_| self.field("protocol") == Some("tcp")) else { return false };
        let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
        match (low.trim().parse::<u32>(), high.trim().parse::<u32>()) {
            (Ok(low), Ok(high)) => low <= from && to <= high,
            _ => false,
        }
    }

    /// Is this group at the other end? `owner` is the group that has the rule.
    pub(super) fn reaches(&self, stack: &Stack<'_>, owner: &str, other: &str) -> bool {
        let itself = self.rule.get("self").and_then(Value::as_bool) == Some(true) && owner == other;
        let source = self.rule.get("source").and_then(|s| stack.follow(s)).is_some_and(|s| s.address == other);
        itself || source
    }

    /// The addresses at the other end; `Err` = not known yet.
    pub(super) fn range(&self) -> Result<Option<Cidr>, ()> {
        match self.rule.get("cidr") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(text.parse().ok()),
            Some(_) => Err(()),
        }
    }

    /// Is the other end something that rules cannot look into (a group or list from outside)?
    pub(super) fn is_opaque(&self, stack: &Stack<'_>) -> bool {
        let outside = self.rule.get("source").is_some_and(|s| !s.is_null() && stack.follow(s).is_none());
        let list = self.rule.get("prefix_list").is_some_and(|l| !l.is_null());
        outside || list || self.range().is_err()
    }
}

/// The keys of a resource's own tags.
pub(super) fn tags<'a>(resource: &Resource<'a>) -> Vec<&'a str> {
    let map = spec::at(resource.spec, "tags").and_then(Value::as_object);
    map.map(|m| m.keys().map(String::as_str).collect()).unwrap_or_default()
}
