//! What PutMetricAlarm would refuse, and what would never leave "insufficient data" (API reference of PutMetricAlarm).
use super::{Alarm, Comparison, NoData, rule, wire};
use crate::{
    diagnostic::{Code, codes},
    kinds::named::Named,
    resource::Problem,
    units::Span,
};
use std::collections::BTreeSet;

codes! {
    pub(super) CODES:
    NAME = "DL1101", "Not a legal name of an alarm",
        "An alarm's name has 1 to 255 printable characters of ASCII.";
    WATCHED = "DL1102", "It is not clear what the alarm watches",
        "An alarm watches one `metric`, or several `queries` of which exactly one `returns` the values that are compared, or \
         other alarms by a `rule`, and then it has no threshold, no periods and no missing values of its own. \
         A query is a `metric` or an `expression`; its id starts with a small letter and is used once.";
    LINE = "DL1103", "The comparison does not match the threshold",
        "The comparisons with `threshold` in their name need a `threshold`, those with a band (`less-than-lower…`, \
         `greater-than-upper…`) need `band`, the id of the query that gives it.";
    STATISTIC = "DL1104", "Not a statistic of CloudWatch",
        "A statistic is `average`, `sum`, `minimum`, `maximum`, `sample-count`, a percentile from `p0` to `p100` such as \
         `p99.9`, or one of the trimmed ones: `tm`, `tc`, `ts`, `wm` and `pr` with their bounds, and `iqm`.";
    PERIOD = "DL1105", "Not a period that CloudWatch evaluates",
        "A period is 10s, 20s, 30s or whole minutes. All periods of an alarm together are a day at most, or seven days \
         where each is an hour or longer.";
    ACTIONS = "DL1106", "More actions than an alarm can have",
        "An alarm has up to five actions for each state. Send one notification to a topic, and let it tell the others.";
    DATAPOINTS = "DL1107", "More datapoints than periods",
        "`datapoints` is how many of the `periods` must breach the threshold: at least one, and not more than there are.";
    RULE = "DL1108", "Not a rule over other alarms",
        "A rule combines `ALARM(\"name\")`, `OK(\"name\")` and `INSUFFICIENT_DATA(\"name\")` with AND, OR, NOT and brackets. It \
         has up to 10,240 characters and names up to 100 alarms, which are in the same account and region. A `suppressor` \
         goes with a rule.";
    WARM_UP = "DL1109", "Not a time that an alarm can warm up",
        "An alarm warms up for whole minutes, 1 minute up to 2 days. An alarm on other alarms has nothing to warm up.";
}

const DAY: u64 = 24 * 3600;

pub(super) fn check(alarm: &Alarm, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = alarm.name.as_deref().filter(|name| !Alarm::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of an alarm"), "write for example `nodes-idle`");
    }
    if let Some((path, summary, help)) = watched(alarm) {
        add(&WATCHED, &path, summary, help);
    }
    if alarm.rule.is_none() {
        compared(alarm, &mut add);
    }
    if let Some((path, summary)) = composed(alarm) {
        add(&RULE, path, summary, "write for example `ALARM(\"nodes\") OR ALARM(\"disk\")`");
    }
    let whole = |time: Span| time.seconds().is_multiple_of(60) && (60..=2 * DAY).contains(&time.seconds());
    if let Some(time) = alarm.warm_up.filter(|time| alarm.rule.is_some() || !whole(*time)) {
        add(&WARM_UP, "warm_up", format!("an alarm like this cannot warm up for {time}"), "write for example `30m`");
    }
    for (path, metric) in alarm.metrics() {
        if !is_statistic(&metric.statistic) {
            let summary = format!("`{}` is not a statistic", metric.statistic);
            add(&STATISTIC, &format!("{path}.statistic"), summary, "write for example `average` or `p99`");
        }
        if !is_period(metric.period) {
            let summary = format!("a period cannot be {}", metric.period);
            add(&PERIOD, &format!("{path}.period"), summary, "write 10s, 20s, 30s or whole minutes");
        }
    }
    let (period, most) = (alarm.period().seconds(), if alarm.period().seconds() < 3600 { DAY } else { 7 * DAY });
    if period.saturating_mul(alarm.periods.into()) > most {
        let summary =
            format!("{} periods of {} are longer than {}", alarm.periods, alarm.period(), Span::from_seconds(most));
        add(&PERIOD, "periods", summary, "look at fewer periods");
    }
    for (path, actions) in [
        ("alarm_actions", &alarm.alarm_actions),
        ("ok_actions", &alarm.ok_actions),
        ("insufficient_data_actions", &alarm.insufficient_data_actions),
    ] {
        if actions.len() > 5 {
            add(&ACTIONS, path, format!("{} actions", actions.len()), "leave five at most");
        }
    }
    if alarm.periods == 0 || alarm.datapoints.is_some_and(|needed| needed == 0 || needed > alarm.periods) {
        let needed = alarm.datapoints.unwrap_or(alarm.periods);
        let path = if alarm.datapoints.is_some() { "datapoints" } else { "periods" };
        add(&DATAPOINTS, path, format!("{needed} of {} periods", alarm.periods), "write 1 up to `periods`");
    }
}

