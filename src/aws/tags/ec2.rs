//! Tags of EC2's objects, by id: many in one call.
use super::{Tagger, Tags};
use crate::aws::{Aws, Error};
use aws_sdk_ec2::types::{Filter, Tag};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// Everything that EC2 knows by an id.
pub static EC2: Ec2 = Ec2(());

/// See [`EC2`].
#[derive(Debug)]
pub struct Ec2(());

impl Tagger for Ec2 {
    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out: BTreeMap<String, Tags> = ids.iter().map(|id| (id.clone(), Tags::new())).collect();
            // A filter takes 200 values at most.
            for ids in ids.chunks(200) {
                let filter = Filter::builder().name("resource-id").set_values(Some(ids.to_vec())).build();
                let mut pages = aws.ec2().describe_tags().filters(filter).into_paginator().send();
                while let Some(page) = pages.next().await {
                    for tag in page?.tags.unwrap_or_default() {
                        let (id, key) = (tag.resource_id.unwrap_or_default(), tag.key.unwrap_or_default());
                        out.entry(id).or_default().insert(key, tag.value.unwrap_or_default());
                    }
                }
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // CreateTags takes 1,000 objects at most.
            for ids in ids.chunks(1000) {
                if !set.is_empty() {
                    let tags = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
                    aws.ec2().create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags)).send().await?;
                }
                if !remove.is_empty() {
                    let tags = remove.iter().map(|k| Tag::builder().key(k).build()).collect();
                    aws.ec2().delete_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags)).send().await?;
                }
            }
            Ok(())
        })
    }
}
