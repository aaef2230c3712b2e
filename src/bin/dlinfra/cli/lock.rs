//! lock: who works on a stack, and the end of a lock by hand.
use super::{
    Exit, Result, Stop, apply, document, plan,
    stack::{self, Located, Which},
};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::Diagnostics,
    journal::{
        HEARTBEAT, JournalError, TAKEOVER,
        lock::{self, LockStatus},
    },
    report::plan::time,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Show who works on a stack, or end a lock by hand.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show who holds the lock, since when, and when it was last seen alive. Exit 4 when it is held.
    Status {
        #[command(flatten)]
        which: Which,
    },
    /// End a lock whose holder is dead. A holder that lives stops at its next heartbeat.
    Break {
        #[command(flatten)]
        which: Which,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    match &args.command {
        Command::Status { which } => {
            let found = stack::locate(which).await?;
            let lock = look(&found).await?;
            show(&found, lock.as_ref(), ui).await?;
            Ok(if lock.is_some_and(|l| l.held) { Exit::Locked } else { Exit::Ok })
        }
        Command::Break { which, yes } => end(which, *yes, ui).await,
    }
}

async fn look(found: &Located) -> std::result::Result<Option<LockStatus>, Stop> {
    Ok(lock::status(&**found.engine.backend()).await.map_err(|e| e.diagnostic())?)
}

async fn end(which: &Which, yes: bool, ui: Ui) -> Result {
    apply::can_answer(yes, ui, "lock break")?;
    let found = stack::locate(which).await?;
    let lock = look(&found).await?;
    let Some(held) = lock.filter(|l| l.held) else {
        say(&found, "break", ui, &json!({ "broken": false }), "the lock is free: nothing to break");
        return Ok(Exit::Ok);
    };
    let now = found.engine.aws().clock().now();
    let who = words(&found, &held, now);
    if !ui.json {
        ui.say(&who);
    }
    if !yes {
        let question = format!("Break the lock of {}? Only when that process is certainly dead. [y/N]", found.stack);
        if !ui.ask(&question).is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes")) {
            ui.say("nothing was changed");
            return Ok(Exit::Error);
        }
    }
    let broken = lock::break_lock(&**found.engine.backend(), &held, now).await.map_err(|e| e.diagnostic())?;
    if !broken {
        return Err(JournalError::LockChanged { stack: found.stack.clone() }.diagnostic().into());
    }
    let text = format!(
        "the lock of {} is free; if its holder lives, it stops at its next heartbeat, within {} s",
        found.stack,
        HEARTBEAT.as_secs()
    );
    say(&found, "break", ui, &json!({ "broken": true, "holder": held.holder }), &text);
    Ok(Exit::Ok)
}

fn say(found: &Located, action: &str, ui: Ui, fields: &Value, text: &str) {
    if !ui.json {
        ui.say(text);
        return;
    }
    let mut all = json!({ "action": action, "stack": found.stack, "journal": found.engine.journal_place() });
    if let (Some(all), Some(fields)) = (all.as_object_mut(), fields.as_object()) {
        all.extend(fields.clone());
    }
    ui.data(&document("lock", &all, &Diagnostics::new()).to_string());
}

async fn show(found: &Located, lock: Option<&LockStatus>, ui: Ui) -> std::result::Result<(), Stop> {
    let header = plan::header(&found.place, &found.engine, &found.stack).await?;
    let now = found.engine.aws().clock().now();
    if ui.json {
        let fields = json!({
            "action": "status", "stack": found.stack, "account": header.account, "region": header.region,
            "journal": header.journal, "held": lock.is_some_and(|l| l.held), "lock": lock,
            "silent_seconds": lock.and_then(|l| Some(now.duration_since(l.renewed?).as_secs().max(0))),
            "dead": lock.is_some_and(|l| l.is_dead(&found.place.presence())),
        });
        ui.data(&document("lock", &fields, &Diagnostics::new()).to_string());
        return Ok(());
    }
    let mut out = format!("{}   {}   {}\n", header.stack, header.region, header.place);
    match lock {
        None => out.push_str("free: it has never been held\n"),
        Some(held) if held.held => out.push_str(&format!("{}\n", words(found, held, now))),
        Some(free) => {
            let holder = free.holder.as_ref();
            let last = holder.map(|h| format!(", last held by {} for `{}`", h.name, h.command)).unwrap_or_default();
            out.push_str(&format!("free{last}{}\n", free.renewed.map(|t| ago(", until", t, now)).unwrap_or_default()));
        }
    }
    out.push_str(&format!("journal: {}\n", header.journal));
    ui.data(&out);
    Ok(())
}

/// `, since 2026-… (5m00s ago)`.
fn ago(word: &str, then: Timestamp, now: Timestamp) -> String {
    let whole = lock::moment(then);
    let seconds = u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0);
    format!("{word} {whole} ({} ago)", time(seconds))
}

/// Who holds it, on a few lines.
fn words(found: &Located, lock: &LockStatus, now: Timestamp) -> String {
    let Some(holder) = &lock.holder else {
        return "held, but its record is damaged, so the holder is unknown; `dlinfra lock break` ends it".to_owned();
    };
    let mut out = format!("held by {} for `{}`", holder.name, holder.command);
    out.push_str(&lock.since.map(|t| ago(",\n  since", t, now)).unwrap_or_default());
    out.push_str(&lock.renewed.map(|t| ago(",\n  last heartbeat", t, now)).unwrap_or_default());
    if let Some(run) = &holder.ci {
        out.push_str(&format!(",\n  its run: {run}"));
    }
    if lock.is_dead(&found.place.presence()) {
        out.push_str("\nthat process is dead: the next command takes the lock at once");
    } else if lock.is_silent(found.engine.aws().clock()) {
        out.push_str(&format!(
            "\nit has been silent for longer than a lock lasts: the next command watches it for {} s, then takes over",
            TAKEOVER.as_secs()
        ));
    }
    out
}
