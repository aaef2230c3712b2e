//! Placement groups as AWS shows them, also for instance groups, which have some of their own.
use super::{PlacementGroup, Strategy};
use crate::{
    aws::{Error, optional, tags},
    call::SweepCtx,
    kinds::ec2,
    resource::{Live, State},
};
use aws_sdk_ec2::types::{Filter, PlacementGroup as Group, PlacementGroupState, PlacementStrategy};
use serde_json::json;
use std::sync::Arc;

/// The stack's groups, those of its instance groups included: both kinds need them.
pub(in crate::kinds) async fn owned(ctx: &SweepCtx) -> Result<Arc<Vec<Group>>, Error> {
    match &ctx.answers {
        Some(answers) => answers.once("placement groups", all(ctx, ec2::owned(ctx))).await,
        None => all(ctx, ec2::owned(ctx)).await.map(Arc::new),
    }
}

/// Every group that matches; one request, since EC2 does not paginate them.
pub(in crate::kinds) async fn all(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Group>, Error> {
    let out = ctx.aws.ec2().describe_placement_groups().set_filters(Some(filters)).send().await?;
    Ok(there(out.placement_groups.unwrap_or_default()))
}

/// Groups with these ids, whoever owns them.
pub(in crate::kinds) async fn with_ids(ctx: &SweepCtx, ids: impl Iterator<Item = &str>) -> Result<Vec<Group>, Error> {
    let mut out = Vec::new();
    for id in ids {
        // One id that is gone makes EC2 refuse them all, and no filter takes ids.
        let read = ctx.aws.ec2().describe_placement_groups().group_ids(id).send().await.map_err(Error::from);
        out.extend(optional(read)?.and_then(|out| out.placement_groups).unwrap_or_default());
    }
    Ok(there(out))
}

fn there(mut found: Vec<Group>) -> Vec<Group> {
    found.retain(|group| group.state != Some(PlacementGroupState::Deleted));
    found
}

/// Does an instance group have it for itself?
pub(super) fn is_part(group: &Group) -> bool {
    ec2::tags(group.tags()).contains_key(tags::PART)
}

/// A group as a blueprint describes it.
pub(super) fn read(ctx: &SweepCtx, group: &Group) -> Result<Live<PlacementGroup>, Error> {
    let tags = ec2::tags(group.tags());
    let id = group.group_id().ok_or_else(|| Error::missing("the placement group's id"))?;
    let name = group.group_name().ok_or_else(|| Error::missing("the placement group's name"))?;
    let said = group.strategy().map_or("", PlacementStrategy::as_str);
    let strategy = Strategy::ALL.into_iter().find(|known| known.word() == said);
    let partitions = group.partition_count().and_then(|count| u32::try_from(count).ok());
    let spec = PlacementGroup {
        name: Some(name.to_owned()),
        strategy: strategy.unwrap_or_default(),
        partitions: partitions.filter(|_| strategy == Some(Strategy::Partition)),
    };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.novel.extend(strategy.is_none().then(|| ("strategy".to_owned(), said.to_owned())));
    live.state = match group.state() {
        Some(PlacementGroupState::Pending) => State::Pending,
        Some(PlacementGroupState::Deleting) => State::Deleting,
        _ => State::Ready,
    };
    live.outputs = ec2::outputs([("id", json!(id)), ("name", json!(name))]);
    Ok(live)
}
