//! `wait` beside another run, and `ssh` with stand-ins for what it starts.
use crate::driver::{Account, Cli, Running, blueprint};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn somebody_else_is_waited_for() {
    let account = Account::serve(40, Behaviour { durations: 0.2, ..Behaviour::default() });
    let cli = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    let beside = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    let waiting = beside.spawn(&["wait", "--timeout", "30m"]);
    cli.run(&["apply", "--yes"]).must(0, "what is waited for");
    let ran = waiting.wait().must(0, "it has come");
    assert_eq!(ran.out, "ready\n");
    assert!(ran.err.contains("waiting for "), "{}", ran.err);
    // One resource of it, and by name.
    beside.run(&["wait", "--on", "network"]).must(0, "a module");
    let ran = beside.run(&["wait", "--on", "netwerk"]).must(1, "a slip of the pen");
    assert!(ran.err.contains("nothing has the address `netwerk`"), "{}", ran.err);
    beside.run(&["wait", "--on", "net"]).must(1, "part of a name is none");
    let by_name = ["wait", "--stack", "cpu-smoke", "--region", "us-east-1"];
    beside.run(&by_name).must(0, "by name");
    let ran = beside.run(&["wait", "--for", "stopped", "--timeout", "1m"]).must(3, "nobody removes it");
    assert!(ran.err.contains("DL0725") && ran.err.contains("still waiting after 1m for"), "{}", ran.err);
    let waiting = beside.spawn(&[&by_name[..], &["--for", "stopped", "--format", "json"]].concat());
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "the end");
    let document: Value = serde_json::from_str(&waiting.wait().must(0, "it is gone").out).unwrap();
    assert_eq!((&document["reached"], &document["command"]), (&true.into(), &"wait".into()), "{document}");
}

#[test]
fn what_has_failed_is_not_waited_for() {
    let account = Account::serve(40, Behaviour { durations: 0.2, ..Behaviour::default() });
    let cli = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    account.set_faults(vec![FaultRule::new("ec2:CreateNatGateway", FaultAction::AccessDenied)]);
    cli.run(&["apply", "--yes"]).must(3, "part of it is refused");
    let ran = cli.run(&["wait", "--timeout", "1m"]).must(3, "nobody goes on");
    assert!(ran.err.contains("network.nat"), "{}", ran.err);
    account.set_faults(Vec::new());
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "the end");
}

#[test]
fn a_shell_is_opened_on_the_machine_that_is_named() {
    let account = Account::serve(40, Behaviour { durations: 0.02, ..Behaviour::default() });
    let cli = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    cli.run(&["apply", "--yes"]).must(0, "a machine");
    let status: Value = serde_json::from_str(&cli.run(&["status", "--format", "json"]).must(0, "its id").out).unwrap();
    let machines = status["resources"].as_array().unwrap().iter().find(|r| r["members"] != 0).unwrap();
    let (address, id) =
        (machines["address"].as_str().unwrap(), machines["outputs"]["instance_ids"][0].as_str().unwrap());
    let line = format!(
        "aws ssm start-session --target {id} --region us-east-1 --endpoint-url http://127.0.0.1:{}\n",
        account.port
    );
    assert_eq!(cli.run(&["ssh", address, "--print"]).must(0, "the command").out, line);
    // Neither program is here.
    let bin = cli.folder().join("bin");
    fs::create_dir(&bin).unwrap();
    let with_path = |words: &[&str]| {
        let mut command = cli.command(words);
        command.env("PATH", &bin);
        Running::new(command).wait()
    };
    let ran = with_path(&["ssh", address]).must(1, "they are not installed");
    assert_eq!(ran.out, line);
    assert!(ran.err.contains("DL0726") && ran.err.contains("`aws` is not installed here"), "{}", ran.err);
    for name in ["aws", "session-manager-plugin"] {
        let file = bin.join(name);
        fs::write(&file, "#!/bin/sh\necho \"$@\"\nexit 7\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let ran = with_path(&["ssh", &format!("{address}[0]")]).must(7, "its own exit code");
    assert_eq!(format!("aws {}", ran.out), line);
    let ran = with_path(&["ssh", &format!("{address}[1]")]).must(1, "there is one");
    assert!(ran.err.contains("there is no number 1"), "{}", ran.err);
    let ran = with_path(&["ssh", "network.vpc"]).must(1, "no machine");
    assert!(ran.err.contains("DL0723"), "{}", ran.err);
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "the end");
}
