//! The model of a cost report: a bill, its sums and what stands behind them, as the strings that are shown.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::cost::advice::Advice;
use crate::cost::{Bill, Comparison, GroupBy, RunSource, Sum, Verdict};
use crate::price::line::rounded;
use crate::price::{Amount, LineState, PriceLine};

/// Whose cost it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heading {
    /// The stack, or what else the report is about.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Its owner.
    pub owner: Option<String>,
    /// What else the title says (an account, `SANDBOX …`); may be empty.
    pub place: String,
}

/// Dollars as text; `run` where the length of a run is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// In an hour, to four places.
    pub hourly: String,
    /// In a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// In a month of 730 hours.
    pub monthly: String,
    /// Once.
    pub upfront: String,
}

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

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What is paid for.
    pub what: String,
    /// How many units.
    pub quantity: String,
    /// The unit.
    pub unit: &'static str,
    /// Dollars per unit; absent without a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// `priced`, `by use`, `unpriced`, `paid elsewhere` or `upfront`.
    pub state: &'static str,
    /// What the state rests on: an assumption, what is missing, who pays; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What it comes to; absent when unpriced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Figures>,
    /// Other ways of buying, each with its price.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// Source of the rate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Date of the source.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub date: String,
    /// How far to trust the rate.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub confidence: &'static str,
    /// What else to know about the rate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its address.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// Its total; absent when none of its lines has a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Figures>,
    /// How many of its lines have no price.
    pub unpriced: usize,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A module, a kind or an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name; the blueprint's own resources are `(blueprint)`, no owner is `(nobody)`.
    pub name: String,
    /// Its total; absent when none of its lines has a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Figures>,
    /// Its part of the hour, in percent.
    pub percent: String,
    /// How many of its lines have no price.
    pub unpriced: usize,
}

/// A quantity that rests on use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The resource.
    pub address: String,
    /// What is paid for.
    pub what: String,
    /// The quantity, and whether it was stated.
    pub assumption: String,
    /// What it comes to in a month.
    pub monthly: String,
}

/// A line without a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The resource.
    pub address: String,
    /// What is paid for.
    pub what: String,
    /// What is missing.
    pub why: String,
}

/// A source of rates and how much rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceUse {
    /// Who says so.
    pub source: String,
    /// When.
    pub date: String,
    /// How far to trust it.
    pub confidence: &'static str,
    /// How many lines use it.
    pub lines: usize,
    /// What they come to in an hour.
    pub hourly: String,
}

/// Money spent by a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Hours from the start.
    pub hours: String,
    /// Dollars until then, upfront fees included.
    pub spent: String,
}

/// One limit of the budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetLine {
    /// `hourly`, `run` or `monthly`.
    pub limit: &'static str,
    /// What is allowed.
    pub allowed: String,
    /// What is certain.
    pub cost: String,
    /// With what goes by use.
    pub with_use: String,
    /// The part that is used.
    pub percent: String,
    /// Whether it is passed.
    pub over: bool,
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdviceLine {
    /// The resource.
    pub address: String,
    /// What it is about.
    pub topic: &'static str,
    /// In words.
    pub text: String,
    /// Dollars saved in a month of 730 hours; absent when it is about speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves_monthly: Option<String>,
    /// Dollars saved in an hour; absent when it is about speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves_hourly: Option<String>,
}

/// One resource beside its other self.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersusRow {
    /// The resource.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// What it costs there in an hour; absent when it is not there, `unpriced` when it has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it costs here in an hour; absent when it is not here, `unpriced` when it has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The difference in an hour.
    pub difference: String,
    /// The difference in a month.
    pub difference_monthly: String,
}

/// A comparison with something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versus {
    /// What it is compared with.
    pub with: String,
    /// That one's total.
    pub before: Figures,
    /// This one's total.
    pub after: Figures,
    /// The difference.
    pub difference: Figures,
    /// Resources that differ.
    pub rows: Vec<VersusRow>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostReport {
    /// The stack.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// An account, `SANDBOX …`; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Always US dollars.
    pub currency: &'static str,
    /// Length of a run in hours, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// `ttl` or `--hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours_from: Option<&'static str>,
    /// The total, with what goes by use.
    pub cost: Figures,
    /// The part of it that goes by use.
    pub by_use: Figures,
    /// How many lines have no price.
    pub unpriced_lines: usize,
    /// How many lines something else pays.
    pub paid_elsewhere_lines: usize,
    /// Sums by module.
    pub modules: Vec<Group>,
    /// Sums by kind.
    pub kinds: Vec<Group>,
    /// Sums by owner.
    pub owners: Vec<Group>,
    /// Every resource that costs something.
    pub resources: Vec<Resource>,
    /// How many resources are free.
    pub free_resources: usize,
    /// What goes by use.
    pub assumptions: Vec<Assumption>,
    /// What has no price.
    pub unpriced: Vec<Missing>,
    /// What the rates rest on.
    pub sources: Vec<SourceUse>,
    /// Money over time, to the end of a run or of a month.
    pub over_time: Vec<Point>,
    /// The budget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<BudgetLine>,
    /// A comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Versus>,
    /// Advice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<AdviceLine>,
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
            comparison: None,
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

    /// The groups that a reader asked for.
    #[must_use]
    pub fn groups(&self, by: GroupBy) -> &[Group] {
        match by {
            GroupBy::Module => &self.modules,
            GroupBy::Kind => &self.kinds,
            GroupBy::Owner => &self.owners,
        }
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
        let key = (std::cmp::Reverse(rate.confidence), rate.source.as_str(), rate.date.as_str());
        let (lines, amount) = uses.entry(key).or_default();
        *lines += 1;
        *amount += line.amount();
    }
    let row = |((confidence, source, date), (lines, amount)): (
        (std::cmp::Reverse<crate::facts::Confidence>, &str, &str),
        (usize, Amount),
    )| SourceUse {
        source: source.to_owned(),
        date: date.to_owned(),
        confidence: confidence.0.name(),
        lines,
        hourly: rounded(amount.hourly(), 4),
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
