//! Field checks of a Lustre file system: what FSx would refuse minutes later, said before anything is made.
use super::{Deployment, FsxLustre, ReadCache, Storage, Version, limits};
use crate::{diagnostic::Code, field::Field, resource::Problem, units::Size};

/// Field checks, for `explain`.
pub(in crate::kinds) const CODES: &[Code] = &[
    Code {
        code: "DL0350",
        title: "size missing, or stated where AWS decides",
        explain: "Every Lustre file system has a `size`, except with `storage: intelligent-tiering`, whose capacity is \
                  elastic and paid by use.",
    },
    Code {
        code: "DL0351",
        title: "not a size that FSx for Lustre has",
        explain: "SSD file systems have 1200 GiB, 2400 GiB or a multiple of 2400 GiB; scratch-1 has 1200, 2400 or a \
                  multiple of 3600 GiB; HDD has multiples of 6000 GiB at 12 MB/s/TiB and of 1800 GiB at 40. AWS writes \
                  9600 GiB as 9.6 TiB.",
    },
    Code {
        code: "DL0352",
        title: "throughput missing, or not one that the type has",
        explain: "Persistent file systems are bought with a throughput per TiB: persistent-2 SSD 125, 250, 500 or 1000 \
                  MB/s/TiB, persistent-1 SSD 50, 100 or 200, HDD 12 or 40. It decides the price, so it must be written. \
                  Scratch has a fixed one, intelligent tiering has `throughput_capacity`.",
    },
    Code {
        code: "DL0353",
        title: "this deployment does not come with this storage",
        explain: "HDD exists as persistent-1 only, intelligent tiering as persistent-2 only; scratch is always SSD.",
    },
    Code {
        code: "DL0354",
        title: "EFA needs persistent-2",
        explain: "EFA and GPUDirect Storage need `deployment: persistent-2` with Lustre 2.15, and are decided when the \
                  file system is made. Afterwards its throughput per TiB cannot change.",
    },
    Code {
        code: "DL0355",
        title: "with EFA the size goes in larger steps",
        explain: "A file system with EFA is made of whole servers: its size is a multiple of 38400 GiB at 125 MB/s/TiB, \
                  19200 at 250, 9600 at 500 and 4800 at 1000.",
    },
    Code {
        code: "DL0356",
        title: "not a metadata rate that FSx for Lustre has",
        explain: "Metadata IOPS are 1500, 3000, 6000, 12000 or a multiple of 12000 up to 192000; with intelligent tiering \
                  6000 or 12000. Only persistent-2 with Lustre 2.15 has them. Without `metadata_iops` the rate follows \
                  the size and costs nothing.",
    },
    Code {
        code: "DL0357",
        title: "throughput capacity missing, or not a multiple of 4000",
        explain: "With intelligent tiering the whole file system has a `throughput_capacity` in MB/s: a multiple of 4000, \
                  up to 2000000. Other storage has `throughput` per TiB.",
    },
    Code {
        code: "DL0358",
        title: "a read cache that this storage does not have",
        explain: "HDD takes `none` or `proportional`; intelligent tiering also `fixed` with a `read_cache_size` of 32 GiB \
                  to 128 TiB for each 4000 MB/s of throughput. SSD needs none.",
    },
    Code {
        code: "DL0359",
        title: "Lustre version that this type does not have",
        explain: "2.15 works everywhere. 2.10 is for scratch and persistent-1 without repositories; intelligent tiering \
                  needs 2.15.",
    },
    Code {
        code: "DL0360",
        title: "not a time as FSx writes it",
        explain: "`maintenance` is `d:HH:MM` with the day 1 (Monday) to 7 (Sunday); `backup_time` is `HH:MM`. Both are \
                  UTC. In YAML such values need quotes.",
    },
    Code {
        code: "DL0361",
        title: "backups are not possible",
        explain: "Backups exist for persistent file systems that are not linked to buckets, kept for 1 to 90 days. \
                  `backup_time` belongs to them.",
    },
    Code {
        code: "DL0362",
        title: "repositories that cannot be linked like that",
        explain: "A repository's `path` starts with `/` and no two paths lie inside each other; `/` is only possible \
                  alone. A file system has up to 8 repositories.",
    },
    Code {
        code: "DL0363",
        title: "this type has no repositories",
        explain: "Repositories need Lustre 2.12 or 2.15 and any deployment but scratch-1.",
    },
    Code {
        code: "DL0364",
        title: "root squash is not written as Lustre writes it",
        explain: "`to` is `UID:GID` with two numbers from 1 to 4294967294 (65534:65534 is nobody); leave `root_squash` \
                  out to keep root.",
    },
    Code {
        code: "DL0365",
        title: "a file system needs security groups",
        explain: "Without security groups AWS takes the VPC's default one, which lets no client in. Give 1 to 50, with \
                  TCP 988 and 1018-1023 open to the clients.",
    },
    Code {
        code: "DL0366",
        title: "encryption key not possible, or not an ARN",
        explain: "Only persistent file systems take a `kms_key`. It is written as the key's ARN, because AWS returns the \
                  ARN whatever was written, and a difference would mean another file system.",
    },
];

