//! The page of all stacks: the same totals as the JSON, expired ones in words, what is unknown, hostile names, nobody.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::cost::account::{Account, Owner, Stack};
use crate::cost::{Spent, Sum};
use crate::price::{Amount, PriceLine, Unit};
use crate::report::cost::{AccountReport, Forms, Heading};

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn unpriced() -> Sum {
    Sum::of(&PriceLine::unpriced("a machine", Decimal::ONE, Unit::Hour, "no rate"))
}

fn dollars(hour: i64) -> Sum {
    let hour = Decimal::from(hour);
    Sum { fixed: Amount { hour, average_hour: hour, ..Amount::ZERO }, priced: 1, ..Sum::default() }
}

fn stack(name: &str, id: &str, hours: Option<i64>, sum: Sum, spent: Spent) -> Stack {
    Stack {
        name: name.to_owned(),
        id: id.to_owned(),
        owner: None,
        expires: hours.map(|hours| now() + SignedDuration::from_hours(hours)),
        expired: hours.is_some_and(|hours| hours <= 0),
        objects: 3,
        sum,
        spent,
    }
}

/// One that has expired, one that lasts, and one of which nothing is known.
fn account(name: &str) -> Account {
    let spent = Spent { dollars: Decimal::new(123_450, 2), unknown_age: 0 };
    let stacks = vec![
        stack(name, "1", Some(-49), dollars(2), spent),
        stack("small", "2", Some(5), dollars(1000), spent),
        stack("small", "3", None, unpriced(), Spent { dollars: Decimal::ZERO, unknown_age: 2 }),
    ];
    let (sum, spent) = Account { stacks: stacks.clone(), owners: Vec::new() }.total();
    Account { stacks, owners: vec![Owner { name: String::new(), stacks: 3, expired: 1, sum, spent }] }
}

fn rendered(all: &Account) -> (String, Value) {
    let heading = Heading { region: "us-east-1".to_owned(), place: "SANDBOX x".to_owned(), ..Heading::default() };
    let report = AccountReport::new(&heading, "123456789012", all, now());
    (report.html().unwrap(), report.json())
}

#[test]
fn the_totals_are_those_of_the_json() {
    let (html, json) = rendered(&account("old"));
    for (id, key) in [("total-hourly", "hourly"), ("total-monthly", "monthly"), ("total-spent", "spent")] {
        let figure = json["total"][key].as_str().unwrap();
        let (_, shown) = html.split_once(&format!("id=\"{id}\" data-value=\"{figure}\">$")).unwrap();
        let (shown, _) = shown.split_once('<').unwrap();
        assert_eq!(shown.trim(), super::money(figure).trim_start_matches('$'), "{id}");
    }
    assert!(html.contains("id=\"total-stacks\" data-value=\"3\">3<"), "{html}");
    assert!(html.contains("id=\"total-expired\" data-value=\"1\" class=\"bad\">1<"), "{html}");
    assert!(html.contains("Stacks of account 123456789012 in us-east-1") && html.contains("SANDBOX x."), "{html}");
}

#[test]
fn expired_ones_are_first_and_said_in_words() {
    let (html, _) = rendered(&account("old"));
    let words = "1 of 3 stacks has outlived its time.</strong> It costs $2.00 an hour, $1,460.00 a month.";
    assert!(html.contains(words), "{html}");
    assert!(html.contains("old <span class=\"tag bad\">expired</span></th>"), "{html}");
    assert!(html.contains("2026-11-21 11:00 UTC</span><span class=\"more\">expired 2 days ago</span>"), "{html}");
    assert!(html.contains("2026-11-23 17:00 UTC</span><span class=\"more\">in 5 hours</span>"), "{html}");
    assert!(html.contains("data-label=\"Expires\">never<"), "{html}");
    assert!(html.find(">old <").unwrap() < html.find(">small<").unwrap());
    // Two of one name are told apart.
    assert!(html.contains("small<span class=\"more\">2</span>") && html.contains("small<span class=\"more\">3</span>"));
}

#[test]
fn what_is_not_known_is_never_zero() {
    let (html, _) = rendered(&account("old"));
    for words in ["1 line without a price, which may cost anything.", "2 objects of unknown age, counted"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(html.contains("data-label=\"Per hour\">unpriced<"), "{html}");
    assert!(!html.contains("$0.00"), "{html}");
    let aged = stack("x", "1", None, dollars(1), Spent { dollars: Decimal::ZERO, unknown_age: 1 });
    let (html, _) = rendered(&Account { stacks: vec![aged], owners: Vec::new() });
    assert!(html.contains("id=\"total-spent\">unknown <span class=\"warn\">+ 1 of unknown age"), "{html}");
    let blind = stack("x", "1", Some(-1), unpriced(), Spent::default());
    let (html, _) = rendered(&Account { stacks: vec![blind], owners: Vec::new() });
    assert!(html.contains("id=\"total-hourly\">unpriced ") && !html.contains("$0"), "{html}");
}

#[test]
fn names_are_escaped_and_nothing_is_loaded() {
    let (html, _) = rendered(&account("<script>alert(1)</script>"));
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
    for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn an_account_without_stacks() {
    let (html, _) = rendered(&Account::default());
    assert!(html.contains("There are no stacks in this account and region.") && !html.contains("<table"), "{html}");
}
