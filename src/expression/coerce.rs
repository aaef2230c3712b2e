//! Values against types: what an expression made must fit the field, the input or the output that takes it.
//!
//! One match over all pairs of types and values, kept in one file so that no pair is forgotten.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::fits::{fits_shape, is_instances, may_become, plain_int};
use super::types::{Bounds, ObjectType, Type};
use super::{
    Env, ExprError, Fail, Key, Null, Operator, Outcome, Place, RefValue, ResidualKind, Unit, Unknown, Value, codes,
    compare, functions, null_error, too_large, unknown_error,
};
use crate::diagnostic::{Code, suggestion};
use crate::units::{Cidr, UnitError};

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A field of a resource: references in untyped places are mistakes.
    Field,
    /// An input, a local, an output: structures may hold references.
    Value,
}

/// What coercion needs to know about the place of a value.
pub(crate) struct Target<'a> {
    pub(crate) env: &'a dyn Env,
    pub(crate) purpose: Purpose,
    pub(crate) place: Place,
    /// What takes the value, for messages: `size`, `tags.Name`.
    pub(crate) field: &'a str,
    /// Names of resources that a literal id may have been meant to be.
    pub(crate) siblings: &'a dyn Fn(&str) -> bool,
}

type Coerced = Outcome<Value>;

