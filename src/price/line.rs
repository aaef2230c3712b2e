//! One priced line: what, how much, at which rate, in which state; exact until it is shown.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};

use super::PriceContext;
use super::book::{Rate, Unit};

/// The hours that AWS counts in a month.
pub const HOURS_PER_MONTH: Decimal = Decimal::from_parts(730, 0, 0, false, 0);

/// How far the amount of a line is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineState {
    /// Rate and quantity are known.
    Priced,
    /// The rate is known, the quantity depends on use: stated in `usage:` or assumed.
    ByUse {
        /// The quantity in words, and whether it was stated or assumed.
        assumption: String,
    },
    /// There is no rate: it costs something, and nobody can say here how much.
    Unpriced {
        /// What is missing.
        why: String,
    },
    /// Already paid for by something outside this line, such as a capacity reservation.
    PaidElsewhere {
        /// What pays.
        by: String,
    },
    /// Paid once, before use; kept apart from running cost.
    Upfront,
}

impl LineState {
    /// The word used in JSON, CSV and text.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Priced => "priced",
            Self::ByUse { .. } => "by use",
            Self::Unpriced { .. } => "unpriced",
            Self::PaidElsewhere { .. } => "paid elsewhere",
            Self::Upfront => "upfront",
        }
    }
}

/// One line of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceLine {
    /// The resource; kinds leave it empty and `cost` fills it in.
    pub address: Option<String>,
    /// What is paid for, in words.
    pub what: String,
    /// How many units.
    pub quantity: Decimal,
    /// The unit of the quantity.
    pub unit: Unit,
    /// The rate; `None` when unpriced or paid elsewhere.
    pub rate: Option<Arc<Rate>>,
    /// How far the amount is known.
    pub state: LineState,
    /// The part of the day that it runs, for what is paid by the hour: 1 unless `usage.hours_per_day` says less.
    pub share: Decimal,
    /// Where several ways of buying may be used, each with its price; the line itself is the most expensive.
    pub alternatives: Vec<String>,
    /// Is it paid only while something has scaled up? Totals and budgets count it.
    pub scales: bool,
}

impl PriceLine {
    /// A line for `quantity` units of an item; unpriced when the book has no rate for the region.
    #[must_use]
    pub fn of(
        context: &PriceContext<'_>,
        service: &str,
        item: &str,
        unit: Unit,
        what: impl Into<String>,
        quantity: Decimal,
    ) -> Self {
        let rate = context.book.item(service, item, context.region);
        let state = match rate {
            Some(_) => LineState::Priced,
            None => LineState::Unpriced { why: format!("no rate for {service} {item} in {}", context.region) },
        };
        let unit = rate.as_ref().map_or(unit, |rate| rate.unit);
        Self::new(what, quantity, unit, rate, state)
    }

    /// A line from its parts.
    #[must_use]
    pub fn new(
        what: impl Into<String>,
        quantity: Decimal,
        unit: Unit,
        rate: Option<Arc<Rate>>,
        state: LineState,
    ) -> Self {
        Self {
            address: None,
            what: what.into(),
            quantity,
            unit,
            rate,
            state,
            share: Decimal::ONE,
            alternatives: Vec::new(),
            scales: false,
        }
    }

    /// The same line, for what is paid only while something has scaled up.
    #[must_use]
    pub fn scaling(self) -> Self {
        Self { scales: true, ..self }
    }

    /// A line without a rate.
    #[must_use]
    pub fn unpriced(what: impl Into<String>, quantity: Decimal, unit: Unit, why: impl Into<String>) -> Self {
        Self::new(what, quantity, unit, None, LineState::Unpriced { why: why.into() })
    }

    /// A line that something else pays.
    #[must_use]
    pub fn paid_elsewhere(what: impl Into<String>, quantity: Decimal, unit: Unit, by: impl Into<String>) -> Self {
        Self::new(what, quantity, unit, None, LineState::PaidElsewhere { by: by.into() })
    }

    /// Lines for a quantity that use decides, one per price tier that it reaches.
    ///
    /// `stated` is what `usage:` says under `key`; without it `assumed` is used and shown as an assumption.
    #[must_use]
    pub fn by_use(
        context: &PriceContext<'_>,
        item: &UseItem<'_>,
        stated: Option<Decimal>,
        assumed: Decimal,
    ) -> Vec<Self> {
        let quantity = stated.unwrap_or(assumed);
        let of = format!("{} {}", grouped(&quantity.normalize().to_string()), item.noun);
        let assumption = match stated {
            Some(_) => format!("{of} a month, stated in usage"),
            None => format!("{of} a month assumed; usage: {{ {}: … }} states it", item.key),
        };
        let mut lines = Self::tiered(context, item, quantity);
        for line in &mut lines {
            if line.rate.is_some() {
                line.state = LineState::ByUse { assumption: assumption.clone() };
            }
        }
        lines
    }

