//! Volumes: those that instances are launched with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::tags::tag_set_if_any;
use super::{invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::history::{MONTH, Meter};
use crate::images::Image;
use crate::service::{Operation, read};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[read("DescribeVolumes", describe)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) zone: String,
    pub(super) spec: VolumeSpec,
    pub(super) instance: Option<String>,
}

/// What a block device mapping asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VolumeSpec {
    pub(super) device: String,
    pub(super) gib: i64,
    pub(super) volume_type: String,
    pub(super) iops: Option<i64>,
    pub(super) throughput: Option<i64>,
    pub(super) encrypted: bool,
    pub(super) kms_key: Option<String>,
    pub(super) delete_on_termination: bool,
    /// What it is made from.
    pub(super) snapshot: Option<String>,
}

impl Object for Volume {
    const KIND: &'static str = "ec2/volume";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn meters(&self) -> Vec<Meter> {
        let usage = format!("EBS:VolumeUsage.{}", self.spec.volume_type);
        vec![Meter::new("EC2 - Other", usage, self.created, None).times(self.spec.gib as f64 / MONTH)]
    }
}

/// Takes `BlockDeviceMapping.N` out of a launch; the root volume is always among the result.
pub(super) fn take(call: &mut Call<'_>, image: &Image) -> Result<Vec<VolumeSpec>, ApiError> {
    let mut specs: Vec<VolumeSpec> = Vec::new();
    for mut mapping in call.params.structs("BlockDeviceMapping")? {
        let device = mapping.text("DeviceName")?;
        let lacks =
            |what: &str| ApiError::bad("MissingParameter", format!("The request must contain the parameter {what}"));
        let mut ebs = mapping.child_opt("Ebs")?.ok_or_else(|| lacks("ebs"))?;
        let is_root = device == image.root_device;
        let mut spec = VolumeSpec {
            gib: match ebs.int_opt("VolumeSize")? {
                Some(gib) => gib,
                None if is_root => image.root_gib,
                None => return Err(lacks("size or snapshotId")),
            },
            volume_type: ebs.text_opt("VolumeType")?.unwrap_or_else(|| "gp3".to_owned()),
            iops: ebs.int_opt("Iops")?,
            throughput: ebs.int_opt("Throughput")?,
            encrypted: ebs.flag("Encrypted")?,
            kms_key: ebs.text_opt("KmsKeyId")?,
            delete_on_termination: ebs.flag_opt("DeleteOnTermination")?.unwrap_or(true),
            snapshot: is_root.then(|| image.snapshot()),
            device,
        };
        check(&mut spec, is_root.then_some(image.root_gib))?;
        if specs.iter().any(|other| other.device == spec.device) {
            let message = format!("Duplicate device name '{}'", spec.device);
            return Err(ApiError::bad("InvalidBlockDeviceMapping", message));
        }
        specs.push(spec);
    }
    if !specs.iter().any(|spec| spec.device == image.root_device) {
        let root = VolumeSpec {
            device: image.root_device.to_owned(),
            gib: image.root_gib,
            volume_type: "gp3".to_owned(),
            iops: Some(3000),
            throughput: Some(125),
            encrypted: false,
            kms_key: None,
            delete_on_termination: true,
            snapshot: Some(image.snapshot()),
        };
        specs.insert(0, root);
    }
    Ok(specs)
}

