//! A folder with a sandbox whose time a test can let pass.
use crate::desk::{Desk, Said, finish};
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig, serve};
use std::time::Duration;

/// A folder in which every command has `--sandbox`.
pub(crate) fn desk() -> Desk {
    Desk::new().with("DLINFRA_SANDBOX", "1")
}

impl Desk {
    pub(crate) fn run_in(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        finish(command)
    }

    /// The account of this folder, on the test's own virtual time.
    pub(crate) fn open(&self, behaviour: Behaviour) -> Sandbox {
        let folder = Some(self.path().join(".dlinfra/sandbox"));
        Sandbox::open(SandboxConfig { folder, behaviour, ..SandboxConfig::default() }).unwrap()
    }

    /// A command against the account of this folder, served, with a blueprint whose journal is moved to where such a
    /// command looks for it.
    pub(crate) fn run_served(&self, behaviour: Behaviour, args: &[&str]) -> Said {
        let (ready, opened) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let folder = Some(self.path().join(".dlinfra/sandbox"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let config = SandboxConfig { folder, behaviour, ..SandboxConfig::default() };
                let sandbox = Sandbox::open(config).unwrap();
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    done = serve(sandbox, listener) => done.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let endpoint = format!("http://127.0.0.1:{}", opened.recv().unwrap());
        let (sandboxed, real) = (self.path().join(".dlinfra/sandbox/state"), self.path().join(".dlinfra/state"));
        std::fs::rename(sandboxed, real).unwrap();
        let text = std::fs::read_to_string(self.path().join("dlinfra.yaml")).unwrap();
        self.write("served.yaml", format!("{text}backend: local\n"));
        let mut command = self.command(&[args, &["--endpoint-url", &endpoint]].concat());
        command.env_remove("DLINFRA_SANDBOX").env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
        let said = finish(command);
        stop.send(()).unwrap();
        thread.join().unwrap();
        said
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
