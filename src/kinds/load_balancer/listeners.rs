//! Listeners and their rules: read as they are, and brought to what is wanted.
use super::{
    LISTENER, LoadBalancer, RULE,
    fields::{Class, Listener, ListenerProtocol, Rule},
    groups,
};
use crate::{
    aws::{Aws, Error, ErrorClass, gone, optional},
    call::Ctx,
    field::Field,
    resource::Id,
};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, HostHeaderConditionConfig, PathPatternConditionConfig, ProtocolEnum,
    Rule as AwsRule, RuleCondition,
};
use serde_json::json;
use std::collections::BTreeMap;

/// A listener with ARNs in place of the names of target groups.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) arn: Id,
    pub(super) listener: Listener,
    /// Each with the rule of the listener at the same place.
    pub(super) rules: Vec<Id>,
    /// A protocol that no blueprint can name.
    pub(super) novel: Option<String>,
}

impl ListenerProtocol {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Http, Self::Https, Self::Tcp, Self::Tls].into_iter().find(|one| one.word() == word)
    }
}

/// The parts of a load balancer that are listeners and rules.
pub(super) fn parts(found: &Found) -> Vec<(String, Id)> {
    let port = found.listener.port;
    let rules = found.listener.rules.iter().zip(&found.rules);
    let rules = rules.map(|(rule, arn)| (rule_part(port, rule.priority.unwrap_or(0)), arn.clone()));
    std::iter::once((part(port), found.arn.clone())).chain(rules).collect()
}

fn part(port: u32) -> String {
    format!("listener {port}")
}
fn rule_part(port: u32, priority: u32) -> String {
    format!("rule {port} {priority}")
}

/// Where an action leads: the ARN of a target group, or what it does instead.
fn leads_to(actions: Option<Vec<Action>>) -> String {
    let actions = actions.unwrap_or_default();
    let one = |action: &Action| action.target_group_arn.clone().filter(|_| actions.len() == 1);
    let word = |action: &Action| action.r#type.as_ref().map_or("nothing", ActionTypeEnum::as_str).to_owned();
    actions.last().map_or_else(String::new, |action| one(action).unwrap_or_else(|| format!("({})", word(action))))
}

/// The listeners of a load balancer; none of one that is gone.
pub(super) async fn of(aws: &Aws, balancer: &str, class: Class) -> Result<Vec<Found>, Error> {
    let all = aws.elb().describe_listeners().load_balancer_arn(balancer).into_paginator().items().send();
    let Some(all) = optional(all.try_collect().await.map_err(Error::from))? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for one in all {
        let arn = one.listener_arn.unwrap_or_default();
        let raw = if class == Class::Application { rules(aws, &arn).await? } else { Vec::new() };
        let (ids, rules) = raw.into_iter().filter_map(rule).unzip();
        let word = one.protocol.as_ref().map_or("none", ProtocolEnum::as_str);
        let certificate = one.certificates.and_then(|all| all.into_iter().next()?.certificate_arn);
        let protocol = ListenerProtocol::of(word).unwrap_or(ListenerProtocol::Tcp);
        let listener = Listener {
            port: one.port.and_then(|port| u32::try_from(port).ok()).unwrap_or(0),
            protocol,
            certificate: certificate.map(Field::Known),
            policy: one.ssl_policy.filter(|_| protocol.is_secure()),
            to: leads_to(one.default_actions),
            rules,
        };
        let novel = ListenerProtocol::of(word).is_none().then(|| word.to_owned());
        out.push(Found { arn, listener, rules: ids, novel });
    }
    Ok(out)
}

async fn rules(aws: &Aws, listener: &str) -> Result<Vec<AwsRule>, Error> {
    let all = aws.elb().describe_rules().listener_arn(listener).into_paginator().items().send();
    Ok(optional(all.try_collect().await.map_err(Error::from))?.unwrap_or_default())
}

/// A rule that is not the listener's own default.
fn rule(raw: AwsRule) -> Option<(Id, Rule)> {
    let priority = raw.priority.and_then(|text| text.parse().ok())?;
    let mut out = Rule { priority: Some(priority), path: Vec::new(), host: Vec::new(), to: leads_to(raw.actions) };
    for one in raw.conditions.unwrap_or_default() {
        let field = one.field.unwrap_or_default();
        let values = match field.as_str() {
            "path-pattern" => one.path_pattern_config.and_then(|config| config.values).or(one.values),
            "host-header" => one.host_header_config.and_then(|config| config.values).or(one.values),
            // Nobody wants this, so the rule is changed to what is wanted.
            other => Some(vec![format!("({other})")]),
        };
        let list = if field == "host-header" { &mut out.host } else { &mut out.path };
        list.extend(values.unwrap_or_default());
    }
    out.path.sort();
    out.host.sort();
    Some((raw.rule_arn?, out))
}

fn forward(group: &str) -> Vec<Action> {
    vec![Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()]
}

fn conditions(rule: &Rule) -> Vec<RuleCondition> {
    let path = (!rule.path.is_empty()).then(|| {
        let config = PathPatternConditionConfig::builder().set_values(Some(rule.path.clone())).build();
        RuleCondition::builder().field("path-pattern").path_pattern_config(config).build()
    });
    let host = (!rule.host.is_empty()).then(|| {
        let config = HostHeaderConditionConfig::builder().set_values(Some(rule.host.clone())).build();
        RuleCondition::builder().field("host-header").host_header_config(config).build()
    });
    path.into_iter().chain(host).collect()
}

