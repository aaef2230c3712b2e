//! The machines of a fleet, as those see them who run commands on them.
use super::{InstanceGroup, Market};
use crate::{
    catalog,
    resource::{Live, Machine, Runs, State},
};
use serde_json::Value;

impl Runs for InstanceGroup {
    fn machines(live: &Live<Self>) -> Vec<Machine> {
        let ips = live.outputs.get("private_ips").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let machine = |(at, member): (usize, &crate::resource::Member)| {
            let ip = ips.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            let spot = live.spec.market == Market::Spot;
            Machine { id: member.id.clone(), ip, accelerators: accelerators(&live.spec), spot }
        };
        live.members.iter().enumerate().filter(|(_, m)| m.state == State::Ready).map(machine).collect()
    }

    fn machine_type(&self) -> &str {
        &self.instance_type
    }
}

/// GPUs, or the chips of AWS's own; a part of a GPU counts as one.
fn accelerators(spec: &InstanceGroup) -> u32 {
    let known = catalog::instance_type(&spec.instance_type).ok();
    let count = known.and_then(|known| known.accelerator.as_ref()).map(|accelerator| accelerator.count.ceil());
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
