//! Removing everything, and proving under the same hold on the stack that nothing is left.
use super::{
    Engine, Execution, Proof, View,
    execute::{Held, not_begun, unless_stopped},
};
use crate::{
    address::Address,
    apply::Outcome,
    aws::{Error, ErrorClass},
    diagnostic::Diagnostics,
    journal::{self, JournalError, Place},
    plan::{Plan, Protect, Step, Wanted},
    record::Pin,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a removal would do, looked at and planned.
pub struct Removal {
    /// What was found.
    pub view: View,
    /// What goes.
    pub plan: Plan,
    /// How much data each resource holds, of those that hold some.
    pub contents: BTreeMap<Address, String>,
    /// What stays although everything should go, each with the reason.
    pub stays: BTreeMap<Address, String>,
}

/// How a removal ended.
#[derive(Debug)]
pub struct Removed {
    /// What happened to single resources.
    pub outcome: Outcome,
    /// What a sweep under the lease still found; nothing when nobody could look, or when the run was stopped or lost its
    /// lease: what others make meanwhile, no sweep of ours disproves.
    pub proof: Option<Proof>,
    /// So many more objects than the plan knew: they came into sight while it was executed.
    pub later: usize,
}

impl Engine {
    /// Plans the removal of everything, also of what the journal does not know. What is protected stays, and what holds
    /// data too unless `delete_data` is said.
    ///
    /// # Errors
    /// As [`Engine::look_everywhere`]; data of which nobody can say how much it is.
    pub async fn plan_removal(&self, wanted: &[Wanted], delete_data: bool) -> Result<Removal, Diagnostics> {
        let mut view = self.look_everywhere(&[]).await?;
        view.snapshot.existing.clear();
        let mut plan = self.plan(&[], &view, &BTreeSet::new())?;
        for step in &mut plan.steps {
            if self.is_protected(&step.address, wanted) {
                step.protect = Protect::Never;
            }
            // Everything goes: a reason on every line would say nothing.
            step.reason.clear();
        }
        let contents = self.contents(&plan, &view).await?;
        // What stays is known now, and so what it lies in: neither is promised to go.
        let stays = plan.steps.iter().filter_map(|step| {
            let why = match (step.protect, contents.get(&step.address)) {
                (Protect::Never, _) => "it is protected (`protect: never`)".to_owned(),
                (_, Some(what)) if !delete_data => format!("it holds {what} (`--delete-data` removes it)"),
                _ => return None,
            };
            Some((step.address.clone(), why))
        });
        let stays = stays.collect();
        let plan = plan.keeping(&stays);
        Ok(Removal { view, plan, contents, stays })
    }

    /// Does the blueprint, or the last one that was applied, say that it must never go?
    fn is_protected(&self, address: &Address, wanted: &[Wanted]) -> bool {
        match wanted.iter().find(|w| w.address == *address) {
            Some(wanted) => wanted.protect == Some(Protect::Never),
            None => self.memory().pinned::<bool>(&Pin::Protected(address.clone())) == Some(true),
        }
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
        if plan.is_empty() && self.memory().is_empty() {
            return self.prove_of_nothing(wanted, run).await;
        }
        let Some(held) = self.hold(view, run).await? else {
            return Ok(Removed { outcome: not_begun(plan), proof: None, later: 0 });
        };
        let removed = self.until_nothing_new(&held, plan, view, wanted).await;
        let lost = held.session.lost().is_some();
        let (outcome, proof, later) = match removed {
            Ok(Removed { outcome, proof, later }) => (Ok(outcome), proof, later),
            Err(problems) => (Err(problems), None, 0),
        };
        let outcome = self.let_go(held, outcome).await?;
        Ok(Removed { outcome, proof: proof.filter(|_| !lost), later })
    }

    /// Removes and looks, and again where something of the stack came into sight that the plan did not know.
    async fn until_nothing_new(
        &self,
        held: &Held,
        plan: &Plan,
        view: &View,
        wanted: &[Wanted],
    ) -> Result<Removed, Diagnostics> {
        let mut outcome = self.work(held, plan, view, wanted).await?;
        let mut unsettled = Unsettled::default();
        let mut known: BTreeSet<String> = plan.steps.iter().map(|s| s.address.to_string()).collect();
        let planned = known.len();
        loop {
            let later = known.len() - planned;
            // After a signal the lock must be free within seconds.
            if outcome.cancelled || held.session.lost().is_some() {
                unsettled.join(&mut outcome, None);
                return Ok(Removed { outcome, proof: None, later });
            }
            let idle = outcome.done == 0 && outcome.failed.is_empty() && outcome.pending.is_empty();
            match self.round(held, wanted, &mut known).await {
                Ok((proof, None)) => {
                    unsettled.join(&mut outcome, Some(&proof));
                    return Ok(Removed { outcome, proof: Some(proof), later });
                }
                Ok((_, Some((plan, again)))) => {
                    let done = outcome.done + again.done;
                    unsettled.keep(outcome, &plan);
                    outcome = Outcome { done, ..again };
                }
                // What was done is told, whatever came after it.
                Err(problems) if !idle => {
                    unsettled.join(&mut outcome, None);
                    let told = outcome.failed.iter().any(|(_, e)| e.class == ErrorClass::Credentials);
                    outcome.trouble =
                        problems.iter().find(|d| !told || d.code != crate::aws::codes::CREDENTIALS.code).cloned();
                    return Ok(Removed { outcome, proof: None, later });
                }
                Err(problems) => return Err(problems),
            }
        }
    }

    /// Proves what is left, and where some of it is not known yet, removes that too.
    async fn round(
        &self,
        held: &Held,
        wanted: &[Wanted],
        known: &mut BTreeSet<String>,
    ) -> Result<(Proof, Option<(Plan, Outcome)>), Diagnostics> {
        let proof = self.prove(wanted).await?;
        let before = known.len();
        known.extend(proof.left.iter().map(|(_, _, address, _)| address.clone()));
        if known.len() == before {
            return Ok((proof, None));
        }
        let view = self.look_everywhere(&[]).await?;
        let mut plan = self.plan(&[], &view, &BTreeSet::new())?;
        let protected = |s: &&mut Step| self.is_protected(&s.address, wanted);
        plan.steps.iter_mut().filter(protected).for_each(|s| s.protect = Protect::Never);
        let outcome = self.work(held, &plan, &view, wanted).await?;
        Ok((proof, Some((plan, outcome))))
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
}

/// What a round of a removal did not bring about and no later round has tried again, since no sweep shows it any more.
#[derive(Default)]
struct Unsettled {
    failed: Vec<(Address, Error)>,
    pending: Vec<(Address, String)>,
}

impl Unsettled {
    /// Keeps what `next` does not try again.
    fn keep(&mut self, round: Outcome, next: &Plan) {
        let tried: BTreeSet<&Address> = next.steps.iter().map(|s| &s.address).collect();
        self.failed.retain(|(address, _)| !tried.contains(address));
        self.pending.retain(|(address, _)| !tried.contains(address));
        self.failed.extend(round.failed.into_iter().filter(|(address, _)| !tried.contains(address)));
        self.pending.extend(round.pending.into_iter().filter(|(address, _)| !tried.contains(address)));
    }

    /// Adds it to the last round, but for what is gone by now.
    fn join(self, last: &mut Outcome, proof: Option<&Proof>) {
        let there = |address: &Address| {
            proof.is_none_or(|proof| proof.left.iter().any(|(_, _, left, _)| left == address.as_str()))
        };
        last.failed.extend(self.failed.into_iter().filter(|(address, _)| there(address)));
        last.pending.extend(self.pending.into_iter().filter(|(address, _)| there(address)));
        last.failed.sort_by(|a, b| a.0.cmp(&b.0));
        last.pending.sort();
    }
}
