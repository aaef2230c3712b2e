//! sandbox: serve, reset and inspect the simulated AWS.
use super::{Exit, Result, Stop, document, place};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::diagnostic::{Diagnostic, Diagnostics};
use serde_json::json;
use std::{fs, path::PathBuf, sync::Arc};

/// Serve, reset and inspect the simulated AWS.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The sandbox's folder.
    #[arg(long, global = true, value_name = "DIR", default_value = ".dlinfra/sandbox")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Listen on 127.0.0.1, so that the AWS CLI, boto3 or Terraform can talk to it.
    Serve {
        /// The port; 0 takes a free one.
        #[arg(long, default_value = "4566")]
        port: u16,
        /// How much faster than real time it runs: a whole number.
        #[arg(long, default_value = "60")]
        speed: String,
        /// Keep nothing on disk.
        #[arg(long)]
        memory: bool,
        /// Faults, quotas, capacity and delays, as JSON (see docs/sandbox.md).
        #[arg(long, value_name = "FILE")]
        behaviour: Option<PathBuf>,
        /// RUN THE CODE OF LAMBDA FUNCTIONS as processes of this machine, with your rights. Without it, calls are only
        /// recorded.
        #[arg(long)]
        run_functions: bool,
        /// RUN WHAT SYSTEMS MANAGER SENDS TO MACHINES as processes of this machine, with your rights, in a folder for each
        /// instance. Without it, commands are refused.
        #[arg(long)]
        run_commands: bool,
        /// ALSO RUN THE USER DATA OF MACHINES: scripts that are written for a machine of their own, install packages and
        /// write where they like. Without it, a first start ends well at once.
        #[arg(long, requires = "run_commands")]
        run_user_data: bool,
    },
    /// Forget everything in it, the journals of its stacks included.
    Reset,
    /// Show what exists in it.
    Status,
    /// Show the requests of the last command, counted and in order (of a served sandbox: GET /_sandbox/requests).
    Requests,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    match &args.command {
        Command::Serve { port, speed, memory, behaviour, run_functions, run_commands, run_user_data } => {
            let (run_functions, run_commands, run_user_data) = (*run_functions, *run_commands, *run_user_data);
            let how = How { memory: *memory, run_functions, run_commands, run_user_data };
            serve(args, *port, speed, &how, behaviour.as_ref(), ui).await
        }
        Command::Reset => reset(args, ui),
        Command::Status => {
            let sandbox = place::open_sandbox(&args.dir, 1, false)?;
            let status = json!(sandbox.status());
            if ui.json {
                ui.data(&document("sandbox", &status, &Diagnostics::new()).to_string());
            } else {
                ui.data(&format!("{status:#}"));
            }
            Ok(Exit::Ok)
        }
        Command::Requests => {
            let file = place::requests_file(&args.dir);
            let text = fs::read_to_string(&file).map_err(|e| {
                Diagnostic::error(
                    &codes::NO_REQUESTS,
                    format!("no command has used the sandbox in {}: {e}", args.dir.display()),
                )
                .with_help("name the sandbox's folder with `--dir`")
            })?;
            let log: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            if ui.json {
                ui.data(&document("sandbox", &log, &Diagnostics::new()).to_string());
                return Ok(Exit::Ok);
            }
            let count = |key: &str| log.get(key).map(ToString::to_string).unwrap_or_default();
            let mut out =
                format!("{} requests of the last command, {} of them mutating\n", count("total"), count("mutating"));
            for (operation, n) in log.get("counts").and_then(serde_json::Value::as_object).into_iter().flatten() {
                out.push_str(&format!("{:>6}  {operation}\n", n.to_string()));
            }
            ui.data(&out);
            Ok(Exit::Ok)
        }
    }
}

/// How a sandbox is served.
struct How {
    memory: bool,
    run_functions: bool,
    run_commands: bool,
    run_user_data: bool,
}

