//! apply: plan, ask, execute, show the outputs.
use super::{
    Exit, Result, Stop,
    arguments::{Source, Where},
    forms::{self, Forms},
    load,
    money::Limits,
    output,
    patience::Patience,
    plan,
    reaper::{self, Chosen, Keeping},
    signals,
};
use crate::cli::codes;
use crate::ui::{Progress, Ui};
use dlinfra::{
    blueprint::Compiled,
    diagnostic::{Diagnostic, Diagnostics},
    engine::{Engine, Execution, Outcome, Removed, Snapshot, View},
    journal::{self, LockStatus, Presence},
    plan::{Plan, Wanted},
    report::{cost::PlanFigures, counted, plan as report},
};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Bring AWS to what the blueprint says.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    place: Where,
    /// Do not ask. Never covers destroyed data.
    #[arg(long, short)]
    yes: bool,
    /// Allow this resource to be deleted or replaced although that destroys data.
    #[arg(long, value_name = "ADDRESS")]
    allow_destroy: Vec<String>,
    /// Empty buckets and file systems that are deleted.
    #[arg(long)]
    delete_data: bool,
    /// Replace this resource although nothing forces it.
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    /// Say that a purchase whose answer never came was not executed, so that it may be made.
    #[arg(long, value_name = "ADDRESS")]
    not_bought: Vec<String>,
    /// Show every resource of a large plan.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    pub(super) forms: Forms,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    program: Chosen,
    #[command(flatten)]
    limits: Limits,
}

impl Args {
    /// What `run` applies.
    pub(super) fn of_run(args: &super::run::Args) -> Self {
        Self {
            source: args.which.source.clone(),
            place: args.which.place.clone(),
            yes: args.yes,
            allow_destroy: Vec::new(),
            delete_data: false,
            replace: Vec::new(),
            not_bought: Vec::new(),
            full: false,
            forms: args.forms.inner(),
            patience: args.patience,
            keeping: args.keeping.clone(),
            program: args.program.clone(),
            limits: args.limits.clone(),
        }
    }
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    // A saved plan was looked at when it was made, so it never asks.
    let agreed = args.yes || load::is_saved(&args.source);
    can_answer(agreed, ui, "apply")?;
    let prepare =
        async || plan::prepare(&args.source, &args.place, &args.replace, &args.limits, &args.keeping, ui).await;
    let mut prepared = prepare().await?;
    if args.patience.wait(&prepared.engine, &prepared.place.presence(), ui).await? {
        // The second plan must not meet the hold of the first one on the sandbox's folder.
        drop(prepared);
        prepared = prepare().await?;
    }
    if !args.not_bought.is_empty() {
        for address in plan::addresses(&args.not_bought, &prepared.deployment)? {
            prepared.engine.not_bought(&address, Some(prepared.place.presence())).await?;
        }
        drop(prepared);
        prepared = prepare().await?;
    }
    let plan = &prepared.plan;
    if let Some(saved) = &prepared.saved {
        saved.check_steps(&prepared.view, plan)?;
    }
    let money = &prepared.money.figures;
    if !ui.json {
        let revealed = prepared.revealed().await;
        let show = prepared.show(args.full, &revealed, ui);
        ui.propose(&report::text(&prepared.header, plan, &show), !agreed && !plan.is_empty());
    }
    if let Some(error) = prepared.no_memory {
        return Err(error.diagnostic().into());
    }
    if !ui.json {
        ui.diagnostics(&plan.notes);
    }
    prepared.money.gate(ui)?;
    refuse_destroyed_data(&prepared, args).await?;
    let job = || Job {
        engine: &prepared.engine,
        plan,
        view: &prepared.view,
        wanted: &prepared.deployment.wanted,
        command: "apply",
        delete_data: args.delete_data,
        presence: prepared.place.presence(),
    };
    if plan.is_empty() {
        if agreed {
            reaper::arm(&prepared, &args.keeping, &args.program, ui).await?;
        }
        if prepared.engine.is_unsettled(plan, &prepared.view, &prepared.deployment.wanted) {
            // Nothing changes in AWS; the journal learns what is ours.
            execute(job(), ui).await?;
        }
        if ui.json {
            let outcome = Outcome::default();
            let last = summary("apply", &prepared.header, plan, &outcome, money, &prepared.found());
            ui.data(&with_outputs(last, &prepared.deployment.compiled, &prepared.view.snapshot).to_string());
        } else {
            output::show(&prepared.deployment.compiled, &prepared.view.snapshot, ui);
        }
        args.forms.tell(ui, &prepared.told("apply", &prepared.found(), Exit::Ok, None, None))?;
        return Ok(Exit::Ok);
    }
    if !agreed && !confirmed(&prepared.header, plan, ui) {
        ui.say("nothing was changed");
        return Ok(Exit::Error);
    }
    // What ends the stack at its ttl is there, and tried, before anything costs money.
    reaper::arm(&prepared, &args.keeping, &args.program, ui).await?;
    let outcome = execute(job(), ui).await?;
    if ui.json {
        let last = summary("apply", &prepared.header, plan, &outcome, money, &prepared.found());
        // What an incomplete run leaves is told by `output`.
        let view =
            if outcome.complete() { Some(prepared.engine.look(&prepared.deployment.wanted).await?) } else { None };
        let last = match &view {
            Some(view) => with_outputs(last, &prepared.deployment.compiled, &view.snapshot),
            None => last,
        };
        ui.data(&last.to_string());
    } else {
        ui.say(&closing("applied", plan, &outcome));
        if outcome.complete() {
            // A fresh look: outputs are what is live, not what was hoped for.
            let view = prepared.engine.look(&prepared.deployment.wanted).await?;
            output::show(&prepared.deployment.compiled, &view.snapshot, ui);
        } else {
            let next = plan::next("apply", &rest(&args.source, &prepared), &prepared.place);
            ui.say(&format!("Next: {next}"));
        }
    }
    let exit = exit(&outcome);
    if args.forms.wanted(ui) {
        let (words, mut found) = (closing("applied", plan, &outcome), prepared.found());
        found.extend(forms::undone(&outcome));
        args.forms.tell(ui, &prepared.told("apply", &found, exit, Some(&words), None))?;
    }
    Ok(exit)
}

