//! Machines as folders of this machine: what is sent to them runs as processes in an environment of their own, beside
//! small stand-ins for systemd and cloud-init.

mod folder;
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use crate::commands::{Boot, Commands, Machine, Order, Outcome};
use crate::processes::PATH;
use folder::{Folder, Machines as Folders};
use process::{Ended, Process};

/// A command has at least so long, whatever the speed: a process does not start faster because the account's time does.
const LEAST: Duration = Duration::from_secs(20);
/// How long what runs on a machine may take to end when the machine is shut down.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// So much is read of what a command prints: more than is ever shown.
const OUTPUT: u64 = 1 << 17;

/// Runs what is sent to machines as processes of this machine, in a folder for each of them. They may do whatever the one
/// who started this process may: it is for commands and user data of one's own.
///
/// Times out by real time: a command's timeout divided by the speed, and 20 seconds at least.
#[derive(Debug)]
pub struct Machines {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: String,
    speed: f64,
    least: Duration,
    boots: bool,
    folders: Folders,
    running: Mutex<BTreeMap<String, Arc<Host>>>,
}

/// One machine.
#[derive(Debug)]
struct Host {
    folder: Folder,
    is_gone: watch::Sender<bool>,
}

impl Machines {
    /// Machines that find the sandbox at `endpoint` (`http://127.0.0.1:PORT`), which runs at `speed`. They are in a new
    /// folder for temporary files, which goes with this, and with it whatever runs in it.
    pub fn new(endpoint: impl Into<String>, speed: f64) -> io::Result<Self> {
        Self::at_least(endpoint, speed, LEAST)
    }

    /// The same, where a command has at least so long.
    pub fn at_least(endpoint: impl Into<String>, speed: f64, least: Duration) -> io::Result<Self> {
        let folders = Folders::new()?;
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        let (endpoint, running) = (endpoint.into(), Mutex::default());
        Ok(Self { shared: Arc::new(Shared { endpoint, speed, least, boots: false, folders, running }) })
    }

    /// The same, where machines run their user data as well. Those are written for a machine of their own: they install
    /// packages, and write where they like. Without this, a first start ends well at once.
    #[must_use]
    pub fn with_user_data(mut self) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.boots = true;
        }
        self
    }
}

impl Commands for Machines {
    fn run(&self, order: Order) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let failed = |error: io::Error| Outcome::Ended {
                code: 1,
                stdout: String::new(),
                stderr: format!("failed to run commands: {error}"),
            };
            shared.run(&order).await.unwrap_or_else(failed)
        })
    }

    fn boot(&self, boot: Boot) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.boot(&boot).await.unwrap_or(false) })
    }

    fn keep(&self, running: &BTreeSet<String>) {
        self.shared.keep(running);
    }
}

impl Shared {
    fn host(&self, machine: &Machine) -> io::Result<Arc<Host>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = running.get(&machine.instance) {
            return Ok(Arc::clone(host));
        }
        let host = Host { folder: self.folders.machine(&machine.instance)?, is_gone: watch::Sender::new(false) };
        let host = Arc::new(host);
        running.insert(machine.instance.clone(), Arc::clone(&host));
        Ok(host)
    }

    async fn run(&self, order: &Order) -> io::Result<Outcome> {
        let host = self.host(&order.machine)?;
        let outcome = self.run_on(&host, order).await;
        // Nothing can be written any more where a machine was.
        if outcome.is_err() && *host.is_gone.borrow() { Ok(Outcome::Lost) } else { outcome }
    }

    async fn run_on(&self, host: &Host, order: &Order) -> io::Result<Outcome> {
        let place = host.folder.orchestration(&order.command, &order.script)?;
        let mut command = self.command(&order.machine, host, &order.script, &place.script);
        command.current_dir(host.folder.directory(order.directory.as_deref()));
        command.stdout(place.create("stdout")?).stderr(place.create("stderr")?);
        let process = Process::start(&mut command, &host.folder).await?;
        let budget = order.timeout.div_f64(self.speed).max(self.least);
        let ended = process.wait(budget, host.is_gone.subscribe()).await?;
        let read = || Ok::<_, io::Error>((place.read("stdout", OUTPUT)?, place.read("stderr", OUTPUT)?));
        Ok(match ended {
            Ended::Gone => Outcome::Lost,
            Ended::TimedOut => {
                let (stdout, stderr) = read()?;
                Outcome::TimedOut { stdout, stderr }
            }
            Ended::Code(code) => {
                let (stdout, mut stderr) = read()?;
                if code != 0 {
                    // As the agent says it, in a line of its own.
                    let is_open = !stderr.is_empty() && !stderr.ends_with('\n');
                    stderr.push_str(if is_open { "\n" } else { "" });
                    stderr.push_str(&format!("failed to run commands: exit status {code}"));
                }
                Outcome::Ended { code, stdout, stderr }
            }
        })
    }

    async fn boot(&self, boot: &Boot) -> io::Result<bool> {
        let host = self.host(&boot.machine)?;
        if !self.boots {
            host.folder.cloud_init("done")?;
            return Ok(true);
        }
        host.folder.cloud_init("running")?;
        let (script, log) = host.folder.user_data(&boot.script)?;
        let mut command = self.command(&boot.machine, &host, &boot.script, &script);
        command.current_dir(host.folder.path()).stdout(log.try_clone()?).stderr(log);
        let ended = match Process::start(&mut command, &host.folder).await {
            Ok(process) => process.wait(Duration::MAX, host.is_gone.subscribe()).await?,
            // Its interpreter is not there.
            Err(_) => Ended::Code(127),
        };
        let is_well = matches!(ended, Ended::Code(0));
        host.folder.cloud_init(if is_well { "done" } else { "error" })?;
        Ok(is_well)
    }

    /// A script, by the interpreter that its first line names, or by the shell.
    fn command(&self, machine: &Machine, host: &Host, text: &str, script: &std::path::Path) -> Command {
        let mut command = if text.starts_with("#!") {
            Command::new(script)
        } else {
            let mut command = Command::new("/bin/sh");
            command.arg(script);
            command
        };
        let root = host.folder.path();
        command.env_clear().stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        command
            .env("PATH", format!("{}:{PATH}", root.join("bin").display()))
            .env("HOME", root.join("root"))
            .env("TMPDIR", root.join("tmp"))
            .env("DLINFRA_ROOT", root)
            .env("AWS_REGION", &machine.region)
            .env("AWS_DEFAULT_REGION", &machine.region)
            .env("AWS_ENDPOINT_URL", &self.endpoint);
        if let Some(credentials) = &machine.credentials {
            command
                .env("AWS_ACCESS_KEY_ID", &credentials.access_key)
                .env("AWS_SECRET_ACCESS_KEY", &credentials.secret)
                .env("AWS_SESSION_TOKEN", &credentials.token);
        }
        command
    }

    fn keep(&self, wanted: &BTreeSet<String>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<String> = running.keys().filter(|id| !wanted.contains(*id)).cloned().collect();
        for host in gone.into_iter().filter_map(|id| running.remove(&id)) {
            host.is_gone.send_replace(true);
            // Nobody waits for a machine that shuts down.
            std::thread::spawn(move || host.folder.end(SHUTDOWN));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let running = std::mem::take(self.running.get_mut().unwrap_or_else(PoisonError::into_inner));
        for host in running.into_values() {
            host.folder.end(Duration::ZERO);
        }
    }
}
