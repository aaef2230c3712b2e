//! Declarations of variables, inputs and outputs.

use std::rc::Rc;
use std::sync::Arc;

use super::codes;
use super::declare::{Declarer, Input, Output};
use super::keys;
use super::source::{Entry, NodeKind};
use crate::diagnostic::Diagnostic;
use crate::expression::{Bounds, Type, TypeError, Value};

impl Declarer<'_> {
    fn text<'n>(&mut self, e: &'n Entry) -> Option<&'n str> {
        match e.value.scalar() {
            Some(s) if s.template.is_none() && !s.is_null() => Some(&s.text),
            _ => {
                let d = Diagnostic::error(&codes::DECLARATION, format!("`{}` takes plain text", e.key.text))
                    .with_label(self.label(e.value.span));
                self.report(d);
                None
            }
        }
    }

    fn r#type(&mut self, e: &Entry) -> Type {
        let Some(text) = self.text(e) else { return Type::Any };
        match text.parse() {
            Ok(t) => t,
            Err(problem) => {
                let problem: TypeError = problem;
                let d = Diagnostic::error(&codes::DECLARATION, format!("`{text}` is not a type: {problem}"))
                    .with_label(self.label(e.value.span));
                self.report(d);
                Type::Any
            }
        }
    }

    pub(super) fn input(&mut self, name: &Rc<str>, entry: Entry) -> Input {
        let span = entry.key_span;
        let mut input = Input {
            name: name.clone(),
            span,
            r#type: Type::Any,
            optional: false,
            default: None,
            one_of: None,
            description: String::new(),
            broken: false,
        };
        let before = self.problems.len();
        let NodeKind::Mapping(entries) = entry.value.kind else {
            let d = Diagnostic::error(&codes::DECLARATION, format!("`{name}` is declared by a mapping with `type`"))
                .with_label(self.label(span))
                .with_help(format!("write `{name}: {{ type: string }}`"));
            self.report(d);
            input.broken = true;
            return input;
        };
        self.check_keys(&entries, keys::VARIABLE, "in a declaration");
        if !entries.iter().any(|e| &*e.key.text == "type") {
            let d = Diagnostic::error(&codes::DECLARATION, format!("`{name}` has no type"))
                .with_label(self.label(span))
                .with_help("add `type: string`, or int, bool, size, list(string), ref(subnet), …");
            self.report(d);
        }
        let mut bounds = Bounds::default();
        let mut bounds_at = None;
        for e in entries {
            match &*e.key.text {
                "type" => input.r#type = self.r#type(&e),
                "optional" => match self.text(&e) {
                    Some("true") => input.optional = true,
                    Some("false") | None => {}
                    Some(other) => {
                        let d = Diagnostic::error(
                            &codes::DECLARATION,
                            format!("`optional` is `true` or `false`, not `{other}`"),
                        )
                        .with_label(self.label(e.value.span));
                        self.report(d);
                    }
                },
                "description" => input.description = self.text(&e).unwrap_or_default().to_string(),
                "min" | "max" => {
                    let text = self.text(&e).map(str::to_string);
                    if &*e.key.text == "min" {
                        bounds.min = text;
                    } else {
                        bounds.max = text;
                    }
                    bounds_at = Some(e.value.span);
                }
                "default" => {
                    if e.value.is_null() {
                        input.optional = true;
                    } else {
                        input.default = Some(e.value);
                    }
                }
                "one_of" => input.one_of = self.one_of(&e),
                _ => {}
            }
        }
        if let Some(at) = bounds_at {
            if matches!(input.r#type, Type::Int | Type::Number) || input.r#type.is_unit() {
                input.r#type = Type::Bounded(Arc::new(input.r#type), bounds);
            } else {
                let d =
                    Diagnostic::error(&codes::DECLARATION, "`min` and `max` are for numbers and values with a unit")
                        .with_label(self.label(at));
                self.report(d);
            }
        }
        input.broken = self.problems.len() > before;
        input
    }

    fn one_of(&mut self, e: &Entry) -> Option<Vec<Value>> {
        let NodeKind::Sequence(items) = &e.value.kind else {
            let d = Diagnostic::error(&codes::DECLARATION, "`one_of` takes a list")
                .with_label(self.label(e.value.span))
                .with_help("write `one_of: [small, large]`");
            self.report(d);
            return None;
        };
        let mut all = Vec::new();
        for item in items {
            match item.scalar() {
                Some(s) if s.template.is_none() => all.push(Value::text(&s.text)),
                _ => {
                    let d = Diagnostic::error(&codes::DECLARATION, "`one_of` lists plain values")
                        .with_label(self.label(item.span));
                    self.report(d);
                }
            }
        }
        Some(all)
    }

    pub(super) fn output(&mut self, name: Rc<str>, e: Entry) -> Output {
        let mut output = Output { name, node: e.value, r#type: None, description: String::new() };
        if output.node.get("value").is_none() {
            return output;
        }
        let NodeKind::Mapping(entries) = std::mem::replace(&mut output.node.kind, NodeKind::Sequence(Vec::new()))
        else {
            return output;
        };
        self.check_keys(&entries, keys::OUTPUT, "in an output");
        for e in entries {
            match &*e.key.text {
                "type" => output.r#type = Some(self.r#type(&e)),
                "description" => output.description = self.text(&e).unwrap_or_default().to_string(),
                "value" => output.node = e.value,
                _ => {}
            }
        }
        output
    }
}
