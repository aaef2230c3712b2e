//! The cost report for a terminal: aligned columns, understandable without colour.

use std::fmt::Write;

use super::{CostReport, Figures, Group};

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
                Some(cost) if line.state == "upfront" => (format!("{} once", cost.upfront), String::new()),
                Some(cost) => (cost.hourly.clone(), cost.monthly.clone()),
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
    groups(text, "module", &report.modules)?;
    groups(text, "kind", &report.kinds)?;
    if report.owners.len() > 1 {
        groups(text, "owner", &report.owners)?;
    }
    writeln!(text, "Total:    {}", total(&report.cost, report.hours.as_deref(), report.hours_from))?;
    if report.by_use.monthly != "0.00" {
        writeln!(text, "By use:   ${}/month of it, as stated or assumed", report.by_use.monthly)?;
    }
    if report.cost.upfront != "0.00" {
        writeln!(text, "Upfront:  ${} once, not in the total", report.cost.upfront)?;
    }
    for line in &report.budget {
        let over = if line.over { ", OVER" } else { "" };
        writeln!(text, "Budget:   {} ${} of ${}, {} %{over}", line.limit, line.cost, line.allowed, line.percent)?;
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
        writeln!(text, "Before:   ${}/h, ${}/month ({})", before.hourly, before.monthly, versus.with)?;
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
        let saves =
            advice.saves_monthly.as_ref().map(|dollars| format!("; saves ${dollars}/month")).unwrap_or_default();
        writeln!(text, "Advice:   {}: {}{saves}", advice.address, advice.text)?;
    }
    Ok(())
}

/// A figure, `unpriced` without one, and marked when a part of it has no price.
fn money(figure: Option<&String>, unpriced: usize) -> String {
    match (figure, unpriced) {
        (None, _) => "unpriced".to_owned(),
        (Some(figure), 0) => figure.clone(),
        (Some(figure), _) => format!("{figure}+?"),
    }
}

fn total(cost: &Figures, hours: Option<&str>, from: Option<&str>) -> String {
    let run = match (&cost.run, hours) {
        (Some(run), Some(hours)) => format!(", ${run}/run of {hours} h ({})", from.unwrap_or_default()),
        _ => String::new(),
    };
    format!("${}/h{run}, ${}/month of 730 h", cost.hourly, cost.monthly)
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

fn signed(figure: &str) -> String {
    match figure.strip_prefix('-') {
        Some(figure) => format!("-${figure}"),
        None => format!("+${figure}"),
    }
}

fn lines(number: usize) -> String {
    if number == 1 { "1 line".to_owned() } else { format!("{number} lines") }
}
