//! What policies look at: the cost, the counts and the resources of a plan, and of a blueprint that has no plan yet.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::bill::{Bill, Sum};
use super::pricing::{PlanCost, Pricing};
use crate::blueprint::{Compiled, Dialect, Fact, Facts};
use crate::diagnostic::Diagnostics;
use crate::plan::{Action, Plan, Summary, Wanted};
use crate::price::line::rounded;

/// One resource for policies.
struct Row<'a> {
    address: &'a str,
    kind: &'a str,
    action: &'static str,
    spec: Option<&'a Value>,
    cost: Sum,
}

/// Holds a plan against the policies of its blueprint: what is violated, and what cannot be computed.
#[must_use]
pub fn check(compiled: &Compiled, dialect: &Dialect, plan: &Plan, cost: &PlanCost) -> Diagnostics {
    if compiled.policies.is_empty() {
        return Diagnostics::new();
    }
    let step_cost = |address: &str| cost.steps.get(address).copied().unwrap_or_default();
    let after = plan.steps.iter().filter(|step| step.action != Action::Delete).map(|step| Row {
        address: step.address.as_str(),
        kind: step.kind.name(),
        action: action(step.action),
        spec: step.want.as_deref().or(step.live.as_ref().map(|live| &live.spec)),
        cost: step_cost(step.address.as_str()).after,
    });
    let removed = plan.steps.iter().filter(|step| step.action == Action::Delete).map(|step| Row {
        address: step.address.as_str(),
        kind: step.live_kind.unwrap_or(step.kind).name(),
        action: action(step.action),
        spec: step.live.as_ref().map(|live| &live.spec),
        cost: step_cost(step.address.as_str()).before,
    });
    let money = money(&cost.before, &cost.after);
    let facts = facts(compiled, money, &plan.summary, after.collect(), removed.collect());
    let judged = compiled.policies.iter().filter_map(|policy| match policy.check(dialect, &facts) {
        Ok(violation) => violation,
        Err(broken) => Some(broken),
    });
    judged.collect()
}

/// Computes every policy as if nothing were live, and returns those that cannot be computed: mistakes of the author, found
/// without AWS. What they say about the plan is left to [`check`].
#[must_use]
pub fn rehearse(compiled: &Compiled, dialect: &Dialect, wanted: &[Wanted], pricing: &Pricing<'_>) -> Diagnostics {
    if compiled.policies.is_empty() {
        return Diagnostics::new();
    }
    let own = |want: &&Wanted| want.existing.is_none();
    let items: Vec<_> = wanted.iter().filter(own).map(|w| pricing.item(w.address.as_str(), w.kind, &w.spec)).collect();
    let sums: BTreeMap<String, Sum> = items.iter().map(|item| (item.address.clone(), item.sum())).collect();
    let bill = Bill::new(items, pricing.run);
    let rows = wanted.iter().map(|want| Row {
        address: want.address.as_str(),
        kind: want.kind.name(),
        action: action(if want.existing.is_some() { Action::Read } else { Action::Create }),
        spec: Some(&want.spec),
        cost: sums.get(want.address.as_str()).copied().unwrap_or_default(),
    });
    let summary = Summary { create: sums.len(), read: wanted.len() - sums.len(), ..Summary::default() };
    let facts =
        facts(compiled, money(&Bill::new(Vec::new(), pricing.run), &bill), &summary, rows.collect(), Vec::new());
    compiled.policies.iter().filter_map(|policy| policy.check(dialect, &facts).err()).collect()
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Keep => "keep",
        Action::Read => "read",
    }
}

/// As it is shown: a policy and the report of a plan must not disagree about the fifth digit.
fn shown(dollars: Decimal, places: u32) -> Fact {
    Fact::Number(Decimal::from_str_exact(&rounded(dollars, places)).unwrap_or(dollars))
}

fn count(number: usize) -> Fact {
    Fact::Number(Decimal::from(number))
}

fn money(before: &Bill, after: &Bill) -> Fact {
    let (was, is) = (before.sum(), after.sum());
    let total = is.total();
    Fact::map([
        ("hourly", shown(total.hourly(), 4)),
        ("run", after.run.map_or(Fact::Null, |run| shown(total.run(run.hours), 2))),
        ("monthly", shown(total.monthly(), 2)),
        ("upfront", shown(total.upfront, 2)),
        ("change", shown((total - was.total()).hourly(), 4)),
        ("unpriced", count(is.unpriced)),
    ])
}

fn facts(compiled: &Compiled, money: Fact, summary: &Summary, resources: Vec<Row<'_>>, removed: Vec<Row<'_>>) -> Facts {
    let counts = [
        ("create", summary.create),
        ("update", summary.update),
        ("replace", summary.replace),
        ("delete", summary.delete),
        ("keep", summary.keep),
    ];
    let list = |rows: Vec<Row<'_>>| Fact::List(rows.iter().map(|row| resource(compiled, row)).collect());
    let ttl = compiled.ttl.map(|ttl| ttl.to_string());
    Facts::new([
        ("cost", money),
        ("plan", Fact::map(counts.map(|(name, number)| (name, count(number))))),
        ("resources", list(resources)),
        ("removed", list(removed)),
        ("stack", Fact::Text(compiled.stack.clone())),
        ("region", Fact::Text(compiled.region.clone())),
        ("owner", Fact::text(compiled.owner.as_deref())),
        ("ttl", Fact::text(ttl.as_deref())),
    ])
}

/// The fields of the spec, and over them what every resource has.
fn resource(compiled: &Compiled, row: &Row<'_>) -> Fact {
    let fields = row.spec.and_then(Value::as_object).into_iter().flatten();
    let mut out: BTreeMap<String, Fact> = fields.map(|(k, v)| (k.clone(), Fact::Spec(v.clone()))).collect();
    let own = row.spec.and_then(|spec| spec.get("tags")).and_then(Value::as_object);
    let mut tags: BTreeMap<String, Fact> =
        compiled.tags.iter().map(|(k, v)| (k.clone(), Fact::Text(v.clone()))).collect();
    tags.extend(own.into_iter().flatten().map(|(k, v)| (k.clone(), Fact::Spec(v.clone()))));
    let total = row.cost.total();
    let cost = [
        ("hourly", shown(total.hourly(), 4)),
        ("monthly", shown(total.monthly(), 2)),
        ("unpriced", count(row.cost.unpriced)),
    ];
    let module = row.address.rsplit_once('.').map_or("", |(module, _)| module);
    let common = [
        ("address", Fact::Text(row.address.to_owned())),
        ("kind", Fact::Text(row.kind.to_owned())),
        ("module", Fact::Text(module.to_owned())),
        ("action", Fact::Text(row.action.to_owned())),
        ("owner", Fact::text(compiled.owner.as_deref())),
        ("tags", Fact::Map(tags)),
        ("cost", Fact::map(cost)),
    ];
    out.extend(common.map(|(k, v)| (k.to_owned(), v)));
    Fact::Map(out)
}
