//! The cost report for a terminal: aligned columns, understandable without colour.

use std::fmt::Write;

use anstyle::Style;

use super::super::screen::{LOST, STRONG, Screen};
use super::super::table::{Column, Table};
use super::{CostReport, Group, cents, grouped, signed};

pub(super) fn render(report: &CostReport, screen: Screen) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write(report, screen, &mut text);
    text
}

fn write(report: &CostReport, screen: Screen, text: &mut String) -> std::fmt::Result {
    let place = if report.place.is_empty() { String::new() } else { format!("   {}", report.place) };
    screen.paragraph(text, &report.stack, Style::new(), &format!("   {}{place}", report.region), 2);
    writeln!(text)?;
    let mut table = Table::new(&[
        Column::whole("RESOURCE"),
        Column::figures("$/h"),
        Column::figures("$/month"),
        Column::words("WHAT"),
    ]);
    let plain = Style::new();
    for resource in &report.resources {
        table.row(
            plain,
            [
                resource.address.clone(),
                money(resource.cost.as_ref().map(|cost| &cost.hourly), resource.unpriced),
                money(resource.cost.as_ref().map(|cost| &cost.monthly), resource.unpriced),
                resource.kind.clone(),
            ],
        );
        for line in &resource.lines {
            let (hourly, monthly) = match &line.cost {
                Some(cost) if line.state == "upfront" => (format!("{} once", grouped(&cost.upfront)), String::new()),
                Some(cost) => (grouped(&cost.hourly), grouped(&cost.monthly)),
                None => (if line.state == "unpriced" { "unpriced" } else { "-" }.to_owned(), String::new()),
            };
            let because = if line.because.is_empty() { String::new() } else { format!(" ({})", line.because) };
            let state = if line.state == "by use" { "by use: " } else { "" };
            table.row(plain, [String::new(), hourly, monthly, format!("- {state}{}{because}", line.what)]);
            for rung in &line.alternatives {
                table.row(plain, [String::new(), String::new(), String::new(), format!("  may be {rung}")]);
            }
        }
    }
    if report.free_resources > 0 {
        let free = || "free".to_owned();
        table.row(plain, [format!("{} more", report.free_resources), free(), free(), String::new()]);
    }
    table.render(screen, text);
    writeln!(text)?;
    for (title, rows) in report.groupings() {
        groups(text, title, rows, screen)?;
    }
    let mut say = |head: &str, words: &str| screen.paragraph(text, &format!("{head:10}"), plain, words, 10);
    say("Total:", &total(report));
    if let Some(least) = &report.least {
        let (hourly, monthly) = (cents(&least.hourly), grouped(&least.monthly));
        say("At least:", &format!("${hourly}/h, ${monthly}/month while nothing scales up; the total is the maximum"));
    }
    if report.by_use.monthly != "0.00" {
        say("By use:", &format!("${}/month of it, as stated or assumed", grouped(&report.by_use.monthly)));
    }
    if report.cost.upfront != "0.00" {
        say("Upfront:", &format!("${} once, not in the total", grouped(&report.cost.upfront)));
    }
    for line in &report.budget {
        let (cost, allowed) = (grouped(&line.cost), grouped(&line.allowed));
        let with_use = match line.with_use == line.cost {
            true => String::new(),
            false => format!(" (${} with what goes by use)", grouped(&line.with_use)),
        };
        let over = if line.over { screen.paint(LOST, ", OVER") } else { String::new() };
        say("Budget:", &format!("{} ${cost}{with_use} of ${allowed}, {} %{over}", line.limit, line.percent));
    }
    for refusal in &report.refusals {
        say("Budget:", &format!("refuses: {refusal}"));
    }
    if report.unpriced_lines > 0 {
        say("Unpriced:", &format!("{} in no total:", lines(report.unpriced_lines)));
        for missing in &report.unpriced {
            say("", &format!("{}: {}: {}", missing.address, missing.what, missing.why));
        }
    }
    if report.paid_elsewhere_lines > 0 {
        say("Paid:", &format!("{} by something else (reservations)", lines(report.paid_elsewhere_lines)));
    }
    if let Some(versus) = &report.comparison {
        let (before, difference) = (&versus.before, &versus.difference);
        let (hourly, monthly) = (cents(&before.hourly), grouped(&before.monthly));
        say("Before:", &format!("${hourly}/h, ${monthly}/month ({})", versus.with));
        say("Change:", &format!("{}/h, {}/month", signed(&difference.hourly), signed(&difference.monthly)));
        for row in &versus.rows {
            let word = match (&row.before, &row.after) {
                (None, _) => "new",
                (_, None) => "gone",
                _ => "changed",
            };
            say("", &format!("{}/h  {} ({word})", signed(&row.difference), row.address));
        }
    }
    for advice in &report.advice {
        let saves = advice
            .saves_monthly
            .as_ref()
            .map(|dollars| format!("; saves ${}/month", grouped(dollars)))
            .unwrap_or_default();
        say("Advice:", &format!("{}: {}{saves}", advice.address, advice.text));
    }
    Ok(())
}

/// A figure, `unpriced` without one, and marked when a part of it has no price.
fn money(figure: Option<&String>, unpriced: usize) -> String {
    match (figure, unpriced) {
        (None, _) => "unpriced".to_owned(),
        (Some(figure), 0) => grouped(figure),
        (Some(figure), _) => format!("{}+?", grouped(figure)),
    }
}

pub(super) fn total(report: &CostReport) -> String {
    let cost = &report.cost;
    let run = match (&cost.run, &report.hours) {
        (Some(run), Some(hours)) => {
            format!(", ${}/run of {hours} h ({})", grouped(run), report.hours_from.unwrap_or_default())
        }
        _ => String::new(),
    };
    let unpriced = match report.unpriced_lines {
        0 => String::new(),
        count => format!("; {} without a price", lines(count)),
    };
    format!("${}/h{run}, ${}/month of 730 h{unpriced}", cents(&cost.hourly), grouped(&cost.monthly))
}

fn groups(text: &mut String, title: &str, groups: &[Group], screen: Screen) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(text, "{}", screen.paint(STRONG, &format!("By {title}")))?;
    let mut table =
        Table::new(&[Column::words(""), Column::figures("$/h"), Column::figures("$/month"), Column::figures("part")]);
    for group in groups {
        let hourly = money(group.cost.as_ref().map(|cost| &cost.hourly), group.unpriced);
        let monthly = money(group.cost.as_ref().map(|cost| &cost.monthly), group.unpriced);
        table.row(Style::new(), [group.name.clone(), hourly, monthly, format!("{} %", group.percent)]);
    }
    table.render(screen, text);
    writeln!(text)
}

fn lines(number: usize) -> String {
    if number == 1 { "1 line".to_owned() } else { format!("{number} lines") }
}
