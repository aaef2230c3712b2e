//! reap: one pass of the reaper by hand or from cron, with the caller's own permissions.
use super::{Exit, Result, arguments::Where, document, place::Place, stack};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::Diagnostics,
    journal::lock::moment,
    kinds::KINDS,
    reaper::{End, Pass, Reap, pass},
};
use serde_json::json;

/// Remove stacks whose ttl is over, of everybody in the account and region, as the reaper does.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// Only this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Say what would be removed, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let region = stack::region(&args.place)?;
    let place = Place::open(&args.place, &region, None).await?;
    let (stop, cancel) = tokio::sync::watch::channel(false);
    super::signals::interruptible(ui, stop);
    let stopped = cancel.clone();
    let reap = Reap { stack: args.stack.clone(), dry_run: args.dry_run, cancel };
    let done = pass(&place.aws, KINDS, reap).await?;
    if ui.json {
        ui.data(&document("reap", &json!({ "pass": done }), &Diagnostics::new()).to_string());
    } else {
        show(&done, &place, ui);
    }
    Ok(match (*stopped.borrow(), done.is_clean()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Partial,
    })
}

/// How long ago a pass began.
pub(super) fn ago(pass: &Pass, place: &Place) -> String {
    dlinfra::plan::ago(pass.at, place.aws.clock().now())
}

/// What a pass did.
pub(super) fn show(pass: &Pass, place: &Place, ui: Ui) {
    ui.data(&format!("pass of {} ({})", moment(pass.at), ago(pass, place)));
    if pass.stacks.is_empty() {
        ui.data("  nothing had expired");
    }
    for one in &pass.stacks {
        let resources = dlinfra::report::counted(one.removed, "resource");
        let words = match one.end {
            End::Removed => format!("removed, {resources}"),
            End::Left => format!("{resources} removed, {} left", one.left.len()),
            End::Due => format!("would be removed, {resources}"),
            End::Busy => "somebody works on it; the next pass looks again".to_owned(),
            End::Doubtful => "not touched".to_owned(),
            End::Failed => "not removed".to_owned(),
        };
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        ui.data(&format!("  {}  expired {}: {words}{why}", one.stack, moment(one.expired)));
        one.left.iter().for_each(|left| ui.data(&format!("    {left}")));
    }
    for gap in &pass.not_seen {
        ui.data(&format!("  {gap}"));
    }
}
