//! Stacks that end by themselves: the reaper is the real binary, started by the served sandbox as its function.
use crate::driver::{Account, Cli};
use dlinfra_sandbox::{Behaviour, StoredObject};
use jiff::{SignedDuration, Timestamp};
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

pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(150), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
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
    // What dies in the middle is tried on a virtual clock (tests/engine/reaper.rs): the lock of a dead holder is watched for
    // 90 real seconds, which is longer than the sandbox lets a function of a fast account run.
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

    // Who relies on it is named; by force it goes, with everything that it is made of.
    let refused = keeper.run(&["reaper", "remove", "--region", "us-east-1"]).must(1, "stacks rely on it");
    assert!(refused.err.contains("DL0805") && refused.err.contains("longer"), "{}", refused.err);
    keeper.run(&["reaper", "remove", "--force", "--region", "us-east-1"]).must(0, "remove");
    assert_eq!(of(&account, "dlinfra-reaper"), BTreeSet::new());
}
