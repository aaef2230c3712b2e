//! plan → outcome: no waves; each task starts when its own parents are settled, longest expected path first.
mod adopt;
mod change;
mod doubt;
mod event;
mod look;
mod make;
mod present;
mod remove;
mod senders;
mod watch;

pub use adopt::{IMPORT, carriers, free, import_intent, taken};
pub use event::{Event, Sink, What, without_echo};

use crate::{
    address::Address,
    aws::{Aws, Error, ErrorClass},
    call::{Ctx, Scope, Senders, SweepCtx},
    clock::Clock,
    diagnostic::Diagnostic,
    kind::Kind,
    plan::{Action, Operation, Plan, Step},
    record::{Intent, Recorder},
    resource::{Id, Live},
    snapshot::Snapshot,
    spec,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use present::Present;
use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch as signal;

/// How many tasks work at once; the rate buckets bound requests, this bounds memory and connections.
const CONCURRENCY: usize = 64;

/// What an execution needs.
pub struct Executor {
    /// Clients.
    pub aws: Aws,
    /// Identity.
    pub scope: Arc<Scope>,
    /// Every kind.
    pub kinds: &'static [&'static dyn Kind],
    /// The journal.
    pub recorder: Arc<dyn Recorder>,
    /// Intents of earlier runs without an answer.
    pub open: BTreeMap<Address, Vec<Intent>>,
    /// Resources for which AWS accepted a call of an earlier run that never saw the result, and when it did.
    pub unseen: BTreeMap<Address, Timestamp>,
    /// What a sweep needs to find objects by name.
    pub sweep: SweepCtx,
    /// Where events go.
    pub sink: Sink,
    /// Becomes true when the run shall stop: nothing new starts, what is in flight is recorded.
    pub cancel: signal::Receiver<bool>,
    /// May a delete empty what still holds data?
    pub delete_data: bool,
}

/// How one task ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// As wanted.
    Done,
    /// Failed.
    Failed(Error),
    /// AWS still works on it.
    Pending(String),
    /// Not tried.
    Skipped,
}

/// How an execution ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Tasks that were done.
    pub done: usize,
    /// Failures by address.
    pub failed: Vec<(Address, Error)>,
    /// What AWS still works on.
    pub pending: Vec<(Address, String)>,
    /// Not tried.
    pub skipped: Vec<Address>,
    /// The run was stopped from outside.
    pub cancelled: bool,
    /// What is live now, for outputs, by address.
    pub live: BTreeMap<Address, Live>,
    /// What AWS said is gone, and nobody looked: it may be shown for a moment.
    pub removed: BTreeSet<Id>,
    /// AWS took a change on that it may have taken back since: also a step that failed has done something.
    pub taken_on: bool,
    /// What went wrong at the end of a run that had changed something: the lock was lost, the journal took no last word.
    pub trouble: Option<Diagnostic>,
}

impl Outcome {
    /// Was everything done?
    pub fn complete(&self) -> bool {
        self.failed.is_empty()
            && self.pending.is_empty()
            && self.skipped.is_empty()
            && !self.cancelled
            && self.trouble.is_none()
    }
}

/// Shared by the tasks of one run.
struct Shared<'a> {
    executor: &'a Executor,
    plan: &'a Plan,
    /// What was there when the plan was made.
    known: BTreeSet<Address>,
    watch: watch::Watch,
    /// What is there now: where pointers and outputs are resolved.
    live: Mutex<Present>,
    /// The task that points the late fields of a step, where it has one.
    links: HashMap<usize, usize>,
    /// Steps of which the plan's sweep is out of date when their turn comes: they have let go of something before, or
    /// pointed at something that is replaced, and AWS took that pointer with it.
    outdated: BTreeSet<usize>,
    clock: Clock,
    /// Something failed that every other call would meet too.
    halted: AtomicBool,
    /// Ids of what AWS said is gone.
    removed: Mutex<BTreeSet<Id>>,
    /// What was asked for and may be taken back, for the kinds.
    tried: Arc<Mutex<BTreeSet<(Address, String)>>>,
    /// What sends something to members of fleets.
    senders: Arc<dyn Senders>,
}

