//! reaper: make, look at, try and remove what ends stacks at their time; and make it before a stack that needs it.
use super::{Exit, Result, Stop, apply, arguments::Where, document, place::Place, plan, reap, stack};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    blueprint::{Backend, Compiled},
    diagnostic::{Diagnostic, Diagnostics},
    engine::Engine,
    kinds::KINDS,
    plan::{Action, Plan},
    reaper::{self, Installed, NAME, Package, Pass, Program, Rehearsal},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

/// Make, look at, try or remove what ends stacks when their ttl is over.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make it, or bring it to this version of dlinfra.
    Install {
        #[command(flatten)]
        place: Where,
        #[command(flatten)]
        program: Chosen,
    },
    /// Show its version, its last pass and what that left.
    Status {
        #[command(flatten)]
        place: Where,
    },
    /// Call it once in a mode that changes nothing, and show what it may not do.
    Check {
        #[command(flatten)]
        place: Where,
    },
    /// Remove it. Nothing ends stacks then.
    Remove {
        #[command(flatten)]
        place: Where,
        /// Also while stacks with a ttl exist.
        #[arg(long)]
        force: bool,
    },
}

/// The program that the function runs.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Chosen {
    /// The dlinfra that the reaper runs, built for Linux on x86-64 or arm64; without it, this one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// How a stack's ttl is kept.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Keeping {
    /// Leave the reaper out: you end the stack at its ttl yourself.
    #[arg(long, env = "DLINFRA_NO_REAPER", hide_env = true, value_parser = clap::builder::BoolishValueParser::new())]
    no_reaper: bool,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let (Command::Install { place, .. }
    | Command::Status { place }
    | Command::Check { place }
    | Command::Remove { place, .. }) = &args.command;
    let region = stack::region(place)?;
    let place = Place::open(place, &region, None).await?;
    if place.sandbox.is_some() {
        return Err(Diagnostic::error(&codes::COMMAND_LINE, STANDS_STILL)
            .with_help("`dlinfra sandbox serve --run-functions` has time, and runs functions")
            .into());
    }
    match &args.command {
        Command::Install { program, .. } => {
            let there = reaper::installed(&place.aws).await?;
            if there.as_ref().is_some_and(|it| it.is_newer_than(OWN)) {
                return Err(older().into());
            }
            let fresh = install(&place, program, there.is_some_and(|it| it.data), ui).await?;
            check(&place, fresh, Last::Line, ui).await
        }
        Command::Status { .. } => status(&place, ui).await,
        Command::Check { .. } => check(&place, false, Last::Document, ui).await,
        Command::Remove { force, .. } => remove(&place, *force, ui).await,
    }
}

const STANDS_STILL: &str = "the sandbox stands still between commands, so nothing can end a stack there";

const OWN: &str = env!("CARGO_PKG_VERSION");

fn older() -> Diagnostic {
    Diagnostic::error(&reaper::codes::OLDER, format!("the reaper is newer than this dlinfra ({OWN})"))
        .with_help("use a dlinfra at least as new as `dlinfra reaper status` says")
}

impl Keeping {
    /// Shall the reaper leave the stack alone?
    pub(super) fn is_off(&self) -> bool {
        self.no_reaper
    }
}

/// What a plan says of a `ttl` that the reaper does not see.
pub(super) fn unkept(place: &Place, compiled: &Compiled, keeping: &Keeping) -> Option<Diagnostic> {
    let seen = compiled.backend.is_none() || keeping.no_reaper || place.sandbox.is_some();
    let ttl = compiled.ttl.filter(|_| !seen)?;
    let text = format!("nothing enforces the ttl of {ttl}: the journal is not in the account's own bucket");
    let found = Diagnostic::warning(&reaper::codes::JOURNAL_ELSEWHERE, text)
        .with_labels(compiled.spans.get("backend").cloned());
    Some(found.with_help("leave out `backend:`, or end the stack yourself with `dlinfra destroy`"))
}

