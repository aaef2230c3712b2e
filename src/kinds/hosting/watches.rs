//! Step policies, and the alarms that run them: what starts the first of what had none, and steps that an author wrote.
//!
//! AWS makes the alarms of target tracking by itself; those of step policies are nobody's but ours, and it leaves them
//! behind.
use super::{
    WAKE,
    fields::{Measure, Scaling, Step, Steps},
    parts::{self, There},
    scaling::{Scaled, policy},
};
use crate::{
    aws::{Error, gone, optional, tags},
    call::{Ctx, SweepCtx},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// What an alarm is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kinds) enum Watch {
    /// Somebody asks and nobody is there.
    Wake,
    /// There is too much to do.
    Up,
    /// There is too little to do.
    Down,
}

/// For so many minutes, as AWS has it for target tracking.
const RISING: u32 = 3;
const FALLING: u32 = 15;

impl Watch {
    pub(in crate::kinds) const ALL: [Self; 3] = [Self::Wake, Self::Up, Self::Down];

    /// What its part is called.
    pub(in crate::kinds) fn word(self) -> &'static str {
        match self {
            Self::Wake => "wake",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    fn policy(self) -> &'static str {
        match self {
            Self::Wake => "dlinfra-wake",
            Self::Up => "dlinfra-up",
            Self::Down => "dlinfra-down",
        }
    }

    /// What an alarm is for and what scales, by the end of the alarm's name: no name of a variant or a component has a dot.
    pub(super) fn named(end: &str) -> (Self, &str) {
        match end.rsplit_once('.') {
            Some((name, "up")) => (Self::Up, name),
            Some((name, "down")) => (Self::Down, name),
            _ => (Self::Wake, end),
        }
    }

    /// The name of its alarm, which no other kind's name begins like.
    fn alarm(self, scaled: &Scaled) -> String {
        let end = if self == Self::Wake { String::new() } else { format!(".{}", self.word()) };
        format!("sagemaker/{}{end}", scaled.resource())
    }
}

/// The alarms that a scaling has.
pub(in crate::kinds) fn of(scaling: Option<&Scaling>) -> impl Iterator<Item = Watch> {
    let has = move |watch: &Watch| {
        scaling.is_some_and(|it| match watch {
            Watch::Wake => it.bounds().0 == 0 && it.wake,
            Watch::Up => it.steps.as_ref().is_some_and(|steps| !steps.up.is_empty()),
            Watch::Down => it.steps.as_ref().is_some_and(|steps| !steps.down.is_empty()),
        })
    };
    Watch::ALL.into_iter().filter(has)
}

/// Puts what is live and what it wakes up into a scaling whose policies are these.
pub(super) async fn read(ctx: &SweepCtx, scaled: &Scaled, policies: &[Value], into: &mut Scaling) -> Result<(), Error> {
    let policy = |watch: Watch| policies.iter().find(|one| one["PolicyName"] == watch.policy());
    let names: Vec<String> =
        Watch::ALL.into_iter().filter(|one| policy(*one).is_some()).map(|one| one.alarm(scaled)).collect();
    into.wake = into.bounds().0 > 0;
    if names.is_empty() {
        return Ok(());
    }
    let input = json!({ "AlarmNames": names });
    let found: Vec<Value> = ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?;
    // A policy that no alarm runs does nothing.
    let running = |watch: Watch| {
        let policy = policy(watch)?;
        let alarm = found.iter().find(|one| one["AlarmName"] == watch.alarm(scaled))?;
        let runs = alarm["AlarmActions"].as_array()?.contains(&policy["PolicyARN"]);
        runs.then_some((&policy["StepScalingPolicyConfiguration"], alarm))
    };
    into.wake |= running(Watch::Wake).is_some();
    let (up, down) = (running(Watch::Up), running(Watch::Down));
    let steps = |of: Option<(&Value, &Value)>, bound: &str| -> Vec<Step> {
        let Some((config, alarm)) = of else { return Vec::new() };
        let threshold = alarm["Threshold"].as_f64().unwrap_or_default();
        let step = |one: &Value| Step {
            at: (threshold + one[bound].as_f64().unwrap_or_default()).round().max(0.0) as u32,
            by: one["ScalingAdjustment"].as_i64().map_or(0, |by| u32::try_from(by.unsigned_abs()).unwrap_or(u32::MAX)),
        };
        config["StepAdjustments"].as_array().into_iter().flatten().map(step).collect()
    };
    let metric = [up, down].into_iter().flatten().find_map(|(_, alarm)| {
        let name = alarm["MetricName"].as_str().or_else(|| {
            let queries = alarm["Metrics"].as_array()?;
            queries.iter().find_map(|one| one["MetricStat"]["Metric"]["MetricName"].as_str())
        })?;
        let all = [Measure::Invocations, Measure::ConcurrentRequests, Measure::Backlog];
        all.into_iter().find(|one| scaled.metric(*one).is_some_and(|(metric, _)| metric == name))
    });
    if let Some(metric) = metric {
        let (ups, downs) = (steps(up, "MetricIntervalLowerBound"), steps(down, "MetricIntervalUpperBound"));
        into.steps = Some(Steps { metric, up: ups, down: downs });
    }
    let pause = |of: Option<(&Value, &Value)>| of.and_then(|(config, _)| config["Cooldown"].as_u64());
    into.scale_out_cooldown = pause(up).map_or(into.scale_out_cooldown, crate::units::Span::from_seconds);
    into.scale_in_cooldown = pause(down).map_or(into.scale_in_cooldown, crate::units::Span::from_seconds);
    Ok(())
}

