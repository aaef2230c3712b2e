//! RunInstances.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::addresses::new_public_ip;
use super::capacity::{self, Site};
use super::catalogue::{InstanceType, instance_type};
use super::instances::{Disk, Instance, Market, Metadata, instance_xml, reservation_xml};
use super::interfaces::{Attachment, Interface, PublicAddress};
use super::launch_network::{self, Network};
use super::placement::{self, PlacementGroup};
use super::reservations::{self, Reservation};
use super::spot::spot_price;
use super::subnets::free_addresses;
use super::tags::TagSpecs;
use super::volumes::{self, Volume, VolumeSpec};
use super::{invalid, token_mismatch};
use crate::call::Call;
use crate::client_token::{Replay, remember, replay};
use crate::error::ApiError;
use crate::iam_model::{ProfileProblem, usable_profile};
use crate::images::{Image, image};
use crate::life::{Life, after, durations};
use crate::service::{Operation, write};
use crate::throttle::rate;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[write("RunInstances", run_instances)];

/// What every instance of a launch has in common.
struct Launch {
    kind: &'static InstanceType,
    image: Image,
    network: Network,
    volumes: Vec<VolumeSpec>,
    market: Market,
    template: Instance,
    tags: TagSpecs,
}

fn combination(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterCombination", message)
}

fn run_instances(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let fingerprint = call.params.fingerprint(&["ClientToken"]);
    let token = call.params.text_opt("ClientToken")?;
    if token.as_ref().is_some_and(|token| token.len() > 64 || !token.is_ascii()) {
        return Err(invalid("Invalid client token: at most 64 ASCII characters"));
    }
    let counts = take_counts(call)?;
    match replay(call, "RunInstances", token.as_deref(), &fingerprint) {
        Replay::Differs => return Err(token_mismatch()),
        // The first launch again, also when its instances are terminated by now.
        Replay::Same(reservation) => {
            call.params.rest();
            let instances: Vec<_> = call.all::<Instance>().filter(|it| it.reservation == reservation).collect();
            let items: Vec<_> = instances.iter().map(|instance| instance_xml(call, instance)).collect();
            return Ok(Reply::xml(reservation_xml(call, &reservation, items)));
        }
        Replay::Fresh => {}
    }
    let launch = take_launch(call, token.clone())?;
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
    let instances = start(call, &launch, &reservation, slots)?;
    remember(call, "RunInstances", token.as_deref(), fingerprint, &reservation);
    let items: Vec<_> = instances.iter().map(|instance| instance_xml(call, instance)).collect();
    Ok(Reply::xml(reservation_xml(call, &reservation, items)))
}

fn take_counts(call: &mut Call<'_>) -> Result<(u64, u64), ApiError> {
    let (min, max) = (call.params.int("MinCount")?, call.params.int("MaxCount")?);
    match (u64::try_from(min), u64::try_from(max)) {
        (Ok(low @ 1..), Ok(high)) if low <= high => Ok((low, high)),
        _ => Err(invalid(format!("Value ({min}) for parameter minCount is invalid. Expecting 1 to maxCount ({max})."))),
    }
}

fn take_launch(call: &mut Call<'_>, token: Option<String>) -> Result<Launch, ApiError> {
    let type_name = call.params.text("InstanceType")?;
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
    };
    Ok(Launch { kind, image, network, volumes, market, template, tags })
}

