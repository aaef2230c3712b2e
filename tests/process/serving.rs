//! An endpoint that somebody asks all the time, while the real binary moves it, is killed, and is rolled back.
use crate::{
    driver::{Account, Cli, blueprint, trap_at},
    moto_server::python,
    proxy::Proxy,
};
use dlinfra_sandbox::{Ailment, Behaviour};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A version is an image: sandbox accounts have no registry to ask.
const BLUEPRINT: &str = "blueprint: chat
region: us-east-1
ttl: 6h
variables: { version: { type: int, default: 1 } }
resources:
  role: { kind: iam-role, trust: [sagemaker.amazonaws.com] }
  serve:
    kind: sagemaker-endpoint
    name: chat
    role: ${role}
    variants:
      - name: main
        container: { image: '000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:v${var.version}' }
        instance_type: ml.m5.xlarge
";

/// What the endpoint answers: the status and the configuration that served.
fn ask(port: u16) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = "POST /endpoints/chat/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\
        connection: close\r\nauthorization: AWS4-HMAC-SHA256 Credential=A/20260601/us-east-1/sagemaker/aws4_request, \
        SignedHeaders=host, Signature=0\r\n\r\n{}";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let config = answer.split("\"config\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Some((status, config.unwrap_or_default().to_owned()))
}

/// Asks until it is told to stop: every answer that was not 200, and how many were.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<u16>, usize)>,
}

impl Watcher {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut outages, mut answers) = (Vec::new(), 0);
            while !told.load(Ordering::SeqCst) {
                match ask(port) {
                    Some((200, _)) => answers += 1,
                    other => outages.push(other.map_or(0, |(status, _)| status)),
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            (outages, answers)
        });
        Self { stop, thread }
    }

    /// It was answered all the time.
    fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        let (outages, answers) = self.thread.join().unwrap();
        assert!(outages.is_empty() && answers > 10, "{answers} answers, and these: {outages:?}");
    }
}

fn count(account: &Account, kind: &str) -> usize {
    account.live().iter().filter(|o| o.kind == kind).count()
}