/// Takes away the alarms and policies that are not as they shall be.
pub(super) async fn clear(
    ctx: &Ctx,
    scaled: &Scaled,
    want: &Scaling,
    live: Option<&Scaling>,
    there: &There,
) -> Result<(), Error> {
    for watch in Watch::ALL.into_iter().filter(|watch| !is_as_wanted(*watch, want, live)) {
        // An alarm of an earlier policy would run nothing, and without one it is nobody's.
        unwatch(ctx, scaled, watch, there).await?;
        let service = ctx.aws.application_autoscaling();
        if live.is_some() {
            gone(service.call::<IgnoredAny>("DeleteScalingPolicy", &policy(scaled, watch.policy())).await)?;
        }
    }
    Ok(())
}

/// Makes the alarms and policies that are not as they shall be.
pub(super) async fn make(ctx: &Ctx, scaled: &Scaled, want: &Scaling, live: Option<&Scaling>) -> Result<(), Error> {
    for watch in of(Some(want)).filter(|watch| !is_as_wanted(*watch, want, live)) {
        put(ctx, scaled, watch, want).await?;
    }
    Ok(())
}

fn is_as_wanted(watch: Watch, want: &Scaling, live: Option<&Scaling>) -> bool {
    let Some(live) = live else { return false };
    let (new, old) = (of(Some(want)).any(|one| one == watch), of(Some(live)).any(|one| one == watch));
    if !new && !old {
        return true;
    }
    let content = |it: &Scaling| {
        let steps = it.steps.clone().map(|steps| (steps.metric, steps.up, steps.down));
        match watch {
            Watch::Wake => (None, None),
            Watch::Up => (steps.map(|(metric, up, _)| (metric, up)), Some(it.scale_out_cooldown)),
            Watch::Down => (steps.map(|(metric, _, down)| (metric, down)), Some(it.scale_in_cooldown)),
        }
    };
    new && old && content(want) == content(live)
}

