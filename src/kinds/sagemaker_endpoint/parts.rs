//! What belongs to an endpoint: its models, its configurations and its log group, each with the endpoint's tags.
use super::{CONFIG, LOGS, MODEL, SagemakerEndpoint, wire};
use crate::{
    aws::{
        Error, ErrorClass, gone, optional,
        tags::{self, Carrier, Tagger, Tags},
    },
    call::{Ctx, Scope, SweepCtx},
    kinds::log_group,
    resource::{Id, Live},
    units::Span,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The part that is the log group.
pub(super) const LOG_GROUP: &str = "logs";
const DAY: u64 = 24 * 3600;

/// The part that is a model, and what it is called in an ARN.
pub(super) const MODEL_PART: &str = "model";
/// The same of a configuration.
pub(super) const CONFIG_PART: &str = "endpoint-config";

/// What a part is called: a version of the endpoint has parts of its own.
pub(super) fn part(what: &str, name: &str) -> String {
    format!("{what} {name}")
}

pub(super) fn arn(scope: &Scope, tail: &str) -> String {
    let Scope { partition, region, account, .. } = scope;
    format!("arn:{partition}:sagemaker:{region}:{account}:{tail}")
}

/// SageMaker writes what containers say to this group.
pub(super) fn log_group_of(endpoint: &str) -> String {
    format!("/aws/sagemaker/Endpoints/{endpoint}")
}

/// The name at the end of an ARN.
pub(super) fn name_in(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// After a create: the ARN that it answers, or that of what has the name already, if it is ours.
pub(super) async fn made(ctx: &Ctx, made: Result<Value, Error>, member: &str, tail: &str) -> Result<Vec<Id>, Error> {
    match made {
        Ok(answer) => {
            let arn = answer[member].as_str().ok_or_else(|| Error::missing("the ARN of what was made"))?;
            Ok(vec![arn.to_owned()])
        }
        Err(e) if e.class == ErrorClass::Exists => taken(ctx, &tags::SAGEMAKER, &arn(&ctx.scope, tail)).await,
        Err(e) => Err(e),
    }
}

/// What has a name already is ours if its tags say so.
async fn taken(ctx: &Ctx, tagger: &'static dyn Tagger, arn: &str) -> Result<Vec<Id>, Error> {
    let found = Carrier::own(tagger, arn).read(&ctx.aws).await.map_err(Error::after_exists)?;
    ctx.ours(arn, &found.into_values().next().unwrap_or_default())?;
    ctx.doubtful();
    Ok(vec![arn.to_owned()])
}

/// Parts that are there, as a look showed them.
pub(super) type There = BTreeMap<String, Id>;

/// The configuration of what is wanted, with the models that it names: made where they are not there yet.
pub(super) async fn config(ctx: &Ctx, want: &SagemakerEndpoint, there: &There) -> Result<String, Error> {
    let role = ctx.aws.iam().get_role().role_name(want.role.id()?).send().await?.role;
    let role = &role.ok_or_else(|| Error::missing("the role"))?.arn;
    let mut seen = BTreeSet::new();
    for variant in &want.variants {
        let name = &wire::model_name(ctx, want, variant)?;
        if there.contains_key(&part(MODEL_PART, name)) || !seen.insert(name.clone()) {
            continue;
        }
        let input = &wire::model_input(ctx, want, variant, role)?;
        ctx.call_named(&MODEL, &part(MODEL_PART, name), name, input, |attempt| async move {
            let mut input = input.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            let answer = ctx.aws.sagemaker().once("CreateModel", &input).await;
            made(ctx, answer, "ModelArn", &format!("{MODEL_PART}/{name}")).await
        })
        .await?;
    }
    let (name, input) = (&wire::config_name(ctx, want)?, &wire::config_input(ctx, want)?);
    if there.contains_key(&part(CONFIG_PART, name)) {
        return Ok(name.clone());
    }
    ctx.call_named(&CONFIG, &part(CONFIG_PART, name), name, input, |attempt| async move {
        let mut input = input.clone();
        input["Tags"] = tags::pairs(&attempt.tags);
        let answer = ctx.aws.sagemaker().once("CreateEndpointConfig", &input).await;
        made(ctx, answer, "EndpointConfigArn", &format!("{CONFIG_PART}/{name}")).await
    })
    .await?;
    Ok(name.clone())
}

/// The log group, before a container makes one that nobody owns and that never ends.
pub(super) async fn logs(ctx: &Ctx, want: &SagemakerEndpoint, endpoint: &str, there: &There) -> Result<(), Error> {
    let Some(time) = want.log_retention else { return Ok(()) };
    let group = &log_group_of(endpoint);
    if there.contains_key(LOG_GROUP) || there.contains_key(&part(LOG_GROUP, endpoint)) {
        return retain(ctx, group, time).await;
    }
    ctx.call_named(&LOGS, LOG_GROUP, group, &json!({ "name": group }), |attempt| async move {
        let input = json!({ "logGroupName": group, "tags": attempt.tags });
        let arn = log_group::arn(&ctx.scope, group);
        match ctx.aws.logs().once::<IgnoredAny>("CreateLogGroup", &input).await {
            Ok(_) => Ok(vec![arn]),
            Err(e) if e.class == ErrorClass::Exists => taken(ctx, &tags::LOGS, &arn)
                .await
                .map_err(|e| e.help("delete it, or write `log_retention: null` to leave the log group to SageMaker")),
            Err(e) => Err(e),
        }
    })
    .await?;
    retain(ctx, group, time).await
}

/// How long it keeps what is written.
pub(super) async fn retain(ctx: &Ctx, group: &str, time: Span) -> Result<(), Error> {
    let input = json!({ "logGroupName": group, "retentionInDays": time.seconds() / DAY });
    ctx.aws.logs().call::<IgnoredAny>("PutRetentionPolicy", &input).await.map(drop)
}

/// Removes parts: configurations first, as they name models, and logs last.
pub(super) async fn remove(
    ctx: &Ctx,
    live: &Live<SagemakerEndpoint>,
    which: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let of = |what: &'static str| {
        let its = |part: &&String| part.split(' ').next() == Some(what) && which(part);
        live.parts.iter().filter(move |(part, _)| its(part)).map(|(_, id)| name_in(id))
    };
    let sagemaker = ctx.aws.sagemaker();
    for name in of(CONFIG_PART) {
        let input = json!({ "EndpointConfigName": name });
        gone(sagemaker.call::<IgnoredAny>("DeleteEndpointConfig", &input).await)?;
    }
    for name in of(MODEL_PART) {
        gone(sagemaker.call::<IgnoredAny>("DeleteModel", &json!({ "ModelName": name })).await)?;
    }
    for name in of(LOG_GROUP) {
        let input = json!({ "logGroupName": log_group_of(name) });
        gone(ctx.aws.logs().call::<IgnoredAny>("DeleteLogGroup", &input).await)?;
    }
    Ok(())
}

/// Parts with these ids, whoever owns them, each with its tags.
pub(super) async fn there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
    let mut out = Vec::new();
    for id in ids {
        let tagger: &'static dyn Tagger = match id.split(':').nth(2) {
            Some("logs") => &tags::LOGS,
            Some("sagemaker") if is_there(ctx, id).await? => &tags::SAGEMAKER,
            _ => continue,
        };
        let found = Carrier::own(tagger, id).read(&ctx.aws).await;
        out.extend(optional(found)?.unwrap_or_default());
    }
    Ok(out)
}

/// Is it shown? Tags alone do not say so everywhere.
async fn is_there(ctx: &SweepCtx, arn: &str) -> Result<bool, Error> {
    let (what, name) = arn.rsplit(':').next().and_then(|tail| tail.split_once('/')).unwrap_or_default();
    let (action, input) = match what {
        MODEL_PART => ("DescribeModel", json!({ "ModelName": name })),
        CONFIG_PART => ("DescribeEndpointConfig", json!({ "EndpointConfigName": name })),
        _ => ("DescribeEndpoint", json!({ "EndpointName": name })),
    };
    Ok(optional(ctx.aws.sagemaker().call::<IgnoredAny>(action, &input).await)?.is_some())
}
