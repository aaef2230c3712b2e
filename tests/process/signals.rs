//! SIGINT and SIGTERM in the middle of an apply: nothing new starts, the lock is free within 5 s, the next apply goes on.
use crate::{
    driver::{Account, Cli, blueprint, duplicates},
    proxy::{Proxy, Trap, mutates},
};
use dlinfra_sandbox::Behaviour;
use serde_json::Value;
use std::time::{Duration, Instant};

fn account() -> Account {
    Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() })
}

/// How many requests of an apply that nobody disturbs change something.
fn changing() -> u64 {
    let account = account();
    let proxy = Proxy::start(account.port, None);
    let cli = Cli::new(proxy.port, &blueprint("efa-training.yaml"));
    cli.run(&["apply", "--yes"]).must(0, "an apply that nobody disturbs");
    proxy.names().iter().filter(|name| mutates(name)).count() as u64
}

fn interrupt(number: u64, signal: &str) {
    let account = account();
    let proxy = Proxy::start(account.port, None);
    let cli = Cli::new(proxy.port, &blueprint("efa-training.yaml"));
    let sprung = proxy.set_at_change(Trap { at: number, executes: true });
    let (running, sprung) = cli.run_until(&["apply", "--yes", "--format", "json"], &sprung).ok().unwrap();
    let what = format!("{signal} at change {number} ({})", sprung.request);
    running.signal(signal);
    let (sent, began) = (Instant::now(), account.now());
    sprung.answer();
    let ran = running.wait().must(130, &what);
    assert!(sent.elapsed() < Duration::from_secs(5), "{what}: {:?}\n{}", sent.elapsed(), ran.err);
    // It hears the signal a moment after it was sent.
    let heard = began + jiff::SignedDuration::from_secs(60);
    for line in ran.out.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let time: Option<jiff::Timestamp> = event["time"].as_str().and_then(|t| t.parse().ok());
        let late = event["type"] == "started" && time.is_some_and(|t| t > heard);
        assert!(!late, "{what}: started after it was stopped: {line}");
    }
    proxy.clear();
    let again = cli.run(&["apply", "--yes"]).must(0, &what);
    assert!(again.took < Duration::from_secs(60), "{what}: it waited for a lock: {:?}", again.took);
    assert_eq!(duplicates(&account.live()), Vec::<String>::new(), "{what}");
    cli.run(&["plan", "--detailed-exitcode"]).must(0, &what);
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, &what);
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert_eq!(left, Vec::<String>::new(), "{what}");
}

#[test]
fn a_signal_stops_an_apply_cleanly() {
    let changing = changing();
    // The first three make the claim's surroundings, an interrupt needs a run that has begun; and heartbeats are not
    // equally many each time, so that the last may not be reached.
    let some = (0..6).map(|part| 4 + part * changing / 7);
    for (number, signal) in some.zip(["INT", "TERM"].into_iter().cycle()) {
        interrupt(number, signal);
    }
}
