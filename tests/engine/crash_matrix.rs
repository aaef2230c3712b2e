//! The crash matrix: every kind dies at every request of its life and at every write of its journal, is started again,
//! and must come out as if nothing had happened.
use crate::{
    crash_lives::{Life, SECRET},
    crash_tape::{Act, Moment, Store, Tape},
    stage::{Stage, filling, never, text},
};
use dlinfra::{
    journal::{Backend, JournalError, MemoryBackend},
    plan::Wanted,
};
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig};
use regex_lite::{Captures, Regex};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Live objects by kind, address and part, whoever made them.
pub(crate) type Census = BTreeMap<(String, String, String), usize>;

/// Counts what is live, through the sandbox's own books and not through its API.
pub(crate) fn census(sandbox: &Sandbox) -> Census {
    let mut out = Census::new();
    for object in sandbox.objects().into_iter().filter(dlinfra_sandbox::StoredObject::is_live) {
        // The journal's own bucket stays.
        if object.id.contains("dlinfra-000000000000-") {
            continue;
        }
        // Those of a load balancer stay for a while when it is gone: how many there are is a question of time.
        if object.value["requester"] == "amazon-elb" {
            continue;
        }
        let tag = |key: &str| object.tags.get(key).cloned().unwrap_or_default();
        *out.entry((object.kind.clone(), tag("dlinfra:address"), tag("dlinfra:part"))).or_default() += 1;
    }
    out
}

/// The account before anything was made.
pub(crate) fn nothing() -> Census {
    census(&Sandbox::open(config()).unwrap())
}

/// Always the same day, so that every run is the same to the request. AWS is ten times as fast as usual: waits have fewer
/// looks, and each state is still seen.
pub(crate) fn config() -> SandboxConfig {
    let behaviour = Behaviour { durations: 0.1, ..Behaviour::default() };
    SandboxConfig { start: Some("2026-06-01T08:00:00Z".parse().unwrap()), behaviour, ..SandboxConfig::default() }
}

/// The difference of two counts, for people.
pub(crate) fn apart(found: &Census, expected: &Census) -> String {
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let line = |k: &&(String, String, String)| {
        let (have, want) = (found.get(*k).copied().unwrap_or(0), expected.get(*k).copied().unwrap_or(0));
        (have != want).then(|| format!("{} {} {}: {have} instead of {want}", k.0, k.1, k.2))
    };
    keys.iter().filter_map(line).collect::<Vec<_>>().join("; ")
}

fn holds_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes())
}

/// No secret in what was told, and in no tag.
fn silent(stage: &Stage) -> Result<(), String> {
    let events = format!("{:?}", stage.events.lock().unwrap());
    let tags: String = stage.sandbox.objects().iter().map(|o| format!("{:?}", o.tags)).collect();
    if events.contains(SECRET) || tags.contains(SECRET) { Err("a secret was told".to_owned()) } else { Ok(()) }
}

/// What a stack looks like to a command that begins now: the account and the memory, where ids, times and attempts have
/// no names of their own, only an order.
async fn likeness(stage: &Stage) -> String {
    let names = Regex::new(r"[a-z]+-0[0-9a-f]{16}|[0-9A-Z]{20,}|\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let mut objects: Vec<(String, String)> = Vec::new();
    for object in stage.sandbox.objects().into_iter().filter(dlinfra_sandbox::StoredObject::is_live) {
        let text = format!("{} {} {:?} {}", object.kind, object.state, object.tags, object.value);
        objects.push((names.replace_all(&text, "_").into_owned(), text));
    }
    objects.sort();
    let memory = stage.engine().await.memory().clone();
    let rest = format!("{:?} {:?} {:?} {:?}", memory.applied, memory.open, memory.accepted, memory.named);
    let all = objects.into_iter().map(|(_, text)| text).chain([rest]).collect::<Vec<_>>().join("\n");
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let number = |found: &Captures<'_>| {
        if found[0].contains('T') && found[0].contains(':') || !found[0].contains("-0") {
            return "_".to_owned();
        }
        let next = known.len();
        format!("#{}", known.entry(found[0].to_owned()).or_insert(next))
    };
    names.replace_all(&all, number).into_owned()
}

