//! Field checks of a Lustre file system: what FSx would refuse minutes later, said before anything is made.
use super::{Deployment, FsxLustre, ReadCache, Repository, Storage, Version, limits};
use crate::diagnostic::Code;
use crate::kinds::fsx_lustre::codes;
use crate::{field::Field, price::storage::included_metadata_iops, resource::Problem, units::Size};

struct Report<'a>(&'a mut Vec<Problem>);

impl Report<'_> {
    fn add(&mut self, code: &'static Code, path: &str, summary: impl Into<String>, help: impl Into<String>) {
        self.0.push(Problem { code, path: path.to_owned(), summary: summary.into(), help: help.into() });
    }
}

pub(super) fn check(fs: &FsxLustre, problems: &mut Vec<Problem>) {
    let mut report = Report(problems);
    if fs.security_groups.is_empty() || fs.security_groups.len() > 50 {
        let help = "write `security_groups: [${group}]` with a group that lets the clients in";
        report.add(&codes::SECURITY_GROUPS, "security_groups", "a file system has 1 to 50 security groups", help);
    }
    let fits = match fs.storage {
        Storage::Ssd => true,
        Storage::Hdd => fs.deployment == Deployment::Persistent1,
        Storage::IntelligentTiering => fs.deployment == Deployment::Persistent2,
    };
    if !fits {
        let needed = if fs.storage == Storage::Hdd { "persistent-1" } else { "persistent-2" };
        let help = format!("write `deployment: {needed}`, or `storage: ssd`");
        report.add(&codes::STORAGE, "storage", format!("{} does not come with {}", fs.deployment, fs.storage), help);
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
            report.add(&codes::THROUGHPUT, "throughput", what, "remove `throughput`");
        }
        Some(found) if !legal.contains(&found.mb_per_second()) => {
            let what = format!("{} {} has no {found}", fs.deployment, fs.storage);
            report.add(&codes::THROUGHPUT, "throughput", what, format!("write one of {}", listed(legal)));
        }
        None if !legal.is_empty() => {
            let what = format!("{} {} needs a throughput", fs.deployment, fs.storage);
            report.add(&codes::THROUGHPUT, "throughput", what, format!("write one of {}", listed(legal)));
        }
        _ => {}
    }
    let tiering = fs.storage == Storage::IntelligentTiering;
    match fs.throughput_capacity {
        Some(_) if !tiering => {
            let help = "remove it; other storage has `throughput` per TiB";
            report.add(
                &codes::THROUGHPUT_CAPACITY,
                "throughput_capacity",
                "only intelligent tiering has a throughput capacity",
                help,
            );
        }
        Some(mbps) if mbps == 0 || !mbps.is_multiple_of(4000) || mbps > 2_000_000 => {
            let near = (mbps / 4000).clamp(1, 499) * 4000;
            let help = format!("write `{near}` or `{}`", near + 4000);
            report.add(
                &codes::THROUGHPUT_CAPACITY,
                "throughput_capacity",
                format!("{mbps} MB/s is not a multiple of 4000"),
                help,
            );
        }
        None if tiering => {
            let what = "intelligent tiering needs a throughput capacity";
            report.add(
                &codes::THROUGHPUT_CAPACITY,
                "throughput_capacity",
                what,
                "write `throughput_capacity: 4000` or a multiple of it",
            );
        }
        _ => {}
    }
}

