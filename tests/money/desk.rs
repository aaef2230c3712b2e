//! The real binary in a folder of its own with a sandbox, whose time a test can let pass.
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig};
use serde_json::Value;
use std::{path::Path, process::Command, time::Duration};

pub(crate) struct Desk(tempfile::TempDir);

pub(crate) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "{word:?} is missing in:\n{all}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path().join(name), text).unwrap();
        self
    }

    /// A command with `--sandbox`.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.run_in(args, &[])
    }

    pub(crate) fn run_in(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dlinfra"));
        command.args(args).current_dir(self.path()).stdin(std::process::Stdio::null());
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("AWS_") || n.starts_with("DLINFRA_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.path()).env("NO_COLOR", "1").env("DLINFRA_SANDBOX", "1").env_remove("XDG_CACHE_HOME");
        command.envs(env.iter().copied());
        let out = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: out.status.code().unwrap_or(-1), out: text(&out.stdout), err: text(&out.stderr) }
    }

    /// The account of this folder, on the test's own virtual time.
    pub(crate) fn open(&self, behaviour: Behaviour) -> Sandbox {
        let folder = Some(self.path().join(".dlinfra/sandbox"));
        Sandbox::open(SandboxConfig { folder, behaviour, ..SandboxConfig::default() }).unwrap()
    }

    /// Lets hours pass in the account.
    pub(crate) async fn pass(&self, hours: u64) {
        let sandbox = self.open(Behaviour::default());
        sandbox.clock().sleep(Duration::from_secs(hours * 3600)).await;
        // A request makes the account notice what time it is.
        let request = http::Request::post("http://127.0.0.1:1/")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sts/aws4_request, Signature=x")
            .body(bytes::Bytes::from("Action=GetCallerIdentity&Version=2011-06-15"))
            .unwrap();
        let _ = sandbox.handle(request).await;
    }
}
