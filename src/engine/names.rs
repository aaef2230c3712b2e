//! Names that may exist, for kinds that are found by name.
use super::Engine;
use crate::{address::Address, apply, call::Names, kind::Kind, plan::Wanted, resource::Discovery};
use serde_json::Value;
use std::collections::BTreeSet;

impl Engine {
    /// Names that may exist. Each costs a request of every kind that it may be of, so the journal is asked of which
    /// kinds it can be.
    pub(super) fn names(&self, wanted: &[Wanted]) -> Names {
        let memory = &self.memory;
        let by_name = |kind: &str| {
            let kind = self.kinds.iter().find(|k| k.name() == kind);
            kind.is_none_or(|k| matches!(k.about().discovery, Discovery::Prefix))
        };
        let mut out: Names = self.searched.iter().cloned().collect();
        for (address, names) in &memory.named {
            let kinds = self.kinds_at(address, wanted);
            for name in names {
                if kinds.is_empty() {
                    out.add_any(name);
                }
                kinds.iter().filter(|k| by_name(k)).for_each(|kind| out.add(kind, name));
            }
        }
        // Names of what was imported or recovered are known by its id alone.
        for applied in memory.applied.values().filter(|a| by_name(&a.kind) && !a.id.is_empty()) {
            out.add_known(&applied.kind, &applied.id);
        }
        for item in wanted.iter().filter(|w| by_name(w.kind.name())) {
            if let Some(name) = item.spec.get("name").and_then(Value::as_str) {
                out.add(item.kind.name(), name);
            }
        }
        out
    }

    /// The kinds of what may exist at an address; empty = nobody knows.
    pub(super) fn kinds_at(&self, address: &Address, wanted: &[Wanted]) -> BTreeSet<String> {
        let memory = &self.memory;
        // Several kinds make log groups, models and alarms.
        let of_call = |api: &str| {
            let makes = |k: &&&dyn Kind| k.about().calls.iter().any(|c| c.api == api);
            self.kinds.iter().filter(makes).map(|k| k.name().to_owned()).collect::<BTreeSet<_>>()
        };
        let (mut out, mut known) = (BTreeSet::new(), true);
        out.extend(memory.applied.get(address).map(|a| a.kind.clone()));
        out.extend(wanted.iter().filter(|w| w.address == *address).map(|w| w.kind.name().to_owned()));
        let mut may_be = |kinds: BTreeSet<String>| {
            known &= !kinds.is_empty();
            if out.is_disjoint(&kinds) {
                out.extend(kinds);
            }
        };
        for intent in memory.open_at(address) {
            let imported = intent.params.get("kind").and_then(Value::as_str).filter(|_| intent.call == apply::IMPORT);
            may_be(imported.map_or_else(|| of_call(&intent.call), |kind| BTreeSet::from([kind.to_owned()])));
        }
        for accepted in memory.accepted.get(address).into_iter().flatten() {
            may_be(of_call(&accepted.call));
        }
        if known { out } else { BTreeSet::new() }
    }
}
