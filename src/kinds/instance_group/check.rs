//! Checks of an instance group's fields, and what `explain` says about them.
use super::{Boot, InstanceGroup, Market, boot};
use crate::{
    catalog::{self, image},
    diagnostic::{Code, codes},
    resource::Problem,
};

codes! {
    /// The codes of this kind.
    pub(super) CODES:
    INSTANCE_TYPE = "DL0370", "Unknown instance type",
        "The instance type is not in the catalog of this version. A slip of the pen is the usual reason. Types \
         decide network interfaces, prices, quotas and images, so a group of an unknown type is refused.";
    IMAGE = "DL0371", "Unknown or unfit image",
        "`image` is a name from the catalog (`dlinfra catalog images --type TYPE` shows which fit a type), an `ami-` id or the \
         path of a public SSM parameter that starts with `/`. A named image must be made for the processor \
         and the accelerators of the instance type: an NVIDIA image does not run Trainium, the open NVIDIA \
         driver does not run P3, and x86_64 images do not start on Graviton.";
    SECURITY_GROUPS = "DL0372", "No security group",
        "Every interface needs a security group; without one AWS would take the VPC's default group, which \
         nobody looks at. Name one in `interfaces.security_groups`.";
    USER_DATA = "DL0373", "User data too long",
        "EC2 takes 16384 bytes of user data. Put large files into a bucket and fetch them in the script.";
    ENVIRONMENT = "DL0374", "Environment without a shell script",
        "`boot.env` is written as `export` lines before the script, so the script's first line must name a \
         shell (`#!/bin/bash`). Variables have the names that shells take: letters, digits and underscores.";
    CAPACITY_BLOCK = "DL0375", "A Capacity Block without its id",
        "`market: capacity-block` launches into a Capacity Block that was bought before; `reservation` must \
         name it (`cr-…`). Spot instances and reservations exclude each other.";
    ROOT_VOLUME = "DL0376", "Root volume out of range",
        "A gp3 volume has 1 GiB to 16384 GiB, 3000 to 16000 IOPS (at most 500 per GiB) and 125 to 1000 MiB/s \
         (at most a quarter of a MiB/s per IOPS).";
    METADATA_HOPS = "DL0377", "Metadata hops out of range",
        "The metadata service answers over 1 to 64 hops. One hop (the default, as AWS's) reaches programs on the \
         machine and containers in its own network; two also containers behind a bridge, and then every one of \
         them has the machine's role.";
    MARKET = "DL0378", "Not sold that way",
        "AWS does not offer the type on this market: some are sold by Capacity Block only, some never as spot.";
    MALFORMED_ID = "DL0379", "Malformed id",
        "Capacity reservations and Capacity Blocks have ids that start with `cr-`; KMS keys are given by ARN, \
         because EC2 answers with the ARN and an alias would look like a change each time.";
    FALLBACK = "DL0380", "A fallback that is none",
        "`fallback` lists the markets that are tried when `market`, or the reservation, has no capacity: \
         `on-demand` or `spot`, each once, and not what `market` says already. A Capacity Block is bought \
         before, and named by `market` and `reservation`.";
    BOOT_SCRIPT = "DL0381", "A boot script that no machine would run",
        "The first line of a script says what runs it: `#!/bin/bash`, from the first byte on. Without it \
         cloud-init passes the script over, and the machines start without it. Other forms of user data \
         begin as cloud-init wants them (`#cloud-config`, `MIME-Version:`). If the image reads something \
         else, silence this on the resource and say so: `allow: [{ rule: DL0381, reason: … }]`.";
    LINE_ENDS = "DL0382", "Line ends of Windows in the midst of a script",
        "Some lines of a shell script end as on Windows (CR LF), and the first one does not, so they were not \
         added by an editor alone and are not taken out. A shell takes the CR for a part of the last word. \
         Convert the file (`dos2unix boot.sh`), or, if the CR belongs there, silence this on the resource.";
    TYPE_NOT_IN_ZONE = "DL0384", "Type that the zone does not have",
        "AWS does not offer the instance type in the zone of the subnet, so a launch would be refused after \
         everything else was made. Use a subnet in a zone that has it.";
    RESERVATION = "DL0385", "Reservation that cannot be used",
        "The capacity reservation or Capacity Block is not there, not active, or for another type or zone. A \
         Capacity Block is active from its start to its end only.";
    NO_SUCH_KEY = "DL0387", "Key pair that does not exist",
        "EC2 has no key pair of this name in the region, so a launch would be refused after everything else was made. \
         Key pairs belong to one region. Without `key_name` nobody needs one: Session Manager opens a shell by the \
         machine's role. The sandbox of `--sandbox` takes any name.";
    FIRST_START = "DL0388", "A first start that nobody can ask about",
        "With `boot_within` dlinfra asks each machine through Systems Manager how its first start ended. For that the image \
         must have the agent (Amazon Linux, Ubuntu and the Deep Learning AMIs do), the machine's `role` the policy \
         AmazonSSMManagedInstanceCore, and the subnet a way to Systems Manager: NAT, or interface endpoints for `ssm` and \
         `ssmmessages`.";
    TWO_PLACEMENTS = "DL0389", "A group that is placed in two ways",
        "`placement` asks for a placement group of the group's own, or for none; `placement_group` names one that others \
         share. An instance is in one placement group at most.";
}

