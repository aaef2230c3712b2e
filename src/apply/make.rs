//! Create, then update to the fixpoint: a resource is done when nothing differs any more.
//!
//! What a look shows counts. Of an object that this step has made itself, the answers of its own calls count as well,
//! where AWS's word is the state: reading that back would prove nothing. Whether AWS shows a new object at all is
//! always seen once, so that the next run cannot miss it.
use super::{Settled, Shared, What, doubt::window, look::ids_of, poll_pause};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, ownership::Ownership, tags},
    expression, kind,
    plan::{self, Operation, Step},
    record::{Applied, Intent},
    resource::{Class, Live, State},
    snapshot, spec,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};
use tokio::time::Instant;

/// What the loop remembers between looks.
pub(super) struct Progress {
    pub(super) task: usize,
    pub(super) created: Option<(String, Timestamp)>,
    /// A sweep has shown what this run created: if it is not there any more, it is gone, not hidden.
    pub(super) seen: bool,
    /// What the object is by the answers to this step's own calls: the next look is not needed.
    pub(super) told: Option<Live>,
    /// AWS has shown that it knows what this run created, to a look or to a change of it.
    pub(super) shown: bool,
    /// It was asked for by its id, as no look showed it.
    pub(super) asked: bool,
    pub(super) last: Vec<spec::Difference>,
    /// Every difference that there was: one that comes back is not progress.
    pub(super) known: Vec<Vec<spec::Difference>>,
    /// AWS's answer to the latest update, if it refused that.
    pub(super) refused: Option<Error>,
    pub(super) same: u32,
    /// Since when it is the same difference.
    pub(super) stuck: Timestamp,
    /// Members that were still to be replaced when it was last looked at.
    pub(super) outdated: usize,
    /// This step has changed something since the last look.
    pub(super) changed: bool,
    /// A look of this step has shown what is there.
    pub(super) looked: bool,
    pub(super) not_before: Instant,
}

