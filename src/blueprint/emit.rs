//! Plain resources: each instance of each resource of each scope, with its spec, its positions and its rules of life.
//!
//! One file: what a resource inherits from its module, its fields and its rules of life are settled in one walk.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::check::Checker;
use super::codes;
use super::declare::{Resource, Target};
use super::expand::{has_expression, known, place_of};
use super::keys::is_resource_key;
use super::names::Names;
use super::origin::{At, Origins};
use super::partly::Partly;
use super::scope::{Instance, Scope, What, World};
use super::source::{Node, NodeKind, label};
use super::{Allow, Existing, Protect, ResourceDecl};
use crate::diagnostic::Diagnostic;
use crate::expression::{ExprError, Fail, Field, Null, ObjectType, Outcome, Purpose, Type, Value};

/// What resources of a module take over from the call.
#[derive(Clone, Default)]
struct Inherited {
    depends_on: Vec<Dependency>,
    protect: Option<Protect>,
    allow: Vec<Allow>,
    usage: BTreeMap<String, Json>,
}

/// What `depends_on` names.
#[derive(Clone)]
enum Dependency {
    Resource(Rc<str>),
    /// Every resource of a module instance.
    Module(Rc<str>),
}

/// All resources of a compilation, in the order of the files.
pub(crate) fn resources(world: &World<'_>) -> (Vec<ResourceDecl>, Vec<Partly>) {
    let mut emitter = Emitter { world, out: Vec::new(), waiting: Vec::new(), partly: Vec::new(), empty: Rc::default() };
    emitter.scope(0, &Inherited::default());
    let partly = std::mem::take(&mut emitter.partly);
    (emitter.finish(), partly)
}

struct Emitter<'w, 'a> {
    world: &'w World<'a>,
    out: Vec<ResourceDecl>,
    /// The dependencies of each resource in `out`.
    waiting: Vec<Vec<Dependency>>,
    partly: Vec<Partly>,
    empty: Rc<ObjectType>,
}

impl Emitter<'_, '_> {
    /// Modules nest at most 16 deep, so this may recurse.
    fn scope(&mut self, id: usize, inherited: &Inherited) {
        let scope = self.world.scope(id);
        let file = scope.file.clone();
        let all = (0..file.inputs.len())
            .map(What::Input)
            .chain((0..file.locals.len()).map(What::Local))
            .chain((0..file.outputs.len()).map(What::Output));
        for what in all {
            self.world.force(scope.thunk(what));
        }
        for n in 0..file.resources.len() {
            self.world.force(scope.thunk(What::Shape(n)));
        }
        for n in 0..file.resources.len() {
            let instances = self.world.instances.borrow().get(&scope.thunk(What::Shape(n))).cloned();
            for instance in instances.iter().flat_map(|i| i.iter()) {
                self.instance(&scope, n, instance, inherited);
            }
        }
    }

    fn instance(&mut self, scope: &Rc<Scope>, number: usize, instance: &Instance, inherited: &Inherited) {
        let Some(resource) = scope.file.resources.get(number) else { return };
        let rules = self.rules(scope, resource, instance, inherited);
        match (&resource.target, instance.scope) {
            (Target::Module(_), Some(inner)) => self.scope(inner, &rules.inherited),
            (Target::Kind(kind), _) => {
                self.resource(&At::new(scope, &instance.each, Some(number)), scope, resource, instance, kind, rules);
            }
            _ => {}
        }
    }

