//! What the account does wrong, as the real binary meets it: cut connections, hidden objects, throttling, no capacity.
use crate::{
    driver::{Account, Cli, blueprint, duplicates, local_journal},
    proxy::{Proxy, Trap},
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, LogEntry, Sandbox};
use std::collections::BTreeMap;

fn account() -> Account {
    Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() })
}

/// Applies until it is complete (at most three times: a wait may become pending), then plan and destroy.
fn lives(account: &Account, cli: &Cli) {
    let mut applied = cli.run(&["apply", "--yes"]);
    for _ in 0..2 {
        if applied.code == Some(3) {
            applied = cli.run(&["apply", "--yes"]);
        }
    }
    applied.must(0, "apply");
    assert_eq!(duplicates(&account.live()), Vec::<String>::new());
    account.set_faults(Vec::new());
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "plan");
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "destroy");
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn every_create_cut_after_execution_makes_no_duplicate() {
    let account = account();
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    // The first call of each operation that makes something; a repeated one goes through.
    let operations = Sandbox::operations();
    let makes = |o: &&String| o.contains(":Create") || o.contains(":Run") || o.contains(":Allocate");
    let cut = |o: &String| FaultRule::new(o.as_str(), FaultAction::CutAfter).times(1);
    account.set_faults(operations.iter().filter(makes).map(cut).collect());
    lives(&account, &cli);
    let cut = account.requests().entries.into_iter().filter(|e| e.cut).count();
    assert!(cut >= 12, "only {cut} connections were cut");
}

#[test]
fn what_is_hidden_for_a_minute_is_not_made_again() {
    let account = account();
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    let hide = FaultRule { mutating: Some(false), ..FaultRule::new("*", FaultAction::HideNew { seconds: 60.0 }) };
    let cut = |operation| FaultRule { every: Some(2), ..FaultRule::new(operation, FaultAction::CutAfter) };
    let creates = ["ec2:Create*", "ec2:RunInstances", "ec2:AllocateAddress", "iam:Create*", "fsx:Create*"];
    account.set_faults(creates.into_iter().map(cut).chain([hide]).collect());
    lives(&account, &cli);
}

#[test]
fn a_storm_of_throttling_is_weathered() {
    // Slow enough that ten seconds of the account are not over before anything was learnt.
    let account = Account::serve(5, Behaviour { durations: 0.02, throttle: 0.1, ..Behaviour::default() });
    let crowd = "
blueprint: crowd
region: us-east-1
resources:
  vpc: { kind: vpc, cidr: 10.0.0.0/16 }
  part: { kind: subnet, for_each: '${range(20)}', vpc: '${vpc}', cidr: '10.0.${each.value}.0/24', zone: us-east-1a }
  group: { kind: security-group, for_each: '${range(20)}', vpc: '${vpc}' }
  role: { kind: iam-role, for_each: '${range(20)}', trust: [ec2.amazonaws.com], instance_profile: true }
";
    let cli = Cli::new(account.port, crowd);
    // Each process learns by itself, and AWS grants each operation its own rate: the first ten seconds of each are its
    // own. A throttled sweep alone takes longer than that, so the deletes of a destroy begin after its first ten.
    for args in [&["apply", "--yes"][..], &["destroy", "--yes", "--delete-data"]] {
        let before = account.requests().total;
        cli.run(args).must(0, "a storm");
        let log = account.requests().entries;
        let entries: Vec<_> = log.iter().filter(|e| e.number > before).collect();
        let mut first = BTreeMap::new();
        for entry in &entries {
            first.entry((&entry.service, &entry.operation)).or_insert(entry.time);
        }
        let learnt = |e: &&LogEntry| e.time > first[&(&e.service, &e.operation)] + jiff::SignedDuration::from_secs(10);
        let late: Vec<_> = entries.iter().copied().filter(learnt).collect();
        let throttles = ["RequestLimitExceeded", "Throttling", "ThrottlingException", "SlowDown"];
        let refused = late.iter().filter(|e| e.code.as_deref().is_some_and(|c| throttles.contains(&c))).count();
        eprintln!("{args:?}: {refused} of {} requests refused after 10 s of their operation", late.len());
        assert!(late.len() > 80, "{} requests are no storm", late.len());
        assert!(refused * 20 <= late.len(), "{args:?}: {refused} of {} refused", late.len());
    }
    assert_eq!(account.live().len(), 0);
}

