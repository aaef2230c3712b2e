//! The chart of estimate against bill by day: bars, a line, and a named gap where a day has nothing to compare.
//!
//! Places across are percents, so that the chart fits every width without stretching its words; heights are pixels.

use jiff::civil::Date;

use super::super::actual::{ActualReport, Row};
use super::{dollars, size};

/// The height of the plot; the template draws in it.
const HEIGHT: f64 = 200.0;
/// With more days there is no room between the bars.
const MANY: usize = 62;

/// Why a day is not compared.
pub(super) struct Reason {
    /// Its letter in the chart.
    pub(super) mark: char,
    /// In a word, for the chart.
    pub(super) short: &'static str,
    /// In words.
    pub(super) why: &'static str,
    /// How many days.
    pub(super) count: usize,
    /// Which days, in stretches.
    pub(super) days: Vec<String>,
    dates: Vec<Date>,
}

/// What is drawn.
pub(super) struct Chart {
    /// Lines across, from the top: height and dollars.
    pub(super) ticks: Vec<(String, String)>,
    /// Words below.
    pub(super) labels: Vec<Label>,
    pub(super) bars: Vec<Bar>,
    pub(super) gaps: Vec<Gap>,
    /// The estimate, as an SVG path in a box of `slots` × 200; it breaks at a gap.
    pub(super) line: String,
    /// How many days there are.
    pub(super) slots: usize,
    /// Where nothing is.
    pub(super) zero: String,
    /// For those who do not see it.
    pub(super) words: String,
}

/// A date below the chart.
pub(super) struct Label {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

/// One day.
pub(super) struct Bar {
    /// Of the whole day.
    pub(super) left: String,
    pub(super) whole: String,
    /// Of the bill.
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
    pub(super) height: String,
    /// What the day was.
    pub(super) words: String,
}

/// Days in a row that are not compared, for one reason.
pub(super) struct Gap {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) middle: String,
    /// A letter, where there is room for one.
    pub(super) mark: Option<char>,
    /// Words, where there is room for them.
    pub(super) short: Option<&'static str>,
    /// There is room on wide screens only.
    pub(super) roomy: bool,
    pub(super) words: String,
}

/// The reasons that there are, in the order in which the chart shows them first.
pub(super) fn reasons(report: &ActualReport) -> Vec<Reason> {
    let all = [
        (
            "no data",
            "AWS has nothing under the stack's tags, although something ran. It is not known to be zero.",
            &report.without_data,
        ),
        (
            "before the tags",
            "Bills did not carry the stack's tags yet, or not for the whole day: they were activated later.",
            &report.before_tag,
        ),
        ("not billed yet", "AWS has not billed these in full: Cost Explorer is about a day late.", &report.incomplete),
    ];
    let mut there: Vec<_> = all.into_iter().filter(|(_, _, dates)| !dates.is_empty()).collect();
    there.sort_by_key(|(_, _, dates)| dates.first().copied());
    let marked = there.into_iter().zip('A'..);
    marked
        .map(|((short, why, dates), mark)| Reason {
            mark,
            short,
            why,
            count: dates.len(),
            days: spans(dates),
            dates: dates.clone(),
        })
        .collect()
}

/// Days of the period on which nothing ran and nothing was billed: how many, and which.
pub(super) fn idle(report: &ActualReport) -> Option<(usize, Vec<String>)> {
    let known = [&report.without_data, &report.before_tag, &report.incomplete];
    let idle: Vec<Date> = dates(report)
        .into_iter()
        .filter(|date| !known.iter().any(|dates| dates.contains(date)) && day(report, *date).is_none())
        .collect();
    (!idle.is_empty()).then(|| (idle.len(), spans(&idle)))
}

/// Every day of the period.
fn dates(report: &ActualReport) -> Vec<Date> {
    std::iter::successors(Some(report.from), |date| date.tomorrow().ok())
        .take_while(|date| *date <= report.to)
        .collect()
}

fn day(report: &ActualReport, date: Date) -> Option<&Row> {
    let name = date.to_string();
    report.days.iter().find(|row| row.name == name)
}

/// `2026-11-18 to 2026-11-20`, `2026-11-22`.
fn spans(dates: &[Date]) -> Vec<String> {
    let mut spans: Vec<(Date, Date)> = Vec::new();
    for &date in dates {
        match spans.last_mut() {
            Some((_, last)) if last.tomorrow().is_ok_and(|next| next == date) => *last = date,
            _ => spans.push((date, date)),
        }
    }
    let words = |(from, to): &(Date, Date)| if from == to { from.to_string() } else { format!("{from} to {to}") };
    spans.iter().map(words).collect()
}

/// The chart; none when no day is compared.
pub(super) fn chart(report: &ActualReport, reasons: &[Reason]) -> Option<Chart> {
    let dates = dates(report);
    let rows: Vec<Option<&Row>> = dates.iter().map(|date| day(report, *date)).collect();
    let scale = Scale::of(rows.iter().flatten().flat_map(|row| [size(&row.expected), size(&row.billed)]))?;
    let slots = dates.len();
    let percent = |part: f64| format!("{:.3}%", part * 100.0 / slots as f64);
    let room = if slots > MANY { 0.0 } else { 0.12 };
    let bars = rows.iter().enumerate().filter_map(|(at, row)| {
        let (row, at) = ((*row)?, at as f64);
        let (top, bottom) = (scale.y(size(&row.billed).max(0.0)), scale.y(size(&row.billed).min(0.0)));
        Some(Bar {
            left: percent(at),
            whole: percent(1.0),
            x: percent(at + room),
            width: percent(1.0 - 2.0 * room),
            y: format!("{top:.1}"),
            height: format!("{:.1}", bottom - top),
            words: format!("{}: estimated {}, billed {}", row.name, dollars(&row.expected), dollars(&row.billed)),
        })
    });
    Some(Chart {
        bars: bars.collect(),
        gaps: gaps(&dates, reasons, percent),
        line: line(&rows, &scale),
        labels: labels(&dates, percent),
        ticks: scale.ticks(),
        slots,
        zero: format!("{:.1}", scale.y(0.0)),
        words: words(report, reasons),
    })
}