    fn resource(
        &mut self,
        at: &At,
        scope: &Rc<Scope>,
        resource: &Resource,
        instance: &Instance,
        kind: &Rc<str>,
        rules: Rules,
    ) {
        let world = self.world;
        let fields = match world.dialect.kinds.get(&**kind).map(|k| &k.fields) {
            Some(Type::Object(o)) => &**o,
            _ => &*self.empty,
        };
        let Ok(existing) = self.existing(scope, resource, instance, fields) else { return };
        let spec = if existing.is_some() {
            Some(Json::Object(serde_json::Map::new()))
        } else {
            let names = &instance.address;
            world.settle(scope, &instance.each, Purpose::Field, |checker| {
                let inner = checker.at(names);
                let made = inner.object(resource.span, resource.entries(), fields, "", &is_resource_key);
                if !matches!(made, Err(Fail::Need(..))) {
                    checker.problems.borrow_mut().extend(inner.problems.take());
                }
                let made = made?;
                // Every resource has a spec of its own, whatever its values share.
                let fits = world.count(&made, || label(&scope.file.source, resource.span, ""));
                if fits { Ok(made.to_json()) } else { Err(Fail::Reported) }
            })
        };
        let mut left_out = Vec::new();
        let whole = spec.is_some();
        let spec = spec.or_else(|| {
            // Everything has been computed and reported; what can be read all the same may have problems of its own.
            let names = Names::new(world, scope, instance.each.clone());
            let file = scope.file.clone();
            let checker = Checker::new(&names, &file.source, Purpose::Field).leaving_out();
            let made = checker.object(resource.span, resource.entries(), fields, "", &is_resource_key).ok()?;
            left_out = checker.left_out();
            Some(made.to_json())
        });
        let Some(spec) = spec else { return };
        let mut origins = Origins::new(world, true);
        origins.resource(at, resource.span);
        for e in resource.entries() {
            let key = &*e.key.text;
            let placed = matches!(key, "existing" | "depends_on" | "protect" | "for_each" | "when");
            if placed || existing.is_none() && !is_resource_key(key) {
                origins.field(at, &e.value, key);
            }
        }
        let made = ResourceDecl {
            address: instance.address.to_string(),
            kind: kind.to_string(),
            spec: spec.into(),
            spans: origins.into_places(),
            depends_on: Vec::new(),
            protect: rules.inherited.protect,
            existing,
            allow: rules.inherited.allow,
            usage: Json::Object(rules.inherited.usage.into_iter().collect()),
            moved: rules.moved,
            module_path: scope.path.to_string(),
        };
        if !whole {
            self.partly.push(Partly { resource: made, left_out });
            return;
        }
        self.out.push(made);
        self.waiting.push(rules.inherited.depends_on);
    }

    /// `depends_on` on modules means all of their resources, which are known only now.
    fn finish(mut self) -> Vec<ResourceDecl> {
        let addresses: BTreeSet<String> = self.out.iter().map(|r| r.address.clone()).collect();
        for (resource, waiting) in self.out.iter_mut().zip(self.waiting) {
            let mut all = BTreeSet::new();
            for dependency in waiting {
                match dependency {
                    Dependency::Resource(address) => drop(all.insert(address.to_string())),
                    Dependency::Module(path) => {
                        let prefix = format!("{path}.");
                        all.extend(addresses.range(prefix.clone()..).take_while(|a| a.starts_with(&prefix)).cloned());
                    }
                }
            }
            all.remove(&resource.address);
            resource.depends_on = all.into_iter().collect();
        }
        self.out
    }

    fn existing(
        &self,
        scope: &Rc<Scope>,
        resource: &Resource,
        instance: &Instance,
        fields: &ObjectType,
    ) -> Result<Option<Existing>, ()> {
        let Some(node) = resource.body.get("existing") else { return Ok(None) };
        let found = self.world.settle(scope, &instance.each, Purpose::Value, |c| existing(c, node)).ok_or(())?;
        // A literal `existing` beside fields is a contradiction; an optional one chooses between the two.
        if found.is_some() && !has_expression(node) {
            let extra = resource.entries().iter().find(|e| !is_resource_key(&e.key.text));
            if let Some(e) = extra {
                let known = fields.fields.contains_key(&*e.key.text);
                let d = Diagnostic::error(
                    &codes::EXISTING,
                    format!("`{}` is only read, so `{}` means nothing", resource.name, e.key.text),
                )
                .with_label(label(&scope.file.source, e.key_span, if known { "a field to be set" } else { "" }))
                .with_label(label(&scope.file.source, node.span, "it exists already").as_secondary())
                .with_help("remove the field, or remove `existing`")
                .at_address(&*instance.address);
                self.world.report(d);
                return Err(());
            }
        }
        Ok(found)
    }

