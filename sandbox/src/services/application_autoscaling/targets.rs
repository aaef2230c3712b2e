//! Scalable targets: the bounds of a count. A target moves its resource into its bounds at once, as AWS does it.

use sha2::{Digest, Sha256};

use super::policies::Policy;
use super::scaled::{Scaled, dimension, resource};
use super::schedules::Action;
use super::{refused, unknown};
use crate::services::prelude::*;
use crate::store::{Object, World};

pub(super) const OPERATIONS: &[Operation] = &[
    write("RegisterScalableTarget", register),
    read("DescribeScalableTargets", describe),
    write("DeregisterScalableTarget", deregister),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Target {
    /// The last part of its ARN.
    id: String,
    /// `endpoint/E/variant/V` or `inference-component/C`.
    pub(super) resource: String,
    created: Timestamp,
    pub(super) least: i64,
    pub(super) most: i64,
    role: String,
    suspended: Option<Value>,
    tags: Tags,
    /// When its policies look at the load next.
    pub(super) timer: Option<Timestamp>,
}

impl Object for Target {
    const KIND: &'static str = "application-autoscaling/target";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("application-autoscaling".to_owned(), format!("scalable-target/{}", self.id)))
    }
}

/// The last part of the ARN of what scales a resource.
pub(crate) fn target(world: &World, region: &str, resource: &str) -> Option<String> {
    let found = world.all::<Target>(region).find(|it| it.resource == resource)?;
    Some(format!("scalable-target/{}", found.id))
}

/// The id of the target of a resource, which is in its ARN.
pub(super) fn id(resource: &str) -> String {
    let digest = Sha256::digest(resource);
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn register(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let resource = resource(call)?;
    let (least, most) = (call.params.int_opt("MinCapacity")?, call.params.int_opt("MaxCapacity")?);
    let (role, suspended) = (call.params.text_opt("RoleARN")?, call.params.raw("SuspendedState"));
    let tags = tagged::take(call)?;
    let scaled = Scaled::parse(&resource).ok_or_else(|| refused("ResourceId is not that of SageMaker"))?;
    let count = scaled.count(call.world, call.region);
    let count = count.ok_or_else(|| refused(format!("Resource not found: {resource}")))?;
    if scaled.is_changing(call.world, call.region) {
        return Err(refused(format!("{resource} is not in service.")));
    }
    let old = call.get::<Target>(&id(&resource)).cloned();
    // A target that is there keeps what is not said; the tags of a call count for a new one only.
    let bounds = (least.or(old.as_ref().map(|it| it.least)), most.or(old.as_ref().map(|it| it.most)));
    let (Some(least), Some(most)) = bounds else { return Err(refused("MinCapacity and MaxCapacity are required")) };
    if least > most || least < 0 {
        return Err(refused("MinCapacity must not be above MaxCapacity, nor below 0"));
    }
    let account = call.account();
    let linked = format!(
        "arn:{}:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        call.partition()
    );
    let place = resource.clone();
    let target = match old {
        Some(old) => {
            Target { least, most, role: role.unwrap_or(old.role), suspended: suspended.or(old.suspended), ..old }
        }
        None => {
            let role = role.unwrap_or(linked);
            Target { id: id(&resource), resource, created: call.now, least, most, role, suspended, tags, timer: None }
        }
    };
    let arn = call.arn(format_args!("scalable-target/{}", target.id));
    call.put(target);
    if let Some(scaled) = Scaled::parse(&place).filter(|_| !(least..=most).contains(&count)) {
        scaled.resize(call.world, call.region, call.now, count.clamp(least, most));
    }
    Ok(Reply::json(json!({"ScalableTargetARN": arn})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    call.params.text("ServiceNamespace")?;
    let (ids, of) = (call.params.texts("ResourceIds")?, call.params.text_opt("ScalableDimension")?);
    let page = Page::take(call, 50)?;
    let wanted = |it: &&Target| {
        (ids.is_empty() || ids.contains(&it.resource)) && of.as_ref().is_none_or(|one| one == dimension(&it.resource))
    };
    let shown = |it: &&Target| {
        let open = json!({
            "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false,
        });
        json!({
            "ServiceNamespace": "sagemaker", "ResourceId": it.resource, "ScalableDimension": dimension(&it.resource),
            "MinCapacity": it.least, "MaxCapacity": it.most, "RoleARN": it.role,
            "CreationTime": it.created.as_second(), "SuspendedState": it.suspended.clone().unwrap_or(open),
            "ScalableTargetARN": call.arn(format_args!("scalable-target/{}", it.id)),
        })
    };
    Ok(page.reply(call.seen::<Target>().filter(wanted), |it| &it.id, shown))
}

fn deregister(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let resource = resource(call)?;
    if call.get::<Target>(&id(&resource)).is_none() {
        return Err(unknown("scalable target"));
    }
    remove(call.world, call.region, &resource);
    Ok(Reply::empty())
}

/// A target goes with its policies and its schedule.
fn remove(world: &mut World, region: &str, resource: &str) {
    let of = |it: &&Policy| it.resource == resource;
    let policies: Vec<String> = world.all::<Policy>(region).filter(of).map(|it| it.id.clone()).collect();
    policies.iter().for_each(|id| world.remove::<Policy>(region, id));
    let of = |it: &&Action| it.resource == resource;
    let actions: Vec<String> = world.all::<Action>(region).filter(of).map(|it| it.id.clone()).collect();
    actions.iter().for_each(|id| world.remove::<Action>(region, id));
    world.remove::<Target>(region, &id(resource));
}

/// Is this variant a registered target?
pub(crate) fn scales(world: &World, region: &str, endpoint: &str, variant: &str) -> bool {
    world.get::<Target>(region, &id(&format!("endpoint/{endpoint}/variant/{variant}"))).is_some()
}

/// An endpoint goes: so do its targets.
pub(crate) fn forget(world: &mut World, region: &str, endpoint: &str) {
    let prefix = format!("endpoint/{endpoint}/variant/");
    let of = |it: &&Target| it.resource.starts_with(&prefix);
    let targets: Vec<String> = world.all::<Target>(region).filter(of).map(|it| it.resource.clone()).collect();
    targets.iter().for_each(|resource| remove(world, region, resource));
}
