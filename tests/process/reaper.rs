//! Stacks that end by themselves: the reaper is the real binary, started by the served sandbox as its function.
use crate::driver::{Account, Cli};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, StoredObject};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

/// One minute of the account in a second: a pass comes every 15 seconds.
pub(crate) const SPEED: u32 = 60;

fn blueprint(name: &str, more: &str) -> String {
    format!(
        "blueprint: {name}
region: us-east-1
ttl: 20m
resources:
  queue: {{ kind: queue, name: {name}-queue }}
  group: {{ kind: vpc, cidr: 10.0.0.0/16 }}
{more}"
    )
}

/// A request of somebody else, who says what AWS wants to hear.
fn send(port: u16, service: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let text = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\nconnection: close\r\n\
        content-type: application/x-www-form-urlencoded\r\nauthorization: AWS4-HMAC-SHA256 \
        Credential=A/20260601/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    answer
}

/// The program without what only debuggers read, which is more than Lambda takes.
pub(crate) fn stripped(folder: &Path) -> String {
    let to = folder.join("dlinfra");
    let done = std::process::Command::new("strip").arg("-o").arg(&to).arg(env!("CARGO_BIN_EXE_dlinfra")).status();
    assert!(done.unwrap().success(), "strip, which comes with every linker");
    to.display().to_string()
}

/// What is there of a stack.
pub(crate) fn of(account: &Account, stack: &str) -> BTreeSet<String> {
    let ours = |o: &StoredObject| o.tags.get("dlinfra:stack").is_some_and(|s| s == stack);
    account.live().into_iter().filter(ours).map(|o| o.kind).collect()
}

pub(crate) fn wait_for(what: &str, done: impl FnMut() -> bool) {
    wait(what, Duration::from_secs(150), done);
}

/// For what a lock of somebody dead is in the way of.
fn wait_long(what: &str, done: impl FnMut() -> bool) {
    wait(what, Duration::from_secs(300), done);
}

