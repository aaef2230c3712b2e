//! What happens to each resource, parents first, so that a replacement reaches what depends on it.
//!
//! One file: every class of change is decided here, and nowhere else.
use super::{Action, ChangeClass, FieldChange, Input, Protect, Step, Wanted, claims::Choices};
use crate::plan::codes;
use crate::{
    address::Address,
    aws::tags::{self, Tags},
    catalog::durations,
    diagnostic::{Diagnostic, Diagnostics},
    expression,
    graph::Dag,
    kind::{self, Kind},
    record::{Applied, Setting},
    resource::{About, Live, MEMBERS, PARTS, State},
    snapshot::Found,
    spec,
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A step and the addresses that its wanted and live specs point at.
pub struct Decision {
    /// What happens.
    pub step: Step,
    /// What the wanted spec points at.
    pub needs: Vec<Edge>,
    /// What the live spec points at.
    pub used: Vec<Edge>,
}

/// A pointer from one resource to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The resource pointed at.
    pub address: String,
    /// Applied by the update pass, so it makes no order at creation.
    pub late: bool,
}

/// Every wanted resource in order, then what is live and no longer wanted.
pub(super) fn decide(input: &Input<'_>, choices: &Choices) -> Result<Vec<Decision>, Diagnostics> {
    let index = index(input.wanted);
    let mut needs: Vec<Vec<Edge>> = input.wanted.iter().map(needs).collect();
    let order = graph(&index, &needs)
        .order(|n| n)
        .map_err(|ring| in_a_ring(&ring.iter().map(|n| input.wanted[*n].address.as_str()).collect::<Vec<_>>()))?;
    let mut decided = Decided::default();
    let tags = Arc::new(Tags::from(input.tags.clone()));
    let mut out: Vec<Option<Decision>> = input.wanted.iter().map(|_| None).collect();
    let mut taken: BTreeSet<&Address> = BTreeSet::new();
    for node in order {
        let wanted = &input.wanted[node];
        let found = live_of(input, wanted);
        taken.extend(found.map(|f| &f.live.address));
        let step = one(input, wanted, found, &decided, &tags, choices)?;
        decided.add(wanted.address.as_str(), &step);
        let used = found.map(|f| edges_of(f.kind.about(), &f.live.spec)).unwrap_or_default();
        out[node] = Some(Decision { step, needs: std::mem::take(&mut needs[node]), used });
    }
    // All are there; taken in place, so that a large plan is not held twice.
    let mut out: Vec<Decision> = out.into_iter().map_while(|decision| decision).collect();
    point_again(&mut out);
    for (address, found) in input.snapshot.owned.iter().filter(|(_, f)| !taken.contains(&f.live.address)) {
        let used = edges_of(found.kind.about(), &found.live.spec);
        out.push(Decision { step: delete(address, found), needs: Vec::new(), used });
    }
    out.extend(succeeded(input));
    Ok(out)
}

/// What has lost its place to a successor goes, when nobody points at it any more.
fn succeeded(input: &Input<'_>) -> Vec<Decision> {
    let mut out = Vec::new();
    for (address, surplus) in &input.snapshot.surplus {
        let found = &surplus.found;
        let Some((place, _)) = surplus.claims.as_ref().filter(|_| found.kind.about().successors) else { continue };
        let wanted = input.wanted.iter().find(|w| w.address == *place);
        let mut step = delete(address, found);
        step.protect = protect(wanted.and_then(|w| w.protect), step.protect == Protect::Data);
        if wanted.is_some() {
            step.reason = format!("its successor takes its place at {place}");
        }
        out.push(Decision { step, needs: Vec::new(), used: edges_of(found.kind.about(), &found.live.spec) });
    }
    out
}

/// Would the live object keep the one that takes its place from being made, as only one may have what both claim?
pub(super) fn in_the_way(step: &Step) -> bool {
    let (Some(live), Some(want)) = (&step.live, &step.want) else { return false };
    let claimed = |spec: &Value, field: &str| spec.get(field).filter(|v| !v.is_null()).cloned();
    let same = |field: &str| {
        claimed(&live.spec, field).is_some_and(|has| claimed(want, field).is_none_or(|wants| wants == has))
    };
    step.kind.about().claims.iter().any(|claim| claim.within.is_empty() && same(claim.field))
}

