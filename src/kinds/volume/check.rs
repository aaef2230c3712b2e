//! What EBS would refuse: sizes and rates of the type, keys, devices.
use super::{Volume, VolumeType};
use crate::{
    diagnostic::{Code, codes},
    field::Field,
    kinds::subnet::is_zone_name,
    resource::Problem,
    units::{Bandwidth, Size},
};

codes! {
    pub(super) CODES:
    SIZE = "DL3001", "Not a size of this type of volume",
        "Volumes have whole GiB: gp3 and io2 up to 65536 (io2 from 4), gp2 up to 16384, st1 and sc1 125 to 16384.";
    RATES = "DL3002", "Rates that this type of volume does not have",
        "gp3 has 3000 to 80000 `iops`, at most 500 for each GiB above 3000, and a `throughput` of 125 to 2000 MiB/s, at most \
         0.25 MiB/s for each of the `iops`. io2 has 100 to 256000 `iops`, at most 1000 for each GiB, and they must be \
         written, because they are paid for. Rates of gp2, st1 and sc1 follow from the size.";
    KEY = "DL3003", "Encryption key not possible, or not an ARN",
        "An encrypted volume takes a `kms_key`. It is written as the key's ARN, because AWS returns the ARN whatever was \
         written, and a difference would mean another volume.";
    ATTACH = "DL3004", "A volume cannot be attached like that",
        "A volume is attached to one machine at a time, as `/dev/sdf` to `/dev/sdp`: AWS keeps the letters before those for \
         the machine's own disks.";
    PLACE = "DL3005", "Not a zone, or not a snapshot",
        "`zone` is named by the region and a letter, `us-east-1a`, or taken from a subnet: `${subnet.zone}`. `snapshot` is \
         the id of one, `snap-…`.";
}

/// Size in GiB, operations per second, and operations for each GiB.
struct Limits {
    gib: (u64, u64),
    iops: Option<(u32, u32)>,
    per_gib: u64,
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html>, and for the ratios
/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>.
fn limits(volume_type: VolumeType) -> Limits {
    match volume_type {
        VolumeType::Gp3 => Limits { gib: (1, 65_536), iops: Some((3000, 80_000)), per_gib: 500 },
        VolumeType::Gp2 => Limits { gib: (1, 16_384), iops: None, per_gib: 0 },
        VolumeType::Io2 => Limits { gib: (4, 65_536), iops: Some((100, 256_000)), per_gib: 1000 },
        VolumeType::St1 | VolumeType::Sc1 => Limits { gib: (125, 16_384), iops: None, per_gib: 0 },
    }
}

pub(super) fn check(volume: &Volume, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: &str, summary: String, help: String| {
        problems.push(Problem { code, path: path.to_owned(), summary, help });
    };
    let (limits, name) = (limits(volume.volume_type), volume.volume_type.aws());
    let gib = volume.size.gib_rounded_up();
    let (low, high) = limits.gib;
    if Size::from_gib(gib) != volume.size || !(low..=high).contains(&gib) {
        let nearest = Size::from_gib(gib.clamp(low, high));
        add(&SIZE, "size", format!("{name} volumes of {} are not made", volume.size), format!("write `{nearest}`"));
    }
    rates(volume, &limits, gib, &mut add);
    match &volume.kms_key {
        Some(_) if !volume.encrypted => {
            add(&KEY, "kms_key", "what is not encrypted has no key".to_owned(), "leave `encrypted` out".to_owned());
        }
        Some(Field::Known(key)) if !key.starts_with("arn:") => {
            let help = "write the key's ARN: `arn:aws:kms:…:key/…`";
            add(&KEY, "kms_key", format!("`{key}` is not the ARN of a key"), help.to_owned());
        }
        _ => {}
    }
    if let Some(attach) = &volume.attach {
        let letter = attach.device.strip_prefix("/dev/sd").or(attach.device.strip_prefix("/dev/xvd"));
        if !letter.is_some_and(|rest| rest.len() == 1 && ("f"..="p").contains(&rest)) {
            let help = "write `/dev/sdf`, or another letter up to `p`".to_owned();
            add(&ATTACH, "attach.device", format!("`{}` is not a device for a volume", attach.device), help);
        }
        if attach.instances.known().is_some_and(|all| all.len() > 1) {
            let help = "write one of them: `[\"${nodes.instance_ids[0]}\"]`".to_owned();
            add(&ATTACH, "attach.instances", "a volume is attached to one machine".to_owned(), help);
        }
    }
    if let Some(zone) = volume.zone.known().filter(|zone| !is_zone_name(zone)) {
        let help = "write for example `us-east-1a`, or `${subnet.zone}`".to_owned();
        add(&PLACE, "zone", format!("`{zone}` is not the name of an availability zone"), help);
    }
    if let Some(snapshot) = volume.snapshot.as_deref().filter(|id| !id.starts_with("snap-")) {
        add(&PLACE, "snapshot", format!("`{snapshot}` is not the id of a snapshot"), "write `snap-…`".to_owned());
    }
}

fn rates(volume: &Volume, limits: &Limits, gib: u64, add: &mut impl FnMut(&'static Code, &str, String, String)) {
    let name = volume.volume_type.aws();
    match (limits.iops, volume.iops) {
        (None, Some(_)) => {
            add(&RATES, "iops", format!("the rate of {name} follows from the size"), "leave `iops` out".to_owned());
        }
        (Some(_), None) => {
            let help = "write for example `iops: 3000`".to_owned();
            add(&RATES, "iops", format!("{name} volumes are bought with their rate"), help);
        }
        (Some((low, high)), Some(iops)) => {
            let room = u32::try_from(gib.saturating_mul(limits.per_gib)).unwrap_or(u32::MAX);
            // 3000 come with every gp3 volume.
            let most = if volume.volume_type == VolumeType::Gp3 { room.max(3000) } else { room }.min(high);
            if !(low..=most).contains(&iops) {
                let what = format!("{name} volumes of {} have {low} to {most} IOPS, not {iops}", volume.size);
                add(&RATES, "iops", what, format!("write `{}`, or another size", iops.clamp(low, most.max(low))));
            }
        }
        (None, None) => {}
    }
    let Some(rate) = volume.throughput.map(Bandwidth::mib_per_second) else { return };
    if volume.volume_type != VolumeType::Gp3 {
        add(&RATES, "throughput", format!("{name} volumes take no throughput"), "leave `throughput` out".to_owned());
        return;
    }
    let most = (u64::from(volume.iops.unwrap_or(3000)) / 4).min(2000);
    if !(125..=most).contains(&rate) {
        let what = format!("with {} IOPS a volume has 125 to {most} MiB/s", volume.iops.unwrap_or(3000));
        let help = format!("write `{} MiB/s`, or more `iops`", rate.clamp(125, most.max(125)));
        add(&RATES, "throughput", what, help);
    }
}
