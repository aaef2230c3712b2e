//! The budget: what a stack may cost, and whether it does; refused before anything is changed.
//!
//! Only certain money refuses: priced lines and upfront fees. Lines by use never refuse, they warn; a line without a
//! price refuses unless it is allowed, because it may cost anything.

use rust_decimal::Decimal;

use super::bill::Bill;
use crate::diagnostic::{Diagnostic, codes};
use crate::price::Amount;
use crate::price::line::{Dollars, LineState, PriceLine};

/// What the blueprint and the flags allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Dollars per hour.
    pub hourly: Option<Decimal>,
    /// Dollars per run, upfront fees included.
    pub run: Option<Decimal>,
    /// Dollars per month of 730 hours, upfront fees included.
    pub monthly: Option<Decimal>,
    /// Whether the hourly limit is that of `--max-hourly`.
    pub hourly_flag: bool,
}

codes! {
    /// What a budget says.
    pub CODES:
    OVER = "DL0601", "The stack costs more than its budget",
        "The plan adds up every priced line and every upfront fee and compares them with `budget:` and \
         `--max-hourly`. A plan above one of them is refused before any request that changes something, with exit \
         code 5. Raise the budget, or make the largest lines smaller.";
    NEAR = "DL0602", "The stack uses more than 80 % of its budget",
        "A warning: a small change may be refused.";
    UNPRICED = "DL0603", "A budget cannot be checked, because something has no price",
        "The price book has no rate for something in this region, so the stack may cost anything. Refresh the \
         prices, or pass `--allow-unpriced` to check the budget over the rest.";
    NO_RUN = "DL0604", "A run budget needs the length of a run",
        "`budget.run` is compared with the cost of a run, which lasts for `ttl:` or `--hours`.";
    OVER_BY_USE = "DL0605", "With its usage the stack may cost more than its budget",
        "Lines by use depend on quantities that are stated in `usage:` or assumed. They never refuse a plan.";
    STILL_OVER = "DL0607", "The stack is above its budget, and this plan does not make it more expensive",
        "A warning. A plan that makes a stack cheaper, or leaves its cost as it is, is never refused by a budget: \
         refusing it would keep the more expensive stack alive. The limit still stands, and the next plan that adds cost is \
         refused.";
}

/// The part of a budget past which a warning is shown.
const NEAR_SHARE: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// `budget.hourly` or `--max-hourly`.
    Hourly,
    /// `budget.run`.
    Run,
    /// `budget.monthly`.
    Monthly,
}

impl Limit {
    /// The word of authors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Run => "run",
            Self::Monthly => "monthly",
        }
    }

    fn per(self) -> &'static str {
        match self {
            Self::Hourly => "/h",
            Self::Run => " a run",
            Self::Monthly => " a month",
        }
    }
}

/// One limit and what the stack comes to under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Which limit.
    pub limit: Limit,
    /// What is allowed.
    pub allowed: Decimal,
    /// Certain money.
    pub fixed: Decimal,
    /// With what goes by use.
    pub with_use: Decimal,
    /// Whether the limit is that of `--max-hourly`.
    pub flag: bool,
}

impl Check {
    /// The limit as its author wrote it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.limit, self.flag) {
            (Limit::Hourly, true) => "--max-hourly",
            (Limit::Hourly, false) => "budget.hourly",
            (Limit::Run, _) => "budget.run",
            (Limit::Monthly, _) => "budget.monthly",
        }
    }

    /// The part of the budget that certain money uses, in percent, rounded down.
    #[must_use]
    pub fn percent(&self) -> Option<Decimal> {
        self.fixed.checked_div(self.allowed)?.checked_mul(Decimal::ONE_HUNDRED).map(|percent| percent.floor())
    }
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A limit is passed; the largest lines are named.
    Over {
        /// The limit.
        check: Check,
        /// The three largest lines: address, what, dollars.
        largest: Vec<(String, String, Decimal)>,
    },
    /// Lines without a price.
    Unpriced {
        /// Address, what, why.
        lines: Vec<(String, String, String)>,
    },
    /// `budget.run` without a length.
    NoRunLength,
}

/// What the budget says about a bill.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Each limit that was checked.
    pub checks: Vec<Check>,
    /// Why it is refused; empty when it is not.
    pub refusals: Vec<Refusal>,
    /// What would refuse it if it were not so already: the plan makes nothing more expensive.
    pub tolerated: Vec<Refusal>,
}

impl Budget {
    /// This budget, with the hourly limit lowered to `max` when that is less.
    #[must_use]
    pub fn capped(self, max: Option<Decimal>) -> Self {
        match (self.hourly, max) {
            (Some(own), Some(max)) if own <= max => self,
            (_, None) => self,
            (_, max) => Self { hourly: max, hourly_flag: true, ..self },
        }
    }