async fn put(ctx: &Ctx, scaled: &Scaled, watch: Watch, want: &Scaling) -> Result<(), Error> {
    let mut step = policy(scaled, watch.policy());
    step["PolicyType"] = json!("StepScaling");
    step["StepScalingPolicyConfiguration"] = adjustments(watch, want);
    let answer: Value = ctx.aws.application_autoscaling().call("PutScalingPolicy", &step).await?;
    let name = &watch.alarm(scaled);
    let mut input = condition(scaled, watch, want);
    input["AlarmName"] = json!(name);
    input["AlarmActions"] = json!([answer["PolicyARN"]]);
    let (input, arn) = (&input, &arn(ctx, name));
    ctx.call_named(&WAKE, &scaled.part(watch), name, input, |attempt| async move {
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

/// What a policy does: by how much, at which distance from the threshold of its alarm.
fn adjustments(watch: Watch, want: &Scaling) -> Value {
    let none = Vec::new();
    let (up, down) = want.steps.as_ref().map_or((&none, &none), |steps| (&steps.up, &steps.down));
    let far = |at: u32, threshold: u32| i64::from(at) - i64::from(threshold);
    let (all, cooldown): (Vec<Value>, u64) = match watch {
        Watch::Wake => (vec![json!({ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 })], 60),
        Watch::Up => {
            let threshold = up.first().map_or(0, |step| step.at);
            let one = |(i, step): (usize, &Step)| {
                let next = up.get(i + 1).map(|next| far(next.at, threshold));
                json!({
                    "MetricIntervalLowerBound": far(step.at, threshold), "MetricIntervalUpperBound": next,
                    "ScalingAdjustment": step.by,
                })
            };
            (up.iter().enumerate().map(one).collect(), want.scale_out_cooldown.seconds())
        }
        Watch::Down => {
            let threshold = down.last().map_or(0, |step| step.at);
            let one = |(i, step): (usize, &Step)| {
                let next = i.checked_sub(1).and_then(|i| down.get(i)).map(|next| far(next.at, threshold));
                json!({
                    "MetricIntervalLowerBound": next, "MetricIntervalUpperBound": far(step.at, threshold),
                    "ScalingAdjustment": -i64::from(step.by),
                })
            };
            (down.iter().enumerate().map(one).collect(), want.scale_in_cooldown.seconds())
        }
    };
    let all: Vec<Value> = all.into_iter().map(super::models::compact).collect();
    let way = if watch == Watch::Wake { "Maximum" } else { "Average" };
    json!({
        "AdjustmentType": "ChangeInCapacity", "MetricAggregationType": way, "Cooldown": cooldown, "StepAdjustments": all,
    })
}

/// When an alarm runs its policy.
fn condition(scaled: &Scaled, watch: Watch, want: &Scaling) -> Value {
    let steps = want.steps.as_ref();
    let measured = steps.and_then(|steps| scaled.metric(steps.metric)).unwrap_or_default();
    match watch {
        Watch::Wake => {
            let (metric, dimensions) = scaled.missed();
            json!({
                "AlarmDescription": "Somebody asks and nobody is there: starts the first one.",
                "Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions, "Statistic": "Maximum",
                "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
            })
        }
        Watch::Up => json!({
            "AlarmDescription": "Too much to do: adds some.", "Namespace": "AWS/SageMaker", "MetricName": measured.0,
            "Dimensions": steps.map(|steps| scaled.dimensions(steps.metric)), "Statistic": measured.1, "Period": 60,
            "EvaluationPeriods": RISING,
            "Threshold": steps.and_then(|steps| steps.up.first()).map_or(0, |step| step.at),
            "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        }),
        // Where nobody asks nothing is measured, and steps need a value.
        Watch::Down => json!({
            "AlarmDescription": "Too little to do: removes some.", "EvaluationPeriods": FALLING,
            "Threshold": steps.and_then(|steps| steps.down.last()).map_or(0, |step| step.at),
            "ComparisonOperator": "LessThanOrEqualToThreshold", "TreatMissingData": "breaching",
            "Metrics": [
                { "Id": "load", "Expression": "FILL(measured, 0)", "ReturnData": true },
                { "Id": "measured", "ReturnData": false, "MetricStat": {
                    "Metric": { "Namespace": "AWS/SageMaker", "MetricName": measured.0,
                        "Dimensions": steps.map(|steps| scaled.dimensions(steps.metric)) },
                    "Period": 60, "Stat": measured.1,
                } },
            ],
        }),
    }
}

fn arn(ctx: &Ctx, name: &str) -> String {
    let scope = &ctx.scope;
    format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", scope.partition, scope.region, scope.account)
}

/// Removes an alarm that is there.
pub(super) async fn unwatch(ctx: &Ctx, scaled: &Scaled, watch: Watch, there: &There) -> Result<(), Error> {
    match there.get(&scaled.part(watch)) {
        Some(arn) => parts::unwatch(ctx, arn).await,
        None => Ok(()),
    }
}
