//! A tape of a run: what a killed process would leave behind at every moment, before and after each request and each
//! write of the journal.
//!
//! What it leaves is the account, the journal and the time, and nothing else: a process that starts again has no other
//! memory. Moments that agree in all three are therefore one moment, and are tried once.
use crate::stage::{Stage, never, wire::wire};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    apply::Outcome,
    diagnostic::Diagnostics,
    engine::Target,
    journal::{Backend, JournalError, MemoryBackend, Pending, Place, Presence, Put, S3Backend, Stored},
    plan::Wanted,
};
use dlinfra_sandbox::{Image, Sandbox};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Where the stack's journal lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    /// The account's own bucket: every write of the journal is a request too.
    Bucket,
}

/// What a process leaves behind.
pub(crate) struct Moment {
    image: Image,
    /// Nothing for a journal in a bucket, which is part of the account.
    journal: BTreeMap<String, Vec<u8>>,
    /// Writes of the journal before it.
    writes: u64,
    store: Store,
    /// What the blueprint says.
    target: Target,
}

impl Moment {
    /// The stack as the next process finds it.
    pub(crate) async fn stage(&self) -> Stage {
        let journal = MemoryBackend::new();
        for (key, bytes) in &self.journal {
            journal.set(key, bytes);
        }
        let mut stage = Stage::on(Sandbox::from_image(&self.image), Arc::new(journal));
        stage.target = self.target.clone();
        if self.store == Store::Bucket {
            stage.backend = bucket(&stage).await;
        }
        stage
    }

    /// Every byte of the journal, where it lies in memory.
    pub(crate) fn journal(&self) -> impl Iterator<Item = &[u8]> {
        self.journal.values().map(Vec::as_slice)
    }
}

/// The account's own bucket as the journal's place.
pub(crate) async fn bucket(stage: &Stage) -> Arc<dyn Backend> {
    Arc::new(S3Backend::own(&stage.aws().await, "000000000000", "test"))
}

/// What a process did to the world outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Request {
        /// `ec2:CreateVpc`.
        operation: String,
        /// Does it change the account?
        changes: bool,
    },
    /// The key of the journal's object: `log/…` or `lock.json`.
    Write(String),
}

/// One act, and what a process would have left right before and right after it.
pub(crate) struct Event {
    pub(crate) act: Act,
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// Begin and end in the order of all acts.
    began: u64,
    ended: u64,
}

/// The record of one command.
pub(crate) struct Tape {
    pub(crate) moments: Vec<Moment>,
    pub(crate) events: Vec<Event>,
    /// How the command ended.
    pub(crate) result: Result<Outcome, Diagnostics>,
}

impl Tape {
    /// Runs a command on the stage and records it.
    pub(crate) async fn record(
        stage: &mut Stage,
        journal: &Arc<MemoryBackend>,
        store: Store,
        wanted: &[Wanted],
    ) -> Self {
        let head = Head(Arc::new(Mutex::new(Recording {
            sandbox: stage.sandbox.clone(),
            journal: journal.clone(),
            store,
            arrived: stage.sandbox.requests().total,
            moments: Vec::new(),
            events: Vec::new(),
            numbers: BTreeMap::new(),
            order: 0,
            writes: 0,
            target: stage.target.clone(),
        })));
        let to = head.clone();
        stage.http = Some(wire(move |request| {
            let head = to.clone();
            async move {
                let (event, inner) = head.arrives();
                let answer = inner.call(request).await;
                head.0.lock().unwrap().end(event);
                answer
            }
        }));
        stage.backend = match store {
            Store::Memory => Arc::new(head.clone()),
            Store::Bucket => bucket(stage).await,
        };
        let (_keep, cancel) = never();
        let result = stage.command(wanted, cancel).await;
        stage.http = None;
        stage.backend = journal.clone();
        let mut recording = head.0.lock().unwrap();
        // The sandbox knows what the requests were.
        let log = stage.sandbox.requests();
        let by_number: BTreeMap<u64, _> = log.entries.iter().map(|e| (e.number, e)).collect();
        let (numbers, mut events) = (std::mem::take(&mut recording.numbers), std::mem::take(&mut recording.events));
        for (at, number) in numbers {
            let entry = by_number[&number];
            let operation = format!("{}:{}", entry.service, entry.operation);
            events[at].act = Act::Request { operation, changes: entry.mutating };
        }
        // What was under way when the command ended was never seen by anybody.
        events.retain(|e| e.ended > 0);
        Self { moments: std::mem::take(&mut recording.moments), events, result }
    }

