//! Serves a sandbox on a loopback port: `serve PORT [SPEED [FOLDER [ACCOUNT]]]`; the folder `-` is memory. Functions,
//! and what is sent to machines, run as processes of this machine.

use std::sync::Arc;

use dlinfra_sandbox::{Commands, Functions, Machines, Processes, Sandbox, SandboxConfig, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().unwrap_or_else(|| "4566".to_owned()).parse()?;
    let speed: f64 = args.next().unwrap_or_else(|| "60".to_owned()).parse()?;
    let folder = args.next().filter(|folder| folder != "-").map(Into::into);
    let default = SandboxConfig::default();
    let account = args.next().unwrap_or(default.account);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let functions: Arc<dyn Functions> = Arc::new(Processes::new(url.as_str(), speed)?);
    let commands: Arc<dyn Commands> = Arc::new(Machines::new(url, speed)?);
    let (functions, commands) = (Some(functions), Some(commands));
    let config = SandboxConfig { folder, speed, account, functions, commands, ..SandboxConfig::default() };
    let sandbox = Sandbox::open(config)?;
    serve(sandbox, listener).await?;
    Ok(())
}
