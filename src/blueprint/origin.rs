//! Where a value was written: from the field that takes it back through inputs, locals and variables to its author's line.

use std::rc::Rc;
use std::sync::Arc;

use super::check::join_path;
use super::collected::Collected;
use super::declare::File;
use super::names::Names;
use super::scope::{Scope, World};
use super::source::{Node, NodeKind, label};
use crate::diagnostic::{Label, Places, Written};
use crate::expression::{Evaluator, Expr, ExprKind, Part, Place, ROOTS, Value, for_each_root, part_at};

/// A chain of locals may be thousands long; nobody reads more than this.
const MAX_HOPS: usize = 24;

/// Where a node stands: its scope, and the instance of the resource that it is a part of.
#[derive(Clone)]
pub(crate) struct At {
    scope: Rc<Scope>,
    each: Option<(Value, Value)>,
    /// The resource whose `for_each` makes `each`.
    resource: Option<usize>,
}

/// A step from a value to a part of it.
#[derive(Clone, PartialEq)]
enum Step {
    /// A field, a key or an index.
    Key(Rc<str>),
    /// The element of `for_each` that has this key.
    Element(Rc<str>),
}

/// What is followed on the way back, and how it came here.
#[derive(Clone, Default)]
struct Way {
    steps: Vec<Step>,
    /// From the field outwards.
    via: Vec<Label>,
}

impl Way {
    fn part_of(&self, step: Step) -> Way {
        let mut steps = vec![step];
        steps.extend(self.steps.iter().cloned());
        Way { steps, via: self.via.clone() }
    }
}

impl At {
    pub(crate) fn new(scope: &Rc<Scope>, each: &Option<(Value, Value)>, resource: Option<usize>) -> At {
        At { scope: scope.clone(), each: each.clone(), resource }
    }

    /// The same for a node of which only the scope is known.
    pub(crate) fn of(scope: &Rc<Scope>, each: &Option<(Value, Value)>, node: &Node) -> At {
        let resource = each.as_ref().and_then(|_| scope.file.resources.iter().position(|r| holds(&r.body, node)));
        At::new(scope, each, resource)
    }

    fn file(&self) -> &File {
        &self.scope.file
    }

    /// Whether nobody can edit the file: a module of the program.
    fn is_built_in(&self) -> bool {
        self.scope.call.is_some() && self.file().folder.as_ref().is_some_and(|f| f.starts_with(super::files::BUILT_IN))
    }
}

fn holds(tree: &Node, node: &Node) -> bool {
    std::ptr::eq(tree, node)
        || match &tree.kind {
            NodeKind::Scalar(_) => false,
            NodeKind::Sequence(items) => items.iter().any(|i| holds(i, node)),
            NodeKind::Mapping(entries) => entries.iter().any(|e| holds(&e.value, node)),
        }
}

/// Collects places by path.
pub(crate) struct Origins<'w, 'a> {
    world: &'w World<'a>,
    /// Also of everything below the first node?
    deep: bool,
    out: Collected,
}

impl World<'_> {
    /// The places of a value: the author's line first, then whatever passed it on. Nothing for a value that was written
    /// where it is used, by somebody who can edit it.
    /// `blamed` says that the value is wrong, and which part of it.
    pub(crate) fn origin(&self, at: &At, node: &Node, place: Place, blamed: Option<&[Rc<str>]>) -> Vec<Label> {
        if blamed.is_none() && !at.is_built_in() {
            return Vec::new();
        }
        let mut origins = Origins::new(self, false);
        let parts = node.scalar().and_then(|s| s.template.as_ref()).map_or(&[][..], |t| t.parts.as_slice());
        let culprit = parts.iter().find_map(|p| if let Part::Expr(e) = p { part_at(e, place) } else { None });
        let steps = blamed.unwrap_or_default().iter().map(|s| Step::Key(s.clone())).collect();
        let way = Way { steps, via: Vec::new() };
        match culprit {
            Some(part) => origins.expr(at, node, part, "", &way),
            None => origins.node(at, node, "", &way),
        }
        let found = origins.out.whole();
        found.filter(|w| !w.via.is_empty()).map(|w| w.labels().collect()).unwrap_or_default()
    }
}

