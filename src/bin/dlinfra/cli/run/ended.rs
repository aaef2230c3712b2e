//! When a job has ended: who decided about its end, what it cost, and what it left.
use super::{Args, Collect, Exit, Found, Stop};
use crate::{
    cli::{money, stack},
    ui::Ui,
};
use dlinfra::{
    aws::{Error, objects::Objects},
    diagnostic::{Diagnostic, Diagnostics},
    engine::{Engine, View},
    report::counted,
    run::{self, Collected, End, Job, Watch},
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use std::time::Duration;

/// What is brought back takes no longer than this.
const COLLECTING: Duration = Duration::from_mins(15);

/// Where artifacts go: the bucket of the journal.
pub(super) fn bucket(engine: &Engine) -> std::result::Result<Objects, Diagnostic> {
    let name = engine.backend().bucket().ok_or_else(|| {
        Diagnostic::error(
            &run::codes::NO_BUCKET,
            "`--collect` needs a bucket, and the journal of this stack lies on this machine",
        )
        .with_help("leave out `backend: local`, or leave out `--collect`")
    })?;
    Ok(Objects::new(engine.aws().apart(), &engine.identity().account, name))
}

/// `3 ranks ended with 0`, or who failed.
pub(super) fn words(watch: &Watch<'_>, exit: Exit) -> String {
    let codes = watch.codes();
    let lost = codes.iter().filter(|code| code.is_none()).count();
    match watch.first_failure() {
        Some((rank, code)) => format!("rank {rank} of {} ended first, with exit code {code}", codes.len()),
        None if lost > 0 && exit != Exit::Ok => format!("{} of {} lost", counted(lost, "rank"), codes.len()),
        None => format!("{} ended with 0", counted(codes.len(), "rank")),
    }
}

/// A job that did not begin everywhere: those ranks that run are stopped, and its end is written down.
pub(super) async fn not_begun(args: &Args, watch: &Watch<'_>, why: &Error, job: &Job) -> Stop {
    let cause = why.diagnostic();
    let text = format!("the job did not begin on every machine, so it was stopped: {}", cause.summary);
    let mut wrong = Diagnostic::error(&run::codes::NOT_BEGUN, text);
    wrong.detail.clone_from(&cause.detail);
    wrong.help.clone_from(&cause.help);
    let mut diagnostics = Diagnostics::from(wrong);
    if let Err(why) = watch.stop().await {
        let help = format!("`dlinfra run --attach {}` follows what may still run", job.id);
        let text = format!("nobody knows whether every rank was stopped: {why}");
        diagnostics.push(Diagnostic::warning(&run::codes::NOT_BEGUN, text).with_help(help));
    }
    let exit = Exit::Partial;
    if let Err(also) = closed(args, job, exit, watch.codes()).await {
        diagnostics.extend(also.diagnostics);
    }
    Stop { exit, diagnostics }
}

/// Writes down that a job is over. Opened anew: the journal has grown since it began.
async fn closed(args: &Args, job: &Job, exit: Exit, ranks: Vec<Option<u8>>) -> Result<(), Stop> {
    let found = stack::find(&args.which).await?;
    let view = found.engine.look(&found.wanted).await?;
    let end = End { at: found.engine.now(), code: exit.code(), ranks, cost: None };
    let job = Job { ended: Some(end), ..job.clone() };
    Ok(found.engine.note_job(&view, &job, found.place.presence()).await?)
}

/// Whole minutes, or seconds of a short time.
pub(super) fn lasted(time: SignedDuration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

/// What the stack costs in this time, at list prices; nothing where something has no price.
pub(super) fn cost(
    args: &Args,
    found: &Found,
    view: &View,
    time: SignedDuration,
    ui: Ui,
) -> std::result::Result<Option<String>, Stop> {
    let sum = money::with_pricing(&args.which, found, ui, |pricing| pricing.live(view.snapshot.owned.values()).sum())?;
    let hours = Decimal::from(time.as_secs()) / Decimal::from(3600);
    let dollars = sum.total().hourly() * hours;
    Ok((sum.unpriced == 0).then(|| dlinfra::price::line::rounded(dollars, 2)))
}

/// Brings back what was asked for; what goes wrong with that does not hide how the job ended.
pub(super) async fn brought(args: &Args, watch: &Watch<'_>, found: &Found, ui: Ui) -> Option<Collected> {
    let Collect { path, folder } = args.collect.clone()?;
    let work = async {
        let bucket = bucket(&found.engine)?;
        let collected = watch.collect(&path, &found.stack, &bucket).await.map_err(Stop::from)?;
        let files = collected.bring(&bucket, &folder).await.map_err(Stop::from)?;
        Ok::<_, Stop>((collected, files))
    };
    let clock = found.engine.aws().clock().clone();
    let done = tokio::select! {
        done = work => done,
        () = clock.sleep(COLLECTING) => {
            let text = "collecting took too long, and was given up";
            Err(Diagnostic::error(&run::codes::NOT_COLLECTED, text).into())
        }
    };
    let wrong = |text: String| Diagnostic::warning(&run::codes::NOT_COLLECTED, text);
    match done {
        Ok((collected, files)) => {
            let missing = collected
                .artifacts
                .iter()
                .filter(|a| a.missing)
                .map(|a| format!("nothing is at {path} on rank {}", a.rank));
            let failed = collected.failed.iter().map(|(rank, why)| format!("rank {rank}: {why}"));
            let wrong = missing.chain(failed).map(wrong).collect();
            args.forms.hear(&wrong);
            ui.diagnostics(&wrong);
            ui.say(&format!(
                "collected into {}: {} (also in {})",
                folder.display(),
                counted(files.len(), "file"),
                collected.place
            ));
            Some(collected)
        }
        Err(stop) => {
            args.forms.hear(&stop.diagnostics);
            ui.diagnostics(&stop.diagnostics);
            None
        }
    }
}
