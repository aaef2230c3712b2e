//! graph × snapshot × last-applied → plan. Pure: no clock, no AWS, same inputs give the same bytes.
pub mod claims;
pub(crate) mod codes;
mod decide;
mod guard;
pub mod images;
mod order;
mod succeed;

pub use decide::ago;
pub use decide::{Decision, Edge, changed_tags, differences, in_a_ring, ring, settled_by_default};

use crate::{
    address::Address,
    aws::tags::{self, Tags},
    diagnostic::Diagnostics,
    graph::Dag,
    kind::Kind,
    record::{Applied, Setting},
    resource::{Live, Lookup},
    snapshot::Snapshot,
    spec::{self, Difference},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who may remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protect {
    /// Nobody, until the blueprint says otherwise.
    Never,
    /// Only with `--allow-destroy` or `--delete-data`.
    Data,
    /// Anybody.
    Off,
}

/// One resource as the blueprint wants it.
#[derive(Clone)]
pub struct Wanted {
    /// Where it stands.
    pub address: Address,
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Canonical spec; pointers by address, unknowns as `$expr`. Plans share it.
    pub spec: Arc<Value>,
    /// Further resources that must come first.
    pub depends_on: Vec<String>,
    /// As written; `None` = by kind.
    pub protect: Option<Protect>,
    /// Only read, never changed.
    pub existing: Option<Lookup>,
    /// Former addresses.
    pub moved: Vec<Address>,
}

/// Everything the planner may look at.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What is wanted, in the blueprint's order.
    pub wanted: &'a [Wanted],
    /// What is live.
    pub snapshot: &'a Snapshot,
    /// What was applied last, by address.
    pub applied: &'a BTreeMap<Address, Applied>,
    /// Addresses with calls of a run that never ended, and when they began.
    pub interrupted: &'a BTreeMap<Address, Timestamp>,
    /// What runs that never ended were about to set.
    pub settings: &'a BTreeMap<Address, Setting>,
    /// What the journal keeps of choices among alternatives, by address.
    pub pinned: &'a BTreeMap<Address, Value>,
    /// The tags that every object must carry beside its own address.
    pub tags: &'a BTreeMap<String, String>,
    /// Resources to replace although nothing forces it.
    pub replace: &'a BTreeSet<Address>,
    /// The time that reasons are told from.
    pub now: Timestamp,
}

/// What happens to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Made.
    Create,
    /// Changed where it is.
    Update,
    /// Removed and made again.
    Replace,
    /// Removed.
    Delete,
    /// Made by an interrupted run; taken up as it is.
    Adopt,
    /// Nothing.
    Keep,
    /// Belongs to somebody else; only read.
    Read,
}

/// How far a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeClass {
    /// Nothing stops.
    InPlace,
    /// Members are replaced one after the other.
    Rolling,
    /// Removed and made again.
    Replace,
    /// Data is lost.
    DestroysData,
}

/// One changed field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Dotted path.
    pub path: String,
    /// Live value.
    pub before: Value,
    /// Wanted value; unknowns as `$expr`.
    pub after: Value,
    /// Does this field force the replacement (or may it, when its value is not known yet)?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forces: bool,
}

impl From<Difference> for FieldChange {
    fn from(d: Difference) -> Self {
        Self { path: d.path, before: d.before, after: d.after, forces: false }
    }
}

/// What happens to one resource, and why.
#[derive(Clone)]
pub struct Step {
    /// Where it stands.
    pub address: Address,
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// What happens.
    pub action: Action,
    /// How far it reaches; `None` where nothing live changes.
    pub class: Option<ChangeClass>,
    /// Changed fields.
    pub fields: Vec<FieldChange>,
    /// Members that do not match, oldest first.
    pub outdated: Vec<String>,
    /// Members that end because fewer are wanted.
    pub ending: Vec<String>,
    /// In words.
    pub reason: String,
    /// The kind's own line.
    pub summary: String,
    /// Typical time.
    pub expected_seconds: u64,
    /// What is wanted, settled as far as it is known; `None` for deletes.
    pub want: Option<Arc<Value>>,
    /// What is live.
    pub live: Option<Arc<Live>>,
    /// The kind of what is live, where it differs from the wanted one.
    pub live_kind: Option<&'static dyn Kind>,
    /// The tags that every object of the stack must carry; [`Step::tags`] are all of this one's.
    pub stack_tags: Arc<Tags>,
    /// Keys of tags to remove.
    pub untag: Vec<String>,
    /// What is set here for the first time.
    pub setting: Setting,
    /// Fields in which it lets go of what goes before that can go, because nothing could begin otherwise.
    pub lets_go: BTreeSet<String>,
    /// What the journal does not know yet of something that stays as it is.
    pub remember: Option<Box<Applied>>,
    /// Who may remove it.
    pub protect: Protect,
}

impl Step {
    /// Every tag that the object must carry.
    pub fn tags(&self) -> Tags {
        let mut out = Tags::clone(&self.stack_tags);
        out.insert(tags::ADDRESS, self.address.to_string());
        out
    }

    /// Is a fleet of 0 wanted?
    pub fn wants_nobody(&self) -> bool {
        self.want.as_deref().is_some_and(|want| self.kind.is_empty(want))
    }
}

