//! Request parameters that know which of them were read, so that none is ignored in silence.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// How a service words its complaints about input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputErrors {
    pub(crate) missing: &'static str,
    pub(crate) invalid: &'static str,
}

impl InputErrors {
    /// One code for both.
    pub(crate) const fn both(code: &'static str) -> Self {
        Self { missing: code, invalid: code }
    }
}

/// One structure of a request. Readers take fields out; what is left when it is dropped was not understood.
#[derive(Debug)]
pub(crate) struct Params {
    path: String,
    fields: Map<String, Value>,
    unread: Rc<RefCell<Vec<String>>>,
    /// The names that were asked for at the top of the request, given or not.
    asked: Rc<RefCell<BTreeSet<String>>>,
    words: InputErrors,
}

impl Params {
    pub(crate) fn new(fields: Map<String, Value>, words: InputErrors) -> Self {
        Self { path: String::new(), fields, unread: Rc::default(), asked: Rc::default(), words }
    }

    /// Where the names of unread parameters arrive, once this and all structures taken from it are dropped.
    pub(crate) fn unread(&self) -> Rc<RefCell<Vec<String>>> {
        Rc::clone(&self.unread)
    }

    /// What was not read yet, as it came.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Where the names arrive that are asked for at the top of the request.
    pub(crate) fn asked(&self) -> Rc<RefCell<BTreeSet<String>>> {
        Rc::clone(&self.asked)
    }

    /// The names of what was given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    /// The full names of what was given under names that are not among these.
    pub(crate) fn besides(&self, known: &BTreeSet<&str>) -> Vec<String> {
        let mut out = Vec::new();
        for (name, value) in self.fields.iter().filter(|(name, _)| !known.contains(name.as_str())) {
            leaves(name, value, &mut out);
        }
        out
    }

    fn ask(&self, field: &str) {
        // Held against the list of parameters where debug assertions are on.
        if cfg!(debug_assertions) && self.path.is_empty() && !self.asked.borrow().contains(field) {
            self.asked.borrow_mut().insert(field.to_owned());
        }
    }

    /// A structure inside of this one.
    fn inner(&self, path: String, fields: Map<String, Value>) -> Self {
        Self { path, fields, unread: Rc::clone(&self.unread), asked: Rc::clone(&self.asked), words: self.words }
    }

