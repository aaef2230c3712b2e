//! The tree against types: every scalar read as its field's type, every problem reported, every position kept.
//!
//! One file: the check of each form of type stands beside the others, so that all forms report alike.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::codes;
use super::source::{Entry, Node, NodeKind, Scalar, Span, Style, label, label_inside};
use crate::diagnostic::{Code, Diagnostic, Label, SourceFile, suggestion};
use crate::expression::{
    Env, Evaluator, ExprError, Fail, Field, Key, Null, ObjectType, Outcome, Place, Purpose, Target, Type, Unknown,
    Value, null_error, shorten, too_large, unknown_error,
};

/// Problems of a value, which belong to whoever wrote it; others are the expression's own.
const BLAMES_VALUE: [&Code; 11] = [
    &codes::ARGUMENTS,
    &codes::TYPE,
    &codes::LIMIT,
    &codes::UNKNOWN,
    &codes::UNKNOWN_KEY,
    &codes::FIELD_TYPE,
    &codes::UNIT,
    &codes::REFERENCE,
    &codes::ONE_OF,
    &codes::RANGE,
    &codes::FILE,
];

/// Whether a label is about the node that the other one points into.
fn same_place(label: &Label, here: &Label, source: &Arc<SourceFile>, node: &Node) -> bool {
    Arc::ptr_eq(&label.source, source) && (label.span == node.span.range() || label.span == here.span)
}

/// Finds where the value at a place of a node was written; the steps lead to the part of it that is wrong.
type Origin<'o> = dyn Fn(&Node, Place, Option<&[Rc<str>]>) -> Vec<Label> + 'o;

