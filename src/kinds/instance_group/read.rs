//! The spec of one instance, as a blueprint would have written it.
use super::{
    InstanceGroup,
    disks::Volumes,
    fields::{Interfaces, LayoutProfile, Market, Placement, RootVolume, VolumeType, one_hop},
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
    Instance, InstanceLifecycleType, InstanceMetadataOptionsResponse, InstanceNetworkInterface, MonitoringState, Volume,
};
use serde_json::{Map, Value};

/// The spec of a group that has no member to read it from.
pub(super) fn nothing() -> InstanceGroup {
    InstanceGroup {
        instance_type: String::new(),
        count: 0,
        subnet: Ref::to_id(""),
        image: None,
        interfaces: Interfaces { layout: LayoutProfile::Ip, security_groups: Vec::new() },
        placement: Some(Placement::Cluster),
        placement_group: None,
        role: None,
        root_volume: None,
        kms_key: None,
        market: Market::OnDemand,
        reservation: None,
        fallback: Vec::new(),
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
    let groups = instance
        .network_interfaces()
        .iter()
        .flat_map(InstanceNetworkInterface::groups)
        .chain(instance.security_groups());
    let mut groups: Vec<_> = groups.filter_map(|g| g.group_id()).map(Ref::to_id).collect();
    groups.sort();
    groups.dedup();
    let plain = instance.network_interfaces().iter().filter(|n| n.interface_type() != Some("efa-only")).count();
    let efa = instance.network_interfaces().iter().any(|n| n.interface_type().is_some_and(|t| t.starts_with("efa")));
    let layout = match spec.facts() {
        Some(facts) if facts.supports_efa() && !efa => LayoutProfile::Plain,
        _ if plain > 1 => LayoutProfile::Bandwidth,
        _ => LayoutProfile::Ip,
    };
    spec.interfaces = Interfaces { layout, security_groups: groups };
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
    spec.reservation = instance.capacity_reservation_id().map(str::to_owned);
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

/// Is the root volume known of a machine that must have one by now?
pub(super) fn is_whole(instance: &Instance, volumes: &Volumes) -> bool {
    root(instance, volumes).is_some() || !matches!(member_state(instance), State::Ready)
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
    // Of a machine whose root volume AWS does not show, nothing is known to differ.
    let hidden = !seen.contains_key("root_volume");
    for field in ["root_volume", "kms_key"].into_iter().filter(|_| hidden) {
        if let Some(value) = want.get(field) {
            seen.insert(field.to_owned(), value.clone());
        }
    }
    let fallback = want.get("fallback").filter(|f| f.as_array().is_some_and(|all| !all.is_empty()));
    let Some(fallback) = fallback else { return (hidden || other).then_some(Value::Object(seen)) };
    let (has, first) = (found.get("market"), want.get("market"));
    let reserved = |spec: &Value| spec.get("reservation").filter(|id| !id.is_null()).cloned();
    let as_first = has == first && reserved(want).is_none_or(|id| reserved(found) == Some(id));
    let as_another = fallback.as_array().into_iter().flatten().any(|market| Some(market) == has);
    seen.insert("fallback".to_owned(), fallback.clone());
    if as_another && !as_first {
        seen.insert("market".to_owned(), first.cloned().unwrap_or_default());
        seen.insert("reservation".to_owned(), reserved(want).unwrap_or_default());
    }
    Some(Value::Object(seen))
}
