//! Serves a sandbox on a loopback port: `serve PORT [SPEED [FOLDER [ACCOUNT]]]`; the folder `-` is memory.

use dlinfra_sandbox::{Sandbox, SandboxConfig, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().unwrap_or_else(|| "4566".to_owned()).parse()?;
    let speed: f64 = args.next().unwrap_or_else(|| "60".to_owned()).parse()?;
    let folder = args.next().filter(|folder| folder != "-").map(Into::into);
    let default = SandboxConfig::default();
    let account = args.next().unwrap_or(default.account);
    let sandbox = Sandbox::open(SandboxConfig { folder, speed, account, ..SandboxConfig::default() })?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    serve(sandbox, listener).await?;
    Ok(())
}
