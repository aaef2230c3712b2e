//! One sweep per kind, all at once: what the stack owns in the account, by address.
use crate::{
    address::Address,
    aws::{
        Error,
        ownership::{Ownership, Whose},
        tags,
    },
    call::{Answers, Remembered, Scope, SweepCtx},
    kind::{self, Kind},
    record,
    resource::{Id, Live, State},
    spec,
};
use futures_util::future::join_all;
use std::{collections::BTreeMap, sync::Arc};

/// A live object and its kind.
#[derive(Clone)]
pub struct Found {
    /// The kind whose sweep found it.
    pub kind: &'static dyn Kind,
    /// The object; pointers by address where the snapshot knows the id, what cannot be read back as digests. Plans share
    /// it, since most of them change little of what is there.
    pub live: Arc<Live>,
}

/// Everything that one stack owns, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Owned objects.
    pub owned: BTreeMap<Address, Found>,
    /// Objects that the blueprint names with `existing:`.
    pub existing: BTreeMap<Address, Found>,
    /// Ids (and ARNs, and ids of parts) to addresses.
    pub ids: BTreeMap<String, String>,
    /// What the stack owns and has no place for: a second object at an address, or one whose address nobody knows. They
    /// go with the stack, and never because of a blueprint.
    pub surplus: BTreeMap<Address, Surplus>,
    /// What carries the stack's name and is another's, or is not proved to be this stack's. It is only named.
    pub others: Vec<Found>,
}

/// Something of the stack without a place in it.
#[derive(Debug, Clone)]
pub struct Surplus {
    /// The object.
    pub found: Found,
    /// The address that it claims, and the id of what is there; nothing = its address cannot be read.
    pub claims: Option<(Address, Id)>,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.live.id)
    }
}

