//! Estimate against what AWS billed: days from Cost Explorer by address, held against the bill of what ran.
//!
//! Cost Explorer knows a resource by its cost-allocation tag `dlinfra:address`, which an account has to activate once; it
//! is about a day late, and its last days change. Days without data are named, not taken for zero.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::bill::Bill;

/// What Cost Explorer says about one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The day, UTC.
    pub date: Date,
    /// Dollars by value of the tag; the empty key is what carries no tag.
    pub dollars: BTreeMap<String, Decimal>,
    /// Whether AWS may still change it.
    pub estimated: bool,
}

/// What ran on one day, by address.
pub type Hours = BTreeMap<Date, BTreeMap<String, Decimal>>;

/// One day or kind: what was expected and what was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pair {
    /// By the bill and the hours that ran.
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
    /// Days on which something ran and for which AWS has nothing yet.
    pub without_data: Vec<Date>,
    /// Whether some day may still change.
    pub estimated: bool,
    /// Dollars on resources without the tag.
    pub untagged: Decimal,
}

impl Actual {
    /// Holds days against a bill; `hours` says how long each address ran on each day.
    #[must_use]
    pub fn of(bill: &Bill, hours: &Hours, days: &[Day]) -> Self {
        let mut actual = Self::default();
        let kinds: BTreeMap<&str, &str> =
            bill.items.iter().map(|item| (item.address.as_str(), item.kind.as_str())).collect();
        let known: BTreeSet<Date> = days.iter().filter(|day| !day.dollars.is_empty()).map(|day| day.date).collect();
        for (date, ran) in hours {
            if !known.contains(date) {
                actual.without_data.push(*date);
                continue;
            }
            for item in &bill.items {
                let Some(hours) = ran.get(&item.address) else { continue };
                let expected = item.sum().total().run(*hours);
                actual.add(*date, &item.address, &item.kind, |pair| &mut pair.expected, expected);
            }
        }
        for day in days {
            actual.estimated |= day.estimated;
            for (address, dollars) in &day.dollars {
                if address.is_empty() {
                    actual.untagged = actual.untagged.saturating_add(*dollars);
                    continue;
                }
                let kind = kinds.get(address.as_str()).copied().unwrap_or("(gone)");
                actual.add(day.date, address, kind, |pair| &mut pair.billed, *dollars);
            }
        }
        actual
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

    /// The address whose bill is furthest from what was expected, and the likely reason.
    #[must_use]
    pub fn largest_difference(&self, bill: &Bill) -> Option<(String, Pair, String)> {
        let (address, pair) = self.addresses.iter().max_by_key(|(_, pair)| pair.difference().abs())?;
        if pair.difference().is_zero() {
            return None;
        }
        let item = bill.items.iter().find(|item| item.address == *address);
        let sum = item.map(super::bill::Item::sum).unwrap_or_default();
        let reason = match (item, pair.difference().is_sign_positive()) {
            (None, _) => "it is no longer in the blueprint, and what ran before was billed".to_owned(),
            (_, true) if sum.unpriced > 0 => "some of its lines have no price, so they were not expected".to_owned(),
            (_, true) if sum.used > 0 => "it is billed by use, and more was used than stated or assumed".to_owned(),
            (_, true) => "it ran longer than it is known to have run, or its price has risen".to_owned(),
            (_, false) if pair.billed.is_zero() => {
                "nothing was billed under its tag: the tag may be younger than the resource, or something else pays"
                    .to_owned()
            }
            (_, false) if sum.used > 0 => "it is billed by use, and less was used than stated or assumed".to_owned(),
            (_, false) => "it ran for a part of the time, or a discount applies".to_owned(),
        };
        Some((address.clone(), *pair, reason))
    }

    /// What people should know before they trust the numbers.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.days.is_empty() && self.total().billed.is_zero() && !self.untagged.is_zero() {
            let text = "nothing is billed under the tag dlinfra:address: activate it as a cost-allocation tag in the \
                        billing console; it counts from the day after";
            notes.push(text.to_owned());
        }
        if !self.without_data.is_empty() {
            let days: Vec<String> = self.without_data.iter().map(ToString::to_string).collect();
            notes.push(format!("no data yet, and not counted: {}", days.join(", ")));
        }
        if self.estimated {
            notes.push("AWS may still change the last days".to_owned());
        }
        notes
    }
}

