//! How counts follow the load: a target of Application Auto Scaling with its policies, alarms and schedule.
use super::{
    fields::{Measure, Scaling, Target},
    models::compact,
    parts::{self, There},
    schedule,
    watches::{self, Watch},
};
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    units::Span,
};
use serde::de::IgnoredAny;
use serde_json::{Number, Value, json};
use std::collections::BTreeMap;

const SPACE: &str = "sagemaker";
/// The policy that keeps a metric near its value.
const POLICY: &str = "dlinfra";

/// What has a count: the machines of a variant, or the copies of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kinds) enum Scaled {
    Machines { endpoint: String, variant: String },
    Copies(String),
}

impl Scaled {
    pub(super) fn resource(&self) -> String {
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

    /// The part that is its alarm for this.
    pub(in crate::kinds) fn part(&self, watch: Watch) -> String {
        parts::part(watch.word(), self.name())
    }

    /// What every call names.
    pub(super) fn named(&self) -> Value {
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
    pub(super) fn missed(&self) -> (&'static str, Value) {
        match self {
            Self::Machines { .. } => ("HasBacklogWithoutCapacity", self.dimensions(Measure::Backlog)),
            Self::Copies(_) => ("NoCapacityInvocationFailures", self.dimensions(Measure::Invocations)),
        }
    }

    /// The metric that says how much there is to do for each, and the statistic to read it by.
    pub(super) fn metric(&self, measure: Measure) -> Option<(&'static str, &'static str)> {
        match (self, measure) {
            (Self::Machines { .. }, Measure::Invocations) => Some(("InvocationsPerInstance", "Sum")),
            (Self::Machines { .. }, Measure::ConcurrentRequests) => Some(("ConcurrentRequestsPerModel", "Maximum")),
            (Self::Machines { .. }, Measure::Backlog) => Some(("ApproximateBacklogSizePerInstance", "Average")),
            (Self::Copies(_), Measure::Invocations) => Some(("InvocationsPerCopy", "Sum")),
            (Self::Copies(_), Measure::ConcurrentRequests) => Some(("ConcurrentRequestsPerCopy", "Maximum")),
            (Self::Copies(_), Measure::Backlog) => None,
        }
    }

    /// The dimensions of what is measured; what waits for an endpoint has no variant.
    pub(super) fn dimensions(&self, measure: Measure) -> Value {
        match self {
            Self::Machines { endpoint, .. } if measure == Measure::Backlog => {
                json!([{ "Name": "EndpointName", "Value": endpoint }])
            }
            Self::Machines { endpoint, variant } => {
                json!([{ "Name": "EndpointName", "Value": endpoint }, { "Name": "VariantName", "Value": variant }])
            }
            Self::Copies(component) => json!([{ "Name": "InferenceComponentName", "Value": component }]),
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
        let own = self.metric(target.metric).filter(|_| known.is_none()).map(|(metric, statistic)| {
            json!({
                "MetricName": metric, "Namespace": "AWS/SageMaker", "Statistic": statistic,
                "Dimensions": self.dimensions(target.metric),
            })
        });
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
        let tracking = found.iter().find(|one| one["PolicyName"] == POLICY);
        let tracking = tracking.map(|one| &one["TargetTrackingScalingPolicyConfiguration"]);
        let pause =
            |name: &str| tracking.and_then(|t| t[name].as_u64()).map_or(Span::from_seconds(300), Span::from_seconds);
        let bound = |name: &str| target[name].as_u64().and_then(|bound| u32::try_from(bound).ok()).unwrap_or_default();
        let mut scaling = Scaling {
            min: bound("MinCapacity"),
            max: bound("MaxCapacity"),
            target: tracking.and_then(|tracking| scaled.measured(tracking)),
            steps: None,
            schedule: schedule::read(ctx, scaled).await?,
            scale_in_cooldown: pause("ScaleInCooldown"),
            scale_out_cooldown: pause("ScaleOutCooldown"),
            wake: true,
        };
        watches::read(ctx, scaled, &found, &mut scaling).await?;
        scaling.normalize();
        out.insert(i, scaling);
    }
    Ok(out)
}

/// How what is live shall be compared with what is wanted, where a schedule has set its bounds.
pub(in crate::kinds) fn accept(want: &Value, found: &Value) -> Option<Value> {
    let read = |value: &Value| serde_json::from_value::<Scaling>(value.clone()).ok();
    let (wanted, live) = (read(want)?, read(found)?);
    let seen = live.in_force(&wanted);
    let mut out = found.as_object().filter(|_| seen != live)?.clone();
    out.extend([("min".to_owned(), json!(seen.min)), ("max".to_owned(), json!(seen.max))]);
    Some(Value::Object(out))
}

/// Brings the target, its policies, its alarms and its schedule to what is wanted.
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
    // Bounds that the schedule has set stay in force.
    let seen = live.map(|live| live.in_force(scaling));
    if seen.as_ref() == want {
        return Ok(());
    }
    watches::clear(ctx, scaled, scaling, live, there).await?;
    let mut input = scaled.named();
    if seen.as_ref().is_none_or(|seen| seen.min != scaling.min) {
        input["MinCapacity"] = json!(scaling.min);
    }
    if seen.as_ref().is_none_or(|seen| seen.max != scaling.max) {
        input["MaxCapacity"] = json!(scaling.max);
    }
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
    watches::make(ctx, scaled, scaling, live).await?;
    schedule::update(ctx, scaled, scaling, live).await
}

pub(super) fn policy(scaled: &Scaled, name: &str) -> Value {
    let mut out = scaled.named();
    out["PolicyName"] = json!(name);
    out
}

/// It no longer scales: its alarms go, and its policies and its schedule go with the target.
pub(in crate::kinds) async fn release(ctx: &Ctx, scaled: &Scaled, there: &There) -> Result<(), Error> {
    for watch in Watch::ALL {
        watches::unwatch(ctx, scaled, watch, there).await?;
    }
    let service = ctx.aws.application_autoscaling();
    gone(service.call::<IgnoredAny>("DeregisterScalableTarget", &scaled.named()).await)
}