impl Shared<'_> {
    fn emit(&self, address: &Address, what: What) {
        (self.executor.sink)(Event { time: self.clock.now(), address: address.clone(), what });
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Present> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing new may start.
    fn cancelled(&self) -> bool {
        *self.executor.cancel.borrow() || self.halted.load(Ordering::Relaxed)
    }

    fn ctx(&self, step: &Step, spec_tag: String) -> Ctx {
        let executor = self.executor;
        Ctx {
            aws: executor.aws.clone(),
            scope: executor.scope.clone(),
            address: step.address.clone(),
            clock: self.clock.clone(),
            tags: step.tags(),
            spec_tag,
            image: self.plan.images.get(&step.address).map(|i| i.id.clone()),
            recorder: executor.recorder.clone(),
            // As they are now: an answer of this run closes one, a lost answer opens one.
            open: Arc::new(executor.recorder.unanswered(&step.address)),
            ordinal: Arc::new(AtomicU32::new(0)),
            fresh: false,
            doubt: Arc::default(),
            tried: Arc::clone(&self.tried),
            senders: Arc::clone(&self.senders),
        }
    }

    /// Adds the ids to the pointers of something live, so that a kind can name what it points at. What is not there any
    /// more stays an address.
    fn with_ids(&self, live: &Live) -> Live {
        let (mut out, present) = (live.clone(), self.live());
        let id_of =
            |address: &str| present.get(&Address::parse(address)?).map(|l| l.id.clone()).filter(|i| !i.is_empty());
        spec::with_ids(&mut out.spec, &id_of, &mut BTreeSet::new());
        out
    }
}

/// Steps whose live object is changed by other tasks before their own.
fn outdated(plan: &Plan) -> BTreeSet<usize> {
    let cleared = plan.tasks.iter().filter(|t| t.operation == Operation::Clear).map(|t| t.step);
    let replaced: BTreeSet<&str> =
        plan.steps.iter().filter(|s| s.action == Action::Replace).map(|s| s.address.as_str()).collect();
    let points = |s: &Step| {
        let live = s.live.as_ref().filter(|_| s.action == Action::Update && !replaced.is_empty());
        live.is_some_and(|l| spec::references(&l.spec).iter().any(|(_, a)| replaced.contains(a.as_str())))
    };
    cleared.chain(plan.steps.iter().enumerate().filter(|(_, s)| points(s)).map(|(i, _)| i)).collect()
}

/// How long to pause between looks at something that typically takes `typical`.
fn poll_pause(typical: Duration) -> Duration {
    (typical / 20).clamp(Duration::from_secs(2), Duration::from_secs(15))
}

impl Executor {
    /// Executes the plan. Nothing is rolled back: what was done stays and is recorded.
    pub async fn run(&self, plan: &Plan, snapshot: &Snapshot) -> Outcome {
        let (present, surplus) = present::of(plan, snapshot);
        let links = plan.tasks.iter().enumerate().filter(|(_, t)| t.operation == Operation::Link);
        let shared = Shared {
            executor: self,
            plan,
            known: snapshot.owned.keys().chain(snapshot.surplus.keys()).cloned().collect(),
            watch: watch::Watch::new(self.kinds, self.sweep.clone(), surplus),
            live: Mutex::new(present),
            links: links.map(|(at, task)| (task.step, at)).collect(),
            outdated: outdated(plan),
            clock: self.aws.clock().clone(),
            halted: AtomicBool::new(false),
            removed: Mutex::default(),
            tried: Arc::default(),
            senders: senders::of(plan, snapshot, &self.sweep),
        };
        let mut waiting: Vec<usize> = (0..plan.tasks.len()).map(|t| plan.dag.parents(t).len()).collect();
        let mut blocked: Vec<Option<Address>> = vec![None; plan.tasks.len()];
        let mut ready: BinaryHeap<(u64, std::cmp::Reverse<usize>)> = (0..plan.tasks.len())
            .filter(|t| waiting[*t] == 0)
            .map(|t| (plan.remaining[t], std::cmp::Reverse(t)))
            .collect();
        let mut running = FuturesUnordered::new();
        let mut out = Outcome::default();
        loop {
            while let Some((_, std::cmp::Reverse(task))) = (running.len() < CONCURRENCY).then(|| ready.pop()).flatten()
            {
                let (shared, blocked) = (&shared, blocked[task].clone());
                running.push(async move { (task, shared.task(task, blocked).await) });
            }
            let Some((task, ended)) = running.next().await else { break };
            let address = &plan.steps[plan.tasks[task].step].address;
            let done = ended == Ended::Done;
            match ended {
                Ended::Done => out.done += 1,
                Ended::Failed(error) => out.failed.push((address.clone(), error)),
                Ended::Pending(why) => out.pending.push((address.clone(), why)),
                Ended::Skipped => out.skipped.push(address.clone()),
            }
            for &child in plan.dag.children(task) {
                waiting[child] -= 1;
                if !done && blocked[child].is_none() {
                    blocked[child] = Some(blocked[task].clone().unwrap_or_else(|| address.clone()));
                }
                if waiting[child] == 0 {
                    ready.push((plan.remaining[child], std::cmp::Reverse(child)));
                }
            }
        }
        out.cancelled = *self.cancel.borrow();
        out.failed.sort_by(|a, b| a.0.cmp(&b.0));
        out.pending.sort();
        out.skipped.sort();
        out.skipped.dedup();
        drop(running);
        out.taken_on = !shared.tried.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        out.removed = shared.removed.into_inner().unwrap_or_else(PoisonError::into_inner);
        out.live = shared.live.into_inner().unwrap_or_else(PoisonError::into_inner).by_address;
        out
    }
}