/// Start again, apply, plan, destroy. Stacks that are alike after the apply are destroyed once.
pub(crate) async fn comes_out(
    stage: &Stage,
    wanted: &[Wanted],
    expected: &Census,
    destroyed: &mut BTreeSet<String>,
) -> Result<(), String> {
    stage.resume(wanted).await.map_err(|e| format!("apply: {e}"))?;
    let plan = stage.look_again(wanted).await?;
    if !plan.is_empty() {
        return Err(format!("the plan after it is not empty:\n{}", text(&plan)));
    }
    let found = census(&stage.sandbox);
    if found != *expected {
        return Err(format!("live after apply: {}", apart(&found, expected)));
    }
    silent(stage)?;
    let likeness = likeness(stage).await;
    if !wanted.is_empty() && !destroyed.contains(&likeness) {
        stage.resume(&[]).await.map_err(|e| format!("destroy: {e}"))?;
        let left = census(&stage.sandbox);
        if left != nothing() {
            return Err(format!("left after destroy: {}", apart(&left, &nothing())));
        }
        silent(stage)?;
        destroyed.insert(likeness);
    }
    Ok(())
}

/// How many cells there are and how many are green.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cells {
    pub(crate) green: usize,
    pub(crate) all: usize,
}

impl Cells {
    pub(crate) fn add(&mut self, green: bool) {
        self.all += 1;
        self.green += usize::from(green);
    }
}

/// What became of one kind's life.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) commands: Vec<&'static str>,
    pub(crate) requests: usize,
    pub(crate) changing: usize,
    /// Not sent; executed, unanswered; answered, unrecorded.
    pub(crate) columns: [Cells; 3],
    /// The same for writes of the journal and the lock: not written; written, unanswered; refused from there on.
    pub(crate) writes: [Cells; 3],
    /// Deaths that were tried: cells that begin with the same are one.
    pub(crate) tried: usize,
    /// Different stacks that came out, each destroyed once.
    pub(crate) destroyed: usize,
    pub(crate) failures: Vec<String>,
}

/// One command of a life, recorded.
struct Recorded {
    name: &'static str,
    wanted: Vec<Wanted>,
    tape: Tape,
    expected: Census,
}

async fn record(life: &Life, store: Store) -> Vec<Recorded> {
    let journal = Arc::new(MemoryBackend::new());
    let mut stage = Stage::on(Sandbox::open(config()).unwrap(), journal.clone());
    if store == Store::Bucket {
        stage.backend = crate::crash_tape::bucket(&stage).await;
    }
    stage.target.ttl = Some(life.ttl("create"));
    stage.resume(&life.parents).await.unwrap_or_else(|e| panic!("{}: the parents: {e}", life.kind));
    let mut out = Vec::new();
    for (name, wanted) in &life.commands {
        stage.target.ttl = Some(life.ttl(name));
        let tape = Tape::record(&mut stage, &journal, store, wanted).await;
        let outcome = tape.result.as_ref().unwrap_or_else(|e| panic!("{} {name}: {e}", life.kind));
        assert!(outcome.complete(), "{} {name}: {outcome:?}", life.kind);
        let expected = census(&stage.sandbox);
        out.push(Recorded { name, wanted: wanted.clone(), tape, expected });
    }
    assert_eq!(census(&stage.sandbox), nothing(), "{}: an undisturbed life leaves nothing", life.kind);
    out
}

/// A runtime of virtual time for one life after death.
pub(crate) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(work)
}

/// Dies everywhere in the life of a kind.
pub(crate) fn die_everywhere(life: &Life, store: Store) -> Row {
    let recorded = in_virtual_time(record(life, store));
    let mut row = Row::default();
    let mut destroyed = BTreeSet::new();
    for command in &recorded {
        row.commands.push(command.name);
        tried(life, command, &mut row, &mut destroyed);
        if store == Store::Memory {
            refused(life, command, &mut row, &mut destroyed);
        }
    }
    row.destroyed = destroyed.len();
    row
}

