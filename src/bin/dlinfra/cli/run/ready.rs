//! Before a job begins: Systems Manager reaches the machines, and their first start has ended well.
use super::{Exit, Stop, follow::Signals};
use crate::ui::Ui;
use dlinfra::{
    aws::commands::FirstStart,
    diagnostic::{Diagnostic, Diagnostics},
    engine::Engine,
    report::counted,
    run,
};
use jiff::SignedDuration;
use std::time::Duration;

/// How long machines may take until Systems Manager reaches them.
const REACHED: SignedDuration = SignedDuration::from_mins(10);
/// How long their first start may take.
const STARTED: SignedDuration = SignedDuration::from_mins(30);
/// How often that is looked for.
const PAUSE: Duration = Duration::from_secs(5);
/// Waits until Systems Manager reaches every machine.
pub(super) async fn reached(
    engine: &Engine,
    ids: &[String],
    signals: &mut Signals,
    ui: Ui,
) -> std::result::Result<(), Stop> {
    let (aws, clock) = (engine.aws(), engine.aws().clock().clone());
    let (since, mut told) = (clock.now(), false);
    loop {
        let there = aws.reached(ids).await?;
        if there.len() == ids.len() {
            return Ok(());
        }
        let missing: Vec<&str> = ids.iter().filter(|id| !there.contains(*id)).map(String::as_str).collect();
        if clock.now().duration_since(since) > REACHED {
            let text = format!("Systems Manager does not reach {}", shortened(&missing));
            return Err(Diagnostic::error(&run::codes::NOT_REACHED, text)
                .with_help("`dlinfra explain DL0821` says what a machine needs for that")
                .into());
        }
        if !std::mem::replace(&mut told, true) {
            ui.say(&format!("waiting until Systems Manager reaches {}", counted(missing.len(), "machine")));
        }
        tokio::select! {
            () = signals.next() => return Err(Stop { exit: Exit::Interrupted, diagnostics: Diagnostics::new() }),
            () = clock.sleep(PAUSE) => {}
        }
    }
}

/// Waits until the first start of every machine has ended well.
pub(super) async fn started(
    engine: &Engine,
    ids: &[String],
    signals: &mut Signals,
    ui: Ui,
) -> std::result::Result<(), Stop> {
    let (aws, clock) = (engine.aws(), engine.aws().clock().clone());
    let (since, mut open, mut told) = (clock.now(), ids.to_vec(), false);
    loop {
        for (id, start) in aws.first_starts(&open).await? {
            match start {
                FirstStart::Running => {}
                FirstStart::Done => open.retain(|other| *other != id),
                FirstStart::Failed(log) => {
                    let text = format!("the first start of {id} failed; its log ends with:\n{log}");
                    let failed = Diagnostic::error(&run::codes::NOT_STARTED, text)
                        .with_help("mend `boot`, or what the blueprint gives the machine to run, and run it again");
                    return Err(Stop { exit: Exit::Partial, diagnostics: failed.into() });
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = open.iter().map(String::as_str).collect();
        if clock.now().duration_since(since) > STARTED {
            let text =
                format!("the first start of {} goes on for longer than {} min", shortened(&names), STARTED.as_mins());
            let slow = Diagnostic::error(&run::codes::NOT_STARTED, text)
                .with_help("`dlinfra ssh` opens a shell there: /var/log/cloud-init-output.log says what it does");
            return Err(Stop { exit: Exit::Partial, diagnostics: slow.into() });
        }
        if !std::mem::replace(&mut told, true) {
            ui.say(&format!("waiting for the first start of {}", counted(open.len(), "machine")));
        }
        tokio::select! {
            () = signals.next() => return Err(Stop { exit: Exit::Interrupted, diagnostics: Diagnostics::new() }),
            () = clock.sleep(PAUSE) => {}
        }
    }
}

fn shortened(ids: &[&str]) -> String {
    match ids.len() {
        0..=3 => ids.join(", "),
        many => format!("{} and {} more", ids[..3].join(", "), many - 3),
    }
}
