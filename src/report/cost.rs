//! The cost report: one model of strings, rendered as text, JSON, CSV, Markdown or HTML.
//!
//! Money is rounded here and nowhere else: rates as published, hours to four places, everything else to the cent.

mod account;
mod actual;
mod assemble;
mod csv;
mod html;
mod json;
mod live;
pub(super) mod markdown;
mod model;
mod plan;
mod text;

pub use account::AccountReport;
pub use actual::ActualReport;
pub use live::{LiveFigures, ResourceFigures};
pub use plan::{PlanFigures, StepFigures};

pub use model::{
    AdviceLine, Assumption, BudgetLine, CostReport, Figures, Group, Heading, Line, Missing, Point, Resource, SourceUse,
    Versus, VersusRow,
};

pub(crate) use crate::price::line::grouped;

use super::screen::Screen;
use crate::price::line::rounded;
use rust_decimal::Decimal;
use serde_json::Value;
use std::fmt;

/// The forms of a cost report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For programs.
    Json,
    /// For spreadsheets: one line of the bill per row.
    Csv,
    /// For a pull request.
    Markdown,
    /// For managers: one self-contained page.
    Html,
}

/// A report on what is live or was billed.
pub trait Forms {
    /// For a terminal.
    fn text(&self, screen: Screen) -> String;
    /// For programs: the fields of the document.
    fn json(&self) -> Value;
    /// For spreadsheets.
    fn csv(&self) -> String;
    /// For a pull request, a wiki or a chat.
    ///
    /// # Errors
    /// Those of `out`; a `String` has none.
    fn write_markdown(&self, out: &mut String) -> fmt::Result;
    /// For managers: one page without scripts or anything from outside.
    ///
    /// # Errors
    /// The template failed, which is a fault of dlinfra.
    fn html(&self) -> Result<String, RenderError>;

