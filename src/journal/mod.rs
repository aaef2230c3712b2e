//! The write-ahead journal of a stack: what was intended, accepted and applied, durable before it matters.
//!
//! A journal is a series of numbered objects in a [`Backend`]. Each is written once, on the condition that its number
//! is free, so two writers can never both go on: the second meets a taken number and stops. Records that are appended
//! at the same time share one object (group commit), and every caller returns when its record is durable.
//!
//! A mutating command holds a [`Session`]: prepared place, [`Lease`], journal, claim and run. Reading takes no lock.
mod backend;
mod cache;
pub mod codec;
pub mod codes;
mod error;
mod fold;
mod history;
mod lease;
mod local;
mod location;
pub mod lock;
mod memory;
mod presence;
mod recorder;
mod recover;
mod s3;
mod session;
mod transfer;

pub use backend::{Backend, Pending, Place, Put, Stored};
pub use codes::CODES;
pub use error::JournalError;
#[cfg(any(test, feature = "internals"))]
pub use fold::fold;
pub use fold::{Accepted, Claim, Ended, LastRun, Memory, Sequence};
pub use history::{Stretch, history, stretches};
pub use lease::{HEARTBEAT, Lease, Request, TAKEOVER, TRUST};
pub use local::LocalBackend;
pub use location::backend;
pub use lock::{Holder, LockStatus};
pub use memory::MemoryBackend;
pub use presence::Presence;
pub use recorder::{JournalRecorder, Telling, Waiting};
pub use recover::{ByKind, Lost, Recovered, forget, recover};
pub use s3::{S3Backend, own_bucket};
pub use session::{Begin, Session};
pub use transfer::transfer;

use crate::{
    address::Address,
    clock::Clock,
    record::{self, Intent, Record},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

const FOLDER: &str = "log/";
/// So many objects are read at once.
const READERS: usize = 16;

/// A journal that this process writes. Clones share it. Lives inside a tokio runtime.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Job>,
}

struct Shared {
    backend: Arc<dyn Backend>,
    clock: Clock,
    writer: String,
    state: Mutex<State>,
}

struct State {
    memory: Memory,
    /// Set for ever by a conflict: this process may not write any more.
    broken: Option<JournalError>,
    /// Objects since the last stored fold.
    unfolded: u64,
}

struct Job {
    records: Vec<Record>,
    done: oneshot::Sender<Result<(), JournalError>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({})", self.shared.backend.place())
    }
}

/// What is recorded in this place; empty when there is no journal yet. Takes no lock and changes nothing.
///
/// # Errors
/// A place that cannot be read, a damaged record, or a newer format.
pub async fn read(backend: &dyn Backend) -> Result<Memory, JournalError> {
    Ok(load(backend).await?.0)
}

/// The memory and the number of objects read beyond the stored fold.
async fn load(backend: &dyn Backend) -> Result<(Memory, u64), JournalError> {
    let (last, mut memory) = match cache::load(backend).await? {
        Some((last, memory)) => (Some(last), memory),
        None => (None, Memory::default()),
    };
    let after = last.map_or_else(String::new, key);
    let mut found: Vec<Sequence> = backend.list(FOLDER, &after).await?.iter().filter_map(|k| sequence(k)).collect();
    found.sort_unstable();
    // A recovered journal begins again: older generations are evidence, no memory.
    if let Some(newest) = found.last().map(|s| s.generation).filter(|g| *g != memory.next.generation) {
        found.retain(|s| s.generation == newest);
        memory = Memory { next: Sequence::first(newest), ..Memory::default() };
    }
    for (expected, found) in (memory.next.number..).zip(&found) {
        if found.number != expected {
            let at = key(Sequence { number: expected, ..*found });
            return Err(JournalError::Damaged { at: full(backend, &at), line: None, why: "it is missing".to_owned() });
        }
    }
    let read = |at: Sequence| async move {
        let name = key(at);
        let damaged = |why: &str| JournalError::Damaged { at: full(backend, &name), line: None, why: why.to_owned() };
        let stored = backend.get(&name).await?.ok_or_else(|| damaged("it is missing"))?;
        let records = codec::decode(&full(backend, &name), &stored.bytes)?;
        if at.number == 1 && !matches!(records.first(), Some(Record::Claim { .. })) {
            return Err(damaged("it does not say whose journal this is"));
        }
        Ok((at, records))
    };
    let count = found.len() as u64;
    let mut objects = stream::iter(found.into_iter().map(read)).buffered(READERS);
    while let Some((at, records)) = objects.try_next().await? {
        records.iter().for_each(|r| memory.apply(r));
        memory.next = at.next();
    }
    Ok((memory, count))
}

