//! The placement group of an instance group: made before the first launch, deleted after the last instance.
use super::{InstanceGroup, live::Fleet};
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass, gone, optional,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::{self, Ctx, SweepCtx},
    kinds::{ec2, placement_group},
    resource::{Call, Class, Id, Live, NameRule},
};
use aws_sdk_ec2::types::{Filter, Placement, PlacementGroup, PlacementStrategy, ResourceType};
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

/// Every placement group that matches.
async fn all(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Group>, Error> {
    placement_group::all(ctx, filters).await?.iter().map(read).collect()
}

/// Those of the stack, whoever in it stands in them.
pub(super) async fn owned(ctx: &SweepCtx) -> Result<Vec<Group>, Error> {
    placement_group::owned(ctx).await?.iter().map(read).collect()
}

fn read(group: &PlacementGroup) -> Result<Group, Error> {
    let id = group.group_id().ok_or_else(|| Error::missing("the placement group's id"))?;
    let name = group.group_name().ok_or_else(|| Error::missing("the placement group's name"))?;
    Ok(Group { id: id.to_owned(), name: name.to_owned(), tags: ec2::tags(group.tags()) })
}

impl Group {
    /// Is it an instance group's own, and not one that several share?
    pub(super) fn is_part(&self) -> bool {
        self.tags.contains_key(tags::PART)
    }

    /// Has somebody removed its tags? Its name, or what the journal remembers, says that it is this fleet's own.
    pub(super) fn is_lost(&self, ctx: &SweepCtx, address: &Address, subnet: Option<&str>) -> bool {
        let named = || call::name(&ctx.scope, address, &RULE, subnet.unwrap_or_default()) == self.name;
        Ownership::read(&self.tags).is_none() && (named() || ctx.remembered.parts(address).contains(&self.id))
    }
}

/// The groups that these instances stand in and that are not among those that are `known`, whoever owns them.
pub(super) async fn named_by(ctx: &SweepCtx, fleets: &[Fleet], known: &[Group]) -> Result<Vec<Group>, Error> {
    let instances = fleets.iter().flat_map(|f| f.members.iter().chain(&f.leaving));
    let mut names: Vec<&str> = instances.filter_map(super::live::placement_name).collect();
    names.retain(|name| known.iter().all(|group| group.name != *name));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    all(ctx, vec![ec2::filter_any("group-name", names)]).await
}

/// Which of the groups with these ids are there, whoever owns them.
pub(super) async fn with_ids(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<Group>, Error> {
    let ids = ids.iter().map(String::as_str).filter(|id| id.starts_with("pg-"));
    placement_group::with_ids(ctx, ids).await?.iter().map(read).collect()
}

fn own(ctx: &Ctx) -> Vec<Filter> {
    let mut filters = ec2::of_address(ctx);
    filters.push(ec2::filter(&format!("tag:{}", tags::PART), PART));
    filters
}

/// The group to launch into: the one that several share, the fleet's own that exists, or a new one for a first launch
/// that wants one.
pub(super) async fn ensure(want: &InstanceGroup, ctx: &Ctx, first: bool) -> Result<Option<Placement>, Error> {
    if let Some(shared) = &want.placement_group {
        return Ok(Some(Placement::builder().group_id(shared.id()?).build()));
    }
    Ok(ensure_own(want, ctx, first).await?.map(|name| Placement::builder().group_name(name).build()))
}

async fn ensure_own(want: &InstanceGroup, ctx: &Ctx, first: bool) -> Result<Option<String>, Error> {
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
