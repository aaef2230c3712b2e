//! What a stack has cost, with what is gone, and what a sandbox of another version says.

use crate::desk::Desk;
use crate::{MACHINE, SMALL};
use rust_decimal::Decimal;
use std::fs;

/// Dollars in the JSON of `status`.
fn figure(desk: &Desk, line: &str, key: &str) -> Decimal {
    desk.run(&format!("{line} --format json")).code(0).json()["cost"][key].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_was_spent_counts_what_is_gone() {
    let desk = Desk::new();
    desk.write("machine.yaml", MACHINE.replace("REST", "instance_type: g5.xlarge\n    image: dlami-base-ubuntu-22.04"));
    let place = "--sandbox --sandbox-speed max";
    desk.run(&format!("apply machine.yaml --yes --var count=2 {place}")).code(0);
    let status = format!("status machine.yaml {place}");
    desk.run(&status).code(0).says(&["Burns: $2.", "Spent: about $"]).never_says("on what is gone");
    desk.run(&format!("apply machine.yaml --yes --var count=1 {place}")).code(0);
    // One of two is gone: what both have cost is spent all the same.
    let (spent, gone) = (figure(&desk, &status, "spent"), figure(&desk, &status, "spent_on_gone"));
    assert!(gone > Decimal::ZERO && spent >= gone, "{spent} {gone}");
    desk.run(&status).code(0).says(&["Burns: $1.", " of it on what is gone"]);
    desk.run(&format!("destroy machine.yaml --yes {place}")).code(0).says(&["0 resources"]);
    let all = desk.run(&status).code(0).says(&["nothing is live", "of it on what is gone"]);
    all.never_says("Burns");
    let (after, gone) = (figure(&desk, &status, "spent"), figure(&desk, &status, "spent_on_gone"));
    assert!(after >= spent && after == gone, "{spent} {after} {gone}");
    assert_eq!(figure(&desk, &status, "hourly"), Decimal::ZERO);
}

#[test]
fn a_sandbox_of_another_version_says_what_to_do() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk.run("apply small.yaml --sandbox --sandbox-speed max --yes").code(0);
    let log = desk.path().join(".dlinfra/sandbox/log.jsonl");
    // As the first versions wrote it: without sums.
    let old = "{\"seq\":1,\"t\":\"2026-01-01T00:00:00Z\",\"w\":\"2026-01-01T00:00:00Z\",\"n\":1,\"ops\":[]}\n";
    fs::write(&log, old).unwrap();
    let said = desk.run("plan small.yaml --sandbox").refuses("DL0704");
    said.says(&["another version", "`dlinfra sandbox reset` starts anew"]);
    desk.run("sandbox reset").code(0);
    desk.run("plan small.yaml --sandbox").code(0);
}
