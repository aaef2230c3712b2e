//! The functions of expressions: one table, used by the evaluator, the docs, `dlinfra functions` and the tests.

mod aws;
mod collections;
mod encoding;
mod numbers;
mod table;
mod text;

use std::rc::Rc;

use rust_decimal::Decimal;

use super::eval::{Evaluator, later, null_error, too_large, unknown_error};
use super::value::{List, Map, TooLarge, Value};
use super::{ExprError, Outcome, Place};
use crate::expression::codes;
use crate::expression::types::Type;

pub(crate) use encoding::digest;
pub(crate) use table::FUNCTIONS;

/// One function.
#[derive(Debug)]
pub struct Function {
    /// `join`
    pub name: &'static str,
    /// `join(separator, list)`
    pub signature: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// An expression that calls it.
    pub example: &'static str,
    /// The value of the example as JSON; empty when it depends on files or on the catalog.
    pub result: &'static str,
    pub(crate) min: usize,
    pub(crate) max: Option<usize>,
    pub(crate) unknown: OnUnknown,
    pub(crate) returns: fn(&[Value]) -> Type,
    pub(crate) run: fn(&Evaluator<'_>, &Arguments<'_>) -> Outcome<Value>,
}

/// What a function does with parts of its arguments that are not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnUnknown {
    /// Any unknown part postpones the whole call.
    Postpone,
    /// Only the shape matters: unknown elements pass through.
    Pass,
    /// It decides something now, so everything must be known.
    Refuse,
    /// The evaluator itself does it, one argument at a time.
    Lazy,
}

/// The evaluated arguments of a call.
pub(crate) struct Arguments<'a> {
    pub(crate) values: Vec<Value>,
    /// Where each was written; a spread list has one place.
    pub(crate) places: &'a [Place],
    pub(crate) place: Place,
}

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

/// Whether arguments after the first may stay uncomputed.
pub(crate) fn is_lazy(f: &Function) -> bool {
    f.unknown == OnUnknown::Lazy
}

/// What functions of other languages are called here.
pub(crate) fn other_names(name: &str) -> Option<&'static str> {
    Some(match name {
        "tolist" => "every list is a list already; `toset` drops repetitions",
        "tobool" | "tomap" => "compare or build the value: `x == \"true\"`, `{ key = x }`",
        "formatlist" => "write `[for x in list : format(\"…\", x)]`",
        "substr" => "use `regex(\"^.{4}\", text)`, `trimprefix` or `split`",
        "timestamp" | "uuid" | "random" | "now" => "a blueprint says the same each time; pass such values with `--var`",
        "env" | "getenv" => "declare a variable and set `DLINFRA_VAR_NAME`",
        "len" | "count" | "size_of" => "write `length(x)`",
        "int" | "number" | "float" => "write `tonumber(text)`",
        "str" | "string" => "write `tostring(x)`",
        "filebase64" => "write `base64encode(file(\"name\"))`",
        "any" => "write `anytrue([…])`",
        "all" => "write `alltrue([…])`",
        "union" => "write `setunion(a, b)`",
        _ => return None,
    })
}

/// Calls a function, or postpones it.
pub(crate) fn call(evaluator: &Evaluator<'_>, function: &'static Function, args: &Arguments<'_>) -> Outcome<Value> {
    let count = args.values.len();
    if count < function.min || function.max.is_some_and(|max| count > max) {
        let e =
            ExprError::new(&codes::ARGUMENTS, args.place, format!("`{}` is given {count} arguments", function.name));
        return Err(e.label(format!("it is {}", function.signature)).into());
    }
    match function.unknown {
        OnUnknown::Postpone if args.values.iter().any(Value::has_unknown) => {
            return later((function.returns)(&args.values), function.name, &args.values, args.place);
        }
        OnUnknown::Pass if args.values.iter().any(|v| matches!(v, Value::Unknown(_))) => {
            return later((function.returns)(&args.values), function.name, &args.values, args.place);
        }
        OnUnknown::Refuse => {
            for (i, v) in args.values.iter().enumerate() {
                if let Value::Unknown(u) = v {
                    return Err(unknown_error(u, args.at(i), &format!("`{}`", function.name)).into());
                }
            }
        }
        _ => {}
    }
    if !matches!(function.name, "length" | "lookup" | "element" | "range") {
        let parts = args.values.iter().fold(0, |sum: u64, v| sum.saturating_add(v.weight()));
        evaluator.spend_on(parts, args.place)?;
    }
    (function.run)(evaluator, args).map_err(|e| match e {
        super::Fail::Error(mut e) if e.help.is_empty() && e.code == &codes::ARGUMENTS => {
            e.help.push(format!("for example `{}`", function.example));
            super::Fail::Error(e)
        }
        e => e,
    })
}

impl Arguments<'_> {
    pub(crate) fn at(&self, i: usize) -> Place {
        self.places.get(i).copied().unwrap_or(self.place)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// An argument that does not fit.
    pub(crate) fn wrong(&self, i: usize, summary: impl Into<String>) -> Box<ExprError> {
        ExprError::new(&codes::ARGUMENTS, self.at(i), summary)
    }

    fn mismatch(&self, i: usize, want: &str) -> Box<ExprError> {
        let Some(v) = self.values.get(i) else { return self.wrong(i, "an argument is missing") };
        if let Value::Null(n) = v {
            return null_error(n, self.at(i), &format!("this argument is {want}, not null"))
                .help("give it a default with `coalesce`");
        }
        self.wrong(i, format!("this argument is {want}, not {}", v.noun()))
    }

    pub(crate) fn value(&self, i: usize) -> &Value {
        // Every function takes at least one argument, and `call` has counted them.
        self.values.get(i).unwrap_or(&self.values[0])
    }

    pub(crate) fn text(&self, i: usize) -> Outcome<Rc<str>> {
        match self.values.get(i).and_then(Value::to_text) {
            Some(text) => Ok(text),
            None => Err(self.mismatch(i, "text").into()),
        }
    }

    pub(crate) fn number(&self, i: usize) -> Outcome<Decimal> {
        match self.values.get(i) {
            Some(Value::Number(n)) => Ok(*n),
            _ => Err(self.mismatch(i, "a number").into()),
        }
    }

    pub(crate) fn int(&self, i: usize) -> Outcome<i64> {
        match self.values.get(i).and_then(Value::as_int) {
            Some(n) => Ok(n),
            None => Err(self.mismatch(i, "a whole number").into()),
        }
    }

    pub(crate) fn list(&self, i: usize) -> Outcome<&List> {
        match self.values.get(i) {
            Some(Value::List(l)) => Ok(l),
            Some(Value::Map(_)) => {
                Err(self.mismatch(i, "a list").help("write `values(mapping)` or `keys(mapping)`").into())
            }
            _ => Err(self.mismatch(i, "a list").into()),
        }
    }

    pub(crate) fn map(&self, i: usize) -> Outcome<&Map> {
        match self.values.get(i) {
            Some(Value::Map(m)) => Ok(m),
            _ => Err(self.mismatch(i, "a mapping").into()),
        }
    }

    pub(crate) fn made(&self, made: Result<Value, TooLarge>) -> Outcome<Value> {
        made.map_err(|TooLarge| too_large(self.place).into())
    }

    pub(crate) fn made_text(&self, text: &str) -> Outcome<Value> {
        if text.len() > super::value::MAX_TEXT {
            return Err(super::eval::too_long(self.place).into());
        }
        Ok(Value::text(text))
    }
}
