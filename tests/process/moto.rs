//! The same on moto, which ignores launch tokens: `kill -9` in an apply, and connections cut after execution by microburst.
use crate::{
    driver::{Cli, local_journal},
    moto_server::{Server, free_port, get, python},
    proxy::{Proxy, Trap, Watcher, mutates},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// `blueprints/cpu-smoke.yaml` without what moto forgets, under a name of its own.
fn smoke(stack: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/cpu-smoke.yaml");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("blueprint: moto-smoke"));
    text.replace("blueprint: moto-smoke", &format!("blueprint: {stack}"))
}

/// Kind, id and address with part of every living object of a stack, read from moto's memory.
fn objects(port: u16, stack: &str) -> Vec<(String, String, String)> {
    let all: Vec<Value> = serde_json::from_str(&get(port, "/_objects").unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = all.iter().filter(|o| o["tags"]["dlinfra:stack"] == stack);
    let place = |o: &Value| format!("{} {}", text(&o["tags"]["dlinfra:address"]), text(&o["tags"]["dlinfra:part"]));
    ours.map(|o| (text(&o["kind"]), text(&o["id"]), place(o))).collect()
}

/// Addresses with two objects of one kind; the stack has one machine.
fn duplicates(port: u16, stack: &str) -> Vec<String> {
    let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (kind, id, place) in objects(port, stack) {
        found.entry((kind, place)).or_default().push(id);
    }
    let twice = found.into_iter().filter(|(_, ids)| ids.len() > 1);
    twice.map(|((kind, place), ids)| format!("{kind} {place}: {}", ids.join(", "))).collect()
}

/// Applies until it is complete, plans and destroys; what went wrong.
fn lives(cli: &Cli, port: u16, stack: &str) -> Result<(), String> {
    let mut applied = cli.run(&["apply", "--yes"]);
    if applied.code == Some(3) && applied.err.contains(" 0 failed") {
        applied = cli.run(&["apply", "--yes"]);
    }
    let fine = |ran: crate::driver::Ran, what: &str| match ran.code {
        Some(0) => Ok(()),
        code => Err(format!("{what} ended with {code:?}\n{}{}", ran.out, ran.err)),
    };
    fine(applied, "apply")?;
    let (twice, many) = (duplicates(port, stack), objects(port, stack).len());
    if !twice.is_empty() || many < 10 {
        return Err(format!("{many} objects, twice {twice:#?}"));
    }
    fine(cli.run(&["plan", "--detailed-exitcode"]), "plan")?;
    fine(cli.run(&["destroy", "--yes", "--delete-data"]), "destroy")?;
    let left = objects(port, stack);
    if left.is_empty() && cli.leaks().is_empty() {
        return Ok(());
    }
    Err(format!("left {left:#?}, secrets in {:?}", cli.leaks()))
}

fn die_once(moto: u16, number: u64, executes: bool) -> Result<(), String> {
    let stack = format!("kill-{number}");
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let watcher: Watcher = {
        let (seen, stack) = (seen.clone(), stack.clone());
        Box::new(move |name| {
            let twice = duplicates(moto, &stack);
            seen.lock().unwrap().extend(twice.into_iter().map(|d| format!("after {name}: {d}")));
        })
    };
    // An account of its own in the one moto: not all of its filters look at the stack.
    let account = format!("x-moto-account-id: {:012}", 100_000 + number);
    let proxy = Proxy::with_header(moto, Some(watcher), Some(account));
    let cli = Cli::new(proxy.port, &local_journal(&smoke(&stack)));
    let sprung = proxy.set_at_change(Trap { at: number, executes });
    let (mut running, sprung) = cli
        .run_until(&["apply", "--yes"], &sprung)
        .map_err(|ran| format!("it ended before change {number}: {:?}\n{}{}", ran.code, ran.out, ran.err))?;
    let at = sprung.request.clone();
    running.kill();
    drop(sprung);
    proxy.clear();
    lives(&cli, moto, &stack).map_err(|why| format!("killed at {at}: {why}"))?;
    let twice = seen.lock().unwrap().clone();
    if twice.is_empty() { Ok(()) } else { Err(format!("killed at {at}: {twice:#?}")) }
}

/// After a kill dlinfra waits for a minute where AWS could hide what was made, and moto knows only real time: few deaths
/// are tried, side by side, and with a local journal, whose lock needs no minute and a half to be taken over. `DLINFRA_MOTO_KILL_EVERY=1` tries every changing request.
#[test]
fn cpu_smoke_survives_kill_9_on_moto() {
    let Some(server) = Server::start() else { return };
    let moto = server.port;
    let proxy = Proxy::start(moto, None);
    let cli = Cli::new(proxy.port, &local_journal(&smoke("kill-none")));
    cli.run(&["apply", "--yes"]).must(0, "an apply that nobody disturbs");
    let changing = proxy.names().iter().filter(|name| mutates(name)).count() as u64;
    assert!(changing > 15, "{changing}");
    let every = std::env::var("DLINFRA_MOTO_KILL_EVERY").map_or(5, |v| v.parse().expect("a number"));
    let tried: Vec<u64> = (1..=changing).step_by(every).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(number) = tried.get(index) else { return };
                    if let Err(why) = die_once(moto, *number, index.is_multiple_of(2)) {
                        wrong.lock().unwrap().push(format!("change {number}: {why}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    eprintln!("{} deaths on moto at {changing} changing requests", tried.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tried.len(), wrong.join("\n"));
}

/// microburst in front of moto, until it is dropped.
struct Burst {
    process: Child,
    port: u16,
    _rules: tempfile::TempDir,
}

impl Drop for Burst {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Burst {
    /// Each of these operations is executed once with its answer cut off after one byte; later calls go through.
    fn start(upstream: u16, cut: &[&str]) -> Self {
        let rules: Vec<Value> = cut
            .iter()
            .map(|name| {
                let (service, operation) = name.split_once(':').unwrap();
                json!({ "service": service, "operation": operation, "times": 1, "response": { "abort_bytes": 1 } })
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.yaml");
        // JSON is YAML.
        fs::write(&file, json!({ "rules": rules }).to_string()).unwrap();
        let port = free_port();
        let process = Command::new(python().unwrap())
            .args(["-m", "microburst", "--upstream", &format!("http://127.0.0.1:{upstream}")])
            .args(["--port", &port.to_string(), "--no-resign", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let burst = Self { process, port, _rules: folder };
        let started = Instant::now();
        while get(port, "/_microburst/health").is_none_or(|text| !text.contains("upstream")) {
            assert!(started.elapsed() < Duration::from_secs(60), "microburst does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        burst
    }

    /// The operations that were cut.
    fn fired(&self) -> Vec<String> {
        let answer: Value = serde_json::from_str(&get(self.port, "/_microburst/fired").unwrap()).unwrap();
        let events = answer.as_array().or_else(|| answer["fired"].as_array()).cloned().unwrap_or_default();
        let name = |e: &Value| format!("{}:{}", e["service"].as_str().unwrap(), e["operation"].as_str().unwrap());
        let mut all: Vec<String> = events.iter().map(name).collect();
        all.sort();
        all.dedup();
        all
    }
}

#[test]
fn creates_cut_by_microburst_make_no_duplicate_on_moto() {
    let Some(server) = Server::start() else { return };
    let cut = [
        "ec2:CreateVpc",
        "ec2:CreateSubnet",
        "ec2:CreateInternetGateway",
        "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup",
        "ec2:AllocateAddress",
        "ec2:CreateNatGateway",
        "ec2:RunInstances",
        "iam:CreateRole",
        "iam:CreateInstanceProfile",
        "s3:CreateBucket",
    ];
    let burst = Burst::start(server.port, &cut);
    let cli = Cli::new(burst.port, &smoke("burst"));
    lives(&cli, server.port, "burst").unwrap_or_else(|why| panic!("{why}"));
    let mut expected: Vec<String> = cut.iter().map(|c| (*c).to_owned()).collect();
    expected.sort();
    assert_eq!(burst.fired(), expected, "what was cut");
}
