//! How counts follow the load: a target and a policy of Application Auto Scaling for each variant.
use super::{
    SagemakerEndpoint, Variant,
    fields::{Measure, Scaling, Target},
    wire,
};
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    units::Span,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SPACE: &str = "sagemaker";
const DIMENSION: &str = "sagemaker:variant:DesiredInstanceCount";
/// The one policy that dlinfra gives a target.
const POLICY: &str = "dlinfra";

fn resource(endpoint: &str, variant: &str) -> String {
    format!("endpoint/{endpoint}/variant/{variant}")
}

/// What every call names.
fn named(endpoint: &str, variant: &str) -> Value {
    json!({
        "ServiceNamespace": SPACE, "ResourceId": resource(endpoint, variant), "ScalableDimension": DIMENSION,
    })
}

/// How the variants of an endpoint scale, by their names.
pub(super) async fn read(
    ctx: &SweepCtx,
    endpoint: &str,
    variants: &[Variant],
) -> Result<BTreeMap<String, Scaling>, Error> {
    let service = ctx.aws.application_autoscaling();
    let ids: Vec<String> = variants.iter().map(|one| resource(endpoint, &one.name)).collect();
    let input = json!({ "ServiceNamespace": SPACE, "ResourceIds": ids, "ScalableDimension": DIMENSION });
    let targets: Vec<Value> = service.pages("DescribeScalableTargets", input, ("ScalableTargets", "NextToken")).await?;
    let mut out = BTreeMap::new();
    for target in targets {
        let Some((_, variant)) = target["ResourceId"].as_str().and_then(|id| id.split_once("/variant/")) else {
            continue;
        };
        let input = named(endpoint, variant);
        let found: Vec<Value> =
            service.pages("DescribeScalingPolicies", input, ("ScalingPolicies", "NextToken")).await?;
        let policy = found.iter().find(|one| one["PolicyName"] == POLICY);
        let tracking = policy.map(|one| &one["TargetTrackingScalingPolicyConfiguration"]);
        let pause =
            |name: &str| tracking.and_then(|t| t[name].as_u64()).map_or(Span::from_seconds(300), Span::from_seconds);
        let bound = |name: &str| target[name].as_u64().and_then(|bound| u32::try_from(bound).ok()).unwrap_or_default();
        let scaling = Scaling {
            min: bound("MinCapacity"),
            max: bound("MaxCapacity"),
            target: tracking.and_then(measured),
            scale_in_cooldown: pause("ScaleInCooldown"),
            scale_out_cooldown: pause("ScaleOutCooldown"),
        };
        out.insert(variant.to_owned(), scaling);
    }
    Ok(out)
}

/// What a policy holds near which value; nothing where it is none of dlinfra's words.
fn measured(tracking: &Value) -> Option<Target> {
    let metric = match tracking["PredefinedMetricSpecification"]["PredefinedMetricType"].as_str() {
        Some("SageMakerVariantInvocationsPerInstance") => Measure::Invocations,
        Some("SageMakerVariantConcurrentRequestsPerModelHighResolution") => Measure::ConcurrentRequests,
        _ if tracking["CustomizedMetricSpecification"]["MetricName"] == "ApproximateBacklogSizePerInstance" => {
            Measure::Backlog
        }
        _ => return None,
    };
    let value = tracking["TargetValue"].as_number()?;
    // AWS answers 70.0 to 70.
    let whole = value.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 1e15).map(|v| (v as i64).into());
    Some(Target { metric, value: whole.unwrap_or_else(|| value.clone()) })
}

fn tracking(endpoint: &str, scaling: &Scaling, target: &Target) -> Value {
    let predefined = |name: &str| json!({ "PredefinedMetricType": name });
    let (known, own) = match target.metric {
        Measure::Invocations => (predefined("SageMakerVariantInvocationsPerInstance"), Value::Null),
        Measure::ConcurrentRequests => {
            (predefined("SageMakerVariantConcurrentRequestsPerModelHighResolution"), Value::Null)
        }
        // It has no variant among its dimensions.
        Measure::Backlog => (
            Value::Null,
            json!({
                "MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average",
                "Dimensions": [{ "Name": "EndpointName", "Value": endpoint }],
            }),
        ),
    };
    wire::compact(json!({
        "TargetValue": target.value, "PredefinedMetricSpecification": known, "CustomizedMetricSpecification": own,
        "ScaleInCooldown": scaling.scale_in_cooldown.seconds(),
        "ScaleOutCooldown": scaling.scale_out_cooldown.seconds(),
    }))
}

/// Brings targets and policies to what is wanted.
pub(super) async fn update(ctx: &Ctx, endpoint: &str, want: &[Variant], live: &[Variant]) -> Result<(), Error> {
    let service = ctx.aws.application_autoscaling();
    for variant in want {
        let before = live.iter().find(|one| one.name == variant.name).and_then(|one| one.scaling.as_ref());
        let Some(scaling) = &variant.scaling else {
            if before.is_some() {
                release(ctx, endpoint, &variant.name).await?;
            }
            continue;
        };
        if before == Some(scaling) {
            continue;
        }
        let mut input = named(endpoint, &variant.name);
        (input["MinCapacity"], input["MaxCapacity"]) = (json!(scaling.min), json!(scaling.max));
        // AWS takes tags with a new target only.
        if before.is_none() {
            input["Tags"] = json!(ctx.part_tags(&format!("scaling {}", variant.name)));
        }
        service.call::<IgnoredAny>("RegisterScalableTarget", &input).await?;
        let mut policy = named(endpoint, &variant.name);
        policy["PolicyName"] = json!(POLICY);
        match &scaling.target {
            Some(target) => {
                policy["PolicyType"] = json!("TargetTrackingScaling");
                policy["TargetTrackingScalingPolicyConfiguration"] = tracking(endpoint, scaling, target);
                service.call::<IgnoredAny>("PutScalingPolicy", &policy).await?;
            }
            None if before.is_some_and(|b| b.target.is_some()) => {
                gone(service.call::<IgnoredAny>("DeleteScalingPolicy", &policy).await)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// A variant no longer scales; its policies go with the target.
pub(super) async fn release(ctx: &Ctx, endpoint: &str, variant: &str) -> Result<(), Error> {
    let service = ctx.aws.application_autoscaling();
    gone(service.call::<IgnoredAny>("DeregisterScalableTarget", &named(endpoint, variant)).await)
}

/// Lets go of variants that scale and of which AWS would refuse the update: those that go, and those of another type.
pub(super) async fn make_way(
    ctx: &Ctx,
    endpoint: &str,
    want: &SagemakerEndpoint,
    live: &SagemakerEndpoint,
) -> Result<(), Error> {
    for old in live.variants.iter().filter(|one| one.scaling.is_some()) {
        let new = want.variants.iter().find(|one| one.name == old.name);
        if new.is_none_or(|new| new.instance_type != old.instance_type) {
            release(ctx, endpoint, &old.name).await?;
        }
    }
    Ok(())
}