    /// Lines for a known quantity, one per price tier that it reaches.
    #[must_use]
    pub fn tiered(context: &PriceContext<'_>, item: &UseItem<'_>, quantity: Decimal) -> Vec<Self> {
        let tiers = context.book.tiers(item.service, item.item, context.region);
        if tiers.len() < 2 {
            let charged = quantity / item.unit_size;
            return vec![Self::of(context, item.service, item.item, item.unit, item.what, charged)];
        }
        let mut lines = Vec::new();
        for (index, tier) in tiers.iter().enumerate() {
            let end = tiers.get(index + 1).map_or(Decimal::MAX, |next| next.from);
            let part = quantity.min(end) - tier.from;
            if part <= Decimal::ZERO && index > 0 {
                break;
            }
            let what = match index {
                0 => item.what.to_owned(),
                _ => format!("{}, above {}", item.what, tier.from.normalize()),
            };
            let charged = part.max(Decimal::ZERO) / item.unit_size;
            lines.push(Self::new(what, charged, tier.rate.unit, Some(Arc::clone(&tier.rate)), LineState::Priced));
        }
        lines
    }

    /// The same line, running only a part of each day.
    #[must_use]
    pub fn running(mut self, share: Decimal) -> Self {
        self.share = share;
        self
    }

    /// The same line with the resource it belongs to.
    #[must_use]
    #[cfg(test)]
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// What the line comes to; nothing for a line without a rate, which totals count apart.
    #[must_use]
    pub fn amount(&self) -> Amount {
        let Some(rate) = &self.rate else { return Amount::ZERO };
        let product = self.quantity.saturating_mul(rate.amount);
        match &self.state {
            LineState::Unpriced { .. } | LineState::PaidElsewhere { .. } => Amount::ZERO,
            LineState::Upfront => Amount { upfront: product, ..Amount::ZERO },
            LineState::Priced | LineState::ByUse { .. } if self.unit.is_hourly() => {
                Amount { hour: product, average_hour: product.saturating_mul(self.share), ..Amount::ZERO }
            }
            LineState::Priced | LineState::ByUse { .. } => Amount { month: product, ..Amount::ZERO },
        }
    }
}

/// An item whose quantity is counted by use or in tiers.
#[derive(Debug, Clone, Copy)]
pub struct UseItem<'a> {
    /// Service of the price book.
    pub service: &'a str,
    /// Item of the price book.
    pub item: &'a str,
    /// Unit when the book has no rate.
    pub unit: Unit,
    /// What is paid for, in words.
    pub what: &'a str,
    /// What the quantity counts, in words ("GB", "requests").
    pub noun: &'a str,
    /// The key of `usage:` that states it.
    pub key: &'a str,
    /// How many of `noun` one charged unit holds (1000 for a price per thousand requests).
    pub unit_size: Decimal,
}

/// What something comes to, in exact parts: hourly and monthly rates are never divided into each other before display.
///
/// Arithmetic saturates: an absurd quantity gives an absurd price, not a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Dollars per hour while it runs.
    pub hour: Decimal,
    /// Dollars per hour averaged over the hours of the day that it runs.
    pub average_hour: Decimal,
    /// Dollars per month.
    pub month: Decimal,
    /// Dollars once.
    pub upfront: Decimal,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self =
        Self { hour: Decimal::ZERO, average_hour: Decimal::ZERO, month: Decimal::ZERO, upfront: Decimal::ZERO };

    /// Dollars in an hour in which everything runs.
    #[must_use]
    pub fn hourly(&self) -> Decimal {
        self.hour.saturating_add(self.month / HOURS_PER_MONTH)
    }

    /// Dollars in a month of 730 hours, without upfront fees.
    #[must_use]
    pub fn monthly(&self) -> Decimal {
        self.average_hour.saturating_mul(HOURS_PER_MONTH).saturating_add(self.month)
    }

    /// Dollars in a run of so many hours, without upfront fees.
    #[must_use]
    pub fn run(&self, hours: Decimal) -> Decimal {
        self.hour.saturating_mul(hours).saturating_add(self.month.saturating_mul(hours) / HOURS_PER_MONTH)
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            hour: self.hour.saturating_add(other.hour),
            average_hour: self.average_hour.saturating_add(other.average_hour),
            month: self.month.saturating_add(other.month),
            upfront: self.upfront.saturating_add(other.upfront),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            hour: self.hour.saturating_sub(other.hour),
            average_hour: self.average_hour.saturating_sub(other.average_hour),
            month: self.month.saturating_sub(other.month),
            upfront: self.upfront.saturating_sub(other.upfront),
        }
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Dollars to the cent with thousands separated, for people: `$1,234.50`.
#[derive(Debug, Clone, Copy)]
pub struct Dollars(pub Decimal);

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = rounded(self.0.abs(), 2);
        let sign = if self.0.is_sign_negative() && text != "0.00" { "-" } else { "" };
        f.pad(&format!("{sign}${}", grouped(&text)))
    }
}

