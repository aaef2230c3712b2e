//! What policies of an identity say of a request: nothing is allowed but what one of them allows and none denies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::conditions::{self, Met};
use super::texts;
use crate::faults::matches;

/// What is known of a request, by key in lower case. A key that is not here has no value.
pub(crate) type Context = BTreeMap<String, Vec<String>>;

/// A request, as policies see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// `ec2:DeleteVpc`
    pub(crate) action: &'a str,
    /// An ARN in each form that the service takes for the same, or `*` where the action is for none.
    pub(crate) resource: &'a [String],
    pub(crate) context: &'a Context,
    /// Whether every key that is not in the context is one that AWS could have told, too.
    pub(crate) knows_every_key: bool,
}

/// A decision, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

/// A decision, and what stood in the way of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    /// Keys that conditions ask for and the request does not have.
    pub(crate) missing: BTreeSet<String>,
    /// Operators, keys and variables that are not simulated. What needs them did not match.
    pub(crate) unknown: BTreeSet<String>,
}

/// What documents say of a request, taken together.
pub(crate) fn decide(documents: &[Value], asked: Asked<'_>) -> Judgement {
    let mut out = Judgement { decision: Decision::ImplicitDeny, missing: BTreeSet::new(), unknown: BTreeSet::new() };
    for statement in documents.iter().flat_map(statements) {
        if !applies(statement, asked, &mut out) {
            continue;
        }
        let denies = statement.get("Effect").is_some_and(|effect| effect == "Deny");
        match (denies, out.decision) {
            (true, _) => out.decision = Decision::ExplicitDeny,
            (false, Decision::ImplicitDeny) => out.decision = Decision::Allowed,
            (false, _) => {}
        }
    }
    out
}

fn statements(document: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let all = match document.get("Statement") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    all.iter().filter_map(Value::as_object)
}

fn applies(statement: &Map<String, Value>, asked: Asked<'_>, out: &mut Judgement) -> bool {
    let action = asked.action.to_lowercase();
    let acts = |name: &str| matches(&name.to_lowercase(), &action);
    if !listed(statement, ["Action", "NotAction"], acts) {
        return false;
    }
    let mut unknown = BTreeSet::new();
    let is_for = |pattern: &str| match filled(pattern, asked.context) {
        Ok(pattern) => asked.resource.iter().any(|resource| matches(&pattern, resource)),
        Err(variable) => {
            unknown.insert(variable);
            false
        }
    };
    let is_for = listed(statement, ["Resource", "NotResource"], is_for);
    if !is_for || !unknown.is_empty() {
        out.unknown.extend(unknown);
        return false;
    }
    let Some(Value::Object(operators)) = statement.get("Condition") else { return true };
    let mut met = true;
    // All of them are looked at, so that everything that is missing is named.
    for (operator, keys) in operators {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            let wanted = texts(wanted).map(|texts| texts.into_iter().map(str::to_owned).collect());
            let wanted = wanted.unwrap_or_else(|_| plain(keys.get(key)));
            if asked.knows_every_key && !asked.context.contains_key(&key.to_lowercase()) {
                out.missing.insert(key.clone());
            }
            match conditions::holds(operator, key, &wanted, asked) {
                Met::Yes => {}
                Met::No => met = false,
                Met::Unknown(what) => {
                    out.unknown.insert(what);
                    met = false;
                }
            }
        }
    }
    met
}

/// Booleans and numbers may stand in conditions without quotation marks.
fn plain(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(one) => vec![text(one)],
        None => Vec::new(),
    }
}

/// Whether a statement is for something, by the element that lists what it is for or the one that lists what it is not
/// for.
fn listed(statement: &Map<String, Value>, [is, is_not]: [&str; 2], mut fits: impl FnMut(&str) -> bool) -> bool {
    let mut any = |value: &Value| texts(value).unwrap_or_default().into_iter().any(&mut fits);
    match (statement.get(is), statement.get(is_not)) {
        (Some(value), _) => any(value),
        (None, Some(value)) => !any(value),
        (None, None) => false,
    }
}

/// A text with the variables in it replaced by their values; an error names one that has none.
pub(super) fn filled(text: &str, context: &Context) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| text.to_owned())?;
        out.push_str(before);
        match name {
            "*" | "?" | "$" => return Err(format!("${{{name}}}")),
            _ => match context.get(&name.to_lowercase()).map(Vec::as_slice) {
                Some([value]) => out.push_str(value),
                _ => return Err(format!("${{{name}}}")),
            },
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
