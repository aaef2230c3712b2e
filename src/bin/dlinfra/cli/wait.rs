//! wait: until a stack works, or until it is gone.
use super::{
    Exit, Result, Stop, document,
    stack::{self, Found, Which},
    status,
};
use crate::{cli::codes, ui::Ui};
use dlinfra::{
    address::Address,
    diagnostic::{Diagnostic, Diagnostics},
    engine::{State, View},
    plan::Action,
    units::Span,
};
use jiff::SignedDuration;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Wait until a stack works, or until it is gone.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// `ready`: everything is as the blueprint says, and works. `stopped`: nothing is left but data that stays.
    #[arg(
        long = "for",
        value_name = "ready|stopped",
        value_enum,
        hide_possible_values = true,
        default_value = "ready"
    )]
    end: End,
    /// Only of this resource or module; may be repeated.
    #[arg(long = "on", value_name = "ADDRESS")]
    on: Vec<String>,
    /// For how long at most: `30m`, `2h`.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    timeout: Span,
}

const AFTER: &str = "\
Examples:
  dlinfra wait --on train --timeout 20m
  dlinfra wait --stack nightly --region us-east-1 --for stopped";

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum End {
    Ready,
    Stopped,
}

/// How often the stack is looked at, in AWS's time: a launch takes minutes.
const PAUSE: Duration = Duration::from_secs(10);

/// How many resources a line names.
const SHOWN: usize = 3;

/// What is still missing, by address, and what will never come.
#[derive(Default)]
struct Missing {
    waits: BTreeMap<String, String>,
    failed: BTreeMap<String, String>,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let began = std::time::Instant::now();
    let mut told = String::new();
    let mut deadline = None;
    loop {
        // Opened anew each time: others work on the stack, and what they make is in its journal.
        let found = stack::find(&args.which).await?;
        let now = found.engine.now();
        let most = SignedDuration::from_secs(i64::try_from(args.timeout.seconds()).unwrap_or(i64::MAX));
        let deadline = *deadline.get_or_insert_with(|| now.saturating_add(most).unwrap_or(now));
        let missing = look(args, &found).await?;
        let words = missing.words();
        if missing.is_over() || now >= deadline {
            return end(args, ui, &missing, began.elapsed().as_secs());
        }
        if words != told {
            ui.say(&format!("waiting for {words}"));
            told = words;
        }
        let clock = found.engine.aws().clock().clone();
        drop(found);
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
            () = clock.sleep(PAUSE) => {}
        }
    }
}

fn end(args: &Args, ui: Ui, missing: &Missing, seconds: u64) -> Result {
    let reached = missing.waits.is_empty() && missing.failed.is_empty();
    let mut diagnostics = Diagnostics::new();
    if !reached {
        let text = match missing.failed.is_empty() {
            true => format!("still waiting after {} for {}", args.timeout, missing.words()),
            false => format!("this will not become ready: {}", missing.words()),
        };
        diagnostics.push(Diagnostic::error(&codes::WAITED, text).with_help("`dlinfra status` shows what is live"));
    }
    if ui.json {
        let fields =
            json!({ "reached": reached, "seconds": seconds, "waits": missing.waits, "failed": missing.failed });
        ui.data(&document("wait", &fields, &diagnostics).to_string());
    } else if reached {
        ui.data(match args.end {
            End::Ready => "ready",
            End::Stopped => "stopped",
        });
    } else {
        ui.diagnostics(&diagnostics);
    }
    Ok(if reached { Exit::Ok } else { Exit::Partial })
}

async fn look(args: &Args, found: &Found) -> std::result::Result<Missing, Stop> {
    let view = found.engine.look(&found.wanted).await?;
    let mut missing = match args.end {
        End::Ready => not_ready(found, &view)?,
        End::Stopped => Missing { waits: left(&view), failed: BTreeMap::new() },
    };
    let known: BTreeSet<&Address> = view.snapshot.owned.keys().chain(found.wanted.iter().map(|w| &w.address)).collect();
    if args.end == End::Ready
        && let Some(word) = args.on.iter().find(|word| !known.iter().any(|a| is_in(a.as_str(), word)))
    {
        return Err(Diagnostic::error(&codes::NOT_LIVE, format!("nothing has the address `{word}`")).into());
    }
    let asked = |address: &str| args.on.is_empty() || args.on.iter().any(|word| is_in(address, word));
    missing.waits.retain(|address, _| asked(address));
    missing.failed.retain(|address, _| asked(address));
    Ok(missing)
}

/// Is it the resource of this name, one of several, or in the module of this name?
fn is_in(address: &str, word: &str) -> bool {
    address.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

/// What is not as the blueprint says, or does not work.
fn not_ready(found: &Found, view: &View) -> std::result::Result<Missing, Stop> {
    let mut out = Missing::default();
    for (address, object) in &view.snapshot.owned {
        let failed = matches!(object.live.state, State::Failed(_));
        let list = if failed { &mut out.failed } else { &mut out.waits };
        if object.live.state != State::Ready {
            list.insert(address.to_string(), status::state(&object.live.state));
        }
    }
    if found.compiled.is_none() {
        if view.snapshot.owned.is_empty() {
            out.waits.insert(found.stack.clone(), "nothing is live".to_owned());
        }
        return Ok(out);
    }
    let planned = found.engine.plan(&found.wanted, view, &BTreeSet::new())?;
    for step in planned.steps.iter().filter(|step| step.action != Action::Keep) {
        out.waits.entry(step.address.to_string()).or_insert_with(|| step.reason.clone());
    }
    Ok(out)
}

/// What lives and holds no data that a removal would keep.
fn left(view: &View) -> BTreeMap<String, String> {
    let lives = view.snapshot.owned.iter().filter(|(_, object)| !object.kind.holds_data(&object.live.spec));
    lives.map(|(address, object)| (address.to_string(), status::state(&object.live.state))).collect()
}

impl Missing {
    /// Is there nothing more to wait for?
    fn is_over(&self) -> bool {
        self.waits.is_empty() || !self.failed.is_empty()
    }

    fn words(&self) -> String {
        let all: Vec<String> = self.failed.iter().chain(&self.waits).map(|(a, why)| format!("{a} ({why})")).collect();
        match all.len() {
            0..=SHOWN => all.join(", "),
            many => format!("{} and {} more", all[..SHOWN].join(", "), many - SHOWN),
        }
    }
}
