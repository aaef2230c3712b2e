//! How counts follow the load: a target and policies of Application Auto Scaling, and the alarm that starts the first of
//! what had none.
use super::{
    WAKE,
    fields::{Measure, Scaling, Target},
    models::compact,
    parts::{self, There, WAKE_PART},
};
use crate::{
    aws::{Error, gone, optional, tags},
    call::{Ctx, SweepCtx},
    units::Span,
};
use serde::de::IgnoredAny;
use serde_json::{Number, Value, json};
use std::collections::BTreeMap;

const SPACE: &str = "sagemaker";
/// The policy that keeps a metric near its value.
const POLICY: &str = "dlinfra";
/// The policy that starts the first one.
const WAKE_POLICY: &str = "dlinfra-wake";

/// What has a count: the machines of a variant, or the copies of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kinds) enum Scaled {
    Machines { endpoint: String, variant: String },
    Copies(String),
}

impl Scaled {
    fn resource(&self) -> String {
        match self {
            Self::Machines { endpoint, variant } => format!("endpoint/{endpoint}/variant/{variant}"),
            Self::Copies(component) => format!("inference-component/{component}"),
        }
    }

    fn dimension(&self) -> &'static str {
        match self {
            Self::Machines { .. } => "sagemaker:variant:DesiredInstanceCount",
            Self::Copies(_) => "sagemaker:inference-component:DesiredCopyCount",
        }
    }

    /// By this name parts and tags know it.
    fn name(&self) -> &str {
        match self {
            Self::Machines { variant, .. } => variant,
            Self::Copies(component) => component,
        }
    }

    /// The part that is its alarm.
    pub(in crate::kinds) fn part(&self) -> String {
        parts::part(WAKE_PART, self.name())
    }

    /// The alarm's name, which no other kind's name begins like.
    fn alarm(&self) -> String {
        format!("{SPACE}/{}", self.resource())
    }

    /// What every call names.
    fn named(&self) -> Value {
        json!({
            "ServiceNamespace": SPACE, "ResourceId": self.resource(), "ScalableDimension": self.dimension(),
        })
    }

    fn predefined(&self, measure: Measure) -> Option<&'static str> {
        match (self, measure) {
            (Self::Machines { .. }, Measure::Invocations) => Some("SageMakerVariantInvocationsPerInstance"),
            (Self::Machines { .. }, Measure::ConcurrentRequests) => {
                Some("SageMakerVariantConcurrentRequestsPerModelHighResolution")
            }
            (Self::Copies(_), Measure::Invocations) => Some("SageMakerInferenceComponentInvocationsPerCopy"),
            (Self::Copies(_), Measure::ConcurrentRequests) => {
                Some("SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution")
            }
            (_, Measure::Backlog) => None,
        }
    }

    /// The metric that says that somebody asks and nobody is there, and its dimension.
    fn missed(&self) -> (&'static str, Value) {
        match self {
            // It has no variant among its dimensions.
            Self::Machines { endpoint, .. } => {
                ("HasBacklogWithoutCapacity", json!([{ "Name": "EndpointName", "Value": endpoint }]))
            }
            Self::Copies(component) => {
                ("NoCapacityInvocationFailures", json!([{ "Name": "InferenceComponentName", "Value": component }]))
            }
        }
    }

    /// What a policy holds near which value; nothing where it is none of dlinfra's words.
    fn measured(&self, tracking: &Value) -> Option<Target> {
        let stated = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"].as_str();
        let known = [Measure::Invocations, Measure::ConcurrentRequests];
        let metric = match known.into_iter().find(|one| stated.is_some() && self.predefined(*one) == stated) {
            Some(metric) => metric,
            None if tracking["CustomizedMetricSpecification"]["MetricName"] == "ApproximateBacklogSizePerInstance" => {
                Measure::Backlog
            }
            None => return None,
        };
        Some(Target { metric, value: whole(tracking["TargetValue"].as_number()?) })
    }

    fn tracking(&self, scaling: &Scaling, target: &Target) -> Value {
        let known = self.predefined(target.metric).map(|name| json!({ "PredefinedMetricType": name }));
        let own = match self {
            Self::Machines { endpoint, .. } if target.metric == Measure::Backlog => json!({
                "MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average",
                "Dimensions": [{ "Name": "EndpointName", "Value": endpoint }],
            }),
            _ => Value::Null,
        };
        compact(json!({
            "TargetValue": target.value, "PredefinedMetricSpecification": known, "CustomizedMetricSpecification": own,
            "ScaleInCooldown": scaling.scale_in_cooldown.seconds(),
            "ScaleOutCooldown": scaling.scale_out_cooldown.seconds(),
        }))
    }
}

