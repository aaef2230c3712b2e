//! `run`: jobs on machines of the served sandbox, which run what Systems Manager sends as processes of this machine.
use crate::driver::{Account, Cli, Ran};
use dlinfra_sandbox::Behaviour;
use serde_json::Value;
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// One minute of the account in two seconds.
const SPEED: u32 = 30;

const RUN: [&str; 6] = ["run", "--yes", "--delete-data", "--timeout", "10m", "--var"];

fn account() -> Account {
    Account::with_user_data(SPEED, Behaviour { durations: 0.1, ..Behaviour::default() })
}

/// Three machines, without anything that costs time.
pub(crate) const THREE: &str = "
blueprint: three
region: us-east-1
ttl: 2h
variables: { nodes: { type: int, default: 3 }, boot: { type: string, default: 'true' } }
resources:
  network: { use: network, zones: 1 }
  role:
    kind: iam-role
    instance_profile: true
    trust: [ec2.amazonaws.com]
    managed_policies: [AmazonSSMManagedInstanceCore]
  group: { kind: security-group, vpc: '${network.vpc}', egress: [{ protocol: all, cidr: 0.0.0.0/0, description: out }] }
  train:
    kind: instance-group
    instance_type: t3.small
    count: ${var.nodes}
    image: al2023
    subnet: ${network.private[0]}
    role: ${role}
    interfaces: { security_groups: ['${group}'] }
    boot: { script: boot.sh, env: { WORK: '${var.boot}' } }
    boot_within: 10m
";

fn three(port: u16) -> Cli {
    let cli = Cli::new(port, THREE);
    fs::write(cli.folder().join("boot.sh"), "#!/bin/sh\necho booting\neval \"$WORK\"\n").unwrap();
    cli
}

fn run(cli: &Cli, more: &[&str], command: &str) -> Ran {
    cli.run(&[&RUN[..], &["nodes=3"], more, &["--", command]].concat())
}

