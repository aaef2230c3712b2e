//! Functions on numbers and on values of one unit.

use super::Arguments;
use crate::expression::codes;
use crate::expression::value::Value;
use crate::expression::{Evaluator, ExprError, Operator, Outcome, operators};

type Args<'a, 'b> = &'a Arguments<'b>;

/// The arguments, or the elements of the only one when it is a list.
fn numbers(a: Args<'_, '_>) -> Outcome<Vec<Value>> {
    let all: Vec<Value> = match a.values.as_slice() {
        [Value::List(l)] => l.items().to_vec(),
        many => many.to_vec(),
    };
    for (i, v) in all.iter().enumerate() {
        if !matches!(v, Value::Number(_) | Value::Unit(_)) {
            return Err(a.wrong(i, format!("this is {}, not a number or a value with a unit", v.noun())).into());
        }
    }
    if all.is_empty() {
        return Err(a.wrong(0, "the list is empty").into());
    }
    Ok(all)
}

fn best(a: Args<'_, '_>, op: Operator) -> Outcome<Value> {
    let mut all = numbers(a)?.into_iter();
    let mut best = all.next().unwrap_or(Value::Bool(false));
    for v in all {
        if let Value::Bool(true) = operators::binary(op, &v, &best, (a.place, a.place), a.place)? {
            best = v;
        }
    }
    Ok(best)
}

pub(super) fn min(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    best(a, Operator::Less)
}

pub(super) fn max(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    best(a, Operator::Greater)
}

pub(super) fn sum(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    if a.len() == 1 && a.list(0)?.items().is_empty() {
        return Ok(Value::int(0));
    }
    let mut all = numbers(a)?.into_iter();
    let first = all.next().unwrap_or(Value::int(0));
    all.try_fold(first, |total, v| operators::binary(Operator::Add, &total, &v, (a.place, a.place), a.place))
}

pub(super) fn ceil(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Number(a.number(0)?.ceil()))
}

pub(super) fn floor(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Number(a.number(0)?.floor()))
}

pub(super) fn abs(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Number(a.number(0)?.abs()))
}

macro_rules! unit {
    ($name:ident, $variant:ident) => {
        pub(super) fn $name(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
            use crate::expression::value::Unit;
            if let Value::Unit(Unit::$variant(_)) = a.value(0) {
                return Ok(a.value(0).clone());
            }
            match a.text(0)?.parse() {
                Ok(v) => Ok(Value::Unit(Unit::$variant(v))),
                Err(e) => {
                    let e: crate::units::UnitError = e;
                    Err(ExprError::new(&codes::UNIT, a.at(0), e.why).help(e.help).into())
                }
            }
        }
    };
}

unit!(size, Size);
unit!(throughput, Throughput);
unit!(bandwidth, Bandwidth);
unit!(duration, Duration);
unit!(money, Money);