/// A late field that points at something which is replaced changes too; that is known only when all is decided.
fn point_again(decisions: &mut [Decision]) {
    let replaced: BTreeSet<String> =
        decisions.iter().filter(|d| d.step.action == Action::Replace).map(|d| d.step.address.to_string()).collect();
    for decision in decisions {
        let step = &mut decision.step;
        let (Some(want), Some(live)) = (&step.want, &step.live) else { continue };
        if !matches!(step.action, Action::Keep | Action::Update | Action::Adopt) {
            continue;
        }
        let late = step.kind.about().late;
        for (name, address) in spec::references(want) {
            let known = step.fields.iter().any(|f| f.path == name);
            if known || !late.contains(&name.as_str()) || !replaced.contains(&address) {
                continue;
            }
            let value = |spec: &Value| spec.get(&name).cloned().unwrap_or(Value::Null);
            let (before, after) = (value(&live.spec), value(want));
            step.fields.push(FieldChange { path: name.clone(), before, after, forces: false });
            if step.action != Action::Update {
                step.action = Action::Update;
                step.class = Some(ChangeClass::InPlace);
                step.expected_seconds = step.kind.durations(want).update.typical.as_secs();
                step.reason = format!("{address}, which `{name}` points at, is replaced");
            }
        }
    }
}

fn needs(wanted: &Wanted) -> Vec<Edge> {
    let mut out = edges_of(wanted.kind.about(), &wanted.spec);
    out.extend(wanted.depends_on.iter().map(|a| Edge { address: a.clone(), late: false }));
    out
}

fn edges_of(about: &About, spec: &Value) -> Vec<Edge> {
    let edge = |(field, address): (String, String)| Edge { address, late: about.late.contains(&field.as_str()) };
    spec::references(spec).into_iter().map(edge).collect()
}

fn index(wanted: &[Wanted]) -> HashMap<&str, usize> {
    wanted.iter().enumerate().map(|(i, w)| (w.address.as_str(), i)).collect()
}

/// Who must be there before whom.
fn graph(index: &HashMap<&str, usize>, needs: &[Vec<Edge>]) -> Dag {
    let mut dag = Dag::new(needs.len());
    for (node, edges) in needs.iter().enumerate() {
        for edge in edges.iter().filter(|e| !e.late) {
            if let Some(parent) = index.get(edge.address.as_str()) {
                dag.edge(*parent, node);
            }
        }
    }
    dag
}

/// The numbers of resources that need each other in a ring, if there are any; one that needs itself is a ring too.
pub fn ring(wanted: &[Wanted]) -> Option<Vec<usize>> {
    let (index, needs): (_, Vec<Vec<Edge>>) = (index(wanted), wanted.iter().map(needs).collect());
    let itself = |(node, edges): &(usize, &Vec<Edge>)| {
        edges.iter().any(|e| !e.late && e.address == wanted[*node].address.as_str())
    };
    if let Some((node, _)) = needs.iter().enumerate().find(itself) {
        return Some(vec![node]);
    }
    graph(&index, &needs).order(|n| n).err()
}

/// The diagnostic of a ring of addresses.
pub fn in_a_ring(ring: &[&str]) -> Diagnostic {
    let text = match ring {
        [one] => format!("{one} needs itself"),
        all => {
            format!("resources depend on each other in a cycle: {} > {}", all.join(" > "), all.first().unwrap_or(&""))
        }
    };
    let help = "break the cycle: let one of them refer to the other by a value that is known beforehand";
    Diagnostic::error(&codes::RING, text).with_help(help)
}

/// The live object at the address, or at a former one.
pub(super) fn live_of<'a>(input: &'a Input<'_>, wanted: &Wanted) -> Option<&'a Found> {
    if wanted.existing.is_some() {
        return input.snapshot.existing.get(&wanted.address);
    }
    let here = input.snapshot.owned.get(&wanted.address);
    here.or_else(|| wanted.moved.iter().find_map(|a| input.snapshot.owned.get(a)))
}

fn protect(wanted: Option<Protect>, holds_data: bool) -> Protect {
    wanted.unwrap_or(if holds_data { Protect::Data } else { Protect::Off })
}

