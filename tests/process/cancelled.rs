//! The action of GitHub, cancelled in the middle: what it leaves, the next pass of a reaper removes.
use crate::{
    driver::{Account, Cli, Running},
    reaper::{SPEED, of, stripped, wait_for},
};
use dlinfra_sandbox::Behaviour;
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const BRIEF: &str = "
blueprint: brief
region: us-east-1
ttl: 20m
ttl_data: delete
resources:
  network: { use: network, zones: 1 }
  results: { kind: bucket }
";

/// The shell lines of the step that runs dlinfra.
fn step() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().skip_while(|line| *line != "    - id: run").collect();
    let script = lines.iter().skip_while(|line| **line != "      run: |").skip(1);
    script.take_while(|line| line.starts_with("        ")).map(|line| format!("{}\n", &line[8..])).collect()
}

/// As the runner starts it, in the folder of a client whose account this is.
fn started(cli: &Cli, port: u16, reaper: &str) -> Running {
    let mut command = Command::new("bash");
    let path = std::env::var("PATH").unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_dlinfra")).parent().unwrap();
    let own = cli.command(&[]);
    command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", &step()]).current_dir(cli.folder());
    command.env_clear().envs(own.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.env("PATH", format!("{}:{path}", program.display()));
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).env("CI", "true");
    command
        .env("COMMAND", "apply")
        .env("BLUEPRINT", "dlinfra.yaml")
        .env("ARGS", format!("--binary {reaper}"))
        .env("FOLDER", cli.folder());
    command
        .env("GITHUB_OUTPUT", cli.folder().join("output"))
        .env("GITHUB_STEP_SUMMARY", cli.folder().join("summary.md"));
    command
        .env_remove("DLINFRA_NO_REAPER")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    Running::new(command)
}

#[test]
#[cfg(target_os = "linux")]
fn a_cancelled_job_leaves_nothing_after_a_pass() {
    assert!(step().contains("exec dlinfra"), "the step has changed its form:\n{}", step());
    let account = Account::with_functions(SPEED, Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let program = stripped(folder.path());
    let mut clients = Vec::new();
    // What the runner does when a job is cancelled. What a killed run leaves is tried on a virtual clock
    // (tests/engine/reaper.rs): its lock is watched for longer than a function of a fast account may run.
    for (signal, code, objects) in [("INT", Some(130), 1), ("TERM", Some(130), 4)] {
        let name = format!("brief-{}", signal.to_lowercase());
        let brief = || of(&account, &name);
        let cli = Cli::new(account.port, &BRIEF.replace("brief", &name));
        let mut running = started(&cli, account.port, &program);
        let since = Instant::now();
        while brief().len() < objects && !running.ended() {
            assert!(since.elapsed() < Duration::from_secs(60), "{signal}: it does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        if running.ended() {
            let ran = running.wait();
            panic!("{signal}: it ended by itself\n{}{}", ran.out, ran.err);
        }
        running.signal(signal);
        let ran = running.wait();
        assert_eq!(ran.code, code, "{signal}: {}{}", ran.out, ran.err);
        assert!(!brief().is_empty(), "{signal}: something was left");
        clients.push((name, cli));
    }
    for (name, _) in clients {
        wait_for("the reaper has removed it", || of(&account, &name).is_empty());
    }
}