impl<'w, 'a> Origins<'w, 'a> {
    pub(crate) fn new(world: &'w World<'a>, deep: bool) -> Self {
        Origins { world, deep, out: Collected::default() }
    }

    pub(crate) fn into_places(self) -> Places {
        self.out.into_places()
    }

    /// The place of a whole resource: in a module of the program that is the line that uses the module.
    pub(crate) fn resource(&mut self, at: &At, span: super::source::Span) {
        let here = label(&at.file().source, span, "");
        self.end(at, here, "", &[]);
    }

    /// The places of a field.
    pub(crate) fn field(&mut self, at: &At, node: &Node, path: &str) {
        self.node(at, node, path, &Way::default());
    }

    fn node(&mut self, at: &At, node: &Node, path: &str, way: &Way) {
        if self.out.is_full() {
            return;
        }
        let (node, steps) = descend(node, &way.steps);
        let way = Way { steps: steps.to_vec(), via: way.via.clone() };
        if let NodeKind::Scalar(s) = &node.kind
            && let Some(template) = &s.template
            && way.via.len() < MAX_HOPS
        {
            return match template.single() {
                Some(e) => self.expr(at, node, e, path, &way),
                None => self.composite(at, node, &expressions(node), path, &way),
            };
        }
        match &node.kind {
            NodeKind::Scalar(_) => self.end(at, label(&at.file().source, node.span, ""), path, &way.via),
            // A collection of expressions, whose parts have places of their own.
            _ => self.composite(at, node, &expressions(node), path, &Way { steps: Vec::new(), via: way.via.clone() }),
        }
        if !self.deep || !way.steps.is_empty() {
            return;
        }
        let inside = Way { steps: Vec::new(), via: way.via };
        match &node.kind {
            NodeKind::Scalar(_) => {}
            NodeKind::Sequence(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.node(at, item, &format!("{path}[{i}]"), &inside);
                }
            }
            NodeKind::Mapping(entries) => {
                for e in entries.iter().filter(|e| e.key.template.is_none()) {
                    self.node(at, &e.value, &join_path(path, &e.key.text), &inside);
                }
            }
        }
    }

    fn expr(&mut self, at: &At, carrier: &Node, e: &Expr, path: &str, way: &Way) {
        match &e.kind {
            ExprKind::Attr(base, attr) => match &base.kind {
                ExprKind::Name(root) if ROOTS.contains(&&**root) => self.hop(at, carrier, root, attr, path, way),
                _ => self.expr(at, carrier, base, path, &way.part_of(Step::Key(attr.clone()))),
            },
            ExprKind::Index(base, index) => match self.value(at, index).and_then(|v| v.to_text()) {
                Some(key) => self.expr(at, carrier, base, path, &way.part_of(Step::Key(key))),
                None => self.here(at, carrier, path, way),
            },
            ExprKind::Conditional(three) => {
                let chosen = match self.value(at, &three.0) {
                    Some(Value::Bool(true)) => &three.1,
                    Some(Value::Bool(false)) => &three.2,
                    _ => return self.here(at, carrier, path, way),
                };
                self.expr(at, carrier, chosen, path, way);
            }
            ExprKind::Call(call) => match (call.function.name, call.args.as_slice()) {
                ("if", [condition, yes, no]) => match self.value(at, condition) {
                    Some(Value::Bool(b)) => self.expr(at, carrier, if b { yes } else { no }, path, way),
                    _ => self.here(at, carrier, path, way),
                },
                ("coalesce" | "try", args) => {
                    let chosen = args.iter().find(|a| self.value(at, a).is_some_and(|v| !v.is_null()));
                    match chosen {
                        Some(chosen) => self.expr(at, carrier, chosen, path, way),
                        None => self.here(at, carrier, path, way),
                    }
                }
                ("merge", args) => self.merged(at, carrier, args, path, way),
                _ => self.composite(at, carrier, &[e], path, way),
            },
            ExprKind::Object(entries) => {
                let literal = |k: &Expr| match &k.kind {
                    ExprKind::Literal(v) => v.to_text(),
                    _ => None,
                };
                if let [Step::Key(first), rest @ ..] = way.steps.as_slice() {
                    let inner = Way { steps: rest.to_vec(), via: way.via.clone() };
                    return match entries.iter().find(|(k, _)| literal(k).as_ref() == Some(first)) {
                        Some((_, value)) => self.expr(at, carrier, value, path, &inner),
                        None => self.here(at, carrier, path, way),
                    };
                }
                if self.deep {
                    for (key, value) in entries {
                        if let Some(key) = literal(key) {
                            self.expr(at, carrier, value, &join_path(path, &key), way);
                        }
                    }
                }
                self.here(at, carrier, path, way);
            }
            _ => self.composite(at, carrier, &[e], path, way),
        }
    }

    /// Later mappings win; the whole is nobody's.
    fn merged(&mut self, at: &At, carrier: &Node, args: &[Expr], path: &str, way: &Way) {
        if let Some(Step::Key(key)) = way.steps.first() {
            let has = |a: &&Expr| matches!(self.value(at, a), Some(Value::Map(m)) if m.get(key).is_some());
            return match args.iter().rfind(has) {
                Some(chosen) => self.expr(at, carrier, chosen, path, way),
                None => self.here(at, carrier, path, way),
            };
        }
        if self.deep {
            args.iter().for_each(|a| self.expr(at, carrier, a, path, way));
        }
        self.here(at, carrier, path, way);
    }

    /// A text or a call with other values in it. Its author meant what it says, so it is where the value was written;
    /// only in a module of the program the one value that it is made of stands for it.
    fn composite(&mut self, at: &At, carrier: &Node, exprs: &[&Expr], path: &str, way: &Way) {
        if at.is_built_in() && way.via.len() < MAX_HOPS {
            let mut names: Vec<(Rc<str>, Rc<str>)> = Vec::new();
            exprs.iter().for_each(|e| {
                for_each_root(e, &mut |root, attr| {
                    if matches!(root, "var" | "local" | "each" | "blueprint") {
                        let name = (root.into(), attr.into());
                        if !names.contains(&name) {
                            names.push(name);
                        }
                    }
                });
            });
            if let [(root, attr)] = names.as_slice() {
                let whole = Way { steps: Vec::new(), via: way.via.clone() };
                return self.hop(at, carrier, root, attr, path, &whole);
            }
        }
        self.here(at, carrier, path, way);
    }

    fn hop(&mut self, at: &At, carrier: &Node, root: &str, attr: &str, path: &str, way: &Way) {
        let file = at.file();
        let mut way = way.clone();
        let words = format!("passed on by `{root}.{attr}`");
        way.via.push(label(&file.source, carrier.span, words).as_secondary());
        let inner = At { scope: at.scope.clone(), each: None, resource: None };
        match root {
            "var" => {
                let Some(input) = file.input_names.get(attr).and_then(|n| file.inputs.get(*n)) else {
                    return self.here(at, carrier, path, &way);
                };
                let given = match &at.scope.call {
                    Some((parent, resource, each)) => {
                        let parent = At::new(&self.world.scope(*parent), each, Some(*resource));
                        let body = parent.file().resources.get(*resource).map(|r| &r.body);
                        if let Some(node) = body.and_then(|b| b.get(attr)).filter(|n| !n.is_null()) {
                            return self.node(&parent, node, path, &way);
                        }
                        None
                    }
                    None => self.world.given_at.borrow().get(attr).cloned(),
                };
                match (given, &input.default) {
                    (Some(given), _) => {
                        let (node, _) = descend(&given.node, &way.steps);
                        self.end(&inner, label(&given.source, node.span, ""), path, &way.via);
                    }
                    (None, Some(node)) => self.node(&inner, node, path, &way),
                    (None, None) => self.end(&inner, label(&file.source, input.span, ""), path, &way.via),
                }
            }
            "local" => match file.local_names.get(attr).and_then(|n| file.locals.get(*n)) {
                Some(local) => self.node(&inner, &local.node, path, &way),
                None => self.here(at, carrier, path, &way),
            },
            "each" => {
                let key = at.each.as_ref().and_then(|(k, _)| k.to_text());
                let resource = at.resource.and_then(|n| file.resources.get(n));
                match (key, resource.and_then(|r| r.body.get("for_each"))) {
                    (Some(key), Some(node)) => {
                        let steps = if attr == "value" { way.steps.as_slice() } else { &[] };
                        let way = Way { steps: steps.to_vec(), via: way.via }.part_of(Step::Element(key));
                        self.node(&inner, node, path, &way);
                    }
                    _ => self.here(at, carrier, path, &way),
                }
            }
            "blueprint" | "software" => {
                let root_scope = At { scope: self.world.scope(0), each: None, resource: None };
                let key = match (root, attr) {
                    ("software", _) => "software",
                    (_, "name" | "stack") => "blueprint",
                    (_, attr) => attr,
                };
                if root == "software" {
                    way = way.part_of(Step::Key(attr.into()));
                }
                let header = root_scope.file().header.iter().find(|e| &*e.key.text == key);
                match header {
                    Some(e) => self.node(&root_scope, &e.value, path, &way),
                    None => self.here(at, carrier, path, &way),
                }
            }
            _ => self.here(at, carrier, path, &way),
        }
    }

    fn value(&self, at: &At, e: &Expr) -> Option<Value> {
        Evaluator::new(&Names::new(self.world, &at.scope, at.each.clone())).eval(e, None).ok()
    }

    /// The end of the way, at the node itself.
    fn here(&mut self, at: &At, carrier: &Node, path: &str, way: &Way) {
        let here = label(&at.file().source, carrier.span, "");
        // The last hop did not lead anywhere: it is not one.
        let via = match way.via.split_last() {
            Some((last, before)) if last.source == here.source && last.span == here.span => before,
            _ => &way.via,
        };
        self.end(at, here, path, via);
    }

    fn end(&mut self, at: &At, here: Label, path: &str, via: &[Label]) {
        let mut via = via.to_vec();
        let mut place = here;
        let mut at = at.clone();
        // What a module of the program says by itself is the business of whoever uses it.
        while at.is_built_in() && Arc::ptr_eq(&place.source, &at.file().source) {
            let Some((parent, resource, _)) = &at.scope.call else { break };
            let scope = self.world.scope(*parent);
            let Some(call) = scope.file.resources.get(*resource) else { break };
            let same = via.last().is_some_and(|l| l.source == place.source && l.span == place.span);
            if !same {
                via.push(place.with_text("set by the module").as_secondary());
            }
            place = label(&scope.file.source, call.span, "");
            at = At { scope: scope.clone(), each: None, resource: None };
        }
        via.reverse();
        self.out.add(path, Written { label: place, via: via.into() });
    }
}