fn one(
    input: &Input<'_>,
    wanted: &Wanted,
    found: Option<&Found>,
    decided: &Decided<'_>,
    stack_tags: &Arc<Tags>,
    choices: &Choices,
) -> Result<Step, Diagnostics> {
    let kind = wanted.kind;
    let mut settled = settle(input, wanted, decided)?;
    if let Some((field, value)) = choices.get(&wanted.address) {
        Arc::make_mut(&mut settled)[*field] = value.clone();
    }
    let durations = kind.durations(&settled);
    let making = durations.create.typical.as_secs();
    let mut step = Step {
        address: wanted.address.clone(),
        kind,
        action: Action::Keep,
        class: None,
        fields: Vec::new(),
        outdated: Vec::new(),
        ending: Vec::new(),
        reason: String::new(),
        summary: kind.summary(&settled),
        expected_seconds: 0,
        want: Some(settled),
        live: found.map(|f| Arc::clone(&f.live)),
        live_kind: None,
        stack_tags: Arc::clone(stack_tags),
        untag: Vec::new(),
        setting: Setting::default(),
        lets_go: BTreeSet::new(),
        remember: None,
        protect: protect(wanted.protect, kind.holds_data(&wanted.spec)),
    };
    if wanted.existing.is_some() {
        step.action = Action::Read;
        // Of its fields nothing is wanted: what stands there instead is what was found.
        step.summary = found.map(|f| f.live.id.clone()).unwrap_or_default();
        "existing: only read".clone_into(&mut step.reason);
        return Ok(step);
    }
    // The memory of what was moved lies at its former address until it is recorded at the new one.
    let former = found.map(|f| &f.live.address).filter(|_| wanted.existing.is_none());
    let applied = input.applied.get(&wanted.address).or_else(|| input.applied.get(former?));
    step.setting = setting(&step, applied);
    let Some(found) = found else {
        if !step.wants_nobody() {
            step.action = Action::Create;
            step.expected_seconds = making;
            step.reason =
                if applied.is_some() { "it was made before and is gone" } else { "it does not exist" }.to_owned();
        }
        return Ok(step);
    };
    let live = &found.live;
    if found.kind.name() != kind.name() {
        step.live_kind = Some(found.kind);
        step.reason = format!("its kind is {} and shall be {}", found.kind.name(), kind.name());
        replace(&mut step, found, making);
        return Ok(step);
    }
    if live.state == State::Partial {
        step.action = Action::Create;
        step.expected_seconds = making;
        "an earlier run made part of it".clone_into(&mut step.reason);
        return Ok(step);
    }
    compare(input, &mut step, live, applied);
    let why = match &live.state {
        State::Failed(why) => Some(format!("AWS reports that it failed: {why}")),
        State::Deleting => Some("the live one is being deleted".to_owned()),
        _ => forced(input, &mut step, live, wanted, decided),
    };
    if let Some(reason) = why {
        step.reason = reason;
        replace(&mut step, found, making);
        if live.state == State::Deleting {
            goes_already(&mut step);
        }
    } else if !step.fields.is_empty() || !step.outdated.is_empty() {
        let rolling = !step.outdated.is_empty();
        step.action = Action::Update;
        step.class = Some(if rolling { ChangeClass::Rolling } else { ChangeClass::InPlace });
        let want = step.want.clone().unwrap_or_default();
        step.ending = kind.leaving(&want, live);
        step.expected_seconds = changing(&step, &want, live) * step.outdated.len().max(1) as u64;
        step.reason = changed(&step.fields);
    } else if let (Some(since), None) = (input.interrupted.get(&wanted.address), applied) {
        step.action = Action::Adopt;
        step.reason = format!("{}, made by an interrupted run {}", live.id, ago(*since, input.now));
    } else if live.state == State::Ready && (applied.is_none_or(|a| other(kind, a, live)) || !step.setting.is_empty()) {
        // Wanted and live agree already; what is ours from now on must be known once it is no longer wanted.
        let mut spec = step.want.as_deref().cloned().unwrap_or(Value::Null);
        spec::by_address(&mut spec, &input.snapshot.ids);
        kind::conceal(kind.about(), &mut spec);
        step.remember = Some(Box::new(Applied {
            kind: kind.name().to_owned(),
            id: live.id.clone(),
            spec,
            outputs: live.outputs.clone(),
            tags: step.tags(),
        }));
    }
    Ok(step)
}

/// Is what the journal knows here the predecessor of what is live?
fn other(kind: &dyn Kind, applied: &Applied, live: &Live) -> bool {
    kind.about().successors && applied.id != live.id
}

