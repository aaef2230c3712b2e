//! Estimate against bill as text, JSON, CSV, Markdown and a page: by day, by kind, by address, and the largest difference.

use std::fmt::Write;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use anstyle::Style;

use super::super::screen::{STRONG, Screen};
use super::super::table::{Column, Table};
use super::csv::field;
use super::markdown::cell;
use super::{Forms, Heading, RenderError, grouped, html};
use crate::cost::actual::{Actual, Pair, Period};
use crate::price::line::rounded;

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// A day, a kind or an address.
    pub(super) name: String,
    /// The estimate.
    pub(super) expected: String,
    /// The bill.
    pub(super) billed: String,
    /// Bill less estimate.
    pub(super) difference: String,
    /// The difference in percent of the estimate; absent where nothing was expected.
    pub(super) percent: Option<String>,
}

/// The largest difference, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explained {
    /// Whose it is.
    pub(super) row: Row,
    /// The likely reason.
    pub(super) reason: String,
    /// What AWS billed, by usage type, the most expensive first.
    pub(super) usage: Vec<(String, String)>,
}

/// Estimate against bill, as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualReport {
    pub(super) heading: Heading,
    pub(super) from: Date,
    /// The last day.
    pub(super) to: Date,
    pub(super) days: Vec<Row>,
    pub(super) kinds: Vec<Row>,
    pub(super) addresses: Vec<Row>,
    pub(super) total: Row,
    pub(super) largest: Option<Explained>,
    pub(super) without_data: Vec<Date>,
    pub(super) incomplete: Vec<Date>,
    pub(super) before_tag: Vec<Date>,
    estimated: bool,
    untagged: String,
    notes: Vec<String>,
    /// The notes that are not about days that were left out.
    pub(super) remarks: Vec<String>,
}

fn row(name: &impl ToString, pair: &Pair) -> Row {
    let percent = pair.ratio().map(|ratio| {
        let percent = ((ratio - Decimal::ONE) * Decimal::ONE_HUNDRED).round_dp(1);
        signed(&rounded(percent, 1))
    });
    Row {
        name: name.to_string(),
        expected: rounded(pair.expected, 2),
        billed: rounded(pair.billed, 2),
        difference: rounded(pair.difference(), 2),
        percent,
    }
}

/// With a sign, unless it is nothing.
pub(super) fn signed(text: &str) -> String {
    let nothing = text.chars().all(|c| matches!(c, '0' | '.' | ',' | '-' | '$'));
    if nothing || text.starts_with('-') { text.to_owned() } else { format!("+{text}") }
}

/// The most expensive first, then by name.
fn rows<'a>(pairs: impl Iterator<Item = (&'a String, &'a Pair)>) -> Vec<Row> {
    let mut pairs: Vec<(&String, &Pair)> = pairs.collect();
    pairs.sort_by(|a, b| b.1.billed.max(b.1.expected).cmp(&a.1.billed.max(a.1.expected)).then_with(|| a.0.cmp(b.0)));
    pairs.into_iter().map(|(name, pair)| row(name, pair)).collect()
}

impl ActualReport {
    /// The report of a comparison.
    #[must_use]
    pub fn new(heading: &Heading, period: &Period, actual: &Actual) -> Self {
        Self {
            heading: heading.clone(),
            from: period.from,
            to: period.to.yesterday().unwrap_or(period.to),
            days: actual.days.iter().map(|(day, pair)| row(day, pair)).collect(),
            kinds: rows(actual.kinds.iter()),
            addresses: rows(actual.addresses.iter()),
            total: row(&"total", &actual.total()),
            largest: actual.largest.as_ref().map(|largest| Explained {
                row: row(&largest.address, &largest.pair),
                reason: largest.reason.clone(),
                usage: largest.usage.iter().map(|(name, sum)| (name.clone(), rounded(*sum, 2))).collect(),
            }),
            without_data: actual.without_data.clone(),
            incomplete: actual.incomplete.clone(),
            before_tag: actual.before_tag.clone(),
            estimated: actual.estimated,
            untagged: rounded(actual.untagged, 2),
            notes: actual.notes(),
            remarks: actual.remarks(),
        }
    }

