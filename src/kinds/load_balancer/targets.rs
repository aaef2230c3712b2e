//! Targets: who is registered with a group, and who is on the way out.
use crate::{
    aws::{Aws, Error, gone, optional},
    resource::Id,
};
use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetHealthReasonEnum as Reason, TargetHealthStateEnum as Health,
};

/// An instance at a port.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) id: Id,
    port: Option<i32>,
    health: Option<Health>,
    reason: Option<Reason>,
    why: Option<String>,
}

impl Target {
    /// Does it finish what it has, and get nothing more?
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.health, Some(Health::Draining | Health::UnhealthyDraining))
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.health == Some(Health::Healthy)
    }

    /// Does it fail when it is asked, or not run? One that has not been asked often enough does not.
    pub(super) fn is_ill(&self) -> bool {
        match self.health {
            Some(Health::Unhealthy | Health::Unavailable) => true,
            Some(Health::Unused) => self.reason == Some(Reason::InvalidState),
            _ => false,
        }
    }

    /// AWS's words for how it is.
    pub(super) fn words(&self) -> String {
        let state = self.health.as_ref().map_or("unknown", Health::as_str);
        self.why.as_ref().map_or_else(|| state.to_owned(), |why| why.trim_end_matches('.').to_owned())
    }

    fn description(&self) -> TargetDescription {
        TargetDescription::builder().id(&self.id).set_port(self.port).build()
    }
}

/// The targets of a group, also those on the way out; none of a group that is gone.
pub(super) async fn of(aws: &Aws, group: &str) -> Result<Vec<Target>, Error> {
    let found = aws.elb().describe_target_health().target_group_arn(group).send().await.map_err(Error::from);
    let all = optional(found)?.and_then(|found| found.target_health_descriptions).unwrap_or_default();
    let target = |one: aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
        let (target, health) = (one.target?, one.target_health);
        let (health, reason, why) = health.map(|h| (h.state, h.reason, h.description)).unwrap_or_default();
        Some(Target { id: target.id?, port: target.port, health, reason, why })
    };
    Ok(all.into_iter().filter_map(target).collect())
}

/// Registers instances at the group's own port.
pub(super) async fn register(aws: &Aws, group: &str, ids: &[Id]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let targets = ids.iter().map(|id| TargetDescription::builder().id(id).build()).collect();
    aws.elb().register_targets().target_group_arn(group).set_targets(Some(targets)).send().await?;
    Ok(())
}

/// Sends nothing more to these.
pub(super) async fn deregister(aws: &Aws, group: &str, all: &[&Target]) -> Result<(), Error> {
    if all.is_empty() {
        return Ok(());
    }
    let targets = all.iter().map(|one| one.description()).collect();
    gone(
        aws.elb()
            .deregister_targets()
            .target_group_arn(group)
            .set_targets(Some(targets))
            .send()
            .await
            .map_err(Error::from),
    )
}

/// Makes these the targets of a group: others leave, and may finish what they have.
pub(super) async fn bring(aws: &Aws, group: &str, wanted: &[Id]) -> Result<(), Error> {
    let now = of(aws, group).await?;
    let there = |id: &Id| now.iter().any(|one| one.id == *id && !one.is_draining());
    let missing: Vec<Id> = wanted.iter().filter(|id| !there(id)).cloned().collect();
    register(aws, group, &missing).await?;
    let extra: Vec<&Target> = now.iter().filter(|one| !one.is_draining() && !wanted.contains(&one.id)).collect();
    deregister(aws, group, &extra).await
}

/// Asks all targets of a group to leave; true = some still finish what they have.
pub(super) async fn let_go(aws: &Aws, group: &str) -> Result<bool, Error> {
    let now = of(aws, group).await?;
    let here: Vec<&Target> = now.iter().filter(|one| !one.is_draining()).collect();
    deregister(aws, group, &here).await?;
    Ok(!now.is_empty())
}
