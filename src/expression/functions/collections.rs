//! Functions on lists and mappings.

use std::collections::{BTreeMap, HashSet};

use super::Arguments;
use crate::expression::codes;
use crate::expression::eval::too_large;
use crate::expression::value::{Null, Value};
use crate::expression::{Evaluator, ExprError, Outcome, operators};

type Args<'a, 'b> = &'a Arguments<'b>;

/// The most numbers that `range` makes.
const MAX_RANGE: i64 = 100_000;

pub(super) fn length(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let n = match a.value(0) {
        Value::List(l) => l.items().len(),
        Value::Map(m) => m.entries().len(),
        Value::String(s) => s.chars().count(),
        Value::Module(m) => match e.env.module_value(m, a.at(0))? {
            Value::Map(m) => m.entries().len(),
            _ => 0,
        },
        _ => a.list(0)?.items().len(),
    };
    Ok(Value::int(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// An exact text of a known value, for finding repetitions without comparing all pairs.
fn fingerprint(v: &Value) -> String {
    format!("{}:{}", v.r#type(), v.to_json())
}

fn unique(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|v| !v.is_null() && seen.insert(fingerprint(v))).collect()
}

pub(super) fn contains(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    if let Value::String(text) = a.value(0) {
        return Ok(Value::Bool(text.contains(&*a.text(1)?)));
    }
    let wanted = a.value(1);
    Ok(Value::Bool(a.list(0)?.items().iter().any(|v| operators::equal(v, wanted))))
}

pub(super) fn lookup(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let key = a.text(1)?;
    match (a.map(0)?.get(&key), a.values.get(2)) {
        (Some(v), _) | (None, Some(v)) => Ok(v.clone()),
        (None, None) => Err(a
            .wrong(1, format!("there is no key `{key}`"))
            .help("give a default: `lookup(mapping, key, default)`")
            .into()),
    }
}

pub(super) fn keys(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made(Value::list(a.map(0)?.entries().keys().map(|k| Value::String(k.0.clone())).collect()))
}

pub(super) fn values(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made(Value::list(a.map(0)?.entries().values().cloned().collect()))
}

pub(super) fn merge(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let mut all = BTreeMap::new();
    for i in (0..a.len()).filter(|i| !a.value(*i).is_null()) {
        all.extend(a.map(i)?.entries().iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    a.made(Value::map(all))
}

pub(super) fn concat(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let mut all = Vec::new();
    for i in (0..a.len()).filter(|i| !a.value(*i).is_null()) {
        all.extend(a.list(i)?.items().iter().cloned());
    }
    a.made(Value::list(all))
}

pub(super) fn compact(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let kept = a.list(0)?.items().iter().filter(|v| !v.is_null() && !matches!(v, Value::String(s) if s.is_empty()));
    a.made(Value::list(kept.cloned().collect()))
}

pub(super) fn flatten(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let mut out = Vec::new();
    // Values are at most 64 deep, so an explicit stack of iterators stays small.
    let mut stack = vec![a.list(0)?.items().iter()];
    while let Some(top) = stack.last_mut() {
        match top.next() {
            Some(Value::List(inner)) => stack.push(inner.items().iter()),
            Some(v) => out.push(v.clone()),
            None => {
                stack.pop();
            }
        }
    }
    a.made(Value::list(out))
}

pub(super) fn distinct(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made(Value::list(unique(a.list(0)?.items().iter().cloned())))
}

pub(super) fn toset(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let items = unique(a.list(0)?.items().iter().cloned());
    sorted_if_possible(e, a, items)
}

pub(super) fn setunion(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let mut all = Vec::new();
    for i in (0..a.len()).filter(|i| !a.value(*i).is_null()) {
        all.extend(a.list(i)?.items().iter().cloned());
    }
    sorted_if_possible(e, a, unique(all))
}

fn sorted_if_possible(_: &Evaluator<'_>, a: Args<'_, '_>, mut items: Vec<Value>) -> Outcome<Value> {
    sort_values(&mut items);
    a.made(Value::list(items))
}

/// Sorts when all are text or all are numbers; says whether it did.
fn sort_values(items: &mut [Value]) -> bool {
    if items.iter().all(|v| matches!(v, Value::String(_))) {
        items.sort_by_key(Value::to_text);
        true
    } else if items.iter().all(|v| matches!(v, Value::Number(_))) {
        items.sort_by_key(|v| if let Value::Number(n) = v { *n } else { rust_decimal::Decimal::ZERO });
        true
    } else {
        false
    }
}

pub(super) fn sort(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let mut items: Vec<Value> = a.list(0)?.items().iter().filter(|v| !v.is_null()).cloned().collect();
    if !sort_values(&mut items) {
        return Err(a.wrong(0, "only a list of text or a list of numbers can be sorted").into());
    }
    a.made(Value::list(items))
}

pub(super) fn range(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (start, end, step) = match a.len() {
        1 => (0, a.int(0)?, 1),
        2 => (a.int(0)?, a.int(1)?, 1),
        _ => (a.int(0)?, a.int(1)?, a.int(2)?),
    };
    if step == 0 {
        return Err(a.wrong(2, "the step is 0").into());
    }
    let count = (i128::from(end) - i128::from(start)).checked_div(i128::from(step)).unwrap_or(0);
    if count > i128::from(MAX_RANGE) {
        let summary = format!("a range has up to {MAX_RANGE} numbers");
        return Err(ExprError::new(&codes::LIMIT, a.place, summary).into());
    }
    let mut out = Vec::new();
    let mut n = start;
    while if step > 0 { n < end } else { n > end } {
        out.push(Value::int(n));
        match n.checked_add(step) {
            Some(next) => n = next,
            None => break,
        }
    }
    a.made(Value::list(out))
}

pub(super) fn element(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (items, i) = (a.list(0)?.items(), a.int(1)?);
    let Ok(len) = i64::try_from(items.len()) else { return Err(too_large(a.place).into()) };
    if len == 0 {
        return Err(a.wrong(0, "the list is empty").into());
    }
    let i = usize::try_from(i.rem_euclid(len)).unwrap_or(0);
    Ok(items.get(i).cloned().unwrap_or(Value::Null(Null::Expression)))
}

pub(super) fn slice(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let items = a.list(0)?.items();
    let bound = |i: usize| -> Outcome<usize> {
        let n = a.int(i)?;
        usize::try_from(n)
            .ok()
            .filter(|n| *n <= items.len())
            .ok_or_else(|| a.wrong(i, format!("{n} is outside of the list, which has {} elements", items.len())).into())
    };
    let from = bound(1)?;
    let to = if a.len() > 2 { bound(2)? } else { items.len() };
    match items.get(from..to) {
        Some(part) => a.made(Value::list(part.to_vec())),
        None => Err(a.wrong(2, "the end is before the start").into()),
    }
}

pub(super) fn one(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    match a.list(0)?.items() {
        [] => Ok(Value::Null(Null::Expression)),
        [single] => Ok(single.clone()),
        many => Err(a.wrong(0, format!("the list has {} elements, not one", many.len())).into()),
    }
}

pub(super) fn zipmap(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (keys, values) = (a.list(0)?.items(), a.list(1)?.items());
    if keys.len() != values.len() {
        let summary = format!("there are {} keys and {} values", keys.len(), values.len());
        return Err(a.wrong(1, summary).into());
    }
    let mut all = BTreeMap::new();
    for (k, v) in keys.iter().zip(values) {
        all.insert(e.key(k, a.at(0))?, v.clone());
    }
    a.made(Value::map(all))
}

fn truths(a: Args<'_, '_>) -> Outcome<Vec<bool>> {
    a.list(0)?
        .items()
        .iter()
        .filter(|v| !v.is_null())
        .map(|v| match v {
            Value::Bool(b) => Ok(*b),
            other => Err(a.wrong(0, format!("an element is {}, not `true` or `false`", other.noun())).into()),
        })
        .collect()
}

pub(super) fn alltrue(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Bool(truths(a)?.into_iter().all(|b| b)))
}

pub(super) fn anytrue(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Bool(truths(a)?.into_iter().any(|b| b)))
}

pub(super) fn coalesce(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(a.values.iter().find(|v| !v.is_null()).cloned().unwrap_or(Value::Null(Null::Expression)))
}

/// `try`, `can` and `if` never come here: the evaluator does them.
pub(super) fn lazily(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(a.value(0).clone())
}