/// AWS answers 70.0 to 70.
pub(in crate::kinds) fn whole(value: &Number) -> Number {
    let whole = value.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 1e15).map(|v| (v as i64).into());
    whole.unwrap_or_else(|| value.clone())
}

/// Is it started by the first who finds nobody?
fn wakes(scaling: &Scaling) -> bool {
    scaling.min == 0 && scaling.wake
}

/// Is an alarm of this scaling in use?
pub(in crate::kinds) fn is_watched(scaling: Option<&Scaling>) -> bool {
    scaling.is_some_and(wakes)
}

/// How these scale, each with its place among them; all of them are of one sort.
pub(in crate::kinds) async fn read(ctx: &SweepCtx, all: &[Scaled]) -> Result<BTreeMap<usize, Scaling>, Error> {
    let service = ctx.aws.application_autoscaling();
    let Some(first) = all.first() else { return Ok(BTreeMap::new()) };
    let ids: Vec<String> = all.iter().map(Scaled::resource).collect();
    let input = json!({ "ServiceNamespace": SPACE, "ResourceIds": ids, "ScalableDimension": first.dimension() });
    let targets: Vec<Value> = service.pages("DescribeScalableTargets", input, ("ScalableTargets", "NextToken")).await?;
    let mut out = BTreeMap::new();
    for target in targets {
        let Some(i) = ids.iter().position(|id| target["ResourceId"] == id.as_str()) else { continue };
        let scaled = &all[i];
        let found: Vec<Value> =
            service.pages("DescribeScalingPolicies", scaled.named(), ("ScalingPolicies", "NextToken")).await?;
        let policy = |name: &str| found.iter().find(|one| one["PolicyName"] == name);
        let tracking = policy(POLICY).map(|one| &one["TargetTrackingScalingPolicyConfiguration"]);
        let pause =
            |name: &str| tracking.and_then(|t| t[name].as_u64()).map_or(Span::from_seconds(300), Span::from_seconds);
        let bound = |name: &str| target[name].as_u64().and_then(|bound| u32::try_from(bound).ok()).unwrap_or_default();
        let mut scaling = Scaling {
            min: bound("MinCapacity"),
            max: bound("MaxCapacity"),
            target: tracking.and_then(|tracking| scaled.measured(tracking)),
            scale_in_cooldown: pause("ScaleInCooldown"),
            scale_out_cooldown: pause("ScaleOutCooldown"),
            wake: true,
        };
        if scaling.min == 0 {
            scaling.wake = match policy(WAKE_POLICY).and_then(|one| one["PolicyARN"].as_str()) {
                Some(policy) => runs(ctx, scaled, policy).await?,
                None => false,
            };
        }
        out.insert(i, scaling);
    }
    Ok(out)
}

/// Does the alarm run this policy?
async fn runs(ctx: &SweepCtx, scaled: &Scaled, policy: &str) -> Result<bool, Error> {
    let input = json!({ "AlarmNames": [scaled.alarm()] });
    let found: Vec<Value> = ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?;
    let actions = found.iter().flat_map(|one| one["AlarmActions"].as_array().into_iter().flatten());
    Ok(actions.into_iter().any(|action| action == policy))
}

