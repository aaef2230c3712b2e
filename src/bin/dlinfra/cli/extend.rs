//! extend: move the end of a stack to a later time.
use super::{
    Exit, Result, document,
    stack::{self, Which},
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics},
    journal::lock::moment,
    units::Span,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Move the end of a stack that has a ttl to a later time.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("end").required(true).args(["by", "until"]))]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// How much later than its present end, or than now if that is over, such as `24h`.
    #[arg(long, value_name = "DURATION")]
    by: Option<Span>,
    /// The new end, such as `2027-01-31T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let found = stack::find(&args.which).await?;
    let engine = &found.engine;
    let until = |now: Timestamp| match (args.until, args.by) {
        (Some(at), _) => Some(at),
        (None, by) => now.checked_add(SignedDuration::from_secs(i64::try_from(by?.seconds()).ok()?)).ok(),
    };
    let end = engine.ends()?;
    // What is over already would end at once.
    let Some(at) = until(end.at.max(engine.now())) else {
        return Err(Diagnostic::error(&codes::COMMAND_LINE, "there is no such time").into());
    };
    let done = engine.extend(at, found.place.presence()).await?;
    if ui.json {
        let fields = json!({ "stack": found.stack, "expires": done.at, "objects": done.objects });
        ui.data(&document("extend", &fields, &Diagnostics::new()).to_string());
    } else {
        let objects = dlinfra::report::counted(done.objects, "object");
        ui.data(&format!("{} ends at {} (before: {}; {objects} say so)", found.stack, moment(done.at), moment(end.at)));
    }
    Ok(Exit::Ok)
}