fn key(at: Sequence) -> String {
    format!("{FOLDER}{at}.jsonl")
}

fn sequence(key: &str) -> Option<Sequence> {
    key.strip_prefix(FOLDER)?.strip_suffix(".jsonl")?.parse().ok()
}

/// The name of an object for people.
fn full(backend: &dyn Backend, key: &str) -> String {
    let place = backend.place();
    format!("{}/{key}", place.trim_end_matches('/'))
}

impl Journal {
    /// Reads what is there and starts to write after it. The lease is held already, or the first write may conflict.
    ///
    /// # Errors
    /// As [`read`].
    pub async fn open(backend: Arc<dyn Backend>, clock: Clock) -> Result<Self, JournalError> {
        Self::open_as(backend, clock, &record::nonce()).await
    }

    /// The same under a writer's name of the caller's choice, which must be unique.
    ///
    /// # Errors
    /// As [`read`].
    pub async fn open_as(backend: Arc<dyn Backend>, clock: Clock, writer: &str) -> Result<Self, JournalError> {
        let (memory, unfolded) = load(&*backend).await?;
        let state = Mutex::new(State { memory, broken: None, unfolded });
        let shared = Arc::new(Shared { backend, clock, writer: writer.to_owned(), state });
        let (queue, jobs) = mpsc::unbounded_channel();
        tokio::spawn(write(shared.clone(), jobs));
        Ok(Self { shared, queue })
    }

    /// Where it lies, for people.
    pub fn place(&self) -> String {
        self.shared.backend.place()
    }

    /// Time, as records tell it.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// What is recorded now, this process's records included.
    pub fn memory(&self) -> Memory {
        self.shared.state().memory.clone()
    }

    /// Intents on this address without an answer, this process's included.
    pub fn unanswered(&self, address: &Address) -> Vec<Intent> {
        self.shared.state().memory.open.get(address).cloned().unwrap_or_default()
    }

    /// Why nothing can be written any more. The engine then stops to change things.
    pub fn broken(&self) -> Option<JournalError> {
        self.shared.state().broken.clone()
    }

    /// Adds a record; returns when it is durable.
    ///
    /// # Errors
    /// The record may or may not have been written; after [`JournalError::Conflict`] nothing can be written any more.
    pub async fn append(&self, record: Record) -> Result<(), JournalError> {
        self.append_all(vec![record]).await
    }

    /// Adds records that stand or fall together; returns when they are durable.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_all(&self, records: Vec<Record>) -> Result<(), JournalError> {
        // A record that cannot be written must not take those of others with it.
        codec::encode(&records, "")?;
        if records.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        let closed = || JournalError::Unreachable { place: self.place(), why: "the writer has ended".to_owned() };
        self.queue.send(Job { records, done }).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// The stack's claim: the recorded one, or a new one with a freshly minted stack-id. Of two that claim at the same
    /// time, both get the same.
    ///
    /// # Errors
    /// A journal that belongs to another stack, account or region.
    #[cfg(any(test, feature = "internals"))]
    pub async fn claim(&self, stack: &str, account: &str, region: &str) -> Result<Claim, JournalError> {
        self.claim_as(stack, account, region, &record::uuid()).await
    }