struct Report<'a>(&'a mut Vec<Problem>);

impl Report<'_> {
    fn add(&mut self, code: &'static str, path: &str, summary: impl Into<String>, help: impl Into<String>) {
        self.0.push(Problem { code, path: path.to_owned(), summary: summary.into(), help: help.into() });
    }
}

pub(super) fn check(fs: &FsxLustre, problems: &mut Vec<Problem>) {
    let mut report = Report(problems);
    if fs.security_groups.is_empty() || fs.security_groups.len() > 50 {
        let help = "write `security_groups: [${group}]` with a group that lets the clients in";
        report.add("DL0365", "security_groups", "a file system has 1 to 50 security groups", help);
    }
    let fits = match fs.storage {
        Storage::Ssd => true,
        Storage::Hdd => fs.deployment == Deployment::Persistent1,
        Storage::IntelligentTiering => fs.deployment == Deployment::Persistent2,
    };
    if !fits {
        let needed = if fs.storage == Storage::Hdd { "persistent-1" } else { "persistent-2" };
        let help = format!("write `deployment: {needed}`, or `storage: ssd`");
        report.add("DL0353", "storage", format!("{} does not come with {}", fs.deployment, fs.storage), help);
        // What follows would judge by the wrong type.
        return;
    }
    throughput(fs, &mut report);
    size(fs, &mut report);
    features(fs, &mut report);
    times(fs, &mut report);
    repositories(fs, &mut report);
}

fn listed(values: &[u64]) -> String {
    values.iter().map(|v| format!("`{v} MB/s/TiB`")).collect::<Vec<_>>().join(", ")
}

fn throughput(fs: &FsxLustre, report: &mut Report<'_>) {
    let legal = limits::throughputs(fs.deployment, fs.storage);
    match fs.throughput {
        Some(found) if legal.is_empty() => {
            let what = format!("{} {} takes no throughput per TiB ({found})", fs.deployment, fs.storage);
            report.add("DL0352", "throughput", what, "remove `throughput`");
        }
        Some(found) if !legal.contains(&found.mb_per_second()) => {
            let what = format!("{} {} has no {found}", fs.deployment, fs.storage);
            report.add("DL0352", "throughput", what, format!("write one of {}", listed(legal)));
        }
        None if !legal.is_empty() => {
            let what = format!("{} {} needs a throughput", fs.deployment, fs.storage);
            report.add("DL0352", "throughput", what, format!("write one of {}", listed(legal)));
        }
        _ => {}
    }
    let tiering = fs.storage == Storage::IntelligentTiering;
    match fs.throughput_capacity {
        Some(_) if !tiering => {
            let help = "remove it; other storage has `throughput` per TiB";
            report.add("DL0357", "throughput_capacity", "only intelligent tiering has a throughput capacity", help);
        }
        Some(mbps) if mbps == 0 || !mbps.is_multiple_of(4000) || mbps > 2_000_000 => {
            let near = (mbps / 4000).clamp(1, 499) * 4000;
            let help = format!("write `{near}` or `{}`", near + 4000);
            report.add("DL0357", "throughput_capacity", format!("{mbps} MB/s is not a multiple of 4000"), help);
        }
        None if tiering => {
            let what = "intelligent tiering needs a throughput capacity";
            report.add("DL0357", "throughput_capacity", what, "write `throughput_capacity: 4000` or a multiple of it");
        }
        _ => {}
    }
}

