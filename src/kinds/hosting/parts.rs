//! What belongs to an endpoint or a component: models, log groups and alarms, each with the tags of what it belongs to.
use super::{COMPONENT_MODEL, LOGS, MODEL, watches::Watch};
use crate::{
    aws::{
        Error, ErrorClass, gone, optional,
        tags::{self, Carrier, Tagger, Tags},
    },
    call::{Ctx, Scope, SweepCtx},
    kinds::log_group,
    resource::Id,
    units::Span,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The part that is the log group.
pub(in crate::kinds) const LOG_GROUP: &str = "logs";
/// The part that is a model, and what it is called in an ARN.
pub(in crate::kinds) const MODEL_PART: &str = "model";
/// The part that is a configuration of an endpoint, and what it is called in an ARN.
pub(in crate::kinds) const CONFIG_PART: &str = "endpoint-config";
const DAY: u64 = 24 * 3600;

/// Parts that are there, as a look showed them.
pub(in crate::kinds) type There = BTreeMap<String, Id>;

/// What a part is called: another version has parts of its own.
pub(in crate::kinds) fn part(what: &str, name: &str) -> String {
    format!("{what} {name}")
}

pub(in crate::kinds) fn arn(scope: &Scope, tail: &str) -> String {
    let Scope { partition, region, account, .. } = scope;
    format!("arn:{partition}:sagemaker:{region}:{account}:{tail}")
}

/// The name at the end of an ARN.
pub(in crate::kinds) fn name_in(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What knows the tags of a part, by its ARN.
pub(in crate::kinds) fn tagger(arn: &str) -> &'static dyn Tagger {
    match arn.split(':').nth(2) {
        Some("logs") => &tags::LOGS,
        Some("cloudwatch") => &tags::CLOUDWATCH,
        _ => &tags::SAGEMAKER,
    }
}

/// After a create: the ARN that it answers, or that of what has the name already, if it is ours.
pub(in crate::kinds) async fn made(
    ctx: &Ctx,
    made: Result<Value, Error>,
    member: &str,
    tail: &str,
) -> Result<Vec<Id>, Error> {
    match made {
        Ok(answer) => {
            let arn = answer[member].as_str().ok_or_else(|| Error::missing("the ARN of what was made"))?;
            Ok(vec![arn.to_owned()])
        }
        Err(e) if e.class == ErrorClass::Exists => taken(ctx, &arn(&ctx.scope, tail)).await,
        Err(e) => Err(e),
    }
}

/// What has a name already is ours if its tags say so.
async fn taken(ctx: &Ctx, arn: &str) -> Result<Vec<Id>, Error> {
    let found = Carrier::own(tagger(arn), arn).read(&ctx.aws).await.map_err(Error::after_exists)?;
    ctx.ours(arn, &found.into_values().next().unwrap_or_default())?;
    ctx.doubtful();
    Ok(vec![arn.to_owned()])
}

/// What has the name that an author chose may be somebody else's: then nothing is made beside it.
pub(in crate::kinds) async fn free(ctx: &Ctx, what: &str, name: &str, tail: &str) -> Result<(), Error> {
    let arn = arn(&ctx.scope, tail);
    if !is_there(&ctx.sweep(), &arn).await? {
        return Ok(());
    }
    let found = optional(Carrier::own(&tags::SAGEMAKER, &arn).read(&ctx.aws).await)?;
    found.and_then(|mut all| all.remove(&arn)).map_or(Ok(()), |tags| ctx.ours(&format!("{what} {name}"), &tags))
}

/// The ARN of a role.
pub(in crate::kinds) async fn role_arn(ctx: &Ctx, role: &str) -> Result<String, Error> {
    let found = ctx.aws.iam().get_role().role_name(role).send().await?.role;
    Ok(found.ok_or_else(|| Error::missing("the role"))?.arn)
}

/// A model, as this part, where it is not there yet.
pub(in crate::kinds) async fn model(
    ctx: &Ctx,
    what: &str,
    name: &str,
    input: &Value,
    there: &There,
) -> Result<(), Error> {
    let part = part(what, name);
    if there.contains_key(&part) {
        return Ok(());
    }
    ctx.call_named(&MODEL, &part, name, input, |attempt| async move {
        let mut input = input.clone();
        input["Tags"] = tags::pairs(&attempt.tags);
        let answer = ctx.aws.sagemaker().once("CreateModel", &input).await;
        made(ctx, answer, "ModelArn", &format!("{MODEL_PART}/{name}")).await
    })
    .await
    .map(drop)
}

/// The log group, before a container makes one that nobody owns and that never ends.
pub(in crate::kinds) async fn logs(ctx: &Ctx, group: &str, time: Option<Span>, there: &There) -> Result<(), Error> {
    let Some(time) = time else { return Ok(()) };
    if there.contains_key(LOG_GROUP) || there.contains_key(&part(LOG_GROUP, name_in(group))) {
        return retain(ctx, group, time).await;
    }
    ctx.call_named(&LOGS, LOG_GROUP, group, &json!({ "name": group }), |attempt| async move {
        let input = json!({ "logGroupName": group, "tags": attempt.tags });
        let arn = log_group::arn(&ctx.scope, group);
        match ctx.aws.logs().once::<IgnoredAny>("CreateLogGroup", &input).await {
            Ok(_) => Ok(vec![arn]),
            Err(e) if e.class == ErrorClass::Exists => taken(ctx, &arn)
                .await
                .map_err(|e| e.help("delete it, or write `log_retention: null` to leave the log group to SageMaker")),
            Err(e) => Err(e),
        }
    })
    .await?;
    retain(ctx, group, time).await
}

/// How long it keeps what is written.
async fn retain(ctx: &Ctx, group: &str, time: Span) -> Result<(), Error> {
    let input = json!({ "logGroupName": group, "retentionInDays": time.seconds() / DAY });
    ctx.aws.logs().call::<IgnoredAny>("PutRetentionPolicy", &input).await.map(drop)
}

/// Removes parts: alarms first, then configurations, as they name models, and logs last.
pub(in crate::kinds) async fn remove(ctx: &Ctx, parts: &There, which: impl Fn(&str) -> bool) -> Result<(), Error> {
    let of = |what: &'static str| {
        let its = |part: &&String| part.split(' ').next() == Some(what) && which(part);
        parts.iter().filter(move |(part, _)| its(part)).map(|(_, id)| id.as_str())
    };
    let sagemaker = ctx.aws.sagemaker();
    for watch in Watch::ALL {
        for arn in of(watch.word()) {
            unwatch(ctx, arn).await?;
        }
    }
    for arn in of(CONFIG_PART) {
        let input = json!({ "EndpointConfigName": name_in(arn) });
        gone(sagemaker.call::<IgnoredAny>("DeleteEndpointConfig", &input).await)?;
    }
    for arn in of(MODEL_PART).chain(of(COMPONENT_MODEL)) {
        gone(sagemaker.call::<IgnoredAny>("DeleteModel", &json!({ "ModelName": name_in(arn) })).await)?;
    }
    for arn in of(LOG_GROUP) {
        let group = arn.split_once(":log-group:").map_or(arn, |(_, group)| group);
        gone(ctx.aws.logs().call::<IgnoredAny>("DeleteLogGroup", &json!({ "logGroupName": group })).await)?;
    }
    Ok(())
}

