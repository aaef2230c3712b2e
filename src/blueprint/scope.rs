//! The world of one compilation: scopes, the values that names stand for, and the order in which they are computed.
//!
//! Every name is a *thunk*: a variable, a local, the shape of a resource (which instances it has), an output, a key of
//! the header. `force` computes one after what it needs, with a stack of its own: a chain of 20,000 locals is no deeper
//! for the program than a chain of two.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::declare::{File, Resource};
use super::files::Recorder;
use super::source::{Node, NodeKind, label_inside};
use super::{Dialect, Inputs, codes};
use crate::diagnostic::{Diagnostic, Diagnostics, Label, did_you_mean};
use crate::expression::{Fail, Key, Outcome, Place, Value, for_each_name};

/// What a thunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Input(usize),
    Local(usize),
    Shape(usize),
    Output(usize),
    Header(usize),
}

/// The parts of all values of a blueprint together, counted once where they are made. What ten thousand resources need
/// is a tenth of it; ten times as much is a full memory.
const MAX_PARTS: u64 = 4_000_000;
/// The most uses of modules, nested ones included.
const MAX_SCOPES: usize = 10_000;
/// The most names that all uses of modules have together.
const MAX_THUNKS: usize = 1_000_000;

/// The keys of the header that expressions can read as `blueprint.NAME`, and `software`.
pub(crate) const HEADER: [&str; 7] =
    ["blueprint", "environment", "region", "account", "owner", "description", "software"];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Thunk {
    pub(crate) scope: usize,
    pub(crate) what: What,
}

/// How far a thunk is.
#[derive(Clone, Debug)]
pub(crate) enum State {
    New,
    Active,
    Done(Value),
    Failed,
}

/// One instance of a resource or of a module call.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) each: Option<(Value, Value)>,
    pub(crate) address: Rc<str>,
    /// The scope inside, for a module.
    pub(crate) scope: Option<usize>,
}

/// The scope and the resource that use a module, and `each` there.
pub(crate) type Use = (usize, usize, Option<(Value, Value)>);

/// A file in one of its uses.
pub(crate) struct Scope {
    pub(crate) file: Rc<File>,
    /// `train` inside of the module call `train`; empty in the blueprint.
    pub(crate) path: Rc<str>,
    /// The scope and resource that use it, and the instance.
    pub(crate) call: Option<Use>,
    /// The number of the first thunk; the others follow in the order of `What`.
    base: usize,
}

impl Scope {
    pub(crate) fn thunk(&self, what: What) -> usize {
        let f = &self.file;
        let (i, l, r) = (f.inputs.len(), f.locals.len(), f.resources.len());
        self.base
            + match what {
                What::Input(n) => n,
                What::Local(n) => i + n,
                What::Shape(n) => i + l + n,
                What::Output(n) => i + l + r + n,
                What::Header(n) => i + l + r + f.outputs.len() + n,
            }
    }

    /// The address of something in this scope.
    pub(crate) fn address(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }
}

pub(crate) struct World<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) inputs: &'a Inputs,
    pub(crate) files: &'a Recorder<'a>,
    /// The root variables that were given from outside, as values of their declared types.
    pub(crate) given: RefCell<std::collections::BTreeMap<String, Value>>,
    /// Where they were given.
    pub(crate) given_at: RefCell<std::collections::BTreeMap<String, super::variables::Given>>,
    pub(crate) scopes: RefCell<Vec<Rc<Scope>>>,
    pub(crate) thunks: RefCell<Vec<Thunk>>,
    pub(crate) states: RefCell<Vec<State>>,
    pub(crate) instances: RefCell<std::collections::HashMap<usize, Rc<Vec<Instance>>>>,
    pub(crate) problems: RefCell<Diagnostics>,
    /// How many names may still be compared for guesses: ten thousand mistakes times ten thousand resources would take
    /// minutes.
    guesses: Cell<usize>,
    /// The parts of values that have been made.
    parts: Cell<u64>,
    /// Has a limit of the whole blueprint been reported? One is enough.
    full: Cell<bool>,
}

