//! The cost of a plan, as the plan's JSON and text show it: before, after, and the difference, in total and per step.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::model::Missing;
use super::{Figures, cents, grouped, signed};
use crate::cost::{PlanCost, StepCost, Sum};
use crate::price::line::rounded;
use crate::price::{Amount, LineState, PriceAge};

/// `cost` of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepFigures {
    /// Dollars an hour that the resource costs now; absent when it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Dollars an hour that it will cost; absent when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The difference.
    pub difference: String,
    /// Dollars once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upfront: Option<String>,
    /// How many of its lines have no price.
    #[serde(skip_serializing_if = "is_zero")]
    pub unpriced: usize,
    /// How many have none now.
    #[serde(skip)]
    unpriced_before: usize,
    /// How many of its lines something else pays for: a reservation, a Capacity Block.
    #[serde(skip_serializing_if = "is_zero")]
    pub reserved: usize,
    /// How many it paid for until now.
    #[serde(skip)]
    reserved_before: usize,
}

/// `cost` of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFigures {
    /// Always US dollars.
    pub currency: &'static str,
    /// How old the prices are.
    pub prices: PriceAge,
    /// Length of a run in hours, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// What is live now.
    pub before: Figures,
    /// What will be live.
    pub after: Figures,
    /// The difference.
    pub difference: Figures,
    /// The part of `after` that goes by use.
    pub by_use: Figures,
    /// What has no price after the plan.
    pub unpriced: Vec<Missing>,
    /// Each step that costs something before or after, by address.
    pub steps: BTreeMap<String, StepFigures>,
    /// How many lines something else pays for after the plan: a reservation, a Capacity Block.
    #[serde(skip_serializing_if = "is_zero")]
    pub reserved: usize,
    /// How many lines of what is live now have no price, when the plan leaves nothing.
    #[serde(skip)]
    ends: Option<usize>,
    /// One line about a large saving; the cost report says more.
    #[serde(skip)]
    pub hint: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl PlanFigures {
    /// The figures of a priced plan.
    #[must_use]
    pub fn new(cost: &PlanCost) -> Self {
        let run = cost.after.run.map(|run| run.hours);
        let nothing = Sum::default();
        let sum = |of: fn(&StepCost) -> Sum| {
            cost.steps.values().map(of).filter(|sum| *sum != nothing).fold(nothing, Sum::plus)
        };
        let (before, after) = (sum(|step| step.before), sum(|step| step.after));
        let unpriced = cost.after.unpriced().map(|line| {
            let why = match &line.state {
                LineState::Unpriced { why } => why.clone(),
                _ => String::new(),
            };
            Missing { address: line.address.clone().unwrap_or_default(), what: line.what.clone(), why }
        });
        let mut last: Option<(&StepCost, StepFigures)> = None;
        let steps = cost.steps.iter().filter(|(_, step)| step.before.lines() + step.after.lines() > 0);
        Self {
            currency: "USD",
            prices: PriceAge::default(),
            hours: run.map(|hours| hours.round_dp(4).normalize().to_string()),
            before: Figures::of(&before.total(), run),
            after: Figures::of(&after.total(), run),
            difference: Figures::of(&(after.total() - before.total()), run),
            by_use: Figures::of(&after.by_use, run),
            unpriced: unpriced.collect(),
            steps: steps
                .map(|(address, step)| {
                    // Neighbours are often alike, and figures take longer than comparing.
                    let figures = match &last {
                        Some((before, figures)) if *before == step => figures.clone(),
                        _ => last.insert((step, StepFigures::new(step))).1.clone(),
                    };
                    (address.clone(), figures)
                })
                .collect(),
            reserved: after.paid_elsewhere,
            ends: (cost.after.items.is_empty() && !cost.before.items.is_empty()).then_some(before.unpriced),
            hint: None,
        }
    }

    /// The same figures, saying how old the prices are.
    #[must_use]
    pub fn with_prices(self, prices: PriceAge) -> Self {
        Self { prices, ..self }
    }

    /// What happens to money, in one line with its name.
    #[must_use]
    pub fn line(&self) -> String {
        match self.ends {
            None => format!("Cost: {}", self.summary()),
            Some(unpriced) => {
                format!(
                    "Stops: ${}/h, ${}/month{}",
                    cents(&self.before.hourly),
                    grouped(&self.before.monthly),
                    missing(unpriced)
                )
            }
        }
    }

    /// Dollars an hour of what is at these addresses now, and how many of its lines have no price.
    #[must_use]
    pub fn hourly_of<'a>(&self, addresses: impl IntoIterator<Item = &'a str>) -> (Decimal, usize) {
        let steps: Vec<&StepFigures> = addresses.into_iter().filter_map(|address| self.steps.get(address)).collect();
        let hourly = |step: &&StepFigures| Decimal::from_str_exact(step.before.as_deref()?).ok();
        let sum = steps.iter().filter_map(hourly).fold(Decimal::ZERO, Decimal::saturating_add);
        (sum, steps.iter().map(|step| step.unpriced_before).sum())
    }

    /// As JSON without the steps, which carry their own.
    #[must_use]
    pub fn totals(&self) -> serde_json::Value {
        let mut out = serde_json::json!(self);
        if let Some(map) = out.as_object_mut() {
            map.remove("steps");
        }
        out
    }

    /// The last line of a plan: `$222.45/h (+$110.08/h), $16,016.53 in 72 h, $162,389.80/month; 1 line unpriced`.
    #[must_use]
    pub fn summary(&self) -> String {
        let change = if self.difference.hourly == self.after.hourly || is_nothing(&self.difference.hourly) {
            String::new()
        } else {
            format!(" ({}/h)", signed(&self.difference.hourly))
        };
        let run = match (&self.after.run, &self.hours) {
            (Some(run), Some(hours)) => format!(", ${} in {hours} h", grouped(run)),
            _ => String::new(),
        };
        let upfront = match self.after.upfront.as_str() {
            "0.00" => String::new(),
            upfront => format!(", ${} upfront", grouped(upfront)),
        };
        let unpriced = missing(self.unpriced.len());
        let reserved = match self.reserved {
            0 => String::new(),
            1 => "; 1 line paid by a reservation".to_owned(),
            count => format!("; {count} lines paid by reservations"),
        };
        let monthly = grouped(&self.after.monthly);
        format!("${}/h{change}{run}, ${monthly}/month{upfront}{unpriced}{reserved}", cents(&self.after.hourly))
    }
}