    /// Whether it allows everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Holds a bill against the budget.
    #[must_use]
    pub fn check(&self, bill: &Bill, allow_unpriced: bool) -> Verdict {
        let mut verdict = Verdict::default();
        if self.is_open() {
            return verdict;
        }
        let sum = bill.sum();
        let total = sum.total();
        let run = bill.run.map(|run| run.hours);
        let mut check = |limit, allowed: Option<Decimal>, cost: &dyn Fn(&Amount) -> Decimal| {
            let Some(allowed) = allowed else { return };
            let flag = limit == Limit::Hourly && self.hourly_flag;
            let check = Check { limit, allowed, fixed: cost(&sum.fixed), with_use: cost(&total), flag };
            verdict.checks.push(check);
            if check.fixed > allowed {
                let certain = |line: &&PriceLine| !matches!(line.state, LineState::ByUse { .. });
                let lines = bill.largest(usize::MAX, cost).into_iter().filter(certain).take(3);
                let largest = lines
                    .map(|line| {
                        let address = line.address.clone().unwrap_or_default();
                        let what = match line.alternatives.as_slice() {
                            [] => line.what.clone(),
                            rungs => format!("{} (the most expensive of: {})", line.what, rungs.join("; ")),
                        };
                        (address, what, cost(&line.amount()))
                    })
                    .collect();
                verdict.refusals.push(Refusal::Over { check, largest });
            }
        };
        check(Limit::Hourly, self.hourly, &Amount::hourly);
        if let Some(hours) = run {
            check(Limit::Run, self.run, &|amount| amount.run(hours).saturating_add(amount.upfront));
        }
        check(Limit::Monthly, self.monthly, &|amount| amount.monthly().saturating_add(amount.upfront));
        if self.run.is_some() && run.is_none() {
            verdict.refusals.push(Refusal::NoRunLength);
        }
        if !allow_unpriced && sum.unpriced > 0 {
            let lines = bill.unpriced().map(|line| {
                let why = match &line.state {
                    LineState::Unpriced { why } => why.clone(),
                    _ => String::new(),
                };
                (line.address.clone().unwrap_or_default(), line.what.clone(), why)
            });
            verdict.refusals.push(Refusal::Unpriced { lines: lines.collect() });
        }
        verdict
    }

    /// Holds what a plan leads to against the budget. What is above it already and not made more expensive is tolerated: nobody is
    /// kept from making a stack cheaper.
    #[must_use]
    pub fn check_plan(&self, before: &Bill, after: &Bill, allow_unpriced: bool) -> Verdict {
        let mut verdict = self.check(after, allow_unpriced);
        let (was, is) = (before.sum(), after.sum());
        let hours = after.run.map_or(Decimal::ZERO, |run| run.hours);
        let worse = |refusal: &Refusal| match refusal {
            Refusal::Over { check, .. } => {
                let cost = |amount: &Amount| match check.limit {
                    Limit::Hourly => amount.hourly(),
                    Limit::Run => amount.run(hours).saturating_add(amount.upfront),
                    Limit::Monthly => amount.monthly().saturating_add(amount.upfront),
                };
                cost(&is.fixed) > cost(&was.fixed)
            }
            Refusal::Unpriced { lines } => {
                let known: Vec<_> =
                    before.unpriced().map(|line| (line.address.as_deref().unwrap_or_default(), &line.what)).collect();
                lines.iter().any(|(address, what, _)| !known.contains(&(address.as_str(), what)))
            }
            Refusal::NoRunLength => {
                is.total().hourly() > was.total().hourly() || is.total().upfront > was.total().upfront
            }
        };
        (verdict.refusals, verdict.tolerated) = verdict.refusals.into_iter().partition(worse);
        verdict
    }
}

impl Verdict {
    /// Refusals as errors, what is near or may pass a limit as warnings.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut diagnostics: Vec<Diagnostic> = self.refusals.iter().map(Refusal::diagnostic).collect();
        for refusal in &self.tolerated {
            let summary = format!("{}; this plan does not make it more expensive", refusal.diagnostic().summary);
            diagnostics.push(Diagnostic::warning(&STILL_OVER, summary));
        }
        for check in self.checks.iter().filter(|check| check.fixed <= check.allowed) {
            let (name, per) = (check.name(), check.limit.per());
            let allowed = Dollars(check.allowed);
            if check.with_use > check.allowed {
                let cost = Dollars(check.with_use);
                let summary = format!("with its usage the stack comes to {cost}{per}, above {name} of {allowed}");
                diagnostics.push(Diagnostic::warning(&OVER_BY_USE, summary));
            } else if check.fixed > check.allowed.saturating_mul(NEAR_SHARE) {
                let percent = check.percent().unwrap_or_default();
                let cost = Dollars(check.fixed);
                let summary = format!("{cost}{per} is {percent} % of {name} ({allowed})");
                diagnostics.push(Diagnostic::warning(&NEAR, summary));
            }
        }
        diagnostics
    }
}

