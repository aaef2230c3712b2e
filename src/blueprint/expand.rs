//! The values of thunks: variables and inputs, locals, outputs, and the shapes of resources.
//!
//! One file: the values of names need one another, so their order is one piece of reasoning.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::check::Checker;
use super::codes;
use super::declare::Input;
use super::names::{Names, null_from, null_header};
use super::origin::At;
use super::scope::{HEADER, Scope, What, World};
use super::source::{Entry, Node, NodeKind, label};
use super::top::is_region;
use crate::diagnostic::Diagnostic;
use crate::expression::{ExprError, Fail, Outcome, Place, Purpose, Type, Unit, Unknown, Value, null_error, shorten};

impl<'a> World<'a> {
    /// Runs a checker over something of a scope; its problems count unless it must be run again.
    pub(crate) fn with_checker<T>(
        &self,
        scope: &Rc<Scope>,
        each: Option<(Value, Value)>,
        purpose: Purpose,
        run: impl FnOnce(&Checker<'_>) -> Outcome<T>,
    ) -> Outcome<T> {
        let names = Names::new(self, scope, each);
        let file = scope.file.clone();
        let siblings = |name: &str| file.resource_names.contains_key(name);
        let mut checker = Checker::new(&names, &file.source, purpose);
        checker.siblings = &siblings;
        let origin = |node: &Node, place: Place, blamed: Option<&[Rc<str>]>| {
            self.origin(&At::of(scope, &names.each, node), node, place, blamed)
        };
        checker.origin = Some(&origin);
        let outcome = run(&checker);
        let problems = checker.problems.take();
        match outcome {
            Err(Fail::Need(id, place)) => Err(Fail::Need(id, place)),
            outcome => {
                self.problems.borrow_mut().extend(problems);
                outcome
            }
        }
    }

    /// The same, computing what turns out to be needed.
    pub(crate) fn settle<T>(
        &self,
        scope: &Rc<Scope>,
        each: &Option<(Value, Value)>,
        purpose: Purpose,
        mut run: impl FnMut(&Checker<'_>) -> Outcome<T>,
    ) -> Option<T> {
        loop {
            match self.with_checker(scope, each.clone(), purpose, &mut run) {
                Ok(v) => return Some(v),
                Err(Fail::Need(id, _)) => self.force(id),
                Err(_) => return None,
            }
        }
    }

    /// The value of a thunk whose needs are computed; `Need` names one that is not.
    pub(crate) fn compute(&self, id: usize) -> Outcome<Value> {
        let thunk = self.thunks.borrow()[id];
        let scope = self.scope(thunk.scope);
        match thunk.what {
            What::Input(n) => self.input(&scope, n),
            What::Local(n) => {
                let local = &scope.file.locals[n];
                self.with_checker(&scope, None, Purpose::Value, |c| {
                    c.convert(&local.node, &Type::Any, &format!("local.{}", local.name))
                })
            }
            What::Output(n) => {
                let output = &scope.file.outputs[n];
                // What a stack tells others is text and numbers; modules also hand out resources.
                let purpose = if scope.call.is_none() { Purpose::Field } else { Purpose::Value };
                let want = output.r#type.clone().unwrap_or(Type::Any);
                self.with_checker(&scope, None, purpose, |c| c.convert(&output.node, &want, &output.name))
            }
            What::Header(n) => self.header(&scope, n),
            What::Shape(n) => self.shape(id, &scope, n, thunk.scope),
        }
    }

    fn header(&self, scope: &Rc<Scope>, n: usize) -> Outcome<Value> {
        let name = HEADER[n];
        let software = name == "software";
        let Some(e) = scope.file.header.iter().find(|e| &*e.key.text == name) else {
            return if software {
                Value::map(BTreeMap::new()).map_err(|_| Fail::Reported)
            } else {
                Ok(null_header(&scope.file, name))
            };
        };
        let want = if software { Type::map(Type::Any) } else { Type::String };
        self.with_checker(scope, None, Purpose::Value, |c| {
            let value = c.convert(&e.value, &want, name)?;
            let value = known(c, &e.value, value, &format!("`{name}`"))?;
            match value.to_text().filter(|t| name == "region" && is_region(t)) {
                Some(text) if (self.dialect.zones)(&text).is_none() => Err(c.report(self.no_region(scope, e, &text))),
                _ => Ok(value),
            }
        })
    }

    /// Names of regions have a fixed form; that one exists is for the catalog to say.
    fn no_region(&self, scope: &Rc<Scope>, e: &Entry, text: &str) -> Diagnostic {
        let near = (self.dialect.near_region)(text).map(|n| format!("did you mean `{n}`?"));
        Diagnostic::error(&codes::REGION, format!("there is no region `{text}`"))
            .with_label(label(&scope.file.source, e.value.span, ""))
            .with_help(near.unwrap_or_else(|| "write for example `us-east-1`".to_string()))
    }

    fn input(&self, scope: &Rc<Scope>, n: usize) -> Outcome<Value> {
        let input = &scope.file.inputs[n];
        if input.broken {
            return Err(Fail::Reported);
        }
        let given = match &scope.call {
            None => self.given.borrow().get(&*input.name).cloned(),
            Some((parent, resource, each)) => {
                let parent = self.scope(*parent);
                match parent.file.resources[*resource].body.get(&input.name) {
                    None => None,
                    Some(node) => {
                        let value = self.with_checker(&parent, each.clone(), Purpose::Value, |c| {
                            let value = c.convert(node, &input.r#type, &input.name)?;
                            one_of(c, node, input, value)
                        })?;
                        match value {
                            Value::Null(null) if !input.optional && input.default.is_none() => {
                                let e = null_error(
                                    &null,
                                    Place::default(),
                                    &format!("the input `{}` must not be null", input.name),
                                );
                                let d = e.into_diagnostic(label(&parent.file.source, node.span, ""));
                                self.report(d.with_label(
                                    label(&scope.file.source, input.span, "declared here, not optional").as_secondary(),
                                ));
                                return Err(Fail::Reported);
                            }
                            Value::Null(_) => None,
                            value => Some(value),
                        }
                    }
                }
            }
        };
        if let Some(value) = given {
            return Ok(value);
        }
        // What was given and cannot be read has been reported; "has no value" would be a second problem that is none.
        if scope.call.is_none() && self.given_at.borrow().contains_key(&*input.name) {
            return Err(Fail::Reported);
        }
        match &input.default {
            Some(node) => self.with_checker(scope, None, Purpose::Value, |c| {
                if has_expression(node) {
                    let d = Diagnostic::error(&codes::DECLARATION, "a default is a plain value")
                        .with_label(label(&scope.file.source, node.span, ""))
                        .with_help("use `optional: true` and a local with `coalesce(var.NAME, …)`");
                    return Err(c.report(d));
                }
                let value = c.convert(node, &input.r#type, &input.name)?;
                one_of(c, node, input, value)
            }),
            None if input.optional => {
                Ok(null_from(&scope.file, input.span, &format!("`{}` is optional and not set", input.name)))
            }
            // A module call without a required input has been reported where it stands.
            None if scope.call.is_some() => Err(Fail::Reported),
            None => {
                let value = input.r#type.example();
                let d = Diagnostic::error(&codes::NOT_SET, format!("the variable `{}` has no value", input.name))
                    .with_label(label(&scope.file.source, input.span, ""))
                    .with_help(format!("set it with `--var '{}={value}'` or DLINFRA_VAR_{}", input.name, input.name));
                self.report(d);
                Err(Fail::Reported)
            }
        }
    }
}

fn one_of(c: &Checker<'_>, node: &Node, input: &Input, value: Value) -> Outcome<Value> {
    let Some(all) = &input.one_of else { return Ok(value) };
    let texts: Vec<Rc<str>> = all.iter().filter_map(Value::to_text).collect();
    let Some(text) = value.to_text() else { return Ok(value) };
    // Units are compared in their canonical form: `1 TiB` is `1024 GiB`.
    let same = |t: &Rc<str>| {
        *t == text || Unit::parse(&input.r#type, t).and_then(Result::ok).is_some_and(|u| u.to_string() == *text)
    };
    if texts.iter().any(same) {
        return Ok(value);
    }
    let e = ExprError::new(&codes::ONE_OF, place_of(node), format!("`{}` cannot be `{}`", input.name, shorten(&text)))
        .help_opt(crate::diagnostic::suggestion(&text, texts.iter().map(|t| &**t)))
        .help(format!("it is one of {}", texts.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ")));
    c.settle(node, Err(e.into()))
}

/// Refuses what AWS decides where something must be known now.
pub(crate) fn known(c: &Checker<'_>, node: &Node, value: Value, what: &str) -> Outcome<Value> {
    fn first(v: &Value) -> Option<&Rc<Unknown>> {
        match v {
            Value::Unknown(u) => Some(u),
            Value::List(l) => l.items().iter().find_map(first),
            Value::Map(m) => m.entries().values().find_map(first),
            _ => None,
        }
    }
    match first(&value) {
        Some(u) => Err(c.refuse_unknown(node, u, what)),
        None => Ok(value),
    }
}

/// The place of the expression of a node, or of its text.
pub(crate) fn place_of(node: &Node) -> Place {
    let Some(s) = node.scalar() else { return Place::default() };
    s.template.as_ref().and_then(|t| t.single()).map_or(Place::whole(&s.text), |e| e.place)
}

pub(crate) fn has_expression(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Scalar(s) => s.template.as_ref().is_some_and(|t| t.literal().is_none()),
        NodeKind::Sequence(items) => items.iter().any(has_expression),
        NodeKind::Mapping(entries) => entries.iter().any(|e| has_expression(&e.value)),
    }
}
