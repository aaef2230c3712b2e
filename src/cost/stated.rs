//! What the author states about cost: usage, budget and the length of a run, read from a compiled blueprint.

use rust_decimal::Decimal;

use super::advice::Subject;
use super::bill::{Bill, Run, RunSource};
use super::budget::Budget;
use super::pricing::Pricing;
use crate::blueprint::{Compiled, ResourceDecl};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::kind::Kind;
use crate::price::usage::UsageError;
use crate::price::{Usage, UsageBook};

codes! {
    /// What stated usage gets wrong.
    pub CODES:
    USAGE = "DL0606", "`usage:` states something that prices do not need, or no quantity",
        "`usage:` holds quantities per month, such as `processed_gb: 500` or `put_requests: 2000000`, and \
         `hours_per_day`. Each is a number that is not negative.";
}

/// What holds for the cost of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stated {
    /// Usage of the blueprint and of its resources.
    pub usage: UsageBook,
    /// The budget, capped by `--max-hourly`.
    pub budget: Budget,
    /// How long a run lasts.
    pub run: Option<Run>,
}

impl Stated {
    /// Reads a blueprint; `hours` and `max_hourly` are the flags, which win.
    #[must_use]
    pub fn of(blueprint: &Compiled, hours: Option<Decimal>, max_hourly: Option<Decimal>) -> (Self, Diagnostics) {
        let mut problems = Diagnostics::new();
        let mut read = |usage: &serde_json::Value, resource: Option<&ResourceDecl>| {
            Usage::from_json(usage).unwrap_or_else(|errors| {
                for error in errors {
                    problems.push(problem(blueprint, resource, &error));
                }
                Usage::default()
            })
        };
        let mut usage = UsageBook { stack: read(&blueprint.usage, None), ..UsageBook::default() };
        let states = |usage: &serde_json::Value| usage.as_object().is_none_or(|usage| !usage.is_empty());
        for resource in blueprint.resources.iter().filter(|resource| states(&resource.usage)) {
            let own = read(&resource.usage, Some(resource));
            if own != Usage::default() {
                usage.resources.insert(resource.address.clone(), own);
            }
        }
        let amount = |money: Option<crate::units::Money>| money.map(crate::units::Money::amount);
        let written = blueprint.budget.as_ref();
        let budget = Budget {
            hourly: amount(written.and_then(|budget| budget.hourly)),
            run: amount(written.and_then(|budget| budget.run)),
            monthly: amount(written.and_then(|budget| budget.monthly)),
            hourly_flag: false,
        };
        let ttl = blueprint.ttl.map(|ttl| Run { hours: ttl.hours(), source: RunSource::Ttl });
        let run = hours.map(|hours| Run { hours, source: RunSource::Flag }).or(ttl);
        (Self { usage, budget: budget.capped(max_hourly), run }, problems)
    }
}

fn problem(blueprint: &Compiled, resource: Option<&ResourceDecl>, error: &UsageError) -> Diagnostic {
    let diagnostic = Diagnostic::error(&USAGE, error.to_string());
    match resource {
        Some(resource) => diagnostic.at_address(&resource.address).with_labels(resource.spans.labels("")),
        None => diagnostic.with_labels(blueprint.spans.get("usage").cloned()),
    }
}

/// What a blueprint costs as it is written, without asking AWS; what it only reads costs it nothing.
#[must_use]
pub fn bill(blueprint: &Compiled, kinds: &[&'static dyn Kind], pricing: &Pricing<'_>) -> Bill {
    let own = blueprint.resources.iter().filter(|resource| resource.existing.is_none());
    let item = |resource: &ResourceDecl| {
        let kind = kinds.iter().find(|kind| kind.name() == resource.kind)?;
        Some(pricing.item(&resource.address, *kind, &resource.spec))
    };
    Bill::new(own.filter_map(item).collect(), pricing.run)
}

/// What advice can look over in a blueprint.
#[must_use]
pub fn subjects(blueprint: &Compiled, kinds: &[&'static dyn Kind], usage: &UsageBook) -> Vec<Subject> {
    let own = blueprint.resources.iter().filter(|resource| resource.existing.is_none());
    own.filter_map(|resource| {
        let kind = kinds.iter().find(|kind| kind.name() == resource.kind)?;
        Subject::of(&resource.address, kind.about().advised?, &resource.spec, &usage.at(&resource.address))
    })
    .collect()
}