pub(super) fn check(group: &InstanceGroup, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    match catalog::instance_type(&group.instance_type) {
        Err(unknown) => add(
            &INSTANCE_TYPE,
            "instance_type",
            unknown.to_string(),
            "`dlinfra topology` lists the types that the catalog knows",
        ),
        Ok(facts) if facts.usage.is_known() => {
            let paths = std::iter::once("market").chain(std::iter::repeat("fallback"));
            for (path, (reservation, market)) in paths.zip(group.ways()) {
                let (sold, word) = match market {
                    // A reservation holds what is not for sale by the hour.
                    Market::OnDemand => (facts.usage.on_demand || reservation.is_some(), "on demand"),
                    Market::Spot => (facts.usage.spot, "as spot"),
                    Market::CapacityBlock => (facts.usage.capacity_block, "in Capacity Blocks"),
                };
                if !sold {
                    let summary = format!("{} is not sold {word}", group.instance_type);
                    add(&MARKET, path, summary, "choose another market or type");
                }
            }
        }
        Ok(_) => {}
    }
    match group.image.as_deref() {
        None => add(&IMAGE, "image", "`image` is missing".to_owned(), "write for example `dlami-base-ubuntu-22.04`"),
        Some(name) if name.starts_with("ami-") || name.starts_with('/') => {}
        Some(name) => match image::image(name) {
            None => {
                let near = image::nearest_image(name).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                let summary = format!("there is no image `{name}`{near}");
                add(&IMAGE, "image", summary, "an `ami-` id or an SSM parameter (`/aws/service/…`) is possible too");
            }
            Some(image) => {
                if let Some((facts, why)) = group.facts().and_then(|facts| Some((facts, image.unfit_for(facts)?))) {
                    add(&IMAGE, "image", why, &fitting(facts));
                }
            }
        },
    }
    if group.interfaces.security_groups.is_empty() {
        add(
            &SECURITY_GROUPS,
            "interfaces.security_groups",
            "the instances have no security group".to_owned(),
            "name at least one",
        );
    }
    if group.market == Market::CapacityBlock && group.reservation.is_none() {
        add(
            &CAPACITY_BLOCK,
            "reservation",
            "a Capacity Block is launched by its id".to_owned(),
            "write `reservation: cr-…`, or another market",
        );
    }
    if group.market == Market::Spot && group.reservation.is_some() {
        add(
            &CAPACITY_BLOCK,
            "reservation",
            "spot instances do not run in a reservation".to_owned(),
            "remove `reservation` or `market: spot`",
        );
    }
    let first = group.reservation.is_none().then_some(group.market);
    for (at, market) in group.fallback.iter().enumerate() {
        if *market == Market::CapacityBlock {
            let summary = "a Capacity Block cannot come second".to_owned();
            add(
                &FALLBACK,
                "fallback",
                summary,
                "write `market: capacity-block` with its `reservation`, and a fallback",
            );
        } else if first == Some(*market) || group.fallback[..at].contains(market) {
            let summary = format!("`{}` is tried already", market.name());
            add(&FALLBACK, "fallback", summary, "name each market once");
        }
    }
    if let Some(id) = group.reservation.as_deref().filter(|id| !id.starts_with("cr-")) {
        add(&MALFORMED_ID, "reservation", format!("`{id}` is not the id of a reservation"), "write `cr-…`");
    }
    if let Some(arn) = group.kms_key.as_ref().and_then(|k| k.known()).filter(|k| !is_key_arn(k)) {
        add(
            &MALFORMED_ID,
            "kms_key",
            format!("`{arn}` is not the ARN of a key"),
            "write `arn:aws:kms:REGION:ACCOUNT:key/ID`",
        );
    }
    if !(1..=64).contains(&group.metadata_hops) {
        add(&METADATA_HOPS, "metadata_hops", format!("{} hops are not possible", group.metadata_hops), "write 1 to 64");
    }
    if let Some(summary) = volume_problem(group) {
        add(&ROOT_VOLUME, "root_volume", summary, "`dlinfra explain DL0376` has the limits of gp3");
    }
    if group.placement.is_some() && group.placement_group.is_some() {
        let summary = "`placement` and `placement_group` exclude each other".to_owned();
        add(&TWO_PLACEMENTS, "placement", summary, "leave out `placement`");
    }
    if group.boot_within.is_some() && group.role.is_none() {
        add(
            &FIRST_START,
            "boot_within",
            "without a role no machine can be asked".to_owned(),
            "name a `role` with AmazonSSMManagedInstanceCore, or leave out `boot_within`",
        );
    }
    if let Some(boot) = &group.boot {
        check_boot(boot, &mut add);
    }
}

