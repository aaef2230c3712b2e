//! How instances are shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::catalogue::{instance_type, zone_id};
use super::filters::{Query, listing};
use super::instances::{Instance, Market, check_known, missing};
use super::interfaces::{Interface, association_xml, attachment_xml, group_items};
use super::placement::PlacementGroup;
use super::tags::tag_set_if_any;
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    read("DescribeInstances", describe),
    read("DescribeInstanceStatus", describe_status),
    read("DescribeInstanceAttribute", describe_attribute),
];

pub(super) fn metadata_xml(instance: &Instance, now: Timestamp) -> Xml {
    Xml::new()
        .text("state", if instance.life.state(now) == "pending" { "pending" } else { "applied" })
        .text("httpTokens", &instance.metadata.tokens)
        .text("httpPutResponseHopLimit", instance.metadata.hop_limit)
        .text("httpEndpoint", &instance.metadata.endpoint)
        .text("httpProtocolIpv6", &instance.metadata.ipv6)
        .text("instanceMetadataTags", &instance.metadata.tags)
}

pub(super) fn state_xml(state: &str) -> Xml {
    let code = match state {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    };
    Xml::new().text("code", code).text("name", state)
}

/// One launch with its instances.
pub(super) fn reservation_xml(call: &Call<'_>, id: &str, instances: Vec<Xml>) -> Xml {
    Xml::new().text("reservationId", id).text("ownerId", call.account()).list("groupSet", "item", []).list(
        "instancesSet",
        "item",
        instances,
    )
}

fn interface_item(call: &Call<'_>, eni: &Interface) -> Xml {
    let private = eni.address.map(|address| {
        let xml = Xml::new().text("privateIpAddress", address).text("primary", true);
        xml.child_opt("association", association_xml(call, eni))
    });
    Xml::new()
        .text("networkInterfaceId", &eni.id)
        .text("subnetId", &eni.subnet)
        .text("vpcId", &eni.vpc)
        .text("description", &eni.description)
        .text("ownerId", call.account())
        .text("status", "in-use")
        .text("macAddress", eni.mac())
        .text_opt("privateIpAddress", eni.address)
        .text("sourceDestCheck", true)
        .list("groupSet", "item", group_items(call, &eni.groups))
        .child_opt("attachment", eni.attachment.as_ref().map(|it| attachment_xml(call, it, true)))
        .child_opt("association", association_xml(call, eni))
        .list("privateIpAddressesSet", "item", private)
        .list("ipv6AddressesSet", "item", [])
        .text("interfaceType", &eni.interface_type)
}

