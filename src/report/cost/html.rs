//! The cost report for managers: one page without scripts or anything from outside; charts are SVG drawn from the data.
//!
//! All pages extend `templates/page.html`, which has the frame and the style.

pub(super) mod account;
pub(super) mod actual;
mod days;

use askama::Template;

use super::{CostReport, Group, RenderError, dollars, money};
use crate::report::counted;

#[derive(Template)]
#[template(path = "cost.html")]
struct Page<'a> {
    title: String,
    report: &'a CostReport,
    sections: Vec<Section<'a>>,
    confidence: Vec<Share>,
    curve: Curve,
    dates: Option<(&'a str, &'a str)>,
}

/// Groups of one sort.
struct Section<'a> {
    name: &'static str,
    bars: Vec<Bar<'a>>,
}

/// A group with the width of its bar, relative to the largest.
struct Bar<'a> {
    group: &'a Group,
    width: String,
}

/// How much of the hour rests on rates of one confidence.
struct Share {
    name: &'static str,
    lines: usize,
    hourly: String,
    percent: String,
}

/// Money over time, as the corner points of an SVG path in a box of 600 × 200.
struct Curve {
    line: String,
    area: String,
    end_hours: String,
    end_spent: String,
    half_hours: String,
    half_spent: String,
}

pub(super) fn render(report: &CostReport) -> Result<String, RenderError> {
    let dates = report.sources.iter().map(|source| source.date.as_str()).filter(|date| !date.is_empty());
    let page = Page {
        title: format!("Cost of {} in {}", report.stack, report.region),
        report,
        sections: report.groupings().into_iter().map(|(name, groups)| Section { name, bars: bars(groups) }).collect(),
        confidence: confidence(report),
        curve: curve(report),
        dates: dates.clone().min().zip(dates.max()),
    };
    written(&page)
}

fn written(page: &impl Template) -> Result<String, RenderError> {
    page.render().map_err(|error| RenderError(error.to_string()))
}

/// Widths are for drawing only, so a float is precise enough.
fn size(figure: &str) -> f64 {
    figure.parse::<f64>().unwrap_or_default()
}

fn bars(groups: &[Group]) -> Vec<Bar<'_>> {
    let hourly = |group: &Group| group.cost.as_ref().map_or(0.0, |cost| size(&cost.hourly));
    let largest = groups.iter().map(hourly).fold(0.0, f64::max);
    let width = |group: &Group| if largest > 0.0 { hourly(group) / largest * 100.0 } else { 0.0 };
    groups.iter().map(|group| Bar { group, width: format!("{:.1}", width(group)) }).collect()
}

fn confidence(report: &CostReport) -> Vec<Share> {
    let whole: f64 = report.sources.iter().map(|source| size(&source.hourly)).sum();
    let share = |name: &'static str| {
        let of_name = || report.sources.iter().filter(|source| source.confidence == name);
        let hourly: f64 = of_name().map(|source| size(&source.hourly)).sum();
        let percent = if whole > 0.0 { hourly / whole * 100.0 } else { 0.0 };
        let lines = of_name().map(|source| source.lines).sum();
        Share { name, lines, hourly: format!("{hourly:.4}"), percent: format!("{percent:.1}") }
    };
    ["high", "medium", "low"].into_iter().map(share).filter(|share| share.lines > 0).collect()
}

fn curve(report: &CostReport) -> Curve {
    let points = &report.over_time;
    let last = points.last();
    let end_hours = last.map_or(1.0, |point| size(&point.hours)).max(f64::MIN_POSITIVE);
    let end_spent = last.map_or(1.0, |point| size(&point.spent)).max(f64::MIN_POSITIVE);
    let corner =
        |hours: f64, spent: f64| format!("{:.1} {:.1}", hours / end_hours * 600.0, 200.0 - spent / end_spent * 200.0);
    let corners: Vec<String> = points.iter().map(|point| corner(size(&point.hours), size(&point.spent))).collect();
    let line = format!("M{}", corners.join(" L"));
    let half = points.get(points.len() / 2);
    Curve {
        area: format!("{line} L600 200 L0 200 Z"),
        line,
        end_hours: last.map(|point| point.hours.clone()).unwrap_or_default(),
        end_spent: last.map(|point| point.spent.clone()).unwrap_or_default(),
        half_hours: half.map(|point| point.hours.clone()).unwrap_or_default(),
        half_spent: half.map(|point| point.spent.clone()).unwrap_or_default(),
    }
}
