//! The model of a cost report: a bill, its sums and what stands behind them, as the strings that are shown and as the
//! JSON document names them.

use serde::Serialize;

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
    /// The same in words: `$55.04 per hour`.
    #[serde(skip)]
    pub per: Option<String>,
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
    /// The total as long as nothing scales up; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<Figures>,
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
    /// Why a plan of this would be refused by the budget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// A comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Versus>,
    /// The only grouping that people are shown; without one, all. Programs get all of them.
    #[serde(skip)]
    pub by: Option<crate::cost::GroupBy>,
    /// Advice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<AdviceLine>,
}