impl Shared<'_> {
    /// Brings one resource to what is wanted; late fields that a later task applies are left out.
    pub(super) async fn make(&self, at: usize) -> Result<Settled, Error> {
        let task = self.plan.tasks[at];
        let step = &self.plan.steps[task.step];
        let linking = task.operation == Operation::Link;
        let waits = if linking { BTreeSet::new() } else { self.linked_later(task.step) };
        let (want, call, spec_tag) = self.settle(step, &waits)?;
        let kind = step.kind;
        let expected = kind.durations(&call).create;
        let mut began = self.clock.now();
        let worst = SignedDuration::try_from(expected.worst.max(kind.durations(&call).update.worst))
            .unwrap_or(SignedDuration::from_mins(30));
        if !step.setting.is_empty() {
            self.executor.recorder.setting(&step.address, &step.setting).await?;
        }
        // What the plan saw is fresh enough for the first decision, unless it is to be changed without another look.
        let changes = step.action == plan::Action::Update && !step.fields.is_empty();
        let mut look = linking || self.outdated.contains(&task.step) || changes && kind.about().looked_at_first;
        let replaced = step.live_kind.is_some() || step.action == plan::Action::Replace;
        let mut live = step.live.as_deref().filter(|_| !replaced).cloned();
        // An earlier run ended right after AWS accepted its call: for a while AWS may not show what was made.
        if let Some(accepted) = self.executor.unseen.get(&step.address) {
            // Also when that time is over: the plan's sweep may have been in it.
            look = true;
            let end = *accepted + window(kind.about());
            while self.clock.now() < end {
                self.watch.tick(Duration::from_secs(5)).await;
            }
        }
        let mut progress = Progress {
            task: at,
            created: None,
            seen: false,
            told: None,
            shown: false,
            asked: false,
            last: Vec::new(),
            known: Vec::new(),
            refused: None,
            same: 0,
            stuck: began,
            outdated: 0,
            changed: false,
            looked: false,
            not_before: Instant::now(),
        };
        let former = live.as_ref().and_then(|l| Ownership::address(&l.tags));
        let former = former.filter(|a| !linking && *a != step.address);
        let mut moved = former.is_some();
        loop {
            let told = progress.told.take();
            if told.is_some() {
                live = told;
            } else {
                if look {
                    // Until its tags are moved, the object is still found at its former address.
                    let fleet = live.as_ref().is_some_and(|l| !l.members.is_empty());
                    live = self.look(step, &mut progress, fleet).await?;
                }
                progress.seen |= live.as_ref().is_some_and(|l| l.state != State::Partial);
                progress.shown |= progress.seen;
            }
            look = true;
            if kind.is_empty(&call) && live.is_none() {
                return self.settled(step, &want, None).await;
            }
            // The plan has seen it: one sweep that does not show it proves nothing.
            let seen_before = step.live.as_deref().filter(|l| !replaced && !linking && l.state != State::Partial);
            if let (None, None, None, Some(planned)) = (&live, &former, &progress.created, seen_before) {
                live = self.by_id(step, &ids_of(planned)).await?;
            }
            let waited = self.clock.now().duration_since(began);
            match &live {
                // Made by an earlier task of this run, and seen.
                None if linking => {}
                // Its tags have moved here a moment ago: a second object would be one too many.
                None if former.is_some() && waited < window(kind.about()) => {}
                None => {
                    if self.create(step, &call, &spec_tag, None, &mut progress).await? {
                        continue;
                    }
                }
                Some(l) if l.state == State::Partial => {
                    if self.create(step, &call, &spec_tag, Some(l), &mut progress).await? {
                        continue;
                    }
                }
                Some(l) => match &l.state {
                    State::Failed(why) => {
                        return Err(Error::new(ErrorClass::Other, format!("AWS reports that {} failed: {why}", l.id))
                            .help("`dlinfra apply` again replaces it"));
                    }
                    State::Pending | State::Deleting => {}
                    State::Ready | State::Degraded(_) | State::Partial => {
                        let live = self.mapped(l);
                        let before = progress.outdated;
                        if self.update(step, &want, &call, &live, &spec_tag, &mut progress, &mut moved).await? {
                            // Made a moment ago, and nothing has shown yet that AWS knows it.
                            if progress.created.is_some() && !progress.shown {
                                progress.not_before = Instant::now();
                                continue;
                            }
                            let settled = self.settled(step, &want, Some(live)).await?;
                            if let Some(former) = &former {
                                self.executor.recorder.gone(former).await?;
                            }
                            return Ok(settled);
                        }
                        // Each batch of a rolling change has the whole time.
                        if progress.outdated != before {
                            began = self.clock.now();
                        }
                        // A fleet that changes member by member takes as long as it has members.
                        if waited < worst.saturating_mul(1 + i32::try_from(l.members.len()).unwrap_or(i32::MAX)) {
                            continue;
                        }
                    }
                },
            }
            if waited > worst {
                let what =
                    live.as_ref().map_or("it is not visible yet".to_owned(), |l| format!("{} is not ready yet", l.id));
                return Ok(Settled::Pending(format!(
                    "{what} after {} min; the next apply continues",
                    waited.as_mins()
                )));
            }
            self.watch.tick(poll_pause(expected.typical)).await;
            progress.not_before = Instant::now();
        }
    }

    /// What late fields of this step point at and must wait for.
    fn linked_later(&self, step: usize) -> BTreeSet<String> {
        let Some(link) = self.links.get(&step) else { return BTreeSet::new() };
        let parents = self.plan.dag.parents(*link).iter().map(|t| self.plan.tasks[*t].step).filter(|s| *s != step);
        parents.map(|s| self.plan.steps[s].address.to_string()).collect()
    }

    /// The wanted spec with everything computed: for comparing (by address) and for calls (with ids).
    fn settle(&self, step: &Step, waits: &BTreeSet<String>) -> Result<(Value, Value, String), Error> {
        let mut wanted = step.want.as_deref().cloned().ok_or_else(|| Error::bug("a step without a wanted spec"))?;
        spec::without(&mut wanted, step.kind.about().late, waits);
        let live = self.live();
        let output = |address: &str, name: &str| {
            let address = Address::parse(address)?;
            let Some(found) = live.get(&address) else {
                let nobody = self.plan.steps.iter().find(|s| s.address == address && s.wants_nobody())?;
                return nobody.kind.output_of_nobody(name);
            };
            found.outputs.get(name).filter(|v| !v.is_null()).cloned()
        };
        let mut want =
            expression::evaluate(&wanted, &output).map_err(|d| Error::new(ErrorClass::Invalid, d.summary))?;
        if spec::has_unknown(&want) {
            return Err(Error::new(
                ErrorClass::Invalid,
                format!("{} uses an attribute that nobody gives", step.address),
            )
            .help("look at the attribute's resource with `dlinfra status`: it may lack this output"));
        }
        // A value that was not known before may need the kind's own form now.
        want = step.kind.canonical(&want).map_err(|p| Error::new(ErrorClass::Invalid, p.summary))?;
        let mut call = want.clone();
        let mut missing = BTreeSet::new();
        let id_of = |address: &str| live.get(&Address::parse(address)?).map(|l| l.id.clone()).filter(|i| !i.is_empty());
        spec::with_ids(&mut call, &id_of, &mut missing);
        if let Some(address) = missing.first() {
            return Err(Error::new(
                ErrorClass::Invalid,
                format!("{} needs {address}, which does not exist", step.address),
            ));
        }
        spec::by_address(&mut want, &live.ids);
        drop(live);
        let spec_tag = kind::conceal(step.kind.about(), &mut want);
        Ok((want, call, spec_tag))
    }

    /// Creates, unless this run did so already and AWS just does not show it yet. True = look at once.
    async fn create(
        &self,
        step: &Step,
        call: &Value,
        spec_tag: &str,
        found: Option<&Live>,
        progress: &mut Progress,
    ) -> Result<bool, Error> {
        if let Some((id, at)) = &progress.created
            && !progress.seen
        {
            let hidden = self.clock.now().duration_since(*at);
            if hidden >= window(step.kind.about()) && !progress.asked {
                progress.asked = true;
                // What AWS said it made, and no tag leads to.
                self.by_id(step, std::slice::from_ref(id)).await?;
            }
            if hidden < SignedDuration::from_mins(5) {
                return Ok(false);
            }
        }
        self.stop_if_cancelled()?;
        // What nobody knows about may exist: look through the window before a second call.
        let open = self.executor.open.get(&step.address).is_some_and(|o| !o.is_empty());
        if open && found.is_none() && progress.created.is_none() && self.look_first(step).await? {
            progress.not_before = Instant::now();
            return Ok(true);
        }
        let mut ctx = self.ctx(step, spec_tag.to_owned());
        // The sweep of this run showed nothing here, and no call is in doubt.
        ctx.fresh = step.action == plan::Action::Create
            && found.is_none()
            && progress.created.is_none()
            && ctx.open.is_empty()
            && !open
            && !self.executor.unseen.contains_key(&step.address);
        let busy = self.watch.busy(step.kind, progress.task);
        let made = step.kind.create(&ctx, call, found).await;
        drop(busy);
        match made {
            Ok(id) => {
                self.emit(&step.address, What::Accepted { id: id.clone() });
                self.watch.stands(&id);
                if found.is_none() && !ctx.doubt.load(Ordering::Relaxed) {
                    progress.told = step.kind.made(&ctx, call, &id)?.map(|mut live| {
                        snapshot::reveal(&mut live);
                        live
                    });
                }
                progress.created = Some((id, self.clock.now()));
                (progress.seen, progress.shown) = (false, false);
            }
            Err(e) if matches!(e.class, ErrorClass::Ambiguous | ErrorClass::TokenMismatch | ErrorClass::Purchase) => {
                let why = format!("AWS did not answer ({e}): looking whether it was made");
                self.emit(&step.address, What::Waiting { why });
                // Money is not spent twice on a guess.
                if !self.look_first(step).await? && e.class == ErrorClass::Purchase {
                    return Err(e);
                }
            }
            Err(e) => return Err(e),
        }
        self.look_anew(step, progress);
        Ok(true)
    }

    /// Something was changed: only what is seen from now on counts.
    pub(super) fn look_anew(&self, step: &Step, progress: &mut Progress) {
        self.watch.forget(step.kind);
        progress.changed = true;
        progress.not_before = Instant::now();
    }

    pub(super) fn stop_if_cancelled(&self) -> Result<(), Error> {
        if self.cancelled() { Err(Error::new(ErrorClass::Stopped, "the run was stopped before this")) } else { Ok(()) }
    }

    /// Live with pointers by address.
    fn mapped(&self, live: &Live) -> Live {
        let mut out = live.clone();
        snapshot::by_address(&mut out, &self.live().ids);
        out
    }

    async fn settled(&self, step: &Step, want: &Value, live: Option<Live>) -> Result<Settled, Error> {
        let id = live.as_ref().map(|l| l.id.clone()).unwrap_or_default();
        // What a purchase without an answer bought is here: that is the answer.
        let made_by = |intent: &&Intent| {
            let tags = live.iter().flat_map(|l| std::iter::once(&l.tags).chain(l.members.iter().map(|m| &m.tags)));
            intent.class == Class::Money && tags.into_iter().any(|t| t.get(tags::INTENT) == Some(&intent.id))
        };
        for intent in self.executor.open.get(&step.address).into_iter().flatten().filter(made_by) {
            self.executor.recorder.accepted(&step.address, &intent.id, std::slice::from_ref(&id)).await?;
        }
        let outputs = live.as_ref().map(|l| l.outputs.clone()).unwrap_or_default();
        if let Some(live) = live {
            self.live().insert(step.address.clone(), live);
        } else {
            self.live().remove(&step.address);
        }
        let applied = Applied {
            kind: step.kind.name().to_owned(),
            id: id.clone(),
            spec: want.clone(),
            outputs,
            tags: step.tags(),
        };
        self.executor.recorder.stable(&step.address, applied).await?;
        Ok(Settled::Done(id))
    }
}
