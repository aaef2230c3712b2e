//! Rules: put whole, whoever had the name before, and deleted once they have no targets.

use super::{missing, named, on_default_bus, pattern};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutRule", put),
    write("DeleteRule", delete),
    write("EnableRule", |call| switch(call, "ENABLED")),
    write("DisableRule", |call| switch(call, "DISABLED")),
    read("DescribeRule", describe),
    read("ListRules", list),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) name: String,
    created: Timestamp,
    pub(super) pattern: Option<String>,
    schedule: Option<String>,
    pub(super) state: String,
    description: Option<String>,
    role: Option<String>,
    /// As they were put.
    pub(super) targets: Vec<Value>,
    tags: Tags,
}

object!(Rule, "events/rule", name, tags of "events" "rule/{name}");

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    on_default_bus(call)?;
    let name = call.params.text("Name")?;
    let (pattern, schedule) = (call.params.text_opt("EventPattern")?, call.params.text_opt("ScheduleExpression")?);
    let state = call.params.text_opt("State")?.unwrap_or_else(|| "ENABLED".to_owned());
    let (description, role) = (call.params.text_opt("Description")?, call.params.text_opt("RoleArn")?);
    let tags = tagged::take(call)?;
    if pattern.is_none() && schedule.is_none() {
        return Err(call.invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if let Some(text) = &pattern {
        let refuse =
            |why| ApiError::bad("InvalidEventPatternException", format!("Event pattern is not valid. Reason: {why}"));
        pattern::check(text).map_err(refuse)?;
    }
    if schedule.as_deref().is_some_and(|text| !is_schedule(text)) {
        return Err(call.invalid("Parameter ScheduleExpression is not valid."));
    }
    let old = call.get::<Rule>(&name).cloned();
    // What is not said is nothing from now on; the tags of a call count for a new rule only.
    let (created, tags, targets) = match old {
        Some(old) => (old.created, old.tags, old.targets),
        None => (call.now, tags, Vec::new()),
    };
    let arn = arn(call, &name);
    call.put(Rule { name, created, pattern, schedule, state, description, role, targets, tags });
    Ok(Reply::json(json!({"RuleArn": arn})))
}

/// `rate(5 minutes)` or `cron(…)` with six fields.
fn is_schedule(text: &str) -> bool {
    let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
    let parts = |inside: &str| inside.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match (inside("rate").map(parts), inside("cron").map(parts)) {
        (Some(rate), _) => match &rate[..] {
            [count, unit] if count == "1" => ["minute", "hour", "day"].contains(&unit.as_str()),
            [count, unit] => {
                count.parse::<u32>().is_ok_and(|count| count > 1)
                    && ["minutes", "hours", "days"].contains(&unit.as_str())
            }
            _ => false,
        },
        (None, Some(cron)) => {
            cron.len() == 6 && (cron.get(2).is_some_and(|d| d == "?") != cron.get(4).is_some_and(|d| d == "?"))
        }
        (None, None) => false,
    }
}

fn arn(call: &Call<'_>, name: &str) -> String {
    call.arn(format_args!("rule/{name}"))
}

fn switch(call: &mut Call<'_>, state: &str) -> Result<Reply, ApiError> {
    let rule = named(call, "Name")?;
    call.put(Rule { state: state.to_owned(), ..rule });
    Ok(Reply::empty())
}

fn shown(call: &Call<'_>, rule: &Rule) -> Value {
    json!({
        "Name": rule.name, "Arn": arn(call, &rule.name), "EventPattern": rule.pattern, "State": rule.state,
        "ScheduleExpression": rule.schedule, "Description": rule.description, "RoleArn": rule.role,
        "EventBusName": "default",
    })
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    on_default_bus(call)?;
    let name = call.params.text("Name")?;
    let rule = call.see::<Rule>(&name).ok_or_else(|| missing(&name))?;
    let mut out = shown(call, rule);
    out["CreatedBy"] = call.account().into();
    Ok(Reply::json(out))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    on_default_bus(call)?;
    let prefix = call.params.text_opt("NamePrefix")?.unwrap_or_default();
    let page = Page::take(call, 100)?;
    let found = call.seen::<Rule>().filter(|rule| rule.name.starts_with(&prefix));
    let (rules, next) = page.cut(found, |rule| &rule.name);
    let rules: Vec<Value> = rules.into_iter().map(|rule| shown(call, rule)).collect();
    Ok(Reply::json(json!({"Rules": rules, "NextToken": next})))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    on_default_bus(call)?;
    let name = call.params.text("Name")?;
    call.params.flag("Force")?;
    if call.get::<Rule>(&name).is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(call.invalid("Rule can't be deleted since it has targets."));
    }
    // One that is not there is deleted too.
    call.remove::<Rule>(&name);
    Ok(Reply::empty())
}
