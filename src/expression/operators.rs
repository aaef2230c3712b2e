//! `+ - * / %`, comparisons, `&& || !`: on numbers, and on values of one unit.

use rust_decimal::Decimal;

use super::eval::{later, null_error};
use super::value::{Unit, Value};
use super::{ExprError, Operator, Outcome, Place};
use crate::expression::codes;
use crate::expression::types::Type;

type Places = (Place, Place);

pub(crate) fn not(value: Value, place: Place) -> Outcome<Value> {
    match value {
        Value::Bool(b) => Ok(Value::Bool(!b)),
        Value::Unknown(_) => later(Type::Bool, "not", &[value], place),
        other => {
            Err(ExprError::new(&codes::TYPE, place, format!("`!` takes `true` or `false`, not {}", other.noun()))
                .into())
        }
    }
}

pub(crate) fn negate(value: Value, place: Place) -> Outcome<Value> {
    match value {
        Value::Number(n) => Ok(Value::Number(-n)),
        Value::Unknown(ref u) => {
            let r#type = u.r#type.unbounded().clone();
            later(r#type, "neg", &[value], place)
        }
        other => Err(ExprError::new(&codes::TYPE, place, format!("`-` takes a number, not {}", other.noun())).into()),
    }
}

pub(crate) fn binary(op: Operator, a: &Value, b: &Value, places: Places, place: Place) -> Outcome<Value> {
    match op {
        Operator::Equal | Operator::NotEqual => equality(op, a, b, place),
        Operator::And | Operator::Or => logic(op, a, b, places, place),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            order(op, a, b, places, place)
        }
        _ => arithmetic(op, a, b, places, place),
    }
}

fn unknown_type(a: &Value, b: &Value, op: Operator) -> Type {
    let of = |v: &Value| v.r#type().unbounded().clone();
    match (of(a), of(b)) {
        (x, y) if x.is_unit() && y.is_unit() && op == Operator::Divide => Type::Number,
        (x, _) if x.is_unit() => x,
        (_, y) if y.is_unit() => y,
        (Type::Int, Type::Int) if op != Operator::Divide => Type::Int,
        (Type::Int | Type::Number, Type::Int | Type::Number) => Type::Number,
        _ => Type::Any,
    }
}

fn symbol_call(op: Operator, r#type: Type, a: &Value, b: &Value, place: Place) -> Outcome<Value> {
    later(r#type, op.symbol(), &[a.clone(), b.clone()], place)
}

fn equality(op: Operator, a: &Value, b: &Value, place: Place) -> Outcome<Value> {
    // A list or a mapping is there, whatever its parts will be.
    let is_there = |v: &Value| matches!(v, Value::List(_) | Value::Map(_));
    let told_apart = a.is_null() && is_there(b) || b.is_null() && is_there(a);
    if (a.has_unknown() || b.has_unknown()) && !told_apart {
        return symbol_call(op, Type::Bool, a, b, place);
    }
    Ok(Value::Bool(equal(a, b) == (op == Operator::Equal)))
}

/// Deep equality of known values. Values have a bounded number of parts and levels.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null(_), Value::Null(_)) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::String(a) | Value::Id(a), Value::String(b) | Value::Id(b)) => a == b,
        (Value::Unit(a), Value::Unit(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.items().len() == b.items().len() && a.items().iter().zip(b.items()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.entries().len() == b.entries().len()
                && a.entries().iter().zip(b.entries()).all(|((k, a), (l, b))| k == l && equal(a, b))
        }
        (Value::Ref(a), Value::Ref(b)) => a.address == b.address,
        (Value::Module(a), Value::Module(b)) => a.scope == b.scope,
        (Value::Secret(a), Value::Secret(b)) | (Value::Script(a), Value::Script(b)) => a == b,
        _ => false,
    }
}

fn logic(op: Operator, a: &Value, b: &Value, places: Places, place: Place) -> Outcome<Value> {
    for (v, at) in [(a, places.0), (b, places.1)] {
        match v {
            Value::Bool(_) | Value::Unknown(_) => {}
            Value::Null(n) => {
                return Err(null_error(n, at, &format!("`{}` takes `true` or `false`, not null", op.symbol())).into());
            }
            other => {
                let summary = format!("`{}` takes `true` or `false`, not {}", op.symbol(), other.noun());
                return Err(ExprError::new(&codes::TYPE, at, summary).into());
            }
        }
    }
    let absorbing = op == Operator::Or;
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(Value::Bool(if absorbing { *a || *b } else { *a && *b })),
        // The other side does not matter.
        (Value::Bool(known), _) | (_, Value::Bool(known)) if *known == absorbing => Ok(Value::Bool(absorbing)),
        (Value::Bool(_), unknown) | (unknown, Value::Bool(_)) => Ok(unknown.clone()),
        _ => symbol_call(op, Type::Bool, a, b, place),
    }
}

