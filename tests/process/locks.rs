//! Several processes at once: one works on a stack, the others are told who it is, and who lost its lock changes nothing.
use crate::driver::{Account, Cli, Running, duplicates, local_journal};
use crate::proxy::{Proxy, Trap, mutates};
use dlinfra::{
    clock::Clock,
    journal::{Backend, Lease, LocalBackend, Request, lock::Holder},
};
use dlinfra_sandbox::Behaviour;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A network whose NAT gateway takes a while, and what needs it.
const SLOW: &str = "blueprint: slow
region: us-east-1
owner: ada
resources:
  net: { use: network, zones: 1 }
  role: { kind: iam-role, trust: [ec2.amazonaws.com] }
";

fn slow(journal: &str) -> String {
    match journal {
        "local" => local_journal(SLOW),
        _ => SLOW.to_owned(),
    }
}

/// So slow that an apply takes some ten seconds.
fn account() -> Account {
    Account::serve(10, Behaviour::default())
}

/// Waits until the account has seen this request.
fn until(account: &Account, request: &str) {
    let began = Instant::now();
    while account.requests().count(request) == 0 {
        assert!(began.elapsed() < Duration::from_secs(90), "{request} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Requests so far that could have changed the stack; the journal's own do not.
fn changes(account: &Account) -> u64 {
    let log = account.requests();
    log.counts.iter().filter(|(name, _)| mutates(name) && *name != "s3:PutObject").map(|(_, n)| n).sum()
}

/// `lock status --format json`, and its exit code.
fn status(cli: &Cli) -> (Option<i32>, Value) {
    let ran = cli.run(&["lock", "status", "--format", "json"]);
    let value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err));
    (ran.code, value)
}

fn one_of_two(journal: &str) {
    let account = account();
    let first = Cli::new(account.port, &slow(journal));
    // A journal in a bucket is reached from anywhere, one in a folder from there.
    let other = Cli::new(account.port, &slow(journal));
    let second = if journal == "local" { &first } else { &other };
    assert_eq!(status(second).0, Some(0), "{journal}: nobody holds it");
    let mut command = first.command(&["apply", "--yes"]);
    command
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_REPOSITORY", "acme/ml")
        .env("GITHUB_RUN_ID", "42");
    let running = Running::new(command);
    until(&account, "ec2:CreateNatGateway");
    let refused = second.run(&["apply", "--yes"]).must(4, &format!("{journal}: the second one"));
    assert!(refused.took < Duration::from_secs(20), "{journal}: at once, not after {:?}", refused.took);
    let pid = format!("pid {}", running.id());
    for word in ["DL0510", &pid, "`apply`", "https://github.com/acme/ml/actions/runs/42"] {
        let word = word.trim_matches('`');
        assert!(refused.err.contains(word), "{journal}: {word} is missing in\n{}", refused.err);
    }
    second.run(&["destroy", "--yes"]).must(4, &format!("{journal}: destroy meanwhile"));
    // Reading takes no lock.
    let status_meanwhile = second.run(&["status"]).must(0, &format!("{journal}: status meanwhile"));
    assert!(status_meanwhile.out.contains("is at work (`apply`)"), "{journal}: {}", status_meanwhile.out);
    let plan = second.run(&["plan"]).must(0, &format!("{journal}: plan meanwhile"));
    assert!(plan.err.contains("DL0538") && plan.out.contains("by a run that is at work"), "{}{}", plan.out, plan.err);
    let (code, lock) = status(second);
    assert_eq!((code, &lock["held"]), (Some(4), &true.into()), "{journal}: {lock}");
    let name = lock["lock"]["holder"]["name"].as_str().unwrap();
    assert!(name.ends_with(&pid), "{journal}: {lock}");
    assert_eq!(lock["lock"]["holder"]["ci"], "https://github.com/acme/ml/actions/runs/42", "{journal}");
    running.wait().must(0, &format!("{journal}: the first one"));
    assert_eq!(duplicates(&account.live()), Vec::<String>::new(), "{journal}");
    assert_eq!(status(second).0, Some(0), "{journal}: given back");
    second.run(&["plan", "--detailed-exitcode"]).must(0, journal);
    second.run(&["apply", "--yes"]).must(0, journal);
    second.run(&["destroy", "--yes"]).must(0, journal);
    assert!(account.live().is_empty(), "{journal}: {:?}", account.live());
}

#[test]
fn of_two_applies_one_wins_and_the_other_names_it() {
    for journal in ["remote", "local"] {
        one_of_two(journal);
    }
}

/// A process is stopped in the middle, its lock is broken, another one finishes the work, and it is continued after
/// `asleep` since it was stopped.
fn sleeper(journal: &str, asleep: Duration) {
    let account = account();
    let first = Cli::new(account.port, &slow(journal));
    let other = Cli::new(account.port, &slow(journal));
    let second = if journal == "local" { &first } else { &other };
    let what = format!("{journal}, {asleep:?}");
    let running = first.spawn(&["apply", "--yes"]);
    until(&account, "ec2:CreateNatGateway");
    running.signal("STOP");
    let stopped = Instant::now();
    second.run(&["apply", "--yes"]).must(4, &format!("{what}: a stopped process holds its lock"));
    second.run(&["lock", "break", "--yes"]).must(0, &what);
    second.run(&["apply", "--yes"]).must(0, &what);
    second.run(&["plan", "--detailed-exitcode"]).must(0, &what);
    let before = changes(&account);
    std::thread::sleep(asleep.saturating_sub(stopped.elapsed()));
    running.signal("CONT");
    let ran = running.wait();
    // It had made things before: that is a part of the work, and no failure of all of it.
    let ran = ran.must(3, &what);
    assert!(ran.err.contains("DL0506") || ran.err.contains("DL0512"), "{what}: {}", ran.err);
    assert_eq!(changes(&account), before, "{what}: it changed something after it was continued\n{}", ran.err);
    second.run(&["plan", "--detailed-exitcode"]).must(0, &what);
    second.run(&["destroy", "--yes"]).must(0, &what);
    assert!(account.live().is_empty(), "{what}: {:?}", account.live());
}

/// 80 s: longer than a holder trusts a lease that nobody confirms.
#[test]
fn a_process_that_slept_changes_nothing_after_a_takeover() {
    std::thread::scope(|scope| {
        for (journal, seconds) in [("remote", 80), ("local", 80), ("remote", 0)] {
            scope.spawn(move || sleeper(journal, Duration::from_secs(seconds)));
        }
    });
}

#[test]
fn two_stacks_at_once_do_not_meet() {
    let account = account();
    let one = Cli::new(account.port, SLOW);
    let two = Cli::new(account.port, &SLOW.replace("blueprint: slow", "blueprint: other"));
    let (first, second) = (one.spawn(&["apply", "--yes"]), two.spawn(&["apply", "--yes"]));
    first.wait().must(0, "one");
    second.wait().must(0, "two");
    for cli in [&one, &two] {
        cli.run(&["plan", "--detailed-exitcode"]).must(0, "both are as they should be");
    }
    one.run(&["destroy", "--yes"]).must(0, "one is removed");
    two.run(&["plan", "--detailed-exitcode"]).must(0, "the other is not");
    two.run(&["destroy", "--yes"]).must(0, "the other is removed");
    assert!(account.live().is_empty(), "{:?}", account.live());
}

/// An apply that holds the lock and has not made anything yet: a stack that is empty at this moment is no proof.
#[test]
fn nothing_is_proven_while_an_apply_is_at_work() {
    let account = Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() });
    let proxy = Proxy::start(account.port, None);
    let first = Cli::new(proxy.port, SLOW);
    first.run(&["apply", "--yes"]).must(0, "the journal's place is made");
    first.run(&["destroy", "--yes"]).must(0, "and everything removed");
    let before = account.requests().total;
    first.run(&["plan"]).must(0, "so many requests has a plan");
    let looks = account.requests().total - before;
    // Held at one of its first requests after those of the plan, before it has made a thing.
    let sprung = proxy.set(Trap { at: looks + 8, executes: false });
    let (running, sprung) = first.run_until(&["apply", "--yes"], &sprung).ok().unwrap();
    assert!(account.live().is_empty(), "{}: {:?}", sprung.request, account.live());
    let second = Cli::new(account.port, SLOW);
    let refused = second.run(&["destroy", "--yes"]).must(4, &format!("the apply is held at {}", sprung.request));
    assert!(!refused.out.contains("Proof") && refused.err.contains("DL0510"), "{}{}", refused.out, refused.err);
    sprung.answer();
    running.wait().must(0, "the apply goes on");
    second.run(&["destroy", "--yes"]).must(0, "and is removed").out.contains("0 resources");
    assert!(account.live().is_empty(), "{:?}", account.live());
}

