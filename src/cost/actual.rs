//! Estimate against what AWS billed: days from Cost Explorer by address, held against what ran and what it should cost.
//!
//! Cost Explorer knows a resource by its cost-allocation tag `dlinfra:address`, which an account has to activate once; it
//! is about a day late, and its last days change. Days that cannot be compared are named with the reason, and never
//! taken for zero. One file: what is compared, what is left out and why is read side by side.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::bill::Item;
pub use crate::aws::cost_explorer::Day;
use crate::diagnostic::codes;
use crate::price::line::Dollars;

/// A resource that ran for a time, with what it should cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its priced lines.
    pub item: Item,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// Which days are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day, UTC.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
    /// Days that end after this moment are not billed in full yet.
    pub known_until: Timestamp,
    /// The day on which bills began to carry the tags, if AWS says so.
    pub tagged_from: Option<Date>,
}

/// What ran on one day, in hours by address.
type Hours = BTreeMap<Date, BTreeMap<String, Decimal>>;

/// One day or kind: what was expected and what was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pair {
    /// By the prices and the hours that ran.
    pub expected: Decimal,
    /// By AWS.
    pub billed: Decimal,
}

impl Pair {
    /// How much more was billed than expected.
    #[must_use]
    pub fn difference(&self) -> Decimal {
        self.billed.saturating_sub(self.expected)
    }

    /// The bill as a part of the estimate; none without an estimate.
    #[must_use]
    pub fn ratio(&self) -> Option<Decimal> {
        self.billed.checked_div(self.expected)
    }
}

/// The resource whose bill is furthest from the estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// Its address.
    pub address: String,
    /// Estimate and bill.
    pub pair: Pair,
    /// The likely reason.
    pub reason: String,
    /// What AWS billed for it, by usage type, the most expensive first.
    pub usage: Vec<(String, Decimal)>,
}

/// Estimate against bill.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actual {
    /// By day.
    pub days: BTreeMap<Date, Pair>,
    /// By kind.
    pub kinds: BTreeMap<String, Pair>,
    /// By address.
    pub addresses: BTreeMap<String, Pair>,
    /// Days on which something ran and of which AWS has nothing.
    pub without_data: Vec<Date>,
    /// Days that AWS has not billed in full yet.
    pub incomplete: Vec<Date>,
    /// Days on which bills did not carry the tags yet, or not for all of the day.
    pub before_tag: Vec<Date>,
    /// Whether some day may still change.
    pub estimated: bool,
    /// Dollars on resources of the stack without the tag of an address.
    pub untagged: Decimal,
    /// Addresses that something was billed for and of which nobody knows when they ran.
    pub unknown: Vec<String>,
    /// The largest difference, if there is one.
    pub largest: Option<Largest>,
}

impl Actual {
    /// Holds billed days against what ran.
    #[must_use]
    pub fn of(lives: &[Life], days: &[Day], period: &Period) -> Self {
        let mut actual = Self::default();
        let ran = hours(lives, period);
        let billed: BTreeMap<Date, &Day> = days.iter().map(|day| (day.date, day)).collect();
        let compared = actual.sort_days(&ran, &billed, period);
        for life in lives {
            let per_hour = life.item.sum().total();
            for (date, part) in parts(life, period) {
                if compared.contains(&date) {
                    let expected = per_hour.run(part);
                    actual.add(date, &life.item.address, &life.item.kind, |pair| &mut pair.expected, expected);
                }
            }
        }
        let kinds: BTreeMap<&str, &str> =
            lives.iter().map(|life| (life.item.address.as_str(), life.item.kind.as_str())).collect();
        let mut unknown = BTreeSet::new();
        for day in compared.iter().filter_map(|date| billed.get(date)) {
            actual.estimated |= day.estimated;
            for (address, dollars) in &day.dollars {
                if address.is_empty() {
                    actual.untagged = actual.untagged.saturating_add(*dollars);
                    continue;
                }
                let kind = kinds.get(address.as_str()).copied().unwrap_or(UNKNOWN);
                if kind == UNKNOWN {
                    unknown.insert(address.clone());
                }
                actual.add(day.date, address, kind, |pair| &mut pair.billed, *dollars);
            }
        }
        actual.unknown = unknown.into_iter().collect();
        actual.largest = actual.find_largest(lives, &compared, &billed, &ran);
        actual
    }

