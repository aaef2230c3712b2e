//! How planning grows: no-change plans of 2,000 and 20,000 resources, in a wide graph and in one long chain.
//!
//! `cargo bench --bench plan` prints one table; the goal is that ten times the resources cost at most twelve times the
//! time.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its table, and fails by panicking")]
use dlinfra::{
    address::Address,
    kind::Kind,
    kinds::KINDS,
    plan::{Input, Wanted, plan},
    resource::Live,
    snapshot::{Found, Snapshot},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

fn main() {
    println!("{:<10}{:>12}{:>12}{:>10}{:>8}", "shape", "2,000", "20,000", "growth", "goal");
    for shape in ["wide", "chain"] {
        let (small, large) = (median(shape, 2_000), median(shape, 20_000));
        let growth = large.as_secs_f64() / small.as_secs_f64();
        let verdict = if growth <= 12.0 { "met" } else { "missed" };
        println!("{shape:<10}{small:>12.1?}{large:>12.1?}{growth:>9.1}x{verdict:>8}");
    }
}

/// The median of five runs.
fn median(shape: &str, count: usize) -> Duration {
    let kind = *KINDS.iter().find(|k| k.name() == "vpc").unwrap();
    let wanted: Vec<Wanted> = (0..count).map(|i| wanted(kind, shape, i)).collect();
    let found = wanted.iter().map(|w| Found { kind, live: live(w) }).collect();
    let snapshot = Snapshot::build(found, BTreeMap::new()).unwrap();
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let made = plan(&Input {
                wanted: &wanted,
                snapshot: &snapshot,
                applied: &BTreeMap::new(),
                interrupted: &BTreeMap::new(),
                settings: &BTreeMap::new(),
                tags: &BTreeMap::new(),
                replace: &BTreeSet::new(),
                now: jiff::Timestamp::UNIX_EPOCH,
            })
            .unwrap();
            assert!(made.is_empty());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[2]
}

fn wanted(kind: &'static dyn Kind, shape: &str, i: usize) -> Wanted {
    // The chain is 20,000 deep; in the wide graph everything stands on the first hundred.
    let parent = if shape == "chain" { i.checked_sub(1) } else { (i >= 100).then_some(i % 100) };
    Wanted {
        address: Address::parse(&format!("r{i}")).unwrap(),
        kind,
        spec: kind.canonical(&json!({ "cidr": "10.0.0.0/16" })).unwrap(),
        depends_on: parent.map(|p| format!("r{p}")).into_iter().collect(),
        protect: None,
        existing: None,
        moved: Vec::new(),
    }
}

fn live(wanted: &Wanted) -> Live {
    let tags = BTreeMap::from([("dlinfra:address".to_owned(), wanted.address.to_string())]);
    Live::new(wanted.address.clone(), format!("vpc-{}", wanted.address), tags, wanted.spec.clone())
}
