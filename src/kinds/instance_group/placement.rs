//! The placement group of an instance group: made before the first launch, deleted after the last instance.
use super::{InstanceGroup, live::Fleet};
use crate::{
    aws::{Error, ErrorClass, gone, optional, tags::Tags},
    call::{Ctx, SweepCtx},
    kinds::ec2,
    resource::{Call, Class, Id, Live, NameRule},
};
use aws_sdk_ec2::types::{Filter, PlacementGroup, PlacementGroupState, PlacementStrategy, ResourceType};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const PART: &str = "placement";
pub(super) const CREATE: Call = Call::new("ec2:CreatePlacementGroup", Class::Name);
const RULE: NameRule = NameRule { max: 255, extra: "-_", lower: false };

/// A placement group that exists.
pub(super) struct Group {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) tags: Tags,
}

/// Every placement group that matches; one request, since EC2 does not paginate them.
pub(super) async fn all(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Group>, Error> {
    let out = ctx.aws.ec2().describe_placement_groups().set_filters(Some(filters)).send().await?;
    let alive = |g: &PlacementGroup| g.state != Some(PlacementGroupState::Deleted);
    out.placement_groups.unwrap_or_default().into_iter().filter(alive).map(read).collect()
}

fn read(group: PlacementGroup) -> Result<Group, Error> {
    let tags = ec2::tags(group.tags());
    let id = group.group_id.ok_or_else(|| Error::missing("the placement group's id"))?;
    let name = group.group_name.ok_or_else(|| Error::missing("the placement group's name"))?;
    Ok(Group { id, name, tags })
}

/// The groups that these instances stand in, whoever owns them.
pub(super) async fn named_by(ctx: &SweepCtx, fleets: &[Fleet]) -> Result<Vec<Group>, Error> {
    let members = fleets.iter().flat_map(|f| &f.members);
    let mut names: Vec<String> = members.filter_map(super::live::placement_name).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    all(ctx, vec![Filter::builder().name("group-name").set_values(Some(names)).build()]).await
}

/// Which of the groups with these ids are there, whoever owns them.
pub(super) async fn with_ids(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<Group>, Error> {
    let ids: Vec<&Id> = ids.iter().filter(|id| id.starts_with("pg-")).collect();
    let mut out = Vec::new();
    for id in ids {
        // One id that is gone makes EC2 refuse them all, and no filter takes ids.
        let read = ctx.aws.ec2().describe_placement_groups().group_ids(id).send().await.map_err(Error::from);
        let found = optional(read)?.and_then(|out| out.placement_groups).unwrap_or_default();
        for group in found.into_iter().filter(|g| g.state != Some(PlacementGroupState::Deleted)) {
            out.push(self::read(group)?);
        }
    }
    Ok(out)
}

fn own(ctx: &Ctx) -> Vec<Filter> {
    ec2::of_address(ctx)
}

/// The name of the group to launch into: the one that exists, or a new one for a first launch that wants one.
pub(super) async fn ensure(want: &InstanceGroup, ctx: &Ctx, first: bool) -> Result<Option<String>, Error> {
    // The group of a new fleet is as new as the fleet.
    if !ctx.fresh
        && let Some(group) = all(&ctx.sweep(), own(ctx)).await?.into_iter().next()
    {
        return Ok(Some(group.name));
    }
    if !first || !want.clustered() {
        return Ok(None);
    }
    // The subnet forces replacement, so it stands in the name: old and new may exist side by side.
    let name = ctx.name(&RULE, want.subnet.id()?);
    let params = json!({ "name": name, "strategy": "cluster" });
    let made = ctx
        .call_named(&CREATE, PART, &name, &params, |attempt| {
            let name = name.clone();
            async move {
                let tags = ec2::tag_specification(ResourceType::PlacementGroup, &attempt.tags);
                let call = ctx.aws.ec2_once().create_placement_group().group_name(name);
                let call = call.strategy(PlacementStrategy::Cluster).tag_specifications(tags);
                match call.send().await.map_err(Error::from) {
                    Ok(out) => Ok(vec![out.placement_group.and_then(|g| g.group_id).unwrap_or_default()]),
                    Err(e) => Err(e),
                }
            }
        })
        .await;
    match made {
        Ok(_) => {}
        Err(e) if e.class == ErrorClass::Exists => {
            let found = all(&ctx.sweep(), vec![ec2::filter("group-name", &name)]).await?;
            // The engine looks until AWS shows it.
            let hidden = || Error::new(ErrorClass::Ambiguous, format!("{e}, and AWS does not show it yet"));
            let found = found.first().ok_or_else(hidden)?;
            ctx.ours(&format!("placement group {name}"), &found.tags)?;
        }
        Err(e) => return Err(e),
    }
    Ok(Some(name))
}

/// Deletes the group that is left of a fleet, as a look has shown it.
pub(super) async fn delete_of(ctx: &Ctx, left: &Live<InstanceGroup>) -> Result<(), Error> {
    match left.outputs.get("placement_group").and_then(Value::as_str) {
        Some(name) if ctx.scope.owns(&left.tags) && left.parts.len() == 1 => {
            let call = ctx.aws.ec2().delete_placement_group().group_name(name);
            gone(call.send().await.map_err(Error::from))
        }
        _ => delete(ctx).await,
    }
}

/// Deletes what there is; instances must be terminated.
pub(super) async fn delete(ctx: &Ctx) -> Result<(), Error> {
    for group in all(&ctx.sweep(), own(ctx)).await? {
        let call = ctx.aws.ec2().delete_placement_group().group_name(group.name);
        gone(optional(call.send().await.map_err(Error::from)))?;
    }
    Ok(())
}