    /// The days that can be compared; the others go where they are named.
    fn sort_days(&mut self, ran: &Hours, billed: &BTreeMap<Date, &Day>, period: &Period) -> BTreeSet<Date> {
        let mut compared = BTreeSet::new();
        let all: BTreeSet<Date> = ran.keys().chain(billed.keys()).copied().collect();
        for date in all {
            let something_ran = ran.contains_key(&date);
            let has_data = billed.get(&date).is_some_and(|day| !day.dollars.is_empty());
            let whole = date.tomorrow().is_ok_and(|next| midnight(next) <= period.known_until);
            // AWS can tag the past too: a day before the activation that has tagged dollars counts.
            let tagged = period.tagged_from.is_none_or(|from| from < date || from > date && has_data);
            match (something_ran, has_data) {
                (false, false) => {}
                _ if !whole => self.incomplete.push(date),
                _ if !tagged => self.before_tag.push(date),
                (true, false) => self.without_data.push(date),
                _ => {
                    compared.insert(date);
                }
            }
        }
        compared
    }

    fn add(&mut self, date: Date, address: &str, kind: &str, side: fn(&mut Pair) -> &mut Decimal, dollars: Decimal) {
        let pairs = [
            self.days.entry(date).or_default(),
            self.kinds.entry(kind.to_owned()).or_default(),
            self.addresses.entry(address.to_owned()).or_default(),
        ];
        for pair in pairs {
            let sum = side(pair);
            *sum = sum.saturating_add(dollars);
        }
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Pair {
        self.days.values().fold(Pair::default(), |sum, pair| Pair {
            expected: sum.expected.saturating_add(pair.expected),
            billed: sum.billed.saturating_add(pair.billed),
        })
    }

    /// Differences below a cent are rounding.
    fn find_largest(
        &self,
        lives: &[Life],
        compared: &BTreeSet<Date>,
        billed: &BTreeMap<Date, &Day>,
        ran: &Hours,
    ) -> Option<Largest> {
        let (address, pair) = self.addresses.iter().max_by_key(|(_, pair)| pair.difference().abs())?;
        if pair.difference().abs() < Decimal::new(5, 3) {
            return None;
        }
        let own: Vec<&Life> = lives.iter().filter(|life| life.item.address == *address).collect();
        let mut usage: BTreeMap<&str, Decimal> = BTreeMap::new();
        let mut daily = Vec::new();
        for day in compared.iter().filter_map(|date| billed.get(date)) {
            for (name, dollars) in day.usage.get(address).into_iter().flatten() {
                let sum = usage.entry(name.as_str()).or_default();
                *sum = sum.saturating_add(*dollars);
            }
            let hours = ran.get(&day.date).and_then(|ran| ran.get(address)).copied().unwrap_or_default();
            let expected: Decimal = own
                .iter()
                .flat_map(|life| parts(life, &whole_day(day.date)).into_iter().map(move |(_, part)| (life, part)))
                .map(|(life, part)| life.item.sum().total().run(part))
                .fold(Decimal::ZERO, Decimal::saturating_add);
            if !hours.is_zero() {
                daily.push(Pair { expected, billed: day.dollars.get(address).copied().unwrap_or_default() });
            }
        }
        let mut usage: Vec<(String, Decimal)> = usage.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
        usage.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Some(Largest { address: address.clone(), pair: *pair, reason: reason(&own, pair, &daily), usage })
    }

    /// What people should know before they trust the numbers.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        [self.left_out(), self.remarks()].concat()
    }

    /// The days that are not compared, and why.
    fn left_out(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut days = |what: &str, days: &[Date]| {
            if !days.is_empty() {
                let days: Vec<String> = days.iter().map(ToString::to_string).collect();
                notes.push(format!("{what}, not compared: {}", days.join(", ")));
            }
        };
        days("no data, although something ran", &self.without_data);
        days("not billed in full yet", &self.incomplete);
        days("before bills carried the tags for a whole day", &self.before_tag);
        notes
    }

    /// What else people should know.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.untagged.is_zero() {
            notes.push(format!("{} of the stack's bill carry no address", Dollars(self.untagged)));
        }
        if !self.unknown.is_empty() {
            notes.push(format!("billed, but nobody knows when they ran: {}", self.unknown.join(", ")));
        }
        if self.estimated {
            notes.push("AWS may still change these days until the month is closed".to_owned());
        }
        notes
    }
}

/// The kind of what is in no journal and not live.
const UNKNOWN: &str = "(unknown)";

