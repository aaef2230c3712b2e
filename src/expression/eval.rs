//! The evaluator: everything that is known is computed, unknown leaves stay as residuals.
//!
//! One file: one method per form of the syntax tree, with the same treatment of unknowns in each.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::functions::{self, Arguments};
use super::value::{ModuleValue, Null, RefValue, TooLarge, Value};
use super::{Call, Expr, ExprError, ExprKind, Fail, Operator, Outcome, Part, Place, Residual, Template, operators};
use crate::expression::codes;
use crate::expression::types::Type;

/// More work than any honest expression takes. A step costs `STEP`; going over a value costs its parts.
const FUEL: u64 = 30_000_000;
const STEP: u64 = 10;

/// What names mean where an expression stands.
pub(crate) trait Env {
    /// A name alone: a resource, a module, or a root.
    fn name(&self, name: &str, place: Place) -> Outcome<Value>;
    /// `var.x`, `local.x`, `each.key`, …
    fn root(&self, root: &str, attr: &str, place: Place) -> Outcome<Value>;
    /// An output attribute of a resource.
    fn resource_attr(&self, resource: &RefValue, attr: &str, place: Place) -> Outcome<Value>;
    /// An output of a module.
    fn module_attr(&self, module: &ModuleValue, attr: &str, place: Place) -> Outcome<Value>;
    /// All outputs of a module.
    fn module_value(&self, module: &ModuleValue, place: Place) -> Outcome<Value>;
    /// A text file beside the file that the expression stands in.
    fn read_file(&self, path: &str, place: Place) -> Outcome<String>;
    /// Facts about an instance type.
    fn instance(&self, name: &str) -> Option<Json>;
    /// The availability zones of a region.
    fn zones(&self, region: &str) -> Option<Vec<String>>;
    /// The instance type that a mistyped one most probably means.
    fn near_instance(&self, _name: &str) -> Option<&'static str> {
        None
    }
    /// The region that a mistyped one most probably means.
    fn near_region(&self, _name: &str) -> Option<&'static str> {
        None
    }
    /// Names that help texts may suggest.
    fn outputs_of(&self, resource: &RefValue) -> Vec<String>;
}

/// Variables of `for` and of template files.
pub(crate) struct Variables<'a> {
    pub(crate) parent: Option<&'a Variables<'a>>,
    pub(crate) names: &'a [(Rc<str>, Value)],
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut frame = Some(self);
        while let Some(f) = frame {
            if let Some((_, v)) = f.names.iter().find(|(n, _)| &**n == name) {
                return Some(v);
            }
            frame = f.parent;
        }
        None
    }
}

/// Evaluates one scalar.
pub(crate) struct Evaluator<'a> {
    pub(crate) env: &'a dyn Env,
    fuel: Cell<u64>,
}

pub(super) type Vars<'v> = Option<&'v Variables<'v>>;

impl<'a> Evaluator<'a> {
    pub(crate) fn new(env: &'a dyn Env) -> Self {
        Evaluator { env, fuel: Cell::new(FUEL) }
    }

    /// The value of a scalar: one expression keeps its type, otherwise text is joined.
    pub(crate) fn template(&self, template: &Template, vars: Vars<'_>) -> Outcome<Value> {
        if template.is_broken() {
            return Err(Fail::Reported);
        }
        if let Some(text) = template.literal() {
            return Ok(Value::String(text.clone()));
        }
        if let Some(e) = template.single() {
            return self.eval(e, vars);
        }
        let mut pieces = Vec::with_capacity(template.parts.len());
        let mut whole = Place::default();
        let mut failed: Option<Box<ExprError>> = None;
        for part in &template.parts {
            match part {
                Part::Text(text) => pieces.push((Value::String(text.clone()), whole)),
                Part::Expr(e) => {
                    whole = e.place;
                    match (self.eval(e, vars), &mut failed) {
                        (Ok(v), _) => pieces.push((v, e.place)),
                        // Each expression of a text is told its own problem.
                        (Err(Fail::Error(e)), Some(first)) => first.also.push(*e),
                        (Err(Fail::Error(e)), none) => *none = Some(e),
                        (Err(other), _) => return Err(other),
                    }
                }
            }
        }
        if let Some(e) = failed {
            return Err(e.into());
        }
        self.join(&pieces)
    }

