//! preflight: what the account lacks for a plan, before the first request that changes anything.
use super::{
    Exit, Result, Stop,
    arguments::{Source, Where},
    document, load,
    money::Limits,
    place::Place,
    plan::{self, Prepared},
    reaper::Keeping,
};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, Severity},
    engine::codes::NOT_FORESEEN,
    grants::{Ground, Life},
    journal::own_bucket,
    plan::{Plan, Wanted},
    preflight::{Held, Kept, Refusal, Room, codes, demands, makes_machines, refused, taken, touched},
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

/// Whether a plan asks the account as well.
#[derive(clap::Args, Clone, Copy, Default)]
pub(super) struct Beforehand {
    /// Do not ask the account whether its quotas are enough for new machines.
    #[arg(long, env = "DLINFRA_NO_PREFLIGHT", hide_env = true, value_parser = clap::builder::BoolishValueParser::new())]
    no_preflight: bool,
}

impl Beforehand {
    /// A plan that says nothing of quotas.
    pub(super) const OFF: Self = Self { no_preflight: true };

    /// What the account lacks for a plan, as warnings: the last word is AWS's. Without new machines nothing is asked; the
    /// simulated AWS of a folder has no account.
    pub(super) async fn shortages(
        self,
        place: &Place,
        (plan, wanted): (&Plan, &[Wanted]),
        stack: &str,
        kept: &mut Kept,
    ) -> Diagnostics {
        let mut out = Diagnostics::new();
        if self.no_preflight || place.sandbox.is_some() || !makes_machines(plan, wanted) {
            return out;
        }
        let demands = demands(wanted);
        let unchecked = match Room::ask_limits(&place.aws, &demands, stack, kept).await {
            Ok(room) => {
                let held = room.hold(demands);
                let problems = held.iter().filter_map(Held::problem);
                out.extend(problems.map(|found| Diagnostic { severity: Severity::Warning, ..found }));
                room.unchecked
            }
            Err(why) => vec![("quotas of the account".to_owned(), why.to_string())],
        };
        if !unchecked.is_empty() {
            let what: Vec<&str> = unchecked.iter().map(|(what, _)| what.as_str()).collect();
            let text = format!("not checked beforehand: {}", what.join(", "));
            out.push(Diagnostic::note(&codes::NOT_CHECKED, text).with_help("`dlinfra preflight` says why"));
        }
        out
    }
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
    let (limits, keeping) = (Limits::default(), &args.keeping);
    let prepared = plan::prepare(&args.source, &args.place, &[], &limits, keeping, Beforehand::OFF, quiet).await;
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
    // Where types are on offer, the plan has asked.
    let stack = &prepared.deployment.compiled.stack;
    let room = Room::ask_limits(aws, &demands, stack, &mut Kept::default()).await?;
    let mut unchecked = room.unchecked.clone();
    let quotas = room.hold(demands);
    let all = prepared.found();
    let (gaps, found): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|d| d.code == NOT_FORESEEN.code);
    unchecked.extend(gaps.into_iter().map(|gap| (gap.summary, gap.help.join("; "))));
    let mut found: Diagnostics = found.into_iter().filter(|d| d.severity != Severity::Note).collect();
    found.extend(quotas.iter().filter_map(Held::problem));
    let (taken, not_asked) = taken(aws, plan).await;
    found.extend(prepared.deployment.located(taken.into_iter().collect()));
    unchecked.extend(not_asked);
    let items = touched(plan, &prepared.deployment.wanted);
    let compiled = &prepared.deployment.compiled;
    let identity = aws.identity().await?;
    let ground = Ground {
        partition: identity.partition.clone(),
        account: identity.account.clone(),
        region: aws.region().to_owned(),
        bucket: own_bucket(&identity.account, aws.region()),
        data: true,
    };
    let of = Life {
        items: &items,
        stack: &compiled.stack,
        backend: compiled.backend.as_ref(),
        ends: compiled.ttl.is_some(),
        ground: &ground,
    };
    match refused(aws, of).await {
        Ok(refused) => found.extend(refused.iter().map(Refusal::problem)),
        Err(_) if plan.is_empty() => {}
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
