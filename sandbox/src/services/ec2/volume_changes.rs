//! Volumes of their own: made, attached, detached, changed, deleted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::filters::{Filters, listing, tags_of};
use super::instances::{self, Disk, Instance};
use super::tags::{TagSpecs, erase};
use super::volumes::{Volume, VolumeChange, VolumeSpec, attachment_xml, check, missing, volume_xml};
use super::{done, invalid, is_zone};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::{Life, durations};
use crate::service::{Operation, create, read, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateVolume", make, show),
    write("DeleteVolume", delete),
    write("AttachVolume", attach),
    write("DetachVolume", detach),
    write("ModifyVolume", modify),
    read("DescribeVolumesModifications", describe),
];

/// So many changes a volume takes in this time.
const CHANGES: (usize, SignedDuration) = (4, SignedDuration::from_hours(24));

fn wrong_state(message: String) -> ApiError {
    ApiError::bad("IncorrectState", message)
}

fn find(call: &Call<'_>, id: &str) -> Result<Volume, ApiError> {
    call.find::<Volume>(id).cloned().ok_or_else(|| missing(id))
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let zone = call.params.text("AvailabilityZone")?;
    let snapshot = call.params.text_opt("SnapshotId")?;
    let size = call.params.int_opt("Size")?;
    let tags = TagSpecs::take(call, &["volume"])?;
    if let Some(snapshot) = snapshot {
        // Nobody has made one here.
        let message = format!("The snapshot '{snapshot}' does not exist.");
        return Err(ApiError::bad("InvalidSnapshot.NotFound", message));
    }
    let mut spec = VolumeSpec {
        device: String::new(),
        gib: size.ok_or_else(|| {
            let message = "The request must contain the parameter size/snapshot";
            ApiError::bad("MissingParameter", message)
        })?,
        volume_type: call.params.text_opt("VolumeType")?.unwrap_or_else(|| "gp2".to_owned()),
        iops: call.params.int_opt("Iops")?,
        throughput: call.params.int_opt("Throughput")?,
        encrypted: call.params.flag("Encrypted")?,
        kms_key: call.params.text_opt("KmsKeyId")?,
        delete_on_termination: false,
        snapshot: None,
    };
    check(&mut spec, None)?;
    if !is_zone(call.region, &zone) {
        return Err(invalid(format!("Invalid availability zone: [{zone}]")));
    }
    let ready = call.done_after(durations::VOLUME_CREATE);
    let volume = Volume {
        id: call.world.new_id("vol-"),
        created: call.now,
        zone,
        spec,
        instance: None,
        life: Some(Life::begin(call.now, "creating").then(ready, "available")),
        hold: None,
        changes: Vec::new(),
    };
    let id = volume.id.clone();
    tags.apply(call, "volume", &id);
    call.put(volume);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::xml(volume_xml(call, call.get::<Volume>(id)?)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VolumeId")?;
    let volume = find(call, &id)?;
    if let Some((instance, _)) = volume.attachment(call.now) {
        let message = format!("Volume {id} is currently attached to {instance}");
        return Err(ApiError::bad("VolumeInUse", message));
    }
    erase::<Volume>(call.world, call.region, &id);
    done()
}

fn attach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (id, instance) = (call.params.text("VolumeId")?, call.params.text("InstanceId")?);
    let device = call.params.text("Device")?;
    let mut volume = find(call, &id)?;
    let mut instance = call.find::<Instance>(&instance).cloned().ok_or_else(|| instances::missing(&instance))?;
    if volume.attachment(call.now).is_some() {
        return Err(ApiError::bad("VolumeInUse", format!("{id} is already attached to an instance")));
    }
    if volume.status(call.now) == "creating" {
        return Err(wrong_state(format!("{id} is not 'available'.")));
    }
    if volume.changes.last().is_some_and(|change| change.life.state(call.now) == "modifying") {
        let message = format!("Cannot attach volume '{id}' when it is in modification state: MODIFYING");
        return Err(wrong_state(message));
    }
    if volume.zone != instance.zone {
        let message = format!("The volume '{id}' is not in the same availability zone as instance '{}'", instance.id);
        return Err(ApiError::bad("InvalidVolume.ZoneMismatch", message));
    }
    if !matches!(instance.life.state(call.now), "running" | "stopped") {
        return Err(wrong_state(format!("Instance '{}' is not 'running'.", instance.id)));
    }
    if instance.disks.iter().any(|disk| disk.device == device) {
        let message = format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(invalid(message));
    }
    let at = call.done_after(durations::VOLUME_MOVE);
    instance.disks.push(Disk { device: device.clone(), volume: id, delete_on_termination: false });
    volume.instance = Some(instance.id.clone());
    volume.hold = Some(Life::begin(call.now, "attaching").then(at, "attached"));
    volume.spec.device = device;
    let xml = attachment_xml(&volume, call.now).unwrap_or_default();
    call.put(instance);
    call.put(volume);
    Ok(Reply::xml(xml))
}

