//! What listeners and rules do with a request: mostly, they send it to a target group.

use super::balancers::Balancer;
use super::groups::TargetGroup;
use super::listeners::Listener;
use super::rules::Rule;
use super::{group, invalid, number, unfit};
use crate::services::prelude::*;
use crate::store::World;

/// The actions of a request in the form that AWS shows; only one, and no authentication.
pub(super) fn take(call: &mut Call<'_>, field: &str, of: &Balancer) -> Result<Option<Value>, ApiError> {
    let Some(raw) = call.params.raw(field) else { return Ok(None) };
    let [action] = raw.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(ApiError::not_implemented("listeners and rules with several actions"));
    };
    let mut out = action.clone();
    match action["Type"].as_str().unwrap_or_default() {
        "forward" => {
            let arn = forwarded(action).ok_or_else(|| unfit("A target group must be specified for 'forward'"))?;
            check_group(call, &group(call, &arn)?, of)?;
            out = json!({"Type": "forward", "TargetGroupArn": arn, "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": false},
            }});
        }
        "redirect" | "fixed-response" if of.is_network() => {
            return Err(ApiError::bad("InvalidLoadBalancerAction", "Network load balancers can only forward"));
        }
        "redirect" | "fixed-response" => {}
        other => return Err(ApiError::not_implemented(format!("actions of type {other}"))),
    }
    out["Order"] = json!(number(&action["Order"]).unwrap_or(1));
    Ok(Some(json!([out])))
}

/// The target group of an action that forwards to one.
fn forwarded(action: &Value) -> Option<String> {
    let config = action["ForwardConfig"]["TargetGroups"].as_array().map(Vec::as_slice).unwrap_or_default();
    let arn = action["TargetGroupArn"].as_str().or_else(|| match config {
        [one] => one["TargetGroupArn"].as_str(),
        _ => None,
    });
    arn.map(str::to_owned)
}

/// Refuses a target group of another network, protocol or load balancer.
fn check_group(call: &Call<'_>, it: &TargetGroup, of: &Balancer) -> Result<(), ApiError> {
    let arn = it.arn(call);
    if it.vpc != of.vpc {
        return Err(unfit(format!("The target group '{arn}' is not in the VPC of the load balancer")));
    }
    if matches!(it.protocol.as_str(), "HTTP" | "HTTPS") == of.is_network() {
        let message = format!("Target group '{arn}' has a protocol that the load balancer does not have");
        return Err(ApiError::bad("IncompatibleProtocols", message));
    }
    if users(call.world, call.region, &arn).iter().any(|name| *name != of.name) {
        let message =
            format!("The following target groups cannot be associated with more than one load balancer: {arn}");
        return Err(ApiError::bad("TargetGroupAssociationLimit", message));
    }
    Ok(())
}

/// The names of load balancers that send requests to a target group.
pub(super) fn users(world: &World, region: &str, arn: &str) -> Vec<String> {
    let uses = |actions: &Value| {
        actions.as_array().into_iter().flatten().any(|action| action["TargetGroupArn"].as_str() == Some(arn))
    };
    let by_rules: Vec<&str> =
        world.all::<Rule>(region).filter(|rule| uses(&rule.actions)).map(|rule| rule.listener.as_str()).collect();
    let listeners = world.all::<Listener>(region).filter(|it| uses(&it.actions) || by_rules.contains(&it.id.as_str()));
    let mut out: Vec<String> = listeners.map(|it| it.balancer.clone()).collect();
    out.sort();
    out.dedup();
    out
}

/// What a protocol of a listener must be, and what goes with it.
pub(super) fn check_protocol(of: &Balancer, protocol: &str, secure: bool) -> Result<(), ApiError> {
    let known = if of.is_network() { ["TCP", "TLS", "UDP", "TCP_UDP"].as_slice() } else { &["HTTP", "HTTPS"] };
    if !known.contains(&protocol) {
        let message =
            format!("Listener protocol '{protocol}' is not supported with a load balancer of type '{}'", of.class);
        return Err(invalid(message));
    }
    match (matches!(protocol, "HTTPS" | "TLS"), secure) {
        (true, false) => Err(invalid("A certificate must be specified for HTTPS and TLS listeners")),
        (false, true) => Err(invalid(format!("A certificate cannot be specified for {protocol} listeners"))),
        _ => Ok(()),
    }
}
