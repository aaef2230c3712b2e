//! A journal rebuilt from the tags of what is live, when the old one is lost or damaged.
//!
//! The new journal is a new generation beside the old one, which stays as it is. What cannot be rebuilt is the memory
//! of fields that the author has removed since, and of calls that were in flight and left nothing behind.
use super::{Backend, Claim, FOLDER, JournalError, Memory, Put, Sequence, codec, full, key, read, sequence};
use crate::{
    address::Address,
    aws::tags,
    clock::Clock,
    record::{self, Applied, Record},
    resource::{Live, State},
    spec,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was found live, by kind, as a snapshot gives it (unreadable fields as digests).
pub type ByKind = BTreeMap<String, Vec<Live>>;

/// What to recover.
#[derive(Debug, Clone)]
pub struct Lost<'l> {
    /// The stack's name.
    pub stack: &'l str,
    /// Twelve digits.
    pub account: &'l str,
    /// `us-east-1`.
    pub region: &'l str,
    /// Who recovers.
    pub holder: &'l str,
    /// What is live.
    pub live: &'l ByKind,
    /// What the caller could resolve again (images, zones).
    pub pins: BTreeMap<String, Value>,
    /// The fields that the blueprint writes, by address. Of other live fields nobody knows who set them, so they are
    /// not remembered as ours: removed ones would be set back to AWS's defaults.
    pub written: BTreeMap<Address, BTreeSet<String>>,
    /// The keys of the blueprint's own tags.
    pub tags: BTreeSet<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovered {
    /// The journal is whole: nothing was done.
    Whole(Memory),
    /// A new journal was begun.
    Rebuilt {
        /// What it says.
        memory: Memory,
        /// Why the old one could not be used; nothing when there was none.
        damage: Option<JournalError>,
    },
}

/// Begins a new journal from live objects. The lease is held.
///
/// # Errors
/// No live object of the stack, live objects with different stack-ids, or a place that cannot be used.
pub async fn recover(backend: &dyn Backend, clock: &Clock, lost: &Lost<'_>) -> Result<Recovered, JournalError> {
    let damage = match read(backend).await {
        Ok(memory) if !memory.is_empty() => return Ok(Recovered::Whole(memory)),
        Ok(_) => None,
        Err(error @ JournalError::Damaged { .. }) => Some(error),
        // A newer format is no damage, and a refusal is no absence.
        Err(error) => return Err(error),
    };
    let stack_id = stack_id(lost)?;
    begin_again(backend, clock, &records(clock, lost, stack_id)).await?;
    Ok(Recovered::Rebuilt { memory: read(backend).await?, damage })
}

/// Begins a new journal without any object, under the same stack-id, after somebody has removed everything by hand: the
/// old one would go on to expect objects. The lease is held.
///
/// # Errors
/// A place that cannot be used.
pub async fn forget(backend: &dyn Backend, clock: &Clock, claim: &Claim, holder: &str) -> Result<Memory, JournalError> {
    let time = clock.now();
    let Claim { stack, stack_id, account, region, .. } = claim.clone();
    let records = [
        Record::Claim { stack, stack_id, account, region, time },
        Record::Run { command: "recover --forget".to_owned(), holder: holder.to_owned(), time },
        Record::End { outcome: "ok".to_owned(), time },
    ];
    begin_again(backend, clock, &records).await?;
    read(backend).await
}

/// A new generation that begins with these records.
async fn begin_again(backend: &dyn Backend, clock: &Clock, records: &[Record]) -> Result<(), JournalError> {
    let found: Vec<Sequence> = backend.list(FOLDER, "").await?.iter().filter_map(|k| sequence(k)).collect();
    let old = found.iter().max().copied();
    if let Some(last) = old {
        fence(backend, clock, last).await?;
    }
    let first = Sequence::first(old.map_or(1, |s| s.generation + 1));
    let bytes = codec::encode(records, &record::nonce())?;
    if backend.put_if_absent(&key(first), &bytes).await? == Put::Taken {
        let stored = backend.get(&key(first)).await?;
        if stored.is_none_or(|s| s.bytes != bytes) {
            return Err(JournalError::Conflict { at: full(backend, &key(first)) });
        }
    }
    Ok(())
}

/// A writer of the old generation that lost its lease without knowing meets a taken number.
async fn fence(backend: &dyn Backend, clock: &Clock, last: Sequence) -> Result<(), JournalError> {
    let end = Record::End { outcome: "superseded".to_owned(), time: clock.now() };
    let bytes = codec::encode(&[end], &record::nonce())?;
    let mut at = last.next();
    while backend.put_if_absent(&key(at), &bytes).await? == Put::Taken {
        at = at.next();
    }
    Ok(())
}

/// The one stack-id in the tags.
fn stack_id<'l>(lost: &Lost<'l>) -> Result<&'l str, JournalError> {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for live in ours(lost).map(|(_, l)| l) {
        if let Some(id) = live.tags.get(tags::STACK_ID) {
            let owners = ids.entry(id).or_default();
            owners.extend(live.tags.get(tags::OWNER).map(String::as_str));
        }
    }
    if ids.len() > 1 {
        let named = |(id, owners): (&str, BTreeSet<&str>)| match owners.into_iter().collect::<Vec<_>>() {
            owners if owners.is_empty() => id.to_owned(),
            owners => format!("{id} (owner {})", owners.join(", ")),
        };
        return Err(JournalError::SeveralOwners { ids: ids.into_iter().map(named).collect() });
    }
    ids.into_keys().next().ok_or_else(|| JournalError::NothingLive { stack: lost.stack.to_owned() })
}

