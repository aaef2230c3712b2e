//! Rules of listeners, in the order of their priorities; the default rule is the listener's own action.

use super::balancers::{self, Balancer};
use super::listeners::Listener;
use super::{actions, invalid, listener};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateRule", create),
    read("DescribeRules", describe),
    write("ModifyRule", modify),
    write("DeleteRule", delete),
    write("SetRulePriorities", set_priorities),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) created: Timestamp,
    /// The listener's id, and the end of its ARN.
    pub(super) listener: String,
    pub(super) tail: String,
    pub(super) priority: i64,
    pub(super) conditions: Value,
    pub(super) actions: Value,
    pub(super) tags: Tags,
}

object!(Rule, "elasticloadbalancing/rule", id, tags of "elasticloadbalancing" "listener-rule/{tail}/{id}" with tail);

impl Rule {
    pub(super) fn arn(&self, call: &Call<'_>) -> String {
        call.arn(format_args!("listener-rule/{}/{}", self.tail, self.id))
    }

    fn shown(&self, call: &Call<'_>) -> Value {
        json!({
            "RuleArn": self.arn(call), "Priority": self.priority.to_string(), "IsDefault": false,
            "Conditions": self.conditions, "Actions": self.actions,
        })
    }
}

/// What is shown as the last rule of a listener.
fn default_rule(call: &Call<'_>, it: &Listener) -> Value {
    let arn = call.arn(format_args!("listener-rule/{}/{}/{}", it.tail, it.id, it.id));
    json!({"RuleArn": arn, "Priority": "default", "IsDefault": true, "Conditions": [], "Actions": it.actions})
}

fn missing() -> ApiError {
    ApiError::bad("RuleNotFound", "One or more rules not found")
}

fn rule(call: &Call<'_>, arn: &str) -> Result<Rule, ApiError> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    if call.get::<Listener>(id).is_some() {
        return Err(ApiError::bad("OperationNotPermitted", "Default rule cannot be modified or deleted by this call"));
    }
    call.find::<Rule>(id).filter(|it| it.arn(call) == arn).cloned().ok_or_else(missing)
}

fn of(call: &Call<'_>, it: &Listener) -> Result<Balancer, ApiError> {
    call.get::<Balancer>(&it.balancer).cloned().ok_or_else(|| balancers::missing(&it.balancer))
}

/// Conditions in the form that AWS shows.
fn conditions(call: &mut Call<'_>) -> Result<Option<Value>, ApiError> {
    let Some(raw) = call.params.raw("Conditions") else { return Ok(None) };
    let mut out = Vec::new();
    for one in raw.as_array().into_iter().flatten() {
        let field = one["Field"].as_str().unwrap_or_default();
        let config = match field {
            "path-pattern" => "PathPatternConfig",
            "host-header" => "HostHeaderConfig",
            _ => return Err(ApiError::not_implemented(format!("conditions of {field}"))),
        };
        let values = [&one[config]["Values"], &one["Values"]].into_iter().find(|values| values.is_array());
        let values = values.cloned().unwrap_or_default();
        let count = values.as_array().map_or(0, Vec::len);
        if !(1..=5).contains(&count) {
            return Err(invalid(format!("A condition value must be specified for '{field}', and 5 at most")));
        }
        out.push(json!({"Field": field, "Values": values, config: {"Values": values}}));
    }
    if out.is_empty() {
        return Err(invalid("A rule must have at least one condition"));
    }
    Ok(Some(out.into()))
}

fn free(call: &Call<'_>, listener: &str, priority: i64, but: &[String]) -> Result<(), ApiError> {
    let taken = |it: &Rule| it.listener == listener && it.priority == priority && !but.contains(&it.id);
    match call.all::<Rule>().any(taken) {
        true => Err(ApiError::bad("PriorityInUse", format!("Priority '{priority}' is currently in use"))),
        false => Ok(()),
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ListenerArn")?;
    let (listener, priority) = (listener(call, &arn)?, call.params.int("Priority")?);
    let of = of(call, &listener)?;
    if of.is_network() {
        return Err(ApiError::bad("UnsupportedProtocol", "Rules are not supported by network load balancers"));
    }
    let conditions = conditions(call)?.unwrap_or_default();
    let (actions, tags) = (actions::take(call, "Actions", &of)?.unwrap_or_default(), tagged::take(call)?);
    free(call, &listener.id, priority, &[])?;
    let it = Rule {
        id: call.world.new_hex(16),
        created: call.now,
        tail: format!("{}/{}", listener.tail, listener.id),
        listener: listener.id,
        priority,
        conditions,
        actions,
        tags,
    };
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"Rules": [shown]})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (of, arns) = (call.params.text_opt("ListenerArn")?, call.params.texts("RuleArns")?);
    let page = Page::take(call, 400)?;
    let of = of.map(|arn| listener(call, &arn)).transpose()?;
    let mut all: Vec<(String, Value)> = Vec::new();
    let own = |it: &&Rule| of.as_ref().map_or_else(|| arns.contains(&it.arn(call)), |of| it.listener == of.id);
    all.extend(call.seen::<Rule>().filter(own).map(|it| (format!("{:06}", it.priority), it.shown(call))));
    if of.is_none() && all.len() < arns.len() {
        return Err(missing());
    }
    all.extend(of.iter().map(|of| ("default".to_owned(), default_rule(call, of))));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(page.reply(all, |one| &one.0, |one| one.1.clone()))
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("RuleArn")?;
    let mut it = rule(call, &arn)?;
    let listener = call.get::<Listener>(&it.listener).cloned().ok_or_else(missing)?;
    it.conditions = conditions(call)?.unwrap_or(it.conditions);
    it.actions = actions::take(call, "Actions", &of(call, &listener)?)?.unwrap_or(it.actions);
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"Rules": [shown]})))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("RuleArn")?;
    let it = rule(call, &arn)?;
    call.remove::<Rule>(&it.id);
    Ok(Reply::empty())
}

fn set_priorities(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut moved = Vec::new();
    for mut pair in call.params.structs("RulePriorities")? {
        let (arn, priority) = (pair.text("RuleArn")?, pair.int("Priority")?);
        moved.push(Rule { priority, ..rule(call, &arn)? });
    }
    let ids: Vec<String> = moved.iter().map(|it| it.id.clone()).collect();
    let mut told = Vec::new();
    for it in moved {
        free(call, &it.listener, it.priority, &ids)?;
        told.push(it.shown(call));
        call.put(it);
    }
    Ok(Reply::json(json!({"Rules": told})))
}
