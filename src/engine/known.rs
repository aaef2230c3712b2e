//! What the journal says is there, asked for by id: a sweep sees tags only, and one sweep may lag behind.
use super::Engine;
use crate::engine::codes;
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass,
        ownership::{Ownership, Whose},
        tags::Tags,
    },
    call::{Remembered, SweepCtx},
    diagnostic::Diagnostic,
    kind::Kind,
    plan::Wanted,
    resource::{Id, State},
    snapshot::{self, Found},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the journal knows of one address, and has not recorded as gone.
pub(super) struct Known {
    address: Address,
    kind: &'static dyn Kind,
    /// The object, or the members of a fleet.
    ids: BTreeSet<Id>,
    parts: BTreeSet<Id>,
}

/// Something that the journal knows and that is there without the stack's tags: it is named, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untagged {
    /// Where the journal has it.
    pub address: Address,
    /// Its kind.
    pub kind: &'static str,
    /// Its id.
    pub id: Id,
    /// Is it a secondary object?
    pub part: bool,
}

impl Untagged {
    /// What people should know about it.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let Self { address, kind, id, part } = self;
        let text = format!("{id} is there without this stack's tags; by the journal it is {address} ({kind})");
        let help = match part {
            true => "set its tags again as those of its resource, or delete it by hand".to_owned(),
            false => format!("take it back with `dlinfra import FILE {address} {id}`, or delete it by hand"),
        };
        Diagnostic::warning(&codes::TAGS_LOST, text).at_address(address.as_str()).with_help(help)
    }
}

/// What was found by id.
#[derive(Default)]
pub(super) struct Asked {
    /// With the stack's tags: a sweep has missed it.
    pub(super) found: Vec<Found>,
    /// Without them.
    pub(super) untagged: BTreeSet<Untagged>,
}

impl Engine {
    /// Everything that the journal has not recorded as gone.
    pub(super) fn known(&self) -> Vec<Known> {
        let memory = &self.memory;
        let of_call = |api: &str| self.kinds.iter().find(|k| k.about().calls.iter().any(|c| c.api == api));
        let mut out: BTreeMap<(Address, &'static str), Known> = BTreeMap::new();
        let mut add = |address: &Address, kind: &'static dyn Kind, ids: Vec<Id>| {
            let slot = out.entry((address.clone(), kind.name())).or_insert_with(|| Known {
                address: address.clone(),
                kind,
                ids: BTreeSet::new(),
                parts: memory.parts.get(address).into_iter().flat_map(BTreeMap::values).cloned().collect(),
            });
            slot.ids.extend(ids.into_iter().filter(|id| !id.is_empty()));
        };
        for (address, applied) in &memory.applied {
            if let Some(kind) = self.kinds.iter().find(|k| k.name() == applied.kind) {
                add(address, *kind, kind.ids_of(&applied.id, &applied.outputs));
            }
        }
        for (address, made) in memory.accepted.iter().flat_map(|(a, all)| all.iter().map(move |m| (a, m))) {
            if let Some(kind) = of_call(&made.call) {
                add(address, *kind, if made.part.is_empty() { made.ids.clone() } else { Vec::new() });
            }
        }
        out.into_values().collect()
    }

    /// The same, for sweeps.
    pub(super) fn remembered(&self) -> Remembered {
        let mut out = Remembered::default();
        for known in self.known() {
            known.ids.iter().for_each(|id| out.add(id, &known.address));
        }
        for (address, parts) in &self.memory.parts {
            parts.iter().for_each(|(part, id)| out.add_part(address, part, id));
        }
        out
    }

    /// Asks by id for what the journal knows and these objects are not.
    ///
    /// # Errors
    /// Anything that could not be read: a refusal is never an absence.
    pub(super) async fn ask_for_missing(&self, ctx: &SweepCtx, seen: &[Found]) -> Result<Asked, Error> {
        // A part may have the name of its whole: what is left of a part does not show the whole.
        let (mut shown, mut parts): (BTreeSet<&Id>, BTreeSet<&Id>) = Default::default();
        for live in seen.iter().map(|f| &f.live) {
            parts.extend(live.parts.values());
            if live.state != State::Partial {
                shown.extend(live.members.iter().map(|m| &m.id).chain([&live.id]));
            }
        }
        let mut missing: BTreeMap<&'static str, Vec<Known>> = BTreeMap::new();
        for mut known in self.known() {
            known.parts.retain(|id| !parts.contains(id));
            if known.ids.iter().any(|id| shown.contains(id)) {
                // Of what is there, its own sweep and its removal ask for parts.
                continue;
            }
            if !known.ids.is_empty() || !known.parts.is_empty() {
                missing.entry(known.kind.name()).or_default().push(known);
            }
        }
        let mut out = Asked::default();
        let asked = join_all(missing.into_values().map(|all| ask(ctx, all))).await;
        for one in asked {
            let Asked { found, untagged } = one?;
            out.found.extend(found);
            out.untagged.extend(untagged);
        }
        Ok(out)
    }

