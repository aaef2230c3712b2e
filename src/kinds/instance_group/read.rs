//! The spec of one instance, as a blueprint would have written it.
use super::{
    InstanceGroup,
    disks::Volumes,
    fields::{Interfaces, LayoutProfile, Market, Placement, Reserved, RootVolume, VolumeType, one_hop},
    ladder,
    live::{member_state, placement_name},
    profile::{self, Roles},
};
use crate::{
    aws::Error,
    field::Ref,
    resource::{Resource, State},
    units::{Bandwidth, Size},
};
use aws_sdk_ec2::types::{
    Instance, InstanceLifecycleType, InstanceMetadataOptionsResponse, InstanceNetworkInterface, InstanceStateName,
    MonitoringState, Volume,
};
use serde_json::{Map, Value};

/// Who owns the addresses that EC2 gives by itself.
const AMAZON: &str = "amazon";

/// The spec of a group that has no member to read it from.
pub(super) fn nothing() -> InstanceGroup {
    InstanceGroup {
        instance_type: String::new(),
        count: 0,
        subnet: Ref::to_id(""),
        image: None,
        interfaces: Interfaces { layout: LayoutProfile::Ip, security_groups: Vec::new() },
        public_ip: None,
        placement: Some(Placement::Cluster),
        placement_group: None,
        role: None,
        root_volume: None,
        kms_key: None,
        market: Market::OnDemand,
        reservation: None,
        fallback: Vec::new(),
        capacity: Vec::new(),
        boot: None,
        boot_within: None,
        key_name: None,
        metadata_hops: one_hop(),
        monitoring: false,
        rolling: None,
    }
}

/// The spec of one instance; without its root volume where that is not known.
pub(super) fn read(instance: &Instance, volumes: &Volumes, roles: &Roles) -> InstanceGroup {
    let mut spec = nothing();
    spec.instance_type = instance.instance_type().map(|t| t.as_str().to_owned()).unwrap_or_default();
    spec.count = 1;
    spec.subnet = Ref::to_id(instance.subnet_id().unwrap_or_default());
    let groups = own_interfaces(instance).flat_map(InstanceNetworkInterface::groups).chain(instance.security_groups());
    let mut groups: Vec<_> = groups.filter_map(|g| g.group_id()).map(Ref::to_id).collect();
    groups.sort();
    groups.dedup();
    let plain = own_interfaces(instance).filter(|n| n.interface_type() != Some("efa-only")).count();
    let efa = own_interfaces(instance).any(|n| n.interface_type().is_some_and(|t| t.starts_with("efa")));
    let layout = match spec.facts() {
        Some(facts) if facts.supports_efa() && !efa => LayoutProfile::Plain,
        _ if plain > 1 => LayoutProfile::Bandwidth,
        _ => LayoutProfile::Ip,
    };
    spec.interfaces = Interfaces { layout, security_groups: groups };
    spec.public_ip = public_ip(instance);
    let clustered = placement_name(instance).is_some();
    spec.placement = Some(if clustered { Placement::Cluster } else { Placement::None });
    // A profile that dlinfra made has the name of its role.
    let profile = instance.iam_instance_profile().and_then(|p| p.arn()).map(profile::name);
    spec.role = profile.map(|name| Ref::to_id(roles.get(name).map_or(name, String::as_str)));
    spec.market = match instance.instance_lifecycle() {
        Some(InstanceLifecycleType::Spot) => Market::Spot,
        Some(InstanceLifecycleType::CapacityBlock) => Market::CapacityBlock,
        _ => Market::OnDemand,
    };
    spec.reservation = instance.capacity_reservation_id().map(Reserved::to_id);
    spec.key_name = instance.key_name().map(|name| name.to_owned().into());
    let hops = instance.metadata_options().and_then(InstanceMetadataOptionsResponse::http_put_response_hop_limit);
    spec.metadata_hops = hops.and_then(|h| u32::try_from(h).ok()).unwrap_or(1);
    let monitoring = instance.monitoring().and_then(|m| m.state());
    spec.monitoring = matches!(monitoring, Some(MonitoringState::Enabled | MonitoringState::Pending));
    if let Some(volume) = root(instance, volumes) {
        spec.kms_key = volume.kms_key_id().map(|k| k.to_owned().into());
        let number = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok());
        spec.root_volume = Some(RootVolume {
            size: Size::from_gib(number(volume.size()).unwrap_or(0)),
            volume_type: VolumeType::Gp3,
            iops: number(volume.iops()).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            throughput: Bandwidth::new(number(volume.throughput()).unwrap_or(0)),
        });
    }
    spec.normalize();
    spec
}