fn wait(what: &str, most: Duration, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < most, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends the functions of this account as the end of their machine would. How many were there?
fn kill_functions(account: &Account) -> usize {
    let at = format!("http://127.0.0.1:{}\0", account.port);
    let is_one = |process: &Path| {
        let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
        let (line, environment) = (read("cmdline"), String::from_utf8_lossy(&read("environ")).into_owned());
        line.split(|b| *b == 0).next().is_some_and(|program| program.ends_with(b"/bootstrap"))
            && environment.contains(&at)
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let found: Vec<String> = processes
        .filter(|process| is_one(process))
        .filter_map(|process| Some(process.file_name()?.to_str()?.to_owned()))
        .collect();
    for id in &found {
        // One that has ended by itself meanwhile is as good.
        let _ = std::process::Command::new("kill").args(["-9", id]).status();
    }
    found.len()
}

/// The function dies twice while it removes a stack. Each time the next one finds the lock of the dead one, watches it for
/// 90 real seconds, and goes on.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "seven minutes, nearly all of them waits for dead locks: cargo test --test process killed_in_the_middle -- --ignored"]
fn a_reaper_that_is_killed_in_the_middle_is_followed_by_another() {
    let account = Account::with_patient_functions(SPEED, Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let program = stripped(folder.path());
    let more = "  network: { use: network, zones: 1 }\n  other: { kind: queue, name: dying-other }\n";
    let cli = Cli::new(account.port, &blueprint("dying", more));
    let mut command = cli.command(&["apply", "--yes", "--binary", &program]);
    command.env_remove("DLINFRA_NO_REAPER");
    crate::driver::Running::new(command).wait().must(0, "apply");
    drop(cli);
    // The network stays for as long as this says: nobody is done before both have died.
    let code = "DependencyViolation".to_owned();
    let action = FaultAction::ErrorBefore { code, status: 400 };
    let asked = || account.requests().count("ec2:DeleteVpc");
    account.set_faults(vec![FaultRule::new("ec2:DeleteVpc", action)]);
    for death in 1..=2 {
        // Only who has the lock asks for that.
        let before = asked();
        wait_long("somebody removes it", || asked() > before);
        assert!(kill_functions(&account) > 0, "death {death}: nobody was there");
        // What was sent arrives.
        std::thread::sleep(Duration::from_secs(1));
        assert!(of(&account, "dying").contains("ec2/vpc"), "death {death} came too late");
    }
    account.set_faults(Vec::new());
    wait_long("the account is empty", || of(&account, "dying").is_empty());
}

/// The client of a job dies, and so does the job: with its machines, at the end of their stack.
#[test]
#[cfg(target_os = "linux")]
fn a_job_ends_with_its_stack_when_its_client_is_dead() {
    let account = Account::with_everything(SPEED, Behaviour { durations: 0.1, ..Behaviour::default() });
    let folder = tempfile::tempdir().unwrap();
    let program = stripped(folder.path());
    let cli = Cli::new(account.port, &crate::jobs::THREE.replace("ttl: 2h", "ttl: 20m"));
    std::fs::write(cli.folder().join("boot.sh"), "#!/bin/sh\ntrue\n").unwrap();
    let pid = folder.path().join("pid");
    let script = format!("echo $$ >{0}.new && mv {0}.new {0}; while :; do sleep 1; done", pid.display());
    let words = ["run", "--yes", "--binary", &program, "--var", "nodes=1", "--timeout", "10h", "--", &script];
    let mut command = cli.command(&words);
    command.env_remove("DLINFRA_NO_REAPER");
    let mut running = crate::driver::Running::new(command);
    wait_for("the job runs", || {
        assert!(!running.ended(), "it ended before its job began");
        pid.exists()
    });
    running.kill();
    let process = format!("/proc/{}", std::fs::read_to_string(&pid).unwrap().trim());
    assert!(Path::new(&process).exists(), "the job goes on without its client");
    let expires = |o: &StoredObject| o.tags.get("dlinfra:expires")?.parse::<Timestamp>().ok();
    let expires = account.live().iter().find_map(expires).unwrap();
    drop(cli);
    wait_for("the account is empty", || of(&account, "three").is_empty());
    let late = account.now().duration_since(expires);
    assert!((SignedDuration::ZERO..SignedDuration::from_mins(30)).contains(&late), "{late:?}");
    wait_for("the job has ended", || !Path::new(&process).exists());
}

#[test]
#[cfg(target_os = "linux")]
fn stacks_end_inside_the_account_when_nobody_is_there_any_more() {
    let account = Account::with_functions(SPEED, Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let program = stripped(folder.path());
    let apply = |name: &str, more: &str| {
        let cli = Cli::new(account.port, &blueprint(name, more));
        let mut command = cli.command(&["apply", "--yes", "--binary", &program]);
        command.env_remove("DLINFRA_NO_REAPER");
        let ran = crate::driver::Running::new(command).wait().must(0, name);
        assert!(ran.err.contains("ttl: enforced, rehearsed now"), "{}", ran.err);
        (cli, ran)
    };
    // The first stack brings the reaper with it, before anything of its own.
    let (cli, first) = apply("short", "  network: { use: network, zones: 1 }\n");
    assert!(first.err.contains("The reaper (dlinfra-reaper)"), "{}", first.err);
    let expires: Timestamp =
        account.live().iter().find_map(|o| o.tags.get("dlinfra:expires")).unwrap().parse().unwrap();
    drop(cli);
    let (longer, again) = apply("longer", "");
    assert!(!again.err.contains("The reaper (dlinfra-reaper)"), "it is there: {}", again.err);
    longer.run(&["extend", "--by", "10h"]).must(0, "extend");
    let (keeper, _) = apply("keeper", "  results: { kind: bucket, name: keeper-results }\n");
    send(account.port, "s3", "PUT /keeper-results/weights", "data");
    wait_for("the account is empty", || of(&account, "short").is_empty());
    let late = account.now().duration_since(expires);
    assert!(late < SignedDuration::from_mins(30), "{late:?}");
    wait_for("what may go has gone", || of(&account, "keeper").len() == 1);
    assert_eq!(of(&account, "keeper"), BTreeSet::from(["s3/bucket".to_owned()]));
    assert_eq!(of(&account, "longer").len(), 2, "its end has moved");
    wait_for("a pass says what it left", || {
        let list = keeper.run(&["list", "--region", "us-east-1"]).must(0, "list");
        list.out.contains("keeper") && list.out.contains("it holds 1 object")
    });

    // What its role is refused, the rehearsal names before anything is made.
    let roles = send(
        account.port,
        "iam",
        "POST /",
        "Action=ListRoles&Version=2010-05-08&PathPrefix=%2Fdlinfra%2Fdlinfra-reaper%2F",
    );
    let names = roles.split("<RoleName>").skip(1).filter_map(|rest| rest.split('<').next());
    let role = names.into_iter().find(|name| name.contains("-role-")).unwrap().to_owned();
    let deny = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C\
        %22Action%22%3A%22ec2%3ADeleteVpc%22%2C%22Resource%22%3A%22*%22%7D%5D%7D";
    let put =
        format!("Action=PutRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName=theirs&PolicyDocument={deny}");
    send(account.port, "iam", "POST /", &put);
    let cli = Cli::new(account.port, &blueprint("refused", ""));
    let mut command = cli.command(&["apply", "--yes"]);
    command.env_remove("DLINFRA_NO_REAPER");
    let ran = crate::driver::Running::new(command).wait().must(1, "the rehearsal refuses");
    assert!(ran.err.contains("DL0803") && ran.err.contains("vpc: ec2:DeleteVpc"), "{}", ran.err);
    assert!(of(&account, "refused").is_empty(), "nothing was begun");

    // In JSON every line says what it is, and the last one how it ended.
    let types = |out: &str| -> Vec<Value> { out.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let words = ["reaper", "install", "--format", "json", "--region", "us-east-1", "--binary", &program];
    let lines = types(&keeper.run(&words).must(0, "the hole is mended").out);
    assert!(lines.iter().all(|line| line["type"].is_string()), "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["type"], &last["complete"], &last["command"]),
        (&"summary".into(), &true.into(), &"reaper".into())
    );
    assert_eq!(last["holes"], serde_json::json!([]), "{last}");
    // A stack whose journal it cannot follow hears that in every form.
    let cli = Cli::new(account.port, &blueprint("elsewhere", "backend: local\n"));
    let mut command = cli.command(&["plan", "--format", "json"]);
    command.env_remove("DLINFRA_NO_REAPER");
    let ran = crate::driver::Running::new(command).wait().must(0, "a plan");
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    let found = plan["diagnostics"].as_array().unwrap().iter().find(|d| d["code"] == "DL0804").unwrap();
    assert_eq!((&found["severity"], &found["labels"][0]["line"]), (&"warning".into(), &7.into()), "{found}");

    // Who relies on it is named; by force it goes, with everything that it is made of.
    let refused = keeper.run(&["reaper", "remove", "--region", "us-east-1"]).must(1, "stacks rely on it");
    assert!(refused.err.contains("DL0805") && refused.err.contains("longer"), "{}", refused.err);
    let words = ["reaper", "remove", "--force", "--region", "us-east-1", "--format", "json"];
    let lines = types(&keeper.run(&words).must(0, "remove").out);
    assert!(lines.iter().all(|line| line["type"].is_string()), "{lines:?}");
    assert_eq!((&lines.last().unwrap()["type"], &lines.last().unwrap()["removed"]), (&"summary".into(), &true.into()));
    assert_eq!(of(&account, "dlinfra-reaper"), BTreeSet::new());
}
