//! Every stack of an account for managers: what all of them cost, whose they are, and which have outlived their time.

use askama::Template;
use jiff::Timestamp;

use super::{RenderError, counted, money, written};
use crate::cost::account::Stack;
use crate::cost::{Spent, Sum};
use crate::price::line::rounded;
use crate::report::cost::account::{AccountReport, owner};

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    title: String,
    report: &'a AccountReport<'a>,
    at: String,
    count: usize,
    expired: usize,
    total: Cells,
    /// What the expired ones go on costing, as a sentence.
    burning: Option<String>,
    missing: Vec<String>,
    owners: Vec<OwnerRow<'a>>,
    stacks: Vec<StackRow<'a>>,
}

/// Figures as they are shown, and as programs get them; what is not known is said, and never zero.
struct Cells {
    hourly: Figure,
    monthly: Figure,
    spent: Figure,
    unpriced: usize,
    unknown_age: usize,
}

/// One figure.
struct Figure {
    /// As in the JSON; none when nobody knows it.
    value: Option<String>,
    words: String,
}

struct OwnerRow<'a> {
    name: &'a str,
    stacks: usize,
    expired: usize,
    cells: Cells,
    /// Part of the hour and width of the bar, in percent; none without a price.
    percent: Option<String>,
    width: String,
}

struct StackRow<'a> {
    name: &'a str,
    /// Only where two stacks have one name.
    id: Option<&'a str>,
    owner: &'a str,
    expired: bool,
    /// `2026-11-21 10:00 UTC`; none when it lasts.
    expires: Option<String>,
    /// `for 2 days`, `in 5 hours`.
    when: String,
    objects: usize,
    cells: Cells,
}

pub(in crate::report::cost) fn render(report: &AccountReport<'_>) -> Result<String, RenderError> {
    let all = report.all;
    let (sum, spent) = all.total();
    let total = cells(&sum, &spent);
    let expired: Vec<&Stack> = all.stacks.iter().filter(|stack| stack.expired).collect();
    let page = Page {
        title: format!("Stacks of account {} in {}", report.account, report.heading.region),
        report,
        at: moment(report.at),
        count: all.stacks.len(),
        expired: expired.len(),
        burning: (!expired.is_empty()).then(|| burning(&expired)),
        missing: missing(&total),
        total,
        owners: owners(report, &sum),
        stacks: all.stacks.iter().map(|stack| stack_row(report, stack)).collect(),
    };
    written(&page)
}

/// Whether any line of it has a price: without one its cost is unknown, not zero.
fn priced(sum: &Sum) -> bool {
    sum.unpriced == 0 || sum.unpriced < sum.lines()
}

fn cells(sum: &Sum, spent: &Spent) -> Cells {
    let figure = |known: bool, value: String, unknown: &str| Figure {
        words: if known { money(&value) } else { unknown.to_owned() },
        value: known.then_some(value),
    };
    let known = priced(sum);
    let aged = spent.unknown_age == 0 || !spent.dollars.is_zero();
    Cells {
        hourly: figure(known, rounded(sum.total().hourly(), 4), "unpriced"),
        monthly: figure(known, rounded(sum.total().monthly(), 2), "unpriced"),
        spent: figure(known && aged, rounded(spent.dollars, 2), if known { "unknown" } else { "unpriced" }),
        unpriced: sum.unpriced,
        unknown_age: spent.unknown_age,
    }
}

/// What the sums leave out.
fn missing(total: &Cells) -> Vec<String> {
    let mut missing = Vec::new();
    if total.unpriced > 0 {
        let lines = counted(total.unpriced, "line");
        missing.push(format!("{lines} without a price, which may cost anything."));
    }
    if total.unknown_age > 0 {
        let objects = counted(total.unknown_age, "object");
        missing.push(format!("{objects} of unknown age, counted per hour and month but not in what was spent."));
    }
    missing
}

/// What expired stacks go on costing.
fn burning(expired: &[&Stack]) -> String {
    let sum = expired.iter().fold(Sum::default(), |sum, stack| sum.plus(stack.sum));
    let cells = cells(&sum, &Spent::default());
    if cells.hourly.value.is_none() {
        return "Nobody knows a price of anything in that.".to_owned();
    }
    let who = if expired.len() == 1 { "It costs" } else { "Together they cost" };
    let more = match cells.unpriced {
        0 => String::new(),
        unpriced => format!(", and {} without a price", counted(unpriced, "line")),
    };
    format!("{who} {} an hour, {} a month{more}.", cells.hourly.words, cells.monthly.words)
}

fn owners<'a>(report: &AccountReport<'a>, sum: &Sum) -> Vec<OwnerRow<'a>> {
    let hourly = |sum: &Sum| super::size(&sum.total().hourly().to_string());
    let whole = hourly(sum);
    let largest = report.all.owners.iter().map(|owner| hourly(&owner.sum)).fold(0.0, f64::max);
    let part = |sum: &Sum, of: f64| if of > 0.0 { hourly(sum) / of * 100.0 } else { 0.0 };
    let row = |o: &'a crate::cost::account::Owner| OwnerRow {
        name: owner(&o.name),
        stacks: o.stacks,
        expired: o.expired,
        cells: cells(&o.sum, &o.spent),
        percent: priced(&o.sum).then(|| format!("{:.1}", part(&o.sum, whole))),
        width: format!("{:.1}", part(&o.sum, largest)),
    };
    report.all.owners.iter().map(row).collect()
}

fn stack_row<'a>(report: &AccountReport<'a>, stack: &'a Stack) -> StackRow<'a> {
    let twins = report.all.stacks.iter().filter(|other| other.name == stack.name).count();
    StackRow {
        name: &stack.name,
        id: (twins > 1).then_some(stack.id.as_str()),
        owner: owner(stack.owner.as_deref().unwrap_or_default()),
        expired: stack.expired,
        expires: stack.expires.map(moment),
        when: stack.expires.map_or_else(String::new, |at| when(at, report.at)),
        objects: stack.objects,
        cells: cells(&stack.sum, &stack.spent),
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2 days ago`, `in 5 hours`.
fn when(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let minutes = usize::try_from(seconds.unsigned_abs() / 60).unwrap_or(usize::MAX);
    let span = match minutes {
        0..120 => counted(minutes, "minute"),
        120..2880 => counted(minutes / 60, "hour"),
        _ => counted(minutes / 1440, "day"),
    };
    if seconds > 0 { format!("in {span}") } else { format!("{span} ago") }
}

#[cfg(test)]
mod tests;
