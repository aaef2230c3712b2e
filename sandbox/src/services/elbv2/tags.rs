//! Tags of everything in this service that has an ARN, several at a time.

use super::{balancer, group, listener};
use super::{balancers::Balancer, groups::TargetGroup, listeners::Listener, rules::Rule};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("AddTags", add), write("RemoveTags", remove), read("DescribeTags", describe)];

/// What an ARN names.
enum Named {
    Balancer(Balancer),
    Listener(Listener),
    Rule(Rule),
    Group(TargetGroup),
}

impl Named {
    fn find(call: &Call<'_>, arn: &str) -> Result<Self, ApiError> {
        let kind = tagged::here(call, arn).and_then(|tail| tail.split('/').next());
        match kind {
            Some("loadbalancer") => balancer(call, arn).map(Self::Balancer),
            Some("listener") => listener(call, arn).map(Self::Listener),
            Some("listener-rule") => {
                let found = call.find::<Rule>(arn.rsplit('/').next().unwrap_or_default()).cloned();
                let missing = || ApiError::bad("RuleNotFound", "One or more rules not found");
                found.filter(|it| it.arn(call) == arn).map(Self::Rule).ok_or_else(missing)
            }
            Some("targetgroup") => group(call, arn).map(Self::Group),
            _ => Err(super::invalid(format!("'{arn}' is not a valid resource ARN"))),
        }
    }

    fn tags(&mut self) -> &mut Tags {
        match self {
            Self::Balancer(it) => &mut it.tags,
            Self::Listener(it) => &mut it.tags,
            Self::Rule(it) => &mut it.tags,
            Self::Group(it) => &mut it.tags,
        }
    }

    fn put(self, call: &mut Call<'_>) {
        match self {
            Self::Balancer(it) => call.put(it),
            Self::Listener(it) => call.put(it),
            Self::Rule(it) => call.put(it),
            Self::Group(it) => call.put(it),
        }
    }
}

/// The resources of a request.
fn named(call: &mut Call<'_>) -> Result<Vec<(String, Named)>, ApiError> {
    let arns = call.params.texts("ResourceArns")?;
    if arns.len() > 20 {
        return Err(super::invalid("Only up to 20 resources can be given in one call"));
    }
    arns.into_iter().map(|arn| Named::find(call, &arn).map(|it| (arn, it))).collect()
}

fn add(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (all, new) = (named(call)?, tagged::take(call)?);
    for (_, mut it) in all {
        it.tags().extend(new.clone());
        if it.tags().len() > 50 {
            return Err((call.service.too_many_tags)());
        }
        it.put(call);
    }
    Ok(Reply::empty())
}

fn remove(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (all, keys) = (named(call)?, call.params.texts("TagKeys")?);
    for (_, mut it) in all {
        it.tags().retain(|key, _| !keys.contains(key));
        it.put(call);
    }
    Ok(Reply::empty())
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let all = named(call)?.into_iter();
    let shown = all.map(|(arn, mut it)| json!({"ResourceArn": arn, "Tags": tagged::pairs(it.tags())}));
    Ok(Reply::json(json!({"TagDescriptions": shown.collect::<Value>()})))
}
