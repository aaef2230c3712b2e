//! Rules of alarms that would never leave "insufficient data": on metrics that nothing publishes, or not with these
//! dimensions.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{
        Alarm, InstanceGroup, LogGroup,
        alarm::{Metric, published::Misfit},
        instance_group::{Boot, agent::Agent},
    },
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0249",
            title: "Alarm on a metric that nothing publishes",
            explain: "An alarm waits for a metric with exactly this namespace and name, and says INSUFFICIENT_DATA for ever \
                      where nothing publishes it. Names of metrics are written with capitals as their service writes them. \
                      In a namespace that the stack's own log groups or CloudWatch agents publish to, their metrics are \
                      known; `CWAgent` needs an agent. If a program of yours publishes it, allow this rule and say so.",
        },
        severity: Severity::Warning,
        check: unknown,
    },
    Rule {
        code: Code {
            code: "DL0250",
            title: "Alarm with other dimensions than its metric has",
            explain: "Of a metric, every set of dimensions is a metric of its own: with one too many or too few an alarm \
                      watches something that does not exist. The CloudWatch agent sends a metric with all dimensions of \
                      its device (`name`, `index`, `arch` of a GPU) and with those that it appends; with fewer only where \
                      `aggregation_dimensions` says so.",
        },
        severity: Severity::Warning,
        check: dimensions,
    },
];

/// The sets of dimensions that a metric is published with, by its name.
type Names = BTreeMap<String, Vec<BTreeSet<String>>>;

/// What the stack itself publishes, by namespace.
fn published(stack: &Stack<'_>) -> BTreeMap<String, Names> {
    let mut out: BTreeMap<String, Names> = BTreeMap::new();
    for agent in agents(stack) {
        let names = out.entry(agent.namespace.clone()).or_default();
        for metric in &agent.metrics {
            names.entry(metric.name.clone()).or_default().extend(agent.dimensions(metric).cloned());
        }
    }
    for group in stack.all::<LogGroup>() {
        for filter in group.metric_filters.iter().flatten() {
            let sets = out.entry(filter.namespace.clone()).or_default().entry(filter.metric.clone()).or_default();
            sets.push(filter.dimensions.keys().cloned().collect());
        }
    }
    out
}

fn agents(stack: &Stack<'_>) -> Vec<Agent> {
    let groups: Vec<Item<'_, InstanceGroup>> = stack.all().collect();
    groups.iter().filter_map(|group| group.boot.as_ref()).flat_map(Boot::agents).collect()
}

/// Every metric of every alarm, with the field where it stands.
fn watched<'s>(stack: &'s Stack<'_>) -> impl Iterator<Item = (Item<'s, Alarm>, String, &'s Metric)> + 's {
    stack.all::<Alarm>().flat_map(|alarm| {
        let fields: &Alarm = alarm.fields;
        fields.metrics().into_iter().map(move |(path, metric)| (alarm, path, metric))
    })
}

fn unknown(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let own = published(stack);
    for (alarm, path, metric) in watched(stack) {
        let (namespace, name) = (&metric.namespace, &metric.name);
        let path = format!("{path}.name");
        if let Some(names) = own.get(namespace) {
            if !names.contains_key(name) {
                let all: Vec<&str> = names.keys().map(String::as_str).collect();
                let help = format!("write one of {}", all.join(", "));
                found.at(alarm.resource, &path, format!("nothing publishes `{name}` in `{namespace}`"), help);
            }
        } else if namespace == "CWAgent" {
            let help = "give the machines a configuration of the agent, as the module `watch-training` does";
            found.at(alarm.resource, &path, format!("no machine of the stack publishes `{name}`"), help);
        } else if let Some(Misfit::Name(near)) = metric.misfit() {
            let help = format!("write `{near}`");
            found.at(alarm.resource, &path, format!("`{namespace}` has no metric `{name}`"), help);
        }
    }
}

fn dimensions(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let own = published(stack);
    for (alarm, path, metric) in watched(stack) {
        let keys: BTreeSet<String> = metric.dimensions.keys().cloned().collect();
        let sets: Vec<String> = match own.get(&metric.namespace).and_then(|names| names.get(&metric.name)) {
            Some(sets) if sets.contains(&keys) => continue,
            Some(sets) => sets.iter().map(|set| set.iter().cloned().collect::<Vec<_>>().join(" and ")).collect(),
            None => match metric.misfit() {
                Some(Misfit::Dimensions(sets)) => sets,
                _ => continue,
            },
        };
        let named = |set: &String| if set.is_empty() { "none at all".to_owned() } else { set.clone() };
        let sets: Vec<String> = sets.iter().map(named).collect();
        let summary = if keys.is_empty() {
            format!("`{}` is not published without dimensions", metric.name)
        } else {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            format!("`{}` is not published with {}", metric.name, keys.join(" and "))
        };
        found.at(
            alarm.resource,
            &format!("{path}.dimensions"),
            summary,
            format!("its dimensions are {}", sets.join(", or ")),
        );
    }
}