/// Why the bill of a resource differs, as far as the numbers tell.
fn reason(lives: &[&Life], pair: &Pair, daily: &[Pair]) -> String {
    let sums = || lives.iter().map(|life| life.item.sum());
    let unpriced = sums().any(|sum| sum.unpriced > 0);
    let used = sums().any(|sum| sum.used > 0);
    let more = pair.difference().is_sign_positive();
    let percent = |ratio: Decimal| (ratio * Decimal::ONE_HUNDRED).round_dp(1).normalize();
    let ratios: Vec<Decimal> = daily.iter().filter_map(Pair::ratio).collect();
    let (low, high) = (ratios.iter().min().copied(), ratios.iter().max().copied());
    let steady = match (low, high) {
        (Some(low), Some(high)) if high - low <= Decimal::new(1, 2) && !low.is_zero() => Some(low),
        _ => None,
    };
    match (more, steady) {
        _ if lives.is_empty() => "it is neither live nor in the journal, so nothing was expected".to_owned(),
        _ if pair.billed.is_zero() => {
            "nothing was billed under its tag: it may be younger than its first bill, or something else pays for it \
             (a reservation, a Savings Plan, credits)"
                .to_owned()
        }
        (true, _) if unpriced => "some of its lines have no price, so they were not expected".to_owned(),
        (true, _) if used => "it is billed by use, and more was used than stated in `usage:` or assumed".to_owned(),
        (false, _) if used => "it is billed by use, and less was used than stated in `usage:` or assumed".to_owned(),
        (true, Some(ratio)) => format!(
            "AWS billed {} % of the estimate on each day: its price is higher than the price book says (`dlinfra prices refresh`)",
            percent(ratio)
        ),
        (false, Some(ratio)) => format!(
            "AWS billed {} % of the estimate on each day: a discount, a Savings Plan or credits, or a price that has fallen (`dlinfra prices refresh`)",
            percent(ratio)
        ),
        (true, None) => "it ran longer than it is known to have run, or there was more of it for a time".to_owned(),
        (false, None) => "it ran for a part of the time only, or there was less of it for a time".to_owned(),
    }
}

fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn whole_day(date: Date) -> Period {
    let to = date.tomorrow().unwrap_or(date);
    Period { from: date, to, known_until: Timestamp::MAX, tagged_from: None }
}

/// The hours of a life on each day of a period.
fn parts(life: &Life, period: &Period) -> Vec<(Date, Decimal)> {
    const DAY: i64 = 86_400;
    let mut out = Vec::new();
    let mut from = life.from.max(midnight(period.from)).as_second();
    let to = life.to.min(midnight(period.to)).as_second();
    while from < to {
        let end = to.min((from.div_euclid(DAY) + 1) * DAY);
        if let Ok(moment) = Timestamp::from_second(from) {
            let date = moment.to_zoned(TimeZone::UTC).date();
            out.push((date, Decimal::from(end - from) / Decimal::from(3600)));
        }
        from = end;
    }
    out
}

fn hours(lives: &[Life], period: &Period) -> Hours {
    let mut out = Hours::new();
    // What is free is not billed: a day on which nothing else ran is no day without data.
    for life in lives.iter().filter(|life| life.item.sum().lines() > 0) {
        for (date, part) in parts(life, period) {
            let sum = out.entry(date).or_default().entry(life.item.address.clone()).or_default();
            *sum = sum.saturating_add(part);
        }
    }
    out
}

codes! {
    /// What `dlinfra explain` says about bills.
    pub CODES:
    BILLS_WITHOUT_TAGS = "DL0630", "Bills do not carry the ownership tags",
        "Cost Explorer knows what a stack costs only by the tags `dlinfra:stack` and `dlinfra:address`, and only \
         once they are activated as cost-allocation tags, for the whole account. `dlinfra cost --actual \
         --activate-tags` does it, or the page Cost allocation tags of the Billing and Cost Management console. \
         AWS lists a tag up to a day after its first use, and bills carry it from the activation on.";
    TAG_NOT_ACTIVATED = "DL0631", "A cost-allocation tag was not activated",
        "AWS refused to activate a tag. It lists a tag key up to a day after its first use, and in an \
         organization only the management account may activate tags.";
    NO_BILLS = "DL0632", "There are no bills of these days",
        "Cost Explorer has nothing under the tags of this stack on the days that were asked for. It is about a \
         day late; bills carry tags only from their activation on; and a stack that is free is billed nothing.";
    PERIOD = "DL0633", "Not a period of bills",
        "Bills are compared by whole days, UTC, from `--from` to `--to`, both included. Cost Explorer keeps \
         fourteen months.";
}

