//! What only one object may have at a time: who takes which of several, and who must go before another one can be made.
//!
//! A claim is stated by its kind (`About.claims`): the range of a subnet in its VPC, the name of a bucket, the room of a
//! reservation. Where a field has alternatives, the choice is made here, from what is live, what the journal keeps and
//! what else is wanted, so that a plan stays a function of its inputs:
//!
//! 1. whoever lives keeps what it has, as long as that is one of its alternatives;
//! 2. whoever is new takes what the journal keeps for it, else the first alternative that nothing wanted has; what
//!    belongs to something that goes is taken only when nothing else is left, so that most moves need not wait.
//!
//! A choice is pinned in the journal before anything is made: a run after a kill chooses the same, although AWS may not
//! show yet what was made.
use super::{Action, Decision, Input, Wanted};
use crate::plan::codes;
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Diagnostics},
    kind::Kind,
    resource::Claim,
    spec::{self, Node},
    units::Cidr,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The chosen value of a field, by address.
pub(super) type Choices = BTreeMap<Address, (&'static str, Value)>;

/// One claimed value, read once.
enum What {
    Range(Cidr),
    Other(String),
}

impl What {
    fn of(value: &Value) -> Option<Self> {
        if value.is_null() || spec::has_unknown(value) {
            return None;
        }
        let range = value.as_str().and_then(|text| text.parse().ok());
        Some(range.map_or_else(|| Self::Other(spec::canonical(value)), Self::Range))
    }

    fn excludes(&self, other: &What) -> bool {
        match (self, other) {
            (Self::Range(a), What::Range(b)) => a.overlaps(*b),
            (Self::Other(a), What::Other(b)) => a == b,
            _ => false,
        }
    }
}

/// Within what a value is claimed: the kind, the field, and the address or id of what it lies in.
type Space = (&'static str, &'static str, String);

fn space(kind: &dyn Kind, claim: &Claim, spec: &Value) -> Option<Space> {
    let within = match claim.within {
        "" => String::new(),
        field => match spec::node(spec.get(field)?) {
            Node::Pointer { address: Some(address), .. } => address.to_owned(),
            Node::Pointer { id: Some(id), .. } => id.to_owned(),
            _ => return None,
        },
    };
    Some((kind.name(), claim.field, within))
}

fn claims(wanted: &Wanted) -> impl Iterator<Item = &'static Claim> {
    wanted.kind.about().claims.iter().filter(|_| wanted.existing.is_none())
}