    /// The same; a new claim gets this stack-id.
    ///
    /// # Errors
    /// As [`Journal::claim`].
    pub async fn claim_as(
        &self,
        stack: &str,
        account: &str,
        region: &str,
        stack_id: &str,
    ) -> Result<Claim, JournalError> {
        if self.shared.state().memory.claim.is_none() {
            let record = Record::Claim {
                stack: stack.to_owned(),
                stack_id: stack_id.to_owned(),
                account: account.to_owned(),
                region: region.to_owned(),
                time: self.shared.clock.now(),
            };
            match self.append(record).await {
                Err(JournalError::Conflict { .. }) => {
                    let (memory, unfolded) = load(&*self.shared.backend).await?;
                    *self.shared.state() = State { memory, broken: None, unfolded };
                }
                other => other?,
            }
        }
        let found = self.shared.state().memory.claim.clone();
        let found = found.ok_or_else(|| JournalError::Conflict { at: self.place() })?;
        check(&self.place(), &found, stack, account, region)?;
        Ok(found)
    }

    /// Stores the fold, if enough was written since the last time. It is a cache: failure is no loss.
    pub async fn compact(&self) {
        let memory = {
            let state = self.shared.state();
            if state.unfolded < cache::EVERY || state.broken.is_some() {
                return;
            }
            state.memory.clone()
        };
        if cache::store(&*self.shared.backend, &memory).await.is_ok() {
            self.shared.state().unfolded = 0;
        }
    }
}

/// Is this the claim of the stack that the caller means?
///
/// # Errors
/// [`JournalError::OtherStack`] names both.
pub fn check(place: &str, found: &Claim, stack: &str, account: &str, region: &str) -> Result<(), JournalError> {
    if (found.stack.as_str(), found.account.as_str(), found.region.as_str()) == (stack, account, region) {
        return Ok(());
    }
    let name = |stack: &str, account: &str, region: &str| format!("`{stack}` in account {account}, {region}");
    Err(JournalError::OtherStack {
        place: place.to_owned(),
        found: name(&found.stack, &found.account, &found.region),
        wanted: name(stack, account, region),
    })
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one object and takes it into the memory. `doubtful` holds what earlier failed writes of the same number
    /// may have left there.
    async fn commit(&self, records: &[Record], doubtful: &mut Vec<Attempted>) -> Result<(), JournalError> {
        let bytes = codec::encode(records, &self.writer)?;
        loop {
            let (next, broken) = {
                let state = self.state();
                (state.memory.next, state.broken.clone())
            };
            if let Some(error) = broken {
                return Err(error);
            }
            let name = key(next);
            let landed = match self.backend.put_if_absent(&name, &bytes).await {
                Ok(Put::Done(_)) => None,
                Ok(Put::Taken) => {
                    let stored = self.backend.get(&name).await?;
                    let stored = stored.map(|s| s.bytes).unwrap_or_default();
                    if stored == bytes {
                        // The answer to an earlier try of this write was lost.
                        None
                    } else if let Some(at) = doubtful.iter().position(|d| d.bytes == stored) {
                        Some(doubtful.swap_remove(at).records)
                    } else {
                        let error = JournalError::Conflict { at: full(&*self.backend, &name) };
                        self.state().broken = Some(error.clone());
                        return Err(error);
                    }
                }
                Err(error) => {
                    doubtful.push(Attempted { bytes, records: records.to_vec() });
                    return Err(error);
                }
            };
            doubtful.clear();
            let mut state = self.state();
            landed.as_deref().unwrap_or(records).iter().for_each(|r| state.memory.apply(r));
            state.memory.next = next.next();
            state.unfolded += 1;
            if landed.is_none() {
                return Ok(());
            }
        }
    }
}

/// A write that failed but may have happened.
struct Attempted {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// The one writer of a journal: whatever waits is one object. A task of its own, so that a caller that gives up
/// cannot leave a write half-known.
async fn write(shared: Arc<Shared>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut doubtful = Vec::new();
    while let Some(first) = jobs.recv().await {
        // Let everything that is ready in this tick arrive.
        tokio::task::yield_now().await;
        let mut batch = vec![first];
        while let Ok(job) = jobs.try_recv() {
            batch.push(job);
        }
        let records: Vec<_> = batch.iter().flat_map(|j| j.records.iter().cloned()).collect();
        let result = shared.commit(&records, &mut doubtful).await;
        for job in batch {
            // Nobody waits any more: the record is durable all the same.
            let _ = job.done.send(result.clone());
        }
    }
}