/// Dollars to heights.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Round numbers around all figures and zero; none without figures.
    fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = figures.map(|figure| (figure, figure)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (low, high) = (low.min(0.0), high.max(0.0));
        let span = if high > low { high - low } else { 1.0 };
        let power = 10f64.powf((span / 4.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| span / step <= 4.0).unwrap_or(span).max(0.01);
        let high = (high / step).ceil().max(if low < 0.0 { 0.0 } else { 1.0 }) * step;
        Some(Self { low: (low / step).floor() * step, high, step })
    }

    fn y(&self, figure: f64) -> f64 {
        (self.high - figure) / (self.high - self.low) * HEIGHT
    }

    fn ticks(&self) -> Vec<(String, String)> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let places = if self.step >= 1.0 && self.step.fract() == 0.0 { 0 } else { 2 };
        let figures = (0..=count).map(|at| self.high - at as f64 * self.step);
        let text = |figure: f64| format!("{:.places$}", if figure.abs() < self.step / 2.0 { 0.0 } else { figure });
        figures.map(|figure| (format!("{:.1}", self.y(figure)), dollars(&text(figure)))).collect()
    }
}

/// The estimate as steps; a gap lifts the pen.
fn line(rows: &[Option<&Row>], scale: &Scale) -> String {
    let mut path = String::new();
    let mut down = false;
    for (at, row) in rows.iter().enumerate() {
        if let Some(row) = row {
            let y = scale.y(size(&row.expected));
            path += &if down { format!("V{y:.1}H{}", at + 1) } else { format!("M{at} {y:.1}H{}", at + 1) };
        }
        down = row.is_some();
    }
    path
}

fn gaps(dates: &[Date], reasons: &[Reason], percent: impl Fn(f64) -> String) -> Vec<Gap> {
    let of = |date: &Date| reasons.iter().find(|reason| reason.dates.contains(date));
    let mut runs: Vec<(usize, usize, &Reason)> = Vec::new();
    for (at, date) in dates.iter().enumerate() {
        let Some(reason) = of(date) else { continue };
        match runs.last_mut() {
            Some((from, length, last)) if last.mark == reason.mark && *from + *length == at => *length += 1,
            _ => runs.push((at, 1, reason)),
        }
    }
    let gap = |(from, length, reason): (usize, usize, &Reason)| {
        let (from, length) = (from as f64, length as f64);
        let part = length / dates.len() as f64;
        Gap {
            x: percent(from),
            width: percent(length),
            middle: percent(from + length / 2.0),
            mark: (part >= 0.025).then_some(reason.mark),
            short: (part >= 0.14).then_some(reason.short),
            roomy: part < 0.45,
            words: format!("{}: {}", reason.short, reason.days.join(", ")),
        }
    };
    runs.into_iter().map(gap).collect()
}

/// All days when they are few, else some of them; as many as fit a telephone.
fn labels(dates: &[Date], percent: impl Fn(f64) -> String) -> Vec<Label> {
    let last = dates.len().saturating_sub(1);
    let few = dates.len() <= 5;
    // Of more than a year, days without their year would be ambiguous.
    let long = dates.len() > MANY && dates.first().map(|date| date.year()) != dates.last().map(|date| date.year());
    let form = if long { "%b %Y" } else { "%b %-d" };
    let shown = match dates.len() {
        _ if few => (0..dates.len()).collect(),
        count if count < 10 || long => vec![0, last / 2, last],
        _ => vec![0, last / 3, last * 2 / 3, last],
    };
    let label = |at: usize| {
        let (x, anchor) = match at {
            _ if few => (at as f64 + 0.5, "middle"),
            0 => (0.0, "start"),
            at if at == last => (dates.len() as f64, "end"),
            at => (at as f64 + 0.5, "middle"),
        };
        dates.get(at).map(|date| Label { x: percent(x), anchor, text: date.strftime(form).to_string() })
    };
    shown.into_iter().filter_map(label).collect()
}

fn words(report: &ActualReport, reasons: &[Reason]) -> String {
    let range = |figure: fn(&Row) -> &String| {
        let key = |row: &&Row| (size(figure(row)) * 100.0) as i64;
        let (low, high) = (report.days.iter().min_by_key(key), report.days.iter().max_by_key(key));
        low.zip(high).map_or_else(String::new, |(low, high)| {
            let (low, high) = (figure(low), figure(high));
            if low == high { dollars(low) } else { format!("{} to {}", dollars(low), dollars(high)) }
        })
    };
    let mut words = format!(
        "{} compared; billed {} a day, estimated {} a day.",
        super::counted(report.days.len(), "day"),
        range(|row| &row.billed),
        range(|row| &row.expected)
    );
    for reason in reasons {
        words += &format!(" Gap {}, {}: {}.", reason.mark, reason.short, reason.days.join(", "));
    }
    words + " The table by day has every figure."
}