/// What is left is applied from the blueprint: a saved plan no longer fits once a part of it is done.
fn rest(source: &Source, prepared: &plan::Prepared) -> Source {
    let Some(saved) = &prepared.saved else { return source.clone() };
    let inputs = &saved.inputs;
    Source {
        file: Some((&inputs.file).into()),
        vars: inputs.vars.iter().map(|(k, v)| format!("{k}={v}")).collect(),
        var_files: inputs.var_files.iter().map(Into::into).collect(),
    }
}

/// No terminal and no `--yes`: say so at once, before AWS is read.
pub(super) fn can_answer(yes: bool, ui: Ui, command: &str) -> std::result::Result<(), Stop> {
    use std::io::IsTerminal;
    if yes || (ui.terminal && std::io::stdin().is_terminal() && !ui.json) {
        return Ok(());
    }
    Err(Diagnostic::error(
        &codes::NO_TERMINAL,
        format!("`dlinfra {command}` asks before it changes anything, and nobody can answer here"),
    )
    .with_help(format!("run it in a terminal, or say yes beforehand: `dlinfra {command} … --yes`"))
    .into())
}

/// What destroys data needs its address on the command line, and what is not empty a second word: all is asked for
/// before anything changes.
async fn refuse_destroyed_data(prepared: &plan::Prepared, args: &Args) -> std::result::Result<(), Stop> {
    let plan = &prepared.plan;
    if plan.destructive().next().is_none() {
        return Ok(());
    }
    let contents = prepared.engine.contents(plan, &prepared.view).await?;
    let allowed = args.allow_destroy.iter().map(String::as_str).collect();
    let out = plan.refused(&allowed, args.delete_data, &contents);
    if out.is_empty() { Ok(()) } else { Err(out.into()) }
}

fn confirmed(header: &report::Header, plan: &Plan, ui: Ui) -> bool {
    let s = plan.summary;
    let count = s.create + s.update + s.replace + s.delete + s.adopt;
    if plan.destructive().next().is_some() {
        let question = format!("This destroys data. Type the stack's name ({}) to go on:", header.stack);
        return ui.ask(&question).is_some_and(|a| a == header.stack);
    }
    let question = format!("Apply {} in account {} {}? [y/N]", counted(count, "change"), header.account, header.region);
    ui.ask(&question).is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes"))
}

/// What is executed.
pub(super) struct Job<'a> {
    pub engine: &'a Engine,
    pub plan: &'a Plan,
    pub view: &'a View,
    pub wanted: &'a [Wanted],
    pub command: &'static str,
    pub delete_data: bool,
    pub presence: Presence,
}

/// Executes with progress, and stops cleanly on the first interrupt.
pub(super) async fn execute(job: Job<'_>, ui: Ui) -> std::result::Result<Outcome, Stop> {
    let Job { engine, plan, view, wanted, .. } = job;
    let outcome = attended(&job, ui, async |run| engine.execute(plan, view, wanted, run).await).await?;
    troubled(&outcome, ui);
    Ok(outcome)
}

/// The same for a removal, which ends in proof.
pub(super) async fn remove(job: Job<'_>, ui: Ui) -> std::result::Result<Removed, Stop> {
    let Job { engine, plan, view, wanted, .. } = job;
    let removed = attended(&job, ui, async |run| engine.destroy(plan, view, wanted, run).await).await?;
    troubled(&removed.outcome, ui);
    Ok(removed)
}