/// Removes an alarm.
pub(super) async fn unwatch(ctx: &Ctx, arn: &str) -> Result<(), Error> {
    let name = arn.split_once(":alarm:").map_or(arn, |(_, name)| name);
    gone(ctx.aws.cloudwatch().call::<IgnoredAny>("DeleteAlarms", &json!({ "AlarmNames": [name] })).await)
}

/// Parts with these ids, whoever owns them, each with its tags.
pub(in crate::kinds) async fn there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
    let mut out = Vec::new();
    for id in ids {
        match id.split(':').nth(2) {
            Some("logs") => {}
            Some("sagemaker" | "cloudwatch") if is_there(ctx, id).await? => {}
            _ => continue,
        }
        let found = Carrier::own(tagger(id), id).read(&ctx.aws).await;
        out.extend(optional(found)?.unwrap_or_default());
    }
    Ok(out)
}

/// Is it shown? Tags alone do not say so everywhere.
async fn is_there(ctx: &SweepCtx, arn: &str) -> Result<bool, Error> {
    if let Some((_, name)) = arn.split_once(":alarm:") {
        let input = json!({ "AlarmNames": [name] });
        let found: Vec<Value> =
            ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?;
        return Ok(!found.is_empty());
    }
    let (what, name) = arn.rsplit(':').next().and_then(|tail| tail.split_once('/')).unwrap_or_default();
    let (action, input) = match what {
        MODEL_PART => ("DescribeModel", json!({ "ModelName": name })),
        CONFIG_PART => ("DescribeEndpointConfig", json!({ "EndpointConfigName": name })),
        "inference-component" => ("DescribeInferenceComponent", json!({ "InferenceComponentName": name })),
        _ => ("DescribeEndpoint", json!({ "EndpointName": name })),
    };
    Ok(optional(ctx.aws.sagemaker().call::<IgnoredAny>(action, &input).await)?.is_some())
}