/// One version after the other, each apply killed at another request and then finished.
#[test]
fn it_answers_all_the_time_although_every_update_is_killed() {
    let account = Account::serve(40, Behaviour { durations: 0.02, ..Behaviour::default() });
    let proxy = Proxy::start(account.port, None);
    let cli = Cli::new(proxy.port, BLUEPRINT);
    cli.run(&["apply", "--yes"]).must(0, "the first version");
    let before = proxy.names().len();
    cli.run(&["apply", "--yes", "--var", "version=2"]).must(0, "an update that nobody disturbs");
    let requests = proxy.names().len() - before;
    let watcher = Watcher::start(account.port);
    let every: usize = std::env::var("DLINFRA_KILL_EVERY").ok().map_or(7, |v| v.parse().unwrap());
    let mut deaths = 0;
    for (round, number) in (1..=requests).step_by(every).enumerate() {
        let version = format!("version={}", round + 3);
        let sprung = proxy.set(trap_at(number as u64));
        if let Ok((mut running, sprung)) = cli.run_until(&["apply", "--yes", "--var", &version], &sprung) {
            running.kill();
            drop(sprung);
            deaths += 1;
        }
        proxy.clear();
        // The dead holder's lock is on this machine: it is taken over at once.
        cli.run(&["apply", "--yes", "--var", &version]).must(0, &format!("after a death at request {number}"));
        cli.run(&["plan", "--detailed-exitcode", "--var", &version]).must(0, "nothing more to do");
        let left = (count(&account, "sagemaker/endpoint-config"), count(&account, "sagemaker/model"));
        assert_eq!(left, (1, 1), "after a death at request {number}");
    }
    watcher.end();
    eprintln!("{deaths} deaths at every {every}th of {requests} requests of an update");
    assert!(deaths * every + requests / 3 >= requests, "only {deaths} deaths");
    cli.run(&["destroy", "--yes"]).must(0, "the end");
    // What was measured is AWS's, and stays.
    let things = account.live().into_iter().filter(|o| o.kind != "monitoring/metric");
    let left: Vec<String> = things.map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// A version that never answers: exit code 3 with AWS's reason, and the old one answers all the time.
#[test]
fn what_never_answers_is_taken_back_and_told() {
    let containers = [("serve:v2".to_owned(), Ailment::HealthCheck)].into();
    let account = Account::serve(40, Behaviour { durations: 0.02, containers, ..Behaviour::default() });
    let cli = Cli::new(account.port, BLUEPRINT);
    cli.run(&["apply", "--yes"]).must(0, "the first version");
    let (_, config) = ask(account.port).unwrap();
    let watcher = Watcher::start(account.port);
    let ran = cli.run(&["apply", "--yes", "--var", "version=2"]).must(3, "a version that never answers");
    let told = ran.out + &ran.err;
    for words in ["was rolled back, and the old version still serves", "ping health check", "its log ends: "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let status = cli.run(&["status"]).must(0, "the state").out;
    assert!(status.contains("degraded: its last change was rolled back"), "{status}");
    let plan = cli.run(&["plan", "--detailed-exitcode", "--var", "version=2"]).must(2, "it is offered again");
    let plan = plan.out + &plan.err;
    assert!(plan.contains("degraded") && plan.contains("ping health check"), "the plan says what failed: {plan}");
    // Back to the first version: only what was refused is left to remove.
    cli.run(&["apply", "--yes"]).must(0, "back");
    watcher.end();
    assert_eq!(ask(account.port).unwrap(), (200, config));
    assert_eq!((count(&account, "sagemaker/endpoint-config"), count(&account, "sagemaker/model")), (1, 1));
    cli.run(&["destroy", "--yes"]).must(0, "the end");
}

/// The shipped blueprint with boto3 looking on, every second of the account's time: a new version of the model, while
/// scaling has set another number of machines.
#[test]
fn boto3_sees_no_outage_of_the_shipped_endpoint() {
    let Some(python) = python() else { return };
    // Slowly: after a quarter of an hour of the account without load, scaling itself would take machines away.
    let account = Account::serve(20, Behaviour { durations: 0.2, ..Behaviour::default() });
    let boto3 = |args: &[&str]| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/look.py");
        let mut command = Command::new(&python);
        command.arg(script).arg(format!("http://127.0.0.1:{}", account.port)).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let done = |started: std::process::Child| {
        // Its input ends here.
        let ended = started.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        ended.stdout
    };
    done(boto3(&["seed", "my-models"]));
    let cli = Cli::new(account.port, &blueprint("endpoint.yaml"));
    cli.run(&["apply", "--yes"]).must(0, "the first version");
    let endpoint = cli.run(&["output", "--name", "endpoint"]).must(0, "its name").out.trim().to_owned();
    done(boto3(&["scale", &endpoint, "3"]));
    let watcher = boto3(&["watch", &endpoint, "0.05"]);
    cli.run(&["apply", "--yes", "--var", "model_prefix=v2/"]).must(0, "the second version");
    let saw: Value = serde_json::from_slice(&done(watcher)).unwrap();
    assert_eq!(saw["outages"], json!([]), "{saw:#}");
    assert!(saw["answers"].as_u64().unwrap() > 100, "{saw:#}");
    assert_eq!(saw["configs"].as_array().unwrap().len(), 2, "both versions answered: {saw:#}");
    assert_eq!(saw["at_the_end"], json!(["s3://my-models/v2/"]));
    assert_eq!((&saw["count"], &saw["left"]), (&json!(3), &json!([1, 1])), "{saw:#}");
    cli.run(&["destroy", "--yes"]).must(0, "the end");
}

/// Machines of an endpoint, and a component on them.
const SHARED: &str = "blueprint: share
region: us-east-1
ttl: 6h
resources:
  role: { kind: iam-role, trust: [sagemaker.amazonaws.com] }
  machines:
    kind: sagemaker-endpoint
    role: ${role}
    variants: [{ name: main, instance_type: ml.m5.xlarge, managed_scaling: { min: 1, max: 2 } }]
  chat:
    kind: inference-component
    endpoint: ${machines}
    variant: main
    container: { image: '000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:1' }
    resources: { cpus: 1, memory: 1 GiB }
";

/// What is written after somebody began to read comes too, until they stop.
#[test]
fn a_log_is_followed_while_somebody_asks() {
    let account = Account::serve(40, Behaviour { durations: 0.02, ..Behaviour::default() });
    let cli = Cli::new(account.port, SHARED);
    cli.run(&["apply", "--yes"]).must(0, "machines and a component");
    let reads = || account.requests().entries.iter().filter(|e| e.operation == "FilterLogEvents").count();
    let mut follower = cli.spawn(&["logs", "chat", "--follow"]);
    let mut read_again = |times: usize| {
        let before = reads();
        while reads() < before + times {
            assert!(!follower.ended(), "it does not wait");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    read_again(1);
    let answer = cli.run(&["invoke", "chat"]).must(0, "a request").out;
    assert!(answer.contains("\"component\""), "{answer}");
    read_again(3);
    follower.signal("INT");
    let log = follower.wait().must(0, "it ends when it is told to").out;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("the model is loaded") && lines[1].ends_with("POST /invocations 200"), "{log}");
    cli.run(&["destroy", "--yes"]).must(0, "the end");
}