fn size(fs: &FsxLustre, report: &mut Report<'_>) {
    let Some(legal) = limits::sizes(fs) else {
        if fs.size.is_some() {
            report.add("DL0350", "size", "the capacity of intelligent tiering is elastic", "remove `size`");
        }
        return;
    };
    let Some(size) = fs.size else {
        report.add("DL0350", "size", "the file system needs a size", "write for example `size: 1200 GiB`");
        return;
    };
    let gib = size.whole_gib();
    if gib.is_some_and(|g| legal.allow(g)) {
        return;
    }
    let (below, above) = legal.nearest(size.gib_rounded_up());
    let name = |gib: u64| format!("`{}` ({})", Size::from_gib(gib), in_tib(gib));
    let help = match below {
        Some(below) => format!("write {} or {}", name(below), name(above)),
        None => format!("write {}", name(above)),
    };
    let at = fs.throughput.map(|t| format!(" at {t}")).unwrap_or_default();
    let what = format!("{} {}{at}", fs.deployment, fs.storage);
    match fs.efa {
        true => report.add("DL0355", "size", format!("{what} with EFA has no {size}: it grows in steps of {} GiB", legal.step), help),
        false => report.add("DL0351", "size", format!("{what} has no {size}"), help),
    }
}

/// As AWS's pages write sizes: thousands of GiB.
fn in_tib(gib: u64) -> String {
    match gib % 1000 / 100 {
        0 => format!("{} TiB in AWS's words", gib / 1000),
        tenth => format!("{}.{tenth} TiB in AWS's words", gib / 1000),
    }
}

fn features(fs: &FsxLustre, report: &mut Report<'_>) {
    let second = fs.deployment == Deployment::Persistent2;
    if fs.efa && (!second || fs.version != Version::V2_15) {
        let help = "write `deployment: persistent-2` and leave `version` out, or `efa: false`";
        report.add("DL0354", "efa", format!("{} with Lustre {} has no EFA", fs.deployment, fs.version), help);
    }
    let tiering = fs.storage == Storage::IntelligentTiering;
    if fs.version == Version::V2_10 && second || tiering && fs.version != Version::V2_15 {
        let what = format!("{} {} does not come with Lustre {}", fs.deployment, fs.storage, fs.version);
        report.add("DL0359", "version", what, "leave `version` out: 2.15 works everywhere");
    }
    if let Some(iops) = fs.metadata_iops {
        if !second || fs.version != Version::V2_15 {
            let what = format!("{} with Lustre {} has no metadata rate of its own", fs.deployment, fs.version);
            report.add("DL0356", "metadata_iops", what, "remove `metadata_iops`, or use persistent-2 with 2.15");
        } else if !limits::metadata_iops(fs.storage, iops) {
            let (below, above) = match iops {
                _ if tiering => (6000, 12_000),
                0..1500 => (1500, 1500),
                1500..3000 => (1500, 3000),
                3000..6000 => (3000, 6000),
                6000..12_000 => (6000, 12_000),
                _ => ((iops / 12_000 * 12_000).min(192_000), (iops / 12_000 * 12_000 + 12_000).min(192_000)),
            };
            let help = if below == above { format!("write `{above}`") } else { format!("write `{below}` or `{above}`") };
            report.add("DL0356", "metadata_iops", format!("FSx has no {iops} metadata IOPS"), help);
        }
    }
    cache(fs, report);
    match &fs.kms_key {
        Some(_) if !fs.deployment.is_persistent() => {
            report.add("DL0366", "kms_key", "scratch file systems take no key of yours", "remove `kms_key`");
        }
        Some(Field::Known(key)) if !(key.starts_with("arn:") && key.contains(":key/")) => {
            let help = "write `arn:aws:kms:REGION:ACCOUNT:key/ID`";
            report.add("DL0366", "kms_key", format!("`{key}` is not the ARN of a key"), help);
        }
        _ => {}
    }
    if let Some(squash) = &fs.root_squash {
        let number = |text: &str| text.parse::<u32>().is_ok_and(|n| n > 0 && n < u32::MAX);
        if !squash.to.split_once(':').is_some_and(|(uid, gid)| number(uid) && number(gid)) {
            let what = format!("`{}` is no user and group", squash.to);
            report.add("DL0364", "root_squash.to", what, "write for example `65534:65534`");
        }
    }
}