    /// [`Forms::write_markdown`] as a text.
    fn markdown(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_markdown(&mut out);
        out
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be written: {0}")]
pub struct RenderError(String);

impl CostReport {
    /// The total in one line.
    pub fn headline(&self) -> String {
        text::total(self)
    }

    /// The report in one form; only text asks where it is read.
    ///
    /// # Errors
    /// The template failed, which is a fault of dlinfra.
    pub fn render(&self, format: Format, screen: Screen) -> Result<String, RenderError> {
        match format {
            Format::Text => Ok(text::render(self, screen)),
            Format::Json => json::render(self),
            Format::Csv => Ok(csv::render(self)),
            Format::Markdown => Ok(markdown::render(self)),
            Format::Html => html::render(self),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Html => "html",
        })
    }
}

/// Money as it is: `$1,234.50`, `-$3.00`, `$500`.
pub(crate) fn dollars(figure: &str) -> String {
    match figure.strip_prefix('-') {
        Some(figure) => format!("-${}", grouped(figure)),
        None => format!("${}", grouped(figure)),
    }
}

/// Money for people, to the cent: `$1,234.50`.
pub(crate) fn money(figure: &str) -> String {
    Decimal::from_str_exact(figure).map_or_else(|_| dollars(figure), |figure| dollars(&rounded(figure, 2)))
}

/// A figure to the cent, its thousands apart: every total and every figure in a sentence.
pub(crate) fn cents(figure: &str) -> String {
    Decimal::from_str_exact(figure).map_or_else(|_| figure.to_owned(), |figure| grouped(&rounded(figure, 2)))
}

/// A difference to the cent with its sign, for people: `+$1,234.50`.
pub(crate) fn signed(figure: &str) -> String {
    let figure = money(figure);
    if figure.starts_with('-') { figure } else { format!("+{figure}") }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::*;
    use crate::cost::bill::tests::cluster;
    use crate::cost::{Bill, Budget, Comparison};
    use crate::price::{PriceLine, Unit};

    #[test]
    fn thousands() {
        assert_eq!(
            ["1234567.50", "-1234.5", "123.00", "1000"].map(grouped),
            ["1,234,567.50", "-1,234.5", "123.00", "1,000"]
        );
    }

    fn heading() -> Heading {
        Heading {
            stack: "efa-training".to_owned(),
            region: "us-east-1".to_owned(),
            owner: Some("ml-platform".to_owned()),
            place: "SANDBOX .dlinfra/sandbox".to_owned(),
        }
    }

    /// The cluster with something that has no price and something that would be markup.
    fn bill() -> Bill {
        let mut bill = cluster();
        bill.items[0]
            .lines
            .push(PriceLine::unpriced("a <b>|cache</b>", Decimal::ONE, Unit::GbMonth, "no rate").at("cache"));
        bill
    }

    fn report() -> CostReport {
        let budget = Budget { hourly: Some(Decimal::from(200)), ..Budget::default() };
        CostReport::new(&heading(), &bill()).with_budget(&budget.check(&bill(), false)).with_comparison(
            "main",
            &Comparison::of(&Bill::default(), &bill()),
            Some(Decimal::from(72)),
        )
    }

    fn rendered(format: Format) -> String {
        report().render(format, Screen { width: 200, color: false }).unwrap()
    }

    #[test]
    fn json_has_decimal_strings() {
        let document: Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
        assert_eq!(document["format_version"], 1);
        assert_eq!(document["command"], "cost");
        // 220.21 + 1,636.50 ÷ 730
        assert_eq!(document["cost"]["hourly"], "222.4518");
        assert_eq!(document["cost"]["monthly"], "162389.80");
        assert_eq!(document["cost"]["run"], "16016.53");
        assert_eq!(document["unpriced_lines"], 1);
        assert_eq!(document["modules"][0]["name"], "train");
        assert_eq!(document["modules"][0]["percent"], "99.0");
        assert_eq!(document["budget"][0]["over"], true);
        assert_eq!(document["over_time"][12]["spent"], "16016.53");
    }

    #[test]
    fn text_for_people() {
        let text = rendered(Format::Text);
        assert!(
            text.contains(
                "Total:    $222.45/h, $16,016.53/run of 72 h (ttl), $162,389.80/month of 730 h; 1 line without a price"
            ),
            "{text}"
        );
        assert!(text.contains("Unpriced: 1 line in no total:"), "{text}");
        assert!(text.contains("Budget:   hourly $222.45 of $200.00, 111 %, OVER"), "{text}");
        assert!(text.contains("by use: data through the NAT gateway (100 GB a month assumed"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }

    #[test]
    fn csv_has_a_row_for_each_line() {
        let csv = rendered(Format::Csv);
        assert_eq!(csv.lines().count(), 1 + bill().lines().count());
        assert!(
            csv.contains(
                "train.group,train,instance-group,\"4 x p5.48xlarge, on-demand\",4,hour,55.04,priced,220.1600"
            )
        );
        let columns = csv.lines().next().unwrap().split(',').count();
        assert_eq!(columns, 17);
    }

    #[test]
    fn markdown_cannot_be_broken_out_of() {
        let markdown = rendered(Format::Markdown);
        assert!(markdown.contains("| **total** | $222.45 | $16,016.53 | $162,389.80 | $0.00 |"), "{markdown}");
        assert!(markdown.contains("a &lt;b>\\|cache&lt;/b>"), "{markdown}");
    }

    #[test]
    fn the_page_shows_the_totals_of_the_json_and_loads_nothing() {
        let html = rendered(Format::Html);
        let document: Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
        for (id, figure) in [("total-hourly", "hourly"), ("total-run", "run"), ("total-monthly", "monthly")] {
            let figure = document["cost"][figure].as_str().unwrap();
            let (_, shown) = html.split_once(&format!("id=\"{id}\" data-value=\"{figure}\">$")).unwrap();
            let (shown, _) = shown.split_once('<').unwrap();
            assert_eq!(shown, cents(figure), "{id}");
        }
        assert!(html.contains("a &#60;b&#62;|cache&#60;/b&#62;"));
        for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn an_empty_bill_renders_in_every_form() {
        for format in [Format::Text, Format::Json, Format::Csv, Format::Markdown, Format::Html] {
            let report = CostReport::new(&heading(), &Bill::default());
            assert!(!report.render(format, Screen::PLAIN).unwrap().is_empty(), "{format}");
        }
    }
}
