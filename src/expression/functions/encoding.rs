//! Functions that encode, decode, digest and quote.

use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::Arguments;
use crate::expression::codes;
use crate::expression::value::{MAX_TEXT, Value, number_to_json};
use crate::expression::{Evaluator, ExprError, Outcome, Place};

type Args<'a, 'b> = &'a Arguments<'b>;

/// Plain data with its nulls; pointers have no place in it.
fn plain(e: &Evaluator<'_>, v: &Value, at: Place) -> Outcome<Json> {
    Ok(match v {
        Value::Null(_) => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => number_to_json(*n),
        Value::List(l) => Json::Array(l.items().iter().map(|v| plain(e, v, at)).collect::<Outcome<_>>()?),
        Value::Map(m) => Json::Object(
            m.entries().iter().map(|(k, v)| Ok((k.0.to_string(), plain(e, v, at)?))).collect::<Outcome<_>>()?,
        ),
        Value::Module(m) => plain(e, &e.env.module_value(m, at)?, at)?,
        Value::Secret(_) | Value::Script(_) => {
            return Err(ExprError::new(&codes::TYPE, at, format!("{} cannot be encoded", v.noun())).into());
        }
        other => Json::String(e.text_of(other, at)?.to_string()),
    })
}

pub(super) fn jsonencode(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(&plain(e, a.value(0), a.at(0))?.to_string())
}

pub(super) fn jsondecode(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    match serde_json::from_str::<Json>(&a.text(0)?) {
        Ok(json) => a.made(Value::from_json(&json)),
        Err(e) => Err(a.wrong(0, format!("this is not JSON: {e}")).help("for example `jsondecode(\"[1]\")`").into()),
    }
}

pub(super) fn yamlencode(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let json = plain(e, a.value(0), a.at(0))?;
    let mut out = String::new();
    yaml(&json, 0, &mut out);
    a.made_text(&out)
}

/// Block style; text always in double quotes, so that no YAML reader takes it for anything else.
fn yaml(v: &Json, depth: usize, out: &mut String) {
    if out.len() > MAX_TEXT {
        return;
    }
    let indent = "  ".repeat(depth);
    match v {
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                nested(item, depth, out);
            }
        }
        Json::Object(entries) if !entries.is_empty() => {
            for (k, item) in entries {
                let _ = write!(out, "{indent}{}:", Json::String(k.clone()));
                nested(item, depth, out);
            }
        }
        scalar => {
            let _ = writeln!(out, "{indent}{scalar}");
        }
    }
}

fn nested(v: &Json, depth: usize, out: &mut String) {
    let block = match v {
        Json::Array(items) => !items.is_empty(),
        Json::Object(entries) => !entries.is_empty(),
        _ => false,
    };
    if block {
        out.push('\n');
        yaml(v, depth + 1, out);
    } else {
        let _ = writeln!(out, " {v}");
    }
}

pub(super) fn base64encode(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(&base64::engine::general_purpose::STANDARD.encode(a.text(0)?.as_bytes()))
}

pub(super) fn sha256(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::text(&digest(a.text(0)?.as_bytes())))
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

pub(super) fn shellquote(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    if let Value::List(l) = a.value(0) {
        let words = l.items().iter().filter(|v| !v.is_null()).map(|v| Ok(quote(&e.text_of(v, a.at(0))?)));
        return a.made_text(&words.collect::<Outcome<Vec<_>>>()?.join(" "));
    }
    a.made_text(&quote(&a.text(0)?))
}
