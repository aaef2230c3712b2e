//! Successors: what cannot be changed is made anew before what it replaces goes, and whoever points at it moves in between.
//!
//! A kind says so ([`About::successors`](crate::resource::About::successors)): versions, configurations and definitions,
//! whose AWS names or ids differ with their content, so that old and new can stand side by side. The object that is
//! replaced loses its place: it becomes surplus of its address, and pointers to it follow. What is left is an ordinary
//! plan: the address has no object, so one is made; those who point at the old one differ from what is wanted, so they
//! change; and it is removed when the last of them has let go. After a kill anywhere in between, the account shows both,
//! and the same plan is made from that.
use super::{
    Action, Decision, FieldChange, Input, Step,
    claims::Choices,
    decide::{self, in_the_way},
};
use crate::{address::Address, diagnostic::Diagnostics, resource::Id};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Why one takes another's place.
struct Succession {
    predecessor: Id,
    reason: String,
    fields: Vec<FieldChange>,
}

/// Decides what happens to each resource, with successors for what would be replaced and can have one.
pub(super) fn decide(input: &Input<'_>, choices: &Choices) -> Result<Vec<Decision>, Diagnostics> {
    let mut snapshot = Cow::Borrowed(input.snapshot);
    let mut tried: BTreeMap<Address, BTreeSet<Id>> = BTreeMap::new();
    let mut successions: BTreeMap<Address, Succession> = BTreeMap::new();
    loop {
        let input = Input { snapshot: &snapshot, ..*input };
        let mut decisions = decide::decide(&input, choices)?;
        // Each round takes one more object from its place, so this ends.
        let going: Vec<_> = decisions.iter().filter(|d| can_be_succeeded(&d.step)).map(|d| &d.step).collect();
        if going.is_empty() {
            decisions.iter_mut().for_each(|d| tell(&mut d.step, &successions));
            return Ok(decisions);
        }
        let mut next = snapshot.clone().into_owned();
        for step in going {
            let Some(live) = &step.live else { continue };
            let tried = tried.entry(step.address.clone()).or_default();
            tried.insert(live.id.clone());
            // What an earlier run made for it may stand beside it.
            let beside = next.surplus.iter().find(|(_, s)| {
                let claims = s.claims.as_ref().is_some_and(|(address, _)| *address == step.address);
                claims && s.found.kind.name() == step.kind.name() && !tried.contains(&s.found.live.id)
            });
            let beside = beside.map(|(address, _)| address.clone());
            next.step_aside(&step.address, beside.as_ref());
            let (reason, fields) = (step.reason.clone(), step.fields.clone());
            successions.insert(step.address.clone(), Succession { predecessor: live.id.clone(), reason, fields });
        }
        snapshot = Cow::Owned(next);
    }
}

/// Would it be replaced by something that can stand beside it?
fn can_be_succeeded(step: &Step) -> bool {
    step.action == Action::Replace
        && step.live_kind.is_none()
        && step.kind.about().successors
        && step.fields.iter().any(|f| f.forces)
        && !in_the_way(step)
}

/// What is made says what it is made for.
fn tell(step: &mut Step, successions: &BTreeMap<Address, Succession>) {
    let Some(succession) = successions.get(&step.address).filter(|_| step.action == Action::Create) else { return };
    step.reason = format!("{}; created before {} is removed", succession.reason, succession.predecessor);
    step.fields.clone_from(&succession.fields);
}