    /// The kinds of which something is wanted or remembered; nothing = nobody can tell, so it may be any.
    pub(super) fn needed(&self, wanted: &[Wanted]) -> Option<BTreeSet<String>> {
        let memory = &self.memory;
        let mut out: BTreeSet<String> =
            wanted.iter().filter(|w| w.existing.is_none()).map(|w| w.kind.name().to_owned()).collect();
        let addresses = memory.applied.keys().chain(memory.open.keys()).chain(memory.accepted.keys());
        for address in addresses.chain(memory.named.keys()).collect::<BTreeSet<_>>() {
            let kinds = self.kinds_at(address, wanted);
            if kinds.is_empty() {
                return None;
            }
            out.extend(kinds);
        }
        Some(out)
    }

    /// Sweeps these kinds. What cannot be read of a kind of which nothing is wanted or remembered is a gap.
    ///
    /// # Errors
    /// What cannot be read of the others.
    pub(super) async fn swept(
        &self,
        kinds: &[&'static dyn Kind],
        needed: Option<&BTreeSet<String>>,
        ctx: &SweepCtx,
    ) -> Result<(Vec<Found>, Vec<Gap>), Error> {
        let (mut out, mut gaps) = (Vec::new(), Vec::new());
        for (kind, found) in snapshot::each(kinds, ctx).await {
            match found {
                Ok(found) => out.extend(found),
                Err(why) if is_gap(&why) && needed.is_some_and(|n| !n.contains(kind.name())) => {
                    gaps.push(Gap { kind: kind.name(), why });
                }
                Err(why) => return Err(why),
            }
        }
        Ok((out, gaps))
    }
}

/// A kind of object that could not be looked for.
#[derive(Debug, Clone)]
pub struct Gap {
    /// Which.
    pub kind: &'static str,
    /// Why.
    pub why: Error,
}

impl Gap {
    /// What people should know about it.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let text = format!("nobody looked for any {}: {}", self.kind, self.why);
        Diagnostic::note(&codes::KIND_NOT_READ, text).with_help_opt(self.why.help.clone())
    }
}

/// Can one kind alone be concerned? Without credentials, or after a stop, nothing could be read at all.
pub(super) fn is_gap(why: &Error) -> bool {
    !matches!(why.class, ErrorClass::Credentials | ErrorClass::Stopped | ErrorClass::Journal | ErrorClass::Bug)
}

/// Objects of one kind, by id.
async fn ask(ctx: &SweepCtx, known: Vec<Known>) -> Result<Asked, Error> {
    let Some(kind) = known.first().map(|k| k.kind) else { return Ok(Asked::default()) };
    let at: BTreeMap<&Id, &Address> =
        known.iter().flat_map(|k| k.ids.iter().chain(&k.parts).map(move |id| (id, &k.address))).collect();
    let ids: Vec<Id> = known.iter().flat_map(|k| k.ids.iter().cloned()).collect();
    let parts: BTreeSet<Id> = known.iter().flat_map(|k| k.parts.iter().cloned()).collect();
    let absent = |e: &Error| e.class == ErrorClass::NotFound;
    let lives = if ids.is_empty() { Ok(Vec::new()) } else { kind.lookup_ids(ctx, &ids).await };
    let lives = lives.or_else(|e| if absent(&e) { Ok(Vec::new()) } else { Err(e) })?;
    let there = if parts.is_empty() { Vec::new() } else { kind.parts_there(ctx, &parts).await? };
    let mut out = Asked::default();
    let mut untagged = |id: &Id, part: bool| {
        if let Some(address) = at.get(id) {
            out.untagged.insert(Untagged { address: (*address).clone(), kind: kind.name(), id: id.clone(), part });
        }
    };
    for mut live in lives {
        match of_stack(ctx, &live.tags) {
            Seen::Ours => {
                snapshot::reveal(&mut live);
                out.found.push(Found { kind, live: Arc::new(live) });
            }
            Seen::Untagged if live.members.is_empty() => untagged(&live.id, false),
            Seen::Untagged => live.members.iter().for_each(|m| untagged(&m.id, false)),
            Seen::Given => {}
        }
    }
    for (id, tags) in there {
        if of_stack(ctx, &tags) == Seen::Untagged {
            untagged(&id, true);
        }
    }
    Ok(out)
}

/// What an object that the journal knows is by its tags now.
#[derive(PartialEq)]
enum Seen {
    /// A sweep takes it.
    Ours,
    /// Somebody took the tags off.
    Untagged,
    /// Another stack has it now.
    Given,
}

fn of_stack(ctx: &SweepCtx, tags: &Tags) -> Seen {
    match ctx.scope.whose(Ownership::read(tags).as_ref()) {
        Whose::Ours | Whose::Unproved if ctx.takes(tags) => Seen::Ours,
        Whose::Others => Seen::Given,
        _ => Seen::Untagged,
    }
}