impl StepFigures {
    fn new(step: &StepCost) -> Self {
        let hourly = |sum: &Sum| (sum.lines() > 0).then(|| rounded(sum.total().hourly(), 4));
        let difference: Amount = step.after.total() - step.before.total();
        let upfront = step.after.total().upfront;
        Self {
            before: hourly(&step.before),
            after: hourly(&step.after),
            difference: rounded(difference.hourly(), 4),
            upfront: (!upfront.is_zero()).then(|| rounded(upfront, 2)),
            unpriced: step.after.unpriced,
            unpriced_before: step.before.unpriced,
            reserved: step.after.paid_elsewhere,
            reserved_before: step.before.paid_elsewhere,
        }
    }

    /// The column of a plan: dollars an hour to a tenth of a cent, `-` when free, `reserved` when something else pays,
    /// `unpriced`, or with `+?` in part. What goes shows what it costs now.
    #[must_use]
    pub fn column(&self, goes: bool) -> String {
        let (figure, unpriced, reserved) = match goes {
            true => (&self.before, self.unpriced_before, self.reserved_before),
            false => (&self.after, self.unpriced, self.reserved),
        };
        let figure = figure.as_ref().and_then(|figure| Decimal::from_str_exact(figure).ok()).unwrap_or_default();
        let shown = rounded(figure, 3);
        match (unpriced, shown == "0.000") {
            (0, true) if reserved > 0 => "reserved".to_owned(),
            (0, false) if reserved > 0 => format!("{shown}+reserved"),
            (0, true) if figure.is_zero() => "-".to_owned(),
            (0, _) => grouped(&shown),
            (_, true) => "unpriced".to_owned(),
            (_, false) => format!("{}+?", grouped(&shown)),
        }
    }
}

fn missing(lines: usize) -> String {
    match lines {
        0 => String::new(),
        1 => "; 1 line unpriced".to_owned(),
        count => format!("; {count} lines unpriced"),
    }
}

fn is_nothing(figure: &str) -> bool {
    figure.chars().all(|character| matches!(character, '0' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Bill;
    use crate::cost::bill::tests::cluster;
    use crate::price::{PriceLine, Unit};

    fn plan_cost(before: Bill, after: Bill) -> PlanCost {
        let mut steps: BTreeMap<String, StepCost> = BTreeMap::new();
        for item in &before.items {
            steps.entry(item.address.clone()).or_default().before = item.sum();
        }
        for item in &after.items {
            steps.entry(item.address.clone()).or_default().after = item.sum();
        }
        PlanCost { before, after, steps }
    }

    #[test]
    fn a_first_plan() {
        let figures = PlanFigures::new(&plan_cost(Bill::default(), cluster()));
        assert_eq!(figures.summary(), "$222.45/h, $16,016.53 in 72 h, $162,389.80/month");
        assert_eq!(figures.steps["cache.file-system"].column(false), "2.236");
        assert_eq!(figures.steps["train.group"].column(false), "220.160");
        assert!(!figures.steps.contains_key("network.vpc"));
    }

    #[test]
    fn growth_and_missing_prices() {
        let mut after = cluster();
        after.items[0]
            .lines
            .push(PriceLine::unpriced("cache", Decimal::ONE, Unit::Hour, "no rate").at("cache.file-system"));
        after.items[3].lines[0].quantity = Decimal::from(6);
        let figures = PlanFigures::new(&plan_cost(cluster(), after));
        assert_eq!(figures.summary(), "$332.53/h (+$110.08/h), $23,942.29 in 72 h, $242,748.20/month; 1 line unpriced");
        assert_eq!(figures.steps["cache.file-system"].column(false), "2.236+?");
        assert_eq!(figures.steps["train.group"].difference, "110.0800");
    }

    #[test]
    fn nothing_left() {
        let figures = PlanFigures::new(&plan_cost(cluster(), Bill::default()));
        assert_eq!(figures.difference.hourly, "-222.4518");
        assert_eq!(figures.summary(), "$0.00/h (-$222.45/h), $0.00/month");
        assert_eq!(figures.line(), "Stops: $222.45/h, $162,389.80/month");
        assert_eq!(figures.steps["train.group"].after, None);
        assert_eq!(figures.hourly_of(["train.group", "network.vpc"]), (Decimal::new(22_016, 2), 0));
    }
}
