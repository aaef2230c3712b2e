//! What EFS would refuse, or take and then not do.
use super::{AccessPoint, Efs, Lifecycle, Throughput};
use crate::{
    diagnostic::{Code, codes},
    field::Field,
    kinds::subnet::is_zone_name,
    resource::Problem,
    units::{Bandwidth, Span},
};

codes! {
    pub(super) CODES:
    THROUGHPUT = "DL3101", "Throughput that EFS does not have",
        "`provisioned` throughput has a rate of 1 to 3414 MiB/s in `provisioned`; the other modes have none.";
    LIFECYCLE = "DL3102", "Files that cannot move like that",
        "Files move after 1, 7, 14, 30, 60, 90, 180, 270 or 365 days without a reader; to the archive later than to \
         infrequent access, and only with `elastic` throughput.";
    PLACE = "DL3103", "Addresses that EFS would not make",
        "A file system has one address in each zone, in one VPC, and in its own zone only where it has a `zone`. Addresses \
         have security groups: without one AWS takes the VPC's default group, which lets no machine in.";
    KEY = "DL3104", "Encryption key not possible, or not an ARN",
        "An encrypted file system takes a `kms_key`. It is written as the key's ARN, because AWS returns the ARN whatever \
         was written, and a difference would mean another file system.";
    POINT = "DL3105", "Not a legal access point",
        "The name of an access point has small letters, digits and `-`, up to 50. Its path starts with `/` and has up to \
         four directories and 100 characters; `permissions` are three or four octal digits; a user is in up to 16 more \
         groups.";
}

type Add<'a> = dyn FnMut(&'static Code, String, String, &str) + 'a;

/// After how many days files can move.
const DAYS: [u64; 9] = [1, 7, 14, 30, 60, 90, 180, 270, 365];

pub(super) fn check(fs: &Efs, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: String, summary: String, help: &str| {
        problems.push(Problem { code, path, summary, help: help.to_owned() });
    };
    let rate = fs.provisioned.map(Bandwidth::mib_per_second);
    let fits = match fs.throughput {
        Throughput::Provisioned => rate.is_some_and(|rate| (1..=3414).contains(&rate)),
        _ => rate.is_none(),
    };
    if !fits {
        let summary = format!("{} throughput does not go with this rate", fs.throughput.name());
        let help = "write `throughput: provisioned` with `provisioned: 128 MiB/s`, or leave `provisioned` out";
        add(&THROUGHPUT, "provisioned".to_owned(), summary, help);
    }
    if let Some(lifecycle) = &fs.lifecycle {
        moves(fs, lifecycle, &mut add);
    }
    place(fs, &mut add);
    match &fs.kms_key {
        Some(_) if !fs.encrypted => {
            add(&KEY, "kms_key".to_owned(), "what is not encrypted has no key".to_owned(), "leave `encrypted` out");
        }
        Some(Field::Known(key)) if !(key.starts_with("arn:") && key.contains(":key/")) => {
            let summary = format!("`{key}` is not the ARN of a key");
            add(&KEY, "kms_key".to_owned(), summary, "write `arn:aws:kms:REGION:ACCOUNT:key/ID`");
        }
        _ => {}
    }
    for (name, point) in &fs.access_points {
        access_point(name, point, &mut add);
    }
}

fn moves(fs: &Efs, lifecycle: &Lifecycle, add: &mut Add<'_>) {
    let rules = [("infrequent_access", lifecycle.infrequent_access), ("archive", lifecycle.archive)];
    for (field, span) in rules.into_iter().filter_map(|(field, span)| Some((field, span?))) {
        if !DAYS.iter().any(|days| Span::from_hours(days * 24) == span) {
            let help = "write 1d, 7d, 14d, 30d, 60d, 90d, 180d, 270d or 365d";
            add(&LIFECYCLE, format!("lifecycle.{field}"), format!("files do not move after {span}"), help);
        }
    }
    let Some(archive) = lifecycle.archive else { return };
    if fs.throughput != Throughput::Elastic {
        let summary = format!("{} throughput has no archive", fs.throughput.name());
        add(&LIFECYCLE, "lifecycle.archive".to_owned(), summary, "leave it out, or write `throughput: elastic`");
    }
    if lifecycle.infrequent_access.is_some_and(|first| first.seconds() >= archive.seconds()) {
        let summary = "files move to the archive after they have moved to infrequent access".to_owned();
        add(&LIFECYCLE, "lifecycle.archive".to_owned(), summary, "write a longer time for `archive`");
    }
}

fn place(fs: &Efs, add: &mut Add<'_>) {
    if fs.subnets.is_empty() != fs.security_groups.is_empty() {
        let summary = "addresses and security groups go together".to_owned();
        add(&PLACE, "security_groups".to_owned(), summary, "write `subnets` and `security_groups`, or neither");
    }
    if fs.zone.is_some() && fs.subnets.len() > 1 {
        let summary = "a file system in one zone has one address".to_owned();
        add(&PLACE, "subnets".to_owned(), summary, "write one subnet of its zone, or leave `zone` out");
    }
    if let Some(zone) = fs.zone.as_deref().filter(|zone| !is_zone_name(zone)) {
        let summary = format!("`{zone}` is not the name of an availability zone");
        add(&PLACE, "zone".to_owned(), summary, "write the region and a letter, for example `us-east-1a`");
    }
}

fn access_point(name: &str, point: &AccessPoint, add: &mut Add<'_>) {
    let mut wrong = |path: &str, summary: String, help: &str| {
        add(&POINT, format!("access_points.{name}{path}"), summary, help);
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 50 || !name.chars().all(plain) {
        wrong("", format!("`{name}` is not a name of an access point"), "write for example `home`");
    }
    let legal =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(|c| "$#<>;`|&?{}^*\n".contains(c));
    let parts: Vec<&str> = point.path.split('/').skip(1).collect();
    let is_path = point.path.starts_with('/') && parts.len() <= 4 && parts.iter().all(|part| legal(part));
    if point.path != "/" && (!is_path || point.path.len() > 100) {
        wrong(".path", format!("`{}` is not a path for an access point", point.path), "write for example `/home/anna`");
    }
    let octal = |text: &str| (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if point.create.as_ref().is_some_and(|owner| !octal(&owner.permissions)) {
        wrong(".create.permissions", "permissions are octal digits".to_owned(), "write for example `\"0750\"`");
    }
    if point.user.as_ref().is_some_and(|user| user.groups.len() > 16) {
        wrong(".user.groups", "a user is in up to 16 more groups".to_owned(), "leave some out");
    }
}
