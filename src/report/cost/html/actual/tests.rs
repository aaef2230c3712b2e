//! The page of bills: the same totals as the JSON, named gaps, hostile names, and nothing to compare.

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::cost::actual::{Actual, Largest, Pair, Period};
use crate::report::cost::{ActualReport, Forms, Heading};

fn november(day: i8) -> Date {
    date(2026, 11, day)
}

fn pair(expected: i64, billed: i64) -> Pair {
    Pair { expected: Decimal::new(expected, 2), billed: Decimal::new(billed, 2) }
}

fn report(actual: &Actual) -> ActualReport {
    let period = Period { from: november(1), to: november(11), known_until: jiff::Timestamp::MAX, tagged_from: None };
    let heading = Heading { stack: "small".to_owned(), region: "us-east-1".to_owned(), ..Heading::default() };
    ActualReport::new(&heading, &period, actual)
}

/// Four days of ten; the others are left out for every reason, and on one nothing ran.
fn four_days(name: &str) -> Actual {
    let days = [(4, pair(100_000, 90_000)), (5, pair(100_000, 90_050)), (7, pair(24_000, 150_000)), (9, pair(0, -500))];
    let total = pair(224_000, 329_550);
    Actual {
        days: days.into_iter().map(|(day, pair)| (november(day), pair)).collect(),
        kinds: [("instance-group".to_owned(), total)].into(),
        addresses: [(name.to_owned(), total)].into(),
        without_data: vec![november(6)],
        incomplete: vec![november(10)],
        before_tag: vec![november(1), november(2), november(3)],
        estimated: true,
        largest: Some(Largest {
            address: name.to_owned(),
            pair: total,
            reason: "more was used than stated in `usage:`".to_owned(),
            usage: vec![("BoxUsage:g5.xlarge".to_owned(), Decimal::new(329_550, 2))],
        }),
        ..Actual::default()
    }
}

/// What a headline shows, without its words.
fn shown(html: &str, id: &str, value: &str) -> String {
    let (_, shown) =
        html.split_once(&format!("id=\"{id}\" data-value=\"{value}\">")).unwrap_or_else(|| panic!("{id}: {html}"));
    let (shown, _) = shown.split_once('<').unwrap();
    shown.trim().replace(['$', ',', '+'], "")
}

#[test]
fn the_totals_are_those_of_the_json() {
    let report = report(&four_days("train.group"));
    let (html, json) = (report.html().unwrap(), report.json());
    for (id, key) in [("total-expected", "expected"), ("total-billed", "billed"), ("total-difference", "difference")] {
        let figure = json["total"][key].as_str().unwrap();
        assert_eq!(shown(&html, id, figure), figure);
    }
    assert!(html.contains("+47.1 %, more than estimated"), "{html}");
    for row in ["days", "kinds", "resources"].iter().flat_map(|key| json[*key].as_array().unwrap()) {
        let billed = super::dollars(row["billed"].as_str().unwrap());
        assert!(html.contains(&format!("data-label=\"Billed\">{billed}<")), "{row}");
    }
    assert!(html.contains("<td class=\"n\" data-label=\"Difference in %\"><span class=\"soft\">no estimate</span>"));
    assert!(html.contains("<code>usage:</code>") && html.contains("<th scope=\"row\">BoxUsage:g5.xlarge</th>"));
    assert!(html.contains("<li>AWS may still change these days until the month is closed</li>"));
    assert_eq!(html.matches("AWS may still").count(), 1);
}

#[test]
fn days_that_are_not_compared_are_gaps_with_names() {
    let html = report(&four_days("train.group")).html().unwrap();
    for row in [
        "B: no data</th><td class=\"n\" data-label=\"Days\">1</td><td data-label=\"Which\"><span class=\"when\">2026-11-06<",
        "A: before the tags</th><td class=\"n\" data-label=\"Days\">3</td><td data-label=\"Which\"><span class=\"when\">2026-11-01 to 2026-11-03<",
        "C: not billed yet</th><td class=\"n\" data-label=\"Days\">1</td><td data-label=\"Which\"><span class=\"when\">2026-11-10<",
    ] {
        assert!(html.contains(row), "{row}: {html}");
    }
    // Three of ten days from the left are one gap; a bar stands for each compared day, and the line has three pieces.
    assert!(html.contains("<rect class=\"gap\" x=\"0.000%\" width=\"30.000%\""), "{html}");
    assert_eq!(html.matches("<rect class=\"hit\"").count(), 4);
    let (_, line) = html.split_once("class=\"estimate\" d=\"M3 ").unwrap();
    let (line, _) = line.split_once('"').unwrap();
    assert_eq!(line.matches('M').count(), 2, "{line}");
    // Steps of 500 dollars around -5 and 1,500: the estimate of 1,000 is a quarter of the way down.
    let ticks = ["$1,500", "$1,000", "$500", "$0", "-$500"].map(|tick| format!("<span>{tick}</span>")).concat();
    assert!(html.contains(&ticks), "{html}");
    assert!(line.starts_with("50.0H4V50.0H5M6 "), "{line}");
    assert!(html.contains("On 1 day nothing ran and nothing was billed: <span class=\"when\">2026-11-08<"), "{html}");
}

/// A year and more: gaps too thin for a letter are still there, and the words below have their year.
#[test]
fn a_long_period() {
    let first = date(2025, 9, 20);
    let days = first.series(jiff::Span::new().days(1)).take(430).filter(|day| *day != november(6));
    let days: Vec<Date> = days.collect();
    let actual = Actual {
        days: days.iter().map(|day| (*day, pair(10_000, 10_000))).collect(),
        without_data: vec![november(6)],
        ..Actual::default()
    };
    let period = Period { from: first, to: date(2026, 11, 24), known_until: jiff::Timestamp::MAX, tagged_from: None };
    let html = ActualReport::new(&Heading::default(), &period, &actual).html().unwrap();
    assert_eq!(html.matches("<rect class=\"hit\"").count(), 429);
    assert!(html.contains("height=\"200\"/></g>") && html.contains("<title>no data: 2026-11-06</title>"), "{html}");
    for label in ["start\">Sep 2025<", "middle\">Apr 2026<", "end\">Nov 2026<"] {
        assert!(html.contains(label), "{label}: {html}");
    }
}

#[test]
fn names_are_escaped_and_nothing_is_loaded() {
    let html = report(&four_days("<script>alert(1)</script>")).html().unwrap();
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
    for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn nothing_to_compare_has_no_totals() {
    let young = Actual { incomplete: vec![november(10)], ..Actual::default() };
    for actual in [&Actual::default(), &young] {
        let html = report(actual).html().unwrap();
        assert!(html.contains("No day of this period can be compared yet") && !html.contains("$0"), "{html}");
        assert!(!html.contains("<svg"), "{html}");
    }
    assert!(report(&young).html().unwrap().contains("A: not billed yet"));
}
