//! RunInstances.

use super::addresses::new_public_ip;
use super::capacity::{self, Site};
use super::catalogue::{InstanceType, instance_type};
use super::instance_view::{instance_xml, reservation_xml};
use super::instances::{Disk, Instance, Market};
use super::interfaces::{Attachment, Interface, PublicAddress};
use super::invalid;
use super::launch_network::{self, Network};
use super::launch_options::{
    combination, take_image, take_market, take_metadata, take_placement, take_profile, take_reservation, take_user_data,
};
use super::reservations;
use super::spot::spot_price;
use super::subnets::free_addresses;
use super::tags::TagSpecs;
use super::volumes::{self, Volume, VolumeSpec};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::{Life, durations};
use crate::service::{Operation, create};
use crate::throttle::rate;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[create("RunInstances", launch, show)];

/// What every instance of a launch has in common.
struct Launch {
    kind: &'static InstanceType,
    network: Network,
    volumes: Vec<VolumeSpec>,
    market: Market,
    template: Instance,
    tags: TagSpecs,
}

fn launch(call: &mut Call<'_>) -> Result<String, ApiError> {
    if call.token.as_ref().is_some_and(|token| token.len() > 64 || !token.is_ascii()) {
        return Err(invalid("Invalid client token: at most 64 ASCII characters"));
    }
    let counts = take_counts(call)?;
    let token = call.token.clone();
    let launch = take_launch(call, token)?;
    let target = launch.template.target_reservation.clone();
    let target = target.map(|id| reservations::usable(call, &id, &launch.template)).transpose()?;
    if launch.market == Market::CapacityBlock && !target.as_ref().is_some_and(|it| it.is_block) {
        return Err(combination(
            "MarketType capacity-block needs a CapacityReservationTarget with the id of a Capacity Block",
        ));
    }
    if launch.market != Market::CapacityBlock && target.as_ref().is_some_and(|it| it.is_block) {
        return Err(combination("A Capacity Block can be used with MarketType capacity-block only"));
    }
    let zone = launch.network.subnet.zone.clone();
    let site = Site { kind: launch.kind, zone: &zone, market: launch.market };
    let may_use_open = launch.template.reservation_preference != "none";
    let slots = capacity::admit(call, &site, counts, target.as_ref(), may_use_open)?;
    // Machines are counted by a bucket of their own beside the one for calls.
    call.charge("ec2:RunInstances/instances", rate(1000.0, 2.0), slots.len() as f64)?;

    let reservation = call.world.new_id("r-");
    start(call, &launch, &reservation, slots)?;
    Ok(reservation)
}

/// The launch, also when its instances are terminated by now.
fn show(call: &Call<'_>, reservation: &str) -> Option<Reply> {
    let mut instances: Vec<_> = call.all::<Instance>().filter(|it| it.reservation == reservation).collect();
    instances.sort_by_key(|instance| instance.index);
    let items: Vec<_> = instances.into_iter().map(|instance| instance_xml(call, instance)).collect();
    Some(Reply::xml(reservation_xml(call, reservation, items)))
}

fn take_counts(call: &mut Call<'_>) -> Result<(u64, u64), ApiError> {
    let (min, max) = (call.params.int("MinCount")?, call.params.int("MaxCount")?);
    match (u64::try_from(min), u64::try_from(max)) {
        (Ok(low @ 1..), Ok(high)) if low <= high => Ok((low, high)),
        _ => Err(invalid(format!("Value ({min}) for parameter minCount is invalid. Expecting 1 to maxCount ({max})."))),
    }
}

