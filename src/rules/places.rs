//! Rules of where things stand that machines use: volumes beside their machines, one address of a file system in a zone,
//! directories that are linked to buckets.
use super::{Findings, Resource, Rule, Stack};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{DataRepositoryAssociation, Efs, InstanceGroup, Subnet, Volume, fsx_lustre::repository::Repository},
    spec,
};
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL3006",
            title: "Volume and machine in two zones",
            explain: "A volume is attached to machines of its own zone only (`InvalidVolume.ZoneMismatch`). Take the zone of \
                      the machine's subnet: `zone: ${subnet.zone}`.",
        },
        severity: Severity::Error,
        check: volumes,
    },
    Rule {
        code: Code {
            code: "DL3106",
            title: "Two addresses of a file system in one zone",
            explain: "An elastic file system has at most one address in each zone, which all machines there use; AWS refuses \
                      a second one (`MountTargetConflict`). One that is kept in one zone has its address there.",
        },
        severity: Severity::Error,
        check: addresses,
    },
    Rule {
        code: Code {
            code: "DL3302",
            title: "Links of a file system that overlap",
            explain: "The directories that a Lustre file system links to buckets do not lie inside each other, and neither \
                      do the prefixes of one bucket; FSx refuses the second link. Those in `repositories` of the file \
                      system count as well.",
        },
        severity: Severity::Error,
        check: links,
    },
];

/// What a field points at, by address.
fn pointed<'a>(stack: &Stack<'a>, resource: &Resource<'_>, field: &str) -> Vec<&'a Resource<'a>> {
    let all = spec::references(resource.spec).into_iter().filter(|(path, _)| path == field);
    all.filter_map(|(_, address)| stack.at(&address)).collect()
}

fn fields<'a, K: crate::resource::Resource>(resource: &Resource<'a>) -> Option<&'a K> {
    resource.fields?.downcast_ref()
}

fn volumes(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for volume in stack.all::<Volume>() {
        let subnet = pointed(stack, volume.resource, "zone").first().and_then(|to| fields::<Subnet>(to));
        let Some(here) = volume.fields.zone.known().or(subnet.map(|subnet| &subnet.zone)) else { continue };
        for machines in pointed(stack, volume.resource, "attach") {
            let Some(group) = fields::<InstanceGroup>(machines) else { continue };
            if let Some(there) = stack.zone(&group.subnet).filter(|there| there != here) {
                let summary = format!("{} is in {here}, {} in {there}", volume.address(), machines.address);
                let help = "take the zone of the machine's subnet";
                let related = Some((machines, "subnet", "the machine's subnet"));
                found.with(volume.resource, "zone", summary, help, related);
            }
        }
    }
}

fn addresses(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for fs in stack.all::<Efs>() {
        let mut first = BTreeMap::new();
        for subnet in &fs.fields.subnets {
            let Some(zone) = stack.zone(subnet) else { continue };
            if let Some(other) = first.insert(zone, subnet) {
                let summary = format!("{other} and {subnet} are both in {zone}");
                found.at(fs.resource, "subnets", summary, "name one subnet of each zone");
            } else if let Some(own) = fs.fields.zone.as_deref().filter(|own| *own != zone) {
                let summary = format!("{} is kept in {own}, and {subnet} is in {zone}", fs.address());
                found.at(fs.resource, "subnets", summary, "name a subnet of its zone");
            }
        }
    }
}

fn links(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut all: BTreeMap<String, Vec<(&str, Repository)>> = BTreeMap::new();
    for link in stack.all::<DataRepositoryAssociation>() {
        let own = link.fields.repository();
        let others = all.entry(link.file_system.to_string()).or_insert_with(|| {
            let within = stack.follow(&link.file_system);
            within
                .map_or_else(Vec::new, |fs| fs.fields.repositories.iter().map(|r| (fs.address(), r.clone())).collect())
        });
        let clash = others.iter().find(|(_, other)| other.shares_path(&own) || other.shares_place(&own));
        if let Some((address, other)) = clash {
            let (field, what) = match other.shares_path(&own) {
                true => ("path", format!("`{}` and `{}`", own.path, other.path)),
                false => ("prefix", format!("`{}/{}` and `{}/{}`", own.bucket, own.prefix, other.bucket, other.prefix)),
            };
            let summary = format!("{what}, which {address} is linked with, lie inside each other");
            found.at(link.resource, field, summary, "give each link a directory and a prefix of its own");
        }
        others.push((link.address(), own));
    }
}