    /// The keys that say how a resource lives.
    fn rules(&self, scope: &Rc<Scope>, resource: &Resource, instance: &Instance, outer: &Inherited) -> Rules {
        let mut rules = Rules { inherited: outer.clone(), moved: Vec::new() };
        let each = &instance.each;
        for e in resource.entries() {
            let node = &e.value;
            match &*e.key.text {
                "depends_on" => {
                    let found =
                        self.world.settle(scope, each, Purpose::Value, |c| self.depends_on(c, scope, each, node));
                    rules.inherited.depends_on.extend(found.unwrap_or_default());
                }
                "protect" => {
                    let found = self.world.settle(scope, each, Purpose::Value, |c| protect(c, node));
                    rules.inherited.protect = found.flatten().or(rules.inherited.protect);
                }
                "allow" => {
                    let found = self.world.settle(scope, each, Purpose::Value, |c| allow(c, node));
                    rules.inherited.allow.extend(found.unwrap_or_default());
                }
                "usage" => {
                    let found = self.world.settle(scope, each, Purpose::Field, |c| {
                        let value = c.convert(node, &Type::map(Type::Any), "usage")?;
                        known(c, node, value, "`usage`")
                    });
                    if let Some(Json::Object(map)) = found.map(|v| v.to_json()) {
                        rules.inherited.usage.extend(map);
                    }
                }
                "moved" => {
                    let found = self.world.settle(scope, each, Purpose::Value, |c| {
                        let want = Type::AnyOf([Type::String, Type::list(Type::String)].into());
                        let value = c.convert(node, &want, "moved")?;
                        let value = known(c, node, value, "`moved`")?;
                        Ok(match &value {
                            Value::List(l) => l.items().iter().filter_map(Value::to_text).collect(),
                            v => v.to_text().into_iter().collect::<Vec<_>>(),
                        })
                    });
                    rules.moved = found.unwrap_or_default().iter().map(|m| scope.address(m)).collect();
                }
                _ => {}
            }
        }
        rules
    }

    fn depends_on(
        &self,
        c: &Checker<'_>,
        scope: &Rc<Scope>,
        each: &Option<(Value, Value)>,
        node: &Node,
    ) -> Outcome<Vec<Dependency>> {
        let items: Vec<&Node> = match &node.kind {
            NodeKind::Sequence(items) => items.iter().collect(),
            _ => vec![node],
        };
        let mut out = Vec::new();
        let names = Names::new(self.world, scope, each.clone());
        for item in items {
            let value = match item.scalar() {
                Some(s) if s.template.is_none() => {
                    let Some(id) = World::resource_thunk(scope, &s.text) else {
                        let guess = self.world.guess(&s.text, &names.scope.file);
                        let d =
                            Diagnostic::error(&codes::DEPENDS_ON, format!("there is no resource `{}` here", s.text))
                                .with_label(label(&scope.file.source, item.span, ""))
                                .with_help_opt(guess.map(|g| format!("did you mean `{g}`?")));
                        return Err(c.report(d));
                    };
                    self.world.value(id, place_of(item))?
                }
                _ => c.convert(item, &Type::Any, "depends_on")?,
            };
            collect(c, item, &value, &mut out)?;
        }
        Ok(out)
    }
}

struct Rules {
    inherited: Inherited,
    moved: Vec<String>,
}

fn collect(c: &Checker<'_>, node: &Node, value: &Value, out: &mut Vec<Dependency>) -> Outcome<()> {
    match value {
        Value::Null(_) => {}
        Value::Ref(r) => out.push(Dependency::Resource(r.address.clone())),
        Value::Module(m) => out.push(Dependency::Module(m.address.clone())),
        Value::Map(m) => return m.entries().values().try_for_each(|v| collect(c, node, v, out)),
        Value::List(l) => return l.items().iter().try_for_each(|v| collect(c, node, v, out)),
        other => {
            let e = ExprError::new(
                &codes::DEPENDS_ON,
                place_of(node),
                format!("`depends_on` names resources, not {}", other.noun()),
            );
            return c.settle(node, Err(e.help("write `depends_on: [name]`").into()));
        }
    }
    Ok(())
}

