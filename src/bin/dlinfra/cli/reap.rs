//! reap: one pass of the reaper by hand or from cron, with the caller's own permissions.
use super::{Exit, Result, arguments::Where, document, place::Place, reaper, stack};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::Diagnostics,
    kinds::KINDS,
    reaper::{Reap, pass},
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
    super::apply::interruptible(ui, stop);
    let stopped = cancel.clone();
    let reap = Reap { stack: args.stack.clone(), dry_run: args.dry_run, cancel };
    let done = pass(&place.aws, KINDS, reap).await?;
    if ui.json {
        ui.data(&document("reap", &json!({ "pass": done }), &Diagnostics::new()).to_string());
    } else {
        reaper::show(&done, &place, ui);
    }
    Ok(match (*stopped.borrow(), done.is_clean()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Partial,
    })
}