/// Typical seconds of a change in place, or of one member of a rolling one.
fn changing(step: &Step, want: &Value, live: &Live) -> u64 {
    let fields = step.fields.iter().filter(|f| !f.path.starts_with("tags."));
    let difference =
        |f: &FieldChange| spec::Difference { path: f.path.clone(), before: f.before.clone(), after: f.after.clone() };
    let fields: Vec<_> = fields.map(difference).collect();
    let expected = match (fields.is_empty(), step.outdated.is_empty()) {
        (true, true) => durations::IMMEDIATE,
        (_, true) => step.kind.changing(want, live, &fields),
        (_, false) => step.kind.durations(want).update,
    };
    expected.typical.as_secs()
}

/// What the journal must know before it is set, so that a run may be killed at any instant.
fn setting(step: &Step, applied: Option<&Applied>) -> Setting {
    let ours = |key: &str| applied.is_some_and(|a| a.spec.get(key).is_some_and(|v| !v.is_null()));
    let want = step.want.as_deref().and_then(Value::as_object);
    let fields = want
        .into_iter()
        .flatten()
        .filter(|(key, value)| !value.is_null() && !ours(key) && step.kind.default_of(key).is_some());
    let known = |key: &str| key.starts_with(tags::PREFIX) || applied.is_some_and(|a| a.tags.contains_key(key));
    let tags = step.stack_tags.keys().filter(|key| !known(key));
    Setting { fields: fields.map(|(key, _)| key.clone()).collect(), tags: tags.map(str::to_owned).collect() }
}

/// "2 min ago", in the largest unit that is at least 1.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}

fn changed(fields: &[FieldChange]) -> String {
    let names: Vec<&str> = fields.iter().map(|f| f.path.as_str()).collect();
    match names.len() {
        0 => "members differ from what is wanted".to_owned(),
        1..=3 => format!("{} changed", names.join(", ")),
        more => format!("{} and {} more changed", names[..2].join(", "), more - 2),
    }
}

fn replace(step: &mut Step, found: &Found, making: u64) {
    let removing = found.kind.durations(&found.live.spec).delete.typical.as_secs();
    let data = found.kind.holds_data(&found.live.spec);
    step.action = Action::Replace;
    step.class = Some(if data { ChangeClass::DestroysData } else { ChangeClass::Replace });
    step.expected_seconds = removing + making;
    if data && step.protect == Protect::Off && found.kind.name() != step.kind.name() {
        step.protect = Protect::Data;
    }
}

/// Nobody can keep what AWS is deleting, so nothing is destroyed by waiting for it.
fn goes_already(step: &mut Step) {
    step.protect = Protect::Off;
    if step.class == Some(ChangeClass::DestroysData) {
        step.class = Some(if step.action == Action::Replace { ChangeClass::Replace } else { ChangeClass::InPlace });
    }
}

/// Is the path at or under one of these?
fn under(path: &str, fields: &[&str]) -> bool {
    fields.iter().any(|f| path == *f || path.strip_prefix(f).is_some_and(|rest| rest.starts_with('.')))
}

/// Live against wanted, members, removed fields and tags.
fn compare(input: &Input<'_>, step: &mut Step, live: &Live, applied: Option<&Applied>) {
    let mut want = step.want.as_deref().cloned().unwrap_or(Value::Null);
    spec::by_address(&mut want, &input.snapshot.ids);
    kind::conceal(step.kind.about(), &mut want);
    // Set by us before and no longer written: back to AWS's default. Never ours: left alone.
    let begun = input.settings.get(&step.address);
    let mut removed: BTreeSet<&String> = begun.into_iter().flat_map(|b| &b.fields).collect();
    let last = applied.and_then(|a| a.spec.as_object()).into_iter().flatten();
    removed.extend(last.filter(|(_, v)| !v.is_null()).map(|(k, _)| k));
    if let Some(now) = want.as_object_mut() {
        removed.retain(|key| !now.contains_key(*key));
        now.extend(removed.iter().map(|key| ((*key).clone(), step.kind.default_of(key).unwrap_or(Value::Null))));
    }
    let (fields, outdated) = differences(step.kind, &want, live);
    step.fields = fields.into_iter().map(FieldChange::from).collect();
    step.fields.retain(|f| !(f.before.is_null() && removed.contains(&f.path)));
    step.outdated = outdated;
    let begun = begun.into_iter().flat_map(|b| &b.tags).map(String::as_str);
    let ours = applied.iter().flat_map(|a| a.tags.keys()).chain(begun).collect();
    let (tags, untag) = tag_changes(&step.tags(), live, &ours);
    step.fields.extend(tags);
    step.untag = untag;
    let kind = step.kind;
    step.fields.retain(|f| !settled_by_default(kind, &f.path, &f.before, &f.after));
}

