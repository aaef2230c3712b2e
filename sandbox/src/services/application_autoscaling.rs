//! Application Auto Scaling for the variants of endpoints: registered targets and their policies.
//!
//! No load is simulated, so policies are kept and nothing follows them; a target moves its variant into its bounds at once,
//! as AWS does it.

use serde_json::Map;
use sha2::{Digest, Sha256};

use super::prelude::*;
use super::sagemaker;
use crate::store::World;

pub(crate) static SERVICE: Service = Service {
    operations: &[
        &[
            write("RegisterScalableTarget", register),
            read("DescribeScalableTargets", describe),
            write("DeregisterScalableTarget", deregister),
            write("PutScalingPolicy", put_policy),
            read("DescribeScalingPolicies", describe_policies),
            write("DeleteScalingPolicy", delete_policy),
        ],
        tagged::OPERATIONS,
    ],
    objects: || vec![ObjectKind::of::<Target>(), ObjectKind::of::<Policy>()],
    no_page: Some(|| ApiError::bad("InvalidNextTokenException", "The next token is not valid.")),
    ..Service::new("application-autoscaling", Protocol::AwsJson("1.1"), facts!("application_autoscaling"))
};

/// What can be scaled here.
const DIMENSION: &str = "sagemaker:variant:DesiredInstanceCount";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Target {
    /// The last part of its ARN.
    id: String,
    /// `endpoint/E/variant/V`
    resource: String,
    created: Timestamp,
    least: i64,
    most: i64,
    role: String,
    suspended: Option<Value>,
    tags: Tags,
}

object!(Target, "application-autoscaling/target", id, tags of "application-autoscaling" "scalable-target/{id}");

/// The id of the target of a resource, which is in its ARN.
fn id(resource: &str) -> String {
    let digest = Sha256::digest(resource);
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Policy {
    /// The target's resource, and its own name.
    id: String,
    created: Timestamp,
    name: String,
    resource: String,
    arn: String,
    fields: Map<String, Value>,
}

object!(Policy, "application-autoscaling/policy", id);

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

fn unknown(what: &str) -> ApiError {
    ApiError::bad("ObjectNotFoundException", format!("No {what} found for service namespace: sagemaker"))
}

/// The resource that a request names, which is a variant of an endpoint.
fn resource(call: &mut Call<'_>) -> Result<String, ApiError> {
    let (space, resource) = (call.params.text("ServiceNamespace")?, call.params.text("ResourceId")?);
    let dimension = call.params.text("ScalableDimension")?;
    if space != "sagemaker" || dimension != DIMENSION {
        return Err(ApiError::not_implemented(format!("{dimension} of {space}")));
    }
    Ok(resource)
}

/// The endpoint and the variant of a resource.
fn variant(resource: &str) -> Option<(&str, &str)> {
    resource.strip_prefix("endpoint/")?.split_once("/variant/")
}

fn register(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let resource = resource(call)?;
    let (least, most) = (call.params.int_opt("MinCapacity")?, call.params.int_opt("MaxCapacity")?);
    let (role, suspended) = (call.params.text_opt("RoleARN")?, call.params.raw("SuspendedState"));
    let tags = tagged::take(call)?;
    let (endpoint, variant) = variant(&resource).ok_or_else(|| refused("ResourceId is not that of a variant"))?;
    let count = sagemaker::capacity(call.world, call.region, endpoint, variant);
    let count = count.ok_or_else(|| refused(format!("Resource not found: {resource}")))?;
    if sagemaker::is_changing(call.world, call.region, endpoint) {
        return Err(refused(format!("The endpoint {endpoint} is not in service.")));
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
    let (endpoint, variant) = (endpoint.to_owned(), variant.to_owned());
    let target = match old {
        Some(old) => {
            Target { least, most, role: role.unwrap_or(old.role), suspended: suspended.or(old.suspended), ..old }
        }
        None => {
            let role = role.unwrap_or(linked);
            Target { id: id(&resource), resource, created: call.now, least, most, role, suspended, tags }
        }
    };
    let arn = call.arn(format_args!("scalable-target/{}", target.id));
    call.put(target);
    if !(least..=most).contains(&count) {
        sagemaker::resize(call, &endpoint, &variant, count.clamp(least, most));
    }
    Ok(Reply::json(json!({"ScalableTargetARN": arn})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    call.params.text("ServiceNamespace")?;
    let (ids, dimension) = (call.params.texts("ResourceIds")?, call.params.text_opt("ScalableDimension")?);
    let page = Page::take(call, 50)?;
    let wanted = |it: &&Target| {
        (ids.is_empty() || ids.contains(&it.resource)) && dimension.as_ref().is_none_or(|one| one == DIMENSION)
    };
    let shown = |it: &&Target| {
        let open = json!({
            "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false,
        });
        json!({
            "ServiceNamespace": "sagemaker", "ResourceId": it.resource, "ScalableDimension": DIMENSION,
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

/// A target goes with its policies.
fn remove(world: &mut World, region: &str, resource: &str) {
    let of = |it: &&Policy| it.resource == resource;
    let policies: Vec<String> = world.all::<Policy>(region).filter(of).map(|it| it.id.clone()).collect();
    policies.iter().for_each(|id| world.remove::<Policy>(region, id));
    world.remove::<Target>(region, &id(resource));
}

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
            Policy { id, created: call.now, name, resource, arn, fields }
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
            "ScalableDimension": DIMENSION, "CreationTime": it.created.as_second(), "Alarms": [],
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
