//! What EventBridge Scheduler would refuse of schedules.
use super::ScheduleGroup;
use crate::{
    diagnostic::codes,
    kinds::{event_rule, named::Named},
    resource::Problem,
};

codes! {
    pub(super) CODES:
    NAME = "DL2001", "Not a legal name of a schedule or its group",
        "Names of schedules and of their groups have 1 to 64 of the characters a-z, A-Z, 0-9, `-`, `_` and `.`. The group `default` is AWS's own and takes no tags.";
    EXPRESSION = "DL2002", "Not a time for a schedule",
        "A schedule is `rate(15 minutes)` (minute, hour or day, with an s where there are several), `cron(minutes hours day-of-month month day-of-week year)` with a `?` for one of the two days, or once `at(yyyy-mm-ddThh:mm:ss)` without a zone: the zone is a field of its own.";
    TIME = "DL2003", "A duration of a schedule that Scheduler does not take",
        "A failed call is retried for 1 minute to 24 hours and up to 185 times. A call may come 1 minute to 24 hours late, in whole minutes.";
    ZONE = "DL2004", "Not a time zone",
        "Time zones have their names in the IANA database, such as `UTC`, `Europe/Berlin` or `America/New_York`.";
    ACTION = "DL2005", "An action that Scheduler does not take as a target",
        "Scheduler calls actions that change something; those that only read (`describe…`, `list…`, `get…`) are refused. The service stands in small letters, the action in camel case: `arn:aws:scheduler:::aws-sdk:ec2:stopInstances`.";
}

pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(plain) && name != "default"
}

/// A recurring time, or one that comes once, without a zone.
fn is_expression(text: &str) -> bool {
    let once = text.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')'));
    event_rule::is_schedule(text)
        || once.is_some_and(|at| at.len() == 19 && at.parse::<jiff::civil::DateTime>().is_ok())
}

/// What actions that only read begin with
/// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html).
const READING: [&str; 12] =
    ["get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup", "discover"];

/// Why an action of AWS's API is not a target.
fn refused(arn: &str) -> Option<String> {
    let action = arn.split_once(":scheduler:::aws-sdk:")?.1;
    let Some((service, action)) = action.split_once(':') else {
        return Some("the target has no action".to_owned());
    };
    let small = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
    if service.chars().any(|c| c.is_ascii_uppercase()) || !small(action) {
        return Some(format!("`{service}:{action}` is not written as Scheduler wants it"));
    }
    READING.iter().any(|verb| action.starts_with(verb)).then(|| format!("`{action}` only reads"))
}

pub(super) fn check(group: &ScheduleGroup, problems: &mut Vec<Problem>) {
    let mut add = |code, path: String, summary: String, help: &str| {
        problems.push(Problem { code, path, summary, help: help.to_owned() });
    };
    if let Some(name) = group.name.as_deref().filter(|name| !ScheduleGroup::legal(name)) {
        add(&NAME, "name".into(), format!("`{name}` is not a legal name of a group"), "write for example `nightly`");
    }
    for (name, one) in &group.schedules {
        let at = |field: &str| format!("schedules.{name}.{field}");
        if !is_name(name) && name != "default" {
            let summary = format!("`{name}` is not a legal name of a schedule");
            add(&NAME, format!("schedules.{name}"), summary, "write for example `start`");
        }
        if !is_expression(&one.expression) {
            let summary = format!("`{}` is not a time for a schedule", one.expression);
            add(
                &EXPRESSION,
                at("expression"),
                summary,
                "write for example `rate(15 minutes)` or `cron(0 20 ? * MON-FRI *)`",
            );
        }
        let zone = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
        if one.timezone.is_empty() || !one.timezone.chars().all(zone) {
            add(&ZONE, at("timezone"), format!("`{}` is not a time zone", one.timezone), "write for example `UTC`");
        }
        if let Some(window) = one.window.filter(|w| !(60..=86_400).contains(&w.seconds()) || w.seconds() % 60 != 0) {
            add(
                &TIME,
                at("window"),
                format!("a call cannot come up to {window} late"),
                "write 1m to 24h, in whole minutes",
            );
        }
        if !(60..=86_400).contains(&one.target.max_age.seconds()) {
            let summary = format!("a call cannot be retried for {}", one.target.max_age);
            add(&TIME, at("target.max_age"), summary, "write 1m to 24h");
        }
        if one.target.retries > 185 {
            let summary = format!("a call cannot be retried {} times", one.target.retries);
            add(&TIME, at("target.retries"), summary, "write 0 to 185");
        }
        if let Some(why) = one.target.arn.known().and_then(|arn| refused(arn)) {
            add(&ACTION, at("target.arn"), why, "choose an action that changes something");
        }
    }
}