/// One pass over some nodes of one file.
pub(crate) struct Checker<'a> {
    pub(crate) env: &'a dyn Env,
    pub(crate) source: &'a Arc<SourceFile>,
    pub(crate) purpose: Purpose,
    pub(crate) siblings: &'a dyn Fn(&str) -> bool,
    pub(crate) address: Option<&'a str>,
    pub(crate) problems: RefCell<Vec<Diagnostic>>,
    /// The elements of lists that are left out because they cannot be read; without it, one fails the whole list.
    left_out: Option<RefCell<Vec<(String, usize)>>>,
    /// Where the value of a node was written, author's line first; nothing when that is the node.
    pub(crate) origin: Option<&'a Origin<'a>>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(env: &'a dyn Env, source: &'a Arc<SourceFile>, purpose: Purpose) -> Self {
        Checker {
            env,
            source,
            purpose,
            siblings: &|_| false,
            address: None,
            problems: RefCell::default(),
            left_out: None,
            origin: None,
        }
    }

    /// The same for one resource, with problems of its own.
    pub(crate) fn at(&self, address: &'a str) -> Checker<'a> {
        Checker { address: Some(address), problems: RefCell::default(), left_out: None, ..*self }
    }

    /// The same, reading what can be read of lists.
    pub(crate) fn leaving_out(self) -> Self {
        Checker { left_out: Some(RefCell::default()), ..self }
    }

    pub(crate) fn left_out(&self) -> Vec<(String, usize)> {
        self.left_out.as_ref().map(RefCell::take).unwrap_or_default()
    }

    pub(crate) fn report(&self, mut d: Diagnostic) -> Fail {
        if d.address.is_none() {
            d.address = self.address.map(str::to_string);
        }
        self.problems.borrow_mut().push(d);
        Fail::Reported
    }

    /// An error of a scalar, positioned inside of it when it has expressions.
    #[allow(clippy::boxed_local, reason = "errors are boxed everywhere")]
    fn report_in(&self, node: &Node, mut e: Box<ExprError>) -> Fail {
        let also = std::mem::take(&mut e.also);
        for e in std::iter::once(*e).chain(also) {
            let at = match &node.kind {
                NodeKind::Scalar(s) if s.template.is_some() => label_inside(self.source, node.span, s, e.place, ""),
                _ => label(self.source, node.span, ""),
            };
            let blamed = BLAMES_VALUE.contains(&e.code);
            let part = blamed.then_some(e.steps.as_slice());
            let written = self.origin.map(|origin| origin(node, e.place, part)).unwrap_or_default();
            let mut d = e.into_diagnostic(at);
            if !written.is_empty() && !d.labels.is_empty() {
                let here = d.labels.remove(0);
                let mut labels = written;
                labels.retain(|l| l.primary || !same_place(l, &here, self.source, node));
                let here = if here.text.is_empty() { here.with_text("used here") } else { here };
                labels.push(here.as_secondary());
                labels.append(&mut d.labels);
                d.labels = labels;
            }
            self.report(d);
        }
        Fail::Reported
    }

    /// Refuses what AWS decides where it must be known now, pointing at the attribute.
    pub(crate) fn refuse_unknown(&self, node: &Node, unknown: &Unknown, what: &str) -> Fail {
        let template = node.scalar().and_then(|s| s.template.as_ref());
        let place = match template.and_then(|t| t.single()) {
            Some(e) => Evaluator::new(self.env).culprit(e, None),
            None => node.scalar().map_or(Place::default(), |s| Place::whole(&s.text)),
        };
        self.report_in(node, unknown_error(unknown, place, what))
    }

    /// Makes an error of an evaluation a report, and lets the rest through.
    pub(crate) fn settle<T>(&self, node: &Node, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|f| match f {
            Fail::Error(e) => self.report_in(node, e),
            f => f,
        })
    }

    fn target(&'a self, node: &Node, path: &'a str) -> Target<'a> {
        let place = node.scalar().map_or(Place::default(), |s| Place::whole(&s.text));
        let field = if path.is_empty() { "this value" } else { path };
        Target { env: self.env, purpose: self.purpose, place, field, siblings: self.siblings }
    }

    /// The value of a node as a type.
    pub(crate) fn convert(&self, node: &Node, want: &Type, path: &str) -> Outcome<Value> {
        match &node.kind {
            NodeKind::Scalar(s) => self.settle(node, self.scalar(node, s, want, path)),
            NodeKind::Sequence(items) => self.sequence(node, items, want, path),
            NodeKind::Mapping(entries) => self.mapping(node, entries, want, path),
        }
    }

    fn scalar(&self, node: &Node, s: &Scalar, want: &Type, path: &str) -> Outcome<Value> {
        let target = self.target(node, path);
        if let Some(template) = &s.template {
            let value = match Evaluator::new(self.env).template(template, None)? {
                // What an expression makes null is not written; only the author writes null.
                Value::Null(Null::Written) => Value::Null(Null::Expression),
                value => value,
            };
            let place = template.single().map_or(target.place, |e| e.place);
            return Target { place, ..target }.coerce(value, want).map_err(|f| match (f, template.single()) {
                (Fail::Error(mut e), Some(single)) if e.code == &codes::UNKNOWN => {
                    e.place = Evaluator::new(self.env).culprit(single, None);
                    Fail::Error(e)
                }
                (f, _) => f,
            });
        }
        if s.is_null() {
            return Ok(Value::Null(Null::Written));
        }
        if matches!(want.unbounded(), Type::Any) && s.style == Style::Plain {
            return core_schema(&s.text, target.place);
        }
        target.coerce(Value::text(&s.text), want)
    }

    /// The alternative of several types that a collection is meant to be.
    fn choose<'t>(&self, node: &Node, want: &'t Type) -> &'t Type {
        let Type::AnyOf(all) = want.unbounded() else { return want.unbounded() };
        let score = |t: &Type| match (&node.kind, t.unbounded()) {
            (NodeKind::Sequence(_), Type::List(_)) => 2,
            (NodeKind::Mapping(entries), Type::Object(o)) => {
                let known = entries.iter().filter(|e| o.fields.contains_key(&*e.key.text)).count();
                if known == entries.len() { 4 } else { 1 + i32::from(known > 0) * 2 }
            }
            (NodeKind::Mapping(_), Type::Map(_)) => 2,
            (_, Type::Any) => 1,
            _ => 0,
        };
        let mut best = all.first().unwrap_or(want);
        for t in all.iter() {
            if score(t) > score(best) {
                best = t;
            }
        }
        best.unbounded()
    }

    fn wrong_shape(&self, node: &Node, want: &Type, path: &str) -> Fail {
        let field = if path.is_empty() { "this value" } else { path };
        let mut d =
            Diagnostic::error(&codes::FIELD_TYPE, format!("`{field}` takes {}, not {}", want.noun(), node.noun()))
                .with_label(label(self.source, node.span, ""));
        if !matches!(want, Type::Ref(_)) {
            d = d.with_help(format!("for example `{}`", want.example()));
        }
        self.report(d)
    }

    fn sequence(&self, node: &Node, items: &[Node], want: &Type, path: &str) -> Outcome<Value> {
        let any = Type::Any;
        let item = match self.choose(node, want) {
            Type::List(item) => item,
            Type::Any => &any,
            other => return Err(self.wrong_shape(node, other, path)),
        };
        let mut out = Vec::with_capacity(items.len());
        let mut failed = false;
        for (i, n) in items.iter().enumerate() {
            match self.convert(n, item, &format!("{path}[{i}]")) {
                Ok(Value::Null(_)) => {}
                Ok(v) => out.push(v),
                Err(f @ Fail::Need(..)) => return Err(f),
                Err(_) => match &self.left_out {
                    Some(left_out) => left_out.borrow_mut().push((path.to_string(), i)),
                    None => failed = true,
                },
            }
        }
        if failed {
            return Err(Fail::Reported);
        }
        self.settle(node, Value::list(out).map_err(|_| too_large(Place::default()).into()))
    }

    fn mapping(&self, node: &Node, entries: &[Entry], want: &Type, path: &str) -> Outcome<Value> {
        let any = Type::Any;
        let item = match self.choose(node, want) {
            Type::Object(o) => return self.object(node.span, entries, o, path, &|_| false),
            Type::Map(item) => item,
            Type::Any => &any,
            Type::Secret => {
                let value = self.mapping(node, entries, &Type::map(Type::String), path)?;
                return self.settle(node, self.target(node, path).coerce(value, &Type::Secret));
            }
            other => return Err(self.wrong_shape(node, other, path)),
        };
        let mut out = BTreeMap::new();
        let mut failed = false;
        for e in entries {
            let key = match self.key(e) {
                Ok(key) => key,
                Err(f @ Fail::Need(..)) => return Err(f),
                Err(_) => {
                    failed = true;
                    continue;
                }
            };
            match self.convert(&e.value, item, &join_path(path, &key.0)) {
                Ok(v) => {
                    if out.insert(key.clone(), v).is_some() {
                        let d = Diagnostic::error(&codes::DUPLICATE_KEY, format!("the key `{}` occurs twice", key.0));
                        self.report(d.with_label(label(self.source, e.key_span, "")));
                        failed = true;
                    }
                }
                Err(f @ Fail::Need(..)) => return Err(f),
                Err(_) => failed = true,
            }
        }
        if failed {
            return Err(Fail::Reported);
        }
        self.settle(node, Value::map(out).map_err(|_| too_large(Place::default()).into()))
    }

    /// A key that the author chose; it may be an expression of something known.
    fn key(&self, e: &Entry) -> Outcome<Key> {
        let report = |error: Box<ExprError>| {
            let at = label_inside(self.source, e.key_span, &e.key, error.place, "");
            self.report(error.into_diagnostic(at))
        };
        let Some(template) = &e.key.template else {
            if e.key.text.starts_with('$') {
                let d = Diagnostic::error(&codes::RESERVED, format!("the key `{}` starts with `$`", e.key.text))
                    .with_label(label(self.source, e.key_span, ""))
                    .with_help("keys that start with `$` are reserved");
                return Err(self.report(d));
            }
            return Ok(Key::new(&e.key.text));
        };
        let evaluator = Evaluator::new(self.env);
        let made = evaluator.template(template, None).and_then(|v| evaluator.key(&v, Place::whole(&e.key.text)));
        made.map_err(|f| match f {
            Fail::Error(error) => report(error),
            f => f,
        })
    }

    /// The fields of an object; `skip` names keys that somebody else reads.
    pub(crate) fn object(
        &self,
        at: Span,
        entries: &[Entry],
        object: &ObjectType,
        path: &str,
        skip: &dyn Fn(&str) -> bool,
    ) -> Outcome<Value> {
        let mut out = BTreeMap::new();
        let mut failed = false;
        for e in entries {
            let name = &*e.key.text;
            if skip(name) {
                continue;
            }
            let Some(field) = object.fields.get(name) else {
                self.unknown_key(e, object, path);
                failed = true;
                continue;
            };
            let inner = join_path(path, name);
            if let Some(why) = &field.deprecated {
                let d = Diagnostic::warning(&codes::DEPRECATED, format!("`{inner}` is deprecated"))
                    .with_label(label(self.source, e.key_span, ""))
                    .with_help_opt(Some(why.clone()).filter(|w| !w.is_empty()));
                self.report(d);
            }
            match self.field(e, field, &inner) {
                Ok(Some(v)) => drop(out.insert(Key::new(name), v)),
                Ok(None) => {}
                Err(f @ Fail::Need(..)) => return Err(f),
                Err(_) => failed = true,
            }
        }
        for (name, field) in &object.fields {
            if entries.iter().any(|e| &*e.key.text == name.as_str()) {
                continue;
            }
            if field.required {
                self.missing(at, name, field, path);
                failed = true;
            } else if self.purpose == Purpose::Value {
                out.insert(Key::new(name), Value::Null(Null::Expression));
            }
        }
        if failed {
            return Err(Fail::Reported);
        }
        let made = Value::map(out).map_err(|_| too_large(Place::default()));
        made.map_err(|e| self.report(e.into_diagnostic(label(self.source, at, ""))))
    }

    /// The value of a field, or nothing when an expression made it null.
    fn field(&self, e: &Entry, field: &Field, path: &str) -> Outcome<Option<Value>> {
        match self.convert(&e.value, &field.r#type, path)? {
            Value::Null(n) if field.required => {
                let place = e.value.scalar().map_or(Place::default(), |s| Place::whole(&s.text));
                let error = null_error(&n, place, &format!("`{path}` must not be null"))
                    .help(format!("write {}", article_example(&field.r#type)));
                Err(self.report_in(&e.value, error))
            }
            v @ Value::Null(Null::Written) => Ok(Some(v)),
            v @ Value::Null(_) => Ok((self.purpose == Purpose::Value).then_some(v)),
            v => Ok(Some(v)),
        }
    }

    fn unknown_key(&self, e: &Entry, object: &ObjectType, path: &str) {
        let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let mut d =
            Diagnostic::error(&codes::UNKNOWN_KEY, format!("there is no key `{}`{place}", shorten(&e.key.text)))
                .with_label(label(self.source, e.key_span, ""));
        match suggestion(&e.key.text, object.names()) {
            Some(guess) => d = d.with_help(guess),
            None if !object.fields.is_empty() => {
                let names: Vec<&str> = object.names().take(30).collect();
                d = d.with_help(format!("the keys are {}", names.join(", ")));
            }
            None => {}
        }
        self.report(d);
    }

    fn missing(&self, at: Span, name: &str, field: &Field, path: &str) {
        let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let mut d = Diagnostic::error(&codes::MISSING, format!("the key `{name}` is missing{place}"))
            .with_label(label(self.source, at, ""))
            .with_help(format!("add `{name}: {}`", field.r#type.example()));
        if !field.doc.is_empty() {
            d = d.with_detail(format!("{name}: {}", field.doc));
        }
        self.report(d);
    }
}

fn article_example(t: &Type) -> String {
    format!("{}, such as `{}`", t.noun(), t.example())
}

/// `tags.Name`, `labels["a.b"]`.
pub(crate) fn join_path(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    match (path.is_empty(), plain) {
        (true, true) => key.to_string(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// YAML 1.2's reading of plain text, refusing what would not come back as it was written.
pub(crate) fn core_schema(text: &str, place: Place) -> Outcome<Value> {
    match text {
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned.strip_prefix('.').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    let looks =
        numeric && unsigned.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) && float_like(unsigned)
            || ["0x", "0o"].iter().any(|p| {
                unsigned.strip_prefix(p).is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_hexdigit()))
            });
    if looks
        && let Ok(n) = rust_decimal::Decimal::from_str_exact(text)
        && n.normalize().to_string() == text
    {
        return Ok(Value::Number(n.normalize()));
    }
    let other = matches!(text, "True" | "TRUE" | "False" | "FALSE")
        || matches!(unsigned.to_ascii_lowercase().as_str(), ".inf" | ".nan");
    if looks || other {
        let e = ExprError::new(&codes::AMBIGUOUS, place, format!("`{text}` would not come back as it is written"));
        return Err(e.help(format!("quote it for text: \"{text}\"; or write the plain number or bool")).into());
    }
    Ok(Value::text(text))
}

/// `12`, `1.5`, `1e5`, `.5`: what YAML reads as a number; `2012-10-17` and `10.0.0.0` are not.
fn float_like(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(i) => (&unsigned[..i], Some(&unsigned[i + 1..])),
        None => (unsigned, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let good_exponent = exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    let good_mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (whole.is_empty() || digits(whole)) && (part.is_empty() || digits(part)) && mantissa.len() > 1
        }
        None => digits(mantissa),
    };
    good_exponent && good_mantissa
}
