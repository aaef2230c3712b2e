//! Elastic Load Balancing v2: application and network load balancers, listeners, rules, target groups and their targets.

mod actions;
mod attributes;
mod balancers;
mod group_settings;
mod groups;
mod health;
mod interfaces;
mod listeners;
mod network;
mod rules;
mod tags;
mod targets;

use super::prelude::*;
use balancers::Balancer;
use groups::TargetGroup;
use listeners::Listener;
use rules::Rule;

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
    input: InputErrors::both("ValidationError"),
    operations: &[
        balancers::OPERATIONS,
        network::OPERATIONS,
        attributes::OPERATIONS,
        listeners::OPERATIONS,
        rules::OPERATIONS,
        groups::OPERATIONS,
        group_settings::OPERATIONS,
        targets::OPERATIONS,
        health::OPERATIONS,
        tags::OPERATIONS,
    ],
    objects: || {
        vec![
            ObjectKind::of::<Balancer>(),
            ObjectKind::of::<Listener>(),
            ObjectKind::of::<Rule>(),
            ObjectKind::of::<TargetGroup>(),
        ]
    },
    too_many_tags: || ApiError::bad("TooManyTags", "A resource has at most 50 tags."),
    ..Service::new("elasticloadbalancing", Protocol::AwsQuery, facts!("elbv2"))
};

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationError", message)
}

fn unfit(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidConfigurationRequest", message)
}

/// The load balancer that a request names by its ARN.
fn balancer(call: &Call<'_>, arn: &str) -> Result<Balancer, ApiError> {
    let name = arn.rsplit('/').nth(1).unwrap_or_default();
    let found = call.find::<Balancer>(name).filter(|it| it.arn(call) == arn).cloned();
    found.ok_or_else(|| balancers::missing(arn))
}

/// The listener that a request names by its ARN.
fn listener(call: &Call<'_>, arn: &str) -> Result<Listener, ApiError> {
    let found = call.find::<Listener>(arn.rsplit('/').next().unwrap_or_default()).cloned();
    let found = found.filter(|it| it.arn(call) == arn);
    found.ok_or_else(|| ApiError::bad("ListenerNotFound", "One or more listeners not found"))
}

/// The target group that a request names by its ARN.
fn group(call: &Call<'_>, arn: &str) -> Result<TargetGroup, ApiError> {
    let name = arn.rsplit('/').nth(1).unwrap_or_default();
    let found = call.find::<TargetGroup>(name).filter(|it| it.arn(call) == arn).cloned();
    found.ok_or_else(|| ApiError::bad("TargetGroupNotFound", "One or more target groups not found"))
}

/// Refuses a name that AWS does not take.
fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    if name.len() > 32 {
        return Err(invalid(format!("{what} name '{name}' cannot be longer than '32' characters")));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("{what} name '{name}' cannot begin or end with '-'")));
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(invalid(format!("{what} name '{name}' must contain only alphanumeric characters or hyphens")));
    }
    Ok(())
}

/// A whole number in a request that was taken out raw: the query protocol writes it as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