fn size(fs: &FsxLustre, report: &mut Report<'_>) {
    let Some(legal) = limits::sizes(fs) else {
        if fs.size.is_some() {
            report.add(&codes::SIZE_STATED, "size", "the capacity of intelligent tiering is elastic", "remove `size`");
        }
        return;
    };
    let Some(size) = fs.size else {
        report.add(&codes::SIZE_STATED, "size", "the file system needs a size", "write for example `size: 1200 GiB`");
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
        true => report.add(
            &codes::EFA_SIZE,
            "size",
            format!("{what} with EFA has no {size}: it grows in steps of {} GiB", legal.step),
            help,
        ),
        false => report.add(&codes::SIZE, "size", format!("{what} has no {size}"), help),
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
        report.add(&codes::EFA, "efa", format!("{} with Lustre {} has no EFA", fs.deployment, fs.version), help);
    }
    let tiering = fs.storage == Storage::IntelligentTiering;
    if fs.version == Version::V2_10 && second || tiering && fs.version != Version::V2_15 {
        let what = format!("{} {} does not come with Lustre {}", fs.deployment, fs.storage, fs.version);
        report.add(&codes::VERSION, "version", what, "leave `version` out: 2.15 works everywhere");
    }
    if let Some(iops) = fs.metadata_iops {
        if !second || fs.version != Version::V2_15 {
            let what = format!("{} with Lustre {} has no metadata rate of its own", fs.deployment, fs.version);
            report.add(
                &codes::METADATA_IOPS,
                "metadata_iops",
                what,
                "remove `metadata_iops`, or use persistent-2 with 2.15",
            );
        } else if !limits::metadata_iops(fs.storage, iops) {
            let (below, above) = match iops {
                _ if tiering => (6000, 12_000),
                0..1500 => (1500, 1500),
                1500..3000 => (1500, 3000),
                3000..6000 => (3000, 6000),
                6000..12_000 => (6000, 12_000),
                _ => ((iops / 12_000 * 12_000).min(192_000), (iops / 12_000 * 12_000 + 12_000).min(192_000)),
            };
            let help =
                if below == above { format!("write `{above}`") } else { format!("write `{below}` or `{above}`") };
            report.add(&codes::METADATA_IOPS, "metadata_iops", format!("FSx has no {iops} metadata IOPS"), help);
        } else if let Some(size) = fs.size.filter(|s| u64::from(iops) < included_metadata_iops(s.gib_rounded_up())) {
            let least = included_metadata_iops(size.gib_rounded_up());
            let help = format!("write `{least}` or more, or leave `metadata_iops` out: they come with the size");
            report.add(
                &codes::METADATA_IOPS,
                "metadata_iops",
                format!("{size} come with {least} metadata IOPS, more than {iops}"),
                help,
            );
        }
    }
    cache(fs, report);
    match &fs.kms_key {
        Some(_) if !fs.deployment.is_persistent() => {
            report.add(&codes::KMS_KEY, "kms_key", "scratch file systems take no key of yours", "remove `kms_key`");
        }
        Some(Field::Known(key)) if !(key.starts_with("arn:") && key.contains(":key/")) => {
            let help = "write `arn:aws:kms:REGION:ACCOUNT:key/ID`";
            report.add(&codes::KMS_KEY, "kms_key", format!("`{key}` is not the ARN of a key"), help);
        }
        _ => {}
    }
    if let Some(squash) = &fs.root_squash {
        let number = |text: &str| digits(text) && text.parse::<u32>().is_ok_and(|n| n > 0 && n < u32::MAX);
        if !squash.to.split_once(':').is_some_and(|(uid, gid)| number(uid) && number(gid)) {
            let what = format!("`{}` is no user and group", squash.to);
            report.add(&codes::ROOT_SQUASH, "root_squash.to", what, "write for example `65534:65534`");
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
        report.add(&codes::READ_CACHE, "read_cache", what, help);
        return;
    }
    let servers = u64::from(fs.throughput_capacity.unwrap_or(4000) / 4000).max(1);
    match (fs.read_cache, fs.read_cache_size) {
        (Some(ReadCache::Fixed), Some(size))
            if size.whole_gib().is_some_and(|g| (32 * servers..=131_072 * servers).contains(&g)) => {}
        (Some(ReadCache::Fixed), _) => {
            let help = format!("write `read_cache_size` from {} GiB to {} GiB", 32 * servers, 131_072 * servers);
            report.add(&codes::READ_CACHE, "read_cache_size", "a fixed read cache needs a legal size", help);
        }
        (_, Some(_)) => {
            report.add(
                &codes::READ_CACHE,
                "read_cache_size",
                "only a fixed read cache has a size",
                "write `read_cache: fixed`",
            );
        }
        _ => {}
    }
}

/// The parser of numbers takes a sign too, which FSx does not.
pub(super) fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn clock(text: &str) -> bool {
    let two = |t: &str, max: u8| t.len() == 2 && digits(t) && t.parse::<u8>().is_ok_and(|n| n <= max);
    text.split_once(':').is_some_and(|(hours, minutes)| two(hours, 23) && two(minutes, 59))
}

fn times(fs: &FsxLustre, report: &mut Report<'_>) {
    if let Some(text) = &fs.maintenance {
        let legal = text.split_once(':').is_some_and(|(day, time)| {
            day.len() == 1 && digits(day) && day.parse::<u8>().is_ok_and(|d| (1..=7).contains(&d)) && clock(time)
        });
        if !legal {
            let help = "write for example `\"7:03:30\"`: Sunday, half past three, UTC";
            report.add(&codes::TIME, "maintenance", format!("`{text}` is not a weekly time"), help);
        }
    }
    if let Some(text) = fs.backup_time.as_ref().filter(|t| !clock(t)) {
        report.add(&codes::TIME, "backup_time", format!("`{text}` is not a time"), "write for example `\"04:00\"`");
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
        report.add(&codes::BACKUPS, "backup_days", what, help);
    }
}

fn repositories(fs: &FsxLustre, report: &mut Report<'_>) {
    if fs.repositories.is_empty() {
        return;
    }
    if fs.deployment == Deployment::Scratch1 || fs.version == Version::V2_10 {
        let what = format!("{} with Lustre {} has no repositories", fs.deployment, fs.version);
        report.add(
            &codes::NO_REPOSITORIES,
            "repositories",
            what,
            "use scratch-2 or a persistent deployment with Lustre 2.15",
        );
    }
    if fs.repositories.len() > 8 {
        let what = format!("{} repositories; a file system has up to 8", fs.repositories.len());
        report.add(&codes::REPOSITORY, "repositories", what, "link one bucket with several prefixes to one directory");
    }
    for (i, one) in fs.repositories.iter().enumerate() {
        let path = format!("repositories[{i}].path");
        if !one.path.starts_with('/') || one.path.contains("//") {
            let help = format!("write `/{}`", one.path.trim_matches('/'));
            report.add(
                &codes::REPOSITORY,
                &path,
                format!("`{}` is not a path from the file system's root", one.path),
                help,
            );
        }
        let inside = |a: &str, b: &str| a == b || a == "/" || b.strip_prefix(a).is_some_and(|r| r.starts_with('/'));
        let clash = fs.repositories[..i].iter().find(|o| inside(&o.path, &one.path) || inside(&one.path, &o.path));
        if let Some(other) = clash {
            let what = format!("`{}` and `{}` lie inside each other", other.path, one.path);
            report.add(&codes::REPOSITORY, &path, what, "give each repository a directory of its own");
        }
        // The same holds on the other side; an empty prefix is the whole bucket.
        let within = |a: &str, b: &str| a.is_empty() || inside(a, b);
        let overlaps = |o: &&Repository| {
            o.bucket == one.bucket && (within(&o.prefix, &one.prefix) || within(&one.prefix, &o.prefix))
        };
        if let Some(other) = fs.repositories[..i].iter().find(overlaps) {
            let place = |r: &Repository| format!("`{}/{}`", r.bucket, r.prefix);
            let what = format!(
                "`{}` and `{}` are linked to {} and {}, which lie inside each other",
                other.path,
                one.path,
                place(other),
                place(one)
            );
            let help = "link one of them only, or give each a prefix of its own";
            report.add(&codes::REPOSITORY, &format!("repositories[{i}].prefix"), what, help);
        }
    }
}