fn ours<'l>(lost: &Lost<'l>) -> impl Iterator<Item = (&'l str, &'l Live)> {
    let stack = lost.stack;
    let all = lost.live.iter().flat_map(|(kind, lives)| lives.iter().map(move |l| (kind.as_str(), l)));
    all.filter(move |(_, l)| l.tags.get(tags::STACK).is_some_and(|s| s == stack))
}

fn records(clock: &Clock, lost: &Lost<'_>, stack_id: &str) -> Vec<Record> {
    let time = clock.now();
    let (stack, account) = (lost.stack.to_owned(), lost.account.to_owned());
    let mut out = vec![
        Record::Claim { stack, stack_id: stack_id.to_owned(), account, region: lost.region.to_owned(), time },
        Record::Run { command: "recover".to_owned(), holder: lost.holder.to_owned(), time },
    ];
    out.extend(lost.pins.clone().into_iter().map(|(key, value)| Record::Pinned { key, value, time }));
    let known: BTreeMap<String, String> = ours(lost)
        .flat_map(|(_, l)| std::iter::once(&l.id).chain(&l.ids).map(|id| (id.clone(), l.address.to_string())))
        .collect();
    for (kind, live) in ours(lost) {
        let address = live.address.clone();
        match live.state {
            State::Ready | State::Degraded(_) => {
                let mut spec = live.spec.clone();
                spec::by_address(&mut spec, &known);
                let written = lost.written.get(&address);
                if let Some(fields) = spec.as_object_mut() {
                    let known = |value: &Value| !matches!(spec::node(value), spec::Node::Novel(_));
                    fields.retain(|name, value| written.is_some_and(|w| w.contains(name)) && known(value));
                }
                let (kind, id) = (kind.to_owned(), live.id.clone());
                let tags = set_by_us(&live.tags, &lost.tags);
                let applied = Applied { kind, id, spec, outputs: live.outputs.clone(), tags };
                out.push(Record::Stable { address, applied, time });
            }
            State::Partial | State::Pending | State::Deleting | State::Failed(_) => {
                let intent = live.tags.get(tags::INTENT).cloned().unwrap_or_default();
                out.push(Record::Accepted { address, intent, ids: vec![live.id.clone()], time });
            }
        }
    }
    out.push(Record::End { outcome: "ok".to_owned(), time });
    out
}

/// Ownership tags and those of the blueprint are ours; of the others nobody knows any more who set them, so they are
/// left alone.
fn set_by_us(live: &tags::Tags, written: &BTreeSet<String>) -> tags::Tags {
    let ours = |k: &str| written.contains(k) || k.starts_with(tags::PREFIX) && !tags::NEVER_DIFFED.contains(&k);
    live.iter().filter(|(k, _)| ours(k)).map(|(k, v)| (k, v.clone())).collect()
}