#[track_caller]
fn nothing(account: &Account) {
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// How many commands Systems Manager was given.
fn sent(account: &Account) -> u64 {
    account.requests().count("ssm:SendCommand")
}

/// A file in the archive of a rank.
fn in_archive(cli: &Cli, rank: usize, file: &str) -> String {
    let archive = cli.folder().join(format!("results/rank-{rank}.tar.gz"));
    let out = Command::new("tar").args(["-xOzf", archive.to_str().unwrap(), file]).output().unwrap();
    assert!(out.status.success(), "{file} of rank {rank}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The id of the job, as `run` says it.
fn job(ran: &Ran) -> String {
    let line = ran.err.lines().find(|line| line.starts_with("job ") && line.contains(" runs on ")).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn three_ranks_print_leave_something_and_are_gone() {
    let account = account();
    let cli = three(account.port);
    let script = "mkdir out; echo \"rank $NODE_RANK of $NNODES, $GPUS_PER_NODE GPUs\" | tee out/who; \
                  [ \"$(wc -l <$HOSTFILE)\" = 3 ] && [ \"$(head -n 1 $HOSTFILE)\" = $MASTER_ADDR ] && echo $RUN_ID >out/id";
    let ran = run(&cli, &["--collect", "out:results"], script).must(0, "three ranks");
    for rank in 0..3 {
        let said = format!("rank {rank} of 3, 0 GPUs");
        assert!(ran.out.contains(&format!("[{rank}] {said}\n")), "{}\n{}", ran.out, ran.err);
        assert_eq!(in_archive(&cli, rank, "out/who"), format!("{said}\n"));
        assert_eq!(in_archive(&cli, rank, "log"), format!("{said}\n"), "the log comes with it");
        assert_eq!(in_archive(&cli, rank, "out/id").trim(), job(&ran));
    }
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(cli.folder().join("results/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["codes"], serde_json::json!([0, 0, 0]), "{manifest}");
    assert_eq!(manifest["artifacts"].as_array().unwrap().len(), 3, "{manifest}");
    assert!(ran.err.contains("3 ranks ended with 0"), "{}", ran.err);
    assert!(ran.err.contains("0 resources, $0.00/h left"), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 3, "what they wrote, and nothing else: {}", ran.out);
    nothing(&account);
    assert!(cli.leaks().is_empty());
}

#[test]
fn the_rank_that_fails_first_decides() {
    let account = account();
    let cli = three(account.port);
    // The others wait for it for ever, as a collective operation does.
    let script = "if [ $NODE_RANK = 1 ]; then exit 7; fi; trap 'echo stopped; exit 9' TERM; sleep 600 & wait";
    let ran = run(&cli, &["--format", "json"], script).must(7, "rank 1");
    let lines: Vec<Value> = ran.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let end = lines.iter().find(|line| line["type"] == "job").unwrap();
    assert_eq!((&end["code"], &end["ranks"][1]), (&7.into(), &7.into()), "{end}");
    let stopped = lines.iter().filter(|line| line["type"] == "log" && line["text"] == "stopped").count();
    assert_eq!(stopped, 2, "the others were asked to end: {}", ran.out);
    nothing(&account);
}

#[test]
fn a_job_that_takes_too_long_or_is_interrupted_is_asked_to_end() {
    let account = account();
    let cli = three(account.port);
    let script = "trap 'mkdir out; echo saved >out/checkpoint; echo saved; exit 0' TERM; echo begun; sleep 600 & wait";
    let words = ["run", "--yes", "--delete-data", "--timeout", "1m", "--collect", "out:results", "--", script];
    let ran = cli.run(&words).must(124, "too long");
    assert!(ran.err.contains("DL0824"), "{}", ran.err);
    assert_eq!(in_archive(&cli, 0, "out/checkpoint"), "saved\n");
    nothing(&account);
    fs::remove_dir_all(cli.folder().join("results")).unwrap();
    let before = sent(&account);
    let running = cli.spawn(&[&RUN[..], &["nodes=3", "--collect", "out:results", "--", script]].concat());
    // Of the first starts, of the job, and of a look at it.
    wait_for("it runs", || sent(&account) > before + 5);
    running.signal("TERM");
    let ran = running.wait().must(130, "interrupted");
    assert!(ran.err.contains("stopping the job") && ran.err.contains("DL0824"), "{}", ran.err);
    assert_eq!(in_archive(&cli, 2, "out/checkpoint"), "saved\n");
    nothing(&account);
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_job_outlives_who_began_it() {
    let account = account();
    let cli = three(account.port);
    cli.run(&["apply", "--yes"]).must(0, "machines");
    // One fails, and last: the first that fails decides, and ends the others.
    let script = "for i in 1 2 3 4 5; do echo step $i; sleep 0.5; done; [ $NODE_RANK != 1 ] || { sleep 2; exit 5; }";
    let asked = || sent(&account);
    let mut left = 0;
    for moment in 0..10 {
        let before = asked();
        let mut running = cli.spawn(&["run", "--yes", "--keep", "always", "--", script]);
        // From the first word to Systems Manager to the last look at the job.
        let since = Instant::now();
        while asked() <= before + moment && !running.ended() {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not go on");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.kill();
        let ran = running.wait();
        let jobs: Vec<&str> = ran.err.lines().filter(|line| line.contains(" runs on 3 machines")).collect();
        let Some(line) = jobs.first() else { continue };
        let id = line.split(' ').nth(1).unwrap();
        let status = cli.run(&["status"]).must(0, "status").out;
        let line = status.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains("runs for 2h at most"), "nobody has seen its end yet: {line}");
        let ran = cli.run(&["run", "--attach", id, "--keep", "always"]).must(5, "the code of rank 1");
        let steps = ran.out.lines().filter(|line| line.contains("step ")).count();
        assert_eq!(steps, 15, "all that was written: {}", ran.out);
        // It is written down by then.
        let ran = cli.run(&["run", "--attach", id, "--keep", "always"]).must(5, "again");
        assert!(ran.err.contains("ended at"), "{}", ran.err);
        left += 1;
    }
    assert!(left >= 3, "only {left} jobs had begun when their clients died");
    let ran = cli.run(&["run", "--attach", "01JUNKJUNKJUNKJUNKJUNKJUNK"]).must(1, "nobody knows it");
    assert!(ran.err.contains("DL0822"), "{}", ran.err);
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "the end");
    nothing(&account);
}

#[test]
fn a_first_start_that_fails_is_told_with_its_log_and_replaced_alone() {
    let account = account();
    let cli = three(account.port);
    // Of three machines, one fails.
    let flag = cli.folder().join("failed");
    let work = format!("mkdir {} 2>/dev/null && {{ echo the disk is on fire; exit 4; }}; true", flag.display());
    let boot = format!("boot={work}");
    let ran = cli.run(&["apply", "--yes", "--var", &boot]).must(3, "one of them");
    assert!(ran.err.contains("the disk is on fire") && ran.err.contains("booting"), "{}", ran.err);
    let before = ids(&cli);
    cli.run(&["apply", "--yes", "--var", &boot]).must(0, "it is replaced");
    let after = ids(&cli);
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 2, "the others stay: {before:?} {after:?}");
    let ran = cli.run(&["plan", "--var", &boot]).must(0, "nothing is left to do");
    assert!(ran.out.contains("No changes"), "{}", ran.out);
    cli.run(&["destroy", "--yes"]).must(0, "the end");
    // The same at the beginning of a job: nothing runs, and all of it goes.
    let ran = cli.run(&["run", "--yes", "--var", "boot=echo no network; exit 5", "--", "echo never"]).must(3, "run");
    assert!(ran.err.contains("no network") && !ran.out.contains("never"), "{}\n{}", ran.out, ran.err);
    nothing(&account);
}

fn ids(cli: &Cli) -> Vec<String> {
    let status: Value = serde_json::from_str(&cli.run(&["status", "--format", "json"]).must(0, "status").out).unwrap();
    let group = status["resources"].as_array().unwrap().iter().find(|r| r["kind"] == "instance-group").unwrap();
    group["outputs"]["instance_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// All ranks or none: they would wait for the one that is missing.
#[test]
fn a_job_that_begins_only_on_some_machines_is_stopped_there() {
    let account = account();
    let cli = three(account.port);
    let folder = cli.folder().display().to_string();
    // On one of three machines there is no room for jobs.
    let work = format!(
        "mkdir {folder}/full 2>/dev/null && {{ mkdir -p $DLINFRA_ROOT/var/lib; echo full >$DLINFRA_ROOT/var/lib/dlinfra; }}; true"
    );
    let boot = format!("boot={work}");
    cli.run(&["apply", "--yes", "--var", &boot]).must(0, "machines");
    let script = format!(
        "trap 'rm {folder}/on-$NODE_RANK; exit 9' TERM; touch {folder}/on-$NODE_RANK {folder}/was-$NODE_RANK; sleep 600 & wait"
    );
    let names = |prefix: &str| {
        let all = fs::read_dir(cli.folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        all.filter(|name| name.starts_with(prefix)).count()
    };
    let ran = cli.run(&["run", "--yes", "--var", &boot, "--", &script]).must(3, "one of three");
    assert!(ran.err.contains("error[DL0828]: the job did not begin on every machine"), "{}", ran.err);
    assert!(ran.err.contains("the stack stays"), "{}", ran.err);
    wait_for("nobody goes on", || names("on-") == 0);
    assert!(names("was-") <= 2, "one of them could not");
    // The journal knows how it ended, and status says so.
    let status = cli.run(&["status", "--var", &boot]).must(0, "status");
    assert!(status.out.contains("on train (3 machines)") && status.out.contains("with exit code 3"), "{}", status.out);
    let json: Value = serde_json::from_str(&cli.run(&["status", "--format", "json"]).must(0, "status").out).unwrap();
    assert_eq!((&json["jobs"][0]["ended"]["code"], &json["jobs"][0]["machines"]), (&3.into(), &3.into()), "{json}");
    let ran = cli.run(&["run", "--yes", "--keep", "never", "--var", &boot, "--", &script]).must(3, "again");
    assert!(ran.err.contains("DL0828") && ran.err.contains("0 resources, $0.00/h left"), "{}", ran.err);
    nothing(&account);
}

/// What CI systems show of a run: one result, whatever the parts of it said.
#[test]
fn a_run_tells_ci_systems_how_it_ended() {
    let account = account();
    let cli = three(account.port);
    let reports = ["--report", "junit=run.xml", "--report", "sarif=run.sarif", "--report", "github=run.txt"];
    let read = |name: &str| fs::read_to_string(cli.folder().join(name)).unwrap();
    let words = [&["run", "--yes", "--format", "markdown"][..], &reports, &["--", "echo rank $NODE_RANK"]].concat();
    let ran = cli.run(&words).must(0, "a job");
    assert!(
        ran.out.starts_with("<!-- dlinfra:dlinfra.yaml -->\n### dlinfra run: `three` in us-east-1\n"),
        "{}",
        ran.out
    );
    let headline = ran.out.lines().find(|line| line.starts_with("**")).unwrap();
    for part in ["applied: ", "3 ranks ended with 0", "0 resources left"] {
        assert!(headline.contains(part), "{part}: {headline}");
    }
    assert!(ran.out.contains("\n+ train"), "what it made is folded: {}", ran.out);
    assert!(ran.err.contains("[1] rank 1\n"), "what the ranks write goes to the log: {}", ran.err);
    assert!(read("run.xml").contains("failures=\"0\""), "{}", read("run.xml"));
    assert!(read("run.txt").starts_with("::notice title=dlinfra run three::applied: "), "{}", read("run.txt"));
    let words = [&["run", "--yes"][..], &reports, &["--", "exit $NODE_RANK"]].concat();
    cli.run(&words).must(1, "rank 1");
    assert!(
        read("run.xml").contains("name=\"DL0823\"") && read("run.xml").contains("failures=\"1\""),
        "{}",
        read("run.xml")
    );
    let sarif: Value = serde_json::from_str(&read("run.sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"DL0823".into(), &"error".into()), "{sarif}");
    assert!(read("run.txt").contains("::error title=DL0823::the job failed"), "{}", read("run.txt"));
    nothing(&account);
}

#[test]
fn a_stack_that_was_there_stays() {
    let account = account();
    let cli = three(account.port);
    cli.run(&["apply", "--yes"]).must(0, "machines");
    let ran = cli.run(&["run", "--yes", "--", "echo one"]).must(0, "in a stack that is there");
    assert!(ran.err.contains("the stack stays"), "{}", ran.err);
    let ran = cli.run(&["run", "--yes", "--on", "network", "--", "echo one"]).must(1, "no machines there");
    assert!(ran.err.contains("DL0820") && ran.err.contains("machines are in train"), "{}", ran.err);
    let by_name = ["run", "--stack", "three", "--region", "us-east-1"];
    let ran = cli.run(&[&by_name[..], &["--", "echo", "by name; $HOME"]].concat()).must(0, "by name");
    assert!(ran.out.contains("[0] by name; $HOME\n"), "several words are no script: {}", ran.out);
    cli.run(&[&by_name[..], &["--keep", "never", "--", "true"]].concat()).must(0, "and gone");
    nothing(&account);
}

/// The scripts of the nightly pipeline: blocks behind `run: |`.
fn nightly() -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ci/github-nightly.yml")).unwrap();
    let blocks = text.split("run: |\n").skip(1);
    let inside = |block: &str| {
        block.lines().take_while(|l| l.starts_with("          ")).map(|l| format!("{}\n", l.trim())).collect()
    };
    blocks.map(inside).collect()
}

#[test]
fn a_night_leaves_its_results_and_nothing_else() {
    // Without user data: those of the module are for machines of their own.
    let account = Account::with_commands(SPEED, Behaviour { durations: 0.1, ..Behaviour::default() });
    let cli = Cli::new(account.port, "");
    fs::create_dir(cli.folder().join("blueprints")).unwrap();
    fs::write(cli.folder().join("blueprints/cpu-smoke.yaml"), crate::driver::blueprint("cpu-smoke.yaml")).unwrap();
    let step = |script: &str| {
        // Its words go to bash instead.
        let mut command = cli.command(&[]);
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_dlinfra")).parent().unwrap().display().to_string();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-e", "-c", script]).current_dir(cli.folder()).env_clear();
        for (name, value) in command.env("BLUEPRINT", "blueprints/cpu-smoke.yaml").get_envs() {
            bash.env(name, value.unwrap());
        }
        bash.env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()));
        bash.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", account.port));
        let out = bash.output().unwrap();
        let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (out.status.code(), text)
    };
    let steps = nightly();
    assert_eq!(steps.len(), 3, "it has changed its form");
    for script in &steps {
        let (code, text) = step(script);
        assert_eq!(code, Some(0), "{script}\n{text}");
    }
    assert_eq!(in_archive(&cli, 1, "out/rank.txt"), "rank 1 of 2\n");
    nothing(&account);
    // A job that fails fails the night, and leaves nothing either.
    let (code, text) = step(&steps[1].replace("mkdir -p out", "exit 3"));
    assert_eq!(code, Some(3), "{text}");
    nothing(&account);
}
