//! Money on the command line: the price book in use, flags about it, and what a budget says to a plan.
use super::{
    Exit, Stop, place, prices,
    stack::{Found, Which},
};
use crate::ui::Ui;
use dlinfra::{
    blueprint::Compiled,
    cost::{Pricing, Stated, advice, advice::Advice, policy, stated},
    diagnostic::{Diagnostic, Diagnostics},
    kinds::{KINDS, dialect},
    plan::Plan,
    price::{PriceBook, Prices},
    report::cost::PlanFigures,
    units::{Money, Per, Span},
};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// Flags of commands that check a budget.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Limits {
    /// Refuse what costs more than this in an hour, in USD; the blueprint's own budget still holds.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_hourly: Option<Decimal>,
    /// How long a run lasts, for $/run; without it the blueprint's `ttl`.
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    pub hours: Option<Decimal>,
    /// Check the budget although something has no price.
    #[arg(long)]
    pub allow_unpriced: bool,
}

/// `60`, `60.50` or `60 USD/h`.
pub(super) fn dollars(text: &str) -> Result<Decimal, String> {
    let plain = Decimal::from_str_exact(text).ok().filter(|d| !d.is_sign_negative());
    let written = || text.parse::<Money>().ok().filter(|m| m.per() == Per::Hour).map(Money::amount);
    plain.or_else(written).ok_or_else(|| "write dollars per hour: `60` or `'60 USD/h'`".to_owned())
}

/// `72`, `1.5` or `3d`.
pub(super) fn hours(text: &str) -> Result<Decimal, String> {
    let plain = Decimal::from_str_exact(text).ok();
    let found = plain.or_else(|| text.parse::<Span>().ok().map(Span::hours));
    let found = found.filter(|h| *h > Decimal::ZERO && *h <= Decimal::from(1_000_000));
    found.ok_or_else(|| "write hours: `72`, `1.5` or `3d`".to_owned())
}

/// What the blueprint and the flags state about cost.
pub(super) fn stated(compiled: &Compiled, limits: &Limits) -> Result<(Stated, Diagnostics), Stop> {
    let (stated, problems) = Stated::of(compiled, limits.hours, limits.max_hourly);
    Ok(problems.into_result(stated)?)
}

/// How a blueprint is priced.
pub(super) fn pricing<'a>(compiled: &'a Compiled, stated: &'a Stated, book: &'a PriceBook) -> Pricing<'a> {
    Pricing { book, region: &compiled.region, usage: &stated.usage, owner: compiled.owner.as_deref(), run: stated.run }
}

/// What is priced without a plan of a blueprint: a stack that is destroyed or looked at, with or without its blueprint.
pub(super) fn with_pricing<T>(
    which: &Which,
    found: &Found,
    ui: Ui,
    run: impl FnOnce(&Pricing<'_>) -> T,
) -> Result<T, Stop> {
    let (prices, notes) = prices::prices(&which.place, &place::beside(which.source.file.as_deref()));
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let stated = match &found.compiled {
        Some(compiled) => self::stated(compiled, &Limits::default())?.0,
        None => Stated::default(),
    };
    let owner = found.compiled.as_ref().and_then(|compiled| compiled.owner.as_deref());
    let region = found.engine.aws().region();
    Ok(run(&Pricing { book: &prices.book, region, usage: &stated.usage, owner, run: stated.run }))
}

/// What a budget says, at the line that states it. A limit of the command line has none in the blueprint.
pub(super) fn at_its_line(compiled: &Compiled, said: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
    let label = compiled.budget.as_ref().and_then(|b| b.label.clone());
    said.into_iter().map(move |d| match &label {
        Some(label) if d.summary.contains("budget") => d.with_label(label.clone()),
        _ => d,
    })
}

/// More groups than this are not looked over for savings in a plan.
const MANY: usize = 100;

/// What a plan costs, and what the budget and the policies of the blueprint say about it.
pub(super) struct Judged {
    /// Before, after and step by step.
    pub figures: PlanFigures,
    /// Refusals as errors, and warnings.
    pub words: Diagnostics,
}

impl Judged {
    /// Prices a plan and holds it against the limits.
    pub(super) fn new(
        compiled: &Compiled,
        plan: &Plan,
        limits: &Limits,
        prices: &Prices,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        let (stated, mut words) = self::stated(compiled, limits)?;
        let cost = pricing(compiled, &stated, &prices.book).plan(plan);
        let verdict = stated.budget.check_plan(&cost.before, &cost.after, limits.allow_unpriced);
        words.extend(at_its_line(compiled, verdict.diagnostics()));
        words.extend(policy::check(compiled, dialect(), plan, &cost));
        words.sort();
        let mut figures = PlanFigures::new(&cost).with_prices(prices.age(&compiled.region, now));
        let subjects = if plan.is_empty() { Vec::new() } else { stated::subjects(compiled, KINDS, &stated.usage) };
        // Whoever has hundreds of groups reads the report.
        if (1..=MANY).contains(&subjects.len()) {
            let advice = advice::advise(&prices.book, &compiled.region, &subjects);
            let hint = Advice::hint(&advice, cost.after.sum().total().hourly());
            figures.hint = hint.map(|hint| format!("{hint}; `dlinfra cost` says more"));
        }
        Ok(Self { figures, words })
    }

    /// Must nothing be changed?
    pub(super) fn refused(&self) -> bool {
        self.words.has_errors()
    }

    /// Shows warnings; stops before anything is changed when the plan is refused.
    pub(super) fn gate(&self, ui: Ui) -> Result<(), Stop> {
        if self.refused() {
            return Err(Stop { exit: Exit::Refused, diagnostics: self.words.clone() });
        }
        if !ui.json {
            ui.diagnostics(&self.words);
        }
        Ok(())
    }
}