async fn serve(args: &Args, port: u16, speed: &str, how: &How, behaviour: Option<&PathBuf>, ui: Ui) -> Result {
    let (speed, jumps) = place::speed(speed)?;
    if jumps {
        return Err(Diagnostic::error(
            &codes::SERVED_TIME,
            "a served sandbox cannot run at `max`: its clients' time does not jump",
        )
        .with_help("give a number, such as `--speed 600`")
        .into());
    }
    let wrong = |e: &dyn std::fmt::Display| -> Stop {
        Diagnostic::error(&codes::BEHAVIOUR, format!("the behaviour file cannot be used: {e}"))
            .with_help("it is JSON; see docs/sandbox.md")
            .into()
    };
    let behaviour = match behaviour {
        None => dlinfra_sandbox::Behaviour::default(),
        Some(path) => serde_json::from_str(&fs::read_to_string(path).map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?,
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| {
        Diagnostic::error(&codes::PORT, format!("127.0.0.1:{port} cannot be listened on: {e}"))
            .with_help("choose another `--port`")
    })?;
    let at = listener.local_addr().map_err(|e| Diagnostic::error(&codes::PORT, e.to_string()))?;
    let functions = how.run_functions.then(|| functions(&format!("http://{at}"), f64::from(speed))).transpose()?;
    let commands = how.run_commands.then(|| commands(&format!("http://{at}"), f64::from(speed), how)).transpose()?;
    let folder = (!how.memory).then(|| args.dir.clone());
    if let Some(folder) = &folder {
        place::ignore_in_git(folder)?;
    }
    let speed = f64::from(speed);
    let config = dlinfra_sandbox::SandboxConfig { folder, speed, behaviour, functions, commands, ..Default::default() };
    let sandbox = dlinfra_sandbox::Sandbox::open(config).map_err(|e| place::unopened(&args.dir, &e))?;
    let kept = sandbox.clone();
    ui.data(&format!("http://{at}"));
    if how.run_functions {
        ui.say("FUNCTIONS RUN AS PROCESSES OF THIS MACHINE: serve it to nobody whose code you would not run");
    }
    if how.run_commands {
        let what = if how.run_user_data { "COMMANDS AND USER DATA" } else { "COMMANDS" };
        ui.say(&format!("{what} OF MACHINES RUN ON THIS MACHINE: serve it to nobody whose code you would not run"));
    }
    ui.say("the sandbox listens; any credentials are accepted. For example:");
    ui.say(&format!("  AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x dlinfra plan FILE --endpoint-url http://{at}"));
    tokio::select! {
        done = dlinfra_sandbox::serve(sandbox, listener) => {
            done.map_err(|e| Diagnostic::error(&codes::PORT, e.to_string()))?;
        }
        _ = tokio::signal::ctrl_c() => {}
    }
    let _ = kept.rest();
    Ok(Exit::Ok)
}

/// Runs functions as processes of this machine.
fn functions(endpoint: &str, speed: f64) -> std::result::Result<Arc<dyn dlinfra_sandbox::Functions>, Stop> {
    let made = dlinfra_sandbox::Processes::new(endpoint, speed);
    let made =
        made.map_err(|e| Diagnostic::error(&codes::FOLDER_NOT_WRITTEN, format!("functions cannot be run: {e}")))?;
    Ok(Arc::new(made))
}

/// Runs what is sent to machines as processes of this machine.
fn commands(endpoint: &str, speed: f64, how: &How) -> std::result::Result<Arc<dyn dlinfra_sandbox::Commands>, Stop> {
    let made = dlinfra_sandbox::Machines::new(endpoint, speed);
    let made =
        made.map_err(|e| Diagnostic::error(&codes::FOLDER_NOT_WRITTEN, format!("commands cannot be run: {e}")))?;
    Ok(Arc::new(if how.run_user_data { made.with_user_data() } else { made }))
}

fn reset(args: &Args, ui: Ui) -> Result {
    // The lock is taken, so that nobody's running sandbox loses its folder.
    if args.dir.exists() {
        let folder = Some(args.dir.clone());
        match dlinfra_sandbox::Sandbox::open(dlinfra_sandbox::SandboxConfig { folder, ..Default::default() }) {
            // What cannot be read any more is what a reset is for.
            Ok(_)
            | Err(dlinfra_sandbox::OpenError::Damaged { .. } | dlinfra_sandbox::OpenError::OtherVersion { .. }) => {}
            Err(e) => {
                return Err(place::unopened(&args.dir, &e).into());
            }
        }
        fs::remove_dir_all(&args.dir).map_err(|e| {
            Diagnostic::error(&codes::FOLDER_NOT_WRITTEN, format!("{} cannot be removed: {e}", args.dir.display()))
                .with_help("remove it by hand")
        })?;
    }
    if ui.json {
        ui.data(&document("sandbox", &json!({ "reset": args.dir }), &Diagnostics::new()).to_string());
    } else {
        ui.say(&format!("{} is empty", args.dir.display()));
    }
    Ok(Exit::Ok)
}
