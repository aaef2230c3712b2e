//! Changing things: lease, first words, work and the last word, all in one hold on the stack.
use super::{Engine, Untagged, View};
use crate::{
    address::Address,
    apply::{self, Event, Executor, Outcome, Sink, What},
    aws::{Error, ErrorClass},
    call::SweepCtx,
    diagnostic::{Diagnostic, Diagnostics, Severity},
    journal::{self, JournalRecorder, Session},
    plan::{Action, Operation, Plan, Protect, Step, Wanted},
    record::{Expiry, Intent, Pin, Progress, Record, Recorder},
    resource::{Class, Discovery},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::watch as signal;

/// After a signal the lock is still waited for so long: a write of it that is under way should end.
const PARTING: Duration = Duration::from_secs(2);

/// What an execution may do, and whom it tells.
pub struct Execution {
    /// `apply`, `destroy`.
    pub command: &'static str,
    /// Recognises dead processes of this machine, so that their lock need not be waited for.
    pub presence: Option<journal::Presence>,
    /// May a delete empty what still holds data?
    pub delete_data: bool,
    /// Where events go.
    pub sink: Sink,
    /// Becomes true when the run shall stop.
    pub cancel: signal::Receiver<bool>,
}

impl Engine {
    /// Executes a plan: claim, begin, work, end.
    ///
    /// # Errors
    /// A journal that cannot be written; nothing is changed then. What happens to single resources is in the outcome.
    pub async fn execute(
        &self,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
        run: Execution,
    ) -> Result<Outcome, Diagnostics> {
        // A second object beside one that has only lost its tags would be one too many.
        let was = |s: &Step, at: &Address| wanted.iter().any(|w| w.address == s.address && w.moved.contains(at));
        let makes = |s: &&Step, at: &Address| s.action == Action::Create && (s.address == *at || was(s, at));
        let made = |u: &&Untagged| plan.steps.iter().any(|s| makes(&s, &u.address));
        let twins = view.untagged.iter().filter(made).map(Untagged::diagnostic);
        let twins: Diagnostics = twins.map(|d| Diagnostic { severity: Severity::Error, ..d }).collect();
        if !twins.is_empty() {
            return Err(twins);
        }
        let Some(held) = self.hold(view, run).await? else { return Ok(not_begun(plan)) };
        let outcome = self.work(&held, plan, view, wanted).await;
        self.let_go(held, outcome).await
    }

    pub(super) fn lease(&self, run: &Execution) -> journal::Request {
        let holder = journal::Holder::current(run.command);
        let mut lease = journal::Request::new(self.backend().clone(), self.aws().clock().clone(), holder);
        lease.presence = run.presence.clone().or(lease.presence);
        if let Some(told) = self.watching.get() {
            lease.watching = told.clone();
        }
        lease
    }

    /// Takes the stack; nothing when the run was stopped meanwhile.
    pub(super) async fn hold(&self, view: &View, run: Execution) -> Result<Option<Held>, Diagnostics> {
        let run = Execution { sink: apply::without_echo(run.sink), ..run };
        let (sink, clock) = (run.sink.clone(), self.aws().clock().clone());
        let waiting = Arc::new(move |address: &Address, why: &Error| {
            sink(Event { time: clock.now(), address: address.clone(), what: What::Waiting { why: why.to_string() } });
        });
        let begin = journal::Begin {
            lease: self.lease(&run),
            stack: view.scope.stack.clone(),
            account: view.scope.account.clone(),
            region: view.scope.region.clone(),
            stack_id: Some(view.scope.stack_id.clone()),
            seen: self.memory().next,
            waiting,
        };
        let session = unless_stopped(&run, Session::begin(begin)).await.transpose().map_err(|e| e.diagnostic())?;
        let Some(session) = session else { return Ok(None) };
        // From here on nothing leaves this process that could change something unless the lease is held.
        self.aws().gate().set_guard(Some(session.guard()));
        Ok(Some(Held { session, run, sent: self.aws().gate().mutations() }))
    }

    /// Ends what [`Engine::hold`] began, however the work went.
    pub(super) async fn let_go(
        &self,
        held: Held,
        outcome: Result<Outcome, Diagnostics>,
    ) -> Result<Outcome, Diagnostics> {
        let Held { session, sent, .. } = held;
        self.aws().gate().set_guard(None);
        let word = match &outcome {
            Ok(o) if o.cancelled => "interrupted",
            Ok(o) if o.complete() => "ok",
            Ok(o) if o.done > 0 || !o.pending.is_empty() => "partial",
            _ => "failed",
        };
        let ended = session.end(word).await;
        // The first error is the one that matters.
        let mut outcome = outcome?;
        match ended {
            // What was made is there, whatever became of the lock.
            Err(e) if self.aws().gate().mutations() > sent => {
                if !outcome.failed.iter().any(|(_, e)| e.class == ErrorClass::Credentials) {
                    outcome.trouble.get_or_insert(e.diagnostic());
                }
                Ok(outcome)
            }
            // Without credentials a journal in a bucket takes no last word: the lock ends by itself.
            Err(e) if !outcome.failed.iter().any(|(_, e)| e.class == ErrorClass::Credentials) => {
                Err(e.diagnostic().into())
            }
            _ => Ok(outcome),
        }
    }

    /// The work itself, under the lease.
    pub(super) async fn work(
        &self,
        Held { session, run, .. }: &Held,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
    ) -> Result<Outcome, Diagnostics> {
        let (sink, clock, cancel) = (run.sink.clone(), self.aws().clock().clone(), run.cancel.clone());
        let recorder = Arc::new(session.recorder().telling(Arc::new(move |address, progress| {
            let Progress { count, bytes, complete } = progress;
            let what = What::Progress { count, bytes, complete };
            sink(Event { time: clock.now(), address: address.clone(), what });
            !*cancel.borrow()
        })));
        // An import is recorded whole before its first tag: a plan after a kill must know everything that was meant.
        let now = self.aws().clock().now();
        let adopts = plan.tasks.iter().filter(|t| t.operation == Operation::Adopt);
        let intents: Vec<Intent> = adopts.filter_map(|t| apply::import_intent(&plan.steps[t.step], now)).collect();
        // One write: a run that is killed before it has settled nothing, and one that is killed after it everything.
        let mut words = self.settled_now(&recorder, plan, view, wanted, run.command);
        words.extend(self.went(plan, view).into_iter().map(|address| Record::Gone { address, time: now }));
        words.extend(intents.iter().cloned().map(Record::Intent));
        recorder.journal().append_all(words).await.map_err(|e| e.diagnostic())?;
        let mut open = self.memory().open.clone();
        for intent in intents {
            open.entry(intent.address.clone()).or_default().push(intent);
        }
        let mut sweep = SweepCtx { scope: view.scope.clone(), ..self.sweep("", wanted) };
        // What is imported has a name of its own, to which no prefix leads.
        let foreign = plan.steps.iter().filter(|s| s.action == Action::Adopt);
        let foreign = foreign.filter(|s| matches!(s.kind.about().discovery, Discovery::Prefix));
        for (step, live) in foreign.filter_map(|s| Some((s, s.live.as_ref()?))) {
            Arc::make_mut(&mut sweep.names).add(step.kind.name(), &live.id);
        }
        let executor = Executor {
            aws: self.aws().clone(),
            scope: view.scope.clone(),
            kinds: self.kinds,
            recorder: recorder.clone(),
            open,
            unseen: self.memory().unseen(),
            sweep,
            sink: run.sink.clone(),
            cancel: run.cancel.clone(),
            delete_data: run.delete_data,
        };
        let outcome = executor.run(plan, &view.snapshot).await;
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).extend(outcome.removed.iter().cloned());
        for (address, applied) in plan.unrecorded() {
            Recorder::stable(&*recorder, address, applied.clone()).await.map_err(|e| e.diagnostic())?;
        }
        Ok(outcome)
    }

    /// What this run settles for later ones: the expiry, what is protected, the images of what it works on, and choices.
    fn settled_now(
        &self,
        recorder: &JournalRecorder,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
        command: &str,
    ) -> Vec<Record> {
        let pins = self.pins(plan, view, wanted, command);
        pins.into_iter().map(|(pin, value)| recorder.pin(&pin, value)).collect()
    }

    /// Does an apply of this plan have something to write down, although nothing of it changes AWS?
    pub fn is_unsettled(&self, plan: &Plan, view: &View, wanted: &[Wanted]) -> bool {
        plan.unrecorded().next().is_some() || !self.pins(plan, view, wanted, "apply").is_empty()
    }

    /// What the journal does not say yet.
    fn pins(&self, plan: &Plan, view: &View, wanted: &[Wanted], command: &str) -> Vec<(Pin, Value)> {
        let mut pins: Vec<(Pin, Value)> = Vec::new();
        if matches!(command, "apply" | "import") {
            if self.memory().pinned::<Expiry>(&Pin::Expiry) != view.expires {
                pins.push((Pin::Expiry, json!(view.expires)));
            }
            // Who removes the stack without its blueprint must know what has to stay.
            let pinned = |w: &Wanted| self.memory().pinned::<bool>(&Pin::Protected(w.address.clone())) == Some(true);
            let never = |w: &Wanted| w.existing.is_none() && w.protect == Some(Protect::Never);
            let changed = wanted.iter().filter(|w| never(w) != pinned(w));
            pins.extend(changed.map(|w| (Pin::Protected(w.address.clone()), json!(never(w)))));
        }
        let works = |address: &Address| {
            plan.steps.iter().find(|s| s.address == *address).is_some_and(|s| s.action != Action::Keep)
        };
        let images = plan.images.iter().filter(|(address, _)| works(address));
        pins.extend(images.map(|(address, image)| (Pin::Image(address.clone()), json!(image))));
        pins.extend(plan.choices.iter().map(|(address, choice)| (Pin::Choice(address.clone()), choice.clone())));
        let new =
            |(pin, value): &(Pin, Value)| self.memory().pins.get(&pin.to_string()).unwrap_or(&Value::Null) != value;
        pins.retain(new);
        pins
    }

    /// What is neither wanted nor there went without a word: by hand, or by a run that was killed.
    fn went(&self, plan: &Plan, view: &View) -> BTreeSet<Address> {
        let planned: BTreeSet<&Address> = plan.steps.iter().map(|s| &s.address).collect();
        let untagged: BTreeSet<&Address> = view.untagged.iter().map(|u| &u.address).collect();
        let here = |a: &Address| view.snapshot.owned.contains_key(a) || planned.contains(a) || untagged.contains(a);
        let memory = self.memory();
        let opened = memory.open.iter().filter(|(_, all)| all.iter().any(|i| i.class != Class::Money));
        let known = memory.applied.keys().chain(opened.map(|(address, _)| address)).chain(memory.accepted.keys());
        known.filter(|a| !here(a)).cloned().collect()
    }
}

/// A run that holds the stack.
pub(super) struct Held {
    pub(super) session: Session,
    run: Execution,
    /// So many changes AWS had been asked for before it.
    sent: u64,
}

/// The outcome of a run that was stopped before it began.
pub(super) fn not_begun(plan: &Plan) -> Outcome {
    let skipped: BTreeSet<Address> = plan.tasks.iter().map(|t| plan.steps[t.step].address.clone()).collect();
    Outcome { cancelled: true, skipped: skipped.into_iter().collect(), ..Outcome::default() }
}

/// Does this, or nothing when the run is stopped before it is done.
pub(super) async fn unless_stopped<T>(run: &Execution, work: impl Future<Output = T>) -> Option<T> {
    let mut cancel = run.cancel.clone();
    let stopped = async {
        if cancel.wait_for(|c| *c).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(PARTING).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stopped => None,
    }
}
