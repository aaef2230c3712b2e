//! destroy: remove everything that the stack owns, and prove it.
use super::{
    Exit, Result, apply,
    forms::{self, Forms},
    money,
    patience::Patience,
    plan,
    stack::{self, Which},
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, Severity},
    engine::{Outcome, Removal, Removed},
    plan::{Action, Plan},
    price::line::{Dollars, rounded},
    report::{ci::Told, cost::PlanFigures, plan as report},
};
use serde_json::json;

/// Remove a stack, and prove that nothing is left.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) which: Which,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Empty buckets and file systems that hold data; without it they stay and are named.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    pub(super) forms: Forms,
}

impl Args {
    /// What `run` removes when its job is over.
    pub(super) fn of_run(args: &super::run::Args, delete_data: bool) -> Self {
        let (which, patience) = (args.which.clone(), args.patience);
        Self { which, yes: true, delete_data, patience, forms: args.forms.inner() }
    }
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    apply::can_answer(args.yes, ui, "destroy")?;
    let mut found = stack::find(&args.which).await?;
    if args.patience.wait(&found.engine, &found.place.presence(), ui).await? {
        // The second look must not meet the hold of the first one on the sandbox's folder.
        drop(found);
        found = stack::find(&args.which).await?;
    }
    let engine = &found.engine;
    let Removal { view, mut plan, contents, stays } = engine.plan_removal(&found.wanted, args.delete_data).await?;
    let money = money::with_pricing(&args.which, &found, ui, |pricing| PlanFigures::new(&pricing.plan(&plan)))?;
    for step in plan.steps.iter_mut().filter(|s| s.action == Action::Delete) {
        if let Some(what) = contents.get(&step.address) {
            step.reason = format!("it holds {what}");
        }
    }
    let header = plan::header(&found.place, engine, &found.stack).await?;
    if let Some(error) = engine.no_memory(&view) {
        if args.which.stack.is_none() {
            return Err(error.diagnostic().into());
        }
        let help = "it is removed by its tags alone; if its blueprint names a `backend:`, give it as `--backend`, so \
                    that the stack's own lock holds";
        let warning = Diagnostic { severity: Severity::Warning, ..error.diagnostic() }.with_help(help);
        ui.diagnostics(&warning.into());
    }
    if !ui.json {
        // What could not be looked for is said with the proof.
        ui.diagnostics(
            &plan.notes.iter().filter(|d| d.code != dlinfra::engine::codes::KIND_NOT_READ.code).cloned().collect(),
        );
    }
    if !plan.is_empty() {
        if !ui.json {
            let show = report::Show { screen: ui.screen, full: true, cost: Some(&money), revealed: None };
            ui.propose(&report::text(&header, &plan, &show), !args.yes);
        }
        if !args.yes {
            let question = format!(
                "Type the stack's name ({}) to remove it from account {} {}:",
                found.stack, header.account, header.region
            );
            if ui.ask(&question).is_none_or(|a| a != found.stack) {
                ui.say("nothing was changed");
                return Ok(Exit::Error);
            }
        }
    }
    let job = apply::Job {
        engine,
        plan: &plan,
        view: &view,
        wanted: &found.wanted,
        command: "destroy",
        delete_data: args.delete_data,
        presence: found.place.presence(),
    };
    // Also with nothing to remove: what another run makes meanwhile would make the proof a lie.
    let Removed { outcome, proof, later } = apply::remove(job, ui).await?;
    plan.summary.delete += later;
    let Some(proof) = proof else {
        let exit = unproven(&header, &plan, &outcome, &money, ui);
        if args.forms.wanted(ui) {
            let words = apply::closing("destroyed", &plan, &outcome);
            tell(args, (&header, &plan, &money), (&forms::undone(&outcome), &words), exit, ui)?;
        }
        return Ok(exit);
    };
    let keeps_journal = engine.backend().bucket().is_some() && (header.new_bucket.is_none() || !plan.is_empty());
    let endpoint = found.place.endpoint.as_ref().map(|e| format!("{e}, ")).unwrap_or_default();
    let place = format!("{endpoint}account {}, region {}, stack {}", header.account, header.region, found.stack);
    let (left, unpriced) = money.hourly_of(proof.left.iter().map(|(_, _, address, _)| address.as_str()));
    if ui.json {
        let mut last = apply::summary("destroy", &header, &plan, &outcome, &money, &Diagnostics::new());
        last["left"] = json!(
            proof
                .left
                .iter()
                .map(|(kind, id, address, state)| json!({ "kind": kind, "id": id, "address": address, "state": state }))
                .collect::<Vec<_>>()
        );
        last["not_seen"] =
            json!(proof.gaps.iter().map(|g| json!({ "kind": g.kind, "why": g.why.to_string() })).collect::<Vec<_>>());
        last["journal"] = json!({ "place": header.journal, "kept": keeps_journal });
        last["left_cost"] = json!({ "hourly": rounded(left, 4), "unpriced": unpriced });
        last["contents"] = json!(contents);
        ui.data(&last.to_string());
    } else if proof.left.is_empty() {
        if plan.is_empty() {
            ui.say("Nothing to destroy.");
        } else {
            ui.say(&apply::closing("destroyed", &plan, &outcome));
        }
        ui.data(&format!("Proof: {place}: 0 resources, $0.00/h left"));
        ui.diagnostics(&proof.notes());
        if keeps_journal {
            ui.say(&format!(
                "The journal stays in {}: it is the account's, not the stack's, and costs nothing by the hour (see docs/recovery.md)",
                header.journal
            ));
        }
    } else {
        if plan.is_empty() {
            ui.say("Nothing to destroy.");
        } else {
            ui.say(&apply::closing("destroyed", &plan, &outcome));
        }
        ui.diagnostics(&proof.notes());
        ui.data(&format!(
            "Left: {place}: {}, {}/h{}",
            dlinfra::report::counted(proof.left.len(), "resource"),
            Dollars(left),
            if unpriced > 0 { "+?" } else { "" }
        ));
        for (kind, id, address, state) in &proof.left {
            ui.data(&format!("  {address}  {kind}  {id}  {state}"));
        }
        if contents.keys().any(|address| stays.contains_key(address)) && !args.delete_data {
            let note = Diagnostic::note(&codes::DATA_KEPT, "what holds data was kept")
                .with_help("save what is needed, then `dlinfra destroy … --delete-data`");
            ui.diagnostics(&note.into());
        }
    }
    // Whoever lost the lock does not know what another run makes meanwhile.
    let exit = if proof.holds() && outcome.trouble.is_none() { Exit::Ok } else { Exit::Partial };
    if args.forms.wanted(ui) {
        let left = match proof.left.is_empty() {
            true => "0 resources left".to_owned(),
            false => format!("{} left", dlinfra::report::counted(proof.left.len(), "resource")),
        };
        let words = format!("{left}; {}", apply::closing("destroyed", &plan, &outcome));
        let mut found = proof.notes();
        found.extend(forms::undone(&outcome));
        tell(args, (&header, &plan, &money), (&found, &words), exit, ui)?;
    }
    Ok(exit)
}

