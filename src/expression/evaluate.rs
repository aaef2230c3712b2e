//! Residuals during apply: what has become known is computed by the same functions and operators as everything else.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map as JsonMap, Value as Json, json};

use super::coerce::{Purpose, Target};
use super::functions::{self, Arguments};
use super::nothing::Nothing;
use super::types::Type;
use super::{
    Env, Evaluator, ExprError, Fail, Key, Null, Operator, Outcome, Place, RefValue, Residual, Value, binary, codes,
    later, negate, not, too_large,
};
use crate::diagnostic::Diagnostic;

/// Residuals are at most 100 deep where they are made, specs less; more is not ours.
const MAX_DEPTH: usize = 110;

/// What is known by now: the value of an attribute of a resource.
pub type Lookup<'a> = dyn Fn(&str, &str) -> Option<Json> + 'a;

/// Resolves every `$expr` and `$ref` with `attr` in a spec that can be resolved now and leaves the rest.
///
/// # Errors
/// When a known value does not fit: an operator or function that refuses it, a missing element, a wrong type.
pub fn evaluate(residual: &Json, lookup: &Lookup<'_>) -> Result<Json, Diagnostic> {
    let resolver = Resolver { lookup };
    resolver.spec(residual, 0)
}

struct Resolver<'a> {
    lookup: &'a Lookup<'a>,
}

