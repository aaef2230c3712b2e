//! What is there as a run goes on: by address, and by every id.
use crate::{
    address::Address,
    aws::ownership::Ownership,
    plan::Plan,
    resource::{Id, Live},
    snapshot::Snapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// Live objects by address, and the ids under which they are known. Both change together, so that nothing is built
/// anew for each of many resources.
#[derive(Default)]
pub(super) struct Present {
    pub(super) by_address: BTreeMap<Address, Live>,
    /// Every id that is known now, to its address; not those of what was removed.
    pub(super) ids: BTreeMap<String, String>,
}

/// Every id of a live object.
fn ids(live: &Live) -> impl Iterator<Item = &String> {
    live.ids.iter().chain([&live.id]).chain(live.parts.values()).filter(|i| !i.is_empty())
}

impl Present {
    pub(super) fn get(&self, address: &Address) -> Option<&Live> {
        self.by_address.get(address)
    }

    pub(super) fn insert(&mut self, address: Address, live: Live) {
        self.remove(&address);
        self.ids.extend(ids(&live).map(|id| (id.clone(), address.to_string())));
        self.by_address.insert(address, live);
    }

    pub(super) fn remove(&mut self, address: &Address) {
        let Some(gone) = self.by_address.remove(address) else { return };
        for id in ids(&gone) {
            if self.ids.get(id).is_some_and(|a| a == address.as_str()) {
                self.ids.remove(id);
            }
        }
    }
}

/// What is there when a run begins, and the ids of what has no place in the stack.
pub(super) fn of(plan: &Plan, snapshot: &Snapshot) -> (Present, BTreeSet<Id>) {
    let mut present = Present::default();
    let surplus = snapshot.surplus.iter().map(|(address, s)| (address, &s.found));
    for (address, found) in snapshot.owned.iter().chain(&snapshot.existing).chain(surplus) {
        present.insert(address.clone(), Live::clone(&found.live));
    }
    let mut surplus: BTreeSet<Id> = snapshot.surplus.values().map(|s| s.found.live.id.clone()).collect();
    // What has moved is pointed at by its new address, also by what goes before its tags are moved; the same of what
    // has lost its place to a successor.
    for step in &plan.steps {
        let Some(live) = step.live.as_ref().filter(|l| l.address != Address::unowned()) else { continue };
        let (aside, known) = (Address::surplus(&live.id), present.get(&step.address));
        if live.address == step.address && known.is_some_and(|l| l.id == live.id) {
            continue;
        }
        present.remove(&aside);
        surplus.remove(&live.id);
        if step.address == aside {
            surplus.insert(live.id.clone());
            let claimed = Ownership::address(&live.tags);
            if let Some(place) = claimed.filter(|a| present.get(a).is_some_and(|l| l.id == live.id)) {
                present.remove(&place);
            }
        }
        present.insert(step.address.clone(), Live::clone(live));
    }
    (present, surplus)
}
