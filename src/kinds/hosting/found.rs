//! Reading back what endpoints and components have in common: names, and the parts that belong to them.
use super::{COMPONENT_MODEL, RULE, is_of_component, parts, watches::Watch};
use crate::{
    aws::{
        Error, optional,
        ownership::Ownership,
        tags::{self, Carrier, Tags},
    },
    call::{self, SweepCtx},
    kinds::log_group,
    resource::{Live, Resource, State},
    units::Span,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// How much is read at the same time: more only waits at the gate.
pub(in crate::kinds) const AT_ONCE: usize = 4;
/// So many lines of a log tell why a container did not answer.
const LINES: usize = 5;

/// Something of the stack that is not the object itself.
#[derive(Debug, Clone)]
pub(in crate::kinds) struct Part {
    pub(in crate::kinds) name: String,
    pub(in crate::kinds) arn: String,
    pub(in crate::kinds) tags: Tags,
}

/// A kind with parts.
pub(in crate::kinds) trait Hosted: Resource {
    /// What its log groups begin with.
    const LOGS: &'static str;
    /// What the parts that are models are called.
    const MODEL_PART: &'static str;

    /// One of which nothing is known: only its parts are there.
    fn empty() -> Self;

    fn retention(&mut self) -> &mut Option<Span>;
}

/// How the stack's names begin; all names where every stack is looked for.
pub(in crate::kinds) fn prefix(ctx: &SweepCtx) -> String {
    if ctx.all_stacks { String::new() } else { call::name_prefix(&ctx.scope.stack, &RULE) }
}

/// Is it a legal name of an endpoint, a variant or a component?
pub(in crate::kinds) fn legal(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    (1..=63).contains(&name.len())
        && name.chars().all(|c| plain(c) || c == '-')
        && name.starts_with(plain)
        && name.ends_with(plain)
}

/// Names that begin so; AWS filters by a part of a name.
pub(in crate::kinds) async fn names(
    ctx: &SweepCtx,
    action: &'static str,
    (list, member): (&str, &str),
    prefix: &str,
) -> Result<BTreeSet<String>, Error> {
    let mut input = json!({ "MaxResults": 100 });
    if !prefix.is_empty() {
        input["NameContains"] = json!(prefix);
    }
    let found: Vec<Value> = ctx.aws.sagemaker().pages(action, input, (list, "NextToken")).await?;
    let name = |one: &Value| one[member].as_str().map(str::to_owned);
    Ok(found.iter().filter_map(name).filter(|name| name.starts_with(prefix)).collect())
}

/// Those that are listed, and those that somebody else chose or that the journal knows.
pub(in crate::kinds) fn sought(ctx: &SweepCtx, kind: &str, listed: BTreeSet<String>, prefix: &str) -> BTreeSet<String> {
    let others = ctx.names.of(kind).into_iter().chain(ctx.only_ids().into_iter().flatten().cloned());
    let others = others.map(|id| parts::name_in(&id).to_owned());
    let wanted = |name: &String| legal(name) && (ctx.all_stacks || !name.starts_with(prefix));
    listed.into_iter().chain(others.filter(wanted)).collect()
}

/// The tags of things of this stack, by ARN; what is gone meanwhile or belongs to others is left out.
pub(in crate::kinds) async fn tagged(ctx: &SweepCtx, arns: impl Iterator<Item = String>) -> Result<Vec<Part>, Error> {
    let read = |arn: String| async move {
        let found = optional(Carrier::own(parts::tagger(&arn), &arn).read(&ctx.aws).await)?;
        let tags = found.and_then(|mut all| all.remove(&arn)).filter(|tags| ctx.takes(tags));
        Ok::<_, Error>(tags.map(|tags| Part { name: parts::name_in(&arn).to_owned(), arn, tags }))
    };
    let reads: Vec<_> = arns.map(read).collect();
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Puts a part to the object at the same place of the same stack, or to what is left of one.
pub(in crate::kinds) fn belongs<K: Hosted>(ctx: &SweepCtx, all: &mut Vec<Live<K>>, what: &str, part: Part) {
    let owner = ctx.owner(&part.arn, &part.tags);
    let at_its_place = |live: &Live<K>| {
        let its: Option<Ownership> = ctx.owner(&live.id, &live.tags);
        matches!((&owner, &its), (Some(a), Some(b)) if a.address.is_some() && a.is_of(b))
    };
    let places: Vec<usize> = (0..all.len()).filter(|i| at_its_place(&all[*i])).collect();
    // Of two objects at one address the parts are those of the one that the journal knows.
    let known = places.iter().find(|i| ctx.remembered.address(&all[**i].id).is_some()).or(places.first());
    if let Some(live) = known.and_then(|i| all.get_mut(*i)) {
        // That of an object which had another name is one more.
        let own = what == parts::LOG_GROUP && part.name == live.id;
        let key = if own { what.to_owned() } else { parts::part(what, &part.name) };
        live.parts.insert(key, part.arn);
        return;
    }
    // An id of its own: the name may be that of the object.
    let mut live = Live::new(ctx.address(&part.arn, &part.tags), &part.arn, part.tags, K::empty());
    live.state = State::Partial;
    live.outputs = K::ABOUT.outputs.iter().map(|one| (one.name.to_owned(), Value::Null)).collect();
    live.parts.insert(parts::part(what, &part.name), part.arn);
    all.push(live);
}

/// Log groups of the stack's objects, and how long each keeps what is written. Those of objects that are gone are known by
/// their names alone.
pub(in crate::kinds) async fn log_groups<K: Hosted>(
    ctx: &SweepCtx,
    all: &mut Vec<Live<K>>,
    starts: &BTreeSet<String>,
) -> Result<(), Error> {
    for start in starts {
        let input = json!({ "logGroupNamePrefix": format!("{}{start}", K::LOGS) });
        let found: Vec<Value> = ctx.aws.logs().pages("DescribeLogGroups", input, ("logGroups", "nextToken")).await?;
        let days = |name: &str| {
            let group = found.iter().find(|one| one["logGroupName"] == name)?;
            group["retentionInDays"].as_u64().map(|days| Span::from_hours(days * 24))
        };
        let arns = found.iter().filter_map(|one| one["logGroupName"].as_str());
        for part in tagged(ctx, arns.map(|name| log_group::arn(&ctx.scope, name))).await? {
            let (arn, name) = (part.arn.clone(), format!("{}{}", K::LOGS, part.name));
            belongs(ctx, all, parts::LOG_GROUP, part);
            let its = all.iter_mut().find(|live| live.parts.get(parts::LOG_GROUP) == Some(&arn));
            if let Some(live) = its {
                *live.spec.retention() = days(&name);
            }
        }
    }
    Ok(())
}

/// Alarms that change counts, by what their names begin with.
pub(in crate::kinds) async fn alarms<K: Hosted>(
    ctx: &SweepCtx,
    all: &mut Vec<Live<K>>,
    starts: impl Iterator<Item = String>,
) -> Result<(), Error> {
    for start in starts {
        let input = json!({ "AlarmNamePrefix": start });
        let found: Vec<Value> =
            ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?;
        let arns = found.iter().filter_map(|one| one["AlarmArn"].as_str().map(str::to_owned));
        for part in tagged(ctx, arns).await? {
            let (watch, name) = Watch::named(&part.name);
            let name = name.to_owned();
            belongs(ctx, all, watch.word(), Part { name, ..part });
        }
    }
    Ok(())
}

/// Models of the stack that belong to this kind: whose they are is written in their tags, as all are named in one way.
pub(in crate::kinds) async fn models<K: Hosted>(
    ctx: &SweepCtx,
    all: &mut Vec<Live<K>>,
    prefix: &str,
) -> Result<(), Error> {
    let is_ours = |part: &&Part| is_of_component(&part.tags) == (K::MODEL_PART == COMPONENT_MODEL);
    let found = match &ctx.answers {
        Some(answers) => answers.once("SageMaker models", all_models(ctx, prefix)).await?,
        None => Arc::new(all_models(ctx, prefix).await?),
    };
    for part in found.iter().filter(is_ours) {
        belongs(ctx, all, K::MODEL_PART, part.clone());
    }
    Ok(())
}

/// Models of the stack, whatever they belong to.
async fn all_models(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Part>, Error> {
    let names = names(ctx, "ListModels", ("Models", "ModelName"), prefix).await?;
    let arns = names.iter().map(|name| parts::arn(&ctx.scope, &format!("{}/{name}", parts::MODEL_PART)));
    tagged(ctx, arns).await
}

/// What is there and nothing uses: whoever removes it looks again.
pub(in crate::kinds) fn leave_over<S>(live: &mut Live<S>, is_used: impl Fn(&Live<S>, &str, &str) -> bool) {
    if matches!(live.state, State::Partial | State::Deleting | State::Failed(_)) {
        return;
    }
    let named = |(part, arn): &(&String, &String)| *part == parts::LOG_GROUP || is_used(live, part, arn);
    live.left_over = live.parts.iter().filter(|part| !named(part)).map(|(part, _)| part.clone()).collect();
}

/// The tags of one object, if it is there and wanted.
pub(in crate::kinds) async fn tags_of(
    ctx: &SweepCtx,
    arn: &str,
    wanted: impl Fn(&Tags) -> bool,
) -> Result<Option<Tags>, Error> {
    let found = optional(Carrier::own(&tags::SAGEMAKER, arn).read(&ctx.aws).await)?;
    Ok(found.and_then(|mut all| all.remove(arn)).filter(|tags| wanted(tags)))
}

/// `; its log ends: …`, or nothing where nothing is known.
pub(in crate::kinds) async fn last_lines(ctx: &SweepCtx, group: &str) -> String {
    let logs = ctx.aws.logs();
    // The reason is worth more than its lines: without them it is told all the same.
    let recent = json!({ "logGroupName": group, "orderBy": "LastEventTime", "descending": true });
    let found: Value = logs.call("DescribeLogStreams", &recent).await.unwrap_or_default();
    // The machines of the version before may still write: those that came last are the ones that did not answer.
    let made = |one: &&Value| one["creationTime"].as_i64();
    let last = found["logStreams"].as_array().into_iter().flatten().max_by_key(made);
    let Some(stream) = last.and_then(|one| one["logStreamName"].as_str()) else { return String::new() };
    let input = json!({ "logGroupName": group, "logStreamName": stream, "limit": LINES });
    let found: Value = logs.call("GetLogEvents", &input).await.unwrap_or_default();
    let lines = found["events"].as_array().into_iter().flatten().filter_map(|one| one["message"].as_str());
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    if lines.is_empty() { String::new() } else { format!("; its log ends: {}", lines.join(" | ")) }
}
