//! The sandbox as boto3, the AWS CLI and s3fs see it: runs `tests/boto3/run.py` of the repository against a served
//! sandbox.
//!
//! They come from the package index into virtual environments under `target/`, two because boto3 and the CLI each want
//! a botocore of their own. Without Python or network the test
//! says so and is skipped, except on continuous integration (`CI=true`), where that is a failure.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dlinfra_sandbox::{Ailment, Behaviour, Commands, Functions, Machines, Processes, Sandbox, SandboxConfig, serve};

/// Life cycles of minutes are waited for.
const SPEED: f64 = 600.0;

#[tokio::test]
async fn boto3_finds_aws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scripts = root.join("tests/boto3");
    let both = move || {
        let boto3 = environment(&root, "boto3-environment", "requirements.txt")?;
        Ok::<_, String>((boto3, environment(&root, "clients-environment", "clients.txt")?))
    };
    let (python, clients) = match tokio::task::spawn_blocking(both).await.unwrap() {
        Ok(found) => found,
        Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1") => panic!("{reason}"),
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    // At this speed a window of a second is a race with the client; `tests/core.rs` tests the windows on paused time.
    let containers = [("never-ready".to_owned(), Ailment::HealthCheck)].into();
    let behaviour = Behaviour { consistency: BTreeMap::new(), containers, ..Behaviour::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let functions: Arc<dyn Functions> = Arc::new(Processes::new(&url, SPEED).unwrap());
    let commands: Arc<dyn Commands> = Arc::new(Machines::new(&url, SPEED).unwrap());
    let (functions, commands) = (Some(functions), Some(commands));
    let config = SandboxConfig { speed: SPEED, behaviour, functions, commands, ..SandboxConfig::default() };
    let sandbox = Sandbox::open(config).unwrap();
    tokio::spawn(serve(sandbox, listener));
    // While working on one service: the part of the names of the checks to run.
    let pattern = std::env::var("DLINFRA_BOTO3_CHECKS").unwrap_or_default();
    let run = move || {
        let mut command = Command::new(python);
        command.env("DLINFRA_CLIENTS", clients.with_file_name(""));
        command.arg(scripts.join("run.py")).args(["--url", &url, &pattern]).output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

/// The Python of a virtual environment with what a file of requirements names.
fn environment(root: &Path, folder: &str, requirements: &str) -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join(folder);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let requirements = root.join("tests/boto3").join(requirements);
    let wanted = std::fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    let done = folder.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let run = |what: &str, command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{what} failed: {error}")),
    };
    run("making a virtual environment with python3", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run("installing packages", install.arg(&requirements))?;
    std::fs::write(&done, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}
