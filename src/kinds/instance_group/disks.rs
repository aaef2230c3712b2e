//! The volumes of machines: by the stack's tag, and where a tag is gone by the machine that carries them.
use super::{
    live::{Fleet, fleets},
    read::is_whole,
};
use crate::{aws::Error, call::SweepCtx, kinds::ec2, resource::Id};
use aws_sdk_ec2::types::{Filter, Volume};
use std::{collections::BTreeMap, time::Duration};

/// Volumes by id.
pub(super) type Volumes = BTreeMap<Id, Volume>;

/// Every volume that matches.
async fn volumes(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Volumes, Error> {
    let mut out = Volumes::new();
    // Without a page size EC2 returns all of them at once; a page holds 500, which would make a large fleet cost more.
    let call = ctx.aws.ec2().describe_volumes().set_filters(Some(filters));
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let volumes = page?.volumes.unwrap_or_default();
        out.extend(volumes.into_iter().filter_map(|v| Some((v.volume_id()?.to_owned(), v))));
    }
    Ok(out)
}

/// Instances and their volumes as of one moment: an instance that ends between the two reads takes its volume along.
pub(super) async fn with_volumes(ctx: &SweepCtx) -> Result<(Vec<Fleet>, Volumes), Error> {
    let mut tries = 0;
    loop {
        let fleets = fleets(ctx, ec2::owned(ctx)).await?;
        // EC2 shows for an hour what is terminated; its volumes are gone.
        let members = fleets.iter().any(|f| !f.members.is_empty() || !f.leaving.is_empty());
        let mut volumes = if members { volumes(ctx, ec2::owned(ctx)).await? } else { Volumes::new() };
        let bare = |volumes: &Volumes| -> Vec<Id> {
            let all = fleets.iter().flat_map(|f| &f.members).filter(|i| !is_whole(i, volumes));
            all.filter_map(|i| i.instance_id().map(str::to_owned)).collect()
        };
        // A volume belongs to the machine that carries it, whatever became of its tags.
        let without = bare(&volumes);
        if !without.is_empty() {
            volumes.extend(attached(ctx, &without).await?);
        }
        tries += 1;
        // What is missing then is named when it is read.
        if bare(&volumes).is_empty() || tries > 3 {
            return Ok((fleets, volumes));
        }
        ctx.aws.clock().sleep(Duration::from_secs(2)).await;
    }
}

/// The volumes of these instances, whoever owns them.
pub(super) async fn attached(ctx: &SweepCtx, instances: &[Id]) -> Result<Volumes, Error> {
    let mut out = Volumes::new();
    // EC2 takes 200 values in a filter.
    for some in instances.chunks(200) {
        let filter = ec2::filter_any("attachment.instance-id", some.iter().map(String::as_str));
        out.extend(volumes(ctx, vec![filter]).await?);
    }
    Ok(out)
}
