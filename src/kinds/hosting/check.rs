//! What SageMaker would refuse of a container, wherever it stands: each finding with the field under the container, what is
//! wrong, and what to write instead.
use super::fields::{Measure, ModelData, Scaling, Step};
use crate::{field::Field, kinds::event_rule};
use std::collections::{BTreeMap, BTreeSet};

/// The field, what is wrong with it, and what to write instead.
pub(in crate::kinds) type Finding = (String, String, String);

/// Images that serve language models.
const LANGUAGE: [&str; 5] = ["vllm", "sglang", "djl-inference", "text-generation-inference", "-tgi-"];
/// Those that need a newer driver than AWS's default.
const NEW_DRIVER: [&str; 2] = ["vllm", "sglang"];

fn known(of: &BTreeMap<String, Field<String>>) -> impl Iterator<Item = (&String, &String)> {
    of.iter().filter_map(|(key, value)| Some((key, value.known()?)))
}

/// Is it larger than SageMaker takes?
pub(in crate::kinds) fn environment(of: &BTreeMap<String, Field<String>>) -> Option<Finding> {
    let long = known(of).any(|(key, value)| key.len() > 1024 || value.len() > 1024);
    let bytes: usize = known(of).map(|(key, value)| key.len() + value.len()).sum();
    (long || of.len() > 100 || bytes > 32 * 1024).then(|| {
        let summary = "the environment is larger than SageMaker takes";
        ("environment".into(), summary.into(), "put a file into the model's data instead".into())
    })
}

/// Entries that look like a secret.
pub(in crate::kinds) fn tokens(of: &BTreeMap<String, Field<String>>) -> Vec<Finding> {
    let is_token = |(key, value): &(&String, &String)| {
        let name = key.to_ascii_uppercase();
        let named = ["TOKEN", "SECRET", "PASSWORD", "API_KEY"].iter().any(|word| name.contains(word));
        // A number of tokens is none.
        let number = value.parse::<f64>().is_ok() || value.starts_with("arn:") || value.is_empty();
        named && !number || value.starts_with("hf_")
    };
    let told = |(key, _): (&String, &String)| {
        let summary = format!("`{key}` looks like a secret, and everybody who sees the model reads it");
        (format!("environment.{key}"), summary, "remove it: let the container read a secret by its role".to_owned())
    };
    known(of).filter(is_token).map(told).collect()
}

/// Is it a place of data?
pub(in crate::kinds) fn data(of: &ModelData) -> Option<Finding> {
    match (&of.prefix, &of.object) {
        (Some(_), Some(_)) | (None, None) => {
            Some((String::new(), "the data is a `prefix` or an `object`".into(), "write one of them".into()))
        }
        (Some(prefix), None) => {
            let prefix = prefix.known().filter(|prefix| !prefix.ends_with('/'))?;
            Some((".prefix".into(), "the prefix does not end with `/`".into(), format!("write `{prefix}/`")))
        }
        _ => None,
    }
}

/// Steps that cannot work; `fits` says what is measured of the resource.
pub(in crate::kinds) fn steps(of: &Scaling, fits: impl Fn(Measure) -> bool) -> Vec<Finding> {
    let Some(steps) = &of.steps else { return Vec::new() };
    let mut out = Vec::new();
    let mut bad = |field: &str, summary: &str, help: &str| {
        out.push((field.to_owned(), summary.to_owned(), help.to_owned()));
    };
    if of.target.is_some() {
        bad("steps", "either a target or steps decide", "leave `target` or `steps` out");
    }
    if !fits(steps.metric) {
        let help = "write `backlog` for an endpoint with `async`, `invocations` or `concurrent-requests` for others";
        bad("steps.metric", "this is not measured here", help);
    }
    if steps.up.is_empty() && steps.down.is_empty() {
        bad("steps", "these steps do nothing", "write for example `up: [{ at: 100, by: 1 }]`");
    }
    for (name, list) in [("steps.up", &steps.up), ("steps.down", &steps.down)] {
        let values: BTreeSet<u32> = list.iter().map(|step| step.at).collect();
        if values.len() < list.len() {
            bad(name, "two steps have the same value", "leave one of them out");
        }
        if list.iter().any(|step| step.by == 0) {
            bad(name, "a step of 0 does nothing", "write how many are added or removed");
        }
        if list.len() > MOST_STEPS {
            bad(name, "more than 20 steps", "leave some of them out");
        }
    }
    let at = |step: &Step| step.at;
    if let (Some(low), Some(high)) = (steps.up.iter().map(at).min(), steps.down.iter().map(at).max())
        && high >= low
    {
        bad("steps.down", "at the same value some are added and some removed", "remove below what adds");
    }
    out
}

/// Steps of one policy (quotas of Application Auto Scaling).
const MOST_STEPS: usize = 20;

/// Times that cannot be those of a schedule; `empty` says whether there may be none for a while.
pub(in crate::kinds) fn times(of: &Scaling, empty: bool) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut names = BTreeSet::new();
    for (i, one) in of.schedule.iter().enumerate() {
        let mut bad = |field: &str, summary: &str, help: &str| {
            out.push((format!("schedule.{i}.{field}"), summary.to_owned(), help.to_owned()));
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=256).contains(&one.name.len()) || !one.name.chars().all(plain) || !names.insert(&one.name) {
            bad("name", "this is not a name for a time, or is used twice", "write for example `night`");
        }
        if !event_rule::is_schedule(&one.at) {
            let help = "write for example `cron(0 20 ? * MON-FRI *)` or `rate(12 hours)`";
            bad("at", "this is neither `cron` nor `rate`", help);
        }
        if one.time_zone.is_some() && one.at.starts_with("rate") {
            bad("time_zone", "a rate has no time zone", "leave it out, or write `cron`");
        }
        if one.min.is_none() && one.max.is_none() {
            bad("min", "nothing happens at this time", "write `min`, `max` or both");
        }
        if one.min.unwrap_or(of.min) > one.max.unwrap_or(of.max) {
            bad("min", "`min` is above `max`", "exchange them, or write both");
        }
        if one.max == Some(0) {
            bad("max", "what can have none serves nobody", "write `max: 1` or more");
        }
        if one.min == Some(0) && !empty {
            bad("min", "an endpoint in real time keeps one machine at least", "write `min: 1`, or use `async`");
        }
    }
    out
}

fn is_among(words: &[&str], image: &Field<String>) -> bool {
    let image = image.known().map(|image| image.to_ascii_lowercase()).unwrap_or_default();
    words.iter().any(|word| image.contains(word))
}

/// Does it serve a language model, which loads longer than AWS waits where nothing is said?
pub(crate) fn loads_long(image: &Field<String>) -> bool {
    is_among(&LANGUAGE, image)
}

/// Does it end before it writes a line, with the driver that machines have where nothing is said?
pub(crate) fn needs_new_driver(image: &Field<String>) -> bool {
    is_among(&NEW_DRIVER, image)
}
