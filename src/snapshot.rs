//! One sweep per kind, all at once: what the stack owns in the account, by address.
use crate::{
    address::Address,
    aws::{Error, ErrorClass, tags},
    call::{Answers, SweepCtx},
    kind::{self, Kind},
    resource::Live,
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
pub async fn take(kinds: &[&'static dyn Kind], ctx: &SweepCtx) -> Result<Vec<Found>, Error> {
    // What one kind has asked in this sweep, another one need not ask again.
    let ctx = &SweepCtx { answers: Some(Answers::default()), ..ctx.clone() };
    let sweeps = kinds.iter().map(|kind| async move { (*kind, one(*kind, ctx).await) });
    let mut out = Vec::new();
    for (kind, lives) in join_all(sweeps).await {
        out.extend(lives?.into_iter().map(|live| Found { kind, live: Arc::new(live) }));
    }
    Ok(out)
}

/// One kind's sweep, with what tags say about fields that cannot be read back.
///
/// # Errors
/// As the kind's sweep; an object with our tags but no legal address is an error too.
pub async fn one(kind: &'static dyn Kind, ctx: &SweepCtx) -> Result<Vec<Live>, Error> {
    let mut lives = kind.sweep(ctx).await?;
    for live in &mut lives {
        if live.address == Address::unowned() {
            return Err(Error::new(
                ErrorClass::Other,
                format!("{} {} carries this stack's tag but no `{}` that can be read", kind.name(), live.id, tags::ADDRESS),
            )
            .help("set the tag to the resource's address, or remove the dlinfra: tags from an object that is not dlinfra's"));
        }
        reveal(live);
    }
    Ok(lives)
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
    /// Arranges what was found by address and rewrites ids to addresses.
    ///
    /// # Errors
    /// Two objects that claim one address, by name.
    pub fn build(found: Vec<Found>, existing: BTreeMap<Address, Found>) -> Result<Self, Error> {
        let mut out = Self { existing, ..Self::default() };
        for item in found {
            if let Some(other) = out.owned.get(&item.live.address) {
                return Err(Error::new(
                    ErrorClass::Other,
                    format!("{} and {} both claim the address {}", other.live.id, item.live.id, item.live.address),
                )
                .help("remove the dlinfra: tags from the one that should not be managed, or delete it"));
            }
            out.owned.insert(item.live.address.clone(), item);
        }
        for (address, item) in out.owned.iter().chain(&out.existing) {
            let live = &item.live;
            for id in live.ids.iter().chain([&live.id]).chain(live.parts.values()).filter(|i| !i.is_empty()) {
                out.ids.insert(id.clone(), address.to_string());
            }
        }
        let ids = std::mem::take(&mut out.ids);
        for item in out.owned.values_mut() {
            by_address(Arc::make_mut(&mut item.live), &ids);
        }
        out.ids = ids;
        Ok(out)
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
