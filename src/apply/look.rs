//! Looks at a step's own object: by its tag or among all of its kind, at once or with others, and by its id.
use super::{Shared, make::Progress, watch::Look};
use crate::{
    aws::{
        Error, ErrorClass,
        tags::{self, Tags},
    },
    plan::Step,
    resource::{Id, Live, State},
    snapshot,
};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Of a task on which more than so many others wait, each may wait for something else: it is looked at once.
const MOST: usize = 16;

impl Shared<'_> {
    /// A look that finds whatever is at the address of a step, also what only the journal's ids lead to.
    pub(super) fn whole<'a>(&self, step: &'a Step) -> Look<'a> {
        Look { kind: step.kind, address: &step.address, id: None, not_before: Instant::now(), by_tag: false }
    }

    /// Does the tag with its address lead to all that is at a step? Not where the plan has seen something without it, where
    /// parts have tags of their own, and where the journal knows an id that the plan did not see.
    pub(super) fn by_tag(&self, step: &Step) -> bool {
        let remembered = &self.executor.sweep.remembered;
        let mut known = remembered.ids(&step.address);
        if !remembered.parts(&step.address).is_empty() {
            return false;
        }
        let Some(live) = step.live.as_deref() else { return known.is_empty() };
        known.retain(|id| *id != live.id && !live.members.iter().any(|m| m.id == *id));
        let carries = |tags: &Tags| tags.get(tags::ADDRESS).is_some_and(|a| a == step.address.as_str());
        let all = match live.members.as_slice() {
            [] => carries(&live.tags),
            members => members.iter().all(|m| carries(&m.tags)),
        };
        all && known.is_empty() && live.parts.is_empty() && live.state != State::Partial
    }

    /// What is at a step that is being made or changed. What was just asked of AWS may be looked at together with what
    /// other tasks ask for at the moment.
    pub(super) async fn look(&self, step: &Step, progress: &mut Progress, fleet: bool) -> Result<Option<Live>, Error> {
        let made = progress.created.clone().map(|(id, _)| id);
        let id = made.as_ref().or_else(|| step.live.as_deref().filter(|l| l.state != State::Partial).map(|l| &l.id));
        let look = Look { id, not_before: progress.not_before, by_tag: self.by_tag(step), ..self.whole(step) };
        let confirms = std::mem::take(&mut progress.changed) || progress.created.is_some() && !progress.shown;
        progress.looked = true;
        // A fleet that changes batch by batch has more to do after each look.
        if confirms && !fleet {
            return self.watch.look_with(look, |busy| self.held_up(progress.task, busy)).await;
        }
        self.watch.look(look).await
    }

    /// Whoever waits for this task waits for one of these too, so that nothing is later for looking at both together.
    pub(super) fn held_up(&self, task: usize, busy: &BTreeSet<usize>) -> bool {
        let others = || busy.iter().filter(|t| **t != task).map(|t| self.plan.dag.children(*t));
        let few = |children: &&[usize]| children.len() <= MOST;
        let children = self.plan.dag.children(task);
        let waits = |child: &usize| others().filter(few).any(|its| its.contains(child));
        others().next().is_some() && few(&children) && children.iter().all(waits)
    }

    /// The object with these ids, which a sweep does not show; nothing if it is not there.
    ///
    /// # Errors
    /// It is there and does not carry the stack's tags: what it is now, nobody can tell, and a second one would be one
    /// too many.
    pub(super) async fn by_id(&self, step: &Step, ids: &[Id]) -> Result<Option<Live>, Error> {
        let sweep = &self.executor.sweep;
        let found = match step.kind.lookup_ids(sweep, ids).await {
            Err(e) if e.class == ErrorClass::NotFound => Vec::new(),
            other => other?,
        };
        for mut live in found {
            match snapshot::place(&live, &sweep.scope, &sweep.remembered) {
                snapshot::Place::At(at) if at == step.address => {
                    snapshot::reveal(&mut live);
                    return Ok(Some(live));
                }
                _ if live.state == State::Deleting => {}
                _ => {
                    let what = live.members.first().map_or(&live.id, |m| &m.id);
                    let text =
                        format!("{what} of {} exists, but AWS does not show this stack's tags on it", step.address);
                    return Err(Error::new(ErrorClass::Stranger, text).help(
                        "somebody took the tags off, or the endpoint keeps no tags that are given at creation: set them, or \
                         delete the object by hand, and apply again",
                    ));
                }
            }
        }
        Ok(None)
    }
}

/// The ids by which a live object can be asked for: its own, or its members'.
pub(super) fn ids_of(live: &Live) -> Vec<Id> {
    match live.members.as_slice() {
        [] => vec![live.id.clone()],
        members => members.iter().map(|m| m.id.clone()).collect(),
    }
}