    /// The full name of a field, for messages.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.ask(field);
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// A text that is to be read later.
    pub(crate) fn peek(&self, field: &str) -> Option<&str> {
        self.ask(field);
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Refuses characters that XML cannot say: an answer that repeats them could not be read by anybody.
    pub(crate) fn fit_for_xml(&self) -> Result<(), ApiError> {
        self.fields.iter().try_for_each(|(field, value)| self.sayable(field, value))
    }

    fn sayable(&self, field: &str, value: &Value) -> Result<(), ApiError> {
        let unsayable =
            |ch: char| matches!(ch, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
        match value {
            Value::String(text) => match text.chars().find(|ch| unsayable(*ch)) {
                Some(ch) => {
                    let shown = text.escape_debug();
                    let why =
                        format!("The character U+{:04X} cannot stand in XML, which the answers are", u32::from(ch));
                    Err(self.invalid(field, shown, why))
                }
                None => Ok(()),
            },
            Value::Array(items) => items.iter().try_for_each(|item| self.sayable(field, item)),
            Value::Object(map) => map.iter().try_for_each(|(key, item)| self.sayable(&format!("{field}.{key}"), item)),
            _ => Ok(()),
        }
    }

    /// The field as it came, for values whose structure is free.
    pub(crate) fn raw(&mut self, field: &str) -> Option<Value> {
        self.ask(field);
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    pub(crate) fn missing(&self, field: &str) -> ApiError {
        ApiError::bad(self.words.missing, format!("The request must contain the parameter {}", self.name(field)))
    }

    pub(crate) fn invalid(&self, field: &str, value: impl std::fmt::Display, why: impl std::fmt::Display) -> ApiError {
        ApiError::bad(
            self.words.invalid,
            format!("Value ({value}) for parameter {} is invalid. {why}", self.name(field)),
        )
    }

    pub(crate) fn text_opt(&mut self, field: &str) -> Result<Option<String>, ApiError> {
        match self.raw(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.invalid(field, other, "A string is expected.")),
        }
    }

    pub(crate) fn text(&mut self, field: &str) -> Result<String, ApiError> {
        self.text_opt(field)?.ok_or_else(|| self.missing(field))
    }

    pub(crate) fn int_opt(&mut self, field: &str) -> Result<Option<i64>, ApiError> {
        match self.raw(field) {
            None => Ok(None),
            Some(Value::String(text)) => {
                text.parse().map(Some).map_err(|_| self.invalid(field, &text, "An integer is expected."))
            }
            Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
            Some(other) => Err(self.invalid(field, other, "An integer is expected.")),
        }
    }

    pub(crate) fn int(&mut self, field: &str) -> Result<i64, ApiError> {
        self.int_opt(field)?.ok_or_else(|| self.missing(field))
    }

    pub(crate) fn number_opt(&mut self, field: &str) -> Result<Option<f64>, ApiError> {
        let found = self.raw(field);
        found.map(|value| number(&value).ok_or_else(|| self.invalid(field, value, "A number is expected."))).transpose()
    }

    pub(crate) fn numbers(&mut self, field: &str) -> Result<Vec<f64>, ApiError> {
        let mut out = Vec::new();
        for (label, value) in self.items(field) {
            out.push(number(&value).ok_or_else(|| self.invalid(&label, value, "A number is expected."))?);
        }
        Ok(out)
    }

    /// Seconds since 1970 in JSON and CBOR, a date in forms.
    pub(crate) fn time_opt(&mut self, field: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(value) = self.raw(field) else { return Ok(None) };
        let seconds = number(&value).and_then(|seconds| Timestamp::from_millisecond((seconds * 1e3) as i64).ok());
        let found = seconds.or_else(|| value.as_str()?.parse().ok());
        found.map(Some).ok_or_else(|| self.invalid(field, value, "A time is expected."))
    }

    pub(crate) fn flag_opt(&mut self, field: &str) -> Result<Option<bool>, ApiError> {
        match self.raw(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(self.invalid(field, other, "A boolean is expected.")),
        }
    }

    /// A flag that is false when absent.
    pub(crate) fn flag(&mut self, field: &str) -> Result<bool, ApiError> {
        Ok(self.flag_opt(field)?.unwrap_or(false))
    }

    /// A list in any of the wire forms: an array, `Name.1`, `Name.member.1`, or one scalar.
    fn items(&mut self, field: &str) -> Vec<(String, Value)> {
        let label = self.name(field);
        match self.raw(field) {
            // `Name=` is how the query protocol writes an empty list.
            None => Vec::new(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(Value::Array(values)) => {
                values.into_iter().enumerate().map(|(i, value)| (format!("{label}.{}", i + 1), value)).collect()
            }
            Some(Value::Object(map)) => {
                let map = match map.get("member") {
                    Some(Value::Object(inner)) if map.len() == 1 => inner.clone(),
                    _ => map,
                };
                let mut items: Vec<_> = map.into_iter().collect();
                items.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
                items.into_iter().map(|(key, value)| (format!("{label}.{key}"), value)).collect()
            }
            Some(scalar) => vec![(label, scalar)],
        }
    }

    pub(crate) fn texts(&mut self, field: &str) -> Result<Vec<String>, ApiError> {
        let mut out = Vec::new();
        for (label, value) in self.items(field) {
            match value {
                Value::String(text) => out.push(text),
                other => {
                    return Err(ApiError::bad(
                        self.words.invalid,
                        format!("Value ({other}) for parameter {label} is invalid. A string is expected."),
                    ));
                }
            }
        }
        Ok(out)
    }

    pub(crate) fn structs(&mut self, field: &str) -> Result<Vec<Params>, ApiError> {
        let mut out = Vec::new();
        for (path, value) in self.items(field) {
            match value {
                Value::Object(fields) => {
                    out.push(self.inner(path, fields));
                }
                other => {
                    return Err(ApiError::bad(
                        self.words.invalid,
                        format!("Value ({other}) for parameter {path} is invalid. A structure is expected."),
                    ));
                }
            }
        }
        Ok(out)
    }

    pub(crate) fn child_opt(&mut self, field: &str) -> Result<Option<Params>, ApiError> {
        match self.raw(field) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(self.inner(self.name(field), fields))),
            Some(other) => Err(self.invalid(field, other, "A structure is expected.")),
        }
    }

    pub(crate) fn child(&mut self, field: &str) -> Result<Params, ApiError> {
        self.child_opt(field)?.ok_or_else(|| self.missing(field))
    }

    /// A structure that was taken out raw, to be read after all; what it leaves unread is refused too.
    pub(crate) fn adopt(&self, field: &str, fields: Map<String, Value>) -> Params {
        self.inner(self.name(field), fields)
    }

    /// Adds fields that came in a body of another kind.
    pub(crate) fn take_over(&mut self, fields: Map<String, Value>) {
        self.fields.extend(fields);
    }

    /// Every field that is left, as it came (maps such as JSON tag maps).
    pub(crate) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.fields)
    }

    /// The request as given, for comparing a repeated client token; take it before reading.
    pub(crate) fn fingerprint(&self) -> String {
        let sorted: std::collections::BTreeMap<_, _> = self.fields.iter().collect();
        serde_json::to_string(&sorted).unwrap_or_default()
    }
}

/// A number, also as a form writes it.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
}

/// The full names of everything inside of a value.
fn leaves(path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                leaves(&format!("{path}.{key}"), inner, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        let fields = std::mem::take(&mut self.fields);
        let mut unread = self.unread.borrow_mut();
        for (field, value) in &fields {
            leaves(&self.name(field), value, &mut unread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: InputErrors = InputErrors { missing: "MissingParameter", invalid: "InvalidParameterValue" };

    fn params(form: &str) -> Params {
        Params::new(crate::wire::form::tree(form), WORDS)
    }

    #[test]
    fn lists_are_in_numeric_order_in_every_form() {
        let form: String = (1..=11).map(|i| format!("Id.{i}=v{i}&")).collect();
        assert_eq!(params(&form).texts("Id").unwrap()[9], "v10");
        assert_eq!(params("Tags.member.1=a&Tags.member.2=b").texts("Tags").unwrap(), ["a", "b"]);
        assert!(params("Tags=").texts("Tags").unwrap().is_empty());
    }

    #[test]
    fn what_was_not_read_is_named_in_full() {
        let mut outer = params("A=1&B.C=2&B.D=3&F.1.X=4");
        let unread = outer.unread();
        outer.text("A").unwrap();
        outer.child("B").unwrap().text("C").unwrap();
        drop(outer.structs("F").unwrap());
        drop(outer);
        assert_eq!(*unread.borrow(), ["B.D", "F.1.X"]);
    }
}
