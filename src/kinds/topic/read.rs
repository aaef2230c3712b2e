//! Topics as AWS shows them, and how they are found by their names.
use super::{Topic, publishers, subscriptions};
use crate::{
    address::Address,
    aws::{Error, optional, tags::Tags},
    call::SweepCtx,
    field::Field,
    kinds::named::{self, Named},
    resource::Live,
};
use std::collections::HashMap;

/// A topic's ARN, and its attributes where they have been read.
#[derive(Debug, Clone)]
pub(in crate::kinds) struct Found {
    arn: String,
    attributes: Option<HashMap<String, String>>,
}

impl Named for Topic {
    type Found = Found;
    const WHAT: &'static str = "the topic";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=256).contains(&name.len()) && name.chars().all(plain)
    }

    fn name_in(id: &str) -> &str {
        id.rsplit(':').next().unwrap_or(id)
    }

    fn name(found: &Found) -> &str {
        Self::name_in(&found.arn)
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let mut pages = ctx.aws.sns().list_topics().into_paginator().send();
        let mut out = Vec::new();
        // AWS shows all topics of the account.
        while let Some(page) = pages.next().await {
            let arns = page?.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.topic_arn);
            out.extend(arns.map(|arn| Found { arn, attributes: None }).filter(|it| Self::name(it).starts_with(prefix)));
        }
        Ok(out)
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        let arn = publishers::arn(&ctx.scope, name);
        let found = ctx.aws.sns().get_topic_attributes().topic_arn(&arn).send().await.map_err(Error::from);
        Ok(optional(found)?.map(|found| Found { arn, attributes: Some(found.attributes.unwrap_or_default()) }))
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.arn).await
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let name = Self::name(&found).to_owned();
        let attributes = match found.attributes {
            Some(attributes) => attributes,
            None => match Self::get(ctx, &name).await?.and_then(|found| found.attributes) {
                Some(attributes) => attributes,
                None => return Ok(None),
            },
        };
        let Some(listed) = optional(subscriptions::list(&ctx.aws, &found.arn).await)? else { return Ok(None) };
        let spec = Self {
            name: Some(name.clone()),
            kms_key: attributes.get("KmsMasterKeyId").filter(|key| !key.is_empty()).cloned().map(Field::Known),
            policy: publishers::others(&ctx.scope, &name, attributes.get("Policy"))?,
            subscriptions: listed.into_iter().map(|(_, subscription)| subscription).collect(),
        };
        let state = subscriptions::state(&spec.subscriptions);
        Ok(Some(Live { state, ..named::live(at, &name, found.arn, tags, spec) }))
    }
}
