//! Scaling policies of targets: what keeps a metric near a value, and steps that an alarm runs.

use serde_json::Map;

use super::scaled::{dimension, resource};
use super::targets::{Target, id};
use super::{refused, unknown};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutScalingPolicy", put_policy),
    read("DescribeScalingPolicies", describe_policies),
    write("DeleteScalingPolicy", delete_policy),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    /// The target's resource, and its own name.
    pub(super) id: String,
    created: Timestamp,
    name: String,
    pub(super) resource: String,
    pub(super) arn: String,
    pub(super) fields: Map<String, Value>,
    /// When its steps last changed something.
    #[serde(default)]
    pub(super) acted: Option<Timestamp>,
}

object!(Policy, "application-autoscaling/policy", id);

fn put_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (resource, name) = (resource(call)?, call.params.text("PolicyName")?);
    let kind = call.params.text_opt("PolicyType")?.unwrap_or_else(|| "StepScaling".to_owned());
    let mut fields = Map::from_iter([("PolicyType".to_owned(), json!(kind))]);
    for field in ["TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"] {
        fields.extend(call.params.raw(field).map(|value| (field.to_owned(), value)));
    }
    if fields.len() != 2 {
        return Err(refused("A policy has exactly the configuration of its type"));
    }
    if call.get::<Target>(&id(&resource)).is_none() {
        return Err(unknown("scalable target"));
    }
    let id = format!("{resource}|{name}");
    let old = call.get::<Policy>(&id).cloned();
    let policy = match old {
        Some(old) => Policy { fields, ..old },
        None => {
            let uuid = call.world.new_uuid();
            let arn = call.arn_of(
                "autoscaling",
                format_args!("scalingPolicy:{uuid}:resource/sagemaker/{resource}:policyName/{name}"),
            );
            Policy { id, created: call.now, name, resource, arn, fields, acted: None }
        }
    };
    let arn = policy.arn.clone();
    call.put(policy);
    Ok(Reply::json(json!({"PolicyARN": arn, "Alarms": []})))
}

fn describe_policies(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    call.params.text("ServiceNamespace")?;
    let (names, resource) = (call.params.texts("PolicyNames")?, call.params.text_opt("ResourceId")?);
    call.params.text_opt("ScalableDimension")?;
    let page = Page::take(call, 50)?;
    let wanted = |it: &&Policy| {
        (names.is_empty() || names.contains(&it.name)) && resource.as_ref().is_none_or(|one| *one == it.resource)
    };
    let shown = |it: &&Policy| {
        let mut out = json!({
            "PolicyARN": it.arn, "PolicyName": it.name, "ServiceNamespace": "sagemaker", "ResourceId": it.resource,
            "ScalableDimension": dimension(&it.resource), "CreationTime": it.created.as_second(), "Alarms": [],
        });
        if let Value::Object(map) = &mut out {
            map.extend(it.fields.clone());
        }
        out
    };
    Ok(page.reply(call.seen::<Policy>().filter(wanted), |it| &it.id, shown))
}

fn delete_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (resource, name) = (resource(call)?, call.params.text("PolicyName")?);
    let id = format!("{resource}|{name}");
    if call.get::<Policy>(&id).is_none() {
        return Err(unknown("scaling policy"));
    }
    call.remove::<Policy>(&id);
    Ok(Reply::empty())
}