#[test]
fn of_two_laptops_with_local_journals_the_second_is_refused() {
    let account = Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() });
    let small =
        "blueprint: small\nregion: us-east-1\nbackend: local\nresources:\n  vpc: { kind: vpc, cidr: 10.0.0.0/16 }\n";
    let ada = Cli::new(account.port, &format!("{small}owner: ada\n"));
    let bob = Cli::new(account.port, &format!("{small}owner: bob\n"));
    // Bob's laptop has a journal of its own, from a time when nothing was live.
    let cid = Cli::new(account.port, &format!("{small}owner: cid\n"));
    cid.run(&["apply", "--yes"]).must(0, "cid begins");
    cid.run(&["destroy", "--yes"]).must(0, "and ends");
    ada.run(&["apply", "--yes"]).must(0, "ada");
    let before = changes(&account);
    for args in [&["apply", "--yes"][..], &["destroy", "--yes"]] {
        let ran = bob.run(args).must(1, "bob has no journal of this stack");
        for word in ["DL0520", "by ada", "used by bob", "dlinfra recover"] {
            assert!(ran.err.contains(word), "{word} is missing in\n{}", ran.err);
        }
        let ran = cid.run(args).must(1, "cid has another one");
        for word in ["DL0532", "owner ada", "this journal"] {
            assert!(ran.err.contains(word), "{word} is missing in\n{}", ran.err);
        }
    }
    let same = Cli::new(account.port, &format!("{small}owner: ada\n"));
    let ran = same.run(&["apply", "--yes"]).must(1, "a second journal would begin although nothing changes");
    assert!(ran.err.contains("DL0520"), "{}", ran.err);
    assert!(!same.folder().join(".dlinfra/state").exists(), "no journal was begun");
    let plan = same.run(&["plan", "--detailed-exitcode"]).must(0, "nothing to do, and it is said");
    assert!(plan.err.contains("warning[DL0520]"), "{}", plan.err);
    let plan = bob.run(&["plan"]).must(0, "a plan shows what it can");
    assert!(plan.err.contains("warning[DL0520]"), "{}", plan.err);
    assert_eq!(changes(&account), before, "nobody changed anything");
    ada.run(&["plan", "--detailed-exitcode"]).must(0, "ada's stack is as it was");
}

