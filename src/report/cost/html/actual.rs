//! Estimate against bill for managers: the difference, a chart by day, and where the largest difference comes from.

use askama::Template;

use super::days::{self, Chart, Reason};
use super::{RenderError, counted, dollars, size, written};
use crate::report::cost::actual::{ActualReport, Explained, Row, signed};

#[derive(Template)]
#[template(path = "actual.html")]
struct Page<'a> {
    title: String,
    report: &'a ActualReport,
    total: Cells<'a>,
    compared: String,
    chart: Option<Chart>,
    reasons: Vec<Reason>,
    idle: Option<(String, Vec<String>)>,
    tables: Vec<Table<'a>>,
    largest: Option<Largest<'a>>,
    remarks: Vec<Vec<Word<'a>>>,
}

/// Rows of one sort.
struct Table<'a> {
    id: &'static str,
    title: &'static str,
    /// What a row is.
    one: &'static str,
    rows: Vec<Cells<'a>>,
    /// Whether the rows have bars, and not the total below.
    bars: bool,
}

/// A row as it is shown.
struct Cells<'a> {
    name: &'a str,
    expected: String,
    billed: String,
    difference: String,
    percent: Option<&'a str>,
    /// `more than estimated`.
    words: &'static str,
    /// Widths in percent of the largest figure.
    bar: String,
    tick: String,
}

struct Largest<'a> {
    cells: Cells<'a>,
    reason: Vec<Word<'a>>,
    usage: Vec<(&'a str, String)>,
}

/// A piece of a sentence; code stood between backticks.
struct Word<'a> {
    text: &'a str,
    code: bool,
}

pub(in crate::report::cost) fn render(report: &ActualReport) -> Result<String, RenderError> {
    let (reasons, compared) = (days::reasons(report), report.days.len());
    let table = |id, title, one, rows, bars| Table { id, title, one, rows: cells(rows), bars };
    let page = Page {
        title: format!("Billed cost of {} in {}", report.heading.stack, report.heading.region),
        report,
        total: cell(&report.total, 0.0),
        compared: format!("{} {}", counted(compared, "day"), if compared == 1 { "is" } else { "are" }),
        chart: days::chart(report, &reasons),
        reasons,
        idle: days::idle(report).map(|(count, days)| (counted(count, "day"), days)),
        tables: vec![
            table("kinds", "By kind", "Kind", &report.kinds, true),
            table("resources", "By resource", "Resource", &report.addresses, true),
            table("days", "By day", "Day", &report.days, false),
        ],
        largest: report.largest.as_ref().map(largest),
        remarks: report.remarks.iter().map(|text| words(text)).collect(),
    };
    written(&page)
}

fn cells(rows: &[Row]) -> Vec<Cells<'_>> {
    let largest = rows.iter().flat_map(|row| [size(&row.expected), size(&row.billed)]).fold(0.0, f64::max);
    rows.iter().map(|row| cell(row, largest)).collect()
}

fn cell(row: &Row, largest: f64) -> Cells<'_> {
    let part = |figure: &str| if largest > 0.0 { size(figure).max(0.0) / largest * 100.0 } else { 0.0 };
    let more = size(&row.difference);
    Cells {
        name: &row.name,
        expected: dollars(&row.expected),
        billed: dollars(&row.billed),
        difference: signed(&dollars(&row.difference)),
        percent: row.percent.as_deref(),
        words: match more {
            more if more > 0.0 => "more than estimated",
            more if more < 0.0 => "less than estimated",
            _ => "as estimated",
        },
        bar: format!("{:.1}", part(&row.billed)),
        tick: format!("{:.1}", part(&row.expected)),
    }
}

fn largest(largest: &Explained) -> Largest<'_> {
    Largest {
        cells: cell(&largest.row, 0.0),
        reason: words(&largest.reason),
        usage: largest.usage.iter().map(|(name, sum)| (name.as_str(), dollars(sum))).collect(),
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let pieces = text.split('`').enumerate().map(|(at, text)| Word { text, code: at % 2 == 1 });
    pieces.filter(|word| !word.text.is_empty()).collect()
}

#[cfg(test)]
mod tests;
