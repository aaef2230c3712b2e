//! What CloudWatch Logs would refuse of a group, and metric filters that would never count.
use super::{DAY, DAYS, LogClass, LogGroup, MetricFilter};
use crate::{diagnostic::codes, kinds::named::Named, resource::Problem, units::Span};
use std::collections::BTreeSet;

codes! {
    pub(super) CODES:
    NAME = "DL1001", "Not a legal name of a log group",
        "A log group's name has 1 to 512 of the characters a-z, A-Z, 0-9, `_`, `-`, `/`, `.` and `#`, and does not start \
         with `aws/`, which is AWS's own.";
    RETENTION = "DL1002", "CloudWatch Logs does not keep logs for this long",
        "Logs are kept for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, \
         3288 or 3653 days. Leave `retention` out to keep them indefinitely; of an endpoint that is `log_retention: null`.";
    CLASS = "DL1003", "A log group of this class has no metric filters",
        "AWS applies metric filters to groups of class `standard` only. The class is fixed: another one replaces the \
         group, and its logs go with the old one.";
    FILTERS = "DL1004", "Metric filters that CloudWatch Logs would refuse",
        "A group has up to 100 metric filters, each with another name of up to 512 characters without `:` and `*`. A \
         metric and its namespace have 1 to 255 characters without `:`, `*` and `$`. The value is a number or a field of the \
         line, as are the values of up to three dimensions (`$.code`); with dimensions there is no default.";
    PATTERN = "DL1005", "Not a pattern of a metric filter",
        "Words that all must be there (`NVRM Xid`), without some (`ERROR -test`), or one of several (`?ERROR ?FATAL`); a \
         word with anything but letters, digits and `_` stands in double quotes (`\"NVRM: Xid\"`). For lines of JSON, \
         comparisons of fields (`{ $.ms > 100 }`). Fields of a line are there for a pattern in braces or brackets only. A \
         pattern has 1024 characters at most.";
}

/// The most filters of a group, dimensions of a metric, and characters of a pattern.
const MOST: usize = 100;
const DIMENSIONS: usize = 3;
const LONGEST: usize = 1024;
/// AWS's words for units (API reference of PutMetricFilter).
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Why CloudWatch Logs does not keep logs for exactly this long, and what comes near.
pub(in crate::kinds) fn not_kept(time: Span) -> Option<(String, String)> {
    if DAYS.iter().any(|days| days * DAY == time.seconds()) {
        return None;
    }
    let near = DAYS.iter().min_by_key(|days| (*days * DAY).abs_diff(time.seconds()));
    let help = near.map_or(String::new(), |days| format!("the nearest is `{days}d`"));
    let long = time.whole_days().map_or(time.to_string(), |days| format!("{days} days"));
    Some((format!("logs cannot be kept for {long}"), help))
}

pub(super) fn check(group: &LogGroup, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = group.name.as_deref().filter(|name| !LogGroup::legal(name)) {
        let summary = format!("`{name}` is not a legal name of a log group");
        add(&NAME, "name", summary, "write for example `/train/nodes`");
    }
    if let Some((summary, help)) = group.retention.and_then(not_kept) {
        add(&RETENTION, "retention", summary, &help);
    }
    if group.class == LogClass::InfrequentAccess && !group.filters().is_empty() {
        let summary = "a group of class `infrequent-access` with metric filters".to_owned();
        add(&CLASS, "metric_filters", summary, "leave `class` or `metric_filters` out");
    }
    if group.filters().len() > MOST {
        let summary = format!("{} metric filters", group.filters().len());
        add(&FILTERS, "metric_filters", summary, "AWS takes 100; let one pattern count what several count");
    }
    let mut names = BTreeSet::new();
    for (i, filter) in group.filters().iter().enumerate() {
        let here = |field: &str| format!("metric_filters.{i}.{field}");
        if !names.insert(&filter.name) {
            let summary = format!("two metric filters are called `{}`", filter.name);
            add(&FILTERS, &here("name"), summary, "give each another name");
        }
        if let Some((field, summary, help)) = wrong(filter) {
            add(&FILTERS, &here(field), summary, help);
        }
        if let Some((summary, help)) = misread(filter) {
            add(&PATTERN, &here("pattern"), summary, help);
        }
    }
}

fn of_line(text: &str) -> bool {
    text.len() > 1 && text.starts_with('$')
}

fn wrong(filter: &MetricFilter) -> Option<(&'static str, String, &'static str)> {
    let legal = |text: &str, most: usize, not: &[char]| {
        let length = text.chars().count();
        (1..=most).contains(&length) && !text.contains(not)
    };
    if !legal(&filter.name, 512, &[':', '*']) {
        let summary = format!("`{}` is not a legal name of a metric filter", filter.name);
        return Some(("name", summary, "write for example `xid`"));
    }
    for (field, text) in [("metric", &filter.metric), ("namespace", &filter.namespace)] {
        if !legal(text, 255, &[':', '*', '$']) {
            let summary = format!("`{text}` is not a legal {field} of a metric filter");
            return Some((field, summary, "write for example `metric: XidErrors` and `namespace: Training`"));
        }
    }
    if !of_line(&filter.value) && !filter.value.parse().is_ok_and(f64::is_finite) {
        let summary = format!("`{}` is neither a number nor a field of a line", filter.value);
        return Some(("value", summary, "write `\"1\"` to count lines, or for example `$.ms`"));
    }
    if filter.dimensions.len() > DIMENSIONS {
        let summary = format!("`{}` has {} dimensions", filter.name, filter.dimensions.len());
        return Some(("dimensions", summary, "leave all but three out"));
    }
    if filter.default.is_some() && !filter.dimensions.is_empty() {
        let summary = format!("`{}` has a default and dimensions", filter.name);
        return Some(("default", summary, "leave one of them out; let the alarm say what no data means"));
    }
    if let Some((name, field)) = filter.dimensions.iter().find(|(_, field)| !of_line(field)) {
        let summary = format!("the dimension `{name}` has `{field}`, which is not a field of a line");
        return Some(("dimensions", summary, "write for example `$.code`"));
    }
    let unit = filter.unit.as_ref().filter(|unit| !UNITS.contains(&unit.as_str()))?;
    Some(("unit", format!("`{unit}` is not a unit of CloudWatch"), "write for example `Count` or `Milliseconds`"))
}

/// What is in braces or brackets has a syntax of its own, which AWS judges.
fn misread(filter: &MetricFilter) -> Option<(String, &'static str)> {
    let pattern = filter.pattern.trim();
    if pattern.chars().count() > LONGEST {
        let summary = format!("the pattern has {} characters; AWS takes {LONGEST}", pattern.chars().count());
        return Some((summary, "make two filters for the same metric"));
    }
    if pattern.starts_with(['{', '[']) {
        return None;
    }
    if of_line(&filter.value) || !filter.dimensions.is_empty() {
        let summary = format!("`{}` takes fields of lines, which a pattern of words does not have", filter.name);
        return Some((summary, "write for example `{ $.ms > 0 }`"));
    }
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    // Every second part is inside of quotes; a quote behind a backslash is not one.
    let unescaped = pattern.replace("\\\"", "");
    let outside = unescaped.split('"').step_by(2).flat_map(str::split_whitespace);
    let words = outside.map(|word| word.trim_start_matches(['-', '?'])).filter(|word| !word.is_empty());
    let regular = |word: &&str| word.starts_with('%') || word.ends_with('%');
    let word = words.filter(|word| !regular(word)).find(|word| !plain(word))?;
    Some((format!("`{word}` stands without quotes"), "write it in double quotes: `'\"NVRM: Xid\"'`"))
}