pub(super) fn instance_xml(call: &Call<'_>, instance: &Instance) -> Xml {
    let state = instance.life.state(call.now);
    // AWS forgets the network side of what is terminated.
    let is_gone = state == "terminated";
    let enis: Vec<&Interface> =
        instance.interfaces.iter().filter(|_| !is_gone).filter_map(|id| call.get::<Interface>(id)).collect();
    let primary = enis.first().copied();
    let address = primary.and_then(|eni| eni.address);
    let private_name = address.map(|it| format!("ip-{}.ec2.internal", it.to_string().replace('.', "-")));
    let group_id = instance.placement_group.as_ref().and_then(|name| call.get::<PlacementGroup>(name));
    let placement = Xml::new()
        .text("availabilityZone", &instance.zone)
        .text_opt("availabilityZoneId", zone_id(&instance.zone))
        .text("groupName", instance.placement_group.as_deref().unwrap_or_default())
        .text_opt("groupId", group_id.map(|group| &group.id))
        .text("tenancy", &instance.tenancy);
    let disks = instance.disks.iter().filter(|_| !is_gone).map(|disk| {
        let ebs = Xml::new()
            .text("volumeId", &disk.volume)
            .text("status", "attached")
            .text("attachTime", instance.created)
            .text("deleteOnTermination", disk.delete_on_termination);
        Xml::new().text("deviceName", &disk.device).child("ebs", ebs)
    });
    let mut reservation_spec = Xml::new();
    match &instance.target_reservation {
        Some(id) => {
            let target = Xml::new().text("capacityReservationId", id);
            reservation_spec = reservation_spec.child("capacityReservationTarget", target);
        }
        None => {
            let preference = &instance.reservation_preference;
            reservation_spec = reservation_spec.text("capacityReservationPreference", preference);
        }
    }
    let is_ending = matches!(state, "shutting-down" | "terminated" | "stopping" | "stopped");
    let reason = instance.reason.as_ref().filter(|_| is_ending);
    // In words, with the moment at which it began.
    let begun = ["stopping", "shutting-down"].iter().filter_map(|state| instance.life.last(state, call.now)).max();
    let transition = match (&reason, begun) {
        (Some((code, _)), Some(at)) if code == "Client.UserInitiatedShutdown" => {
            format!("User initiated ({})", at.strftime("%Y-%m-%d %H:%M:%S GMT"))
        }
        _ => String::new(),
    };
    let cpus = instance_type(&instance.instance_type).map(|kind| {
        let threads = kind.vcpus.checked_div(kind.cores).unwrap_or(1);
        Xml::new().text("coreCount", kind.cores).text("threadsPerCore", threads)
    });
    let lifecycle = (instance.market != Market::OnDemand).then(|| instance.market.usage_class());
    let profile = instance.profile.as_ref().map(|(arn, id)| Xml::new().text("arn", arn).text("id", id));
    let groups = primary.map(|eni| eni.groups.as_slice()).unwrap_or_default();
    Xml::new()
        .text("instanceId", &instance.id)
        .text("imageId", &instance.image)
        .child("instanceState", state_xml(state))
        .text("privateDnsName", private_name.as_deref().unwrap_or_default())
        .text("dnsName", "")
        .text("reason", transition)
        .child_opt("stateReason", reason.map(|(code, why)| Xml::new().text("code", code).text("message", why)))
        .text_opt("keyName", instance.key_name.as_ref())
        .text("amiLaunchIndex", instance.index)
        .text("instanceType", &instance.instance_type)
        .text("launchTime", instance.life.last("pending", call.now).unwrap_or(instance.created))
        .child("placement", placement)
        .child("monitoring", Xml::new().text("state", if instance.monitoring { "enabled" } else { "disabled" }))
        .text_opt("subnetId", Some(&instance.subnet).filter(|_| !is_gone))
        .text_opt("vpcId", Some(&instance.vpc).filter(|_| !is_gone))
        .text_opt("privateIpAddress", address)
        .text_opt("ipAddress", primary.and_then(|eni| eni.public.as_ref()).map(|public| public.ip))
        .text("architecture", &instance.arch)
        .text("rootDeviceType", "ebs")
        .text("rootDeviceName", &instance.root_device)
        .list("blockDeviceMapping", "item", disks)
        .text("virtualizationType", "hvm")
        .text_opt("instanceLifecycle", lifecycle)
        .text_opt("spotInstanceRequestId", instance.spot_request.as_ref())
        .text_opt("clientToken", instance.client_token.as_ref())
        .text("sourceDestCheck", true)
        .text("hypervisor", "xen")
        .list("networkInterfaceSet", "item", enis.iter().map(|eni| interface_item(call, eni)))
        .list("groupSet", "item", group_items(call, groups))
        .child_opt("iamInstanceProfile", profile)
        .text("ebsOptimized", true)
        .text("enaSupport", true)
        .text_opt("capacityReservationId", instance.capacity_reservation.as_ref())
        .child("capacityReservationSpecification", reservation_spec)
        .child("hibernationOptions", Xml::new().text("configured", false))
        .child("metadataOptions", metadata_xml(instance, call.now))
        .child("enclaveOptions", Xml::new().text("enabled", false))
        .child_opt("cpuOptions", cpus)
        .text("platformDetails", "Linux/UNIX")
        .text("usageOperation", "RunInstances")
        .child("maintenanceOptions", Xml::new().text("autoRecovery", "default"))
        .extend(tag_set_if_any(call, &instance.id))
}

const FILTERS: &[&str] = &[
    "instance-id",
    "instance-state-name",
    "instance-state-code",
    "instance-type",
    "instance-lifecycle",
    "image-id",
    "vpc-id",
    "subnet-id",
    "availability-zone",
    "client-token",
    "placement-group-name",
    "reservation-id",
    "capacity-reservation-id",
    "instance.group-id",
    "network-interface.group-id",
    "iam-instance-profile.arn",
    "key-name",
    "private-ip-address",
    "spot-instance-request-id",
    "block-device-mapping.volume-id",
    "owner-id",
    "tenancy",
];

