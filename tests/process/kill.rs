//! `kill -9` at request number k of a real apply; then apply, plan and destroy as if nothing had happened.
use crate::{
    driver::{Account, Cli, blueprint, duplicates, local_journal, trap_at},
    proxy::{Proxy, Watcher, mutates},
};
use dlinfra_sandbox::Behaviour;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// Sandbox seconds per second: not so many that a slow machine runs into the timeouts of waits.
const SPEED: u32 = 40;

/// AWS takes a fiftieth of its time, so that what is tried is requests and not patience.
fn account() -> Account {
    Account::serve(SPEED, Behaviour { durations: 0.02, ..Behaviour::default() })
}

/// One account, one apply that dies, and everything after it. What went wrong, or the request at which it died.
fn die_once(blueprint: &str, number: u64) -> Result<Option<String>, String> {
    let account = account();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let watcher: Watcher = {
        let (eye, seen) = (account.eye(), seen.clone());
        Box::new(move |name| {
            let twice = duplicates(&eye());
            seen.lock().unwrap().extend(twice.into_iter().map(|d| format!("after {name}: {d}")));
        })
    };
    let proxy = Proxy::start(account.port, Some(watcher));
    let cli = Cli::new(proxy.port, blueprint);
    let sprung = proxy.set(trap_at(number));
    let at = match cli.run_until(&["apply", "--yes"], &sprung) {
        Ok((mut running, sprung)) => {
            running.kill();
            // The connection is cut only now: the process can have seen nothing of it.
            Some(sprung.request.clone())
        }
        Err(ran) if ran.code == Some(0) => None,
        Err(ran) => return Err(format!("the first apply ended with {:?}\n{}{}", ran.code, ran.out, ran.err)),
    };
    proxy.clear();
    let step = |args: &[&str]| {
        let ran = cli.run(args);
        if ran.code == Some(0) {
            return Ok(());
        }
        Err(format!("{args:?} ended with {:?}\n{}{}", ran.code, ran.out, ran.err))
    };
    let mut again = cli.run(&["apply", "--yes"]);
    // On a busy machine something may be pending: then, as the words say, the next apply continues.
    if again.code == Some(3) && again.err.contains(" 0 failed") {
        again = cli.run(&["apply", "--yes"]);
    }
    if again.code != Some(0) {
        return Err(format!("killed at {at:?}, then: {:?}\n{}{}", again.code, again.out, again.err));
    }
    step(&["plan", "--detailed-exitcode"])?;
    step(&["destroy", "--yes", "--delete-data"])?;
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {} {}", o.kind, o.id, o.state)).collect();
    let twice = seen.lock().unwrap().clone();
    let leaks = cli.leaks();
    if left.is_empty() && twice.is_empty() && leaks.is_empty() {
        return Ok(at);
    }
    Err(format!("left {left:#?}\ntwice {twice:#?}\nsecrets in {leaks:?}"))
}

/// How many requests an apply makes from nothing, and how many of them may change something.
fn count(blueprint: &str) -> (u64, usize) {
    let account = account();
    let proxy = Proxy::start(account.port, None);
    let cli = Cli::new(proxy.port, blueprint);
    cli.run(&["apply", "--yes"]).must(0, "an apply that nobody disturbs");
    let names = proxy.names();
    let changing = names.iter().filter(|n| mutates(n)).count();
    (names.len() as u64, changing)
}

/// Dies at every nth request, two processes at a time.
fn die_everywhere(blueprint: &str, every: u64) {
    let (total, changing) = count(blueprint);
    assert!(changing > 20, "{changing} changing requests");
    let next = AtomicU64::new(1);
    let (deaths, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(every, Ordering::SeqCst);
                    if number > total {
                        return;
                    }
                    match die_once(blueprint, number) {
                        Ok(Some(_)) => _ = deaths.fetch_add(1, Ordering::SeqCst),
                        // Polls are not equally many each time: the last numbers may not be reached.
                        Ok(None) => eprintln!("request {number} of {total} was not reached"),
                        Err(why) => wrong.lock().unwrap().push(format!("killed at request {number}: {why}")),
                    }
                }
            });
        }
    });
    let (deaths, wrong) = (deaths.into_inner(), wrong.into_inner().unwrap());
    eprintln!("{deaths} deaths at every {every}th of {total} requests ({changing} of them changing)");
    assert!(wrong.is_empty(), "{} of {deaths}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(deaths * every + total / 4 >= total, "only {deaths} deaths");
}

/// `DLINFRA_KILL_EVERY=1` dies at every request.
fn every(usual: u64) -> u64 {
    std::env::var("DLINFRA_KILL_EVERY").ok().map_or(usual, |v| v.parse().expect("DLINFRA_KILL_EVERY is a number"))
}

#[test]
fn efa_training_survives_kill_9_with_the_default_journal() {
    die_everywhere(&blueprint("efa-training.yaml"), every(3));
}

#[test]
fn efa_training_survives_kill_9_with_a_local_journal() {
    die_everywhere(&local_journal(&blueprint("efa-training.yaml")), every(9));
}