impl Target<'_> {
    fn error(&self, code: &'static Code, summary: impl Into<String>) -> Box<ExprError> {
        ExprError::new(code, self.place, summary)
    }

    fn mismatch(&self, value: &Value, want: &Type) -> Fail {
        let e = self.error(&codes::FIELD_TYPE, format!("`{}` takes {}, not {}", self.field, want.noun(), value.noun()));
        let e = match (value, want.unbounded()) {
            (Value::Map(m), Type::Ref(_) | Type::List(_)) if is_instances(m) => {
                e.help("it has `for_each`: write `name[\"key\"]` for one, `values(name)` for all")
            }
            (Value::Ref(r), Type::List(item)) if !matches!(item.unbounded(), Type::Ref(_)) => {
                e.help(self.attributes(r))
            }
            (Value::String(_) | Value::Ref(_) | Value::Number(_) | Value::Id(_), Type::List(_)) => {
                e.help("put it into a list: `[…]`")
            }
            (Value::List(_), Type::String) => e.help("join it: `${join(\",\", list)}`"),
            (Value::String(_), Type::Object(_) | Type::Map(_)) => e.help(format!("for example `{}`", want.example())),
            (Value::Module(m), _) => e.help(format!("take one of the outputs of `{}`", m.address)),
            _ => e,
        };
        e.into()
    }

    /// A reference where text is wanted.
    fn reference_as_text(&self, r: &RefValue) -> Fail {
        self.error(&codes::REFERENCE, format!("`{}` takes text, and `{}` is a resource", self.field, r.address))
            .help(self.attributes(r))
            .into()
    }

    /// What can be written behind a reference. What the author calls it may be an output of a module, so only the end is
    /// said.
    fn attributes(&self, r: &RefValue) -> String {
        let outputs: Vec<String> = self.env.outputs_of(r).iter().map(|o| format!("`.{o}`")).collect();
        format!("add one of its attributes: {}", outputs.join(", "))
    }

    pub(crate) fn coerce(&self, value: Value, want: &Type) -> Coerced {
        match (want, value) {
            (_, value @ Value::Null(_)) => Ok(value),
            (Type::Bounded(inner, bounds), value) => {
                let value = self.coerce(value, inner)?;
                self.check_bounds(&value, inner, bounds)?;
                Ok(value)
            }
            (Type::Known(inner), value) => match self.coerce(value, inner)? {
                Value::Unknown(u) => {
                    let what = format!("`{}`", self.field);
                    Err(unknown_error(&u, self.place, &what).into())
                }
                value => Ok(value),
            },
            (Type::AnyOf(all), value) => self.any_of(&value, all),
            (want, Value::Unknown(u)) => self.unknown(u, want),
            (Type::Any, value) => self.any(value),
            (Type::String, Value::Ref(r)) => Err(self.reference_as_text(&r)),
            (Type::String, value) => match value.to_text() {
                Some(text) => Ok(Value::String(text)),
                None => Err(self.mismatch(&value, want)),
            },
            (Type::Int, value) => self.int(value),
            (Type::Number, value) => self.number(value),
            (Type::Bool, Value::Bool(b)) => Ok(Value::Bool(b)),
            (Type::Bool, Value::String(s)) if &*s == "true" => Ok(Value::Bool(true)),
            (Type::Bool, Value::String(s)) if &*s == "false" => Ok(Value::Bool(false)),
            (Type::Bool, Value::String(s)) => {
                let e = self
                    .error(&codes::FIELD_TYPE, format!("`{}` is `true` or `false`, not `{}`", self.field, shorten(&s)));
                let right = match s.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" | "y" | "1" => Some("write `true`"),
                    "no" | "off" | "false" | "n" | "0" => Some("write `false`"),
                    _ => None,
                };
                Err(e.help_opt(right.map(str::to_string)).into())
            }
            (Type::Cidr, value @ Value::String(_)) => {
                let text = value.to_text().unwrap_or_default();
                let cidr = text.parse::<Cidr>().map_err(|e| self.unit_error(e))?;
                Ok(Value::text(&cidr.to_string()))
            }
            (Type::OneOf(all), value) => self.one_of(&value, all),
            (Type::Ref(kind), value) => self.reference(value, kind.as_deref(), want),
            (Type::List(item), Value::List(l)) => {
                let mut out = Vec::with_capacity(l.items().len());
                for (i, v) in l.items().iter().enumerate() {
                    match self.coerce(v.clone(), item).map_err(|f| inside(f, &i.to_string()))? {
                        Value::Null(_) => {}
                        v => out.push(v),
                    }
                }
                Value::list(out).map_err(|_| too_large(self.place).into())
            }
            (Type::Map(item), Value::Map(m)) => {
                let mut out = BTreeMap::new();
                for (k, v) in m.entries() {
                    out.insert(self.user_key(k)?, self.coerce(v.clone(), item).map_err(|f| inside(f, &k.0))?);
                }
                Value::map(out).map_err(|_| too_large(self.place).into())
            }
            (Type::Map(_) | Type::Object(_), Value::Module(m)) => {
                let value = self.env.module_value(&m, self.place)?;
                self.coerce(value, want)
            }
            (Type::Object(o), Value::Map(m)) => self.object(m.entries(), o),
            (Type::Secret, value) => self.secret(value),
            (Type::Script, value @ Value::Script(_)) => Ok(value),
            (Type::Script, Value::String(name)) => {
                let text = self.env.read_file(&name, self.place)?;
                Ok(Value::Script(Rc::new(script(&name, &text))))
            }
            (want, Value::Unit(u)) if u.r#type() == *want => Ok(Value::Unit(u)),
            (want, Value::String(text)) if want.is_unit() => match Unit::parse(want, &text) {
                Some(Ok(u)) => Ok(Value::Unit(u)),
                Some(Err(e)) => Err(self.unit_error(e)),
                None => Err(self.mismatch(&Value::String(text), want)),
            },
            (want, Value::Number(n)) if want.is_unit() => match Unit::parse(want, &n.to_string()) {
                Some(Err(e)) => Err(self.unit_error(e)),
                _ => Err(self.mismatch(&Value::Number(n), want)),
            },
            (want, value) => Err(self.mismatch(&value, want)),
        }
    }

    fn unit_error(&self, e: UnitError) -> Fail {
        self.error(&codes::UNIT, e.why).help(e.help).into()
    }

    fn user_key(&self, key: &Key) -> Outcome<Key> {
        if key.0.starts_with('$') {
            let e = self.error(&codes::RESERVED, format!("the key `{}` starts with `$`", key.0));
            return Err(e.help("keys that start with `$` are reserved").into());
        }
        Ok(key.clone())
    }

    fn int(&self, value: Value) -> Coerced {
        let wrong = |text: &str| {
            let e = self
                .error(&codes::FIELD_TYPE, format!("`{}` takes a whole number, not `{}`", self.field, shorten(text)));
            let digits: String = text.chars().filter(|c| *c != '_' && *c != ',').collect();
            Fail::from(e.help_opt((digits != text && plain_int(&digits)).then(|| format!("write `{digits}`"))))
        };
        match value {
            Value::Number(n) if Value::Number(n).as_int().is_some() => Ok(Value::Number(n)),
            Value::Number(n) => Err(wrong(&n.to_string())),
            Value::String(s) if plain_int(&s) => match s.parse::<i64>() {
                Ok(n) => Ok(Value::int(n)),
                Err(_) => Err(self.error(&codes::RANGE, format!("`{s}` is too large")).into()),
            },
            Value::String(s) => Err(wrong(&s)),
            other => Err(self.mismatch(&other, &Type::Int)),
        }
    }

    fn number(&self, value: Value) -> Coerced {
        match value {
            Value::Number(_) => Ok(value),
            Value::String(s) => match Decimal::from_str_exact(&s).or_else(|_| Decimal::from_scientific(&s)) {
                Ok(n) if s.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Ok(Value::Number(n.normalize())),
                _ => Err(self
                    .error(&codes::FIELD_TYPE, format!("`{}` takes a number, not `{}`", self.field, shorten(&s)))
                    .into()),
            },
            other => Err(self.mismatch(&other, &Type::Number)),
        }
    }

    fn one_of(&self, value: &Value, all: &Arc<[String]>) -> Coerced {
        let Some(text) = value.to_text() else { return Err(self.mismatch(value, &Type::OneOf(all.clone()))) };
        if all.iter().any(|a| **a == *text) {
            return Ok(Value::String(text));
        }
        let e = self.error(&codes::ONE_OF, format!("`{}` cannot be `{}`", self.field, shorten(&text)));
        let e = e.help_opt(suggestion(&text, all.iter().map(String::as_str)));
        let list = all.iter().map(|a| format!("`{a}`")).collect::<Vec<_>>().join(", ");
        Err(e.help(format!("it is one of {list}")).into())
    }

    fn check_bounds(&self, value: &Value, r#type: &Type, bounds: &Bounds) -> Outcome<()> {
        let edge = |text: &Option<String>| text.as_deref().and_then(|t| self.coerce(Value::text(t), r#type).ok());
        let outside = |edge: &Value, op: Operator| matches!(compare(op, value, edge), Some(true));
        let low = edge(&bounds.min).is_some_and(|min| outside(&min, Operator::Less));
        let high = edge(&bounds.max).is_some_and(|max| outside(&max, Operator::Greater));
        if !low && !high {
            return Ok(());
        }
        let text = value.to_text().unwrap_or_default();
        let e = self.error(&codes::RANGE, format!("`{}` is {text}, which is out of its range", self.field));
        let limits = match (&bounds.min, &bounds.max) {
            (Some(min), Some(max)) => format!("it is from {min} to {max}"),
            (Some(min), None) => format!("it is at least {min}"),
            (None, Some(max)) => format!("it is at most {max}"),
            (None, None) => String::new(),
        };
        Err(e.help(limits).into())
    }

    fn any_of(&self, value: &Value, all: &[Type]) -> Coerced {
        let mut closest = None;
        for t in all {
            match self.coerce(value.clone(), t) {
                Err(Fail::Error(e)) => {
                    // An error inside of a fitting shape says more than `not a list`.
                    if closest.is_none() || fits_shape(value, t) {
                        closest = Some(e);
                    }
                }
                other => return other,
            }
        }
        Err(closest.map_or(Fail::Reported, Fail::Error))
    }

    fn any(&self, value: Value) -> Coerced {
        if self.purpose == Purpose::Value {
            return Ok(value);
        }
        match value {
            Value::Ref(r) => Err(self.reference_as_text(&r)),
            Value::Id(id) => Ok(Value::String(id)),
            Value::Module(m) => self.any(self.env.module_value(&m, self.place)?),
            Value::List(l) => {
                let items = l.items().iter().filter(|v| !v.is_null()).map(|v| self.any(v.clone()));
                let items = items.collect::<Outcome<Vec<_>>>()?;
                Value::list(items).map_err(|_| too_large(self.place).into())
            }
            Value::Map(m) => {
                let mut out = BTreeMap::new();
                for (k, v) in m.entries() {
                    out.insert(self.user_key(k)?, self.any(v.clone())?);
                }
                Value::map(out).map_err(|_| too_large(self.place).into())
            }
            other => Ok(other),
        }
    }

    fn reference(&self, value: Value, kind: Option<&str>, want: &Type) -> Coerced {
        match value {
            Value::Ref(r) if kind.is_none_or(|k| k == &*r.kind) => Ok(Value::Ref(r)),
            Value::Ref(r) => Err(self.wrong_kind(&r.address, &r.kind, want).into()),
            Value::Id(id) => Ok(Value::Id(id)),
            Value::String(text) => {
                if (self.siblings)(&text) {
                    let e = self.error(
                        &codes::REFERENCE,
                        format!("`{}` takes a reference, and `{text}` is only text", self.field),
                    );
                    return Err(e.help(format!("write `${{{text}}}` for the resource `{text}`")).into());
                }
                let plausible =
                    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:/.+=@*".contains(&b));
                if plausible {
                    return Ok(Value::Id(text));
                }
                let e = self.error(
                    &codes::REFERENCE,
                    format!("`{}` takes {}, not `{}`", self.field, want.noun(), shorten(&text)),
                );
                Err(e.help("write `${name}`, or the id of something that exists").into())
            }
            other => Err(self.mismatch(&other, want)),
        }
    }

    fn wrong_kind(&self, address: &str, kind: &str, want: &Type) -> Box<ExprError> {
        self.error(
            &codes::REFERENCE,
            format!("`{}` takes {}, and `{address}` is of kind `{kind}`", self.field, want.noun()),
        )
    }

    fn unknown(&self, u: Rc<Unknown>, want: &Type) -> Coerced {
        if let (Type::Ref(kind), ResidualKind::Attr { address, kind: of, attr }) = (want, &u.residual.kind) {
            let is_pointer = matches!(u.r#type.unbounded(), Type::Ref(_));
            if &**attr == "id" && !is_pointer {
                if kind.as_deref().is_some_and(|k| k != &**of) {
                    return Err(self.wrong_kind(address, of, want).into());
                }
                return Ok(Value::Ref(Rc::new(RefValue { address: address.clone(), kind: of.clone() })));
            }
        }
        // `${role.name}` where `${role}` belongs: an attribute that is not a pointer says less than the resource.
        if let (Type::Ref(Some(kind)), ResidualKind::Attr { address, kind: of, attr }) = (want, &u.residual.kind)
            && **kind == **of
            && !matches!(u.r#type.unbounded(), Type::Ref(_))
        {
            let name = address.rsplit('.').next().unwrap_or(address);
            let e = self.error(&codes::REFERENCE, format!("`{}` takes {}, not its `{attr}`", self.field, want.noun()));
            return Err(e.help(format!("write `${{{name}}}`")).into());
        }
        if may_become(&u.r#type, want) { Ok(Value::Unknown(u)) } else { Err(self.mismatch(&Value::Unknown(u), want)) }
    }

    fn object(&self, entries: &BTreeMap<Key, Value>, object: &ObjectType) -> Coerced {
        let mut out = BTreeMap::new();
        for (k, v) in entries {
            let Some(field) = object.fields.get(&*k.0) else {
                let e = self.error(&codes::UNKNOWN_KEY, format!("`{}` has no key `{}`", self.field, k.0));
                return Err(e.help_opt(suggestion(&k.0, object.names())).into());
            };
            let name = format!("{}.{}", self.field, k.0);
            let inner = Target { field: &name, ..*self };
            match inner.coerce(v.clone(), &field.r#type).map_err(|f| inside(f, &k.0))? {
                Value::Null(n) if field.required => {
                    return Err(null_error(&n, self.place, &format!("`{name}` must not be null")).into());
                }
                Value::Null(_) if self.purpose == Purpose::Field => {}
                v => drop(out.insert(k.clone(), v)),
            }
        }
        for (name, field) in &object.fields {
            let key = Key::new(name);
            if out.contains_key(&key) || entries.contains_key(&key) {
                continue;
            }
            if field.required {
                let e = self.error(&codes::MISSING, format!("`{}` needs the key `{name}`", self.field));
                return Err(e.help(format!("add `{name}: {}`", field.r#type.example())).into());
            }
            if self.purpose == Purpose::Value {
                out.insert(key, Value::Null(Null::Expression));
            }
        }
        Value::map(out).map_err(|_| too_large(self.place).into())
    }

    fn secret(&self, value: Value) -> Coerced {
        let wrong = || {
            Fail::from(
                self.error(&codes::SECRET, format!("`{}` points to a secret, it does not hold one", self.field)).help(
                    "write `{ secret: ARN }` for Secrets Manager or `{ parameter: /path }` for the Parameter Store",
                ),
            )
        };
        match value {
            Value::Secret(_) => Ok(value),
            Value::Map(m) => {
                let mut entries = m.entries().iter();
                let (Some((k, v)), None) = (entries.next(), entries.next()) else { return Err(wrong()) };
                let key = match &*k.0 {
                    "secret" => "$secret",
                    "parameter" => "$parameter",
                    _ => return Err(wrong()),
                };
                match self.coerce(v.clone(), &Type::String)? {
                    Value::Null(_) => Err(wrong()),
                    Value::String(s) if key == "$parameter" && !s.starts_with('/') => Err(self
                        .error(&codes::SECRET, format!("`{s}` is not a path"))
                        .help(format!("write `/{s}`"))
                        .into()),
                    v => Ok(Value::Secret(Rc::new(serde_json::json!({ key: v.to_json() })))),
                }
            }
            _ => Err(wrong()),
        }
    }
}

/// A problem of a part of a value.
fn inside(fail: Fail, step: &str) -> Fail {
    match fail {
        Fail::Error(mut e) => {
            e.steps.insert(0, step.into());
            Fail::Error(e)
        }
        fail => fail,
    }
}

/// The canonical form of a script.
pub(crate) fn script(name: &str, text: &str) -> serde_json::Value {
    let base = name.rsplit('/').next().unwrap_or(name);
    serde_json::json!({ "name": base, "sha256": functions::digest(text.as_bytes()), "text": text })
}

pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