    /// Where a process ends that got the answer to this act and never wrote another word: right before the next write of
    /// the journal, or right after the answer if none came.
    pub(crate) fn unrecorded(&self, event: &Event) -> usize {
        let writes = self.events.iter().filter(|e| matches!(e.act, Act::Write(_)) && e.began > event.ended);
        writes.min_by_key(|e| e.began).map_or(event.after, |e| e.before)
    }
}

impl Tape {
    /// For each moment the first and the last of those that show the same account in the same states with the same
    /// journal: between them only time passes, as it does while something is waited for.
    pub(crate) fn stand_ins(&self) -> Vec<(usize, usize)> {
        let class = |m: &Moment| {
            let objects = Sandbox::from_image(&m.image).objects();
            let states: Vec<String> = objects.into_iter().map(|o| format!("{} {} {}", o.kind, o.id, o.state)).collect();
            // A renewal of the lock says no more than the one before it.
            let lock = m.journal.get("lock.json").map(|bytes| String::from_utf8_lossy(bytes).contains("\"held\":true"));
            let records = m.journal.keys().filter(|k| *k != "lock.json").count();
            (m.image.revision(), lock, records, states)
        };
        let classes: Vec<_> = self.moments.iter().map(class).collect();
        let first = |c| classes.iter().position(|other| other == c).unwrap_or_default();
        let last = |c| classes.iter().rposition(|other| other == c).unwrap_or_default();
        classes.iter().map(|c| (first(c), last(c))).collect()
    }
}

struct Recording {
    sandbox: Sandbox,
    journal: Arc<MemoryBackend>,
    store: Store,
    /// Requests that the sandbox has seen.
    arrived: u64,
    moments: Vec<Moment>,
    events: Vec<Event>,
    /// The sandbox's number of each request, by event.
    numbers: BTreeMap<usize, u64>,
    order: u64,
    writes: u64,
    target: Target,
}

impl Recording {
    fn moment(&mut self) -> usize {
        let image = self.sandbox.image();
        if let Some(last) = self.moments.last()
            && (last.image.revision(), last.image.time(), last.writes) == (image.revision(), image.time(), self.writes)
        {
            return self.moments.len() - 1;
        }
        let journal = if self.store == Store::Memory { self.journal.objects() } else { BTreeMap::new() };
        self.moments.push(Moment {
            image,
            journal,
            writes: self.writes,
            store: self.store,
            target: self.target.clone(),
        });
        self.moments.len() - 1
    }

    fn begin(&mut self, act: Act) -> usize {
        let before = self.moment();
        self.order += 1;
        self.events.push(Event { act, before, after: before, began: self.order, ended: 0 });
        self.events.len() - 1
    }

    fn end(&mut self, event: usize) {
        let after = self.moment();
        self.order += 1;
        (self.events[event].after, self.events[event].ended) = (after, self.order);
    }
}

/// What records: clones share it.
#[derive(Clone)]
struct Head(Arc<Mutex<Recording>>);

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Head")
    }
}

impl Head {
    async fn write(
        &self,
        key: &str,
        put: impl Future<Output = Result<Put, JournalError>>,
    ) -> Result<Put, JournalError> {
        let event = self.0.lock().unwrap().begin(Act::Write(key.to_owned()));
        let result = put.await;
        let mut recording = self.0.lock().unwrap();
        recording.writes += 1;
        recording.end(event);
        result
    }

    /// A request begins; answers its event and who executes it.
    fn arrives(&self) -> (usize, SharedHttpConnector) {
        let mut recording = self.0.lock().unwrap();
        let event = recording.begin(Act::Request { operation: String::new(), changes: false });
        recording.arrived += 1;
        let number = recording.arrived;
        recording.numbers.insert(event, number);
        (event, SharedHttpConnector::new(recording.sandbox.clone()))
    }

    fn journal(&self) -> Arc<MemoryBackend> {
        self.0.lock().unwrap().journal.clone()
    }
}

impl Backend for Head {
    fn place(&self) -> String {
        "memory".to_owned()
    }
    fn presence(&self) -> Option<Presence> {
        self.journal().presence()
    }
    fn look(&self) -> Pending<'_, Place> {
        Box::pin(async { Ok(Place::There) })
    }
    fn prepare(&self) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        Box::pin(async move { self.write(key, self.journal().put_if_absent(key, bytes)).await })
    }
    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put> {
        Box::pin(async move { self.write(key, self.journal().put_if_match(key, bytes, version)).await })
    }
    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        Box::pin(async move { self.journal().get(key).await })
    }
    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        Box::pin(async move { self.journal().list(folder, after).await })
    }
    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.journal().remove(key).await })
    }
}
