//! Changing things: lease, first words, work, and for a removal the proof, all in one hold on the stack.
use super::{Engine, Proof, Untagged, View};
use crate::{
    address::Address,
    apply::{self, Event, Executor, Outcome, Sink, What},
    aws::{Error, ErrorClass},
    call::SweepCtx,
    diagnostic::{Diagnostic, Diagnostics, Severity},
    journal::{self, JournalError, JournalRecorder, Place, Session},
    plan::{Action, Operation, Plan, Protect, Wanted},
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

/// How a removal ended.
#[derive(Debug)]
pub struct Removed {
    /// What happened to single resources.
    pub outcome: Outcome,
    /// What a sweep under the lease still found; nothing when the run was stopped or lost its lease: what others make
    /// meanwhile, no sweep of ours disproves.
    pub proof: Option<Proof>,
    /// So many more objects than the plan knew: they came into sight while it was executed.
    pub later: usize,
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
        let run = Execution { sink: apply::without_echo(run.sink), ..run };
        // A second object beside one that has only lost its tags would be one too many.
        let made = |u: &&Untagged| plan.steps.iter().any(|s| s.address == u.address && s.action == Action::Create);
        let twins = view.untagged.iter().filter(made).map(Untagged::diagnostic);
        let twins: Diagnostics = twins.map(|d| Diagnostic { severity: Severity::Error, ..d }).collect();
        if !twins.is_empty() {
            return Err(twins);
        }
        let Some(session) = self.hold(view, &run).await? else { return Ok(not_begun(plan)) };
        let sent = self.aws().gate().mutations();
        let outcome = self.work(&session, plan, view, wanted, &run).await;
        self.let_go(session, outcome, sent).await
    }

    /// Executes the plan of a removal, also an empty one, and proves what is left before anybody else may begin.
    ///
    /// # Errors
    /// As [`Engine::execute`]; a lock that somebody else holds; a sweep that could not read everything.
    pub async fn destroy(
        &self,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
        run: Execution,
    ) -> Result<Removed, Diagnostics> {
        let run = Execution { sink: apply::without_echo(run.sink), ..run };
        if plan.is_empty() && self.memory().is_empty() {
            return self.prove_of_nothing(wanted, run).await;
        }
        let Some(session) = self.hold(view, &run).await? else {
            return Ok(Removed { outcome: not_begun(plan), proof: None, later: 0 });
        };
        let sent = self.aws().gate().mutations();
        let removed = self.until_nothing_new(&session, plan, view, wanted, &run).await;
        let lost = session.lost().is_some();
        let (outcome, proof, later) = match removed {
            Ok(Removed { outcome, proof, later }) => (Ok(outcome), proof, later),
            Err(problems) => (Err(problems), None, 0),
        };
        let outcome = self.let_go(session, outcome, sent).await?;
        Ok(Removed { outcome, proof: proof.filter(|_| !lost), later })
    }

    /// Removes and looks, and again where something of the stack came into sight that the plan did not know.
    async fn until_nothing_new(
        &self,
        session: &Session,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
        run: &Execution,
    ) -> Result<Removed, Diagnostics> {
        let mut outcome = self.work(session, plan, view, wanted, run).await?;
        let mut known: BTreeSet<String> = plan.steps.iter().map(|s| s.address.to_string()).collect();
        let planned = known.len();
        loop {
            // After a signal the lock must be free within seconds.
            if outcome.cancelled || session.lost().is_some() {
                return Ok(Removed { outcome, proof: None, later: known.len() - planned });
            }
            let proof = self.prove(wanted).await?;
            let before = known.len();
            known.extend(proof.left.iter().map(|(_, _, address, _)| address.clone()));
            if known.len() == before {
                return Ok(Removed { outcome, proof: Some(proof), later: known.len() - planned });
            }
            let view = self.look_everywhere(&[]).await?;
            let mut plan = self.plan(&[], &view, &BTreeSet::new())?;
            let protected =
                |address: &Address| wanted.iter().any(|w| w.address == *address && w.protect == Some(Protect::Never));
            plan.steps.iter_mut().filter(|s| protected(&s.address)).for_each(|s| s.protect = Protect::Never);
            let again = self.work(session, &plan, &view, wanted, run).await?;
            outcome = Outcome { done: outcome.done + again.done, ..again };
        }
    }

    /// The proof for a stack that has no journal here: nothing is written but the lock, and that only where there is a
    /// place for it.
    async fn prove_of_nothing(&self, wanted: &[Wanted], run: Execution) -> Result<Removed, Diagnostics> {
        let failed = |e: JournalError| Diagnostics::from(e.diagnostic());
        let outcome = Outcome::default();
        let there = async || self.backend().look().await.map_err(failed).map(|p| p == Place::There);
        if !there().await? {
            let proof = self.prove(wanted).await?;
            // Where there was no place for a lock all the time, nobody held one.
            if !there().await? {
                return Ok(Removed { outcome, proof: Some(proof), later: 0 });
            }
        }
        let lease = async {
            let lease = journal::Lease::acquire(self.lease(&run)).await?;
            // Whoever held it since the plan was made has written whose journal this is.
            match journal::read(&**self.backend()).await {
                Ok(memory) if memory.is_empty() => Ok(lease),
                other => {
                    let _ = lease.release().await;
                    other.and(Err(JournalError::Changed { by: "another run began its journal".to_owned() }))
                }
            }
        };
        let Some(lease) = unless_stopped(&run, lease).await else {
            return Ok(Removed { outcome: Outcome { cancelled: true, ..outcome }, proof: None, later: 0 });
        };
        let lease = lease.map_err(failed)?;
        let proof = self.prove(wanted).await;
        let lost = lease.lost().is_some();
        lease.release().await.map_err(failed)?;
        Ok(Removed { outcome, proof: Some(proof?).filter(|_| !lost), later: 0 })
    }

    fn lease(&self, run: &Execution) -> journal::Request {
        let holder = journal::Holder::current(run.command);
        let mut lease = journal::Request::new(self.backend().clone(), self.aws().clock().clone(), holder);
        lease.presence = run.presence.clone().or(lease.presence);
        if let Some(told) = self.watching.get() {
            lease.watching = told.clone();
        }
        lease
    }

    /// Takes the stack; nothing when the run was stopped meanwhile.
    async fn hold(&self, view: &View, run: &Execution) -> Result<Option<Session>, Diagnostics> {
        let (sink, clock) = (run.sink.clone(), self.aws().clock().clone());
        let waiting = Arc::new(move |address: &Address, why: &Error| {
            sink(Event { time: clock.now(), address: address.clone(), what: What::Waiting { why: why.to_string() } });
        });
        let begin = journal::Begin {
            lease: self.lease(run),
            stack: view.scope.stack.clone(),
            account: view.scope.account.clone(),
            region: view.scope.region.clone(),
            stack_id: Some(view.scope.stack_id.clone()),
            seen: self.memory().next,
            waiting,
        };
        let session = unless_stopped(run, Session::begin(begin)).await.transpose().map_err(|e| e.diagnostic())?;
        // From here on nothing leaves this process that could change something unless the lease is held.
        if let Some(session) = &session {
            self.aws().gate().set_guard(Some(session.guard()));
        }
        Ok(session)
    }

    /// Ends what [`Engine::hold`] began, however the work went; `sent` is how many changes AWS was asked for before it.
    async fn let_go(
        &self,
        session: Session,
        outcome: Result<Outcome, Diagnostics>,
        sent: u64,
    ) -> Result<Outcome, Diagnostics> {
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
                    outcome.trouble = Some(e.diagnostic());
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
    async fn work(
        &self,
        session: &Session,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
        run: &Execution,
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
        let mut words = self.settled_now(&recorder, plan, view, run.command);
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
        let foreign = foreign.filter(|s| matches!(s.kind.about().discovery, Discovery::Prefix | Discovery::Names));
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

    /// What this run settles for later ones: the expiry, the images of what it works on, and choices.
    fn settled_now(&self, recorder: &JournalRecorder, plan: &Plan, view: &View, command: &str) -> Vec<Record> {
        let mut pins: Vec<(Pin, Value)> = Vec::new();
        if matches!(command, "apply" | "import") && self.memory().pinned::<Expiry>(&Pin::Expiry) != view.expires {
            pins.push((Pin::Expiry, json!(view.expires)));
        }
        let works = |address: &Address| {
            plan.steps.iter().find(|s| s.address == *address).is_some_and(|s| s.action != Action::Keep)
        };
        let images = plan.images.iter().filter(|(address, _)| works(address));
        pins.extend(images.map(|(address, image)| (Pin::Image(address.clone()), json!(image))));
        pins.extend(plan.choices.iter().map(|(address, choice)| (Pin::Choice(address.clone()), choice.clone())));
        let new =
            |(pin, value): &(Pin, Value)| self.memory().pins.get(&pin.to_string()).unwrap_or(&Value::Null) != value;
        pins.into_iter().filter(new).map(|(pin, value)| recorder.pin(&pin, value)).collect()
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

/// The outcome of a run that was stopped before it began.
fn not_begun(plan: &Plan) -> Outcome {
    let skipped: BTreeSet<Address> = plan.tasks.iter().map(|t| plan.steps[t.step].address.clone()).collect();
    Outcome { cancelled: true, skipped: skipped.into_iter().collect(), ..Outcome::default() }
}

/// Does this, or nothing when the run is stopped before it is done.
async fn unless_stopped<T>(run: &Execution, work: impl Future<Output = T>) -> Option<T> {
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