/// What became of the lock or the journal after the work.
fn troubled(outcome: &Outcome, ui: Ui) {
    if let Some(trouble) = &outcome.trouble {
        ui.diagnostics(&trouble.clone().into());
    }
}

/// Shows how the work goes on, and passes interrupts to it.
async fn attended<T>(
    job: &Job<'_>,
    ui: Ui,
    work: impl AsyncFnOnce(Execution) -> std::result::Result<T, Diagnostics>,
) -> std::result::Result<T, Stop> {
    let (engine, presence) = (job.engine, job.presence.clone());
    let Job { command, delete_data, .. } = *job;
    let progress = Progress::new(ui, job.plan);
    let (stop, cancel) = tokio::sync::watch::channel(false);
    let clock = engine.aws().clock().clone();
    let beat = {
        let (progress, clock) = (progress.clone(), clock.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                progress.heartbeat(clock.now());
            }
        })
    };
    let over = Arc::new(AtomicBool::new(false));
    signals::pass(ui, stop, over.clone());
    engine.on_watching(Arc::new(move |lock| ui.say(&watching(lock))));
    let sink = progress.clone();
    let run =
        Execution { command, presence: Some(presence), delete_data, sink: Arc::new(move |e| sink.event(&e)), cancel };
    let outcome = work(run).await;
    over.store(true, Ordering::SeqCst);
    beat.abort();
    progress.finish();
    Ok(outcome?)
}

/// Who holds the stack, and what for.
pub(super) fn held_by(lock: &LockStatus) -> String {
    let holder = lock.holder.as_ref();
    let (name, command) = holder.map_or(("somebody unknown", "a command"), |h| (&h.name, &h.command));
    format!("the stack is locked by {name} (`{command}`)")
}

/// Said when the holder of the lock has been silent, and must be watched before its lock is taken over.
pub(super) fn watching(lock: &LockStatus) -> String {
    let holder = lock.holder.as_ref().map_or("somebody unknown", |h| h.name.as_str());
    let seen = lock.renewed.map(|t| journal::lock::moment(t).to_string()).unwrap_or_default();
    format!(
        "the stack is locked by {holder}, last seen alive {seen}: watching for {} s before taking over",
        journal::TAKEOVER.as_secs()
    )
}

/// How an execution ended, as an exit code.
pub(super) fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        o if o.cancelled => Exit::Interrupted,
        o if o.complete() => Exit::Ok,
        // A lock that was lost after everything was done still leaves a journal without its end.
        o if o.trouble.is_some() => Exit::Partial,
        o if o.failed.is_empty() || o.done > 0 || o.taken_on || !o.pending.is_empty() => Exit::Partial,
        _ => Exit::Error,
    }
}

/// The closing words of an execution.
pub(super) fn closing(verb: &str, plan: &Plan, outcome: &Outcome) -> String {
    let s = plan.summary;
    if outcome.complete() {
        let mut parts = Vec::new();
        for (n, what) in [
            (s.create, "created"),
            (s.update, "updated"),
            (s.replace, "replaced"),
            (s.delete, "deleted"),
            (s.adopt, "adopted"),
        ] {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        }
        return format!("{verb}: {}", parts.join(", "));
    }
    let mut out = format!(
        "not complete: {} done, {} failed, {} pending, {} not tried",
        outcome.done,
        outcome.failed.len(),
        outcome.pending.len(),
        outcome.skipped.len()
    );
    for (address, error) in &outcome.failed {
        out.push_str(&format!("\n  {address}: {error}"));
    }
    for (address, why) in &outcome.pending {
        out.push_str(&format!("\n  {address}: {why}"));
    }
    out
}

/// The last JSON line.
pub(super) fn summary(
    command: &str,
    header: &report::Header,
    plan: &Plan,
    outcome: &Outcome,
    money: &PlanFigures,
    notes: &Diagnostics,
) -> Value {
    let failed: Vec<_> = outcome
        .failed
        .iter()
        .map(|(a, e)| json!({ "address": a, "error": e.to_string(), "code": e.code, "help": e.help }))
        .collect();
    let pending: Vec<_> = outcome.pending.iter().map(|(a, why)| json!({ "address": a, "reason": why })).collect();
    json!({
        "type": "summary", "format_version": 1, "command": command, "stack": header.stack, "account": header.account,
        "region": header.region, "summary": plan.summary, "complete": outcome.complete(), "done": outcome.done,
        "failed": failed, "pending": pending, "skipped": outcome.skipped, "cost": money.totals(),
        "diagnostics": notes,
    })
}

fn with_outputs(mut last: Value, compiled: &Compiled, snapshot: &Snapshot) -> Value {
    last["outputs"] = json!(output::values(compiled, snapshot));
    last
}