type Bound<'b> = &'b [(&'b str, Value)];

impl Resolver<'_> {
    fn spec(&self, json: &Json, depth: usize) -> Result<Json, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(Diagnostic::error(&codes::LIMIT, "this spec is nested too deep"));
        }
        match json {
            Json::Array(items) => {
                Ok(Json::Array(items.iter().map(|i| self.spec(i, depth + 1)).collect::<Result<_, _>>()?))
            }
            Json::Object(map) => match (map.get("$ref").and_then(Json::as_str), map.get("attr").and_then(Json::as_str))
            {
                (Some(address), Some(attr)) => Ok((self.lookup)(address, attr).unwrap_or_else(|| json.clone())),
                _ => match map.get("$expr") {
                    Some(expr) => self.expr(expr, map),
                    None => {
                        let mut out = JsonMap::new();
                        for (k, v) in map {
                            out.insert(k.clone(), self.spec(v, depth + 1)?);
                        }
                        Ok(Json::Object(out))
                    }
                },
            },
            other => Ok(other.clone()),
        }
    }

    fn expr(&self, expr: &Json, whole: &JsonMap<String, Json>) -> Result<Json, Diagnostic> {
        let text = whole.get("text").and_then(Json::as_str).unwrap_or("this expression");
        let want: Type = whole.get("type").and_then(Json::as_str).and_then(|t| t.parse().ok()).unwrap_or(Type::Any);
        let made = self.residual(expr, &[], 0).and_then(|value| match value {
            Value::Unknown(u) => Ok(Value::Unknown(u)),
            value => {
                let target = Target {
                    env: &Nothing,
                    purpose: Purpose::Field,
                    place: Place::default(),
                    field: text,
                    siblings: &|_| false,
                };
                target.coerce(value, &want)
            }
        });
        match made {
            Ok(Value::Unknown(u)) => match u.to_json() {
                // What is left keeps the type and the text of the whole.
                Json::Object(mut left) if left.contains_key("$expr") => {
                    for key in ["type", "text"] {
                        if let Some(v) = whole.get(key) {
                            left.insert(key.to_string(), v.clone());
                        }
                    }
                    Ok(Json::Object(left))
                }
                left => Ok(left),
            },
            Ok(value) => Ok(value.to_json()),
            Err(Fail::Error(e)) => {
                let mut d = Diagnostic::error(e.code, format!("`{text}` cannot be computed: {}", e.summary));
                d.help = e.help;
                Err(d)
            }
            Err(_) => Err(Diagnostic::error(&codes::TYPE, format!("`{text}` cannot be computed"))),
        }
    }

    fn residual(&self, json: &Json, bound: Bound<'_>, depth: usize) -> Outcome<Value> {
        let limit = || Fail::from(ExprError::new(&codes::LIMIT, Place::default(), "the expression is nested too deep"));
        if depth > MAX_DEPTH {
            return Err(limit());
        }
        match json {
            Json::Array(items) => {
                let items = items.iter().map(|i| self.residual(i, bound, depth + 1)).collect::<Outcome<Vec<_>>>()?;
                Value::list(items).map_err(|_| too_large(Place::default()).into())
            }
            Json::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Json::as_str);
                if let Some(address) = text("$ref") {
                    let Some(attr) = text("attr") else {
                        return Ok(Value::Ref(Rc::new(RefValue { address: address.into(), kind: "".into() })));
                    };
                    return match (self.lookup)(address, attr) {
                        Some(json) => Value::from_json(&json).map_err(|_| limit()),
                        None => Ok(Value::unknown(Type::Any, Residual::attr(&address.into(), &"".into(), attr))),
                    };
                }
                if let Some(name) = text("$var") {
                    let found = bound.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
                    return Ok(found.unwrap_or_else(|| Value::unknown(Type::Any, Residual::variable(name))));
                }
                if let Some(id) = text("$id") {
                    return Ok(Value::Id(id.into()));
                }
                match (text("fn"), map.get("args").and_then(Json::as_array)) {
                    (Some(name), Some(args)) => self.call(name, args, bound, depth),
                    _ => Value::from_json(json).map_err(|_| limit()),
                }
            }
            plain => Value::from_json(plain).map_err(|_| limit()),
        }
    }

    fn call(&self, name: &str, args: &[Json], bound: Bound<'_>, depth: usize) -> Outcome<Value> {
        let at = Place::default();
        if let ("for", [collection, key, value, result]) = (name, args) {
            return self.for_each(collection, key, value, result, bound, depth);
        }
        let values = args.iter().map(|a| self.residual(a, bound, depth + 1)).collect::<Outcome<Vec<_>>>()?;
        let evaluator = Evaluator::new(&Nothing);
        let operator = Operator::ALL.iter().find(|o| o.symbol() == name);
        match (name, values.as_slice()) {
            ("template", parts) => {
                let mut out = String::new();
                for p in parts {
                    match p {
                        Value::Unknown(_) => return later(Type::String, "template", parts, at),
                        p => out.push_str(&evaluator.text_of(p, at)?),
                    }
                }
                Ok(Value::text(&out))
            }
            ("index", [base, key]) => evaluator.index(base, key, at),
            ("attr", [base, Value::String(attr)]) => evaluator.attribute(base, attr, at),
            ("not", [v]) => not(v.clone(), at),
            ("neg", [v]) => negate(v.clone(), at),
            ("map", pairs) => {
                let mut map = BTreeMap::new();
                for pair in pairs.chunks(2) {
                    if let [Value::String(k), v] = pair {
                        map.insert(Key(k.clone()), v.clone());
                    }
                }
                Value::map(map).map_err(|_| too_large(at).into())
            }
            (_, [a, b]) if operator.is_some() => match operator {
                Some(op) => binary(*op, a, b, (at, at), at),
                None => Err(Fail::Reported),
            },
            _ => match functions::find(name) {
                Some(f) => functions::call(&evaluator, f, &Arguments { values, places: &[], place: at }),
                None => {
                    Err(ExprError::new(&codes::UNKNOWN_FUNCTION, at, format!("there is no function `{name}`")).into())
                }
            },
        }
    }

    fn for_each(
        &self,
        collection: &Json,
        key: &Json,
        value: &Json,
        result: &Json,
        bound: Bound<'_>,
        depth: usize,
    ) -> Outcome<Value> {
        let at = Place::default();
        let name = |j: &Json| j.as_str().unwrap_or_default().to_string();
        let (key_name, value_name) = (name(key), name(value));
        let pairs: Vec<(Value, Value)> = match self.residual(collection, bound, depth + 1)? {
            Value::List(l) => l
                .items()
                .iter()
                .enumerate()
                .map(|(i, v)| (Value::int(i64::try_from(i).unwrap_or(0)), v.clone()))
                .collect(),
            Value::Map(m) => m.entries().iter().map(|(k, v)| (Value::String(k.0.clone()), v.clone())).collect(),
            Value::Null(_) => Vec::new(),
            unknown @ Value::Unknown(_) => {
                let result = self.residual(result, bound, depth + 1)?;
                return later(
                    Type::list(Type::Any),
                    "for",
                    &[unknown, Value::text(&key_name), Value::text(&value_name), result],
                    at,
                );
            }
            other => vec![(Value::Null(Null::Expression), other)],
        };
        let mut out = Vec::with_capacity(pairs.len());
        for (k, v) in pairs {
            let mut inner: Vec<(&str, Value)> = bound.to_vec();
            if !key_name.is_empty() {
                inner.push((&key_name, k));
            }
            inner.push((&value_name, v));
            out.push(self.residual(result, &inner, depth + 1)?);
        }
        Value::list(out).map_err(|_| too_large(at).into())
    }
}

/// The value of an expression as JSON for people: unknown parts as `{"$unknown": true, "text": …}`.
pub(crate) fn shown(value: &Value, env: &dyn Env) -> Outcome<Json> {
    Ok(match value {
        Value::Module(m) => shown(&env.module_value(m, Place::default())?, env)?,
        Value::Unknown(u) => json!({ "$unknown": true, "type": u.r#type.to_string(), "text": u.residual.to_text() }),
        Value::List(l) => Json::Array(l.items().iter().map(|v| shown(v, env)).collect::<Outcome<_>>()?),
        Value::Map(m) => Json::Object(
            m.entries().iter().map(|(k, v)| Ok((k.0.to_string(), shown(v, env)?))).collect::<Outcome<_>>()?,
        ),
        other => other.to_json(),
    })
}
