//! Functions as processes of this machine: their code is unpacked, and `bootstrap` in it started for each invocation,
//! with an environment of its own, beside a server that speaks Lambda's Runtime API with it.

mod folder;
mod runtime;

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::functions::{Answer, Functions, Invocation};
use folder::Folder;
use runtime::Runtime;

/// A function has at least so long, whatever the speed: a process does not start faster because the account's time
/// does.
const LEAST: Duration = Duration::from_secs(20);
/// How long a process may go on once it has answered, for its last lines.
const GRACE: Duration = Duration::from_millis(500);
/// So much of what a process prints is kept.
const LOG: usize = 1 << 20;
/// Where programs are found.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs functions whose code has a file `bootstrap`, as Lambda's custom runtimes do, as processes of this machine. They
/// may do whatever the one who started this process may: it is for code of one's own.
///
/// Times out by real time: a function's timeout divided by the speed, and 20 seconds at least.
#[derive(Debug)]
pub struct Processes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: String,
    speed: f64,
    least: Duration,
    folder: Folder,
}

impl Processes {
    /// Functions that find the sandbox at `endpoint` (`http://127.0.0.1:PORT`), which runs at `speed`. Their code is
    /// unpacked into a new folder for temporary files, which goes with this.
    pub fn new(endpoint: impl Into<String>, speed: f64) -> io::Result<Self> {
        Self::at_least(endpoint, speed, LEAST)
    }

    /// The same, where a function has at least so long.
    pub fn at_least(endpoint: impl Into<String>, speed: f64, least: Duration) -> io::Result<Self> {
        let folder = Folder::new()?;
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Ok(Self { shared: Arc::new(Shared { endpoint: endpoint.into(), speed, least, folder }) })
    }
}

impl Functions for Processes {
    fn run(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let id = invocation.request_id.clone();
            let said = |error: io::Error| {
                Answer::failed("Runtime.InvalidEntrypoint", &format!("RequestId: {id} Error: {error}"))
            };
            shared.run(invocation).await.unwrap_or_else(said)
        })
    }
}

impl Shared {
    async fn run(&self, invocation: Invocation) -> io::Result<Answer> {
        let code = self.folder.code(&invocation).await?;
        let bootstrap = code.join("bootstrap");
        if !bootstrap.is_file() {
            return Err(io::Error::other("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"));
        }
        let home = self.folder.home()?;
        let answer = self.run_in(invocation, &code, &bootstrap, &home).await;
        Folder::leave(home).await;
        answer
    }

    async fn run_in(&self, invocation: Invocation, code: &Path, bootstrap: &Path, home: &Path) -> io::Result<Answer> {
        let (id, timeout) = (invocation.request_id.clone(), invocation.timeout);
        let budget = timeout.div_f64(self.speed).max(self.least);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut command = self.command(&invocation, listener.local_addr()?.port(), (code, bootstrap, home));
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + budget;
        let (runtime, mut answered) = Runtime::new(invocation, deadline.as_millis());
        let runtime = Arc::new(runtime);
        let serving = Arc::clone(&runtime).serve(listener);
        let mut child = started(&mut command).await?;
        let log = Log::default();
        let readers = [log.follow(child.stdout.take()), log.follow(child.stderr.take())];
        let ended = async {
            let told = tokio::select! {
                told = &mut answered => told.ok(),
                () = tokio::time::sleep(budget) => {
                    let message = format!("RequestId: {id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
                    Some(Answer::failed("Sandbox.Timedout", &message))
                }
                status = child.wait() => {
                    // It may have answered with its last breath.
                    let last = answered.try_recv().ok();
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    let message = format!("RequestId: {id} Error: Runtime exited: {status}");
                    Some(last.unwrap_or_else(|| Answer::failed("Runtime.ExitError", &message)))
                }
            };
            tokio::select! {
                () = runtime.idle() => {}
                () = tokio::time::sleep(GRACE) => {}
                _ = child.wait() => {}
            }
            told
        };
        let told = tokio::select! {
            told = ended => told,
            () = serving => None,
        };
        end(&mut child).await;
        for reader in readers.into_iter().flatten() {
            // What a child of the process still holds open is not waited for.
            let _ = tokio::time::timeout(GRACE, reader).await;
        }
        let answer = told.unwrap_or_else(|| Answer::failed("Runtime.Unknown", &format!("RequestId: {id} was lost")));
        Ok(Answer { log: log.text(), ..answer })
    }

    fn command(&self, invocation: &Invocation, port: u16, (code, bootstrap, home): (&Path, &Path, &Path)) -> Command {
        let it = invocation;
        let mut command = Command::new(bootstrap);
        command.current_dir(code).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        // What Lambda sets cannot be among the function's own.
        command.envs(&it.environment);
        command
            .env("PATH", PATH)
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("LAMBDA_TASK_ROOT", code)
            .env("_HANDLER", &it.handler)
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", &it.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", it.memory.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", &it.log_group)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &it.log_stream)
            .env("AWS_REGION", &it.region)
            .env("AWS_DEFAULT_REGION", &it.region)
            .env("AWS_ACCESS_KEY_ID", &it.credentials.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &it.credentials.secret)
            .env("AWS_SESSION_TOKEN", &it.credentials.token)
            .env("AWS_ENDPOINT_URL", &self.endpoint);
        command
    }
}

/// Starts a process. A file that was just written may still be open in another process that is being started.
pub(crate) async fn started(command: &mut Command) -> io::Result<Child> {
    for _ in 0..100 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
    command.spawn()
}

/// Ends a process and what it has started, which is a group of its own.
async fn end(child: &mut Child) {
    // Until it is waited for, nobody else has its number.
    if let Some(id) = child.id() {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -s KILL -- \"-$1\"", "sh", &id.to_string()]).env_clear().env("PATH", PATH);
        let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    }
    let _ = child.kill().await;
}

/// What a process prints, on both of its outputs.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn follow(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) -> Option<JoinHandle<()>> {
        let (mut output, log) = (output?, self.clone());
        Some(tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(size @ 1..) = output.read(&mut buffer).await {
                let mut kept = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                let room = LOG.saturating_sub(kept.len()).min(size);
                kept.extend_from_slice(&buffer[..room]);
            }
        }))
    }

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}