/// How the end of a stack is kept, for a plan: nothing of a stack without one.
pub(super) async fn promise(
    place: &Place,
    ttl: Option<String>,
    backend: Option<&Backend>,
    keeping: &Keeping,
) -> Option<String> {
    let ttl = ttl?;
    if keeping.no_reaper {
        return Some(format!("ttl {ttl}: not enforced (`--no-reaper`); end the stack yourself"));
    }
    if place.sandbox.is_some() {
        return Some(format!("ttl {ttl}: in AWS the reaper enforces it; this sandbox stands still between commands"));
    }
    if backend.is_some() {
        return Some(format!("ttl {ttl}: not enforced, since the journal is not in the account's own bucket"));
    }
    let words = match reaper::installed(&place.aws).await {
        Err(e) => format!("nobody knows whether it is enforced: {e}"),
        Ok(None) => {
            "enforced by the reaper, which is made first: a function, its log, two roles, a schedule".to_owned()
        }
        Ok(Some(Installed { scheduled: false, .. })) => {
            "enforced by the reaper, whose schedule is repaired first".to_owned()
        }
        Ok(Some(Installed { version, .. })) => {
            let last = reaper::last_pass(&place.aws).await.ok().flatten();
            let last = last.map_or("no pass yet".to_owned(), |pass| format!("last pass {}", reap::ago(&pass, place)));
            format!("enforced by the reaper (dlinfra {}, {last})", version.as_deref().unwrap_or("?"))
        }
    };
    Some(format!("ttl {ttl}: {words}"))
}

/// Makes the reaper if need be, and rehearses it, before anything that costs money.
pub(super) async fn arm(
    prepared: &plan::Prepared,
    keeping: &Keeping,
    program: &Chosen,
    ui: Ui,
) -> std::result::Result<(), Stop> {
    let compiled = &prepared.deployment.compiled;
    let place = &prepared.place;
    if compiled.ttl.is_none() || compiled.backend.is_some() || place.sandbox.is_some() || keeping.no_reaper {
        return Ok(());
    }
    let there = reaper::installed(&place.aws).await.map_err(|e| e.diagnostic().with_help(WITHOUT))?;
    let newer = there.as_ref().is_some_and(|it| it.is_newer_than(OWN));
    let data = compiled.ttl_data || there.as_ref().is_some_and(|it| it.data);
    let whole = |it: &Installed| it.data == data && it.scheduled;
    let fits = there.as_ref().is_some_and(|it| whole(it) && it.version.as_deref() == Some(OWN));
    if newer && !there.as_ref().is_some_and(whole) {
        return Err(older().into());
    }
    let fresh = !fits && !newer && install(place, program, data, ui).await?;
    // What is there and does not change was rehearsed when it came.
    if prepared.plan.is_empty() && !fresh {
        return Ok(());
    }
    let kinds = || prepared.plan.steps.iter().filter(|s| s.action != Action::Delete).map(|s| s.kind.name());
    let holes = rehearsed(place, fresh).await?.holes(kinds());
    if holes.is_empty() {
        ui.say("ttl: enforced, rehearsed now");
        return Ok(());
    }
    Err(may_not(&holes).with_help(WITHOUT).into())
}

/// What the reaper says of itself. A role that was made or changed a moment ago is not the same everywhere yet, so a fresh
/// one is asked again.
async fn rehearsed(place: &Place, fresh: bool) -> std::result::Result<Rehearsal, Stop> {
    let mut tries = if fresh { YOUNG } else { 0 };
    loop {
        let found = reaper::rehearse(&place.aws).await;
        let whole = found.as_ref().is_ok_and(|found| found.holes(KINDS.iter().map(|k| k.name())).is_empty());
        if whole || tries == 0 {
            let found = found?;
            return if fresh && found.version != OWN { Err(another(&found).into()) } else { Ok(found) };
        }
        tries -= 1;
        place.aws.clock().sleep(Duration::from_secs(10)).await;
    }
}