fn detach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VolumeId")?;
    let from = call.params.text_opt("InstanceId")?;
    let device = call.params.text_opt("Device")?;
    let _force = call.params.flag("Force")?;
    let mut volume = find(call, &id)?;
    let Some((instance, state)) = volume.attachment(call.now).map(|(id, state)| (id.to_owned(), state.to_owned()))
    else {
        return Err(wrong_state(format!("Volume '{id}' is in the 'available' state.")));
    };
    let other = from.is_some_and(|from| from != instance) || device.is_some_and(|it| it != volume.spec.device);
    if other {
        let message = format!("The volume '{id}' is not attached to instance as device given");
        return Err(ApiError::bad("InvalidAttachment.NotFound", message));
    }
    if state == "detaching" {
        return Err(wrong_state(format!("Volume '{id}' is in the 'detaching' state.")));
    }
    let owner = call.find::<Instance>(&instance);
    if owner.is_some_and(|it| it.root_device == volume.spec.device && it.life.state(call.now) != "stopped") {
        let message = format!("Unable to detach root volume '{id}' from instance '{instance}'");
        return Err(ApiError::bad("OperationNotPermitted", message));
    }
    let at = call.done_after(durations::VOLUME_MOVE);
    volume.hold = Some(Life::begin(call.now, "detaching").then(at, "detached"));
    let xml = attachment_xml(&volume, call.now).unwrap_or_default();
    call.update::<Instance>(&instance, |instance| instance.disks.retain(|disk| disk.volume != id));
    call.put(volume);
    Ok(Reply::xml(xml))
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("VolumeId")?;
    let size = call.params.int_opt("Size")?;
    let volume_type = call.params.text_opt("VolumeType")?;
    let (iops, throughput) = (call.params.int_opt("Iops")?, call.params.int_opt("Throughput")?);
    let mut volume = find(call, &id)?;
    let before = volume.spec.clone();
    let mut after = before.clone();
    if let Some(size) = size {
        if size < before.gib {
            return Err(invalid("New size cannot be smaller than existing size"));
        }
        after.gib = size;
    }
    if let Some(wanted) = volume_type.filter(|wanted| *wanted != before.volume_type) {
        after.volume_type = wanted;
        (after.iops, after.throughput) = (None, None);
        if after.volume_type.starts_with("io") {
            after.iops = Some(3000);
        }
    }
    after.iops = iops.or(after.iops);
    after.throughput = throughput.or(after.throughput);
    check(&mut after, None)?;
    if let Some(last) = volume.changes.last() {
        let state = last.life.state(call.now);
        if state != "completed" {
            let message = format!("Volume '{id}' cannot be modified in modification state {}", state.to_uppercase());
            return Err(ApiError::bad("IncorrectModificationState", message));
        }
    }
    let (most, within) = CHANGES;
    let since = |change: &&VolumeChange| call.now.duration_since(change.at) < within;
    let recent: Vec<&VolumeChange> = volume.changes.iter().filter(since).collect();
    if let Some(first) = recent.first().filter(|_| recent.len() >= most) {
        // It says when, in words of its own; these are unverified.
        let when = first.at.checked_add(within).unwrap_or(Timestamp::MAX);
        let message = format!(
            "You've reached the maximum modification rate per volume limit. You can modify this volume again after {when}."
        );
        return Err(ApiError::bad("VolumeModificationRateExceeded", message));
    }
    let modified = call.done_after(durations::VOLUME_MODIFY);
    let gib = u32::try_from(after.gib).unwrap_or(u32::MAX);
    let moved: Duration = durations::VOLUME_MODIFY + durations::VOLUME_OPTIMIZE_GIB.saturating_mul(gib);
    let life =
        Life::begin(call.now, "modifying").then(modified, "optimizing").then(call.done_after(moved), "completed");
    volume.changes.push(VolumeChange { at: call.now, before, after: after.clone(), life });
    volume.spec = after;
    let xml = volume.changes.last().map(|change| change_xml(&id, change, call.now)).unwrap_or_default();
    call.put(volume);
    Ok(Reply::xml(Xml::new().child("volumeModification", xml)))
}

fn change_xml(id: &str, change: &VolumeChange, now: Timestamp) -> Xml {
    let (state, end) = (change.life.state(now), change.life.since("completed"));
    let whole = end.map_or(0.0, |end| end.duration_since(change.at).as_secs_f64());
    let progress = (now.duration_since(change.at).as_secs_f64() / whole.max(1.0) * 100.0).min(100.0) as i64;
    let (before, after) = (&change.before, &change.after);
    Xml::new()
        .text("volumeId", id)
        .text("modificationState", state)
        .text("targetSize", after.gib)
        .text_opt("targetIops", after.iops)
        .text("targetVolumeType", &after.volume_type)
        .text_opt("targetThroughput", after.throughput)
        .text("originalSize", before.gib)
        .text_opt("originalIops", before.iops)
        .text("originalVolumeType", &before.volume_type)
        .text_opt("originalThroughput", before.throughput)
        .text("progress", progress)
        .text("startTime", change.at)
        .text_opt("endTime", end.filter(|end| *end <= now))
}

/// The latest change of each volume that has had one.
fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("VolumeId")?;
    let filters = Filters::take(call, &["volume-id", "modification-state"])?;
    for id in &ids {
        let volume = call.see::<Volume>(id).ok_or_else(|| missing(id))?;
        if volume.changes.is_empty() {
            let message = format!("Modification for volume '{id}' does not exist.");
            return Err(ApiError::bad("InvalidVolumeModification.NotFound", message));
        }
    }
    let mut items = Vec::new();
    for volume in call.seen::<Volume>().filter(|volume| ids.is_empty() || ids.contains(&volume.id)) {
        let Some(change) = volume.changes.last() else { continue };
        let passes = filters.pass(tags_of(call, &volume.id), |name| match name {
            "volume-id" => vec![volume.id.clone()],
            _ => vec![change.life.state(call.now).to_owned()],
        });
        if passes {
            items.push(change_xml(&volume.id, change, call.now));
        }
    }
    Ok(listing("volumeModificationSet", items, None))
}
