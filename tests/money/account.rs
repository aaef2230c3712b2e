//! A folder with a sandbox whose time a test can let pass.
use crate::desk::{Desk, Said, finish};
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig};
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
