//! export: import blocks for Terraform, so that nobody is locked in.
use super::{
    Exit, Result, Stop, document,
    stack::{self, Which},
};
use crate::cli::import;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics},
    terraform::export,
};
use serde_json::json;
use std::path::PathBuf;

/// Write Terraform import blocks for everything that the stack owns. Nothing is changed.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Write to this file, which must not exist, instead of standard output.
    #[arg(long, alias = "output", short, value_name = "FILE")]
    out: Option<PathBuf>,
}

const AFTER: &str = "\
Then, in the folder of the written file:
  terraform init
  terraform plan -generate-config-out=generated.tf
  terraform apply";

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let found = stack::find(&args.which).await?;
    let view = found.engine.look(&found.wanted).await?;
    let export = export::export(&view.scope, &view.snapshot);
    if export.blocks.is_empty() {
        return Err(Diagnostic::error(
            &import::NOTHING_TO_EXPORT,
            format!("the stack {} owns nothing here", found.stack),
        )
        .with_detail(format!("account {}, region {}", view.scope.account, view.scope.region))
        .with_help("check the account, the region and the stack's name: `dlinfra list` shows the stacks")
        .into());
    }
    let text = export::text(&view.scope, &export);
    if let Some(path) = &args.out {
        write(path, &text)?;
    }
    if ui.json {
        let blocks: Vec<_> =
            export.blocks.iter().map(|b| json!({ "to": b.to, "id": b.id, "address": b.address })).collect();
        let left: Vec<_> = export.left.iter().map(|(a, why)| json!({ "address": a, "reason": why })).collect();
        let fields = json!({
            "stack": found.stack, "account": view.scope.account, "region": view.scope.region, "blocks": blocks,
            "left": left, "file": args.out,
        });
        ui.data(&document("export", &fields, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    match &args.out {
        None => ui.data(&text),
        Some(path) => {
            ui.say(&format!("{}: {} import blocks", path.display(), export.blocks.len()));
            ui.say("Next: terraform init && terraform plan -generate-config-out=generated.tf");
        }
    }
    Ok(Exit::Ok)
}

/// Never over a file that somebody wrote.
fn write(path: &PathBuf, text: &str) -> std::result::Result<(), Stop> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| {
        Diagnostic::error(&import::EXPORT_NOT_WRITTEN, format!("{} cannot be written: {e}", path.display()))
            .with_help("name a new file")
            .into()
    })
}