    fn join(&self, pieces: &[(Value, Place)]) -> Outcome<Value> {
        let mut text = String::new();
        let mut unknown = false;
        for (piece, place) in pieces {
            match piece {
                Value::Unknown(u) if text_like(&u.r#type) => unknown = true,
                piece => text.push_str(&self.text_of(piece, *place)?),
            }
            if text.len() > super::value::MAX_TEXT {
                return Err(too_long(*place).into());
            }
        }
        if unknown {
            let values: Vec<Value> = pieces.iter().map(|(v, _)| v.clone()).collect();
            let place = pieces.last().map(|(_, p)| *p).unwrap_or_default();
            return later(Type::String, "template", &values, place);
        }
        Ok(Value::text(&text))
    }

    /// A value inside of text.
    pub(crate) fn text_of(&self, value: &Value, place: Place) -> Outcome<Rc<str>> {
        if let Some(text) = value.to_text() {
            return Ok(text);
        }
        let e = ExprError::new(&codes::TYPE, place, format!("{} cannot be part of text", value.noun()));
        Err(match value {
            Value::Null(n) => {
                let e = null_error(n, place, "null cannot be part of text");
                if e.help.is_empty() { e.help("give it a default: `coalesce(x, \"\")`") } else { e }
            }
            Value::Ref(r) => self
                .list_attributes(r, ExprError::new(&codes::REFERENCE, place, format!("{} is not text", value.noun()))),
            Value::List(_) => e.help("join it: `join(\",\", list)`"),
            Value::Map(_) => e.help("encode it: `jsonencode(value)`"),
            _ => e,
        }
        .into())
    }

    pub(crate) fn list_attributes(&self, r: &RefValue, e: Box<ExprError>) -> Box<ExprError> {
        let outputs: Vec<String> = self.env.outputs_of(r).iter().map(|o| format!("`.{o}`")).collect();
        e.help(format!("add one of its attributes: {}", outputs.join(", ")))
    }

    pub(super) fn spend(&self, place: Place) -> Outcome<()> {
        self.spend_on(STEP, place)
    }

    /// Pays for work that one step does on a value with so many parts.
    pub(super) fn spend_on(&self, work: u64, place: Place) -> Outcome<()> {
        match self.fuel.get().checked_sub(work) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => Err(ExprError::new(&codes::LIMIT, place, "this expression takes too many steps")
                .help("go over fewer elements")
                .into()),
        }
    }

    pub(crate) fn eval(&self, e: &Expr, vars: Vars<'_>) -> Outcome<Value> {
        self.spend(e.place)?;
        match &e.kind {
            ExprKind::Literal(v) => Ok(v.clone()),
            ExprKind::Name(name) => match vars.and_then(|v| v.get(name)) {
                Some(v) => Ok(v.clone()),
                None => self.env.name(name, e.place),
            },
            ExprKind::Attr(base, attr) => self.attr(base, attr, e.place, vars),
            ExprKind::Index(base, index) => {
                let base = self.eval(base, vars)?;
                let key = self.eval(index, vars)?;
                self.index(&base, &key, index.place)
            }
            ExprKind::List(items) => {
                let items = items.iter().map(|i| self.eval(i, vars)).collect::<Outcome<Vec<_>>>()?;
                Value::list(items).map_err(|_| too_large(e.place).into())
            }
            ExprKind::Template(parts) => {
                let pieces = parts.iter().map(|p| Ok((self.eval(p, vars)?, p.place))).collect::<Outcome<Vec<_>>>()?;
                self.join(&pieces)
            }
            ExprKind::Object(entries) => self.object(entries, e.place, vars),
            ExprKind::Splat(base, steps) => self.splat(base, steps, e.place, vars),
            ExprKind::Call(call) => self.call(call, e.place, vars),
            ExprKind::Not(inner) => operators::not(self.eval(inner, vars)?, e.place),
            ExprKind::Negate(inner) => operators::negate(self.eval(inner, vars)?, e.place),
            ExprKind::Binary(op, both) => self.binary(*op, &both.0, &both.1, e.place, vars),
            ExprKind::Conditional(three) => {
                let chosen = if self.condition(&three.0, vars)? { &three.1 } else { &three.2 };
                self.eval(chosen, vars)
            }
            ExprKind::For(f) => self.for_each(f, e.place, vars),
        }
    }

