//! The cost report for a terminal: aligned columns, understandable without colour.

use std::fmt::Write;

use super::{CostReport, Group, grouped, signed};

pub(super) fn render(report: &CostReport) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write(report, &mut text);
    text
}

fn write(report: &CostReport, text: &mut String) -> std::fmt::Result {
    let place = if report.place.is_empty() { String::new() } else { format!("   {}", report.place) };
    writeln!(text, "{}   {}{place}\n", report.stack, report.region)?;
    let width = report
        .resources
        .iter()
        .map(|resource| resource.address.chars().count() + 2)
        .chain([20])
        .max()
        .unwrap_or_default();
    writeln!(text, "{:<width$}  {:>12} {:>14}  WHAT", "RESOURCE", "$/h", "$/month")?;
    for resource in &report.resources {
        writeln!(
            text,
            "{:<width$}  {:>12} {:>14}  {}",
            resource.address,
            money(resource.cost.as_ref().map(|cost| &cost.hourly), resource.unpriced),
            money(resource.cost.as_ref().map(|cost| &cost.monthly), resource.unpriced),
            resource.kind
        )?;
        for line in &resource.lines {
            let (hourly, monthly) = match &line.cost {
                Some(cost) if line.state == "upfront" => (format!("{} once", grouped(&cost.upfront)), String::new()),
                Some(cost) => (grouped(&cost.hourly), grouped(&cost.monthly)),
                None => (if line.state == "unpriced" { "unpriced" } else { "-" }.to_owned(), String::new()),
            };
            let because = if line.because.is_empty() { String::new() } else { format!(" ({})", line.because) };
            let state = if line.state == "by use" { "by use: " } else { "" };
            writeln!(text, "{:<width$}  {hourly:>12} {monthly:>14}  - {state}{}{because}", "", line.what)?;
            for rung in &line.alternatives {
                writeln!(text, "{:<width$}  {:>12} {:>14}    may be {rung}", "", "", "")?;
            }
        }
    }
    if report.free_resources > 0 {
        writeln!(text, "{:<width$}  {:>12} {:>14}", format!("{} more", report.free_resources), "free", "free")?;
    }
    writeln!(text)?;
    for (title, rows) in report.groupings() {
        groups(text, title, rows)?;
    }
    writeln!(text, "Total:    {}", total(report))?;
    if report.by_use.monthly != "0.00" {
        writeln!(text, "By use:   ${}/month of it, as stated or assumed", grouped(&report.by_use.monthly))?;
    }
    if report.cost.upfront != "0.00" {
        writeln!(text, "Upfront:  ${} once, not in the total", grouped(&report.cost.upfront))?;
    }
    for line in &report.budget {
        let over = if line.over { ", OVER" } else { "" };
        let (cost, allowed) = (grouped(&line.cost), grouped(&line.allowed));
        writeln!(text, "Budget:   {} ${cost} of ${allowed}, {} %{over}", line.limit, line.percent)?;
    }
    for refusal in &report.refusals {
        writeln!(text, "Budget:   refuses: {refusal}")?;
    }
    if report.unpriced_lines > 0 {
        writeln!(text, "Unpriced: {} in no total:", lines(report.unpriced_lines))?;
        for missing in &report.unpriced {
            writeln!(text, "          {}: {}: {}", missing.address, missing.what, missing.why)?;
        }
    }
    if report.paid_elsewhere_lines > 0 {
        writeln!(text, "Paid:     {} by something else (reservations)", lines(report.paid_elsewhere_lines))?;
    }
    if let Some(versus) = &report.comparison {
        let (before, difference) = (&versus.before, &versus.difference);
        let (hourly, monthly) = (grouped(&before.hourly), grouped(&before.monthly));
        writeln!(text, "Before:   ${hourly}/h, ${monthly}/month ({})", versus.with)?;
        writeln!(text, "Change:   {}/h, {}/month", signed(&difference.hourly), signed(&difference.monthly))?;
        for row in &versus.rows {
            let word = match (&row.before, &row.after) {
                (None, _) => "new",
                (_, None) => "gone",
                _ => "changed",
            };
            writeln!(text, "          {}/h  {} ({word})", signed(&row.difference), row.address)?;
        }
    }
    for advice in &report.advice {
        let saves = advice
            .saves_monthly
            .as_ref()
            .map(|dollars| format!("; saves ${}/month", grouped(dollars)))
            .unwrap_or_default();
        writeln!(text, "Advice:   {}: {}{saves}", advice.address, advice.text)?;
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

fn total(report: &CostReport) -> String {
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
    format!("${}/h{run}, ${}/month of 730 h{unpriced}", grouped(&cost.hourly), grouped(&cost.monthly))
}

fn groups(text: &mut String, title: &str, groups: &[Group]) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    let width = groups.iter().map(|group| group.name.chars().count()).chain([20]).max().unwrap_or_default();
    writeln!(text, "{:<width$}  {:>12} {:>14}   part", format!("By {title}"), "$/h", "$/month")?;
    for group in groups {
        let hourly = money(group.cost.as_ref().map(|cost| &cost.hourly), group.unpriced);
        let monthly = money(group.cost.as_ref().map(|cost| &cost.monthly), group.unpriced);
        writeln!(text, "{:<width$}  {hourly:>12} {monthly:>14}  {:>5} %", group.name, group.percent)?;
    }
    writeln!(text)
}

fn lines(number: usize) -> String {
    if number == 1 { "1 line".to_owned() } else { format!("{number} lines") }
}