fn take_launch(call: &mut Call<'_>, token: Option<String>) -> Result<Launch, ApiError> {
    let type_name = call.params.text_opt("InstanceType")?.ok_or_else(|| {
        // EC2 takes a default for it that nothing here can run.
        ApiError::not_implemented("ec2:RunInstances without InstanceType")
    })?;
    let kind =
        instance_type(&type_name).ok_or_else(|| invalid(format!("Invalid value '{type_name}' for InstanceType.")))?;
    let image = take_image(call, kind)?;
    let network = launch_network::take(call, kind)?;
    let volumes = volumes::take(call, &image)?;
    let zone = network.subnet.zone.clone();
    let unsupported = |message: String| ApiError::bad("Unsupported", message);
    if !kind.is_offered(&zone) {
        let region = call.region;
        let zones: Vec<String> = kind.zones(region).chars().map(|letter| format!("{region}{letter}")).collect();
        return Err(unsupported(format!(
            "Your requested instance type ({type_name}) is not supported in your requested Availability Zone ({zone}). \
             Please retry your request by not specifying an Availability Zone or choosing {}.",
            if zones.is_empty() { "another region".to_owned() } else { zones.join(", ") }
        )));
    }
    let (market, interruption_free_price) = take_market(call, kind)?;
    if let Some(maximum) = interruption_free_price {
        let price = spot_price(kind, &zone, call.now);
        if maximum < price {
            let message = format!(
                "Your Spot request price of {maximum} is lower than the minimum required Spot request fulfillment price of {price}."
            );
            return Err(ApiError::bad("SpotMaxPriceTooLow", message));
        }
    }
    let (placement_group, tenancy) = take_placement(call, kind, &zone, market)?;
    let (preference, target) = take_reservation(call)?;
    let profile = take_profile(call)?;
    let user_data = take_user_data(call)?;
    let metadata = take_metadata(call)?;
    let monitoring = match call.params.child_opt("Monitoring")? {
        Some(mut monitoring) => monitoring.flag("Enabled")?,
        None => false,
    };
    let shutdown = call.params.text_opt("InstanceInitiatedShutdownBehavior")?.unwrap_or_else(|| "stop".to_owned());
    if !["stop", "terminate"].contains(&shutdown.as_str()) {
        return Err(call.params.invalid("instanceInitiatedShutdownBehavior", shutdown, "Expecting stop or terminate."));
    }
    // Any name will do: a rehearsal has no keys, and nobody logs in.
    let key_name = call.params.text_opt("KeyName")?;
    // Every type of the catalogue is EBS-optimized, asked for or not.
    let _asked = call.params.flag_opt("EbsOptimized")?;
    let protected = call.params.flag("DisableApiTermination")?;
    let taggable = ["instance", "volume", "network-interface", "spot-instances-request"];
    let tags = TagSpecs::take(call, &taggable)?;
    let running = call.done_after(durations::INSTANCE_START);
    let checks = if kind.is_accelerated() { durations::CHECKS_GPU } else { durations::CHECKS };
    let template = Instance {
        id: String::new(),
        created: call.now,
        reservation: String::new(),
        index: 0,
        image: image.id.clone(),
        instance_type: type_name,
        arch: kind.arch.clone(),
        zone,
        vpc: network.subnet.vpc.clone(),
        subnet: network.subnet.id.clone(),
        interfaces: Vec::new(),
        disks: Vec::new(),
        root_device: image.root_device.to_owned(),
        key_name,
        profile,
        placement_group,
        tenancy,
        market,
        spot_request: None,
        reservation_preference: preference,
        target_reservation: target,
        capacity_reservation: None,
        user_data,
        monitoring,
        shutdown,
        protected,
        metadata,
        client_token: token,
        life: Life::begin(call.now, "pending").then(running, "running"),
        checks_passed: call.done_after(checks).max(running),
        reason: None,
        timer: None,
        released: false,
        forgotten: false,
        auto_public: network.interfaces.first().is_some_and(|it| it.public),
    };
    Ok(Launch { kind, network, volumes, market, template, tags })
}

/// Makes the instances with their interfaces and volumes.
fn start(call: &mut Call<'_>, launch: &Launch, reservation: &str, slots: Vec<Option<String>>) -> Result<(), ApiError> {
    let subnet = &launch.network.subnet;
    let with_address = launch.network.interfaces.iter().filter(|it| it.interface_type != "efa-only").count();
    let addresses = free_addresses(call.world, call.region, subnet, with_address * slots.len())?;
    let mut addresses = addresses.into_iter();
    for (index, slot) in slots.into_iter().enumerate() {
        let mut instance = launch.template.clone();
        instance.id = call.world.new_id("i-");
        instance.reservation = reservation.to_owned();
        instance.index = index;
        instance.capacity_reservation = slot;
        if launch.market == Market::Spot {
            let request = format!("sir-{}", call.world.new_hex(8));
            launch.tags.apply(call, "spot-instances-request", &request);
            instance.spot_request = Some(request);
        }
        for wanted in &launch.network.interfaces {
            let attachment = Attachment {
                id: call.world.new_id("eni-attach-"),
                instance: Some(instance.id.clone()),
                device: wanted.device,
                card: wanted.card,
                delete_on_termination: wanted.delete_on_termination,
                at: call.now,
            };
            let public = wanted.public.then(|| PublicAddress {
                ip: new_public_ip(call.world),
                allocation: None,
                association: None,
            });
            let eni = Interface {
                id: call.world.new_id("eni-"),
                created: call.now,
                subnet: subnet.id.clone(),
                vpc: subnet.vpc.clone(),
                zone: subnet.zone.clone(),
                address: if wanted.interface_type == "efa-only" { None } else { addresses.next() },
                groups: wanted.groups.clone(),
                description: wanted.description.clone(),
                interface_type: wanted.interface_type.clone(),
                requester: None,
                attachment: Some(attachment),
                public,
            };
            launch.tags.apply(call, "network-interface", &eni.id);
            instance.interfaces.push(eni.id.clone());
            call.put(eni);
        }
        for spec in &launch.volumes {
            let volume = Volume {
                id: call.world.new_id("vol-"),
                created: call.now,
                zone: subnet.zone.clone(),
                spec: spec.clone(),
                instance: Some(instance.id.clone()),
            };
            launch.tags.apply(call, "volume", &volume.id);
            instance.disks.push(Disk {
                device: spec.device.clone(),
                volume: volume.id.clone(),
                delete_on_termination: spec.delete_on_termination,
            });
            call.put(volume);
        }
        launch.tags.apply(call, "instance", &instance.id);
        call.put(instance);
    }
    Ok(())
}