#[test]
fn credentials_that_expire_stop_an_apply_cleanly() {
    let account = account();
    let proxy = Proxy::start(account.port, None);
    let cli = Cli::new(proxy.port, &local_journal(&blueprint("efa-training.yaml")));
    cli.run(&["plan"]).must(0, "plan");
    let looks = proxy.names().len() as u64;
    // In the middle: the network is there, the file system is not.
    let sprung = proxy.set(Trap { at: looks + 45, executes: true });
    let (running, sprung) = cli.run_until(&["apply", "--yes"], &sprung).ok().unwrap();
    account.set_faults(vec![FaultRule::new("*", FaultAction::ExpiredToken)]);
    sprung.answer();
    let ran = running.wait().must(3, "the credentials expired");
    assert!(ran.err.contains(" 1 failed"), "one failure says it:\n{}", ran.err);
    assert!(ran.err.contains("expired") && ran.err.contains("log in again"), "{}", ran.err);
    assert_eq!(cli.held_locks(), Vec::<std::path::PathBuf>::new(), "the local lock can be released");
    account.set_faults(Vec::new());
    lives(&account, &cli);
}

#[test]
fn a_group_without_capacity_stops_only_what_needs_it() {
    let capacity = [("p5.48xlarge@us-east-1a".to_owned(), 2)].into();
    let account = Account::serve(60, Behaviour { durations: 0.02, capacity, ..Behaviour::default() });
    let spare = "
  spare:
    use: efa-cluster
    instance_type: c5n.18xlarge
    nodes: 2
    subnet: ${network.private[0]}

outputs:";
    let text = blueprint("efa-training.yaml").replace("\noutputs:", spare);
    let cli = Cli::new(account.port, &text);
    let mut ran = cli.run(&["apply", "--yes"]).must(3, "a group that AWS has no room for");
    // On a busy machine something may be pending first.
    for _ in 0..2 {
        if ran.err.contains(" 0 failed") || !ran.err.contains(" 0 pending, 0 not tried") {
            ran = cli.run(&["apply", "--yes"]);
        }
    }
    assert!(ran.err.contains(" 1 failed, 0 pending, 0 not tried"), "{}", ran.err);
    assert!(ran.err.contains("failed train.group"), "{}", ran.err);
    assert!(ran.err.contains("InsufficientInstanceCapacity") && ran.err.contains("another zone"), "{}", ran.err);
    let count = |kind: &str| account.live().iter().filter(|o| o.kind == kind).count();
    assert_eq!(count("ec2/instance"), 2, "the other group runs");
    assert_eq!(count("fsx/file-system"), 1);
    // The blueprint gives in, and the next apply goes on.
    cli.run(&["apply", "--yes", "--var", "nodes=2"]).must(0, "two nodes fit");
    assert_eq!(count("ec2/instance"), 4);
    cli.run(&["plan", "--detailed-exitcode", "--var", "nodes=2"]).must(0, "plan");
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "destroy");
    assert_eq!(account.live().len(), 0);
}

#[test]
fn a_wait_that_takes_too_long_is_pending_and_the_next_apply_goes_on() {
    // A NAT gateway takes an hour and a half of the account's time instead of two minutes.
    let account = Account::serve(600, Behaviour { durations: 45.0, ..Behaviour::default() });
    let text = "
blueprint: slow
region: us-east-1
resources:
  network: { use: network, cidr: 10.20.0.0/16, zones: 1 }
";
    let cli = Cli::new(account.port, text);
    let first = cli.run(&["apply", "--yes"]).must(3, "a wait that is too long");
    assert!(first.err.contains(" 0 failed") && first.err.contains("the next apply continues"), "{}", first.err);
    let mut applies = 1;
    while cli.run(&["apply", "--yes"]).code != Some(0) {
        applies += 1;
        assert!(applies < 15, "it never ends");
    }
    assert_eq!(duplicates(&account.live()), Vec::<String>::new());
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "plan");
}
