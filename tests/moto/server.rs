//! moto on a port of its own, for whoever tests against it. It is installed beside the build by itself, together with
//! microburst, a proxy that injects faults. `CI=true` turns a missing Python or package index into a failure.
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

const PACKAGES: [&str; 2] = ["moto[server]==5.2.5", "microburst==0.10.0"];

/// The Python of the virtual environment, made once, with moto and boto3; `None` where they cannot be installed and nobody
/// insists.
pub(crate) fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PYTHON.get_or_init(install) {
        Ok(python) => Some(python.clone()),
        Err(why) => {
            assert!(std::env::var("CI").is_err(), "moto is not available in CI: {why}");
            eprintln!("skipped, moto is not available: {why}");
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    // Beside the binary under test: …/target/debug/dlinfra → …/target/moto-venv.
    let target = Path::new(env!("CARGO_BIN_EXE_dlinfra")).ancestors().nth(2).unwrap();
    let folder = target.join("moto-venv");
    let python = folder.join("bin/python");
    let works = |python: &Path| {
        let check = "import importlib.metadata as m, moto.server\n\
                     assert (m.version('moto'), m.version('microburst')) == ('5.2.5', '0.10.0')";
        Command::new(python).args(["-c", check]).output().is_ok_and(|o| o.status.success())
    };
    if works(&python) {
        return Ok(python);
    }
    let run = |command: &mut Command, what: &str| match command.output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!("{what} failed: {}", String::from_utf8_lossy(&out.stderr).trim())),
        Err(e) => Err(format!("{what} cannot start: {e}")),
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "python3 -m venv")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES), "pip install moto")?;
    if works(&python) { Ok(python) } else { Err("moto was installed and does not work".to_owned()) }
}

/// Ends with the test, also when it panics.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts moto; `None` where it cannot be installed and nobody insists.
    pub(crate) fn start() -> Option<Self> {
        let python = python()?;
        let port = free_port();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/serve.py");
        let process = Command::new(python)
            .arg(script)
            .arg(port.to_string())
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let started = Instant::now();
        while server.counts().is_none() {
            assert!(started.elapsed() < Duration::from_secs(120), "moto does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(server)
    }

    /// Requests since the last call, by operation.
    pub(crate) fn counts(&self) -> Option<BTreeMap<String, u64>> {
        serde_json::from_str(&get(self.port, "/_requests")?).ok()
    }
}

/// The body of an answer.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.split_once("\r\n\r\n")?.1.to_owned())
}