/// Tells what became of it in the forms that are wanted.
fn tell(
    args: &Args,
    (header, plan, money): (&report::Header, &Plan, &PlanFigures),
    (found, words): (&Diagnostics, &str),
    exit: Exit,
    ui: Ui,
) -> std::result::Result<(), super::Stop> {
    let file = forms::stack_or_file(&args.which);
    let told = forms::told("destroy", (&header.stack, &file), found, exit.code());
    let (header, plan, money) = (Some(header), Some(plan), Some(money));
    args.forms.tell(ui, &Told { header, plan, money, closing: Some(words), ..told })
}

/// The end of a run that was stopped, that lost its lock (what others do since then, it cannot know), or that could not
/// look.
fn unproven(header: &report::Header, plan: &Plan, outcome: &Outcome, money: &PlanFigures, ui: Ui) -> Exit {
    if ui.json {
        let mut last = apply::summary("destroy", header, plan, outcome, money, &Diagnostics::new());
        last["left"] = serde_json::Value::Null;
        ui.data(&last.to_string());
    } else {
        ui.say(&apply::closing("destroyed", plan, outcome));
        ui.say("No proof: this run ended before it. Run the same command again to go on, and to prove the end.");
    }
    match outcome.cancelled {
        true => Exit::Interrupted,
        false => Exit::Partial,
    }
}
