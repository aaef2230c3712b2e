//! Makes the model of a cost report from a bill: adds up, groups, and rounds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::model::{
    AdviceLine, Assumption, BudgetLine, CostReport, Figures, Group, Heading, Line, Missing, Point, Resource, SourceUse,
    Versus, VersusRow,
};
use crate::cost::advice::Advice;
use crate::cost::{Bill, Comparison, GroupBy, RunSource, Sum, Verdict};
use crate::facts::Confidence;
use crate::price::line::rounded;
use crate::price::{Amount, LineState, PriceLine};

impl Figures {
    pub(super) fn of(amount: &Amount, run: Option<Decimal>) -> Self {
        Self {
            hourly: rounded(amount.hourly(), 4),
            run: run.map(|hours| rounded(amount.run(hours), 2)),
            monthly: rounded(amount.monthly(), 2),
            upfront: rounded(amount.upfront, 2),
        }
    }
}

/// The total of a sum; none when not one of its lines has a price, because nothing is not zero.
fn total(sum: &Sum, run: Option<Decimal>) -> Option<Figures> {
    (sum.unpriced == 0 || sum.unpriced < sum.lines()).then(|| Figures::of(&sum.total(), run))
}

impl CostReport {
    /// The report of a bill.
    #[must_use]
    pub fn new(heading: &Heading, bill: &Bill) -> Self {
        let sum = bill.sum();
        let run = bill.run.map(|run| run.hours);
        let groups = |by| groups(bill, by, &sum, run);
        Self {
            stack: heading.stack.clone(),
            region: heading.region.clone(),
            owner: heading.owner.clone(),
            place: heading.place.clone(),
            currency: "USD",
            hours: run.map(|hours| hours.normalize().to_string()),
            hours_from: bill.run.map(|run| RunSource::name(run.source)),
            cost: Figures::of(&sum.total(), run),
            least: (!sum.scales.is_zero()).then(|| Figures::of(&sum.least(), run)),
            by_use: Figures::of(&sum.by_use, run),
            unpriced_lines: sum.unpriced,
            paid_elsewhere_lines: sum.paid_elsewhere,
            modules: groups(GroupBy::Module),
            kinds: groups(GroupBy::Kind),
            owners: groups(GroupBy::Owner),
            resources: resources(bill, run),
            free_resources: bill.items.iter().filter(|item| item.lines.is_empty()).count(),
            assumptions: assumptions(bill),
            unpriced: unpriced(bill),
            sources: sources(bill),
            over_time: over_time(bill),
            budget: Vec::new(),
            refusals: Vec::new(),
            comparison: None,
            by: None,
            advice: Vec::new(),
        }
    }

    /// The same report with the budget's verdict.
    #[must_use]
    pub fn with_budget(mut self, verdict: &Verdict) -> Self {
        let line = |check: &crate::cost::budget::Check| BudgetLine {
            limit: check.limit.name(),
            allowed: rounded(check.allowed, 2),
            cost: rounded(check.fixed, 2),
            with_use: rounded(check.with_use, 2),
            percent: check.percent().map(|percent| percent.normalize().to_string()).unwrap_or_default(),
            over: check.fixed > check.allowed,
        };
        self.budget = verdict.checks.iter().map(line).collect();
        let errors = verdict.diagnostics().into_iter().filter(|d| d.severity == crate::diagnostic::Severity::Error);
        self.refusals = errors.map(|d| d.summary).collect();
        self
    }

    /// The same report beside another bill, called `with`.
    #[must_use]
    pub fn with_comparison(mut self, with: &str, comparison: &Comparison, run: Option<Decimal>) -> Self {
        let hourly = |sum: &Option<Sum>| {
            let figures = sum.map(|sum| total(&sum, None));
            figures.map(|figures| figures.map_or_else(|| "unpriced".to_owned(), |figures| figures.hourly))
        };
        let rows = comparison.rows.iter().map(|row| VersusRow {
            address: row.address.clone(),
            kind: row.kind.clone(),
            before: hourly(&row.before),
            after: hourly(&row.after),
            difference: rounded(row.difference().hourly(), 4),
            difference_monthly: rounded(row.difference().monthly(), 2),
        });
        self.comparison = Some(Versus {
            with: with.to_owned(),
            before: Figures::of(&comparison.before.total(), run),
            after: Figures::of(&comparison.after.total(), run),
            difference: Figures::of(&comparison.difference(), run),
            rows: rows.collect(),
        });
        self
    }

    /// The same report with advice.
    #[must_use]
    pub fn with_advice(mut self, advice: &[Advice]) -> Self {
        let line = |advice: &Advice| {
            let saves = |dollars: Decimal, places| (!advice.saved.is_zero()).then(|| rounded(dollars, places));
            AdviceLine {
                address: advice.address.clone(),
                topic: advice.topic.name(),
                text: advice.text.clone(),
                saves_monthly: saves(advice.saved.monthly(), 2),
                saves_hourly: saves(advice.saved.hourly(), 4),
            }
        };
        self.advice = advice.iter().map(line).collect();
        self
    }

    /// The same report with one grouping only.
    #[must_use]
    pub fn grouped_by(mut self, by: Option<GroupBy>) -> Self {
        self.by = by;
        self
    }