fn filter_values(call: &Call<'_>, instance: &Instance, name: &str) -> Vec<String> {
    let state = instance.life.state(call.now);
    let attached = state != "terminated";
    let some = |value: &Option<String>| value.iter().cloned().collect();
    let enis = || instance.interfaces.iter().filter(|_| attached).filter_map(|id| call.get::<Interface>(id));
    match name {
        "instance-id" => vec![instance.id.clone()],
        "instance-state-name" => vec![state.to_owned()],
        "instance-state-code" => {
            let code = match state {
                "pending" => "0",
                "running" => "16",
                "shutting-down" => "32",
                "terminated" => "48",
                "stopping" => "64",
                _ => "80",
            };
            vec![code.to_owned()]
        }
        "instance-type" => vec![instance.instance_type.clone()],
        "instance-lifecycle" => match instance.market {
            Market::OnDemand => Vec::new(),
            market => vec![market.usage_class().to_owned()],
        },
        "image-id" => vec![instance.image.clone()],
        "vpc-id" if attached => vec![instance.vpc.clone()],
        "subnet-id" if attached => vec![instance.subnet.clone()],
        "vpc-id" | "subnet-id" => Vec::new(),
        "availability-zone" => vec![instance.zone.clone()],
        "client-token" => some(&instance.client_token),
        "placement-group-name" => some(&instance.placement_group),
        "reservation-id" => vec![instance.reservation.clone()],
        "capacity-reservation-id" => some(&instance.capacity_reservation),
        "instance.group-id" | "network-interface.group-id" => enis().flat_map(|eni| eni.groups.clone()).collect(),
        "iam-instance-profile.arn" => instance.profile.iter().map(|(arn, _)| arn.clone()).collect(),
        "key-name" => some(&instance.key_name),
        "private-ip-address" => enis().filter_map(|eni| eni.address).map(|it| it.to_string()).collect(),
        "spot-instance-request-id" => some(&instance.spot_request),
        "block-device-mapping.volume-id" => instance.disks.iter().map(|disk| disk.volume.clone()).collect(),
        "owner-id" => vec![call.account()],
        _ => vec![instance.tenancy.clone()],
    }
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let query = Query::take(call, "InstanceId", FILTERS)?;
    if query.is_paged() && !query.ids.is_empty() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    check_known(&query.ids, |id| call.see::<Instance>(id).is_some())?;
    let (found, next) = query.run::<Instance>(call, missing, |instance, name| filter_values(call, instance, name))?;
    let mut launches: BTreeMap<&str, Vec<Xml>> = BTreeMap::new();
    for instance in found {
        launches.entry(&instance.reservation).or_default().push(instance_xml(call, instance));
    }
    let items = launches.into_iter().map(|(id, instances)| reservation_xml(call, id, instances));
    Ok(listing("reservationSet", items, next))
}

fn describe_status(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let all = call.params.flag("IncludeAllInstances")?;
    let known = ["availability-zone", "instance-state-name", "instance-status.status", "system-status.status"];
    let query = Query::take(call, "InstanceId", &known)?;
    let status = |instance: &Instance| match instance.life.state(call.now) {
        "running" if call.now >= instance.checks_passed => "ok",
        "running" => "initializing",
        _ => "not-applicable",
    };
    let (found, next) = query.run::<Instance>(call, missing, |instance, name| {
        vec![match name {
            "availability-zone" => instance.zone.clone(),
            "instance-state-name" => instance.life.state(call.now).to_owned(),
            _ => status(instance).to_owned(),
        }]
    })?;
    let shown = found.into_iter().filter(|instance| all || instance.life.state(call.now) == "running");
    let items = shown.map(|instance| {
        let status = status(instance);
        let check = || {
            let reach = match status {
                "ok" => Some("passed"),
                "initializing" => Some("initializing"),
                _ => None,
            };
            let details = reach.map(|reach| Xml::new().text("name", "reachability").text("status", reach));
            Xml::new().text("status", status).list("details", "item", details)
        };
        Xml::new()
            .text("instanceId", &instance.id)
            .text("availabilityZone", &instance.zone)
            .child("instanceState", state_xml(instance.life.state(call.now)))
            .child("instanceStatus", check())
            .child("systemStatus", check())
    });
    Ok(listing("instanceStatusSet", items, next))
}

fn describe_attribute(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InstanceId")?;
    let attribute = call.params.text("Attribute")?;
    let instance = call.see::<Instance>(&id).ok_or_else(|| missing(&id))?;
    let value = match attribute.as_str() {
        "userData" => instance.user_data.clone(),
        "instanceType" => Some(instance.instance_type.clone()),
        "disableApiTermination" => Some(instance.protected.to_string()),
        "instanceInitiatedShutdownBehavior" => Some(instance.shutdown.clone()),
        "rootDeviceName" => Some(instance.root_device.clone()),
        "ebsOptimized" => Some("true".to_owned()),
        other => return Err(ApiError::not_implemented(format!("the instance attribute {other}"))),
    };
    Ok(Reply::xml(Xml::new().text("instanceId", id).child(attribute, Xml::new().text_opt("value", value))))
}