/// Brings the target, its policies and its alarm to what is wanted.
pub(in crate::kinds) async fn update(
    ctx: &Ctx,
    scaled: &Scaled,
    want: Option<&Scaling>,
    live: Option<&Scaling>,
    there: &There,
) -> Result<(), Error> {
    let service = ctx.aws.application_autoscaling();
    let Some(scaling) = want else {
        return if live.is_some() { release(ctx, scaled, there).await } else { Ok(()) };
    };
    if live == want {
        return Ok(());
    }
    // An alarm of an earlier policy would start nothing, and without one it is nobody's.
    let wakes = (wakes(scaling), live.is_some_and(wakes));
    if wakes != (true, true) {
        unwatch(ctx, scaled, there).await?;
        gone(service.call::<IgnoredAny>("DeleteScalingPolicy", &policy(scaled, WAKE_POLICY)).await)?;
    }
    let mut input = scaled.named();
    (input["MinCapacity"], input["MaxCapacity"]) = (json!(scaling.min), json!(scaling.max));
    // AWS takes tags with a new target only.
    if live.is_none() {
        input["Tags"] = json!(ctx.part_tags(&format!("scaling {}", scaled.name())));
    }
    service.call::<IgnoredAny>("RegisterScalableTarget", &input).await?;
    let mut tracking = policy(scaled, POLICY);
    match &scaling.target {
        Some(target) => {
            tracking["PolicyType"] = json!("TargetTrackingScaling");
            tracking["TargetTrackingScalingPolicyConfiguration"] = scaled.tracking(scaling, target);
            service.call::<IgnoredAny>("PutScalingPolicy", &tracking).await?;
        }
        None if live.is_some_and(|live| live.target.is_some()) => {
            gone(service.call::<IgnoredAny>("DeleteScalingPolicy", &tracking).await)?;
        }
        None => {}
    }
    if wakes == (true, false) { wake(ctx, scaled).await } else { Ok(()) }
}

fn policy(scaled: &Scaled, name: &str) -> Value {
    let mut out = scaled.named();
    out["PolicyName"] = json!(name);
    out
}

/// One more, whenever somebody asks and nobody is there. The alarm of such a policy is nobody's but ours: AWS leaves it
/// behind.
async fn wake(ctx: &Ctx, scaled: &Scaled) -> Result<(), Error> {
    let mut step = policy(scaled, WAKE_POLICY);
    step["PolicyType"] = json!("StepScaling");
    step["StepScalingPolicyConfiguration"] = json!({
        "AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Maximum", "Cooldown": 60,
        "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
    });
    let answer: Value = ctx.aws.application_autoscaling().call("PutScalingPolicy", &step).await?;
    let (metric, dimensions) = scaled.missed();
    let (name, part) = (&scaled.alarm(), &scaled.part());
    let input = &json!({
        "AlarmName": name, "AlarmDescription": "Somebody asks and nobody is there: starts the first one.",
        "Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions, "Statistic": "Maximum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching", "AlarmActions": [answer["PolicyARN"]],
    });
    let arn = &alarm_arn(ctx, name);
    ctx.call_named(&WAKE, part, name, input, |attempt| async move {
        // What has the name already may be somebody else's, and a put would take it over without a word.
        let found = optional(tags::Carrier::own(&tags::CLOUDWATCH, arn).read(&ctx.aws).await)?;
        if let Some(tags) = found.and_then(|mut all| all.remove(arn)) {
            ctx.ours(&format!("the alarm {name}"), &tags)?;
        }
        let mut input = input.clone();
        input["Tags"] = tags::pairs(&attempt.tags);
        ctx.aws.cloudwatch().once::<IgnoredAny>("PutMetricAlarm", &input).await?;
        Ok(vec![arn.clone()])
    })
    .await
    .map(drop)
}

fn alarm_arn(ctx: &Ctx, name: &str) -> String {
    let scope = &ctx.scope;
    format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", scope.partition, scope.region, scope.account)
}

async fn unwatch(ctx: &Ctx, scaled: &Scaled, there: &There) -> Result<(), Error> {
    match there.get(&scaled.part()) {
        Some(arn) => parts::unwatch(ctx, arn).await,
        None => Ok(()),
    }
}

/// It no longer scales: its alarm goes, and its policies go with the target.
pub(in crate::kinds) async fn release(ctx: &Ctx, scaled: &Scaled, there: &There) -> Result<(), Error> {
    unwatch(ctx, scaled, there).await?;
    let service = ctx.aws.application_autoscaling();
    gone(service.call::<IgnoredAny>("DeregisterScalableTarget", &scaled.named()).await)
}