/// The wanted listener with ARNs in place of names.
fn resolved(want: &Listener, groups: &BTreeMap<String, Id>) -> Result<Listener, Error> {
    let arn = |name: &String| {
        groups.get(name).cloned().ok_or_else(|| Error::bug(format!("the target group {name} was not checked")))
    };
    let rule = |rule: &Rule| Ok(Rule { to: arn(&rule.to)?, ..rule.clone() });
    let rules = want.rules.iter().map(rule).collect::<Result<_, Error>>()?;
    Ok(Listener { to: arn(&want.to)?, rules, ..want.clone() })
}

/// Makes, changes and removes listeners and rules.
pub(super) async fn bring(
    ctx: &Ctx,
    want: &LoadBalancer,
    balancer: &str,
    groups: &BTreeMap<String, Id>,
) -> Result<(), Error> {
    let now = of(&ctx.aws, balancer, want.class).await?;
    for old in now.iter().filter(|old| want.listeners.iter().all(|one| one.port != old.listener.port)) {
        let sent = ctx.aws.elb().delete_listener().listener_arn(&old.arn).send().await;
        gone(sent.map_err(Error::from))?;
    }
    for one in &want.listeners {
        let new = resolved(one, groups)?;
        let old = now.iter().find(|old| old.listener.port == one.port);
        let arn = match old {
            None => make(ctx, balancer, &new).await?,
            Some(old) => {
                let bare = |listener: &Listener| Listener { rules: Vec::new(), ..listener.clone() };
                if old.novel.is_some() || bare(&old.listener) != bare(&new) {
                    change(ctx, &old.arn, &new).await?;
                }
                old.arn.clone()
            }
        };
        let none = (Vec::new(), Vec::new());
        let (rules, ids) = old.map_or(none, |old| (old.listener.rules.clone(), old.rules.clone()));
        bring_rules(ctx, &arn, &new, &rules.into_iter().zip(ids).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

fn certificates(one: &Listener) -> Result<Option<Vec<Certificate>>, Error> {
    let Some(arn) = &one.certificate else { return Ok(None) };
    Ok(Some(vec![Certificate::builder().certificate_arn(arn.get()?).build()]))
}

/// What somebody made in between is read by the next look.
fn hidden(e: Error) -> Error {
    if e.class == ErrorClass::Exists { Error::new(ErrorClass::NotVisibleYet, e.message) } else { e }
}

async fn make(ctx: &Ctx, balancer: &str, one: &Listener) -> Result<Id, Error> {
    let (certificates, params) = (certificates(one)?, json!({ "balancer": balancer, "listener": one }));
    let certificates = &certificates;
    let part = part(one.port);
    let made = ctx.call(&LISTENER, &part, &params, |attempt| async move {
        let call = ctx.aws.elb_once().create_listener().load_balancer_arn(balancer);
        let call = call.set_port(i32::try_from(one.port).ok()).protocol(one.protocol.word().into());
        let call = call.set_certificates(certificates.clone()).set_ssl_policy(one.policy.clone());
        let call = call.set_default_actions(Some(forward(&one.to))).set_tags(Some(groups::tags(&attempt.tags)));
        let out = call.send().await.map_err(|e| hidden(e.into()))?;
        let arn = out.listeners.and_then(|all| all.into_iter().next()?.listener_arn);
        Ok(vec![arn.ok_or_else(|| Error::missing("the listener's ARN"))?])
    });
    made.await?.pop().ok_or_else(|| Error::missing("the listener's ARN"))
}

async fn change(ctx: &Ctx, arn: &str, one: &Listener) -> Result<(), Error> {
    let call = ctx.aws.elb().modify_listener().listener_arn(arn).protocol(one.protocol.word().into());
    let call = call.set_certificates(certificates(one)?).set_ssl_policy(one.policy.clone());
    call.set_default_actions(Some(forward(&one.to))).send().await?;
    Ok(())
}

async fn bring_rules(ctx: &Ctx, listener: &str, want: &Listener, now: &[(Rule, Id)]) -> Result<(), Error> {
    let elb = ctx.aws.elb();
    for (_, arn) in now.iter().filter(|(old, _)| want.rules.iter().all(|one| one.priority != old.priority)) {
        gone(elb.delete_rule().rule_arn(arn).send().await.map_err(Error::from))?;
    }
    for one in &want.rules {
        match now.iter().find(|(old, _)| old.priority == one.priority) {
            Some((old, _)) if old == one => {}
            Some((_, arn)) => {
                let call = elb.modify_rule().rule_arn(arn).set_actions(Some(forward(&one.to)));
                call.set_conditions(Some(conditions(one))).send().await?;
            }
            None => {
                let params = json!({ "listener": listener, "rule": one });
                let part = rule_part(want.port, one.priority.unwrap_or(0));
                let made = ctx.call(&RULE, &part, &params, |attempt| async move {
                    let call = ctx.aws.elb_once().create_rule().listener_arn(listener);
                    let call = call.set_priority(one.priority.and_then(|n| i32::try_from(n).ok()));
                    let call = call.set_conditions(Some(conditions(one))).set_actions(Some(forward(&one.to)));
                    let call = call.set_tags(Some(groups::tags(&attempt.tags)));
                    let out = call.send().await.map_err(|e| hidden(e.into()))?;
                    let arn = out.rules.and_then(|all| all.into_iter().next()?.rule_arn);
                    Ok(vec![arn.ok_or_else(|| Error::missing("the rule's ARN"))?])
                });
                made.await?;
            }
        }
    }
    Ok(())
}