    /// The groupings to show, by name: the one that was asked for, or those that say something.
    pub(super) fn groupings(&self) -> Vec<(&'static str, &[Group])> {
        let all = [
            (GroupBy::Module, "module", &self.modules),
            (GroupBy::Kind, "kind", &self.kinds),
            (GroupBy::Owner, "owner", &self.owners),
        ];
        let shown = |by: GroupBy| match self.by {
            Some(only) => by == only,
            None => by != GroupBy::Owner || self.owners.len() > 1,
        };
        all.into_iter().filter(|(by, ..)| shown(*by)).map(|(_, name, groups)| (name, groups.as_slice())).collect()
    }
}

fn groups(bill: &Bill, by: GroupBy, whole: &Sum, run: Option<Decimal>) -> Vec<Group> {
    let hour = whole.total().hourly();
    let percent = |part: Decimal| {
        let share = part.checked_div(hour).unwrap_or_default();
        rounded(share.saturating_mul(Decimal::ONE_HUNDRED), 1)
    };
    let named = |name: String| match (name.is_empty(), by) {
        (false, _) => name,
        (true, GroupBy::Owner) => "(nobody)".to_owned(),
        (true, _) => "(blueprint)".to_owned(),
    };
    let groups = bill.grouped(by).into_iter().filter(|(_, sum)| sum.lines() > 0);
    groups
        .map(|(name, sum)| Group {
            name: named(name),
            cost: total(&sum, run),
            percent: percent(sum.total().hourly()),
            unpriced: sum.unpriced,
        })
        .collect()
}

fn resources(bill: &Bill, run: Option<Decimal>) -> Vec<Resource> {
    let resource = |item: &crate::cost::Item| {
        let sum = item.sum();
        Resource {
            address: item.address.clone(),
            kind: item.kind.clone(),
            cost: total(&sum, run),
            unpriced: sum.unpriced,
            lines: item.lines.iter().map(|line| shown(line, run)).collect(),
        }
    };
    bill.items.iter().filter(|item| !item.lines.is_empty()).map(resource).collect()
}

fn shown(line: &PriceLine, run: Option<Decimal>) -> Line {
    let because = match &line.state {
        LineState::ByUse { assumption } => assumption.clone(),
        LineState::Unpriced { why } => why.clone(),
        LineState::PaidElsewhere { by } => by.clone(),
        LineState::Priced | LineState::Upfront => String::new(),
    };
    let rate = line.rate.as_ref();
    Line {
        what: line.what.clone(),
        quantity: line.quantity.normalize().to_string(),
        unit: line.unit.name(),
        per: rate.map(|rate| rate.words()),
        rate: rate.map(|rate| rate.amount.normalize().to_string()),
        state: line.state.name(),
        because,
        cost: rate.map(|_| Figures::of(&line.amount(), run)),
        alternatives: line.alternatives.clone(),
        source: rate.map(|rate| rate.source.clone()).unwrap_or_default(),
        date: rate.map(|rate| rate.date.clone()).unwrap_or_default(),
        confidence: rate.map_or("", |rate| rate.confidence.name()),
        note: rate.map(|rate| rate.note.clone()).unwrap_or_default(),
    }
}

fn address(line: &PriceLine) -> String {
    line.address.clone().unwrap_or_default()
}

fn assumptions(bill: &Bill) -> Vec<Assumption> {
    let assumption = |line: &PriceLine| match &line.state {
        LineState::ByUse { assumption } => Some(Assumption {
            address: address(line),
            what: line.what.clone(),
            assumption: assumption.clone(),
            monthly: rounded(line.amount().monthly(), 2),
        }),
        _ => None,
    };
    bill.lines().filter_map(assumption).collect()
}

fn unpriced(bill: &Bill) -> Vec<Missing> {
    let missing = |line: &PriceLine| match &line.state {
        LineState::Unpriced { why } => {
            Some(Missing { address: address(line), what: line.what.clone(), why: why.clone() })
        }
        _ => None,
    };
    bill.lines().filter_map(missing).collect()
}

fn sources(bill: &Bill) -> Vec<SourceUse> {
    let mut uses: BTreeMap<_, (usize, Amount)> = BTreeMap::new();
    for line in bill.lines() {
        let Some(rate) = &line.rate else { continue };
        let key = (Reverse(rate.confidence), rate.source.as_str(), rate.date.as_str());
        let (lines, amount) = uses.entry(key).or_default();
        *lines += 1;
        *amount += line.amount();
    }
    let row = |((confidence, source, date), (lines, amount)): ((Reverse<Confidence>, &str, &str), (usize, Amount))| {
        SourceUse {
            source: source.to_owned(),
            date: date.to_owned(),
            confidence: confidence.0.name(),
            lines,
            hourly: rounded(amount.hourly(), 4),
        }
    };
    uses.into_iter().map(row).collect()
}

/// Money at twelve even steps of a run; of a month when nobody says how long a run is.
fn over_time(bill: &Bill) -> Vec<Point> {
    const STEPS: u32 = 12;
    let end = bill.run.map_or(crate::price::HOURS_PER_MONTH, |run| run.hours);
    let point = |step: u32| {
        let hours = end.saturating_mul(Decimal::from(step)) / Decimal::from(STEPS);
        Point { hours: hours.round_dp(2).normalize().to_string(), spent: rounded(bill.spent_after(hours), 2) }
    };
    (0..=STEPS).map(point).collect()
}
