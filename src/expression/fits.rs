//! What may become what: unknown values, shapes, texts of numbers.

use super::Value;
use super::types::Type;

/// Whether a value of one type may turn out to fit another.
pub(crate) fn may_become(from: &Type, to: &Type) -> bool {
    match (from.unbounded(), to.unbounded()) {
        (Type::Any, Type::Secret | Type::Script) => false,
        (Type::Any, _) | (_, Type::Any) => true,
        (from, Type::AnyOf(all)) => all.iter().any(|t| may_become(from, t)),
        (Type::AnyOf(all), to) => all.iter().any(|t| may_become(t, to)),
        (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => may_become(a, b),
        (Type::Object(_), Type::Map(b)) => matches!(**b, Type::Any),
        (Type::Object(a), Type::Object(b)) => {
            b.fields.iter().all(|(n, f)| a.fields.get(n).map_or(!f.required, |g| may_become(&g.r#type, &f.r#type)))
        }
        (Type::Ref(Some(a)), Type::Ref(Some(b))) => a == b,
        (Type::Ref(_), Type::Ref(_) | Type::String) | (Type::String, Type::Ref(_)) => true,
        (Type::Int, Type::Number | Type::String) => true,
        (Type::Number, Type::Int | Type::String) | (Type::Bool, Type::String) => true,
        (Type::Cidr | Type::OneOf(_), Type::String) | (Type::String, Type::Cidr | Type::OneOf(_)) => true,
        (Type::OneOf(_), Type::OneOf(_)) => true,
        (from, Type::String) if from.is_unit() => true,
        (Type::String, to) if to.is_unit() => true,
        (from, to) => from == to,
    }
}

pub(crate) fn fits_shape(value: &Value, t: &Type) -> bool {
    match (value, t.unbounded()) {
        (Value::List(_), Type::List(_)) => true,
        (Value::Map(m), Type::Object(o)) => m.entries().keys().all(|k| o.fields.contains_key(&*k.0)),
        (Value::Map(_), Type::Map(_)) => true,
        (Value::Map(_) | Value::List(_), _) => false,
        (_, Type::List(_) | Type::Map(_) | Type::Object(_)) => false,
        _ => true,
    }
}

pub(crate) fn is_instances(m: &super::Map) -> bool {
    m.entries().values().next().is_some_and(|v| matches!(v, Value::Ref(_) | Value::Module(_)))
}

/// `0`, `16`, `-3`; not `007`, `+1`, `1e3`.
pub(crate) fn plain_int(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'))
}