impl Shared<'_> {
    async fn task(&self, at: usize, blocked: Option<Address>) -> Ended {
        let task = self.plan.tasks[at];
        let step = &self.plan.steps[task.step];
        let operation = task.operation;
        if let Some(because) = blocked {
            self.emit(&step.address, What::Skipped { operation, because });
            return Ended::Skipped;
        }
        if self.cancelled() {
            return Ended::Skipped;
        }
        let started = self.clock.now();
        let (doing, did) = words(operation, step);
        self.emit(&step.address, What::Started { operation, verb: doing, expected: task.seconds });
        let work = async {
            match operation {
                Operation::Make | Operation::Link => self.make(at).await,
                Operation::Adopt => self.adopt(step).await,
                Operation::Clear => self.clear(step).await,
                Operation::Remove => self.remove(at).await,
            }
        };
        let ended = match self.until_cancelled(work).await {
            Some(Ok(Settled::Done(id))) => {
                let seconds = u64::try_from(self.clock.now().duration_since(started).as_secs()).unwrap_or(0);
                self.emit(&step.address, What::Done { operation, verb: did, id, seconds });
                return Ended::Done;
            }
            Some(Ok(Settled::Pending(why))) => Ended::Pending(why),
            Some(Err(e)) if e.class == ErrorClass::Stopped => Ended::Pending(e.message),
            Some(Err(e)) if for_all(&e) && self.halted.swap(true, Ordering::Relaxed) => {
                Ended::Pending(format!("stopped, for the same reason as others: {e}"))
            }
            Some(Err(error)) => Ended::Failed(error),
            None => Ended::Pending("the run was stopped while this was in flight".to_owned()),
        };
        match &ended {
            Ended::Failed(e) => {
                self.emit(&step.address, What::Failed { operation, error: e.to_string(), help: e.help.clone() });
            }
            Ended::Pending(why) => self.emit(&step.address, What::Pending { operation, why: why.clone() }),
            Ended::Done | Ended::Skipped => {}
        }
        ended
    }

    /// Runs to the end, or until a moment after the run was cancelled: a call that is on its way gets its answer
    /// recorded, a wait is given up at once.
    async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut cancel = self.executor.cancel.clone();
        let stop = async {
            if cancel.wait_for(|c| *c).await.is_err() {
                std::future::pending::<()>().await;
            }
            // Real time: people and CI runners wait for this.
            tokio::time::sleep(Duration::from_secs(3)).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = stop => None,
        }
    }
}

/// Expired credentials or a journal that cannot be written end everything: one failure says so, nothing new starts.
fn for_all(error: &Error) -> bool {
    matches!(error.class, ErrorClass::Credentials | ErrorClass::Journal)
}

/// How the work on one task settled.
enum Settled {
    /// As wanted; the id.
    Done(String),
    /// AWS still works on it.
    Pending(String),
}

fn words(operation: Operation, step: &Step) -> (&'static str, &'static str) {
    match (operation, step.action) {
        (Operation::Adopt, _) => ("importing", "imported"),
        (Operation::Clear, _) => ("releasing", "released"),
        (Operation::Remove, _) => ("deleting", "deleted"),
        (Operation::Link, _) => ("linking", "linked"),
        (Operation::Make, Action::Update) => ("updating", "updated"),
        (Operation::Make, Action::Adopt) => ("adopting", "adopted"),
        (Operation::Make, _) => ("creating", "created"),
    }
}
