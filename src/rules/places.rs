//! Rules of where things stand that machines use: volumes beside their machines.
use super::{Findings, Resource, Rule, Stack};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{InstanceGroup, Subnet, Volume},
    spec,
};

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
