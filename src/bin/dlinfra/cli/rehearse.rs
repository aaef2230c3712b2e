//! rehearse: apply and destroy in a simulated AWS whose time jumps, with the quotas of the real account.
mod life;

use super::{
    Exit, Result, Stop,
    arguments::{Source, Where},
    document, load,
    money::{self, Limits},
    place::{self, Place},
    prices,
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    catalog,
    compose::Deployment,
    diagnostic::{Diagnostic, Diagnostics},
    kinds::KINDS,
    plan::Action,
    preflight::{Demand, Held, Room, demands, machine_types},
    price::line::Dollars,
    rehearsal::{self, Course, Loss, Rehearsal, Second, Spending},
    report::{counted, plan::time, rehearsal as report},
    units::Span,
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule};
use life::{Life, Stage};
use rust_decimal::Decimal;
use std::time::Duration;

/// Apply and destroy a blueprint in a simulated AWS: how long it takes, what it costs, what would fail.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: Where,
    /// How long a run lasts; without it the blueprint's `ttl`.
    #[arg(long, value_name = "HOURS", value_parser = money::hours)]
    hours: Option<Decimal>,
    /// Whose quotas hold: those of the account, those that AWS gives to new accounts, or none.
    #[arg(long, value_enum, default_value = "account")]
    quotas: Quotas,
    /// Refuse what takes longer to apply than this: `40m`.
    #[arg(long, value_name = "TIME")]
    max_time: Option<Span>,
    /// Refuse a run that costs more than this, in USD; its length is `--hours` or the blueprint's `ttl`.
    #[arg(long, value_name = "USD", value_parser = amount)]
    max_cost: Option<Decimal>,
    /// Hold the cost against `--max-cost` although something has no price.
    #[arg(long)]
    allow_unpriced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Quotas {
    Account,
    NewAccount,
    None,
}

fn amount(text: &str) -> std::result::Result<Decimal, String> {
    let plain = text.trim().trim_end_matches("USD").trim_end();
    let found = Decimal::from_str_exact(plain).ok().filter(|d| !d.is_sign_negative());
    found.ok_or_else(|| "write dollars: `500` or `'500 USD'`".to_owned())
}

/// What the account says of itself; nothing of one that cannot be asked.
async fn room(
    args: &Args,
    deployment: &Deployment,
    demands: &[Demand],
) -> std::result::Result<(Option<String>, Room), Stop> {
    let compiled = &deployment.compiled;
    match args.quotas {
        Quotas::None => return Ok((None, Room::default())),
        Quotas::NewAccount => return Ok((None, Room::of_a_new_account(demands))),
        Quotas::Account => {}
    }
    if place::sandboxed(&args.place) {
        let text = "a rehearsal has a simulated AWS of its own";
        let help = "leave out `--sandbox`; `--quotas none` asks no account";
        return Err(Diagnostic::error(&codes::REHEARSAL_SANDBOX, text).with_help(help).into());
    }
    let place = Place::open(&args.place, &compiled.region, args.source.file.as_deref()).await?;
    let types = machine_types(&deployment.wanted);
    match Room::ask(&place.aws, demands, &compiled.stack, &types).await {
        Ok(room) => Ok((Some(place.aws.account().await?), room)),
        Err(why) => {
            let unchecked = vec![("quotas and offers of the account".to_owned(), why.to_string())];
            Ok((None, Room { unchecked, ..Room::default() }))
        }
    }
}

/// An account that has as much room as the real one.
fn behaviour(room: &Room, region: &str) -> Behaviour {
    let left = |(code, limit): (&String, &u64)| {
        (code.clone(), limit.saturating_sub(room.used.get(code).copied().unwrap_or(0)))
    };
    let zones = catalog::zones(region).unwrap_or_default();
    let absent = room.offers.iter().flat_map(|(name, offered)| {
        zones.iter().filter(|zone| !offered.contains(zone.as_str())).map(move |zone| (format!("{name}@{zone}"), 0))
    });
    Behaviour {
        quotas: room.limits.iter().map(left).collect(),
        capacity: absent.collect(),
        // What lies in buckets that exist, nobody has asked.
        assumed_model_data: true,
        ..Behaviour::default()
    }
}

/// A machine that is lost so soon after its launch was never there: what killed it would kill the next one too.
const AGE: Duration = Duration::from_secs(30 * 60);

