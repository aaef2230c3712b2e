//! Prices a plan or what is live: asks each kind for its lines, with the usage that holds at each address.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::alike::{Alike, Cost};
use super::bill::{Bill, Item, Run, Sum};
use crate::aws::tags;
use crate::kind::Kind;
use crate::plan::{Action, Plan, Step};
use crate::price::{PriceBook, PriceContext, PriceLine, Usage, UsageBook};
use crate::record;
use crate::snapshot::Found;

/// What prices depend on beside the resources.
#[derive(Debug, Clone, Copy)]
pub struct Pricing<'a> {
    /// The rates.
    pub book: &'a PriceBook,
    /// The region of the stack.
    pub region: &'a str,
    /// Stated usage.
    pub usage: &'a UsageBook,
    /// The owner of the stack.
    pub owner: Option<&'a str>,
    /// How long a run lasts.
    pub run: Option<Run>,
}

/// What a plan costs: before, after, and step by step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanCost {
    /// What is live now.
    pub before: Bill,
    /// What will be live after it.
    pub after: Bill,
    /// The cost before and after of each step that is not free, by address.
    pub steps: BTreeMap<String, StepCost>,
}

/// What one step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepCost {
    /// What it costs now.
    pub before: Sum,
    /// What it will cost.
    pub after: Sum,
}

impl Pricing<'_> {
    /// The lines of one spec.
    #[must_use]
    pub fn item(&self, address: &str, kind: &dyn Kind, spec: &Value) -> Item {
        self.item_now(address, kind, spec, None)
    }

    /// The lines of something live, as it is at the moment.
    fn now(&self, found: &Found) -> Item {
        let live = &found.live;
        self.item_now(live.address.as_str(), found.kind, &live.spec, Some(&live.running))
    }

    fn item_now(&self, address: &str, kind: &dyn Kind, spec: &Value, running: Option<&BTreeMap<String, u32>>) -> Item {
        self.with_lines(address, kind, self.lines(kind, spec, &self.usage.at(address), running))
    }

    fn lines(
        &self,
        kind: &dyn Kind,
        spec: &Value,
        usage: &Usage,
        running: Option<&BTreeMap<String, u32>>,
    ) -> Vec<PriceLine> {
        kind.price(spec, &PriceContext { running, ..PriceContext::new(self.book, self.region, usage) })
    }

    fn with_lines(&self, address: &str, kind: &dyn Kind, lines: Vec<PriceLine>) -> Item {
        let owner = self.owner.map(str::to_owned);
        Item { address: address.to_owned(), kind: kind.name().to_owned(), owner, lines }
    }

    /// What a plan costs. Resources that are only read belong to somebody else and cost this stack nothing.
    #[must_use]
    pub fn plan(&self, plan: &Plan) -> PlanCost {
        let mut before = Vec::new();
        let mut after = Vec::new();
        let mut steps = BTreeMap::new();
        let mut alike = Alike::default();
        // Bills are in this order, and neighbours are often alike.
        let mut paid: Vec<&Step> = plan.steps.iter().filter(|step| step.action != Action::Read).collect();
        paid.sort_by(|a, b| a.address.cmp(&b.address));
        for step in paid {
            let mut cost = StepCost::default();
            let address = step.address.as_str();
            let mut price = |kind: &dyn Kind, spec| {
                let Cost { lines, sum } =
                    alike.cost(kind, spec, || self.usage.at(address), |usage| self.lines(kind, spec, usage, None));
                (self.with_lines(address, kind, lines), sum)
            };
            if let Some(live) = &step.live {
                let (item, sum) = price(step.live_kind.unwrap_or(step.kind), &live.spec);
                cost.before = sum;
                before.push(item);
            }
            if let Some(want) = step.want.as_deref().filter(|_| step.action != Action::Delete) {
                let (item, sum) = price(step.kind, want);
                cost.after = sum;
                after.push(item);
            }
            if cost.before.lines() + cost.after.lines() > 0 {
                steps.insert(address.to_owned(), cost);
            }
        }
        PlanCost { before: Bill::new(before, self.run), after: Bill::new(after, self.run), steps }
    }

    /// What owned live objects cost, as they are at the moment.
    #[must_use]
    pub fn live<'a>(&self, found: impl IntoIterator<Item = &'a Found>) -> Bill {
        let items = found.into_iter().map(|found| self.now(found));
        Bill::new(items.collect(), self.run)
    }

    /// An estimate of what live objects have cost since they were made; objects of unknown age are counted apart.
    #[must_use]
    pub fn spent<'a>(&self, found: impl IntoIterator<Item = &'a Found>, now: Timestamp) -> Spent {
        let mut spent = Spent::default();
        for found in found {
            let total = self.now(found).sum().total();
            match since(found) {
                Some(since) => {
                    let seconds = now.duration_since(since).as_secs().max(0);
                    let hours = Decimal::from(seconds) / Decimal::from(3600);
                    spent.dollars = spent.dollars.saturating_add(total.run(hours)).saturating_add(total.upfront);
                }
                None if total.is_zero() => {}
                None => spent.unknown_age += 1,
            }
        }
        spent
    }
}

/// Since when an object costs money: when it was made, or, where AWS does not tell, when the call that made it or took
/// it over was intended, by the object's own tag.
#[must_use]
pub fn since(found: &Found) -> Option<Timestamp> {
    found.live.created.or_else(|| intended(found))
}

/// When the call that made an object or took it over was intended, by the object's own tag.
#[must_use]
pub fn intended(found: &Found) -> Option<Timestamp> {
    record::minted(found.live.tags.get(tags::INTENT)?)
}

/// What was spent until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Estimated dollars.
    pub dollars: Decimal,
    /// Objects that cost money and do not say when they were made.
    pub unknown_age: usize,
}