/// Does the comparison go with a threshold, or with a band?
fn compared(alarm: &Alarm, add: &mut impl FnMut(&'static Code, &str, String, &str)) {
    let banded = matches!(
        alarm.comparison,
        Some(
            Comparison::LessThanLowerOrGreaterThanUpperThreshold
                | Comparison::LessThanLowerThreshold
                | Comparison::GreaterThanUpperThreshold
        )
    );
    match (alarm.comparison, banded, &alarm.threshold, &alarm.band) {
        (Some(_), false, Some(_), None) | (Some(_), true, None, Some(_)) => {}
        (None, ..) => add(&LINE, "comparison", "how values are compared is missing".into(), "write `comparison`"),
        (_, false, ..) => {
            add(&LINE, "comparison", "this comparison needs a `threshold` and no `band`".into(), "write `threshold`");
        }
        (_, true, ..) => {
            add(&LINE, "comparison", "this comparison needs a `band` and no `threshold`".into(), "write `band`");
        }
    }
}

/// What is wrong with a rule, or with what goes with it.
fn composed(alarm: &Alarm) -> Option<(&'static str, String)> {
    let Some(text) = &alarm.rule else {
        return alarm.suppressor.is_some().then(|| ("suppressor", "a suppressor goes with a `rule`".to_owned()));
    };
    let text = text.known()?;
    match rule::names(text) {
        Err(why) => Some(("rule", why)),
        Ok(names) if names.len() > 100 => Some(("rule", format!("{} alarms in one rule", names.len()))),
        Ok(_) => (text.len() > 10_240).then(|| ("rule", format!("{} characters", text.len()))),
    }
}

fn watched(alarm: &Alarm) -> Option<(String, String, &'static str)> {
    let at = |path: &str, summary: String, help| Some((path.to_owned(), summary, help));
    let ways = [alarm.metric.is_some(), !alarm.queries.is_empty(), alarm.rule.is_some()];
    if ways.iter().filter(|way| **way).count() != 1 {
        let help = "write `metric`, `queries` for what is computed of several, or `rule` for other alarms";
        return at("metric", "an alarm watches one metric, what its queries return, or other alarms".to_owned(), help);
    }
    let of_metrics = alarm.comparison.is_some() || alarm.threshold.is_some() || alarm.band.is_some();
    if alarm.rule.is_some() && (of_metrics || alarm.periods != 1 || alarm.missing != NoData::Missing) {
        let help = "leave `comparison`, `threshold`, `band`, `periods` and `missing` to the alarms that the rule names";
        return at("rule", "an alarm on other alarms compares no values of its own".to_owned(), help);
    }
    let mut known = BTreeSet::new();
    for (i, query) in alarm.queries.iter().enumerate() {
        let legal = query.id.starts_with(|c: char| c.is_ascii_lowercase())
            && query.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal || !known.insert(&query.id) {
            let summary = format!("`{}` cannot be the id of a query here", query.id);
            return at(&format!("queries.{i}.id"), summary, "begin ids with a small letter, and use each once");
        }
        if query.metric.is_some() == query.expression.is_some() {
            let summary = format!("the query `{}` needs either a metric or an expression", query.id);
            return at(&format!("queries.{i}"), summary, "write one of the two");
        }
    }
    let returned = alarm.queries.iter().filter(|q| q.returns && alarm.band.as_ref() != Some(&q.id)).count();
    if !alarm.queries.is_empty() && returned != 1 {
        return at("queries", format!("{returned} queries return values"), "write `returns: true` at exactly one");
    }
    let band = alarm.band.as_ref().filter(|band| !known.contains(band))?;
    at("band", format!("no query has the id `{band}`"), "name the query with ANOMALY_DETECTION_BAND")
}

fn is_period(period: Span) -> bool {
    matches!(period.seconds(), 10 | 20 | 30) || period.seconds() > 0 && period.seconds().is_multiple_of(60)
}

fn is_statistic(text: &str) -> bool {
    if wire::plain_statistic(text).is_some() || text == "iqm" {
        return true;
    }
    if let Some(rank) = text.strip_prefix('p').filter(|rank| !rank.starts_with('r')) {
        return rank.parse::<f64>().is_ok_and(|rank| (0.0..=100.0).contains(&rank));
    }
    ["tm", "tc", "ts", "wm", "pr"].iter().any(|kind| text.strip_prefix(kind).is_some_and(|bounds| !bounds.is_empty()))
}