fn existing(c: &Checker<'_>, node: &Node) -> Outcome<Option<Existing>> {
    let wrong = || {
        let d = Diagnostic::error(&codes::EXISTING, "`existing` is an id, a name or tags")
            .with_label(label(c.source, node.span, ""))
            .with_help("write `existing: ID`, `existing: { name: … }` or `existing: { tags: { Key: value } }`");
        Err(c.report(d))
    };
    let value = c.convert(node, &Type::Any, "existing")?;
    let value = known(c, node, value, "`existing`")?;
    match &value {
        Value::Null(Null::Written) => wrong(),
        Value::Null(_) => Ok(None),
        Value::Map(m) => {
            let mut entries = m.entries().iter();
            match (entries.next().map(|(k, v)| (&*k.0, v)), entries.next()) {
                (Some(("name", v)), None) => match v.to_text() {
                    Some(name) if !name.is_empty() => Ok(Some(Existing::Name(name.to_string()))),
                    _ => wrong(),
                },
                (Some(("id", v)), None) => match v.to_text() {
                    Some(id) if !id.is_empty() => Ok(Some(Existing::Id(id.to_string()))),
                    _ => wrong(),
                },
                (Some(("tags", Value::Map(tags))), None) if !tags.entries().is_empty() => {
                    let tags: Option<BTreeMap<String, String>> =
                        tags.entries().iter().map(|(k, v)| Some((k.0.to_string(), v.to_text()?.to_string()))).collect();
                    tags.map_or_else(wrong, |t| Ok(Some(Existing::Tags(t))))
                }
                _ => wrong(),
            }
        }
        // Untyped text such as 012345678901 is refused as ambiguous before it comes here.
        v => match v.to_text() {
            Some(id) if !id.is_empty() => Ok(Some(Existing::Id(id.to_string()))),
            _ => wrong(),
        },
    }
}

fn protect(c: &Checker<'_>, node: &Node) -> Outcome<Option<Protect>> {
    let words: Type = Type::OneOf(["never".to_string(), "data".to_string(), "off".to_string()].into());
    let value = c.convert(node, &words, "protect")?;
    let value = known(c, node, value, "`protect`")?;
    Ok(match value.to_text().as_deref() {
        Some("never") => Some(Protect::Never),
        Some("data") => Some(Protect::Data),
        Some("off") => Some(Protect::Off),
        _ => None,
    })
}

/// `[{ rule: DL0203, reason: … }]`
pub(crate) fn allow(c: &Checker<'_>, node: &Node) -> Outcome<Vec<Allow>> {
    let entry = Type::object([
        ("rule".to_string(), Field::new(Type::String, true, "The code of the rule")),
        ("reason".to_string(), Field::new(Type::String, true, "Why it does not matter here")),
    ]);
    let items: Vec<&Node> = match &node.kind {
        NodeKind::Sequence(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut out = Vec::new();
    for item in items {
        let Value::Map(m) = c.convert(item, &entry, "allow")? else { continue };
        let text = |key: &str| m.get(key).and_then(Value::to_text).unwrap_or_default().trim().to_string();
        let (rule, reason) = (text("rule"), text("reason"));
        let legal = rule.len() == 6 && rule.starts_with("DL") && rule[2..].bytes().all(|b| b.is_ascii_digit());
        if !legal || reason.is_empty() {
            let summary =
                if legal { "a reason is missing".to_string() } else { format!("`{rule}` is not the code of a rule") };
            let d = Diagnostic::error(&codes::RULES, summary)
                .with_label(label(c.source, item.span, ""))
                .with_help("write `{ rule: DL0203, reason: why it does not matter here }`");
            return Err(c.report(d));
        }
        out.push(Allow { rule, reason, label: label(c.source, item.span, "") });
    }
    Ok(out)
}