/// Checks a volume and fills in what AWS would.
fn check(spec: &mut VolumeSpec, snapshot_gib: Option<i64>) -> Result<(), ApiError> {
    if let Some(minimum) = snapshot_gib.filter(|minimum| spec.gib < *minimum) {
        let message =
            format!("Volume of size {}GB is smaller than snapshot of the image, expect size >= {minimum}GB", spec.gib);
        return Err(ApiError::bad("InvalidBlockDeviceMapping", message));
    }
    let (sizes, iops, max_per_gib) = match spec.volume_type.as_str() {
        "gp3" => (1..=65536, Some(3000..=80000), 500),
        "gp2" => (1..=16384, None, 0),
        "io1" => (4..=16384, Some(100..=64000), 50),
        "io2" => (4..=65536, Some(100..=256_000), 1000),
        "st1" | "sc1" => (125..=16384, None, 0),
        "standard" => (1..=1024, None, 0),
        other => return Err(invalid(format!("Value ({other}) for parameter volumeType is invalid."))),
    };
    let kind = spec.volume_type.clone();
    if !sizes.contains(&spec.gib) {
        let (low, high) = (sizes.start(), sizes.end());
        let message = format!("Volume size {} is invalid: {kind} volumes have {low} to {high} GiB", spec.gib);
        return Err(invalid(message));
    }
    match (iops, spec.iops) {
        (None, Some(_)) => {
            let message = format!("The parameter iops is not supported for {kind} volumes.");
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        (Some(_), None) if kind.starts_with("io") => {
            let message = format!("The parameter iops must be specified for {kind} volumes.");
            return Err(ApiError::bad("MissingParameter", message));
        }
        (Some(range), Some(iops)) if !range.contains(&iops) => {
            let message = format!("Volume iops of {iops} is invalid: {} to {} for {kind}", range.start(), range.end());
            return Err(invalid(message));
        }
        (Some(_), Some(iops)) if iops > spec.gib * max_per_gib && iops > 3000 => {
            let message =
                format!("Iops to volume size ratio of {iops}:{} is too high; maximum is {max_per_gib}:1", spec.gib);
            return Err(invalid(message));
        }
        _ => {}
    }
    if kind == "gp3" {
        let iops = *spec.iops.get_or_insert(3000);
        let throughput = *spec.throughput.get_or_insert(125);
        if !(125..=2000).contains(&throughput) {
            return Err(invalid(format!("Throughput of {throughput} MiBps is invalid: 125 to 2000 for gp3")));
        }
        if throughput * 4 > iops {
            let message = format!(
                "Throughput (MiBps) to iops ratio of {throughput}:{iops} is too high; maximum is 0.25 MiBps per iops."
            );
            return Err(invalid(message));
        }
    } else if spec.throughput.is_some() {
        let message = format!("The parameter throughput is not supported for {kind} volumes.");
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    if spec.kms_key.is_some() && !spec.encrypted {
        let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
        return Err(ApiError::bad("InvalidParameterDependency", message));
    }
    Ok(())
}

fn missing(id: &str) -> ApiError {
    not_found("InvalidVolume.NotFound", "volume", id)
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = [
        "volume-id",
        "availability-zone",
        "status",
        "volume-type",
        "size",
        "encrypted",
        "attachment.instance-id",
        "attachment.device",
        "attachment.delete-on-termination",
    ];
    let query = Query::take(call, "VolumeId", &known)?;
    let (found, next) = query.run::<Volume>(call, missing, |volume, name| {
        let attached = volume.instance.iter();
        match name {
            "volume-id" => vec![volume.id.clone()],
            "availability-zone" => vec![volume.zone.clone()],
            "status" => vec![if volume.instance.is_some() { "in-use" } else { "available" }.to_owned()],
            "volume-type" => vec![volume.spec.volume_type.clone()],
            "size" => vec![volume.spec.gib.to_string()],
            "encrypted" => vec![volume.spec.encrypted.to_string()],
            "attachment.instance-id" => attached.cloned().collect(),
            "attachment.device" => attached.map(|_| volume.spec.device.clone()).collect(),
            _ => attached.map(|_| volume.spec.delete_on_termination.to_string()).collect(),
        }
    })?;
    Ok(listing("volumeSet", found.into_iter().map(|volume| volume_xml(call, volume)), next))
}

fn volume_xml(call: &Call<'_>, volume: &Volume) -> Xml {
    let spec = &volume.spec;
    let attachments = volume.instance.iter().map(|instance| {
        Xml::new()
            .text("volumeId", &volume.id)
            .text("instanceId", instance)
            .text("device", &spec.device)
            .text("status", "attached")
            .text("attachTime", volume.created)
            .text("deleteOnTermination", spec.delete_on_termination)
    });
    Xml::new()
        .text("volumeId", &volume.id)
        .text("size", spec.gib)
        .text("volumeType", &spec.volume_type)
        .text("snapshotId", spec.snapshot.as_deref().unwrap_or_default())
        .text("status", if volume.instance.is_some() { "in-use" } else { "available" })
        .text("availabilityZone", &volume.zone)
        .text("createTime", volume.created)
        .text("encrypted", spec.encrypted)
        .text_opt("kmsKeyId", spec.kms_key.as_ref())
        .text_opt("iops", spec.iops)
        .text_opt("throughput", spec.throughput)
        .text("multiAttachEnabled", false)
        .list("attachmentSet", "item", attachments)
        .extend(tag_set_if_any(call, &volume.id))
}