/// Does it have a public address of Amazon's? One that starts may get it in a moment, and one that stops loses it.
fn public_ip(instance: &Instance) -> Option<bool> {
    let owned = |n: &InstanceNetworkInterface| n.association().is_some_and(|a| a.ip_owner_id() == Some(AMAZON));
    let has = instance.network_interfaces().iter().any(owned);
    (has || is_running(instance)).then_some(has)
}

/// The interfaces that it was launched with, which end with it. One that was attached later is somebody's own.
pub(super) fn own_interfaces(instance: &Instance) -> impl Iterator<Item = &InstanceNetworkInterface> {
    let later = |it: &InstanceNetworkInterface| {
        it.attachment().and_then(aws_sdk_ec2::types::InstanceNetworkInterfaceAttachment::delete_on_termination)
            == Some(false)
    };
    instance.network_interfaces().iter().filter(move |it| !later(it))
}

/// Is the root volume known of a machine that must have one by now?
pub(super) fn is_whole(instance: &Instance, volumes: &Volumes) -> bool {
    root(instance, volumes).is_some() || !matches!(member_state(instance), State::Ready)
}

fn is_running(instance: &Instance) -> bool {
    instance.state().and_then(|s| s.name()) == Some(&InstanceStateName::Running)
}

fn root<'v>(instance: &Instance, volumes: &'v Volumes) -> Option<&'v Volume> {
    let device = instance.root_device_name()?;
    let mapping = instance.block_device_mappings().iter().find(|m| m.device_name() == Some(device))?;
    volumes.get(mapping.ebs()?.volume_id()?)
}

/// The fields that may differ between members. What a machine is known not to have is there as null: otherwise a member
/// without a role would not differ from a wanted one with it.
pub(super) fn own_fields(spec: &InstanceGroup) -> Result<Map<String, Value>, Error> {
    let value = serde_json::to_value(spec).map_err(|e| Error::bug(e.to_string()))?;
    let Value::Object(mut map) = value else { return Err(Error::bug("a spec is an object")) };
    map.retain(|field, _| InstanceGroup::ABOUT.rolling.contains(&field.as_str()));
    // The key is the volume's, which may not be there yet.
    let key = spec.root_volume.is_some().then_some("kms_key");
    for field in ["role", "reservation", "boot", "key_name"].into_iter().chain(key) {
        map.entry(field).or_insert(Value::Null);
    }
    Ok(map)
}

/// A machine that was bought in another of the wanted ways is as good, and nothing is known to differ of one whose root
/// volume AWS does not show.
pub(super) fn accept(want: &Value, found: &Value) -> Option<Value> {
    let mut seen = found.as_object()?.clone();
    let mut other = false;
    // All that is known is whether the first start has ended well, and nobody asks where nobody wants to know.
    match want.get("boot_within") {
        Some(within) if seen.contains_key("boot_within") => {
            other = seen.insert("boot_within".to_owned(), within.clone()).as_ref() != Some(within);
        }
        None => other = seen.remove("boot_within").is_some(),
        _ => {}
    }
    // Nor is it known of a machine that only just starts whether it has a public address.
    if let Some(public) = want.get("public_ip").filter(|_| !seen.contains_key("public_ip")) {
        other = true;
        seen.insert("public_ip".to_owned(), public.clone());
    }
    // Of a machine whose root volume AWS does not show, nothing is known to differ.
    let hidden = !seen.contains_key("root_volume");
    for field in ["root_volume", "kms_key"].into_iter().filter(|_| hidden) {
        if let Some(value) = want.get(field) {
            seen.insert(field.to_owned(), value.clone());
        }
    }
    let several = ladder::as_first(want, &mut seen);
    (hidden || other || several).then_some(Value::Object(seen))
}
