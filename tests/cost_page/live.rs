//! A report of bills and one of an account, with everything in them that can be; `hostile` adds names that would break a
//! careless page.

use std::collections::BTreeMap;

use dlinfra::cost::account::{Account, Owner, Stack};
use dlinfra::cost::actual::{Actual, Largest, Pair, Period};
use dlinfra::cost::{Spent, Sum};
use dlinfra::price::{Amount, PriceLine, Unit};
use dlinfra::report::cost::{AccountReport, ActualReport, Forms, Heading};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::Value;

use super::Sample;

const LONG: &str =
    "a-module-with-a-rather-long-name.another-module-inside-of-it.and-a-resource-in-there-without-any-space-at-all";
const SCRIPT: &str = "<script>alert(1)</script>";

fn heading() -> Heading {
    Heading {
        stack: "efa-training".to_owned(),
        region: "us-east-1".to_owned(),
        owner: Some("ml-platform".to_owned()),
        place: "SANDBOX .dlinfra/sandbox".to_owned(),
    }
}

fn total(json: &Value, key: &str) -> String {
    json["total"][key].as_str().unwrap().to_owned()
}

/// Four weeks: before the tags, a strike of Cost Explorer, a weekend with more machines, and two days not billed yet.
pub(crate) fn bills(hostile: bool) -> Sample {
    let day = |number: i8| date(2026, 11, number);
    let cents = |cents: i64| Decimal::new(cents, 2);
    let days: BTreeMap<Date, Pair> = (4..=26)
        .filter(|number| ![13, 14].contains(number))
        .map(|number| {
            let expected = if number < 10 { 132_096 } else { 528_384 };
            let billed = match number {
                18 | 19 => expected / 100 * 127,
                number => expected / 1000 * (955 + i64::from(number) * 7 % 30),
            };
            (day(number), Pair { expected: cents(expected), billed: cents(billed) })
        })
        .collect();
    let sum = days.values().fold(Pair::default(), |sum, pair| Pair {
        expected: sum.expected + pair.expected,
        billed: sum.billed + pair.billed,
    });
    let rest = [
        ("cache.file-system", "fsx-lustre", 112_767, 107_128),
        ("network.nat/us-east-1a", "nat-gateway", 2_520, 5_761),
    ];
    let mut machines = sum;
    let (mut kinds, mut addresses) = (BTreeMap::new(), BTreeMap::new());
    for (address, kind, expected, billed) in rest {
        let pair = Pair { expected: cents(expected), billed: cents(billed) };
        machines.expected -= pair.expected;
        machines.billed -= pair.billed;
        kinds.insert(kind.to_owned(), pair);
        addresses.insert(address.to_owned(), pair);
    }
    let first = if hostile { LONG } else { "train.group" };
    kinds.insert("instance-group".to_owned(), machines);
    addresses.insert(first.to_owned(), machines);
    if hostile {
        addresses.insert(SCRIPT.to_owned(), Pair { expected: Decimal::ZERO, billed: cents(-500) });
    }
    let actual = Actual {
        days,
        kinds,
        addresses,
        without_data: vec![day(13), day(14)],
        before_tag: vec![day(1), day(2), day(3)],
        incomplete: vec![day(27), day(28)],
        estimated: true,
        untagged: cents(1_234),
        unknown: if hostile { vec![SCRIPT.to_owned(), LONG.to_owned()] } else { Vec::new() },
        largest: Some(Largest {
            address: first.to_owned(),
            pair: machines,
            reason: "it ran longer than it is known to have run, or there was more of it for a time".to_owned(),
            usage: vec![
                (if hostile { LONG } else { "BoxUsage:p5.48xlarge" }.to_owned(), machines.billed - cents(40_000)),
                ("EBS:VolumeUsage.gp3".to_owned(), cents(40_000)),
            ],
        }),
    };
    let period = Period { from: day(1), to: day(29), known_until: Timestamp::MAX, tagged_from: None };
    let report = ActualReport::new(&heading(), &period, &actual);
    let json = report.json();
    let totals = [("total-expected", "expected"), ("total-billed", "billed"), ("total-difference", "difference")];
    Sample {
        name: "bills",
        html: report.html().unwrap(),
        totals: totals.map(|(id, key)| (id, total(&json, key))).to_vec(),
    }
}

/// Stacks that have expired, that last, that have no price, and of which nobody knows the age.
pub(crate) fn account(hostile: bool) -> Sample {
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let sum = |cents: i64| {
        let hour = Decimal::new(cents, 2);
        Sum { fixed: Amount { hour, average_hour: hour, ..Amount::ZERO }, priced: 4, ..Sum::default() }
    };
    let unpriced = Sum::of(&PriceLine::unpriced("a machine", Decimal::ONE, Unit::Hour, "no rate"));
    let stack =
        |name: &str, owner: Option<&str>, hours: Option<i64>, objects: usize, sum: Sum, spent: i64, unknown_age| {
            Stack {
                name: name.to_owned(),
                id: format!("0f5e2c1a-{objects}"),
                owner: owner.map(str::to_owned),
                expires: hours.map(|hours| now + SignedDuration::from_hours(hours)),
                expired: hours.is_some_and(|hours| hours <= 0),
                objects,
                sum,
                spent: Spent { dollars: Decimal::new(spent, 2), unknown_age },
            }
        };
    let mut stacks = vec![
        stack("sweep-b", Some("research"), Some(-64), 14, sum(4_112), 493_440, 0),
        stack("dev-box", Some("vision"), Some(-3), 9, sum(109), 2_942, 0),
        stack("efa-training", Some("ml-platform"), Some(31), 31, sum(22_478), 921_600, 0),
        stack("efa-training", Some("research"), Some(6), 32, sum(22_478), 404_604, 0),
        stack("datasets", Some("ml-platform"), None, 4, sum(87), 61_245, 1),
        stack("cluster-of-new-machines", None, None, 6, unpriced, 0, 0),
    ];
    if hostile {
        stacks.push(stack(SCRIPT, Some(LONG), Some(-1), 5, sum(5).plus(unpriced), 10, 2));
        stacks.push(stack(LONG, Some(SCRIPT), None, 7, sum(123_456_789), 999_999_999_999, 0));
    }
    let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
    for stack in &stacks {
        let name = stack.owner.clone().unwrap_or_default();
        let owner = owners.entry(name.clone()).or_insert_with(|| Owner { name, ..Owner::default() });
        owner.stacks += 1;
        owner.expired += usize::from(stack.expired);
        owner.sum = owner.sum.plus(stack.sum);
        owner.spent.dollars += stack.spent.dollars;
        owner.spent.unknown_age += stack.spent.unknown_age;
    }
    let mut owners: Vec<Owner> = owners.into_values().collect();
    owners.sort_by_key(|owner| (owner.expired == 0, std::cmp::Reverse(owner.sum.total().hourly())));
    let all = Account { stacks, owners };
    let heading = heading();
    let report = AccountReport::new(&heading, "123456789012", &all, now);
    let json = report.json();
    let mut totals: Vec<(&'static str, String)> = vec![
        ("total-stacks", json["stacks"].as_array().unwrap().len().to_string()),
        ("total-expired", all.stacks.iter().filter(|stack| stack.expired).count().to_string()),
    ];
    let keys = [("total-hourly", "hourly"), ("total-monthly", "monthly"), ("total-spent", "spent")];
    totals.extend(keys.map(|(id, key)| (id, total(&json, key))));
    Sample { name: "stacks", html: report.html().unwrap(), totals }
}
