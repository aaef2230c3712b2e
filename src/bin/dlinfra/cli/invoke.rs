//! invoke: asks an endpoint once, to see whether it answers.
use super::{Exit, Result, document, stack::One};
use crate::{cli::codes, ui::Ui};
use dlinfra::diagnostic::{Diagnostic, Diagnostics};
use serde_json::json;
use std::{io::Read, path::PathBuf};

/// Send one request to an endpoint: the answer goes to stdout, how long it took to stderr.
#[derive(clap::Args)]
#[command(after_help = AFTER, override_usage = "dlinfra invoke [OPTIONS] [FILE] ADDRESS")]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// What is sent: a file, or `-` for the standard input; without it `{}`.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// What that is.
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    content_type: String,
}

const AFTER: &str = "\
Examples:
  dlinfra invoke endpoint.yaml serve
  echo '{\"inputs\": \"hello\"}' | dlinfra invoke endpoint.yaml serve --body -";

/// What real-time endpoints take at most, in bytes (API reference of InvokeEndpoint).
const MOST: u64 = 6_291_456;

/// The body, no more of it than an endpoint would take.
fn body(args: &Args) -> std::result::Result<Vec<u8>, Diagnostic> {
    let Some(path) = &args.body else { return Ok(b"{}".to_vec()) };
    let mut out = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(MOST + 1).read_to_end(&mut out),
        false => std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut out)),
    };
    let shown = path.display();
    read.map_err(|e| Diagnostic::error(&codes::BODY, format!("{shown} cannot be read: {e}")))?;
    if out.len() as u64 > MOST {
        let help = "send larger requests to an endpoint with `async`, which takes them from a bucket";
        return Err(Diagnostic::error(&codes::BODY, format!("{shown} is larger than 6 MiB")).with_help(help));
    }
    Ok(out)
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let body = body(args)?;
    let chosen = args.one.choose(|object| object.kind.answers_requests()).await?;
    let (sent, began) = (body.len(), std::time::Instant::now());
    let answer = chosen.found.engine.invoke(&chosen.object, &args.content_type, body).await;
    let answer = answer.map_err(|e| e.diagnostic().at_address(chosen.address.as_str()))?;
    let Some(answer) = answer else { return Ok(Exit::Ok) };
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let text = String::from_utf8_lossy(&answer.body);
    if ui.json {
        let fields = json!({
            "address": chosen.address, "milliseconds": milliseconds, "sent_bytes": sent, "bytes": answer.body.len(),
            "content_type": answer.content_type, "by": answer.by, "body": text,
        });
        ui.data(&document("invoke", &fields, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    ui.data(&text);
    let by = if answer.by.is_empty() { String::new() } else { format!(" by {}", answer.by) };
    let bytes = answer.body.len();
    ui.say(&format!("{} answered{by} in {milliseconds} ms: {bytes} bytes of {}", chosen.address, answer.content_type));
    Ok(Exit::Ok)
}
