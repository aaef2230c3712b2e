//! plan: the same steps as apply, up to the execution.
use super::{
    Exit, Result, Stop,
    arguments::{Source, Where},
    forms::{self, Forms},
    load,
    money::{Judged, Limits},
    place::{self, Place},
    prices,
    reaper::{self, Keeping},
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    address::Address,
    blueprint::RealFiles,
    compose::Deployment,
    diagnostic::{Diagnostic, Diagnostics, Severity},
    engine::{Engine, Settled, View},
    journal::JournalError,
    plan::Plan,
    report::{change::Revealed, ci::Told, plan as report},
    saved::{self, SavedInputs, SavedPlan, looks_like_secret},
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Show what apply would do: each resource, money, time, risk.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    place: Where,
    /// Show every resource of a large plan.
    #[arg(long)]
    full: bool,
    /// Exit 2 when there are changes, 0 when there are none.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Replace this resource although nothing forces it.
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    pub(super) forms: Forms,
    /// Save the plan, so that `dlinfra apply PLAN.json` does this and nothing else.
    #[arg(long, alias = "output", short, value_name = "PLAN.json")]
    out: Option<PathBuf>,
}

/// Everything up to the execution.
pub(super) struct Prepared {
    pub deployment: Deployment,
    pub place: Place,
    pub engine: Engine,
    pub view: View,
    pub plan: Plan,
    pub header: report::Header,
    pub money: Judged,
    /// How comments and reports call the stack's file.
    pub file: String,
    /// What the plan was made from, for saving it.
    pub inputs: SavedInputs,
    /// What shall be replaced although nothing forces it.
    pub replace: BTreeSet<Address>,
    /// The saved plan that FILE is.
    pub saved: Option<Box<SavedPlan>>,
    /// Why nothing may be changed before the stack's own journal is found.
    pub no_memory: Option<JournalError>,
}

impl Prepared {
    /// What stands behind the digests of the plan, without what looks like a secret.
    pub(super) async fn revealed(&self) -> Revealed {
        let mut out = self.engine.reveal(&self.plan, &self.view).await;
        for (before, after) in out.values_mut().flat_map(BTreeMap::values_mut) {
            for text in [before, after] {
                *text = without_secrets(text);
            }
        }
        out
    }

    /// Everything that was found, in one list.
    pub(super) fn found(&self) -> Diagnostics {
        let mut out = self.deployment.notes.clone();
        out.extend(self.plan.notes.iter().chain(self.money.words.iter()).cloned());
        out.sort();
        out
    }

    /// What there is to tell of it in the forms of CI systems.
    pub(super) fn told<'a>(
        &'a self,
        command: &'a str,
        found: &'a Diagnostics,
        exit: Exit,
        closing: Option<&'a str>,
        next: Option<&'a str>,
    ) -> Told<'a> {
        let (header, plan, money) = (Some(&self.header), Some(&self.plan), Some(&self.money.figures));
        Told {
            header,
            plan,
            money,
            closing,
            next,
            ..forms::told(command, (&self.header.stack, &self.file), found, exit.code())
        }
    }

    pub(super) fn show<'a>(&'a self, full: bool, revealed: &'a Revealed, ui: Ui) -> report::Show<'a> {
        report::Show { screen: ui.screen, full, cost: Some(&self.money.figures), revealed: Some(revealed) }
    }
}