impl Refusal {
    fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Over { check, largest } => {
                let (name, per) = (check.name(), check.limit.per());
                let (cost, allowed) = (Dollars(check.fixed), Dollars(check.allowed));
                let lines: Vec<String> = largest
                    .iter()
                    .map(|(address, what, dollars)| format!("{address}: {what}: {}{per}", Dollars(*dollars)))
                    .collect();
                Diagnostic::error(&OVER, format!("{cost}{per} is above {name} of {allowed}"))
                    .with_detail(format!("the largest lines:\n{}", lines.join("\n")))
                    .with_help(if check.flag {
                        "raise --max-hourly, or make the largest lines smaller"
                    } else {
                        "raise the budget, or make the largest lines smaller"
                    })
            }
            Self::Unpriced { lines } => {
                let count = lines.len();
                let named: Vec<String> =
                    lines.iter().map(|(address, what, why)| format!("{address}: {what}: {why}")).collect();
                let noun = if count == 1 { "line has" } else { "lines have" };
                Diagnostic::error(&UNPRICED, format!("the budget cannot be checked: {count} {noun} no price"))
                    .with_detail(named.join("\n"))
                    .with_help("dlinfra prices refresh, or --allow-unpriced to check the rest")
            }
            Self::NoRunLength => Diagnostic::error(&NO_RUN, "budget.run is set, but nothing says how long a run is")
                .with_help("add ttl: to the blueprint, or pass --hours"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bill::tests::cluster;
    use super::super::bill::{Item, Run, RunSource};
    use super::*;
    use crate::price::{PriceBook, PriceContext, Unit, Usage, storage};

    fn hourly(dollars: i64) -> Budget {
        Budget { hourly: Some(Decimal::from(dollars)), ..Budget::default() }
    }

    #[test]
    fn above_is_refused_with_the_largest_lines() {
        let verdict = hourly(200).check(&cluster(), false);
        let Refusal::Over { largest, check } = &verdict.refusals[0] else { panic!("{verdict:?}") };
        assert_eq!(check.fixed.round_dp(2), Decimal::new(22_245, 2));
        let addresses: Vec<&str> = largest.iter().map(|(address, _, _)| address.as_str()).collect();
        assert_eq!(addresses, ["train.group", "cache.file-system", "network.nat"]);
        let diagnostics = verdict.diagnostics();
        assert_eq!(diagnostics[0].summary, "$222.45/h is above budget.hourly of $200.00");
        assert!(diagnostics[0].detail.as_ref().unwrap().contains("train.group: 4 x p5.48xlarge, on-demand: $220.16/h"));
    }

    #[test]
    fn near_is_a_warning() {
        let verdict = hourly(250).check(&cluster(), false);
        assert!(verdict.refusals.is_empty());
        assert_eq!(verdict.diagnostics()[0].summary, "$222.45/h is 88 % of budget.hourly ($250.00)");
        assert!(hourly(300).check(&cluster(), false).diagnostics().is_empty());
    }

    #[test]
    fn runs_and_months() {
        let budget = Budget { run: Some(Decimal::from(16_000)), ..Budget::default() };
        // Certain money is 16,016.08 in 72 hours: 15,855.12 + 1,632 × 72 ÷ 730
        assert!(!budget.check(&cluster(), false).refusals.is_empty());
        let budget =
            Budget { run: Some(Decimal::from(17_000)), monthly: Some(Decimal::from(163_000)), ..Budget::default() };
        assert!(budget.check(&cluster(), false).refusals.is_empty());
        let endless = Bill { run: None, ..cluster() };
        assert_eq!(budget.check(&endless, false).refusals, [Refusal::NoRunLength]);
    }

    #[test]
    fn no_price_refuses_unless_allowed() {
        let mut bill = cluster();
        bill.items[0].lines.push(PriceLine::unpriced("controller", Decimal::ONE, Unit::Hour, "no rate"));
        let verdict = hourly(1000).check(&bill, false);
        assert!(matches!(&verdict.refusals[..], [Refusal::Unpriced { lines }] if lines.len() == 1));
        assert!(hourly(1000).check(&bill, true).refusals.is_empty());
        assert!(Budget::default().check(&bill, false).refusals.is_empty());
    }

    #[test]
    fn by_use_never_refuses() {
        let usage = Usage::from_json(&serde_json::json!({ "stored_gb": 1_000_000 })).unwrap();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let lines = storage::bucket(&context);
        let item = Item { address: "corpus".to_owned(), kind: "bucket".to_owned(), owner: None, lines };
        let bill = Bill::new(vec![item], Some(Run { hours: Decimal::TEN, source: RunSource::Flag }));
        let verdict = hourly(1).check(&bill, false);
        assert!(verdict.refusals.is_empty());
        assert_eq!(verdict.diagnostics()[0].code, OVER_BY_USE.code);
    }

    #[test]
    fn the_lower_limit_holds() {
        let budget = hourly(60);
        assert_eq!(budget.capped(Some(Decimal::from(50))).hourly, Some(Decimal::from(50)));
        assert_eq!(budget.capped(Some(Decimal::from(90))).hourly, Some(Decimal::from(60)));
    }
}
