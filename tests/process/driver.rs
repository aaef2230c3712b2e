//! An account in a served sandbox, and the real binary that works on it from a folder of its own.
use crate::proxy::{Sprung, Trap};
use dlinfra_sandbox::{
    Behaviour, Commands, FaultRule, Functions, Machines, Processes, RequestLog, Sandbox, SandboxConfig, StoredObject,
    serve,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

/// Must never be found in a file.
pub(crate) const SECRET_KEY: &str = "process/suite+SECRET+0123456789abcdefghij";

/// Nothing that a test starts may take longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// What an account runs as processes of this machine.
#[derive(Clone, Copy, Default)]
struct Runs {
    functions: bool,
    commands: bool,
    user_data: bool,
    /// So much real time has a function at least.
    least: Option<Duration>,
}

/// An account in memory, served on 127.0.0.1 until this is dropped.
pub(crate) struct Account {
    sandbox: Sandbox,
    pub(crate) port: u16,
    /// What every account holds from the beginning, by kind and id.
    first: BTreeSet<(String, String)>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Account {
    /// So many times faster than real time; the binary asks the sandbox for its time and keeps it.
    pub(crate) fn serve(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs::default())
    }

    /// The same, where the code of functions runs as processes of this machine.
    pub(crate) fn with_functions(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs { functions: true, ..Runs::default() })
    }

    /// The same, where what is sent to machines runs as processes of this machine.
    pub(crate) fn with_commands(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs { commands: true, ..Runs::default() })
    }

    /// The same, where a function may wait for the lock of one that died: that is watched in real time.
    pub(crate) fn with_patient_functions(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs { functions: true, least: Some(PATIENCE), ..Runs::default() })
    }

    /// The same, where both do.
    pub(crate) fn with_everything(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs { functions: true, commands: true, user_data: true, least: None })
    }

    /// The same, with their user data: only for scripts that may run anywhere.
    pub(crate) fn with_user_data(speed: u32, behaviour: Behaviour) -> Self {
        Self::open(speed, behaviour, Runs { commands: true, user_data: true, ..Runs::default() })
    }

    fn open(speed: u32, behaviour: Behaviour, runs: Runs) -> Self {
        let (ready, opened) = channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let (speed, at) = (f64::from(speed), format!("http://{}", listener.local_addr().unwrap()));
                let machines = || {
                    let made = Machines::new(at.clone(), speed).unwrap();
                    Arc::new(if runs.user_data { made.with_user_data() } else { made }) as Arc<dyn Commands>
                };
                let commands = runs.commands.then(machines);
                let functions = || {
                    let made = match runs.least {
                        Some(least) => Processes::at_least(at.clone(), speed, least),
                        None => Processes::new(at.clone(), speed),
                    };
                    Arc::new(made.unwrap()) as Arc<dyn Functions>
                };
                let functions = runs.functions.then(functions);
                let config = SandboxConfig { speed, behaviour, functions, commands, ..SandboxConfig::default() };
                let sandbox = Sandbox::open(config).unwrap();
                ready.send((sandbox.clone(), listener.local_addr().unwrap().port())).unwrap();
                tokio::select! {
                    done = serve(sandbox, listener) => done.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let (sandbox, port) = opened.recv().unwrap();
        let first = sandbox.objects().into_iter().map(|o| (o.kind, o.id)).collect();
        Self { sandbox, port, first, stop: Some(stop), thread: Some(thread) }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> RequestLog {
        self.sandbox.requests()
    }

    /// Replaces the fault rules; their counters start anew.
    pub(crate) fn set_faults(&self, rules: Vec<FaultRule>) {
        self.sandbox.set_faults(rules);
    }

    /// What lives now and was not there at the beginning. The journal's bucket is the account's, not a stack's.
    pub(crate) fn live(&self) -> Vec<StoredObject> {
        live(&self.sandbox, &self.first)
    }

    /// The account's time.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.sandbox.clock().now()
    }

    /// A handle for watchers on other threads.
    pub(crate) fn eye(&self) -> impl Fn() -> Vec<StoredObject> + Send + Sync + 'static {
        let (sandbox, first) = (self.sandbox.clone(), self.first.clone());
        move || live(&sandbox, &first)
    }
}