/// The lock of a holder that has been silent for long, as a killed machine leaves it.
fn forgotten(cli: &Cli) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = LocalBackend::new(cli.folder().join(".dlinfra"), "000000000000", "us-east-1", "slow");
        backend.prepare().await.unwrap();
        let holder = Holder { name: "eve@far".into(), host: "far".into(), command: "apply".into(), ci: None };
        let clock = Clock::scaled("2020-01-01T00:00:00Z".parse().unwrap(), 1);
        let mut request = Request::new(std::sync::Arc::new(backend), clock, holder);
        request.presence = None;
        // Neither renewed nor given back.
        std::mem::forget(Lease::acquire(request).await.unwrap());
    });
}

#[test]
fn a_silent_lock_is_watched_and_the_watching_can_be_interrupted() {
    let account = account();
    let cli = Cli::new(account.port, &slow("local"));
    forgotten(&cli);
    for signal in ["INT", "TERM"] {
        let running = cli.spawn(&["apply", "--yes"]);
        std::thread::sleep(Duration::from_secs(3));
        running.signal(signal);
        let sent = Instant::now();
        let ran = running.wait().must(130, "interrupted while it waited");
        assert!(sent.elapsed() < Duration::from_secs(5), "{:?}", sent.elapsed());
        assert!(ran.err.contains("locked by eve@far") && ran.err.contains("before taking over"), "{}", ran.err);
    }
    assert_eq!(changes(&account), 0);
    let (code, lock) = status(&cli);
    assert_eq!((code, &lock["lock"]["holder"]["name"]), (Some(4), &"eve@far".into()), "{lock}");
    // Nobody answers the question, so nothing is broken.
    cli.run(&["lock", "break"]).must(1, "break asks");
    assert_eq!(status(&cli).0, Some(4));
    cli.run(&["lock", "break", "--yes"]).must(0, "broken");
    cli.run(&["lock", "break", "--yes"]).must(0, "and free");
    assert_eq!(status(&cli).0, Some(0));
}

#[test]
fn the_second_signal_ends_at_once() {
    let account = account();
    let cli = Cli::new(account.port, &slow("remote"));
    let running = cli.spawn(&["apply", "--yes"]);
    until(&account, "ec2:CreateNatGateway");
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    running.signal("INT");
    let sent = Instant::now();
    running.wait().must(130, "the second signal");
    assert!(sent.elapsed() < Duration::from_secs(2), "{:?}", sent.elapsed());
    // It is the same as being killed: on this machine that is known, and the lock need not be waited for.
    let again = cli.run(&["apply", "--yes"]).must(0, "the next one goes on");
    assert!(again.took < Duration::from_secs(60), "{:?}", again.took);
    assert_eq!(duplicates(&account.live()), Vec::<String>::new());
}