    /// A condition must be known, and true or false.
    pub(crate) fn condition(&self, e: &Expr, vars: Vars<'_>) -> Outcome<bool> {
        let value = self.eval(e, vars)?;
        let place = if matches!(value, Value::Unknown(_)) { self.culprit(e, vars) } else { e.place };
        as_condition(&value, place)
    }

    /// The attribute that makes an expression unknown, so that messages point at it and not at all of it.
    pub(crate) fn culprit(&self, e: &Expr, vars: Vars<'_>) -> Place {
        let parts: Vec<&Expr> = match &e.kind {
            ExprKind::Template(all) | ExprKind::List(all) => all.iter().collect(),
            ExprKind::Call(call) => call.args.iter().collect(),
            ExprKind::Not(inner) | ExprKind::Negate(inner) => vec![inner],
            ExprKind::Binary(_, both) => vec![&both.0, &both.1],
            ExprKind::Conditional(three) => vec![&three.1, &three.2],
            ExprKind::Index(base, _) | ExprKind::Splat(base, _) if !matches!(base.kind, ExprKind::Attr(..)) => {
                vec![base]
            }
            _ => Vec::new(),
        };
        let unknown = |p: &&Expr| self.eval(p, vars).is_ok_and(|v| v.has_unknown());
        match parts.into_iter().find(unknown) {
            Some(part) => self.culprit(part, vars),
            None => e.place,
        }
    }

    fn binary(&self, op: Operator, left: &Expr, right: &Expr, place: Place, vars: Vars<'_>) -> Outcome<Value> {
        let a = self.eval(left, vars)?;
        if let (Operator::And, Value::Bool(false)) | (Operator::Or, Value::Bool(true)) = (op, &a) {
            return Ok(a);
        }
        let b = self.eval(right, vars)?;
        self.spend_on(a.weight().min(b.weight()), place)?;
        operators::binary(op, &a, &b, (left.place, right.place), place)
    }

    fn attr(&self, base: &Expr, attr: &str, place: Place, vars: Vars<'_>) -> Outcome<Value> {
        if let ExprKind::Name(root) = &base.kind {
            let bound = vars.is_some_and(|v| v.get(root).is_some());
            if !bound && super::ROOTS.contains(&&**root) {
                return self.env.root(root, attr, place);
            }
        }
        let base = self.eval(base, vars)?;
        self.attribute(&base, attr, place)
    }