fn take_image(call: &mut Call<'_>, kind: &InstanceType) -> Result<Image, ApiError> {
    let id = call.params.text("ImageId")?;
    let hex = id.strip_prefix("ami-").unwrap_or_default();
    if !(hex.len() == 8 || hex.len() == 17) || !hex.chars().all(|ch| ch.is_ascii_hexdigit()) {
        return Err(ApiError::bad("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")")));
    }
    let image = image(&id, call.region)
        .ok_or_else(|| ApiError::bad("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))?;
    if image.architecture != kind.arch {
        return Err(invalid(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified \
             AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
            kind.arch, image.architecture
        )));
    }
    Ok(image)
}

/// The market, and the most that is to be paid for spot instances, if that is limited.
fn take_market(call: &mut Call<'_>, kind: &InstanceType) -> Result<(Market, Option<f64>), ApiError> {
    let Some(mut options) = call.params.child_opt("InstanceMarketOptions")? else {
        return Ok((Market::OnDemand, None));
    };
    let name = options.text_opt("MarketType")?;
    let spot = options.child_opt("SpotOptions")?;
    let market = match name.as_deref() {
        None | Some("on-demand") => Market::OnDemand,
        Some("spot") => Market::Spot,
        Some("capacity-block") => Market::CapacityBlock,
        Some(other) => return Err(options.invalid("MarketType", other, "Expecting spot or capacity-block.")),
    };
    let class = market.usage_class();
    if !kind.usage_classes.iter().any(|known| known == class) {
        let message = format!("The instance type {} is not available in the market {class}", kind.name);
        return Err(ApiError::bad("Unsupported", message));
    }
    let mut maximum = None;
    if let Some(mut spot) = spot {
        if market != Market::Spot {
            return Err(combination("SpotOptions can be used with MarketType spot only"));
        }
        if let Some(text) = spot.text_opt("MaxPrice")? {
            let price: f64 = text.parse().map_err(|_| spot.invalid("MaxPrice", &text, "A price is expected."))?;
            maximum = Some(price);
        }
        match spot.text_opt("SpotInstanceType")?.as_deref() {
            None | Some("one-time") => {}
            Some(other) => return Err(ApiError::not_implemented(format!("SpotInstanceType {other}"))),
        }
        match spot.text_opt("InstanceInterruptionBehavior")?.as_deref() {
            None | Some("terminate") => {}
            Some(other) => {
                let message = format!("The interruption behavior {other} needs a persistent Spot request");
                return Err(combination(message));
            }
        }
    }
    Ok((market, maximum))
}

fn take_placement(
    call: &mut Call<'_>,
    kind: &InstanceType,
    zone: &str,
    market: Market,
) -> Result<(Option<String>, String), ApiError> {
    let default = "default".to_owned();
    let Some(mut placement) = call.params.child_opt("Placement")? else { return Ok((None, default)) };
    let group = placement.text_opt("GroupName")?.filter(|name| !name.is_empty());
    let wanted = placement.text_opt("AvailabilityZone")?.filter(|zone| !zone.is_empty());
    let tenancy = placement.text_opt("Tenancy")?.unwrap_or(default);
    if !["default", "dedicated"].contains(&tenancy.as_str()) {
        return Err(placement.invalid("Tenancy", tenancy, "Expecting default or dedicated."));
    }
    if wanted.as_deref().is_some_and(|wanted| wanted != zone) {
        let wanted = wanted.unwrap_or_default();
        return Err(invalid(format!("The availability zone {wanted} does not match that of the subnet, {zone}")));
    }
    if let Some(name) = &group {
        let facts = call.find::<PlacementGroup>(name).ok_or_else(|| placement::unknown(name))?;
        if market == Market::CapacityBlock {
            return Err(combination("Placement groups are not supported for launches into a Capacity Block"));
        }
        if facts.strategy == "cluster" {
            if kind.family().starts_with('t') && !kind.is_accelerated() {
                let message = format!(
                    "Cluster placement groups are not supported by the '{}' instance type. Specify a supported instance type or change the placement group strategy, and try again.",
                    kind.name
                );
                return Err(combination(message));
            }
            let elsewhere = call.all::<Instance>().find(|it| {
                it.placement_group.as_ref() == Some(name) && it.zone != zone && it.life.state(call.now) != "terminated"
            });
            if let Some(other) = elsewhere {
                return Err(invalid(format!(
                    "The cluster placement group '{name}' has instances in {}: it cannot span Availability Zones",
                    other.zone
                )));
            }
        }
    }
    Ok((group, tenancy))
}

fn take_reservation(call: &mut Call<'_>) -> Result<(String, Option<String>), ApiError> {
    let open = "open".to_owned();
    let Some(mut spec) = call.params.child_opt("CapacityReservationSpecification")? else { return Ok((open, None)) };
    let preference = spec.text_opt("CapacityReservationPreference")?;
    let target = match spec.child_opt("CapacityReservationTarget")? {
        Some(mut target) => Some(target.text("CapacityReservationId")?),
        None => None,
    };
    if let Some(preference) = &preference {
        if !["open", "none", "capacity-reservations-only"].contains(&preference.as_str()) {
            return Err(spec.invalid("CapacityReservationPreference", preference, "Unknown preference."));
        }
        if target.is_some() && preference != "capacity-reservations-only" {
            return Err(combination("CapacityReservationPreference and CapacityReservationTarget exclude each other"));
        }
    }
    Ok((preference.unwrap_or(open), target))
}

fn take_profile(call: &mut Call<'_>) -> Result<Option<(String, String)>, ApiError> {
    let Some(mut spec) = call.params.child_opt("IamInstanceProfile")? else { return Ok(None) };
    let (name, arn) = (spec.text_opt("Name")?, spec.text_opt("Arn")?);
    let (value, field, noun) = match (name, arn) {
        (Some(name), None) => (name, "iamInstanceProfile.name", "name"),
        (None, Some(arn)) => (arn, "iamInstanceProfile.arn", "ARN"),
        (None, None) => return Ok(None),
        _ => {
            let message =
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
            return Err(combination(message));
        }
    };
    match usable_profile(call.world, &value, call.now) {
        Ok(profile) => Ok(Some((profile.arn.clone(), profile.unique_id.clone()))),
        Err(ProfileProblem::Unknown) => Err(invalid(format!(
            "Value ({value}) for parameter {field} is invalid. Invalid IAM Instance Profile {noun}"
        ))),
        Err(ProfileProblem::Empty) => {
            Err(invalid(format!("IAM Instance Profile \"{value}\" has no associated IAM Roles")))
        }
    }
}

fn take_user_data(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    let Some(text) = call.params.text_opt("UserData")? else { return Ok(None) };
    let Ok(bytes) = STANDARD.decode(text.trim()) else {
        return Err(ApiError::bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."));
    };
    if bytes.len() > 16384 {
        return Err(invalid("User data is limited to 16384 bytes"));
    }
    Ok(Some(text))
}

fn take_metadata(call: &mut Call<'_>) -> Result<Metadata, ApiError> {
    let mut metadata = Metadata {
        tokens: "optional".to_owned(),
        hop_limit: 1,
        endpoint: "enabled".to_owned(),
        ipv6: "disabled".to_owned(),
        tags: "disabled".to_owned(),
    };
    let Some(mut options) = call.params.child_opt("MetadataOptions")? else { return Ok(metadata) };
    for (field, slot, allowed) in [
        ("HttpTokens", &mut metadata.tokens, ["optional", "required"]),
        ("HttpEndpoint", &mut metadata.endpoint, ["enabled", "disabled"]),
        ("HttpProtocolIpv6", &mut metadata.ipv6, ["enabled", "disabled"]),
        ("InstanceMetadataTags", &mut metadata.tags, ["enabled", "disabled"]),
    ] {
        if let Some(value) = options.text_opt(field)? {
            if !allowed.contains(&value.as_str()) {
                return Err(options.invalid(field, value, format!("Expecting {} or {}.", allowed[0], allowed[1])));
            }
            *slot = value;
        }
    }
    if let Some(hops) = options.int_opt("HttpPutResponseHopLimit")? {
        if !(1..=64).contains(&hops) {
            return Err(options.invalid("HttpPutResponseHopLimit", hops, "Expecting 1 to 64."));
        }
        metadata.hop_limit = hops;
    }
    Ok(metadata)
}

/// Makes the instances with their interfaces and volumes.
fn start(
    call: &mut Call<'_>,
    launch: &Launch,
    reservation: &str,
    slots: Vec<Option<String>>,
) -> Result<Vec<Instance>, ApiError> {
    let subnet = &launch.network.subnet;
    let with_address = launch.network.interfaces.iter().filter(|it| it.interface_type != "efa-only").count();
    let addresses = free_addresses(call.world, call.region, subnet, with_address * slots.len())?;
    let mut addresses = addresses.into_iter();
    let mut instances = Vec::new();
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
        instances.push(instance.clone());
        call.put(instance);
    }
    debug_assert_eq!(launch.image.id, launch.template.image);
    Ok(instances)
}

/// The sandbox time at which a Capacity Block's instances are taken away: half an hour before its end.
pub(super) fn block_eviction(reservation: &Reservation) -> Option<jiff::Timestamp> {
    let end = reservation.end?;
    let half_hour = std::time::Duration::from_secs(1800);
    let start = after(reservation.start, std::time::Duration::ZERO);
    end.checked_sub(jiff::SignedDuration::try_from(half_hour).ok()?).ok().map(|at| at.max(start))
}