/// Is a field that shall have AWS's default at it already? One without a default in AWS stays as it is, unless it can
/// only be set when the object is made.
pub fn settled_by_default(kind: &dyn Kind, path: &str, before: &Value, after: &Value) -> bool {
    let about = kind.about();
    let fixed = || under(path, about.fixed) || under(path, about.rolling);
    // Deeper paths are keys of maps, which are stated whole.
    let inside = path.contains('.');
    after.is_null() && kind.default_of(path).map_or_else(|| !inside && !fixed(), |default| default == *before)
}

/// Differences between a wanted spec (concealed, by address) and a live object with all its members, and the members
/// that differ, oldest first.
pub fn differences(kind: &dyn Kind, want: &Value, live: &Live) -> (Vec<spec::Difference>, Vec<String>) {
    let mut fields = match kind.accept(want, &live.spec) {
        Some(seen) => spec::diff(want, &seen),
        None => spec::diff(want, &live.spec),
    };
    if !live.left_over.is_empty() {
        let before = live.left_over.iter().cloned().collect();
        fields.push(spec::Difference { path: PARTS.to_owned(), before, after: Value::Array(Vec::new()) });
    }
    let mut outdated = Vec::new();
    for member in &live.members {
        let own = Value::Object(member.spec.clone());
        let own = kind.accept(want, &own).unwrap_or(own);
        let keys = own.as_object().into_iter().flat_map(Map::keys);
        let stated: Map<String, Value> = keys.filter_map(|k| Some((k.clone(), want.get(k)?.clone()))).collect();
        let found = spec::diff(&Value::Object(stated), &own);
        if !found.is_empty() {
            outdated.push(member.id.clone());
        }
        for difference in found {
            if !fields.iter().any(|f| f.path == difference.path) {
                fields.push(difference);
            }
        }
    }
    (fields, outdated)
}

/// The tags that differ from those that were applied.
pub fn changed_tags(applied: &Tags, live: &Live) -> Vec<FieldChange> {
    tag_changes(applied, live, &BTreeSet::new()).0
}

/// The one tag diff for all kinds: what must be there, and what we set before and no longer want.
fn tag_changes(want: &Tags, live: &Live, ours: &BTreeSet<&str>) -> (Vec<FieldChange>, Vec<String>) {
    let text = |v: Option<&String>| v.map_or(Value::Null, |t| Value::String(t.clone()));
    let carriers: Vec<&Tags> =
        if live.members.is_empty() { vec![&live.tags] } else { live.members.iter().map(|m| &m.tags).collect() };
    let mut fields = Vec::new();
    for (key, value) in want {
        if let Some(other) = carriers.iter().find(|tags| tags.get(key) != Some(value)) {
            let (before, after) = (text(other.get(key)), text(Some(value)));
            fields.push(FieldChange { path: format!("tags.{key}"), before, after, forces: false });
        }
    }
    let mut untag = Vec::new();
    for key in ours.iter().copied().filter(|k| !want.contains_key(k)).filter(|k| !tags::NEVER_DIFFED.contains(k)) {
        if let Some(tags) = carriers.iter().find(|tags| tags.contains_key(key)) {
            let before = text(tags.get(key));
            fields.push(FieldChange { path: format!("tags.{key}"), before, after: Value::Null, forces: false });
            untag.push(key.to_owned());
        }
    }
    (fields, untag)
}