/// So many applies are tried in a life in which something is refused.
const APPLIES: usize = 4;

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let deployment = load::load(&args.source)?;
    if !ui.json {
        ui.diagnostics(&deployment.notes);
    }
    let beside = place::beside(args.source.file.as_deref());
    let (prices, notes) = prices::prices(&args.place, &beside);
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let (stated, _) = money::stated(&deployment.compiled, &Limits { hours: args.hours, ..Limits::default() })?;
    let pricing = money::pricing(&deployment.compiled, &stated, &prices.book);
    let region = &deployment.compiled.region;
    let demands = demands(&deployment.wanted);
    let (account, mut room) = room(args, &deployment, &demands).await?;
    let behaviour = behaviour(&room, region);
    let quotas = room.hold(demands);
    // From here on nobody talks to the network, and time jumps to whatever is waited for.
    tokio::time::pause();
    let (ground, wanted) = rehearsal::grounded(KINDS, &deployment.wanted, region)?;
    let stage = Stage { deployment: &deployment, ground: &ground, wanted: &wanted };
    let life = Life::begin(stage, behaviour.clone(), Vec::new()).await?;
    let applied = life.apply().await?;
    let destroyed = life.destroy().await?;
    let mut bill = pricing.plan(&applied.plan).after;
    // What exists is somebody else's, and paid for already.
    bill.items.retain(|item| ground.iter().all(|w| w.address.as_str() != item.address));
    let courses = (Course::of(&applied.events), Course::of(&destroyed.events));
    let money = Spending::of(
        &bill,
        (&courses.0, applied.ended),
        (&courses.1, destroyed.began),
        stated.run.map(|run| run.hours),
    );
    let second = match applied.outcome.complete() {
        true => second(stage, behaviour).await?,
        false => None,
    };
    let unchecked = std::mem::take(&mut room.unchecked);
    let (stack, region) = (deployment.compiled.stack.clone(), region.clone());
    let (apply, destroy) = (applied.phase, destroyed.phase);
    let rehearsal = Rehearsal { stack, region, account, quotas, unchecked, apply, destroy, money, second };
    let words = verdict(args, &rehearsal);
    if ui.json {
        let mut found = deployment.notes.clone();
        found.extend(words.iter().cloned());
        ui.data(&document("rehearse", &report::json(&rehearsal), &found).to_string());
    } else {
        ui.data(&report::text(&rehearsal, ui.screen));
    }
    match words.has_errors() {
        true if ui.json => Ok(Exit::Refused),
        true => Err(Stop { exit: Exit::Refused, diagnostics: words }),
        false => Ok(Exit::Ok),
    }
}

/// A second life, in which capacity is refused once, and a machine is taken away.
async fn second(stage: Stage<'_>, behaviour: Behaviour) -> std::result::Result<Option<Second>, Stop> {
    if machine_types(stage.wanted).is_empty() {
        return Ok(None);
    }
    let code = "InsufficientInstanceCapacity".to_owned();
    let refusal = FaultRule::new("ec2:RunInstances", FaultAction::ErrorBefore { code, status: 500 }).times(1);
    let life = Life::begin(stage, behaviour, vec![refusal]).await?;
    let mut out = Second { refused: Vec::new(), applies: None, seconds: 0, loss: None };
    for number in 1..=APPLIES {
        let done = life.apply().await?;
        out.seconds += done.phase.seconds;
        if done.outcome.complete() {
            out.applies = Some(number);
            break;
        }
        if number == 1 {
            out.refused = done.phase.failed;
        }
    }
    if out.applies.is_some() {
        life.clock.sleep(AGE).await;
        let engine = life.engine().await?;
        let view = engine.look(stage.wanted).await?;
        if let Some((address, machine)) = engine.a_machine(&view)
            && life.sandbox.interrupt(&stage.deployment.compiled.region, &machine.id)
        {
            let done = life.apply().await?;
            let changed = done.plan.steps.iter().filter(|step| !matches!(step.action, Action::Keep | Action::Read));
            out.loss = Some(Loss {
                address: address.to_string(),
                id: machine.id,
                spot: machine.spot,
                plan: changed.map(|step| step.address.to_string()).collect(),
                failed: done.phase.failed,
                seconds: done.phase.seconds,
            });
        }
    }
    life.destroy().await?;
    Ok(Some(out))
}

/// What speaks against it.
fn verdict(args: &Args, rehearsal: &Rehearsal) -> Diagnostics {
    let mut out = Diagnostics::new();
    out.extend(rehearsal.quotas.iter().filter_map(Held::problem));
    for (phase, name) in [(&rehearsal.apply, "apply"), (&rehearsal.destroy, "destroy")] {
        for failed in &phase.failed {
            let text = format!("{name} would fail: {}", failed.error);
            out.push(
                Diagnostic::error(&codes::WOULD_FAIL, text)
                    .at_address(&failed.address)
                    .with_help_opt(failed.help.clone()),
            );
        }
    }
    if let Some(max) = args.max_time.filter(|max| rehearsal.apply.seconds > max.seconds()) {
        let text = format!("apply takes {}, more than {max}", time(rehearsal.apply.seconds));
        out.push(Diagnostic::error(&codes::TOO_SLOW, text).with_help("the path above says what it waits for"));
    }
    if args.max_cost.is_some() && rehearsal.money.unpriced > 0 && !args.allow_unpriced {
        let lines = counted(rehearsal.money.unpriced, "line");
        let text = format!("nobody knows what a run costs: {lines} without a price");
        out.push(Diagnostic::error(&codes::TOO_DEAR, text).with_help("`--allow-unpriced` counts them as nothing"));
    }
    if let Some(max) = args.max_cost.filter(|max| rehearsal.money.run > *max) {
        let text = format!("a run costs {}, more than {}", Dollars(rehearsal.money.run), Dollars(max));
        out.push(Diagnostic::error(&codes::TOO_DEAR, text).with_help("`dlinfra cost` says what costs most"));
    }
    out
}