/// Which images run on a type.
fn fitting(facts: &catalog::InstanceType) -> String {
    let names: Vec<String> = image::fitting(facts).iter().map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => format!("no image of the catalog is made for {}: write an `ami-` id, or an SSM parameter", facts.name),
        false => format!("made for {}: {}", facts.name, names.join(", ")),
    }
}

fn is_key_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":kms:") && text.contains(":key/")
}

fn volume_problem(group: &InstanceGroup) -> Option<String> {
    let root = group.root_volume.as_ref()?;
    let (gib, iops, throughput) = (root.size.whole_gib(), u64::from(root.iops), root.throughput.mib_per_second());
    match gib {
        None => Some(format!("{} is not a whole number of GiB", root.size)),
        Some(gib) if !(1..=16384).contains(&gib) => Some(format!("a gp3 volume cannot have {gib} GiB")),
        Some(gib) if iops > 3000 && iops > 500 * gib => Some(format!("{gib} GiB take at most {} IOPS", 500 * gib)),
        _ if !(3000..=16000).contains(&iops) => Some(format!("a gp3 volume cannot have {iops} IOPS")),
        _ if !(125..=1000).contains(&throughput) => Some(format!("a gp3 volume cannot have {throughput} MiB/s")),
        _ if throughput * 4 > iops => Some(format!("{throughput} MiB/s need {} IOPS", throughput * 4)),
        _ => None,
    }
}

fn check_boot(boot: &Boot, add: &mut impl FnMut(&'static Code, &str, String, &str)) {
    if !boot.script.is_known() {
        add(
            &BOOT_SCRIPT,
            "boot.script",
            "the script's first line does not say what runs it".to_owned(),
            "begin the file with `#!/bin/bash`, without a space or an empty line before it",
        );
    } else if boot.is_shell()
        && let Some(line) = boot.script.text().split('\n').position(|line| line.ends_with('\r'))
    {
        let summary = format!("line {} of the script ends as on Windows", line + 1);
        add(&LINE_ENDS, "boot.script", summary, "convert the file: `dos2unix`, or `sed -i 's/\\r$//'`");
    }
    if !boot.env.is_empty() && boot.script.is_known() && !boot.is_shell() {
        add(
            &ENVIRONMENT,
            "boot.env",
            "the script does not start with a shell, so it cannot take exports".to_owned(),
            "start it with `#!/bin/bash`, or remove `env`",
        );
    }
    let named = |k: &str| {
        !k.starts_with(|c: char| c.is_ascii_digit())
            && !k.is_empty()
            && k.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for key in boot.env.keys().filter(|k| !named(k)) {
        add(
            &ENVIRONMENT,
            "boot.env",
            format!("`{key}` is not a valid shell variable name"),
            "use letters, digits and underscores",
        );
    }
    let zero = |v: &crate::field::Field<String>| v.known().is_some_and(|v| v.contains('\0'));
    if boot.env.values().any(zero) || boot.script.0.contains('\0') {
        add(&ENVIRONMENT, "boot", "a shell takes no zero byte".to_owned(), "remove it");
    }
    let bytes = boot.known_bytes();
    if bytes > boot::MAX_BYTES {
        add(
            &USER_DATA,
            "boot",
            format!("user data has {bytes} bytes, {} are possible", boot::MAX_BYTES),
            "put large files into a bucket and fetch them in the script",
        );
    }
}
