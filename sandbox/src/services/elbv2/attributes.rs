//! Attributes of load balancers: texts by key, of which AWS has a fixed set.

use std::collections::BTreeMap;

use super::{balancer, invalid, unfit};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[read("DescribeLoadBalancerAttributes", describe), write("ModifyLoadBalancerAttributes", modify)];

/// What every load balancer begins with.
const BOTH: [(&str, &str); 6] = [
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.prefix", ""),
    ("deletion_protection.enabled", "false"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("zonal_shift.config.enabled", "false"),
];
const APPLICATION: [(&str, &str); 12] = [
    ("idle_timeout.timeout_seconds", "60"),
    ("client_keep_alive.seconds", "3600"),
    ("connection_logs.s3.enabled", "false"),
    ("connection_logs.s3.bucket", ""),
    ("connection_logs.s3.prefix", ""),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "true"),
];

/// The attributes of a new load balancer.
pub(super) fn usual(network: bool, scheme: &str) -> BTreeMap<String, String> {
    let own = if network { &[("dns_record.client_routing_policy", "any_availability_zone")][..] } else { &APPLICATION };
    let all = BOTH.iter().chain(own);
    let mut out: BTreeMap<_, _> = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    if network {
        out.insert("load_balancing.cross_zone.enabled".to_owned(), "false".to_owned());
    }
    out.insert("ipv6.deny_all_igw_traffic".to_owned(), (scheme == "internal").to_string());
    out
}

/// The pairs of a request.
pub(super) fn pairs(call: &mut Call<'_>) -> Result<Vec<(String, String)>, ApiError> {
    let pair =
        |mut one: crate::wire::params::Params| Ok((one.text("Key")?, one.text_opt("Value")?.unwrap_or_default()));
    call.params.structs("Attributes")?.into_iter().map(pair).collect()
}

pub(super) fn shown(all: &BTreeMap<String, String>) -> Value {
    json!({"Attributes": tagged::pairs(all)})
}

/// Refuses a value that is no number in this range.
pub(super) fn within(key: &str, value: &str, low: u32, high: u32) -> Result<(), ApiError> {
    match value.parse::<u32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(()),
        _ => Err(invalid(format!("'{value}' is not valid for '{key}': it must be between {low} and {high}"))),
    }
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    Ok(Reply::json(shown(&balancer(call, &arn)?.attributes)))
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    let (pairs, mut it) = (pairs(call)?, balancer(call, &arn)?);
    for (key, value) in pairs {
        if !it.attributes.contains_key(&key) {
            let message =
                format!("Load balancer attribute key '{key}' is not supported on load balancers of this type");
            return Err(unfit(message));
        }
        match key.as_str() {
            "idle_timeout.timeout_seconds" => within(&key, &value, 1, 4000)?,
            "client_keep_alive.seconds" => within(&key, &value, 60, 604_800)?,
            _ if key.ends_with(".enabled") && !matches!(value.as_str(), "true" | "false") => {
                return Err(invalid(format!("'{value}' is not valid for '{key}'")));
            }
            _ => {}
        }
        it.attributes.insert(key, value);
    }
    let (logs, bucket) = (&it.attributes["access_logs.s3.enabled"], &it.attributes["access_logs.s3.bucket"]);
    if logs == "true" && bucket.is_empty() {
        return Err(unfit("The value of 'access_logs.s3.bucket' cannot be empty"));
    }
    let told = shown(&it.attributes);
    call.put(it);
    Ok(Reply::json(told))
}