/// Why this must be replaced, if it must; marks the fields that force it.
fn forced(input: &Input<'_>, step: &mut Step, live: &Live, wanted: &Wanted, decided: &Decided<'_>) -> Option<String> {
    let about = step.kind.about();
    let mut reason = None;
    for field in &mut step.fields {
        let change =
            spec::Difference { path: field.path.clone(), before: field.before.clone(), after: field.after.clone() };
        if under(&field.path, about.fixed) || step.kind.must_replace(&live.spec, &change) {
            field.forces = true;
            let unknown = spec::has_unknown(&field.after);
            let why = if unknown { "may change: its value is known after apply" } else { "cannot be changed in place" };
            reason.get_or_insert(format!("`{}` {why}", field.path));
        }
    }
    for (name, address) in spec::references(&wanted.spec) {
        let late = about.late.contains(&name.as_str());
        if late || decided.actions.get(address.as_str()) != Some(&Action::Replace) {
            continue;
        }
        // A fleet cannot keep members on something that goes away, so rolling is not possible then.
        let inside = format!("{name}.");
        let whole = under(&name, about.fixed)
            || about.holds.contains(&name.as_str())
            || under(&name, about.rolling)
            || about.fixed.iter().chain(about.rolling).any(|f| f.starts_with(&inside));
        if !step.fields.iter().any(|f| f.path == name || f.path.starts_with(&inside)) {
            let before = live.spec.get(&name).cloned().unwrap_or(Value::Null);
            let after = step.want.as_deref().and_then(|w| w.get(&name)).cloned().unwrap_or(Value::Null);
            step.fields.push(FieldChange { path: name.clone(), before, after, forces: whole });
        }
        if whole {
            reason.get_or_insert(format!("{address}, which `{name}` points at, is replaced"));
        }
    }
    reason.or_else(|| input.replace.contains(&wanted.address).then(|| "asked for with --replace".to_owned()))
}

fn delete(address: &Address, found: &Found) -> Step {
    let live = &found.live;
    let data = found.kind.holds_data(&live.spec) && live.state != State::Deleting;
    Step {
        address: address.clone(),
        kind: found.kind,
        action: Action::Delete,
        class: Some(if data { ChangeClass::DestroysData } else { ChangeClass::InPlace }),
        fields: Vec::new(),
        outdated: Vec::new(),
        ending: Vec::new(),
        reason: "it is not in the blueprint".to_owned(),
        summary: found.kind.summary(&live.spec),
        expected_seconds: found.kind.durations(&live.spec).delete.typical.as_secs(),
        want: None,
        live: Some(Arc::clone(live)),
        live_kind: None,
        stack_tags: Arc::default(),
        untag: Vec::new(),
        setting: Setting::default(),
        lets_go: BTreeSet::new(),
        remember: None,
        protect: protect(None, data),
    }
}

/// What was decided of the resources that come before one.
#[derive(Default)]
struct Decided<'a> {
    actions: BTreeMap<&'a str, Action>,
    /// Outputs that an update of them may change.
    unsettled: BTreeMap<&'a str, Vec<&'static str>>,
    /// Fleets of nobody, of which nothing exists and nothing is made.
    nobody: BTreeMap<&'a str, &'static dyn Kind>,
}

impl<'a> Decided<'a> {
    fn add(&mut self, address: &'a str, step: &Step) {
        self.actions.insert(address, step.action);
        if step.action == Action::Keep && step.live.is_none() && step.wants_nobody() {
            self.nobody.insert(address, step.kind);
        }
        if step.action != Action::Update {
            return;
        }
        let changes = |field: &str| match field {
            MEMBERS => !step.outdated.is_empty(),
            field => step.fields.iter().any(|f| under(&f.path, &[field])),
        };
        let all = step.kind.about().unsettled.iter().filter(|(_, by)| by.iter().any(|f| changes(f)));
        self.unsettled.insert(address, all.map(|(output, _)| *output).collect());
    }
}

/// Computes what can be computed: outputs of resources that stay are known, those of resources that are made or
/// replaced are not, nor those that an update changes.
fn settle(input: &Input<'_>, wanted: &Wanted, decided: &Decided<'_>) -> Result<Arc<Value>, Diagnostics> {
    if !spec::has_unknown(&wanted.spec) {
        return Ok(Arc::clone(&wanted.spec));
    }
    let known = |address: &str, name: &str| match decided.actions.get(address) {
        Some(Action::Create | Action::Replace) => None,
        _ if decided.unsettled.get(address).is_some_and(|outputs| outputs.contains(&name)) => None,
        _ => match decided.nobody.get(address) {
            Some(kind) => kind.output_of_nobody(name),
            None => input.snapshot.output(address, name),
        },
    };
    let settled = expression::evaluate(&wanted.spec, &known)
        .map_err(|d| Diagnostics::from(d.at_address(wanted.address.as_str())))?;
    // What was sorted with unknowns in it may sort differently now.
    Ok(wanted.kind.canonical(&settled).unwrap_or(settled).into())
}