/// Loads, connects, looks and plans.
pub(super) async fn prepare(
    source: &Source,
    place: &Where,
    replace: &[String],
    limits: &Limits,
    keeping: &Keeping,
    ui: Ui,
) -> std::result::Result<Prepared, Stop> {
    let opened = load::open(source)?;
    let (deployment, inputs) = opened.deployment()?;
    let (remarks, warnings): (Vec<_>, Vec<_>) =
        deployment.notes.iter().cloned().partition(|d| d.severity == Severity::Note);
    if !ui.json {
        ui.diagnostics(&warnings.into_iter().collect());
    }
    let file = opened.blueprint();
    let (prices, notes) = prices::prices(place, &place::beside(Some(&file)));
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let place = Place::open(place, &deployment.compiled.region, Some(&file)).await?;
    let mut target = deployment.target();
    target.ttl_enforced &= !keeping.is_off();
    let mut engine = place.engine(target, deployment.compiled.backend.as_ref()).await?;
    let (replace, saved) = match opened {
        load::Opened::Blueprint(_) => (addresses(replace, &deployment)?, None),
        load::Opened::Saved(_) if !replace.is_empty() => return Err(load::settled("`--replace`")),
        load::Opened::Saved(plan) => {
            plan.check_version()?;
            let edited = plan.changed_since(&RealFiles);
            if !edited.is_empty() && !ui.json {
                ui.diagnostics(&saved::changed_since(&edited).into());
            }
            plan.check_place(&engine)?;
            (plan.replace.clone(), Some(plan))
        }
    };
    // Every time in one plan is told from one moment, which a saved plan keeps.
    let now = engine.now();
    engine.settle(match &saved {
        Some(plan) => plan.settled(),
        None => Settled { now: Timestamp::from_second(now.as_second()).unwrap_or(now), ..Settled::default() },
    });
    let located = |problems| deployment.located(problems);
    let view = engine.look(&deployment.wanted).await.map_err(located)?;
    let mut plan = engine.plan(&deployment.wanted, &view, &replace).map_err(located)?;
    engine.foresee(&mut plan, &view).await.map_err(located)?;
    plan.notes = located(std::mem::take(&mut plan.notes));
    if plan.is_empty() {
        // What was imagined is no news while nothing is made of it.
        plan.notes = plan.notes.into_iter().filter(|note| note.code != dlinfra::engine::codes::IMAGINED.code).collect();
    }
    // A note is about what will be made: above "No changes" it is noise.
    if !ui.json && !plan.is_empty() {
        ui.diagnostics(&remarks.into_iter().collect());
    }
    let mut header = header(&place, &engine, &deployment.compiled.stack).await?;
    let compiled = &deployment.compiled;
    let ttl = compiled.ttl.map(|ttl| ttl.to_string());
    header.end = reaper::promise(&place, ttl, compiled.backend.as_ref(), keeping).await;
    header.idle = compiled
        .idle
        .map(|idle| format!("idle ({idle}): machines of efa-cluster and llm-on-ec2 end themselves; the stack stays"));
    plan.notes.extend(reaper::unkept(&place, compiled, keeping));
    let money = Judged::new(&deployment.compiled, &plan, limits, &prices, engine.now())?;
    let no_memory = engine.no_memory(&view);
    let file = forms::file(source);
    Ok(Prepared { deployment, place, engine, view, plan, header, money, file, inputs, replace, saved, no_memory })
}

