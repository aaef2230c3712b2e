//! Mount targets: the addresses of a file system, one in each zone, each with a network interface in its subnet.
use super::Efs;
use crate::{
    aws::{
        Error, ErrorClass, gone,
        json::rest::{Rest, segment},
        optional,
    },
    call::{Ctx, SweepCtx},
    kinds::ec2,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use std::collections::BTreeMap;

const PATH: &str = "/2015-02-01/mount-targets";

/// As DescribeMountTargets shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    mount_target_id: String,
    pub(super) subnet_id: String,
    pub(super) life_cycle_state: String,
    network_interface_id: Option<String>,
}

impl Target {
    pub(super) fn goes(&self) -> bool {
        ["deleting", "deleted"].contains(&self.life_cycle_state.as_str())
    }

    fn path(&self, what: &str) -> String {
        format!("{PATH}/{}{what}", segment(&self.mount_target_id))
    }
}

/// Those of a file system; none of one that is gone.
pub(super) async fn list(ctx: &SweepCtx, id: &str) -> Result<Vec<Target>, Error> {
    let path = format!("{PATH}?FileSystemId={}", segment(id));
    let efs = ctx.aws.efs();
    let pages = efs.rest_pages("DescribeMountTargets", &path, ["MountTargets", "NextMarker", "Marker"]);
    let mut all: Vec<Target> = optional(pages.await)?.unwrap_or_default();
    all.retain(|target| target.life_cycle_state != "deleted");
    Ok(all)
}

/// The security groups of these targets, by target, in as few requests as EC2 takes: EFS would be asked for each.
pub(super) async fn groups(ctx: &SweepCtx, targets: &[&Target]) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let owners: BTreeMap<&str, &Target> =
        targets.iter().filter_map(|target| Some((target.network_interface_id.as_deref()?, *target))).collect();
    let ids: Vec<&str> = owners.keys().copied().collect();
    let mut out = BTreeMap::new();
    for some in ids.chunks(200) {
        let filter = ec2::filter_any("network-interface-id", some.iter().copied());
        let mut pages = ctx.aws.ec2().describe_network_interfaces().filters(filter).into_paginator().send();
        while let Some(page) = pages.next().await {
            for eni in page?.network_interfaces.unwrap_or_default() {
                let Some(target) = eni.network_interface_id().and_then(|id| owners.get(id)) else { continue };
                let mut groups: Vec<String> =
                    eni.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect();
                groups.sort();
                out.insert(target.subnet_id.clone(), groups);
            }
        }
    }
    Ok(out)
}

/// One in each wanted subnet, and none elsewhere. A zone has one: what leaves must be gone before another one comes, in a
/// later round.
pub(super) async fn bring(want: &Efs, ctx: &Ctx, id: &str) -> Result<(), Error> {
    let subnets = want.subnets.iter().map(|one| one.id().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let mut wanted =
        want.security_groups.iter().map(|one| one.id().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    wanted.sort();
    let sweep = ctx.sweep();
    let all = list(&sweep, id).await?;
    let mut leaving = all.iter().any(Target::goes);
    let (stay, go): (Vec<&Target>, Vec<&Target>) =
        all.iter().filter(|target| !target.goes()).partition(|target| subnets.contains(&target.subnet_id));
    for target in go {
        remove(ctx, target).await?;
        leaving = true;
    }
    let groups = groups(&sweep, &stay).await?;
    for target in &stay {
        if groups.get(&target.subnet_id).is_some_and(|has| *has != wanted) {
            let ask = Rest::put(target.path("/security-groups"), json!({ "SecurityGroups": wanted }));
            ctx.aws.efs().rest::<IgnoredAny>("ModifyMountTargetSecurityGroups", ask).await?;
        }
    }
    let missing = subnets.iter().filter(|subnet| !stay.iter().any(|target| target.subnet_id == **subnet));
    for subnet in missing.filter(|_| !leaving) {
        let body = json!({ "FileSystemId": id, "SubnetId": subnet, "SecurityGroups": wanted });
        let made = ctx.aws.efs().rest_once::<IgnoredAny>("CreateMountTarget", Rest::post(PATH, body)).await;
        // One that is there and not shown yet, or one in another subnet of the zone.
        made.map(drop).map_err(|error| match error.class {
            ErrorClass::Exists => Error { class: ErrorClass::WrongState, ..error }
                .help("a file system has one address in a zone, and all in one VPC: write one subnet of each zone"),
            _ => error,
        })?;
    }
    Ok(())
}

async fn remove(ctx: &Ctx, target: &Target) -> Result<(), Error> {
    let ask = Rest::delete(target.path(""));
    gone(ctx.aws.efs().rest::<IgnoredAny>("DeleteMountTarget", ask).await.map(drop))
}

/// Asks all of them to go; is there still one?
pub(super) async fn remove_all(ctx: &Ctx, id: &str) -> Result<bool, Error> {
    let all = list(&ctx.sweep(), id).await?;
    for target in all.iter().filter(|target| !target.goes()) {
        remove(ctx, target).await?;
    }
    Ok(!all.is_empty())
}