/// One thing to execute; a replacement is two, and a ring of late fields needs a third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Clear the late fields of something that goes.
    Clear,
    /// Take up an object that exists: ownership tags, nothing else.
    Adopt,
    /// Remove.
    Remove,
    /// Create, or bring to the wanted state.
    Make,
    /// Point late fields at what was made after this.
    Link,
}

/// What the executor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Index into [`Plan::steps`].
    pub step: usize,
    /// What of it.
    pub operation: Operation,
    /// Typical seconds.
    pub seconds: u64,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To create.
    pub create: usize,
    /// To change in place or rolling.
    pub update: usize,
    /// To replace.
    pub replace: usize,
    /// To delete.
    pub delete: usize,
    /// To adopt.
    pub adopt: usize,
    /// Unchanged.
    pub keep: usize,
    /// Only read.
    pub read: usize,
}

impl Summary {
    /// Of these steps.
    fn of(steps: &[Step]) -> Self {
        let mut out = Self::default();
        for step in steps {
            *match step.action {
                Action::Create => &mut out.create,
                Action::Update => &mut out.update,
                Action::Replace => &mut out.replace,
                Action::Delete => &mut out.delete,
                Action::Adopt => &mut out.adopt,
                Action::Keep => &mut out.keep,
                Action::Read => &mut out.read,
            } += 1;
        }
        out
    }
}

/// What a named image stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The name in the blueprint.
    pub name: String,
    /// The `ami-` id.
    pub id: String,
}

/// The plan: steps in order of execution, and the tasks with their order.
#[derive(Clone)]
pub struct Plan {
    /// One for each resource, in order of execution.
    pub steps: Vec<Step>,
    /// What to execute.
    pub tasks: Vec<Task>,
    /// Which task waits for which.
    pub dag: Dag,
    /// Longest expected time from each task's start to the end.
    pub remaining: Vec<u64>,
    /// The addresses on the longest path.
    pub critical_path: Vec<Address>,
    /// Its length.
    pub expected_seconds: u64,
    /// Counts.
    pub summary: Summary,
    /// The images that machines are started from, by address.
    pub images: BTreeMap<Address, Image>,
    /// What was chosen among alternatives for what is to be made, by address.
    pub choices: BTreeMap<Address, Value>,
    /// What people should know.
    pub notes: Diagnostics,
}

impl Plan {
    /// Objects to take up, each by itself: tags need no order.
    pub fn adopting(steps: Vec<Step>) -> Self {
        let tasks: Vec<Task> =
            (0..steps.len()).map(|step| Task { step, operation: Operation::Adopt, seconds: 2 }).collect();
        let count = tasks.len();
        Self {
            summary: Summary { adopt: count, ..Summary::default() },
            dag: Dag::new(count),
            remaining: vec![2; count],
            critical_path: steps.first().map(|s| s.address.clone()).into_iter().collect(),
            expected_seconds: if count == 0 { 0 } else { 2 },
            steps,
            tasks,
            images: BTreeMap::new(),
            choices: BTreeMap::new(),
            notes: Diagnostics::new(),
        }
    }

    /// Would applying it do nothing?
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Resources that stay as they are, and that the journal does not remember so.
    pub fn unrecorded(&self) -> impl Iterator<Item = (&Address, &Applied)> {
        self.steps.iter().filter_map(|s| Some((&s.address, s.remember.as_deref()?)))
    }
}

/// The snapshot under the addresses that the blueprint gives now: what has moved is pointed at, and its outputs are found,
/// by its new name, so that nothing that depends on it looks changed. The objects keep the address in their tags.
fn renamed(input: &Input<'_>) -> Option<Snapshot> {
    let owned = &input.snapshot.owned;
    let new = input.wanted.iter().filter(|w| w.existing.is_none() && !owned.contains_key(&w.address));
    let moves: BTreeMap<&Address, &Address> =
        new.filter_map(|w| Some((w.moved.iter().find(|a| owned.contains_key(*a))?, &w.address))).collect();
    if moves.is_empty() {
        return None;
    }
    let names = moves.iter().map(|(old, new)| (old.to_string(), new.to_string())).collect();
    let mut out = input.snapshot.clone();
    out.ids.values_mut().for_each(|a| *a = names_of(&names, a));
    for found in out.owned.values_mut() {
        if spec::references(&found.live.spec).iter().any(|(_, a)| names.contains_key(a)) {
            crate::snapshot::rename(Arc::make_mut(&mut found.live), &names);
        }
    }
    for (old, new) in moves {
        let moved = out.owned.remove(old)?;
        out.owned.insert(new.clone(), moved);
    }
    Some(out)
}

fn names_of(names: &BTreeMap<String, String>, address: &str) -> String {
    names.get(address).map_or(address, String::as_str).to_owned()
}

/// Makes the plan.
///
/// # Errors
/// A cycle between what must be removed and what must be made, with the ring; alternatives of which none is free.
pub fn plan(input: &Input<'_>) -> Result<Plan, Diagnostics> {
    let renamed = renamed(input);
    let input = &Input { snapshot: renamed.as_ref().unwrap_or(input.snapshot), ..*input };
    let choices = claims::choose(input)?;
    let mut plan = order::arrange(succeed::decide(input, &choices)?)?;
    let made = plan.steps.iter().filter(|s| matches!(s.action, Action::Create | Action::Replace));
    let chosen = made.filter_map(|s| Some((s.address.clone(), choices.get(&s.address)?.1.clone())));
    plan.choices = chosen.collect();
    Ok(plan)
}