fn order(op: Operator, a: &Value, b: &Value, places: Places, place: Place) -> Outcome<Value> {
    if matches!(a, Value::Unknown(_)) || matches!(b, Value::Unknown(_)) {
        return symbol_call(op, Type::Bool, a, b, place);
    }
    let ordering = match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Unit(a), Value::Unit(b)) => a.partial_cmp(b),
        _ => None,
    };
    let Some(ordering) = ordering else { return Err(mismatch(op, a, b, places, place).into()) };
    Ok(Value::Bool(match op {
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    }))
}

/// Whether two known values are in an order, when they have one.
pub(crate) fn compare(op: Operator, a: &Value, b: &Value) -> Option<bool> {
    match order(op, a, b, (Place::default(), Place::default()), Place::default()) {
        Ok(Value::Bool(yes)) => Some(yes),
        _ => None,
    }
}

/// Why two values do not go together.
fn mismatch(op: Operator, a: &Value, b: &Value, places: Places, place: Place) -> Box<ExprError> {
    for (v, at) in [(a, places.0), (b, places.1)] {
        if let Value::Null(n) = v {
            return null_error(n, at, &format!("`{}` does not take null", op.symbol()));
        }
    }
    let e = ExprError::new(
        &codes::TYPE,
        place,
        format!("`{}` does not go with {} and {}", op.symbol(), a.noun(), b.noun()),
    );
    match (a, b) {
        (Value::Unit(u), Value::String(_) | Value::Number(_))
        | (Value::String(_) | Value::Number(_), Value::Unit(u)) => {
            let function = Unit::function(&u.r#type()).unwrap_or("size");
            e.help(format!("write the other side with its unit: `{function}(\"{}\")`", u.r#type().example()))
        }
        (Value::Unit(Unit::Money(_)), Value::Unit(Unit::Money(_))) => e.help("both amounts must be per the same time"),
        (Value::String(_), Value::String(_)) if op == Operator::Add => {
            e.help("join text with a template: \"${a}${b}\"")
        }
        (Value::String(_), _) | (_, Value::String(_)) => e.help("turn text into a number: `tonumber(text)`"),
        (Value::List(_), Value::List(_)) if op == Operator::Add => e.help("join lists with `concat(a, b)`"),
        (Value::Map(_), Value::Map(_)) if op == Operator::Add => e.help("join mappings with `merge(a, b)`"),
        _ => e,
    }
}

fn arithmetic(op: Operator, a: &Value, b: &Value, places: Places, place: Place) -> Outcome<Value> {
    if matches!(a, Value::Unknown(_)) || matches!(b, Value::Unknown(_)) {
        return symbol_call(op, unknown_type(a, b, op), a, b, place);
    }
    let zero = |v: &Value| matches!(v, Value::Number(n) if n.is_zero());
    if matches!(op, Operator::Divide | Operator::Remainder) && zero(b) {
        return Err(ExprError::new(&codes::TYPE, places.1, "division by zero").into());
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let result = match op {
                Operator::Add => a.checked_add(*b),
                Operator::Subtract => a.checked_sub(*b),
                Operator::Multiply => a.checked_mul(*b),
                Operator::Divide => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(|n| Value::Number(n.normalize())).ok_or_else(|| {
                ExprError::new(&codes::LIMIT, place, "the result has too many digits")
                    .help("numbers have up to 28 digits")
                    .into()
            })
        }
        (Value::Unit(u), Value::Unit(v)) if op == Operator::Divide && u.r#type() == v.r#type() => ratio(*u, *v)
            .map(|n| Value::Number(n.normalize()))
            .ok_or_else(|| ExprError::new(&codes::TYPE, place, format!("{u} cannot be divided by {v}")).into()),
        (Value::Unit(u), Value::Unit(v))
            if matches!(op, Operator::Add | Operator::Subtract) && u.r#type() == v.r#type() =>
        {
            sum(op, *u, *v).map(Value::Unit).ok_or_else(|| impossible(op, a, b, place).into())
        }
        (Value::Unit(u), Value::Number(n)) if matches!(op, Operator::Multiply | Operator::Divide) => {
            scale(op, *u, *n).map(Value::Unit).ok_or_else(|| impossible(op, a, b, place).into())
        }
        (Value::Number(n), Value::Unit(u)) if op == Operator::Multiply => {
            scale(op, *u, *n).map(Value::Unit).ok_or_else(|| impossible(op, a, b, place).into())
        }
        _ => Err(mismatch(op, a, b, places, place).into()),
    }
}

fn impossible(op: Operator, a: &Value, b: &Value, place: Place) -> Box<ExprError> {
    let text = |v: &Value| v.to_text().unwrap_or_default();
    let summary = format!("{} {} {} is negative, not whole, or too large", text(a), op.symbol(), text(b));
    ExprError::new(&codes::TYPE, place, summary)
}

macro_rules! same {
    ($u:expr, $v:expr, $method:ident, $make:expr) => {
        match ($u, $v) {
            (Unit::Size(a), Unit::Size(b)) => a.$method(b).map($make(Unit::Size)),
            (Unit::Throughput(a), Unit::Throughput(b)) => a.$method(b).map($make(Unit::Throughput)),
            (Unit::Bandwidth(a), Unit::Bandwidth(b)) => a.$method(b).map($make(Unit::Bandwidth)),
            (Unit::Duration(a), Unit::Duration(b)) => a.$method(b).map($make(Unit::Duration)),
            (Unit::Money(a), Unit::Money(b)) => a.$method(b).map($make(Unit::Money)),
            _ => None,
        }
    };
}

fn keep<T, R>(f: fn(T) -> R) -> fn(T) -> R {
    f
}

fn ratio(u: Unit, v: Unit) -> Option<Decimal> {
    match (u, v) {
        (Unit::Size(a), Unit::Size(b)) => a.ratio(b),
        (Unit::Throughput(a), Unit::Throughput(b)) => a.ratio(b),
        (Unit::Bandwidth(a), Unit::Bandwidth(b)) => a.ratio(b),
        (Unit::Duration(a), Unit::Duration(b)) => a.ratio(b),
        (Unit::Money(a), Unit::Money(b)) => a.ratio(b),
        _ => None,
    }
}

pub(crate) fn sum(op: Operator, u: Unit, v: Unit) -> Option<Unit> {
    if op == Operator::Add { same!(u, v, checked_add, keep) } else { same!(u, v, checked_sub, keep) }
}

fn scale(op: Operator, u: Unit, n: Decimal) -> Option<Unit> {
    let multiply = op == Operator::Multiply;
    match u {
        Unit::Size(a) => if multiply { a.checked_mul(n) } else { a.checked_div(n) }.map(Unit::Size),
        Unit::Throughput(a) => if multiply { a.checked_mul(n) } else { a.checked_div(n) }.map(Unit::Throughput),
        Unit::Bandwidth(a) => if multiply { a.checked_mul(n) } else { a.checked_div(n) }.map(Unit::Bandwidth),
        Unit::Duration(a) => if multiply { a.checked_mul(n) } else { a.checked_div(n) }.map(Unit::Duration),
        Unit::Money(a) => if multiply { a.checked_mul(n) } else { a.checked_div(n) }.map(Unit::Money),
    }
}