/// A script without the lines that look like a secret.
fn without_secrets(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let name = line.trim_start().trim_start_matches("export ").split('=').next().unwrap_or_default();
        let value = line.split_once('=').map_or(line, |(_, value)| value).trim_matches(['\'', '"']);
        match looks_like_secret(name, value).or_else(|| looks_like_secret("", line)) {
            Some(what) => format!("(a line that looks like {what})"),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands above a plan.
pub(super) async fn header(place: &Place, engine: &Engine, stack: &str) -> std::result::Result<report::Header, Stop> {
    Ok(report::Header {
        stack: stack.to_owned(),
        region: engine.aws().region().to_owned(),
        account: engine.identity().account.clone(),
        place: place.heading().await?,
        journal: engine.journal_place(),
        new_bucket: engine.bucket_to_be_made().await?,
        end: None,
        idle: None,
    })
}

/// Addresses that the blueprint has.
pub(super) fn addresses(texts: &[String], deployment: &Deployment) -> std::result::Result<BTreeSet<Address>, Stop> {
    let mut out = BTreeSet::new();
    let mut problems = Diagnostics::new();
    for text in texts {
        match deployment.wanted.iter().find(|w| w.address.as_str() == text) {
            Some(found) => {
                out.insert(found.address.clone());
            }
            None => {
                let all = deployment.wanted.iter().map(|w| w.address.as_str());
                let help = dlinfra::diagnostic::did_you_mean(text, all).map(|n| format!("did you mean `{n}`?"));
                problems.push(
                    Diagnostic::error(&codes::NO_RESOURCE, format!("the blueprint has no resource at `{text}`"))
                        .with_help_opt(help.or_else(|| Some("`dlinfra plan --full` lists the addresses".to_owned()))),
                );
            }
        }
    }
    Ok(problems.into_result(out).map(|(out, _)| out)?)
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The command that comes next, as it must be typed.
pub(super) fn next(command: &str, source: &Source, place: &Place) -> String {
    let mut out = format!("dlinfra {command}");
    if let Some(file) = &source.file {
        out.push_str(&format!(" {}", quoted(&file.display().to_string())));
    }
    for var in &source.vars {
        out.push_str(&format!(" --var {}", quoted(var)));
    }
    for file in &source.var_files {
        out.push_str(&format!(" --var-file {}", quoted(&file.display().to_string())));
    }
    if !place.flag.is_empty() {
        out.push_str(&format!(" {}", place.flag));
    }
    out
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    if let Some(path) = &args.out {
        load::can_write_saved(path)?;
    }
    let mut prepared = prepare(&args.source, &args.place, &args.replace, &args.limits, &args.keeping, ui).await?;
    if let Some(error) = &prepared.no_memory {
        let warning = Diagnostics::from(Diagnostic { severity: Severity::Warning, ..error.diagnostic() });
        if !ui.json {
            ui.diagnostics(&warning);
        }
        prepared.deployment.notes.extend(warning);
    }
    let (plan, money) = (&prepared.plan, &prepared.money);
    // What apply would refuse is not worth saving.
    let saving = args.out.as_deref().filter(|_| !money.refused() && prepared.no_memory.is_none());
    if let Some(path) = saving {
        save(path, &prepared)?;
    }
    // What a plan says about a saved plan is whether it still holds.
    let holds = prepared.saved.as_ref().map_or(Ok(()), |saved| saved.check_steps(&prepared.view, plan));
    if ui.json {
        // One document, whatever it is.
        holds?;
        let mut notes = prepared.deployment.notes.clone();
        notes.extend(plan.notes.iter().chain(money.words.iter()).cloned());
        ui.data(&report::json(&prepared.header, "plan", plan, Some(&money.figures), &json!(notes)).to_string());
    } else {
        let revealed = prepared.revealed().await;
        let show = prepared.show(args.full, &revealed, ui);
        let mut text = report::text(&prepared.header, plan, &show);
        if let Some(path) = saving {
            text.push_str(&format!("Saved: {}\n", path.display()));
        }
        if !plan.is_empty() && !money.refused() && holds.is_ok() {
            text.push_str(&format!("Next: {}\n", after(args, &prepared)));
        }
        ui.data(&text);
        ui.diagnostics(&plan.notes);
        ui.diagnostics(&money.words);
        holds?;
        if prepared.saved.is_some() {
            ui.say("the saved plan is up to date");
        }
    }
    let exit = match (money.refused(), args.detailed_exitcode && !plan.is_empty()) {
        (true, _) => Exit::Refused,
        (false, true) => Exit::Changes,
        (false, false) => Exit::Ok,
    };
    if args.forms.wanted(ui) {
        let next = (!plan.is_empty() && !money.refused()).then(|| after(args, &prepared));
        args.forms.tell(ui, &prepared.told("plan", &prepared.found(), exit, None, next.as_deref()))?;
    }
    // The process ends here; taking a large plan apart again would be a tenth of its time.
    let Prepared { deployment, engine, view, plan, .. } = prepared;
    std::mem::forget((deployment, engine, view, plan));
    Ok(exit)
}

/// The command that applies what was shown; destroyed data must be named again there.
fn after(args: &Args, prepared: &Prepared) -> String {
    let Some(path) = &args.out else { return next("apply", &args.source, &prepared.place) };
    let source = Source { file: Some(path.clone()), ..Source::default() };
    let mut out = next("apply", &source, &prepared.place);
    for step in prepared.plan.destructive() {
        out.push_str(&format!(" --allow-destroy {}", quoted(step.address.as_str())));
    }
    out
}

fn save(path: &Path, prepared: &Prepared) -> std::result::Result<(), Stop> {
    let Prepared { engine, deployment, view, plan, inputs, replace, .. } = prepared;
    let saved = SavedPlan::new(engine, deployment, view, plan, inputs.clone(), replace)?;
    load::write_saved(path, &saved)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_back_every_word() {
        for word in ["plain.yaml", "a b", "it's", "$HOME", "a;b", "`x`", "read=[a, b]", "", "!x", "~", "*", "é"] {
            let out = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output();
            assert_eq!(String::from_utf8(out.unwrap().stdout).unwrap(), word);
        }
        assert_eq!(quoted("nodes=8"), "nodes=8");
    }
}