/// Sweeps every kind concurrently.
///
/// # Errors
/// The first error in the order of the kinds: an object that cannot be read must not look as if it did not exist.
#[cfg(any(test, feature = "internals"))]
pub async fn take(kinds: &[&'static dyn Kind], ctx: &SweepCtx) -> Result<Vec<Found>, Error> {
    let mut out = Vec::new();
    for (_, found) in each(kinds, ctx).await {
        out.extend(found?);
    }
    Ok(out)
}

/// The same, with what each kind answered.
pub async fn each(kinds: &[&'static dyn Kind], ctx: &SweepCtx) -> Vec<(&'static dyn Kind, Result<Vec<Found>, Error>)> {
    // What one kind has asked in this sweep, another one need not ask again.
    let ctx = &SweepCtx { answers: Some(Answers::default()), ..ctx.clone() };
    let sweeps = kinds.iter().map(|kind| async move {
        let found = |lives: Vec<Live>| lives.into_iter().map(|live| Found { kind: *kind, live: Arc::new(live) });
        (*kind, one(*kind, ctx).await.map(|lives| found(lives).collect()))
    });
    join_all(sweeps).await
}

/// One kind's sweep, with what tags say about fields that cannot be read back.
///
/// # Errors
/// As the kind's sweep.
pub async fn one(kind: &'static dyn Kind, ctx: &SweepCtx) -> Result<Vec<Live>, Error> {
    let mut lives = kind.sweep(ctx).await?;
    lives.iter_mut().for_each(reveal);
    Ok(lives)
}

/// Where an object of a sweep belongs, seen from one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is this stack's, at this address.
    At(Address),
    /// It is this stack's, and nobody knows its address.
    Nowhere,
    /// It is not this stack's, or nothing proves that it is.
    Others,
}

/// Whose an object is, and where it belongs: by its tags, and by its id where the journal knows it.
pub fn place(live: &Live, scope: &Scope, remembered: &Remembered) -> Place {
    let known = remembered.address_of(live);
    let ours = match scope.whose(Ownership::read(&live.tags).as_ref()) {
        Whose::Ours => true,
        // A create call of this stack returned this id.
        Whose::Unproved => known.is_some(),
        Whose::Others | Whose::Nobodys => false,
    };
    if !ours {
        return Place::Others;
    }
    match (live.address == Address::unowned(), known) {
        (false, _) => Place::At(live.address.clone()),
        (true, Some(known)) => Place::At(known.clone()),
        (true, None) => Place::Nowhere,
    }
}

/// Overlays the digests in the `dlinfra:spec` tags.
pub fn reveal(live: &mut Live) {
    if let (Some(tag), Some(map)) = (live.tags.get(tags::SPEC), live.spec.as_object_mut()) {
        map.extend(kind::revealed(tag));
    }
    for member in &mut live.members {
        if let Some(tag) = member.tags.get(tags::SPEC) {
            member.spec.extend(kind::revealed(tag));
        }
    }
}

impl Snapshot {
    /// Arranges objects that are all the stack's by address and rewrites ids to addresses.
    ///
    /// # Errors
    /// None today; what has no place is among the surplus.
    pub fn build(found: Vec<Found>, existing: BTreeMap<Address, Found>) -> Result<Self, Error> {
        let at = |item: &Found| Place::At(item.live.address.clone());
        Ok(Self::placed(found, existing, at, &|_| false))
    }

    /// Arranges what a sweep has found: what is this stack's by address, the rest apart.
    pub fn arrange(
        found: Vec<Found>,
        existing: BTreeMap<Address, Found>,
        scope: &Scope,
        remembered: &Remembered,
    ) -> Self {
        let known = |live: &Live| remembered.address_of(live).is_some();
        Self::placed(found, existing, |item| place(&item.live, scope, remembered), &known)
    }

    fn placed(
        found: Vec<Found>,
        existing: BTreeMap<Address, Found>,
        at: impl Fn(&Found) -> Place,
        known: &dyn Fn(&Live) -> bool,
    ) -> Self {
        let mut out = Self { existing, ..Self::default() };
        let mut claims: BTreeMap<Address, Vec<Found>> = BTreeMap::new();
        for mut item in found {
            match at(&item) {
                Place::At(address) => {
                    if item.live.address != address {
                        Arc::make_mut(&mut item.live).address = address.clone();
                    }
                    claims.entry(address).or_default().push(item);
                }
                Place::Nowhere => out.aside(item, None),
                Place::Others => out.others.push(item),
            }
        }
        for (address, mut all) in claims {
            all.sort_by_cached_key(|item| claim(&item.live, known(&item.live)));
            let mut all = all.into_iter();
            let Some(first) = all.next() else { continue };
            let id = first.live.id.clone();
            out.owned.insert(address.clone(), first);
            all.for_each(|item| out.aside(item, Some((address.clone(), id.clone()))));
        }
        let surplus = out.surplus.iter().map(|(address, s)| (address, &s.found));
        for (address, item) in surplus.chain(&out.owned).chain(&out.existing) {
            let live = &item.live;
            for id in live.ids.iter().chain([&live.id]).chain(live.parts.values()).filter(|i| !i.is_empty()) {
                out.ids.insert(id.clone(), address.to_string());
            }
        }
        let ids = std::mem::take(&mut out.ids);
        for item in out.owned.values_mut().chain(out.surplus.values_mut().map(|s| &mut s.found)) {
            by_address(Arc::make_mut(&mut item.live), &ids);
        }
        out.ids = ids;
        out
    }

    fn aside(&mut self, mut found: Found, claims: Option<(Address, Id)>) {
        let address = Address::surplus(&found.live.id);
        Arc::make_mut(&mut found.live).address = address.clone();
        self.surplus.insert(address, Surplus { found, claims });
    }

    /// Takes what is at an address out of its place, and puts there the surplus object `next`, if any. Pointers follow the
    /// objects.
    pub fn step_aside(&mut self, address: &Address, next: Option<&Address>) {
        let Some(former) = self.owned.remove(address) else { return };
        let mut names = BTreeMap::from([(address.to_string(), Address::surplus(&former.live.id).to_string())]);
        let mut id = Id::new();
        if let Some((at, mut taking)) = next.and_then(|at| self.surplus.remove_entry(at)) {
            names.insert(at.to_string(), address.to_string());
            id.clone_from(&taking.found.live.id);
            Arc::make_mut(&mut taking.found.live).address = address.clone();
            self.owned.insert(address.clone(), taking.found);
        }
        self.aside(former, Some((address.clone(), id)));
        self.ids.values_mut().for_each(|at| {
            if let Some(name) = names.get(at) {
                at.clone_from(name);
            }
        });
        for found in self.owned.values_mut().chain(self.surplus.values_mut().map(|s| &mut s.found)) {
            if spec::references(&found.live.spec).iter().any(|(_, at)| names.contains_key(at)) {
                rename(Arc::make_mut(&mut found.live), &names);
            }
        }
    }

    /// The same with the surplus among what is owned: everything goes.
    #[must_use]
    pub fn with_surplus(&self) -> Self {
        let mut out = self.clone();
        for (address, surplus) in std::mem::take(&mut out.surplus) {
            out.owned.entry(address).or_insert(surplus.found);
        }
        out
    }

    /// The live object at an address, owned or only read.
    pub fn get(&self, address: &str) -> Option<&Found> {
        let address = Address::parse(address)?;
        self.owned.get(&address).or_else(|| self.existing.get(&address))
    }

    /// An output of a live object.
    pub fn output(&self, address: &str, name: &str) -> Option<serde_json::Value> {
        self.get(address)?.live.outputs.get(name).filter(|v| !v.is_null()).cloned()
    }
}

/// Pointers by one address become pointers by another, in the spec and in every member.
pub fn rename(live: &mut Live, names: &BTreeMap<String, String>) {
    spec::rename(&mut live.spec, names);
    for member in &mut live.members {
        member.spec.values_mut().for_each(|v| spec::rename(v, names));
    }
}

/// Pointers by id become pointers by address, in the spec and in every member.
pub fn by_address(live: &mut Live, ids: &BTreeMap<String, String>) {
    spec::by_address(&mut live.spec, ids);
    for member in &mut live.members {
        member.spec.values_mut().for_each(|v| spec::by_address(v, ids));
    }
}

/// Which of several objects at one address stands for it, the first in order: the one that the journal knows, one that
/// is not on its way out, the whole before what is left of a part, the older one by its intent.
fn claim(live: &Live, known: bool) -> (bool, bool, bool, Option<jiff::Timestamp>, Id) {
    let intent = Ownership::read(&live.tags).and_then(|o| o.intent);
    let made = intent.as_deref().and_then(record::minted);
    (!known, live.state == State::Deleting, live.state == State::Partial, made, live.id.clone())
}
