//! Reading a stack: from a pointer to the resource, from a resource to its fields; `None` is always "cannot tell yet".
use super::{Resource, RuleInput};
use crate::{
    catalog::{self, InstanceType},
    field::{Field, Ref},
    kinds::{InstanceGroup, RouteTable, SecurityGroup, Subnet, security_group::Rule},
    resource, spec,
    topology::Layout,
    units::Cidr,
};
use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
    ops::Deref,
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
    /// The first route table that names a subnet, by the subnet.
    tables: OnceCell<HashMap<&'a str, Item<'a, RouteTable>>>,
    /// How many resources rules have gone over: a test tells from it how that grows.
    #[cfg(test)]
    pub(super) looked: std::cell::Cell<usize>,
}

/// A resource of this kind, and its fields.
pub(super) struct Item<'a, K> {
    pub(super) resource: &'a Resource<'a>,
    pub(super) fields: &'a K,
}

impl<'a, K: resource::Resource> Item<'a, K> {
    /// Nothing where the resource is of another kind, or only read.
    fn of(resource: &'a Resource<'a>) -> Option<Self> {
        Some(Self { resource, fields: resource.fields?.downcast_ref()? })
    }
}

impl<'a, K> Item<'a, K> {
    pub(super) fn address(&self) -> &'a str {
        self.resource.address
    }
}

impl<K> Clone for Item<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Item<'_, K> {}

impl<K> Deref for Item<'_, K> {
    type Target = K;

    fn deref(&self) -> &K {
        self.fields
    }
}

/// A group of instances with what the catalog knows.
pub(super) struct Machines<'a> {
    pub(super) group: Item<'a, InstanceGroup>,
    pub(super) facts: &'static InstanceType,
    pub(super) layout: Layout,
}

impl Machines<'_> {
    /// Do several of them speak EFA with each other?
    pub(super) fn use_efa(&self) -> bool {
        Layout::of(self.facts, self.group.interfaces.layout.into()).efa_interfaces() > 0 && self.group.count > 1
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
        for resource in input.resources.iter().filter(|r| r.fields.is_some()) {
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
    pub(super) fn all<K: resource::Resource>(&self) -> impl Iterator<Item = Item<'a, K>> + '_ {
        let own = self.by_kind.get(K::KIND).into_iter().flatten().inspect(|_| self.look());
        own.filter_map(|resource| Item::of(resource))
    }

    /// What a field points at, if it is one of the stack's own.
    pub(super) fn follow<K: resource::Resource>(&self, to: &Ref<K>) -> Option<Item<'a, K>> {
        Item::of(self.at(to.address.as_deref()?)?)
    }

    /// Every group whose type the catalog knows and that is not empty.
    pub(super) fn machines(&self) -> impl Iterator<Item = &Machines<'a>> {
        self.known_machines().iter().inspect(|_| self.look())
    }

    fn known_machines(&self) -> &[Machines<'a>] {
        let one = |group: Item<'a, InstanceGroup>| {
            let facts = catalog::instance_type(&group.instance_type).ok()?;
            let layout = Layout::of(facts, group.interfaces.layout.into());
            (group.count > 0).then_some(Machines { group, facts, layout })
        };
        self.machines.get_or_init(|| self.all().filter_map(one).collect())
    }

    /// The security groups of a field, if all of them are the stack's own.
    pub(super) fn security_groups(&self, field: &[Ref<SecurityGroup>]) -> Option<Vec<Item<'a, SecurityGroup>>> {
        field.iter().map(|group| self.follow(group)).collect()
    }

    /// The zone of a subnet.
    pub(super) fn zone(&self, subnet: &Ref<Subnet>) -> Option<&'a str> {
        Some(&self.follow(subnet)?.fields.zone)
    }

    /// Where a subnet of the stack sends what leaves its VPC. A VPC from outside may have a main table with routes.
    pub(super) fn way_out(&self, subnet: Item<'_, Subnet>) -> Option<WayOut> {
        self.follow(&subnet.vpc)?;
        let tables = self.tables.get_or_init(|| self.tables());
        let Some(table) = tables.get(subnet.address()) else { return Some(WayOut::None) };
        Some(match table.routes.iter().find(|route| route.to.is_everything()) {
            None => WayOut::None,
            Some(route) if route.internet_gateway.is_some() => WayOut::Internet,
            Some(route) if route.nat_gateway.is_some() => WayOut::Nat,
            Some(_) => WayOut::Other,
        })
    }

    fn tables(&self) -> HashMap<&'a str, Item<'a, RouteTable>> {
        let mut out = HashMap::new();
        for table in self.all::<RouteTable>() {
            for subnet in table.subnets.iter().filter_map(|subnet| self.follow(subnet)) {
                out.entry(subnet.address()).or_insert(table);
            }
        }
        out
    }

    /// Machines that use a resource's attributes: those that mount a file system, for example.
    pub(super) fn users(&self, of: &str) -> impl Iterator<Item = &Machines<'a>> {
        let machines = self.known_machines();
        let users = self.users.get_or_init(|| {
            let mut out: HashMap<String, Vec<usize>> = HashMap::new();
            for (number, machine) in machines.iter().enumerate() {
                let mut found = BTreeSet::new();
                spec::addresses(machine.group.resource.spec, &mut found);
                found.into_iter().for_each(|address| out.entry(address).or_default().push(number));
            }
            out
        });
        users.get(of).into_iter().flatten().map(|number| &machines[*number]).inspect(|_| self.look())
    }
}

/// Whom a rule of a security group lets through.
pub(super) struct Admission<'r> {
    pub(super) rule: &'r Rule,
}

impl Admission<'_> {
    pub(super) fn is_all(&self) -> bool {
        self.rule.protocol == "all"
    }

    /// Does it cover these TCP ports?
    pub(super) fn covers_tcp(&self, from: u32, to: u32) -> bool {
        if self.is_all() {
            return true;
        }
        let Some(ports) = self.rule.ports.as_deref().filter(|_| self.rule.protocol == "tcp") else { return false };
        let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
        match (low.trim().parse::<u32>(), high.trim().parse::<u32>()) {
            (Ok(low), Ok(high)) => low <= from && to <= high,
            _ => false,
        }
    }

    /// Is this group at the other end? `owner` is the group that has the rule.
    pub(super) fn reaches(&self, stack: &Stack<'_>, owner: &str, other: &str) -> bool {
        let itself = self.rule.itself && owner == other;
        let source = self.rule.source.as_ref().and_then(|s| stack.follow(s)).is_some_and(|s| s.address() == other);
        itself || source
    }

    /// The addresses at the other end; `Err` = not known yet.
    pub(super) fn range(&self) -> Result<Option<Cidr>, ()> {
        match &self.rule.cidr {
            None => Ok(None),
            Some(Field::Known(range)) => Ok(range.v4()),
            Some(Field::Deferred(_)) => Err(()),
        }
    }

    /// Is the other end something that rules cannot look into (a group or list from outside)?
    pub(super) fn is_opaque(&self, stack: &Stack<'_>) -> bool {
        let outside = self.rule.source.as_ref().is_some_and(|s| stack.follow(s).is_none());
        outside || self.rule.prefix_list.is_some() || self.range().is_err()
    }
}
