//! Volumes as AWS shows them, with the change of size or rates that goes on.
use super::{Attach, Volume, VolumeType};
use crate::{
    aws::{Error, tags},
    call::SweepCtx,
    field::Field,
    kinds::ec2,
    resource::{Live, State},
    units::{Bandwidth, Size},
};
use aws_sdk_ec2::types::{
    Filter, Volume as Found, VolumeAttachment, VolumeAttachmentState as Hold, VolumeModification,
    VolumeModificationState, VolumeState, VolumeType as AwsType,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Those of the stack; a part belongs to a machine, which takes it along.
pub(super) async fn owned(ctx: &SweepCtx) -> Result<Vec<Live<Volume>>, Error> {
    let mut found = find(ctx, ec2::owned(ctx)).await?;
    found.retain(|live| !live.tags.contains_key(tags::PART));
    Ok(found)
}

/// Every volume that matches.
pub(super) async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<Volume>>, Error> {
    let mut all = Vec::new();
    let mut pages = ctx.aws.ec2().describe_volumes().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        all.extend(page?.volumes.unwrap_or_default());
    }
    all.retain(|volume| volume.state() != Some(&VolumeState::Deleted));
    // Disks of machines are never changed, and there may be thousands.
    let own = all.iter().filter(|volume| !ec2::tags(volume.tags()).contains_key(tags::PART));
    let ids: Vec<&str> = own.filter_map(Found::volume_id).collect();
    let changing = changing(ctx, &ids).await?;
    all.iter().map(|volume| live(ctx, volume, &changing)).collect()
}

/// The changes of these volumes that are not completed, by volume.
async fn changing(ctx: &SweepCtx, ids: &[&str]) -> Result<BTreeMap<String, VolumeModification>, Error> {
    let mut out = BTreeMap::new();
    // EC2 takes 200 values in a filter.
    for some in ids.chunks(200) {
        let (volumes, states) = (some.iter().copied(), ["modifying", "optimizing"]);
        let filters = vec![ec2::filter_any("volume-id", volumes), ec2::filter_any("modification-state", states)];
        let call = ctx.aws.ec2().describe_volumes_modifications().set_filters(Some(filters));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let found = page?.volumes_modifications.unwrap_or_default();
            out.extend(found.into_iter().filter_map(|one| Some((one.volume_id()?.to_owned(), one))));
        }
    }
    Ok(out)
}

/// What holds it now, also what is about to let go.
pub(super) fn holds(volume: &Found) -> impl Iterator<Item = &VolumeAttachment> {
    volume.attachments().iter().filter(|one| one.state() != Some(&Hold::Detached))
}

fn live(
    ctx: &SweepCtx,
    volume: &Found,
    changing: &BTreeMap<String, VolumeModification>,
) -> Result<Live<Volume>, Error> {
    let tags = ec2::tags(volume.tags());
    let id = volume.volume_id().ok_or_else(|| Error::missing("the volume's id"))?;
    let zone = volume.availability_zone().ok_or_else(|| Error::missing("the volume's zone"))?;
    let said = volume.volume_type().map_or("nothing", AwsType::as_str);
    let known = VolumeType::ALL.into_iter().find(|it| it.aws().as_str() == said);
    let volume_type = known.unwrap_or_default();
    let number = |it: Option<i32>| it.and_then(|n| u32::try_from(n).ok());
    // Of other types AWS shows what follows from the size.
    let stated = matches!(volume_type, VolumeType::Gp3 | VolumeType::Io2);
    let spec = Volume {
        zone: zone.to_owned().into(),
        size: Size::from_gib(number(volume.size()).unwrap_or(0).into()),
        volume_type,
        iops: number(volume.iops()).filter(|_| stated),
        throughput: number(volume.throughput())
            .filter(|_| volume_type == VolumeType::Gp3)
            .map(|n| Bandwidth::new(n.into())),
        encrypted: volume.encrypted().unwrap_or(false),
        kms_key: volume.kms_key_id().map(|key| key.to_owned().into()),
        snapshot: volume.snapshot_id().filter(|id| !id.is_empty()).map(str::to_owned),
        attach: attach(volume),
    };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    if known.is_none() {
        live.novel.insert("type".to_owned(), said.to_owned());
    }
    live.state = state(volume, changing.get(id));
    live.now = changing.get(id).map(|change| format!("its last change is {} % done", change.progress().unwrap_or(0)));
    live.created = ec2::time(volume.create_time().copied());
    let scope = &ctx.scope;
    let arn = format!("arn:{}:ec2:{}:{}:volume/{id}", scope.partition, scope.region, scope.account);
    live.outputs = ec2::outputs([("id", json!(id)), ("arn", json!(arn)), ("zone", json!(zone))]);
    live.ids = vec![arn];
    Ok(live)
}

fn attach(volume: &Found) -> Option<Attach> {
    let here: Vec<_> = holds(volume).filter(|one| one.state() != Some(&Hold::Detaching)).collect();
    let mut instances: Vec<String> = here.iter().filter_map(|one| one.instance_id().map(str::to_owned)).collect();
    instances.sort();
    let device = here.first()?.device().unwrap_or_default().to_owned();
    Some(Attach { instances: Field::Known(instances), device })
}

fn state(volume: &Found, change: Option<&VolumeModification>) -> State {
    match volume.state() {
        Some(VolumeState::Creating) => return State::Pending,
        Some(VolumeState::Deleting) => return State::Deleting,
        Some(VolumeState::Error) => return State::Failed("EBS has lost what was on it".to_owned()),
        _ => {}
    }
    // What is optimized has its new size and rates already.
    let modifying =
        change.and_then(VolumeModification::modification_state) == Some(&VolumeModificationState::Modifying);
    if modifying || holds(volume).any(|one| matches!(one.state(), Some(Hold::Attaching | Hold::Detaching))) {
        return State::Pending;
    }
    let doomed = holds(volume).find(|one| one.delete_on_termination() == Some(true));
    match doomed.and_then(VolumeAttachment::instance_id) {
        Some(instance) => {
            State::Degraded(format!("it is deleted when {instance} ends: turn `DeleteOnTermination` off there"))
        }
        None => State::Ready,
    }
}
