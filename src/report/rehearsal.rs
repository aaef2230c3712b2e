//! A rehearsal as text and as JSON.
use super::{
    plan::time,
    screen::{self, Screen},
    table::{Column, Table},
};
use crate::{
    preflight::Held,
    price::line::{Dollars, rounded},
    rehearsal::{Leg, Phase, Rehearsal, Second},
};
use anstyle::Style;
use serde_json::{Value, json};

/// For people.
pub fn text(rehearsal: &Rehearsal, screen: Screen) -> String {
    let Rehearsal { stack, region, account, apply, destroy, money, .. } = rehearsal;
    let mut out = String::new();
    let whose = match account {
        Some(account) => format!("the quotas and offers of account {account} hold"),
        None if !rehearsal.unchecked.is_empty() => "the quotas of your account are not known here".to_owned(),
        None if rehearsal.quotas.iter().any(|held| held.limit.is_some()) => {
            "the quotas that AWS gives to new accounts hold".to_owned()
        }
        None => "no quotas hold".to_owned(),
    };
    let head = format!("{stack} in {region}, rehearsed in a simulated AWS: nothing real is touched; {whose}");
    screen.paragraph(&mut out, "", Style::new(), &head, 2);
    if !rehearsal.quotas.is_empty() {
        out.push('\n');
    }
    out.push_str(&quotas_and_gaps(&rehearsal.quotas, &rehearsal.unchecked, screen));
    out.push('\n');
    phase("Apply", apply, screen, &mut out);
    phase("Destroy", destroy, screen, &mut out);
    let overhead = Dollars(money.overhead);
    let words = match money.hours {
        Some(hours) => format!(
            "{} for a run of {} h, of which {overhead} is spent while it is made and removed",
            Dollars(money.run),
            hours.normalize()
        ),
        None => format!("{overhead} while it is made and removed; `--hours N` adds the time between"),
    };
    let unpriced = match money.unpriced {
        0 => String::new(),
        1 => "; 1 line is unpriced".to_owned(),
        n => format!("; {n} lines are unpriced"),
    };
    screen.paragraph(&mut out, "Cost     ", Style::new(), &format!("{words}{unpriced}"), 9);
    if let Some(second) = &rehearsal.second {
        again(second, screen, &mut out);
    }
    out
}

/// What is needed of quotas beside what there is, and what nobody could say.
pub fn quotas_and_gaps(held: &[Held], unchecked: &[(String, String)], screen: Screen) -> String {
    let mut out = String::new();
    if !held.is_empty() {
        quotas(held, screen, &mut out);
    }
    for (what, why) in unchecked {
        screen.paragraph(&mut out, "not checked: ", Style::new(), &format!("{what}: {why}"), 2);
    }
    out
}

fn quotas(all: &[Held], screen: Screen, out: &mut String) {
    let mut table = Table::new(&[
        Column::figures("needed"),
        Column::figures("in use"),
        Column::figures("limit"),
        Column::whole("code"),
        Column::words("quota"),
    ]);
    for held in all {
        let demand = &held.demand;
        let number = |value: Option<u64>| value.map_or("?".to_owned(), |n| n.to_string());
        let (style, short) = match held.short() {
            0 => (Style::new(), String::new()),
            short => (screen::GONE, format!(": {short} too few, for {}", names(held))),
        };
        let words = format!("{} ({}){short}", demand.quota.name, demand.quota.unit);
        let cells =
            [demand.needed.to_string(), number(held.used), number(held.limit), demand.quota.code.to_owned(), words];
        table.row(style, cells);
    }
    table.render(screen, out);
}

/// The resources that need it.
fn names(held: &Held) -> String {
    held.demand.by.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn phase(name: &str, phase: &Phase, screen: Screen, out: &mut String) {
    let head = format!("{name:<9}");
    let words =
        format!("{}, {} requests, {} of them changing something", time(phase.seconds), phase.requests, phase.mutating);
    screen.paragraph(out, &head, Style::new(), &words, 9);
    if !phase.path.is_empty() {
        let leg = |leg: &Leg| format!("{} {}", leg.address, time(leg.seconds));
        let path = phase.path.iter().map(leg).collect::<Vec<_>>().join(" → ");
        screen.paragraph(out, "         ", screen::QUIET, &path, 9);
    }
    for failed in &phase.failed {
        screen.paragraph(out, "         ", screen::GONE, &format!("{}: {}", failed.address, failed.error), 11);
    }
}

fn again(second: &Second, screen: Screen, out: &mut String) {
    let refused: Vec<&str> = second.refused.iter().map(|r| r.address.as_str()).collect();
    let capacity = match (refused.as_slice(), second.applies) {
        ([], Some(_)) => "capacity is refused once: the same apply tries another way and succeeds".to_owned(),
        ([], None) => "capacity is refused once: no further apply completes it".to_owned(),
        (some, Some(applies)) => {
            format!("capacity is refused once, to {}: apply {applies} completes it", some.join(", "))
        }
        (some, None) => format!("capacity is refused once, to {}: no further apply completes it", some.join(", ")),
    };
    let words = format!("{capacity}, after {} of work", time(second.seconds));
    screen.paragraph(out, "If       ", Style::new(), &words, 9);
    if let Some(loss) = &second.loss {
        let market = if loss.spot { "a spot machine" } else { "a machine" };
        let end = if loss.failed.is_empty() { "the next apply" } else { "the next apply is not complete; it" };
        let words = format!(
            "{market} of {} is lost: {end} takes {} ({})",
            loss.address,
            time(loss.seconds),
            if loss.plan.is_empty() { "no change".to_owned() } else { loss.plan.join(", ") }
        );
        screen.paragraph(out, "If       ", Style::new(), &words, 9);
        for failed in &loss.failed {
            screen.paragraph(out, "         ", screen::GONE, &format!("{}: {}", failed.address, failed.error), 11);
        }
    }
}

/// A quota, for programs.
pub fn quota(held: &Held) -> Value {
    let demand = &held.demand;
    json!({
        "service": demand.quota.service, "code": demand.quota.code, "name": demand.quota.name,
        "unit": demand.quota.unit, "needed": demand.needed, "used": held.used, "limit": held.limit,
        "short": held.short(), "by": demand.by,
    })
}

/// For programs; without the envelope.
pub fn json(rehearsal: &Rehearsal) -> Value {
    let money = &rehearsal.money;
    json!({
        "stack": rehearsal.stack, "region": rehearsal.region, "account": rehearsal.account,
        "quotas": rehearsal.quotas.iter().map(quota).collect::<Vec<_>>(),
        "unchecked": rehearsal.unchecked.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect::<Vec<_>>(),
        "apply": rehearsal.apply, "destroy": rehearsal.destroy,
        "cost": {
            "run": rounded(money.run, 2), "overhead": rounded(money.overhead, 2),
            "hours": money.hours.map(|hours| hours.normalize().to_string()), "unpriced": money.unpriced,
        },
        "second": rehearsal.second, "fails": rehearsal.fails(),
    })
}
