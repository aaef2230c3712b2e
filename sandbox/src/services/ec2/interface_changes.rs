//! Interfaces of the account's own: made, attached, detached.

use std::net::Ipv4Addr;

use super::catalogue::instance_type;
use super::groups::{check_groups, default_group};
use super::instances::{self, Instance};
use super::interfaces::{Attachment, Interface, interface_xml, missing};
use super::subnets::{self, Subnet, free_addresses, is_free};
use super::tags::TagSpecs;
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, create, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateNetworkInterface", make, show),
    write("AttachNetworkInterface", attach),
    write("DetachNetworkInterface", detach),
];

/// The address that a request names, if it is free in the subnet, else the next one.
fn address(call: &mut Call<'_>, subnet: &Subnet) -> Result<Option<Ipv4Addr>, ApiError> {
    let Some(text) = call.params.text_opt("PrivateIpAddress")? else {
        return Ok(free_addresses(call.world, call.region, subnet, 1)?.pop());
    };
    let wrong = || invalid(format!("Address {text} does not fall within the subnet's address range"));
    let address: Ipv4Addr = text.parse().map_err(|_| invalid(format!("Invalid IPv4 address: {text}")))?;
    match is_free(call.world, call.region, subnet, address) {
        None => Err(wrong()),
        Some(false) => Err(ApiError::bad("InvalidIPAddress.InUse", format!("Address {text} is in use."))),
        Some(true) => Ok(Some(address)),
    }
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let subnet = call.params.text("SubnetId")?;
    let groups = call.params.texts("SecurityGroupId")?;
    let description = call.params.text_opt("Description")?.unwrap_or_default();
    let interface_type = call.params.text_opt("InterfaceType")?.unwrap_or_else(|| "interface".to_owned());
    let tags = TagSpecs::take(call, &["network-interface"])?;
    if !["interface", "efa", "efa-only"].contains(&interface_type.as_str()) {
        return Err(ApiError::not_implemented(format!("network interfaces of the type {interface_type}")));
    }
    let subnet = call.find::<Subnet>(&subnet).cloned().ok_or_else(|| subnets::missing(&subnet))?;
    let groups = if groups.is_empty() {
        default_group(call.world, call.region, &subnet.vpc).into_iter().collect()
    } else {
        check_groups(call.world, call.region, &groups, &subnet.vpc)?;
        groups
    };
    let address = if interface_type == "efa-only" { None } else { address(call, &subnet)? };
    let id = call.world.new_id("eni-");
    let eni = Interface {
        id: id.clone(),
        created: call.now,
        subnet: subnet.id,
        vpc: subnet.vpc,
        zone: subnet.zone,
        address,
        groups,
        description,
        interface_type,
        requester: None,
        attachment: None,
        public: None,
    };
    tags.apply(call, "network-interface", &id);
    call.put(eni);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::xml(Xml::new().child("networkInterface", interface_xml(call, call.get::<Interface>(id)?))))
}

fn number(call: &mut Call<'_>, field: &str, default: Option<usize>) -> Result<usize, ApiError> {
    match (call.params.int_opt(field)?, default) {
        (Some(value), _) => {
            usize::try_from(value).map_err(|_| invalid(format!("Value ({value}) for parameter {field} is invalid.")))
        }
        (None, Some(default)) => Ok(default),
        (None, None) => Err(call.params.missing(field)),
    }
}

fn attach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let eni = call.params.text("NetworkInterfaceId")?;
    let id = call.params.text("InstanceId")?;
    let device = number(call, "DeviceIndex", None)?;
    let card = number(call, "NetworkCardIndex", Some(0))?;
    let mut eni = call.find::<Interface>(&eni).cloned().ok_or_else(|| missing(&eni))?;
    let mut instance = call.find::<Instance>(&id).cloned().ok_or_else(|| instances::missing(&id))?;
    if eni.attachment.is_some() {
        let message = format!("Interface: [{}] in use.", eni.id);
        return Err(ApiError::bad("InvalidNetworkInterface.InUse", message));
    }
    if !matches!(instance.life.state(call.now), "running" | "stopped") {
        let message = format!("The instance '{id}' is not in a state in which an interface can be attached to it.");
        return Err(ApiError::bad("IncorrectState", message));
    }
    if eni.zone != instance.zone {
        let message = "You may not attach a network interface to an instance if they are not in the same availability \
                       zone";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    let attached = |id: &String| call.get::<Interface>(id).and_then(|eni| eni.attachment.clone());
    let places: Vec<(usize, usize)> =
        instance.interfaces.iter().filter_map(attached).map(|it| (it.card, it.device)).collect();
    if places.contains(&(card, device)) {
        return Err(invalid(format!("Instance '{id}' already has an interface attached at device index '{device}'.")));
    }
    let limit = instance_type(&instance.instance_type)
        .and_then(|kind| kind.cards.get(card))
        .map_or(0, |facts| facts.max_interfaces);
    if places.iter().filter(|(on, _)| *on == card).count() >= limit || device >= limit {
        let message = format!("Interface count {} exceeds the limit for {}", places.len() + 1, instance.instance_type);
        return Err(ApiError::bad("AttachmentLimitExceeded", message));
    }
    let attachment = Attachment {
        id: call.world.new_id("eni-attach-"),
        instance: Some(id),
        device,
        card,
        delete_on_termination: false,
        at: call.now,
    };
    let xml = Xml::new().text("attachmentId", &attachment.id).text("networkCardIndex", card);
    instance.interfaces.push(eni.id.clone());
    eni.attachment = Some(attachment);
    call.put(eni);
    call.put(instance);
    Ok(Reply::xml(xml))
}

fn detach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AttachmentId")?;
    let _force = call.params.flag("Force")?;
    let is_it = |eni: &&Interface| eni.attachment.as_ref().is_some_and(|attachment| attachment.id == id);
    let mut eni = call.all::<Interface>().find(is_it).cloned().ok_or_else(|| {
        ApiError::bad("InvalidAttachmentID.NotFound", format!("The attachment '{id}' does not exist."))
    })?;
    let Some(attachment) = eni.attachment.take() else { return done() };
    let Some(instance) = attachment.instance else {
        let message = "You do not have permission to access the specified resource.";
        return Err(ApiError::bad("AuthFailure", message));
    };
    if (attachment.card, attachment.device) == (0, 0) {
        let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
        return Err(ApiError::bad("OperationNotPermitted", message));
    }
    call.update::<Instance>(&instance, |instance| instance.interfaces.retain(|other| *other != eni.id));
    call.put(eni);
    done()
}