fn tried(life: &Life, command: &Recorded, row: &mut Row, destroyed: &mut BTreeSet<String>) {
    let Recorded { name, wanted, tape, expected } = command;
    let stand_ins = in_virtual_time(async { tape.stand_ins() });
    let mut known: BTreeMap<usize, Result<(), String>> = BTreeMap::new();
    let mut green = |at: usize, what: &dyn Fn() -> String, row: &mut Row| {
        let (first, last) = stand_ins[at];
        for at in [first, last] {
            if known.contains_key(&at) {
                continue;
            }
            let moment = &tape.moments[at];
            let result = match moment.journal().any(holds_secret) {
                true => Err("a secret is in the journal".to_owned()),
                false => in_virtual_time(async { comes_out(&moment.stage().await, wanted, expected, destroyed).await }),
            };
            if let Err(why) = &result {
                row.failures.push(format!("{} {name}: {}: {why}", life.kind, what()));
            }
            known.insert(at, result);
        }
        known[&first].is_ok() && known[&last].is_ok()
    };
    for (number, event) in tape.events.iter().enumerate() {
        let what = |column: &str| format!("event {number}, {:?}, {column}", event.act);
        match &event.act {
            Act::Request { changes, .. } => {
                row.requests += 1;
                row.changing += usize::from(*changes);
                let unrecorded = tape.unrecorded(event);
                let is = green(event.before, &|| what("not sent"), row);
                row.columns[0].add(is);
                let is = green(event.after, &|| what("executed, unanswered"), row);
                row.columns[1].add(is);
                let is = green(unrecorded, &|| what("answered, unrecorded"), row);
                row.columns[2].add(is);
            }
            Act::Write(_) => {
                let is = green(event.before, &|| what("not written"), row);
                row.writes[0].add(is);
                let is = green(event.after, &|| what("written, unanswered"), row);
                row.writes[1].add(is);
            }
        }
    }
    row.tried += known.len();
}

/// From some write on, the journal takes nothing any more, and the process lives on: it must stop by itself, with no
/// object that the journal does not know.
fn refused(life: &Life, command: &Recorded, row: &mut Row, destroyed: &mut BTreeSet<String>) {
    let Recorded { name, wanted, tape, expected } = command;
    let logged = |a: &Act| matches!(a, Act::Write(key) if key.starts_with("log/"));
    let writes = tape.events.iter().filter(|e| logged(&e.act)).count();
    for allowed in 0..writes {
        let result = in_virtual_time(async {
            let mut stage = tape.moments[0].stage().await;
            let whole = stage.backend.clone();
            let full = JournalError::Unreachable { place: whole.place(), why: "no space left on device".to_owned() };
            stage.backend = filling(whole.clone(), allowed, full);
            let (_keep, cancel) = never();
            if stage.command(wanted, cancel).await.is_ok_and(|o| o.complete()) {
                return Err("the run did not notice".to_owned());
            }
            recorded_first(&stage, &*whole).await?;
            stage.backend = whole;
            comes_out(&stage, wanted, expected, destroyed).await
        });
        row.tried += 1;
        row.writes[2].add(result.is_ok());
        if let Err(why) = result {
            row.failures.push(format!("{} {name}: the journal refuses after {allowed} writes: {why}", life.kind));
        }
    }
}

/// Whatever is live was intended in the journal before.
async fn recorded_first(stage: &Stage, journal: &dyn Backend) -> Result<(), String> {
    let mut all = String::new();
    for key in journal.list("log/", "").await.unwrap() {
        all.push_str(&String::from_utf8_lossy(&journal.get(&key).await.unwrap().unwrap().bytes));
    }
    let unknown = stage.sandbox.objects().into_iter().filter(dlinfra_sandbox::StoredObject::is_live);
    let unknown = unknown.filter(|o| o.tags.get("dlinfra:intent").is_some_and(|i| !all.contains(i)));
    match unknown.map(|o| o.id).collect::<Vec<_>>() {
        ids if ids.is_empty() => Ok(()),
        ids => Err(format!("made without a recorded intent: {}", ids.join(", "))),
    }
}

/// Dies again at every moment of the recovery from one death: after the first change that AWS executed unanswered.
pub(crate) fn die_twice(life: &Life) -> Row {
    let recorded = in_virtual_time(record(life, Store::Memory));
    let mut row = Row::default();
    let mut destroyed = BTreeSet::new();
    for Recorded { name, wanted, tape, expected } in recorded {
        let creates = |a: &Act| matches!(a, Act::Request { changes: true, .. });
        let Some(first) = tape.events.iter().find(|e| creates(&e.act)) else { continue };
        let moment: &Moment = &tape.moments[first.after];
        let again = in_virtual_time(async {
            let mut stage = moment.stage().await;
            let journal = Arc::new(MemoryBackend::new());
            for key in ["log/", "fold/", "lock.json"] {
                for key in stage.backend.list(key, "").await.unwrap() {
                    journal.set(&key, &stage.backend.get(&key).await.unwrap().unwrap().bytes);
                }
            }
            let tape = Tape::record(&mut stage, &journal, Store::Memory, &wanted).await;
            assert!(tape.result.as_ref().is_ok_and(dlinfra::apply::Outcome::complete), "{} {name}", life.kind);
            tape
        });
        row.commands.push(name);
        tried(life, &Recorded { name, wanted, tape: again, expected }, &mut row, &mut destroyed);
    }
    row.destroyed = destroyed.len();
    row
}