fn cache(fs: &FsxLustre, report: &mut Report<'_>) {
    let wrong = match (fs.storage, fs.read_cache) {
        (_, None) | (Storage::Hdd, Some(ReadCache::None | ReadCache::Proportional)) => None,
        (Storage::IntelligentTiering, Some(_)) => None,
        (Storage::Ssd, Some(_)) => Some(("SSD storage needs no read cache", "remove `read_cache`")),
        (Storage::Hdd, Some(ReadCache::Fixed)) => {
            Some(("a disk file system's cache is 20 % of its size", "write `read_cache: proportional`"))
        }
    };
    if let Some((what, help)) = wrong {
        report.add("DL0358", "read_cache", what, help);
        return;
    }
    let servers = u64::from(fs.throughput_capacity.unwrap_or(4000) / 4000).max(1);
    match (fs.read_cache, fs.read_cache_size) {
        (Some(ReadCache::Fixed), Some(size))
            if size.whole_gib().is_some_and(|g| (32 * servers..=131_072 * servers).contains(&g)) => {}
        (Some(ReadCache::Fixed), _) => {
            let help = format!("write `read_cache_size` from {} GiB to {} GiB", 32 * servers, 131_072 * servers);
            report.add("DL0358", "read_cache_size", "a fixed read cache needs a legal size", help);
        }
        (_, Some(_)) => {
            report.add("DL0358", "read_cache_size", "only a fixed read cache has a size", "write `read_cache: fixed`");
        }
        _ => {}
    }
}

fn clock(text: &str) -> bool {
    let two = |t: &str, max: u8| t.len() == 2 && t.parse::<u8>().is_ok_and(|n| n <= max);
    text.split_once(':').is_some_and(|(hours, minutes)| two(hours, 23) && two(minutes, 59))
}

fn times(fs: &FsxLustre, report: &mut Report<'_>) {
    if let Some(text) = &fs.maintenance {
        let legal = text.split_once(':').is_some_and(|(day, time)| {
            day.len() == 1 && day.parse::<u8>().is_ok_and(|d| (1..=7).contains(&d)) && clock(time)
        });
        if !legal {
            let help = "write for example `\"7:03:30\"`: Sunday, half past three, UTC";
            report.add("DL0360", "maintenance", format!("`{text}` is not a weekly time"), help);
        }
    }
    if let Some(text) = fs.backup_time.as_ref().filter(|t| !clock(t)) {
        report.add("DL0360", "backup_time", format!("`{text}` is not a time"), "write for example `\"04:00\"`");
    }
    let wrong = match fs.backup_days {
        0 if fs.backup_time.is_some() => Some(("a backup time without backups", "write `backup_days: 7` beside it")),
        0 => None,
        _ if !fs.deployment.is_persistent() => {
            Some(("scratch file systems have no backups", "remove `backup_days`, or use a persistent deployment"))
        }
        _ if !fs.repositories.is_empty() => Some((
            "a file system that is linked to buckets has no backups",
            "remove `backup_days`: what is exported lies in the bucket",
        )),
        1..=90 => None,
        _ => Some(("backups are kept for up to 90 days", "write `backup_days: 90` or less")),
    };
    if let Some((what, help)) = wrong {
        report.add("DL0361", "backup_days", what, help);
    }
}

fn repositories(fs: &FsxLustre, report: &mut Report<'_>) {
    if fs.repositories.is_empty() {
        return;
    }
    if fs.deployment == Deployment::Scratch1 || fs.version == Version::V2_10 {
        let what = format!("{} with Lustre {} has no repositories", fs.deployment, fs.version);
        report.add("DL0363", "repositories", what, "use scratch-2 or a persistent deployment with Lustre 2.15");
    }
    if fs.repositories.len() > 8 {
        let what = format!("{} repositories; a file system has up to 8", fs.repositories.len());
        report.add("DL0362", "repositories", what, "link one bucket with several prefixes to one directory");
    }
    for (i, one) in fs.repositories.iter().enumerate() {
        let path = format!("repositories.{i}.path");
        if !one.path.starts_with('/') || one.path.contains("//") {
            let help = format!("write `/{}`", one.path.trim_matches('/'));
            report.add("DL0362", &path, format!("`{}` is not a path from the file system's root", one.path), help);
        }
        let inside = |a: &str, b: &str| a == b || a == "/" || b.strip_prefix(a).is_some_and(|r| r.starts_with('/'));
        let clash = fs.repositories[..i].iter().find(|o| inside(&o.path, &one.path) || inside(&one.path, &o.path));
        if let Some(other) = clash {
            let what = format!("`{}` and `{}` lie inside each other", other.path, one.path);
            report.add("DL0362", &path, what, "give each repository a directory of its own");
        }
    }
}
