//! The cost report for a pull request: the headline first, details folded.

use std::fmt::Write;

use super::{CostReport, Figures, Group, dollars, grouped, money};

pub(super) fn render(report: &CostReport) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write(report, &mut text);
    text
}

fn write(report: &CostReport, text: &mut String) -> std::fmt::Result {
    writeln!(text, "## Cost of {} in {}\n", cell(&report.stack), report.region)?;
    let run = report.hours.as_ref().map(|hours| format!(" run of {hours} h |")).unwrap_or_default();
    writeln!(text, "| | hour |{run} month | upfront |")?;
    writeln!(text, "|---|---:|{}---:|---:|", if run.is_empty() { "" } else { "---:|" })?;
    figures(text, "**total**", &report.cost)?;
    figures(text, "of which by use", &report.by_use)?;
    if let Some(least) = &report.least {
        figures(text, "while nothing scales up", least)?;
    }
    if let Some(versus) = &report.comparison {
        figures(text, &format!("before ({})", cell(&versus.with)), &versus.before)?;
        figures(text, "difference", &versus.difference)?;
    }
    if report.unpriced_lines > 0 {
        writeln!(
            text,
            "\n**{} without a price**, not in the total:\n",
            crate::report::counted(report.unpriced_lines, "line")
        )?;
        for missing in &report.unpriced {
            writeln!(text, "- `{}`: {}: {}", missing.address, cell(&missing.what), cell(&missing.why))?;
        }
    }
    if !report.budget.is_empty() {
        writeln!(text, "\n| budget | allowed | certain | with use | used |\n|---|---:|---:|---:|---:|")?;
        for line in &report.budget {
            let over = if line.over { " **over**" } else { "" };
            let (allowed, cost, with_use) = (grouped(&line.allowed), grouped(&line.cost), grouped(&line.with_use));
            writeln!(text, "| {} | ${allowed} | ${cost} | ${with_use} | {} %{over} |", line.limit, line.percent)?;
        }
    }
    for refusal in &report.refusals {
        writeln!(text, "\n**The budget refuses a plan of this**: {}", cell(refusal))?;
    }
    if let Some(versus) = report.comparison.as_ref().filter(|versus| !versus.rows.is_empty()) {
        writeln!(text, "\n| changed | before $/h | after $/h | difference $/h | $/month |\n|---|---:|---:|---:|---:|")?;
        for row in &versus.rows {
            let side = |side: &Option<String>| side.as_deref().map_or("-".to_owned(), grouped);
            let (before, after) = (side(&row.before), side(&row.after));
            writeln!(
                text,
                "| `{}` | {before} | {after} | {} | {} |",
                row.address,
                grouped(&row.difference),
                grouped(&row.difference_monthly)
            )?;
        }
    }
    for (title, rows) in report.groupings() {
        groups(text, title, rows)?;
    }
    writeln!(text, "\n<details><summary>Every line</summary>\n")?;
    writeln!(text, "| resource | what | $/h | $/month | state |\n|---|---|---:|---:|---|")?;
    for resource in &report.resources {
        for line in &resource.lines {
            let figure = |pick: fn(&Figures) -> &str| line.cost.as_ref().map_or("-".to_owned(), |it| grouped(pick(it)));
            let (hourly, monthly) = (figure(|cost| &cost.hourly), figure(|cost| &cost.monthly));
            let because = if line.because.is_empty() { String::new() } else { format!(": {}", line.because) };
            writeln!(
                text,
                "| `{}` | {} | {hourly} | {monthly} | {}{} |",
                resource.address,
                cell(&line.what),
                line.state,
                cell(&because)
            )?;
        }
    }
    writeln!(text, "\n</details>")?;
    if !report.advice.is_empty() {
        writeln!(text, "\n<details><summary>Advice</summary>\n")?;
        for advice in &report.advice {
            let saves =
                advice.saves_monthly.as_ref().map(|it| format!("; saves ${}/month", grouped(it))).unwrap_or_default();
            writeln!(text, "- `{}` ({}): {}{saves}", advice.address, advice.topic, cell(&advice.text))?;
        }
        writeln!(text, "\n</details>")?;
    }
    let dates: Vec<&str> =
        report.sources.iter().map(|source| source.date.as_str()).filter(|date| !date.is_empty()).collect();
    if let (Some(oldest), Some(newest)) = (dates.iter().min(), dates.iter().max()) {
        writeln!(text, "\nPrices are dated {oldest} to {newest}; a month has 730 hours.")?;
    }
    Ok(())
}

fn figures(text: &mut String, name: &str, figures: &Figures) -> std::fmt::Result {
    let run = figures.run.as_ref().map(|run| format!(" {} |", dollars(run))).unwrap_or_default();
    let hourly = money(&figures.hourly);
    writeln!(text, "| {name} | {hourly} |{run} {} | {} |", dollars(&figures.monthly), dollars(&figures.upfront))
}

fn groups(text: &mut String, title: &str, groups: &[Group]) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n| {title} | $/h | $/month | part |\n|---|---:|---:|---:|")?;
    for group in groups {
        let part = if group.unpriced > 0 { "+?" } else { "" };
        let (hourly, monthly) = match &group.cost {
            Some(Figures { hourly, monthly, .. }) => (grouped(hourly) + part, grouped(monthly) + part),
            None => ("unpriced".to_owned(), "unpriced".to_owned()),
        };
        writeln!(text, "| {} | {hourly} | {monthly} | {} % |", cell(&group.name), group.percent)?;
    }
    Ok(())
}

/// Text that cannot break out of a table cell or become markup.
pub(in crate::report) fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('`', "\\`").replace('\n', " ")
}
