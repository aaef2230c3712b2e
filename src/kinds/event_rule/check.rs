//! What EventBridge would refuse of a rule.
use super::{EventRule, Target};
use crate::{diagnostic::codes, kinds::named::Named, resource::Problem, spec};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

codes! {
    pub(super) CODES:
    NAME = "DL1401", "Not a legal name of a rule or a target",
        "A rule's name, and what it calls its targets, has 1 to 64 of the characters a-z, A-Z, 0-9, `.`, `-` and `_`.";
    TRIGGER = "DL1402", "A rule that would never fire, or for two reasons",
        "A rule has a `pattern` of events or a `schedule`. For both make two rules, so that it can be seen why one fired.";
    PATTERN = "DL1403", "Not an event pattern",
        "A pattern is a map of the fields of an event, and each field that counts has a list of the values that fit: \
         `source: [aws.sagemaker]`, `detail: { EndpointStatus: [FAILED] }`. A list is never empty, nor is a map. It has \
         4096 characters at most.";
    SCHEDULE = "DL1404", "Not a schedule",
        "A schedule is `rate(1 hour)`, `rate(5 minutes)` or `cron(minutes hours day-of-month month day-of-week year)`, in \
         which one of the two days is `?`. Times are in UTC.";
    TARGETS = "DL1405", "Targets that EventBridge would refuse",
        "A rule has up to five targets, each with another name. A target is told the event, or one of `input`, \
         `input_path` and `transformer`; paths begin with `$`. Functions, log groups, queues and topics let EventBridge in by \
         a policy of their own: with a `role` deliveries to them may fail.";
}

/// A pattern's length, and how many targets a rule has.
const LONGEST: usize = 4096;
const MOST: usize = 5;

pub(super) fn check(rule: &EventRule, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = rule.name.as_deref().filter(|name| !EventRule::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of a rule"), "write for example `endpoint-failed`");
    }
    match (&rule.pattern, &rule.schedule) {
        (None, None) => {
            let help = "write for example `pattern: { source: [aws.sagemaker] }`";
            add(&TRIGGER, "pattern", "the rule has neither a pattern nor a schedule".to_owned(), help);
        }
        (Some(_), Some(_)) => {
            let summary = "the rule has a pattern and a schedule".to_owned();
            add(&TRIGGER, "schedule", summary, "make a rule for each");
        }
        _ => {}
    }
    if let Some(pattern) = &rule.pattern {
        if let Some((path, summary)) = refused(&pattern.0) {
            add(&PATTERN, &format!("pattern{path}"), summary, "write for example `source: [aws.sagemaker]`");
        } else if pattern.is_known() && pattern.text().len() > LONGEST {
            let summary = format!("the pattern has {} characters; AWS takes {LONGEST}", pattern.text().len());
            add(&PATTERN, "pattern", summary, "use `prefix` or `wildcard`, or make two rules");
        }
    }
    if let Some(text) = rule.schedule.as_deref().filter(|text| !is_schedule(text)) {
        let help = "write for example `rate(5 minutes)` or `cron(0 8 ? * MON-FRI *)`";
        add(&SCHEDULE, "schedule", format!("`{text}` is not a schedule"), help);
    }
    if rule.targets.len() > MOST {
        let help = "tell a topic, which has as many subscriptions as you like";
        add(&TARGETS, "targets", format!("{} targets", rule.targets.len()), help);
    }
    let mut names = BTreeSet::new();
    for (i, target) in rule.targets.iter().enumerate() {
        let here = |field: &str| format!("targets.{i}{field}");
        if !EventRule::legal(&target.name) {
            let summary = format!("`{}` is not a legal name of a target", target.name);
            add(&NAME, &here(".name"), summary, "write for example `people`");
        }
        if !names.insert(&target.name) {
            let summary = format!("two targets are called `{}`", target.name);
            add(&TARGETS, &here(".name"), summary, "give each another name");
        }
        if let Some((field, summary, help)) = wrong(target) {
            add(&TARGETS, &here(field), summary, help);
        }
    }
}

fn wrong(target: &Target) -> Option<(&'static str, String, &'static str)> {
    let told = [target.input.is_some(), target.input_path.is_some(), target.transformer.is_some()];
    if told.into_iter().filter(|one| *one).count() > 1 {
        let help = "leave all but one of `input`, `input_path` and `transformer` out";
        return Some(("", format!("`{}` is told two things", target.name), help));
    }
    if let Some(arn) = target.arn.known().filter(|arn| !arn.starts_with("arn:") || arn.split(':').count() < 6) {
        return Some((".arn", format!("`{arn}` is not an ARN"), "write for example `${queue.arn}`"));
    }
    let own = |arn: &String| ["lambda", "logs", "sns", "sqs"].contains(&arn.split(':').nth(2).unwrap_or_default());
    if target.role.is_some() && target.arn.known().is_some_and(own) {
        let summary = format!("`{}` is told with a role, which its service does not take", target.name);
        return Some((".role", summary, "leave `role` out, and let `events.amazonaws.com` in by the target's policy"));
    }
    let paths = target.transformer.iter().flat_map(|transformer| transformer.paths.values());
    let path = target.input_path.iter().chain(paths).find(|path| !path.starts_with('$'))?;
    let field = if target.input_path.is_some() { ".input_path" } else { ".transformer" };
    Some((field, format!("`{path}` is not a path in an event"), "write for example `$.detail.state`"))
}

/// Where a pattern has not the form that EventBridge wants; what is not known yet is not judged.
fn refused(value: &Value) -> Option<(String, String)> {
    match value {
        _ if spec::node(value) != spec::Node::Plain => None,
        Value::Object(fields) if !fields.is_empty() => inside(fields),
        _ => Some((String::new(), "a pattern is a map of an event's fields".to_owned())),
    }
}

fn inside(fields: &Map<String, Value>) -> Option<(String, String)> {
    fields.iter().find_map(|(key, value)| match value {
        _ if spec::node(value) != spec::Node::Plain => None,
        Value::Array(several) if !several.is_empty() => None,
        Value::Object(inner) if !inner.is_empty() => {
            inside(inner).map(|(path, summary)| (format!(".{key}{path}"), summary))
        }
        Value::Array(_) | Value::Object(_) => Some((format!(".{key}"), format!("nothing fits an empty `{key}`"))),
        one => Some((format!(".{key}"), format!("`{key}` has a value, {one}, and no list of values"))),
    })
}

/// Is it `rate(…)`, or `cron(…)` with six fields?
pub(in crate::kinds) fn is_schedule(text: &str) -> bool {
    let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        let Some((count, unit)) = rate.split_once(' ') else { return false };
        let units = if count == "1" { ["minute", "hour", "day"] } else { ["minutes", "hours", "days"] };
        return count.parse::<u32>().is_ok_and(|count| count > 0) && units.contains(&unit);
    }
    let fields: Vec<&str> = inside("cron").map(|cron| cron.split_whitespace().collect()).unwrap_or_default();
    matches!(fields[..], [_, _, day, _, weekday, _] if (day == "?") != (weekday == "?"))
}
