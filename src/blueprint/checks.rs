//! What a module requires of its inputs: rules that every use of it must keep, told where it is used.

use std::rc::Rc;

use super::declare::Declarer;
use super::scope::{Scope, World};
use super::source::{Node, NodeKind, label};
use super::{codes, keys};
use crate::diagnostic::{Diagnostic, Severity};
use crate::expression::{Purpose, Type, Value};

/// The words for how much a broken rule matters.
const LEVELS: [(&str, Severity); 2] = [("error", Severity::Error), ("warning", Severity::Warning)];

impl Declarer<'_> {
    /// Complains about checks that cannot be read.
    pub(crate) fn checks(&mut self, node: &Node) {
        let NodeKind::Sequence(items) = &node.kind else {
            let d = Diagnostic::error(&codes::DECLARATION, format!("`checks` is a list, not {}", node.noun()));
            return self.report(d.with_label(self.label(node.span)).with_help(HELP));
        };
        for item in items {
            let whole = item.get("rule").is_some() && item.get("message").is_some();
            let level = item.get("level").and_then(Node::scalar).map(|s| &*s.text);
            if !whole || level.is_some_and(|word| LEVELS.iter().all(|(known, _)| *known != word)) {
                let d = Diagnostic::error(
                    &codes::DECLARATION,
                    "a check needs `rule` and `message`; `level` is `error` or `warning`",
                );
                self.report(d.with_label(self.label(item.span)).with_help(HELP));
            }
            self.check_keys(item.entries().unwrap_or_default(), keys::CHECK, "in a check");
        }
    }
}

const HELP: &str = "write `- rule: ${var.min <= var.max}`, below it `message: what is wrong`, and if you like `input: max` and \
                    `level: warning`";

/// Computes the checks of every module that is used.
pub(crate) fn hold(world: &World<'_>) {
    let scopes: Vec<Rc<Scope>> = world.scopes.borrow().clone();
    for scope in scopes.iter().filter(|scope| scope.call.is_some()) {
        let Some(checks) = scope.file.header.iter().find(|e| &*e.key.text == "checks") else { continue };
        if let NodeKind::Sequence(items) = &checks.value.kind {
            items.iter().for_each(|item| one(world, scope, item));
        }
    }
}

fn one(world: &World<'_>, scope: &Rc<Scope>, item: &Node) {
    let (Some(rule), Some(message), Some((parent, resource, _))) = (item.get("rule"), item.get("message"), &scope.call)
    else {
        return;
    };
    // What AWS decides is not judged.
    let holds = world.settle(scope, &None, Purpose::Value, |c| c.convert(rule, &Type::Bool, "rule"));
    if !matches!(holds, Some(Value::Bool(false))) {
        return;
    }
    let said = world.settle(scope, &None, Purpose::Value, |c| c.convert(message, &Type::String, "message"));
    // A message about what only apply knows cannot be told, but that something is wrong can.
    let said = said
        .and_then(|value| value.to_text())
        .map_or("a check of the module fails".to_owned(), |text| text.to_string());
    let level = item.get("level").and_then(Node::scalar).map_or("error", |s| &*s.text);
    let severity = LEVELS.iter().find(|(word, _)| *word == level).map_or(Severity::Error, |(_, severity)| *severity);
    let parent = world.scope(*parent);
    let used = &parent.file.resources[*resource];
    let given = item.get("input").and_then(Node::scalar).and_then(|name| used.body.get(&name.text));
    let at = given.map_or(used.span, |node| node.span);
    let d = Diagnostic::new(severity, &codes::CHECK, said)
        .with_label(label(&parent.file.source, at, ""))
        .with_label(label(&scope.file.source, rule.span, "the module requires this").as_secondary());
    world.report(d);
}