/// The expressions of a node and of everything below it.
fn expressions(node: &Node) -> Vec<&Expr> {
    match &node.kind {
        NodeKind::Scalar(s) => {
            let parts = s.template.as_ref().map_or(&[][..], |t| t.parts.as_slice());
            parts.iter().filter_map(|p| if let Part::Expr(e) = p { Some(e) } else { None }).collect()
        }
        NodeKind::Sequence(items) => items.iter().flat_map(expressions).collect(),
        NodeKind::Mapping(entries) => entries.iter().flat_map(|e| expressions(&e.value)).collect(),
    }
}

/// As far down as the steps lead; the nearest node around what is not there, with the steps that are left.
fn descend<'n, 's>(mut node: &'n Node, mut steps: &'s [Step]) -> (&'n Node, &'s [Step]) {
    while let Some((first, rest)) = steps.split_first() {
        let inner = match (&node.kind, first) {
            (NodeKind::Mapping(_), Step::Key(k) | Step::Element(k)) => node.get(k),
            (NodeKind::Sequence(items), Step::Key(k)) => k.parse::<usize>().ok().and_then(|i| items.get(i)),
            (NodeKind::Sequence(items), Step::Element(k)) => {
                let is = |n: &Node| n.scalar().is_some_and(|s| s.template.is_none() && *s.text == **k);
                // The key of an object is one of its fields.
                items.iter().find(|i| is(i) || i.entries().is_some_and(|all| all.iter().any(|e| is(&e.value))))
            }
            (NodeKind::Scalar(_), _) => None,
        };
        let Some(inner) = inner else { break };
        (node, steps) = (inner, rest);
    }
    (node, steps)
}