/// The hours that each address ran on each day, from when it was made until now (or until it was removed).
#[must_use]
pub fn hours_by_day(ran: impl IntoIterator<Item = (String, jiff::Timestamp, jiff::Timestamp)>) -> Hours {
    const DAY: i64 = 86_400;
    let mut hours = Hours::new();
    for (address, from, to) in ran {
        let (mut from, to) = (from.as_second(), to.as_second());
        while from < to {
            let midnight = (from.div_euclid(DAY) + 1) * DAY;
            let end = to.min(midnight);
            if let Ok(moment) = jiff::Timestamp::from_second(from) {
                let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
                let sum = hours.entry(date).or_default().entry(address.clone()).or_default();
                *sum += Decimal::from(end - from) / Decimal::from(3600);
            }
            from = end;
        }
    }
    hours
}

#[cfg(test)]
mod tests {
    use super::super::bill::tests::cluster;
    use super::*;

    fn date(day: i8) -> Date {
        jiff::civil::date(2026, 11, day)
    }

    fn at(text: &str) -> jiff::Timestamp {
        text.parse().unwrap()
    }

    /// The group of `cluster` ran from 18:00 of the first day to the end of the second.
    fn hours() -> Hours {
        hours_by_day([("train.group".to_owned(), at("2026-11-20T18:00:00Z"), at("2026-11-22T00:00:00Z"))])
    }

    fn day(number: i8, dollars: &[(&str, i64)]) -> Day {
        let dollars = dollars.iter().map(|&(address, cents)| (address.to_owned(), Decimal::new(cents, 2))).collect();
        Day { date: date(number), dollars, estimated: false }
    }

    #[test]
    fn two_days() {
        let hours = hours();
        assert_eq!(hours[&date(20)]["train.group"], Decimal::from(6));
        assert_eq!(hours[&date(21)]["train.group"], Decimal::from(24));
        let days = [day(20, &[("train.group", 132_096)]), day(21, &[("train.group", 550_000), ("", 100)])];
        let actual = Actual::of(&cluster(), &hours, &days);
        // 6 and 24 hours at 220.16
        assert_eq!(actual.days[&date(20)].difference(), Decimal::ZERO);
        assert_eq!(actual.days[&date(21)].expected, Decimal::new(528_384, 2));
        assert_eq!(actual.kinds["instance-group"].billed, Decimal::new(682_096, 2));
        let (address, pair, reason) = actual.largest_difference(&cluster()).unwrap();
        assert_eq!((address.as_str(), pair.difference()), ("train.group", Decimal::new(21_616, 2)));
        assert_eq!(reason, "it ran longer than it is known to have run, or its price has risen");
        assert!(actual.notes().is_empty());
    }

    #[test]
    fn a_day_without_data_is_not_zero() {
        let actual = Actual::of(&cluster(), &hours(), &[day(20, &[("train.group", 132_096)]), day(21, &[])]);
        assert_eq!(actual.without_data, [date(21)]);
        assert_eq!(actual.total().difference(), Decimal::ZERO);
        assert_eq!(actual.notes(), ["no data yet, and not counted: 2026-11-21"]);
    }

    #[test]
    fn a_stack_without_the_tag() {
        let days = [day(20, &[("", 132_096)]), Day { estimated: true, ..day(21, &[("", 528_384)]) }];
        let actual = Actual::of(&cluster(), &hours(), &days);
        assert_eq!(actual.untagged, Decimal::new(660_480, 2));
        assert!(actual.notes()[0].starts_with("nothing is billed under the tag dlinfra:address"));
        assert_eq!(actual.notes()[1], "AWS may still change the last days");
        let (_, _, reason) = actual.largest_difference(&cluster()).unwrap();
        assert!(reason.starts_with("nothing was billed under its tag"));
    }
}