/// Chooses for every wanted resource that leaves a choice.
///
/// # Errors
/// Nothing that it would take is free.
pub(super) fn choose(input: &Input<'_>) -> Result<Choices, Diagnostics> {
    let open = |w: &Wanted, claim: &Claim| {
        w.spec.get(claim.choices).and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    };
    let mut out = Choices::new();
    if !input.wanted.iter().any(|w| claims(w).any(|claim| open(w, claim))) {
        return Ok(out);
    }
    let mut taken: BTreeMap<Space, Vec<What>> = BTreeMap::new();
    // By address, so that what a resource has itself does not count against it.
    let mut live: BTreeMap<Space, Vec<(&Address, What)>> = BTreeMap::new();
    for (address, found) in &input.snapshot.owned {
        for claim in found.kind.about().claims {
            let value = found.live.spec.get(claim.field).and_then(What::of);
            if let (Some(space), Some(value)) = (space(found.kind, claim, &found.live.spec), value) {
                live.entry(space).or_default().push((address, value));
            }
        }
    }
    let all = || input.wanted.iter().flat_map(|w| claims(w).map(move |claim| (w, claim)));
    for (w, claim) in all().filter(|(w, claim)| !open(w, claim)) {
        let value = w.spec.get(claim.field).and_then(What::of);
        if let (Some(space), Some(value)) = (space(w.kind, claim, &w.spec), value) {
            taken.entry(space).or_default().push(value);
        }
    }
    let candidates = |w: &'_ Wanted, claim: &Claim| -> Vec<Value> {
        let first = w.spec.get(claim.field).into_iter();
        first.chain(w.spec.get(claim.choices).and_then(Value::as_array).into_iter().flatten()).cloned().collect()
    };
    let mut choosing = Vec::new();
    for (w, claim) in all().filter(|(w, claim)| open(w, claim)) {
        let Some(space) = space(w.kind, claim, &w.spec) else { continue };
        let here = super::decide::live_of(input, w).filter(|f| f.kind.name() == w.kind.name());
        let has = here.and_then(|f| f.live.spec.get(claim.field));
        let taken = taken.entry(space.clone()).or_default();
        match has.and_then(|value| Some((value, What::of(value)?))) {
            Some((value, what)) if candidates(w, claim).contains(value) && !taken.iter().any(|t| t.excludes(&what)) => {
                taken.push(what);
                out.insert(w.address.clone(), (claim.field, value.clone()));
            }
            _ => choosing.push((w, claim, space)),
        }
    }
    let mut problems = Diagnostics::new();
    for (w, claim, space) in choosing {
        let kept = [input.pinned.get(&w.address), input.applied.get(&w.address).and_then(|a| a.spec.get(claim.field))];
        let candidates = candidates(w, claim);
        let mut order: Vec<&Value> = kept.into_iter().flatten().filter(|v| candidates.contains(v)).collect();
        order.extend(&candidates);
        let own = super::decide::live_of(input, w).map(|f| &f.live.address);
        let (taken, there) = (taken.entry(space.clone()).or_default(), live.get(&space));
        let free = |value: &&&Value| What::of(value).is_some_and(|what| !taken.iter().any(|t| t.excludes(&what)));
        let left = |value: &&&Value| {
            let others = there.into_iter().flatten().filter(|(address, _)| Some(*address) != own);
            What::of(value).is_some_and(|what| !others.map(|(_, t)| t).any(|t| t.excludes(&what)))
        };
        let chosen = order.iter().filter(free).find(left).or_else(|| order.iter().find(free));
        let Some((value, what)) = chosen.and_then(|v| Some(((*v).clone(), What::of(v)?))) else {
            let text =
                format!("none of the {} values for `{}` of {} is free", candidates.len(), claim.field, w.address);
            let help = format!("give it more `{}`, or remove what has them", claim.choices);
            let problem = Diagnostic::error(&codes::NO_ALTERNATIVE, text).at_address(w.address.as_str());
            problems.push(problem.at_field(claim.choices).with_help(help));
            continue;
        };
        taken.push(what);
        out.insert(w.address.clone(), (claim.field, value));
    }
    problems.into_result(out).map(|(out, _)| out)
}

/// Who has something that another one claims: what goes first, and what can be made only then.
pub(super) fn contested(decisions: &[Decision]) -> Vec<(usize, usize)> {
    let mut going: BTreeMap<Space, Vec<(usize, What)>> = BTreeMap::new();
    for (i, decision) in decisions.iter().enumerate() {
        let step = &decision.step;
        let Some(live) = step.live.as_ref().filter(|_| matches!(step.action, Action::Replace | Action::Delete)) else {
            continue;
        };
        let kind = step.live_kind.unwrap_or(step.kind);
        for claim in kind.about().claims {
            let value = live.spec.get(claim.field).and_then(What::of);
            if let (Some(space), Some(value)) = (space(kind, claim, &live.spec), value) {
                going.entry(space).or_default().push((i, value));
            }
        }
    }
    let mut out = Vec::new();
    if going.is_empty() {
        return out;
    }
    for (i, decision) in decisions.iter().enumerate() {
        let step = &decision.step;
        let Some(want) = step.want.as_deref().filter(|_| matches!(step.action, Action::Create | Action::Replace))
        else {
            continue;
        };
        for claim in step.kind.about().claims {
            let value = want.get(claim.field).and_then(What::of);
            if let (Some(space), Some(value)) = (space(step.kind, claim, want), value) {
                let holders = going.get(&space).into_iter().flatten();
                out.extend(holders.filter(|(h, had)| *h != i && had.excludes(&value)).map(|(h, _)| (*h, i)));
            }
        }
    }
    out
}
