//! Targets: instances that a target group knows, until they have been drained.

use std::time::Duration;

use super::group;
use super::groups::TargetGroup;
use crate::life::after;
use crate::services::ec2::{Power, power};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("RegisterTargets", register), write("DeregisterTargets", deregister)];

/// An instance at a port.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) port: i64,
    pub(super) since: Timestamp,
    /// Until then, requests that it has already may end.
    pub(super) leaves: Option<Timestamp>,
}

/// The targets of a request, each with its port where it has one of its own.
pub(super) fn take(call: &mut Call<'_>) -> Result<Vec<(String, Option<i64>)>, ApiError> {
    call.params.structs("Targets")?.into_iter().map(|mut one| Ok((one.text("Id")?, one.int_opt("Port")?))).collect()
}

fn refused(message: String) -> ApiError {
    ApiError::bad("InvalidTarget", message)
}

fn register(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    let (wanted, mut it) = (take(call)?, group(call, &arn)?);
    it.targets.retain(|one| one.leaves.is_none_or(|at| call.now < at));
    for (id, port) in wanted {
        let Some(power) = power(call.world, call.region, &id, call.now) else {
            return Err(refused(format!("The following targets are not valid instances: '{id}'")));
        };
        if !matches!(power, Power::Running(..)) {
            let message = format!("The following targets are not in a running state and cannot be registered: '{id}'");
            return Err(refused(message));
        }
        if !power.is_in(&it.vpc) {
            return Err(refused(format!("The following targets are not in the target group VPC '{}': '{id}'", it.vpc)));
        }
        let port = port.unwrap_or(it.port);
        match it.targets.iter_mut().find(|one| one.id == id && one.port == port) {
            // One that was leaving stays.
            Some(known) => {
                if known.leaves.take().is_some() {
                    known.since = call.now;
                }
            }
            None => it.targets.push(Target { id, port, since: call.now, leaves: None }),
        }
    }
    call.put::<TargetGroup>(it);
    Ok(Reply::empty())
}

fn deregister(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("TargetGroupArn")?;
    let (wanted, mut it) = (take(call)?, group(call, &arn)?);
    let delay = it.attributes["deregistration_delay.timeout_seconds"].parse().unwrap_or(300);
    let leaves = after(call.now, call.world.scaled(Duration::from_secs(delay)));
    for (id, port) in wanted {
        let port = port.unwrap_or(it.port);
        for one in it.targets.iter_mut().filter(|one| one.id == id && one.port == port) {
            one.leaves = Some(one.leaves.unwrap_or(leaves));
        }
    }
    it.targets.retain(|one| one.leaves.is_none_or(|at| call.now < at));
    call.put(it);
    Ok(Reply::empty())
}