impl<'a> World<'a> {
    pub(crate) fn new(dialect: &'a Dialect, inputs: &'a Inputs, files: &'a Recorder<'a>) -> Self {
        World {
            dialect,
            inputs,
            files,
            given: RefCell::default(),
            given_at: RefCell::default(),
            scopes: RefCell::default(),
            thunks: RefCell::default(),
            states: RefCell::default(),
            instances: RefCell::default(),
            problems: RefCell::default(),
            guesses: Cell::new(50_000),
            parts: Cell::new(0),
            full: Cell::new(false),
        }
    }

    /// The resource of a file that a mistyped name most probably means.
    pub(crate) fn guess<'f>(&self, name: &str, file: &'f File) -> Option<&'f str> {
        self.guesses.set(self.guesses.get().checked_sub(file.resources.len())?);
        did_you_mean(name, file.resources.iter().map(|r| &*r.name))
    }

    pub(crate) fn report(&self, d: Diagnostic) {
        self.problems.borrow_mut().push(d);
    }

    /// Whether another use of a module fits; complains once when it does not.
    pub(crate) fn has_room(&self, at: impl FnOnce() -> Label) -> bool {
        let fits = self.scopes.borrow().len() < MAX_SCOPES && self.thunks.borrow().len() < MAX_THUNKS;
        if !fits && !self.full.replace(true) {
            let summary = format!("the modules of this blueprint are used more than {MAX_SCOPES} times");
            let d = Diagnostic::error(&codes::LIMIT, summary).with_label(at());
            self.report(d.with_help("use fewer instances, or split the blueprint into several stacks"));
        }
        fits
    }

    /// Counts the parts of a value that somebody made; complains once when there are too many.
    pub(crate) fn count(&self, value: &Value, at: impl FnOnce() -> Label) -> bool {
        // A value that others hold too has been counted where it was made.
        let parts = self.parts.get().saturating_add(if value.is_shared() { 1 } else { value.weight() });
        self.parts.set(parts);
        if parts > MAX_PARTS && !self.full.replace(true) {
            let d = Diagnostic::error(&codes::LIMIT, "the values of this blueprint are too large together")
                .with_label(at().with_text("no room is left here"))
                .with_help("all values have up to four million parts; make lists shorter, or split the blueprint");
            self.report(d);
        }
        parts <= MAX_PARTS
    }

    pub(crate) fn scope(&self, id: usize) -> Rc<Scope> {
        self.scopes.borrow()[id].clone()
    }

    /// A new scope with its thunks.
    pub(crate) fn open(&self, file: &Rc<File>, path: Rc<str>, call: Option<Use>) -> usize {
        let mut scopes = self.scopes.borrow_mut();
        let (mut thunks, mut states) = (self.thunks.borrow_mut(), self.states.borrow_mut());
        let id = scopes.len();
        let base = thunks.len();
        let is_root = call.is_none();
        let all = (0..file.inputs.len())
            .map(What::Input)
            .chain((0..file.locals.len()).map(What::Local))
            .chain((0..file.resources.len()).map(What::Shape))
            .chain((0..file.outputs.len()).map(What::Output))
            .chain((0..if is_root { HEADER.len() } else { 0 }).map(What::Header));
        thunks.extend(all.map(|what| Thunk { scope: id, what }));
        states.resize(thunks.len(), State::New);
        scopes.push(Rc::new(Scope { file: file.clone(), path, call, base }));
        id
    }

    /// The value of a thunk, if it has one by now.
    pub(crate) fn value(&self, id: usize, place: Place) -> Outcome<Value> {
        match &self.states.borrow()[id] {
            State::Done(v) => Ok(v.clone()),
            State::Failed => Err(Fail::Reported),
            State::New | State::Active => Err(Fail::Need(id, place)),
        }
    }

    fn is_open(&self, id: usize) -> bool {
        matches!(self.states.borrow()[id], State::New)
    }

    /// Computes a thunk and everything that it needs.
    pub(crate) fn force(&self, id: usize) {
        let mut stack: Vec<(usize, Option<Label>)> = vec![(id, None)];
        while let Some((top, _)) = stack.last() {
            let top = *top;
            let state = self.states.borrow()[top].clone();
            match state {
                State::Done(_) | State::Failed => {
                    stack.pop();
                    continue;
                }
                State::New => {
                    self.states.borrow_mut()[top] = State::Active;
                    let mut ring = None;
                    for (dep, label) in self.dependencies(top) {
                        if self.is_open(dep) {
                            stack.push((dep, Some(label)));
                        } else if matches!(self.states.borrow()[dep], State::Active) && ring.is_none() {
                            ring = Some((dep, label));
                        }
                    }
                    if let Some((dep, label)) = ring {
                        self.cycle(&stack, top, dep, label);
                        continue;
                    }
                    if stack.last().is_some_and(|(next, _)| *next != top) {
                        continue;
                    }
                }
                State::Active => {}
            }
            // Without room, nothing more is made: what is missing has been said once.
            let made = if self.parts.get() > MAX_PARTS { Err(Fail::Reported) } else { self.compute(top) };
            match made {
                Ok(value) => {
                    let fits = self.count(&value, || self.label_of(top));
                    self.states.borrow_mut()[top] = if fits { State::Done(value) } else { State::Failed };
                    stack.pop();
                }
                Err(Fail::Need(dep, _)) if self.is_open(dep) => stack.push((dep, None)),
                Err(Fail::Need(dep, _)) if matches!(self.states.borrow()[dep], State::Active) => {
                    let label = self.label_of(top);
                    self.cycle(&stack, top, dep, label);
                }
                // It was computed in the meantime.
                Err(Fail::Need(..)) => {}
                Err(Fail::Reported | Fail::Error(_)) => {
                    self.states.borrow_mut()[top] = State::Failed;
                    stack.pop();
                }
            }
        }
    }

    /// Reports the ring that closes when `top` asks for `dep`, and fails its members.
    fn cycle(&self, stack: &[(usize, Option<Label>)], top: usize, dep: usize, label: Label) {
        // Entries of the stack that are not active are waiting, and no part of the ring.
        let active: Vec<&(usize, Option<Label>)> = {
            let states = self.states.borrow();
            stack.iter().filter(|(id, _)| matches!(states[*id], State::Active)).collect()
        };
        let start = active.iter().position(|(id, _)| *id == dep).unwrap_or(0);
        let end = active.iter().position(|(id, _)| *id == top).unwrap_or(active.len().saturating_sub(1));
        let ring = active.get(start..=end).unwrap_or_default();
        let mut names: Vec<String> = ring.iter().map(|(id, _)| self.name_of(*id)).collect();
        names.push(self.name_of(dep));
        let mut d = Diagnostic::error(&codes::CYCLE, format!("`{}` depends on itself", names[0]));
        // Each entry carries the place where the one before it refers to it.
        for (i, (id, reference)) in ring.iter().enumerate().skip(1) {
            let reference = reference.clone().unwrap_or_else(|| self.label_of(*id));
            let text = format!("{} needs {}", names[i - 1], names[i]);
            d = d.with_label(if i == 1 { reference.with_text(text) } else { reference.with_text(text).as_secondary() });
        }
        let text = format!("{} needs {}", names[names.len() - 2], names[names.len() - 1]);
        d = d.with_label(if ring.len() == 1 { label.with_text(text) } else { label.with_text(text).as_secondary() });
        if names.len() > 3 {
            let shown = if names.len() > 12 {
                format!("{} -> … -> {}", names[..6].join(" -> "), names[names.len() - 2..].join(" -> "))
            } else {
                names.join(" -> ")
            };
            d = d.with_detail(shown);
        }
        if d.labels.len() > 12 {
            d.labels.truncate(12);
        }
        self.report(d.with_help("break the ring at one of these places"));
        let members: Vec<usize> = ring.iter().map(|(id, _)| *id).collect();
        let mut states = self.states.borrow_mut();
        for id in members {
            states[id] = State::Failed;
        }
    }

    /// What a thunk is called in messages.
    fn name_of(&self, id: usize) -> String {
        let thunk = self.thunks.borrow()[id];
        let scope = self.scope(thunk.scope);
        let prefix = if scope.path.is_empty() { String::new() } else { format!("{}: ", scope.path) };
        let name = match thunk.what {
            What::Input(n) => format!("var.{}", scope.file.inputs[n].name),
            What::Local(n) => format!("local.{}", scope.file.locals[n].name),
            What::Shape(n) => scope.file.resources[n].name.to_string(),
            What::Output(n) => format!("output {}", scope.file.outputs[n].name),
            What::Header(n) => HEADER[n].to_string(),
        };
        format!("{prefix}{name}")
    }

    fn label_of(&self, id: usize) -> Label {
        let thunk = self.thunks.borrow()[id];
        let scope = self.scope(thunk.scope);
        let file = &scope.file;
        let span = match thunk.what {
            What::Input(n) => file.inputs[n].span,
            What::Local(n) => file.locals[n].span,
            What::Shape(n) => file.resources[n].span,
            What::Output(n) => file.outputs[n].node.span,
            What::Header(_) => file.start,
        };
        super::source::label(&file.source, span, "")
    }

    /// What a thunk certainly needs, with the places of the references.
    fn dependencies(&self, id: usize) -> Vec<(usize, Label)> {
        let thunk = self.thunks.borrow()[id];
        let scope = self.scope(thunk.scope);
        let mut found = Vec::new();
        let file = &scope.file;
        match thunk.what {
            What::Input(n) => {
                if let Some((parent, resource, _)) = &scope.call {
                    let parent = self.scope(*parent);
                    if let Some(node) = parent.file.resources[*resource].body.get(&file.inputs[n].name) {
                        references(&parent, node, &mut found);
                    }
                }
            }
            What::Local(n) => references(&scope, &file.locals[n].node, &mut found),
            What::Output(n) => references(&scope, &file.outputs[n].node, &mut found),
            What::Shape(n) => {
                for key in ["when", "for_each", "key"] {
                    if let Some(node) = file.resources[n].body.get(key) {
                        references(&scope, node, &mut found);
                    }
                }
            }
            What::Header(n) => {
                if let Some(e) = file.header.iter().find(|e| &*e.key.text == HEADER[n]) {
                    references(&scope, &e.value, &mut found);
                }
            }
        }
        found
    }

    /// The root scope's resource of a name, for `depends_on` and the like.
    pub(crate) fn resource_thunk(scope: &Scope, name: &str) -> Option<usize> {
        scope.file.resource_names.get(name).map(|n| scope.thunk(What::Shape(*n)))
    }
}

/// The thunks that the expressions below a node name. Trees are at most 64 deep.
fn references(scope: &Scope, node: &Node, found: &mut Vec<(usize, Label)>) {
    match &node.kind {
        NodeKind::Scalar(s) => {
            let Some(template) = &s.template else { return };
            for_each_name(template, &mut |root, attr, place| {
                let file = &scope.file;
                let what = match (root, attr) {
                    ("var", Some(a)) => file.input_names.get(a).map(|n| What::Input(*n)),
                    ("local", Some(a)) => file.local_names.get(a).map(|n| What::Local(*n)),
                    (name, _) => file.resource_names.get(name).map(|n| What::Shape(*n)),
                };
                if let Some(what) = what {
                    found.push((scope.thunk(what), label_inside(&file.source, node.span, s, place, "")));
                }
            });
        }
        NodeKind::Sequence(items) => items.iter().for_each(|n| references(scope, n, found)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|e| references(scope, &e.value, found)),
    }
}

/// The key of an instance as people see it.
pub(crate) fn instance_address(scope: &Scope, resource: &Resource, key: Option<&Key>) -> String {
    let name = scope.address(&resource.name);
    match key {
        Some(key) => format!("{name}/{}", key.0),
        None => name,
    }
}