#[cfg(test)]
mod tests {
    use super::super::bill::tests::cluster;
    use super::*;

    fn date(day: i8) -> Date {
        jiff::civil::date(2026, 11, day)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The group of `cluster` ran from 18:00 of the first day to the end of the second; a VPC is free.
    fn lives() -> Vec<Life> {
        let ran = |item: Item| Life { item, from: at("2026-11-20T18:00:00Z"), to: at("2026-11-22T00:00:00Z") };
        let wanted = |item: &Item| ["train.group", "network.vpc"].contains(&item.address.as_str());
        cluster().items.into_iter().filter(wanted).map(ran).collect()
    }

    fn period() -> Period {
        Period { from: date(18), to: date(24), known_until: at("2026-11-24T06:00:00Z"), tagged_from: None }
    }

    fn day(number: i8, dollars: &[(&str, i64)]) -> Day {
        let dollars: BTreeMap<String, Decimal> =
            dollars.iter().map(|&(address, cents)| (address.to_owned(), Decimal::new(cents, 2))).collect();
        let usage = dollars
            .iter()
            .map(|(address, sum)| (address.clone(), BTreeMap::from([("BoxUsage:p5.48xlarge".to_owned(), *sum)])));
        Day { date: date(number), usage: usage.collect(), dollars, estimated: false }
    }

    #[test]
    fn two_days() {
        let days =
            [day(19, &[]), day(20, &[("train.group", 132_096)]), day(21, &[("train.group", 550_000), ("", 100)])];
        let actual = Actual::of(&lives(), &days, &period());
        // 6 and 24 hours at 220.16
        assert_eq!(
            actual.days[&date(20)],
            Pair { expected: Decimal::new(132_096, 2), billed: Decimal::new(132_096, 2) }
        );
        assert_eq!(actual.days[&date(21)].expected, Decimal::new(528_384, 2));
        assert_eq!(actual.kinds["instance-group"].billed, Decimal::new(682_096, 2));
        let largest = actual.largest.as_ref().unwrap();
        assert_eq!((largest.address.as_str(), largest.pair.difference()), ("train.group", Decimal::new(21_616, 2)));
        assert_eq!(largest.reason, "it ran longer than it is known to have run, or there was more of it for a time");
        assert_eq!(largest.usage, [("BoxUsage:p5.48xlarge".to_owned(), Decimal::new(682_096, 2))]);
        assert_eq!(actual.notes(), ["$1.00 of the stack's bill carry no address"]);
    }

    #[test]
    fn a_discount_is_recognised() {
        let days = [day(20, &[("train.group", 118_886)]), day(21, &[("train.group", 475_546)])];
        let reason = Actual::of(&lives(), &days, &period()).largest.unwrap().reason;
        assert!(reason.starts_with("AWS billed 90 % of the estimate on each day: a discount"), "{reason}");
        let same = [day(20, &[("train.group", 132_096)]), day(21, &[("train.group", 528_384)])];
        assert_eq!(Actual::of(&lives(), &same, &period()).largest, None);
    }

    #[test]
    fn days_that_cannot_be_compared_are_named() {
        let billed = [day(20, &[("train.group", 132_096)]), day(21, &[])];
        let actual = Actual::of(&lives(), &billed, &period());
        assert_eq!(actual.without_data, [date(21)]);
        assert_eq!(actual.total().difference(), Decimal::ZERO);
        assert_eq!(actual.notes(), ["no data, although something ran, not compared: 2026-11-21"]);
        let early = Period { known_until: at("2026-11-21T23:00:00Z"), ..period() };
        assert_eq!(Actual::of(&lives(), &billed, &early).incomplete, [date(21)]);
        let young = Period { tagged_from: Some(date(20)), ..period() };
        let actual = Actual::of(&lives(), &billed, &young);
        assert_eq!((actual.before_tag, actual.without_data), (vec![date(20)], vec![date(21)]));
        // AWS has tagged the past: a whole day before the activation counts.
        let back = Period { tagged_from: Some(date(23)), ..period() };
        assert_eq!(Actual::of(&lives(), &billed[..1], &back).days.len(), 1);
    }

    #[test]
    fn what_nobody_knows_is_named() {
        let actual = Actual::of(&[], &[day(20, &[("old.group", 500)])], &period());
        assert_eq!(actual.unknown, ["old.group"]);
        assert_eq!(actual.kinds[UNKNOWN].billed, Decimal::from(5));
        assert!(actual.largest.unwrap().reason.starts_with("it is neither live nor in the journal"));
    }
}
