//! What can be changed of target groups: health checks and attributes.

use std::collections::BTreeMap;

use super::groups::TargetGroup;
use super::{attributes, group, invalid, unfit};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("ModifyTargetGroup", modify),
    read("DescribeTargetGroupAttributes", describe),
    write("ModifyTargetGroupAttributes", modify_attributes),
];

/// How a target is asked whether it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Health {
    pub(super) protocol: String,
    pub(super) port: String,
    pub(super) path: Option<String>,
    pub(super) interval: i64,
    pub(super) timeout: i64,
    pub(super) healthy: i64,
    pub(super) unhealthy: i64,
    pub(super) codes: Option<String>,
}

impl Health {
    /// What AWS does where nothing is said.
    pub(super) fn usual(protocol: &str) -> Self {
        let http = matches!(protocol, "HTTP" | "HTTPS");
        Self {
            protocol: if http { protocol } else { "TCP" }.to_owned(),
            port: "traffic-port".to_owned(),
            path: http.then(|| "/".to_owned()),
            interval: 30,
            timeout: match protocol {
                "HTTP" => 5,
                "HTTPS" => 5,
                _ => 10,
            },
            healthy: 5,
            unhealthy: 2,
            codes: http.then(|| "200".to_owned()),
        }
    }

    pub(super) fn show(&self, out: &mut Value) {
        out["HealthCheckProtocol"] = json!(self.protocol);
        out["HealthCheckPort"] = json!(self.port);
        out["HealthCheckEnabled"] = json!(true);
        out["HealthCheckIntervalSeconds"] = json!(self.interval);
        out["HealthCheckTimeoutSeconds"] = json!(self.timeout);
        out["HealthyThresholdCount"] = json!(self.healthy);
        out["UnhealthyThresholdCount"] = json!(self.unhealthy);
        if let Some(path) = &self.path {
            out["HealthCheckPath"] = json!(path);
            out["Matcher"] = json!({"HttpCode": self.codes});
        }
    }
}

/// The health check of a request, on top of what is there.
pub(super) fn take(call: &mut Call<'_>, mut it: Health, group: &str) -> Result<Health, ApiError> {
    if let Some(protocol) = call.params.text_opt("HealthCheckProtocol")?.filter(|new| *new != it.protocol) {
        let http = matches!(protocol.as_str(), "HTTP" | "HTTPS");
        if !http && (protocol != "TCP" || matches!(group, "HTTP" | "HTTPS")) {
            return Err(unfit(format!("Health check protocol '{protocol}' is not supported")));
        }
        it.path = http.then(|| it.path.unwrap_or_else(|| "/".to_owned()));
        it.codes = http.then(|| it.codes.unwrap_or_else(|| "200-399".to_owned()));
        it.protocol = protocol;
    }
    it.port = call.params.text_opt("HealthCheckPort")?.unwrap_or(it.port);
    let path = call.params.text_opt("HealthCheckPath")?;
    let mut matcher = call.params.child_opt("Matcher")?;
    let codes = matcher.as_mut().map(|matcher| matcher.text_opt("HttpCode")).transpose()?.flatten();
    if it.path.is_none() && (path.is_some() || codes.is_some()) {
        return Err(unfit("Health check path and matcher are not supported with health check protocol TCP"));
    }
    if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(invalid("Health check path must begin with a '/'"));
    }
    (it.path, it.codes) = (path.or(it.path), codes.or(it.codes));
    it.interval = call.params.int_opt("HealthCheckIntervalSeconds")?.unwrap_or(it.interval);
    it.timeout = call.params.int_opt("HealthCheckTimeoutSeconds")?.unwrap_or(it.timeout);
    it.healthy = call.params.int_opt("HealthyThresholdCount")?.unwrap_or(it.healthy);
    it.unhealthy = call.params.int_opt("UnhealthyThresholdCount")?.unwrap_or(it.unhealthy);
    if call.params.flag_opt("HealthCheckEnabled")? == Some(false) {
        return Err(unfit("Health checks are always enabled for targets of type 'instance'"));
    }
    if it.timeout >= it.interval {
        let message =
            format!("Health check interval must be greater than the timeout: '{}' and '{}'", it.interval, it.timeout);
        return Err(invalid(message));
    }
    Ok(it)
}

const BOTH: [(&str, &str); 3] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("stickiness.enabled", "false"),
];
const HTTP: [(&str, &str); 4] = [
    ("load_balancing.algorithm.type", "round_robin"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.type", "lb_cookie"),
];
const TCP: [(&str, &str); 4] = [
    ("deregistration_delay.connection_termination.enabled", "false"),
    ("preserve_client_ip.enabled", "true"),
    ("proxy_protocol_v2.enabled", "false"),
    ("stickiness.type", "source_ip"),
];

/// The attributes of a new group.
pub(super) fn usual(protocol: &str) -> BTreeMap<String, String> {
    let own = if matches!(protocol, "HTTP" | "HTTPS") { &HTTP } else { &TCP };
    BOTH.iter().chain(own).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    let mut it: TargetGroup = group(call, &arn)?;
    it.health = take(call, it.health, &it.protocol)?;
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"TargetGroups": [shown]})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    Ok(Reply::json(attributes::shown(&group(call, &arn)?.attributes)))
}

fn modify_attributes(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    let (pairs, mut it) = (attributes::pairs(call)?, group(call, &arn)?);
    for (key, value) in pairs {
        if !it.attributes.contains_key(&key) {
            return Err(unfit(format!("Target group attribute key '{key}' is not supported on this target group")));
        }
        match key.as_str() {
            "deregistration_delay.timeout_seconds" => attributes::within(&key, &value, 0, 3600)?,
            "stickiness.lb_cookie.duration_seconds" => attributes::within(&key, &value, 1, 604_800)?,
            _ => {}
        }
        it.attributes.insert(key, value);
    }
    let told = attributes::shown(&it.attributes);
    call.put(it);
    Ok(Reply::json(told))
}