    fn write_text(&self, screen: Screen, out: &mut String) -> std::fmt::Result {
        let heading = &self.heading;
        screen.paragraph(out, &heading.stack, Style::new(), &format!("   {}   {}", heading.region, heading.place), 2);
        let span = format!("Billed by AWS against the estimate, {} to {} (UTC), in USD", self.from, self.to);
        screen.paragraph(out, "", Style::new(), &span, 2);
        if self.days.is_empty() {
            writeln!(out, "\nNo day can be compared.")?;
        }
        writeln!(out)?;
        for (name, rows) in [("DAY", &self.days), ("KIND", &self.kinds), ("RESOURCE", &self.addresses)] {
            if rows.is_empty() {
                continue;
            }
            let mut table = Table::new(&[
                Column::words(name),
                Column::figures("estimate"),
                Column::figures("billed"),
                Column::figures("difference"),
                Column::figures("%"),
            ]);
            for row in rows.iter().chain((name == "DAY").then_some(&self.total)) {
                let percent = row.percent.as_deref().unwrap_or("-").to_owned();
                let (expected, billed) = (grouped(&row.expected), grouped(&row.billed));
                let style = if row.name == "total" { STRONG } else { Style::new() };
                table.row(style, [row.name.clone(), expected, billed, signed(&grouped(&row.difference)), percent]);
            }
            table.render(screen, out);
            writeln!(out)?;
        }
        match &self.largest {
            None if self.days.is_empty() => {}
            None => writeln!(out, "Nothing differs by a cent or more.")?,
            Some(largest) => {
                let difference = signed(&largest.row.difference);
                writeln!(out, "Largest difference: {}, {difference} USD: {}", largest.row.name, largest.reason)?;
                for (name, sum) in largest.usage.iter().take(5) {
                    writeln!(out, "  billed as {name}: {sum}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }
}

impl Forms for ActualReport {
    fn text(&self, screen: Screen) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_text(screen, &mut out);
        out
    }

    fn json(&self) -> Value {
        let named = |key: &str, rows: &[Row]| -> Vec<Value> {
            rows.iter()
                .map(|row| {
                    json!({ key: row.name, "expected": row.expected, "billed": row.billed,
                            "difference": row.difference, "percent": row.percent })
                })
                .collect()
        };
        let dates = |dates: &[Date]| dates.iter().map(ToString::to_string).collect::<Vec<_>>();
        let total = &self.total;
        json!({
            "stack": self.heading.stack, "region": self.heading.region, "currency": "USD",
            "from": self.from.to_string(), "to": self.to.to_string(),
            "total": { "expected": total.expected, "billed": total.billed, "difference": total.difference, "percent": total.percent },
            "days": named("date", &self.days), "kinds": named("kind", &self.kinds),
            "resources": named("address", &self.addresses),
            "largest_difference": self.largest.as_ref().map(|largest| json!({
                "address": largest.row.name, "expected": largest.row.expected, "billed": largest.row.billed,
                "difference": largest.row.difference, "reason": largest.reason,
                "billed_by_usage_type": largest.usage.iter().map(|(name, sum)| json!({ "usage_type": name, "billed": sum })).collect::<Vec<_>>(),
            })),
            "days_without_data": dates(&self.without_data), "days_incomplete": dates(&self.incomplete),
            "days_before_tag": dates(&self.before_tag), "untagged": self.untagged, "estimated": self.estimated,
            "notes": self.notes,
        })
    }

    fn csv(&self) -> String {
        let mut out = String::from("by,name,expected,billed,difference,percent\r\n");
        let total = std::slice::from_ref(&self.total);
        for (by, rows) in
            [("day", &self.days[..]), ("kind", &self.kinds), ("resource", &self.addresses), ("total", total)]
        {
            for row in rows {
                let percent = row.percent.as_deref().unwrap_or_default();
                let cells = [by, &row.name, &row.expected, &row.billed, &row.difference, percent];
                out.push_str(&cells.map(field).join(","));
                out.push_str("\r\n");
            }
        }
        out
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let heading = &self.heading;
        writeln!(
            out,
            "## Billed cost of {} in {}, {} to {}",
            cell(&heading.stack),
            heading.region,
            self.from,
            self.to
        )?;
        for (name, rows) in [("day", &self.days), ("kind", &self.kinds), ("resource", &self.addresses)] {
            writeln!(out, "\n| {name} | estimate | billed | difference | % |\n|---|---:|---:|---:|---:|")?;
            for row in rows.iter().chain((name == "day").then_some(&self.total)) {
                let percent = row.percent.as_deref().unwrap_or("-");
                let difference = signed(&row.difference);
                writeln!(
                    out,
                    "| {} | {} | {} | {difference} | {percent} |",
                    cell(&row.name),
                    row.expected,
                    row.billed
                )?;
            }
        }
        if let Some(largest) = &self.largest {
            let (name, difference) = (cell(&largest.row.name), signed(&largest.row.difference));
            writeln!(out, "\nLargest difference: `{name}`, {difference} USD: {}.", cell(&largest.reason))?;
        }
        if !self.notes.is_empty() {
            writeln!(out)?;
        }
        for note in &self.notes {
            writeln!(out, "- {}", cell(note))?;
        }
        Ok(())
    }

    fn html(&self) -> Result<String, RenderError> {
        html::actual::render(self)
    }
}