fn live(sandbox: &Sandbox, first: &BTreeSet<(String, String)>) -> Vec<StoredObject> {
    let mut all = sandbox.objects();
    // The name of the bucket that dlinfra keeps journals in.
    let journal = |o: &StoredObject| o.kind.starts_with("s3/") && o.id.starts_with("dlinfra-000000000000-");
    // What was removed or ended stays in the sandbox's memory for bills, and commands in their history.
    all.retain(|o| o.is_live() && !o.kind.starts_with("ce/") && !o.kind.starts_with("ssm/") && !journal(o));
    all.retain(|o| !first.contains(&(o.kind.clone(), o.id.clone())));
    all
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Nodes of `efa-training.yaml`.
const NODES: usize = 4;

/// Addresses with more than one live object, or more than four instances; empty when all is well.
pub(crate) fn duplicates(objects: &[StoredObject]) -> Vec<String> {
    let mut found: BTreeMap<(String, String, String), Vec<&str>> = BTreeMap::new();
    for object in objects {
        // Made by a launch, as many as the instance type wants; they end with their instance.
        if matches!(object.kind.as_str(), "ec2/volume" | "ec2/network-interface") {
            continue;
        }
        let tag = |key: &str| object.tags.get(key).cloned().unwrap_or_default();
        if let address = tag("dlinfra:address")
            && !address.is_empty()
        {
            found.entry((object.kind.clone(), address, tag("dlinfra:part"))).or_default().push(&object.id);
        }
    }
    let most = |kind: &str| if kind == "ec2/instance" { NODES } else { 1 };
    let too_many = found.iter().filter(|((kind, ..), ids)| ids.len() > most(kind));
    too_many.map(|((kind, address, part), ids)| format!("{kind} {address} {part}: {}", ids.join(", "))).collect()
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ran {
    /// The exit code must be this one.
    #[track_caller]
    pub(crate) fn must(self, code: i32, what: &str) -> Self {
        assert_eq!(self.code, Some(code), "{what}\n{}{}", self.out, self.err);
        self
    }
}

/// The binary with a blueprint in a folder of its own.
pub(crate) struct Cli {
    folder: tempfile::TempDir,
    url: String,
}

impl Cli {
    /// `port`: of an account, of a proxy, or of another simulator.
    pub(crate) fn new(port: u16, blueprint: &str) -> Self {
        let cli = Self { folder: tempfile::tempdir().unwrap(), url: format!("http://127.0.0.1:{port}") };
        cli.write(blueprint);
        cli
    }

    pub(crate) fn write(&self, blueprint: &str) {
        fs::write(self.folder.path().join("dlinfra.yaml"), blueprint).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Not started yet. Nothing of this machine's configuration reaches it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dlinfra"));
        // What stands behind `--` is somebody else's.
        let own = args.iter().position(|word| *word == "--").unwrap_or(args.len());
        command
            .args(&args[..own])
            .args(["--endpoint-url", &self.url])
            .args(&args[own..])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", "AKIAPROCESSSUITE0000")
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1")
            // Only where it is what is tried.
            .env("DLINFRA_NO_REAPER", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::new(self.command(args))
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.spawn(args).wait()
    }

    /// Runs until the trap springs; or how it ended, if it came to its end first.
    pub(crate) fn run_until(&self, args: &[&str], sprung: &Receiver<Sprung>) -> Result<(Running, Sprung), Ran> {
        let mut running = self.spawn(args);
        loop {
            match sprung.recv_timeout(Duration::from_millis(20)) {
                Ok(trap) => return Ok((running, trap)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if running.ended() => {
                    return Err(running.wait());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Files below the folder that hold the secret key.
    pub(crate) fn leaks(&self) -> Vec<PathBuf> {
        self.files(|_, text| text.contains(SECRET_KEY))
    }

    /// Locks of local journals that are still held.
    pub(crate) fn held_locks(&self) -> Vec<PathBuf> {
        let lock = |path: &Path| path.file_name().is_some_and(|name| name == "lock.json");
        assert!(!self.files(|path, _| lock(path)).is_empty(), "there is no local journal");
        self.files(|path, text| lock(path) && text.contains(r#""held":true"#))
    }

    fn files(&self, wanted: impl Fn(&Path, &str) -> bool) -> Vec<PathBuf> {
        let mut out = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if wanted(&path, &String::from_utf8_lossy(&fs::read(&path).unwrap())) {
                    out.push(path);
                }
            }
        }
        out
    }
}

/// A process that is killed with the test, and whose output is read all the time, so that it never waits for us.
pub(crate) struct Running {
    child: Child,
    out: std::thread::JoinHandle<String>,
    err: std::thread::JoinHandle<String>,
    started: Instant,
}

impl Running {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let read = |mut from: Box<dyn Read + Send>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = from.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let out = read(Box::new(child.stdout.take().unwrap()));
        let err = read(Box::new(child.stderr.take().unwrap()));
        Self { child, out, err, started: Instant::now() }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ended(&mut self) -> bool {
        assert!(self.started.elapsed() < PATIENCE, "the process does not end");
        self.child.try_wait().unwrap().is_some()
    }

    /// `kill -9`; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `INT`, `TERM`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    pub(crate) fn wait(mut self) -> Ran {
        while !self.ended() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().unwrap().code();
        let took = self.started.elapsed();
        Ran { code, out: self.out.join().unwrap(), err: self.err.join().unwrap(), took }
    }
}

/// A blueprint of the repository.
pub(crate) fn blueprint(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("blueprints").join(name);
    fs::read_to_string(path).unwrap()
}

/// The same blueprint with its journal in the folder, whatever the default is.
pub(crate) fn local_journal(blueprint: &str) -> String {
    format!("{blueprint}\nbackend: local\n")
}

/// Kills before execution and after it, in turn.
pub(crate) fn trap_at(number: u64) -> Trap {
    Trap { at: number, executes: number.is_multiple_of(2) }
}
