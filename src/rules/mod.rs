//! Checks across resources: what AWS would refuse, or accept and then not work, told before anything is made.
//!
//! One table, one code each. A rule sees the fields of kinds with pointers and unknowns, and answers only what it can
//! know: what waits for another resource, what exists outside the stack and what was written as a literal id is "cannot
//! tell yet", never a finding. A path in text (`interfaces.layout`) says where in the blueprint a finding is, and
//! nothing else. `allow: [{ rule: DL0203, reason: … }]` turns a finding into a note that stays on record.
mod alarms;
mod balancers;
mod capacity;
mod efa;
mod endpoints;
mod hygiene;
mod names;
mod network;
mod placement;
mod serving;
mod storage;
mod view;

#[cfg(test)]
mod tests;

pub use hygiene::{SECRET, looks_like as looks_like_secret};
pub use view::Stack;

use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, Places, Severity},
    kind::Fields,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// One resource as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// `train.group`
    pub address: &'a str,
    /// `instance-group`
    pub kind: &'a str,
    /// Canonical spec.
    pub spec: &'a Value,
    /// The same as the struct of its kind; none = it is only read, so its fields are not known.
    pub fields: Option<&'a Fields>,
    /// Positions by path (`interfaces.layout`, `subnets[0]`); the empty path is the resource's name.
    pub spans: &'a Places,
    /// Silenced rules and the reasons.
    pub allow: &'a [Allow<'a>],
}

/// A silenced rule.
#[derive(Debug, Clone, Copy)]
pub struct Allow<'a> {
    /// Its code.
    pub rule: &'a str,
    /// Why it does not matter.
    pub reason: &'a str,
}

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub struct RuleInput<'a> {
    /// Of the stack.
    pub region: &'a str,
    /// Does the stack say how long it lives?
    pub has_ttl: bool,
    /// Who answers for the stack, which becomes a tag.
    pub owner: Option<&'a str>,
    /// Tags of everything.
    pub tags: &'a BTreeMap<String, String>,
    /// Every resource.
    pub resources: &'a [Resource<'a>],
    /// Rules that are silenced for the whole stack.
    pub allow: &'a [Allow<'a>],
    /// Positions of top-level values by key.
    pub spans: &'a Places,
}

/// One row of the table.
pub struct Rule {
    /// Code, title and explanation.
    pub code: Code,
    /// How much a finding matters.
    pub severity: Severity,
    /// Looks at the whole stack.
    check: fn(&Stack<'_>, &mut Findings<'_>),
}

/// Every rule, in order of its code.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        efa::RULES,
        capacity::RULES,
        storage::RULES,
        network::RULES,
        hygiene::RULES,
        names::RULES,
        alarms::RULES,
        balancers::RULES,
        serving::RULES,
        placement::RULES,
        endpoints::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Every code, for `dlinfra explain`.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    rules().map(|r| &r.code)
}

/// What one rule found.
pub(crate) struct Findings<'s> {
    rule: &'static Rule,
    input: &'s RuleInput<'s>,
    out: Vec<Diagnostic>,
}

impl Findings<'_> {
    /// A finding at a field of a resource.
    fn at(&mut self, resource: &Resource<'_>, path: &str, summary: String, help: impl Into<String>) {
        self.with(resource, path, summary, help, None);
    }

    /// The same with another place that it has to do with.
    fn with(
        &mut self,
        resource: &Resource<'_>,
        path: &str,
        summary: String,
        help: impl Into<String>,
        related: Option<(&Resource<'_>, &str, &str)>,
    ) {
        let mut found = Diagnostic::new(self.rule.severity, &self.rule.code, summary)
            .with_help(help)
            .at_address(resource.address)
            .with_labels(resource.spans.labels(path));
        if let Some((other, path, words)) = related {
            let place = other.spans.nearest(path).map(|l| l.clone().as_secondary().with_text(words));
            found = found.with_labels(place);
        }
        self.out.push(found);
    }

    /// A finding about the stack itself.
    fn on_stack(&mut self, key: &str, summary: String, help: impl Into<String>) {
        let found = Diagnostic::new(self.rule.severity, &self.rule.code, summary).with_help(help);
        self.out.push(found.with_labels(self.input.spans.nearest(key).cloned()));
    }
}

/// Runs every rule.
#[must_use]
pub fn check(input: &RuleInput<'_>) -> Diagnostics {
    over(&Stack::new(input))
}

fn over(stack: &Stack<'_>) -> Diagnostics {
    let mut found = Vec::new();
    for rule in rules() {
        let mut findings = Findings { rule, input: stack.input, out: Vec::new() };
        (rule.check)(stack, &mut findings);
        found.extend(findings.out);
    }
    let mut out: Diagnostics = found.into_iter().map(|d| silence(d, stack)).collect();
    out.sort();
    out
}

/// An allowed finding stays as a note with the reason.
fn silence(found: Diagnostic, stack: &Stack<'_>) -> Diagnostic {
    let own = found.address.as_deref().and_then(|a| stack.at(a)).into_iter().flat_map(|r| r.allow);
    match own.chain(stack.input.allow).find(|a| a.rule == found.code) {
        Some(allow) => {
            let detail = format!("allowed here: {}", allow.reason);
            Diagnostic { severity: Severity::Note, help: Vec::new(), ..found }.with_detail(detail)
        }
        None => found,
    }
}
