//! preflight: what the account lacks for a plan, before the first request that changes anything.
use super::{
    Exit, Result, Stop,
    arguments::{Source, Where},
    document, load,
    money::Limits,
    plan::{self, Prepared},
    reaper::Keeping,
};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, Severity},
    engine::codes::NOT_FORESEEN,
    preflight::{Held, Room, actions, codes, demands, machine_types, refused},
    report::{counted, plan::time, rehearsal as report},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Ask the account whether a blueprint can be applied: quotas, offers, images, reservations, permissions.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    keeping: Keeping,
}

/// What was asked, and what that gave.
#[derive(Default)]
struct Asked {
    found: Diagnostics,
    quotas: Vec<Held>,
    unchecked: Vec<(String, String)>,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    load::load(&args.source)?;
    let quiet = ui.silent();
    let prepared = plan::prepare(&args.source, &args.place, &[], &Limits::default(), &args.keeping, quiet).await;
    let asked = match prepared {
        Ok(prepared) => ask(&prepared).await?,
        // What a plan refuses of a resource is a finding; without a blueprint or credentials there is no plan.
        Err(stop) if stop.diagnostics.iter().any(|d| d.address.is_some()) => Asked {
            found: stop.diagnostics,
            unchecked: vec![("quotas and permissions".to_owned(), "the plan is refused before that".to_owned())],
            ..Asked::default()
        },
        Err(stop) => return Err(stop),
    };
    let refused = asked.found.has_errors();
    if ui.json {
        let unchecked = asked.unchecked.iter().map(|(what, why)| json!({ "what": what, "why": why }));
        let fields = json!({
            "findings": asked.found.iter().map(|d| finding(d, &asked.quotas)).collect::<Vec<_>>(),
            "quotas": asked.quotas.iter().map(report::quota).collect::<Vec<_>>(),
            "unchecked": unchecked.collect::<Vec<_>>(),
        });
        ui.data(&document("preflight", &fields, &Diagnostics::new()).to_string());
        return Ok(if refused { Exit::Refused } else { Exit::Ok });
    }
    ui.data(&report::quotas_and_gaps(&asked.quotas, &asked.unchecked, ui.screen));
    match refused {
        true => Err(Stop { exit: Exit::Refused, diagnostics: asked.found }),
        false => {
            ui.diagnostics(&asked.found);
            ui.data(&format!(
                "nothing that was asked about stands in the way; {} not checked",
                counted(asked.unchecked.len(), "point")
            ));
            Ok(Exit::Ok)
        }
    }
}

async fn ask(prepared: &Prepared) -> std::result::Result<Asked, Stop> {
    let (aws, plan) = (prepared.engine.aws(), &prepared.plan);
    let demands = demands(&prepared.deployment.wanted);
    let types = machine_types(&prepared.deployment.wanted);
    let room = Room::ask(aws, &demands, &prepared.deployment.compiled.stack, &types).await?;
    let mut unchecked = room.unchecked.clone();
    let quotas = room.hold(demands);
    let all = prepared.found();
    let (gaps, found): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|d| d.code == NOT_FORESEEN.code);
    unchecked.extend(gaps.into_iter().map(|gap| (gap.summary, gap.help.join("; "))));
    let mut found: Diagnostics = found.into_iter().filter(|d| d.severity != Severity::Note).collect();
    found.extend(quotas.iter().filter_map(Held::problem));
    let actions = actions(plan);
    match refused(aws, &actions).await {
        Ok(refused) => found.extend(refused.iter().map(|action| {
            let kinds: Vec<&str> = actions.get(action).into_iter().flatten().copied().collect();
            let text = format!("the caller may not `{action}`, which {} needs", kinds.join(", "));
            let help = format!(r#"allow it: {{"Effect":"Allow","Action":"{action}","Resource":"*"}}"#);
            Diagnostic::error(&codes::NOT_ALLOWED, text).with_help(help)
        })),
        Err(why) if actions.is_empty() => drop(why),
        Err(why) => unchecked.push(("permissions of the caller".to_owned(), why.to_string())),
    }
    if let Some(end) = aws.credentials_end().await {
        let left = end.duration_since(aws.clock().now()).as_secs();
        let needed = plan.expected_seconds;
        if u64::try_from(left).unwrap_or_default() < needed {
            let left = time(u64::try_from(left).unwrap_or_default());
            let text = format!("the apply takes about {}, and the credentials expire in {left}", time(needed));
            let help = "renew them, or use a role with longer sessions";
            found.push(Diagnostic::warning(&codes::CREDENTIALS_END, text).with_help(help));
        }
    }
    let held: BTreeSet<String> =
        quotas.iter().filter(|held| held.limit.is_none()).map(|held| held.demand.quota.code.to_owned()).collect();
    unchecked
        .extend(held.into_iter().map(|code| (format!("quota {code}"), "Service Quotas does not list it".to_owned())));
    found.sort();
    Ok(Asked { found, quotas, unchecked })
}

/// A finding for programs.
fn finding(found: &Diagnostic, quotas: &[Held]) -> Value {
    let held = quotas.iter().find(|held| held.problem().is_some_and(|problem| problem.summary == found.summary));
    json!({
        "code": found.code, "severity": found.severity, "address": found.address, "summary": found.summary,
        "help": found.help, "needed": held.map(|held| held.demand.needed), "used": held.and_then(|held| held.used),
        "limit": held.and_then(|held| held.limit), "request": held.map(Held::request),
    })
}
