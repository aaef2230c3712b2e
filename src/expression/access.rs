//! Attributes, elements and keys of values.

use super::eval::{Evaluator, later, null_error, unknown_error};
use super::value::{Key, Map, Value};
use super::{ExprError, Outcome, Place};
use crate::diagnostic::did_you_mean;
use crate::expression::codes;
use crate::expression::types::Type;

impl Evaluator<'_> {
    pub(crate) fn attribute(&self, base: &Value, attr: &str, place: Place) -> Outcome<Value> {
        match base {
            Value::Ref(r) => self.env.resource_attr(r, attr, place),
            Value::Module(m) => self.env.module_attr(m, attr, place),
            Value::Map(m) => m.get(attr).cloned().ok_or_else(|| missing_key(m, attr, place).into()),
            Value::Unknown(u) => {
                let inner = match u.r#type.unbounded() {
                    Type::Object(o) => match o.fields.get(attr) {
                        Some(field) => field.r#type.clone(),
                        None => {
                            let e = ExprError::new(&codes::NO_ATTRIBUTE, place, format!("there is no `{attr}` here"));
                            return Err(e.help_opt(crate::diagnostic::suggestion(attr, o.names())).into());
                        }
                    },
                    Type::Map(item) => (**item).clone(),
                    Type::Any => Type::Any,
                    other => {
                        let summary = format!("{} has no attributes", other.noun());
                        return Err(ExprError::new(&codes::NO_ATTRIBUTE, place, summary).into());
                    }
                };
                later(inner, "attr", &[base.clone(), Value::text(attr)], place)
            }
            Value::Id(id) if attr == "id" => Ok(Value::String(id.clone())),
            Value::Id(id) => {
                let e = ExprError::new(&codes::NO_ATTRIBUTE, place, format!("nothing but the id of `{id}` is known"));
                Err(e.help("declare the resource with `existing:` to read its attributes").into())
            }
            Value::Null(n) => Err(null_error(n, place, &format!("null has no `{attr}`")).into()),
            Value::List(_) => {
                let e = ExprError::new(&codes::NO_ATTRIBUTE, place, format!("a list has no `{attr}`"));
                Err(e.help(format!("write `[*].{attr}` for all elements, or `[0].{attr}` for the first")).into())
            }
            other => {
                Err(ExprError::new(&codes::NO_ATTRIBUTE, place, format!("{} has no attributes", other.noun())).into())
            }
        }
    }

    pub(crate) fn index(&self, base: &Value, key: &Value, place: Place) -> Outcome<Value> {
        match (base, key) {
            (Value::Null(n), _) => Err(null_error(n, place, "null has no elements").into()),
            (Value::Unknown(u), _) => {
                let inner = match u.r#type.unbounded() {
                    Type::List(item) | Type::Map(item) => (**item).clone(),
                    Type::Object(o) => match key {
                        Value::String(k) => o.fields.get(&**k).map_or(Type::Any, |f| f.r#type.clone()),
                        _ => Type::Any,
                    },
                    Type::Any => Type::Any,
                    other => {
                        let summary = format!("{} has no elements", other.noun());
                        return Err(ExprError::new(&codes::NO_ATTRIBUTE, place, summary).into());
                    }
                };
                later(inner, "index", &[base.clone(), key.clone()], place)
            }
            (_, Value::Unknown(_)) => later(Type::Any, "index", &[base.clone(), key.clone()], place),
            (Value::List(l), key) => {
                let n = key.as_int();
                let found = n.and_then(|n| usize::try_from(n).ok()).and_then(|n| l.items().get(n));
                found.cloned().ok_or_else(|| {
                    let e = match n {
                        None => ExprError::new(
                            &codes::TYPE,
                            place,
                            format!("a list is indexed by a number, not by {}", key.noun()),
                        ),
                        Some(n) => {
                            let e = ExprError::new(&codes::NO_ATTRIBUTE, place, format!("there is no element {n}"));
                            match l.items().len() {
                                0 => e.label("the list is empty"),
                                len => e.label(format!("the list has elements 0 to {}", len - 1)),
                            }
                        }
                    };
                    e.into()
                })
            }
            (Value::Map(m), key) => match key.to_text() {
                Some(text) => m.get(&text).cloned().ok_or_else(|| missing_key(m, &text, place).into()),
                None => Err(ExprError::new(&codes::TYPE, place, format!("a key is text, not {}", key.noun())).into()),
            },
            (Value::Ref(_) | Value::Module(_) | Value::Id(_), Value::String(attr)) => self.attribute(base, attr, place),
            (Value::Ref(_) | Value::Module(_), _) => {
                let e = ExprError::new(&codes::TYPE, place, format!("{} is one, not a list", base.noun()));
                Err(e.help("an index is for what has `for_each`").into())
            }
            (other, _) => Err(ExprError::new(&codes::TYPE, place, format!("{} has no elements", other.noun())).into()),
        }
    }

    /// A key of a mapping: known text that does not start with `$`.
    pub(crate) fn key(&self, value: &Value, place: Place) -> Outcome<Key> {
        if let Value::Unknown(u) = value {
            return Err(unknown_error(u, place, "a key of a mapping").into());
        }
        let text = self.text_of(value, place)?;
        if text.starts_with('$') {
            let e = ExprError::new(&codes::RESERVED, place, format!("the key `{text}` starts with `$`"));
            return Err(e.help("keys that start with `$` are reserved").into());
        }
        Ok(Key(text))
    }
}

fn missing_key(map: &Map, key: &str, place: Place) -> Box<ExprError> {
    let e = ExprError::new(&codes::NO_ATTRIBUTE, place, format!("there is no `{key}` here"));
    let names: Vec<&str> = map.entries().keys().map(|k| &*k.0).collect();
    let instances = map.entries().values().next().is_some_and(|v| matches!(v, Value::Ref(_) | Value::Module(_)));
    match did_you_mean(key, names.iter().copied()) {
        Some(guess) => e.help(format!("did you mean `{guess}`?")),
        None if instances => {
            let first = names.first().copied().unwrap_or_default();
            e.help(format!("it has `for_each`: write `[\"{first}\"].{key}` for one, `[*].{key}` for all"))
        }
        None if names.is_empty() => e.label("the mapping is empty"),
        None if names.len() <= 12 => e.help(format!("it has {}", names.join(", "))),
        None => e,
    }
}