/// A figure with its thousands apart, for people.
#[must_use]
pub fn grouped(figure: &str) -> String {
    let (whole, rest) = figure.split_at(figure.find('.').unwrap_or(figure.len()));
    let digits = whole.chars().filter(char::is_ascii_digit).count();
    let mut text = String::new();
    for (index, character) in whole.chars().enumerate() {
        let left = whole.chars().count() - index;
        if character.is_ascii_digit() && left < digits && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(character);
    }
    text + rest
}

/// A decimal with exactly so many places, half a unit rounded away from zero: the only place where money is rounded.
#[must_use]
pub fn rounded(amount: Decimal, places: u32) -> String {
    let mut amount = amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(places);
    if amount.is_zero() {
        amount.set_sign_positive(true);
    }
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{PriceBook, Usage};

    fn context(usage: &Usage) -> PriceContext<'_> {
        PriceContext::new(PriceBook::embedded(), "us-east-1", usage)
    }

    fn out(usage: &Usage, gb: i64) -> Vec<PriceLine> {
        let item = UseItem {
            service: "data-transfer",
            item: "internet-out",
            unit: Unit::Gb,
            what: "data to the internet",
            noun: "GB",
            key: "internet_out_gb",
            unit_size: Decimal::ONE,
        };
        PriceLine::by_use(&context(usage), &item, Some(Decimal::from(gb)), Decimal::ZERO)
    }

    #[test]
    fn tiers_are_cut_exactly() {
        let usage = Usage::default();
        let lines = out(&usage, 60_000);
        // 10,240 × 0.09 + 40,960 × 0.085 + 8,800 × 0.07 = 921.60 + 3,481.60 + 616.00
        assert_eq!(lines.len(), 3);
        let total: Amount = lines.iter().map(PriceLine::amount).sum();
        assert_eq!(total.monthly(), Decimal::new(501_920, 2));
        assert_eq!(out(&usage, 10_240).len(), 1);
        assert_eq!(out(&usage, 0).len(), 1);
    }

    #[test]
    fn a_missing_rate_is_a_line_not_a_zero() {
        let usage = Usage::default();
        let line = PriceLine::of(&context(&usage), "pcs", "controller-small", Unit::Hour, "controller", Decimal::ONE);
        assert_eq!(line.state.name(), "unpriced");
        assert!(line.amount().is_zero());
    }

    #[test]
    fn amounts_in_hours_months_and_runs() {
        let amount =
            Amount { hour: Decimal::TWO, average_hour: Decimal::ONE, month: Decimal::from(73), upfront: Decimal::TEN };
        assert_eq!(amount.hourly(), Decimal::new(21, 1));
        assert_eq!(amount.monthly(), Decimal::from(803));
        assert_eq!(amount.run(Decimal::from(100)), Decimal::from(210));
        assert!((amount - amount).is_zero());
    }

    #[test]
    fn absurd_quantities_do_not_panic() {
        let usage = Usage::default();
        let line = PriceLine::of(&context(&usage), "vpc", "nat-hour", Unit::Hour, "x", Decimal::MAX);
        let total: Amount = vec![line.amount(); 1000].into_iter().sum();
        assert!(total.monthly() > Decimal::ZERO && total.run(Decimal::MAX) > Decimal::ZERO);
    }

    #[test]
    fn dollars_for_people() {
        assert_eq!(Dollars(Decimal::new(123_456_750, 2)).to_string(), "$1,234,567.50");
        assert_eq!(Dollars(Decimal::new(5, 3)).to_string(), "$0.01");
        assert_eq!(Dollars(Decimal::new(-12_344, 3)).to_string(), "-$12.34");
        assert_eq!(Dollars(Decimal::new(-1, 3)).to_string(), "$0.00");
        assert_eq!(Dollars(Decimal::from(100)).to_string(), "$100.00");
        assert_eq!(format!("{:>10}", Dollars(Decimal::ONE)), "     $1.00");
        assert_eq!(rounded(Decimal::new(-1, 4), 2), "0.00");
    }
}