fn another(found: &Rehearsal) -> Diagnostic {
    let text = format!("the reaper's program is dlinfra {}, and this is {OWN}", found.version);
    Diagnostic::error(&reaper::codes::UNFIT_PROGRAM, text)
        .with_help("name a program of this version with `--binary FILE`")
}

const WITHOUT: &str = "let its role do it, or apply with `--no-reaper` and end the stack yourself";
/// How many times a new role is tried again.
const YOUNG: u32 = 6;

fn may_not(holes: &[String]) -> Diagnostic {
    Diagnostic::error(&reaper::codes::MAY_NOT_REMOVE, "the reaper may not remove what this stack has")
        .with_detail(holes.join("\n"))
}

/// Brings the reaper's stack to what this dlinfra says. Was there anything to do?
async fn install(place: &Place, program: &Chosen, data: bool, ui: Ui) -> std::result::Result<bool, Stop> {
    let running = std::env::current_exe().map_err(|e| {
        Diagnostic::error(&reaper::codes::UNFIT_PROGRAM, format!("the running dlinfra cannot be found: {e}"))
            .with_help("name it with `--binary FILE`")
    })?;
    let package = Package::of(program.binary.as_deref().unwrap_or(Path::new(&running)), place.served)?;
    let mut ground = reaper::ground(&place.aws).await?;
    ground.data = data;
    let wanted = reaper::deployment(
        &ground,
        &Program {
            architecture: package.architecture.to_owned(),
            sha256: package.sha256.clone(),
            key: package.key(),
            version: OWN.to_owned(),
        },
    )?;
    let engine = place.engine(wanted.target(), None).await?;
    let view = engine.look(&wanted.wanted).await?;
    let plan = engine.plan(&wanted.wanted, &view, &BTreeSet::new())?;
    if plan.is_empty() {
        return Ok(false);
    }
    ui.say(&format!("The reaper ({NAME}), which ends stacks at their ttl, comes first:"));
    engine.backend().prepare().await.map_err(|e| e.diagnostic())?;
    reaper::upload(&place.aws, &package).await?;
    let job = apply::Job {
        engine: &engine,
        plan: &plan,
        view: &view,
        wanted: &wanted.wanted,
        command: "apply",
        delete_data: false,
        presence: place.presence(),
    };
    let outcome = apply::execute(job, ui).await?;
    if outcome.cancelled {
        return Err(Stop { exit: Exit::Interrupted, diagnostics: Diagnostics::new() });
    }
    if !outcome.complete() {
        let text = apply::closing("applied", &plan, &outcome);
        return Err(Diagnostic::error(&reaper::codes::NOT_REHEARSED, "the reaper is not ready, so nothing was begun")
            .with_detail(text)
            .with_help("run the same command again, or apply with `--no-reaper` and end the stack yourself")
            .into());
    }
    reaper::forget_programs(&place.aws).await?;
    Ok(true)
}

/// What the last pass did, if there was one that can be read.
pub(super) async fn last(place: &Place) -> Option<Pass> {
    if place.sandbox.is_some() { None } else { reaper::last_pass(&place.aws).await.ok().flatten() }
}

/// Below the list of stacks: what ends those that have an end.
pub(super) async fn in_list(place: &Place, any: bool, ui: Ui) {
    if place.sandbox.is_some() {
        return;
    }
    match (reaper::installed(&place.aws).await, last(place).await) {
        (Ok(None), _) if any => ui.say("nothing ends these stacks: there is no reaper (`dlinfra reaper install`)"),
        (Ok(Some(_)), Some(pass)) => {
            ui.data("");
            reap::show(&pass, place, ui);
        }
        // Whoever may not ask has the list all the same.
        _ => {}
    }
}

fn none() -> Diagnostic {
    Diagnostic::error(&codes::COMMAND_LINE, "there is no reaper in this account and region")
        .with_help("`dlinfra reaper install` makes it; so does the first apply of a stack with a `ttl`")
}

/// What stands at the end of an answer in JSON.
#[derive(Clone, Copy)]
enum Last {
    /// The whole of it.
    Document,
    /// The last of many lines, each of which says what it is, as those of `apply`.
    Line,
}

