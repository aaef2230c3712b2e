//! `[*]` and `for`: over known elements one by one, over unknown ones as a residual.

use std::collections::BTreeMap;

use super::eval::{Evaluator, Variables, Vars, later, null_error, too_large, unknown_error};
use super::value::{Key, MAX_WEIGHT, Null, TooLarge, Value};
use super::{Expr, ExprError, For, Outcome, Place, Residual, Step, StepKind};
use crate::expression::codes;
use crate::expression::types::Type;

impl Evaluator<'_> {
    pub(super) fn splat(&self, base: &Expr, steps: &[Step], place: Place, vars: Vars<'_>) -> Outcome<Value> {
        let base = self.eval(base, vars)?;
        let one = |value: &Value| -> Outcome<Value> {
            let mut current = value.clone();
            for step in steps {
                self.spend(step.place)?;
                current = match &step.kind {
                    StepKind::Attr(name) => self.attribute(&current, name, step.place)?,
                    StepKind::Index(index) => self.index(&current, &self.eval(index, vars)?, index.place)?,
                };
            }
            Ok(current)
        };
        self.spend_on(base.weight(), place)?;
        let items = match &base {
            Value::Null(_) => Vec::new(),
            Value::List(l) => l.items().iter().map(one).collect::<Outcome<Vec<_>>>()?,
            Value::Map(m) => m.entries().values().map(one).collect::<Outcome<Vec<_>>>()?,
            Value::Unknown(u) => {
                let item = element_type(&u.r#type);
                let result = one(&Value::unknown(item, Residual::variable("item")))?;
                return later(
                    Type::list(result.r#type()),
                    "for",
                    &[base, Value::text(""), Value::text("item"), result],
                    place,
                );
            }
            single => vec![one(single)?],
        };
        Value::list(items).map_err(|_| too_large(place).into())
    }

    pub(super) fn for_each(&self, f: &For, place: Place, vars: Vars<'_>) -> Outcome<Value> {
        let collection = self.eval(&f.collection, vars)?;
        self.spend_on(collection.weight(), f.collection.place)?;
        let pairs: Vec<(Value, Value)> = match &collection {
            Value::List(l) => l
                .items()
                .iter()
                .enumerate()
                .map(|(i, v)| (Value::int(i64::try_from(i).unwrap_or(i64::MAX)), v.clone()))
                .collect(),
            Value::Map(m) => m.entries().iter().map(|(k, v)| (Value::String(k.0.clone()), v.clone())).collect(),
            Value::Module(m) => match self.env.module_value(m, f.collection.place)? {
                Value::Map(m) => m.entries().iter().map(|(k, v)| (Value::String(k.0.clone()), v.clone())).collect(),
                _ => Vec::new(),
            },
            Value::Unknown(u) => {
                if let Some(key) = &f.key_result {
                    return Err(unknown_error(u, key.place, "a key of a mapping").into());
                }
                let keyed = matches!(u.r#type.unbounded(), Type::Map(_) | Type::Object(_));
                let item = Value::unknown(element_type(&u.r#type), Residual::variable(&f.value));
                let mut names = vec![(f.value.clone(), item)];
                if let Some(key) = &f.key {
                    let key_type = if keyed { Type::String } else { Type::Int };
                    names.push((key.clone(), Value::unknown(key_type, Residual::variable(key))));
                }
                let vars = Variables { parent: vars, names: &names };
                if let Some(condition) = &f.condition
                    && !self.condition(condition, Some(&vars))?
                {
                    return Value::list(Vec::new()).map_err(|_| too_large(place).into());
                }
                let result = self.eval(&f.result, Some(&vars))?;
                let key = Value::text(f.key.as_deref().unwrap_or_default());
                let args = [collection.clone(), key, Value::String(f.value.clone()), result];
                return later(Type::list(args[3].r#type()), "for", &args, place);
            }
            Value::Null(n) => return Err(null_error(n, f.collection.place, "null has no elements").into()),
            other => {
                let summary = format!("{} has no elements to go over", other.noun());
                return Err(ExprError::new(&codes::TYPE, f.collection.place, summary).into());
            }
        };
        // What is made is limited while it grows: a list of a hundred thousand long texts never comes to be.
        let mut made = 0_u64;
        let mut list = Vec::new();
        let mut groups: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        for (k, v) in pairs {
            let mut names = vec![(f.value.clone(), v)];
            names.extend(f.key.iter().map(|name| (name.clone(), k.clone())));
            let vars = Variables { parent: vars, names: &names };
            if let Some(condition) = &f.condition
                && !self.condition(condition, Some(&vars))?
            {
                continue;
            }
            let result = self.eval(&f.result, Some(&vars))?;
            made = made.saturating_add(result.weight());
            if made > MAX_WEIGHT {
                return Err(too_large(place).into());
            }
            match &f.key_result {
                None => list.push(result),
                Some(key) => {
                    let name = self.key(&self.eval(key, Some(&vars))?, key.place)?;
                    let group = groups.entry(name.clone()).or_default();
                    if !group.is_empty() && !f.group {
                        let e = ExprError::new(&codes::TYPE, key.place, format!("the key `{}` occurs twice", name.0));
                        return Err(e.help("write `key => value...` to collect all values of a key").into());
                    }
                    group.push(result);
                }
            }
        }
        let made = if f.key_result.is_none() {
            Value::list(list)
        } else {
            groups
                .into_iter()
                .map(|(k, mut all)| {
                    let v =
                        if f.group { Value::list(all)? } else { all.pop().unwrap_or(Value::Null(Null::Expression)) };
                    Ok((k, v))
                })
                .collect::<Result<BTreeMap<_, _>, TooLarge>>()
                .and_then(Value::map)
        };
        made.map_err(|_| too_large(place).into())
    }
}

fn element_type(r#type: &Type) -> Type {
    match r#type.unbounded() {
        Type::List(item) | Type::Map(item) => (**item).clone(),
        _ => Type::Any,
    }
}
