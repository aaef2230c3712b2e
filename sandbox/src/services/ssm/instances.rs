//! Machines that are registered: an agent runs on them, and their role lets it say so.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::authorize;
use crate::life::after;
use crate::regions;
use crate::services::ec2::hosts::{Host, hosts};
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[read("DescribeInstanceInformation", describe)];

/// How long a machine runs until its agent has registered.
const BOOT: Duration = Duration::from_secs(60);
/// How often an agent says that it is there.
const PING: i64 = 300;

/// Whether the role of a machine lets its agent register.
fn may_register(world: &World, region: &str, host: &Host) -> bool {
    let arn = format!("arn:{}:ec2:{region}:{}:instance/{}", regions::partition(region), world.config.account, host.id);
    host.role.as_deref().is_some_and(|role| authorize::may(world, role, "ssm:UpdateInstanceInformation", &[arn]))
}

/// When a machine that runs is, or will be, registered.
pub(super) fn registered(world: &World, region: &str, host: &Host) -> Option<Timestamp> {
    let since = host.running.filter(|_| may_register(world, region, host))?;
    Some(after(since, world.scaled(BOOT)))
}

/// The machines that commands can be sent to.
pub(super) fn online(world: &World, region: &str, now: Timestamp) -> BTreeSet<String> {
    let is_online = |host: &Host| registered(world, region, host).is_some_and(|at| at <= now);
    hosts(world, region, now).into_iter().filter(is_online).map(|host| host.id).collect()
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut filters = Vec::new();
    for (list, key, values) in [("InstanceInformationFilterList", "key", "valueSet"), ("Filters", "Key", "Values")] {
        for mut filter in call.params.structs(list)? {
            filters.push((filter.text(key)?, filter.texts(values)?));
        }
    }
    let page = Page::take(call, 50)?;
    let known = ["InstanceIds", "PingStatus", "PlatformTypes", "ResourceType", "AgentVersion"];
    if let Some((key, _)) = filters.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        return Err(ApiError::not_implemented(format!("ssm:DescribeInstanceInformation with the filter {key}")));
    }
    let boot = call.world.scaled(BOOT);
    let mut found = Vec::new();
    for host in hosts(call.world, call.region, call.now) {
        // What once was registered is remembered until it is terminated.
        if !host.was_up_for(boot) || !may_register(call.world, call.region, &host) {
            continue;
        }
        let is_online = registered(call.world, call.region, &host).is_some_and(|at| at <= call.now);
        let shown = shown(call, &host, if is_online { "Online" } else { "ConnectionLost" });
        let fits = |(key, values): &(String, Vec<String>)| {
            let field = match key.as_str() {
                "InstanceIds" => "InstanceId",
                "PlatformTypes" => "PlatformType",
                other => other,
            };
            values.iter().any(|value| shown[field] == *value)
        };
        if filters.iter().all(fits) {
            found.push((host.id, shown));
        }
    }
    Ok(page.reply(found, |(id, _)| id, |(_, shown)| shown.clone()))
}

fn shown(call: &Call<'_>, host: &Host, ping: &str) -> Value {
    let name = format!("ip-{}.ec2.internal", host.address.replace('.', "-"));
    let now = call.now.as_second();
    // In steps from the moment at which it came up.
    let last = host.running.map_or(now, |since| now - (now - since.as_second()).rem_euclid(PING));
    json!({
        "InstanceId": host.id,
        "PingStatus": ping,
        "LastPingDateTime": last,
        "AgentVersion": "3.3.2746.0",
        "IsLatestVersion": true,
        "PlatformType": "Linux",
        "PlatformName": host.platform,
        "ResourceType": "EC2Instance",
        "IPAddress": host.address,
        "ComputerName": name,
        "SourceId": host.id,
        "SourceType": "AWS::EC2::Instance",
    })
}