/// The answer of this command in JSON.
fn answer(last: Last, fields: &Value) -> String {
    let mut out = document("reaper", fields, &Diagnostics::new());
    if let Last::Line = last {
        out["type"] = json!("summary");
    }
    out.to_string()
}

async fn check(place: &Place, fresh: bool, last: Last, ui: Ui) -> Result {
    if reaper::installed(&place.aws).await?.is_none() {
        return Err(none().into());
    }
    let found = rehearsed(place, fresh).await?;
    let holes = found.holes(KINDS.iter().map(|k| k.name()));
    if ui.json {
        ui.data(&answer(last, &json!({ "complete": holes.is_empty(), "rehearsal": found, "holes": holes })));
    } else if holes.is_empty() {
        ui.data(&format!("{NAME} (dlinfra {}) may remove everything that dlinfra makes", found.version));
    } else {
        ui.data(&format!("{NAME} (dlinfra {}) may not remove:", found.version));
        holes.iter().for_each(|hole| ui.data(&format!("  {hole}")));
    }
    Ok(if holes.is_empty() { Exit::Ok } else { Exit::Partial })
}

async fn status(place: &Place, ui: Ui) -> Result {
    let (found, last) = (reaper::installed(&place.aws).await?, reaper::last_pass(&place.aws).await?);
    if ui.json {
        let version = found.as_ref().and_then(|it| it.version.clone());
        let scheduled = found.as_ref().is_some_and(|it| it.scheduled);
        let fields = json!({
            "installed": found.is_some(), "version": version, "scheduled": scheduled, "last_pass": last,
        });
        ui.data(&answer(Last::Document, &fields));
        return Ok(Exit::Ok);
    }
    let Some(found) = found else { return Err(none().into()) };
    ui.data(&format!("{NAME}, dlinfra {}", found.version.as_deref().unwrap_or("of an unknown version")));
    if !found.scheduled {
        ui.data("nothing calls it: its schedule is off or gone (`dlinfra reaper install` mends it)");
    }
    match last {
        None => ui.data("no pass yet"),
        Some(pass) => reap::show(&pass, place, ui),
    }
    Ok(Exit::Ok)
}

async fn remove(place: &Place, force: bool, ui: Ui) -> Result {
    let (found, gaps) = Engine::all_stacks(&place.aws, KINDS).await?;
    let armed: BTreeSet<String> = found
        .iter()
        .filter_map(|object| dlinfra::aws::ownership::Ownership::read(&object.live.tags))
        .filter(|owner| owner.expires.is_some())
        .map(|owner| owner.stack)
        .collect();
    let mut names: Vec<String> = armed.into_iter().collect();
    if !gaps.is_empty() {
        names.push("others that cannot be looked at".to_owned());
    }
    if !names.is_empty() && !force {
        return Err(Diagnostic::error(
            &reaper::codes::STILL_NEEDED,
            format!("stacks rely on it: {}", names.join(", ")),
        )
        .with_help("destroy them first, or add `--force`: nothing ends them then")
        .into());
    }
    let engine = place.engine_by_name(NAME, None).await?;
    let removal = engine.plan_removal(&[], true).await?;
    let (plan, view): (&Plan, _) = (&removal.plan, &removal.view);
    let job = apply::Job {
        engine: &engine,
        plan,
        view,
        wanted: &[],
        command: "destroy",
        delete_data: true,
        presence: place.presence(),
    };
    let removed = apply::remove(job, ui).await?;
    reaper::forget_programs(&place.aws).await?;
    let proved = removed.proof.as_ref().is_some_and(dlinfra::engine::Proof::holds);
    if ui.json {
        ui.data(&answer(Last::Line, &json!({ "complete": proved, "removed": proved })));
    } else {
        ui.say(if proved { "the reaper is removed" } else { "not all of the reaper is removed: run it again" });
    }
    Ok(if proved { Exit::Ok } else { Exit::Partial })
}