    fn object(&self, entries: &[(Expr, Expr)], place: Place, vars: Vars<'_>) -> Outcome<Value> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let name = self.key(&self.eval(key, vars)?, key.place)?;
            map.insert(name, self.eval(value, vars)?);
        }
        Value::map(map).map_err(|_| too_large(place).into())
    }

    fn call(&self, call: &Call, place: Place, vars: Vars<'_>) -> Outcome<Value> {
        match call.function.name {
            "try" => {
                let mut last = None;
                for a in &call.args {
                    match self.eval(a, vars) {
                        Err(Fail::Error(e)) => last = Some(e),
                        other => return other,
                    }
                }
                return Err(last.map_or(Fail::Reported, Fail::Error));
            }
            "can" => {
                let Some(first) = call.args.first() else { return Ok(Value::Bool(false)) };
                return match self.eval(first, vars) {
                    Ok(_) => Ok(Value::Bool(true)),
                    Err(Fail::Error(_)) => Ok(Value::Bool(false)),
                    Err(other) => Err(other),
                };
            }
            "if" => {
                let [c, a, b] = call.args.as_slice() else { return Err(Fail::Reported) };
                return self.eval(if self.condition(c, vars)? { a } else { b }, vars);
            }
            "coalesce" if !call.spread => {
                for a in &call.args {
                    let v = self.eval(a, vars)?;
                    if !v.is_null() {
                        return Ok(v);
                    }
                }
                return Ok(Value::Null(Null::Expression));
            }
            _ => {}
        }
        let mut args = call.args.iter().map(|a| self.eval(a, vars)).collect::<Outcome<Vec<_>>>()?;
        let places: Vec<Place> = call.args.iter().map(|a| a.place).collect();
        if call.spread {
            match args.pop() {
                Some(Value::List(l)) => args.extend(l.items().iter().cloned()),
                Some(other) => {
                    let at = places.last().copied().unwrap_or(place);
                    let e =
                        ExprError::new(&codes::ARGUMENTS, at, format!("`...` spreads a list, not {}", other.noun()));
                    return Err(e.into());
                }
                None => {}
            }
        }
        functions::call(self, call.function, &Arguments { values: args, places: &places, place })
    }
}

/// A value that AWS decides: what is needed to compute it later.
pub(crate) fn later(r#type: Type, name: &str, args: &[Value], place: Place) -> Outcome<Value> {
    match Residual::call(name, args) {
        Ok(residual) => Ok(Value::unknown(r#type, residual)),
        Err(TooLarge) => Err(ExprError::new(&codes::LIMIT, place, "too much of this expression is not known yet")
            .help("refer to the attribute itself instead of to a long chain of locals")
            .into()),
    }
}

/// Whether a value must be true or false, and is known.
pub(crate) fn as_condition(value: &Value, place: Place) -> Outcome<bool> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Unknown(u) => Err(unknown_error(u, place, "a condition").into()),
        Value::Null(n) => Err(null_error(n, place, "a condition is `true` or `false`, not null").into()),
        other => {
            let e =
                ExprError::new(&codes::TYPE, place, format!("a condition is `true` or `false`, not {}", other.noun()));
            Err(e.help("compare it: `x != null`, `x == \"value\"`, `length(x) > 0`").into())
        }
    }
}

fn text_like(r#type: &Type) -> bool {
    !matches!(r#type.unbounded(), Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Secret | Type::Script)
}

/// An unknown where the shape of the stack depends on it.
pub(crate) fn unknown_error(u: &super::Unknown, place: Place, what: &str) -> Box<ExprError> {
    let text = u.residual.to_text();
    ExprError::new(&codes::UNKNOWN, place, format!("{what} cannot depend on `{text}`"))
        .label("AWS decides this during apply")
        .help("use a variable, or an attribute that the blueprint itself decides")
}

pub(crate) fn null_error(null: &Null, place: Place, summary: &str) -> Box<ExprError> {
    let e = ExprError::new(&codes::NULL, place, summary);
    match null {
        Null::From(origin) => e.related(Some(origin.label.clone())).help_opt(origin.help.clone()),
        _ => e,
    }
}

pub(crate) fn too_large(place: Place) -> Box<ExprError> {
    ExprError::new(&codes::LIMIT, place, "this value is too large")
        .help("a value has up to a million parts and 64 levels")
}

pub(crate) fn too_long(place: Place) -> Box<ExprError> {
    ExprError::new(&codes::LIMIT, place, "this text is too long").help("text made by an expression has up to 1 MiB")
}
