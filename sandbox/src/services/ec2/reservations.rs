//! Capacity reservations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::blocks::eviction;
use super::capacity::{free_machines, no_capacity};
use super::catalogue::{instance_type, zones};
use super::filters::{Query, listing};
use super::instances::Instance;
use super::tags::{TagSpecs, tag_set};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, create, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateCapacityReservation", make, show),
    read("DescribeCapacityReservations", describe),
    write("CancelCapacityReservation", cancel),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) instance_type: String,
    pub(super) platform: String,
    pub(super) zone: String,
    pub(super) tenancy: String,
    pub(super) count: u64,
    /// Takes any matching instance; else only those that name it.
    pub(super) is_open: bool,
    pub(super) is_block: bool,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) placement_group_arn: Option<String>,
    pub(super) cancelled: bool,
    pub(super) timer: Option<Timestamp>,
}

impl Object for Reservation {
    const KIND: &'static str = "ec2/capacity-reservation";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn state(&self, now: Timestamp) -> &str {
        self.phase(now)
    }
}

impl Reservation {
    fn phase(&self, now: Timestamp) -> &'static str {
        if self.cancelled {
            "cancelled"
        } else if self.end.is_some_and(|end| end <= now) {
            "expired"
        } else if now < self.start {
            "scheduled"
        } else {
            "active"
        }
    }

    pub(super) fn is_active(&self, now: Timestamp) -> bool {
        self.phase(now) == "active"
    }

    /// Whether its machines are set aside.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        matches!(self.phase(now), "active" | "scheduled")
    }

    /// How many of its machines run nothing.
    pub(super) fn free(&self, call: &Call<'_>) -> u64 {
        let uses =
            |instance: &&Instance| instance.capacity_reservation.as_ref() == Some(&self.id) && instance.is_up(call.now);
        self.count.saturating_sub(call.all::<Instance>().filter(uses).count() as u64)
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    let message = format!("The capacity reservation '{id}' does not exist");
    ApiError::bad("InvalidCapacityReservationId.NotFound", message)
}

/// A reservation that a launch names, if the launch fits it.
pub(super) fn usable(call: &Call<'_>, id: &str, instance: &Instance) -> Result<Reservation, ApiError> {
    let reservation = call.find::<Reservation>(id).cloned().ok_or_else(|| missing(id))?;
    let state = reservation.phase(call.now);
    if state != "active" {
        let message = format!("The capacity reservation {id} is {state}");
        return Err(ApiError::bad("InvalidCapacityReservationState", message));
    }
    if reservation.is_block && eviction(&reservation).is_some_and(|at| at <= call.now) {
        let message = format!("The Capacity Block {id} is about to end and takes no more instances");
        return Err(ApiError::bad("InvalidCapacityReservationState", message));
    }
    for (what, has, wants) in [
        ("instance type", &reservation.instance_type, &instance.instance_type),
        ("Availability Zone", &reservation.zone, &instance.zone),
        ("tenancy", &reservation.tenancy, &instance.tenancy),
    ] {
        if has != wants {
            let message = format!("The {what} of the capacity reservation {id} is {has}, not {wants}");
            return Err(invalid(message));
        }
    }
    Ok(reservation)
}

pub(super) fn time(call: &mut Call<'_>, field: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = call.params.text_opt(field)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| call.params.invalid(field, text, "A time is expected."))
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let kind = call.params.text("InstanceType")?;
    let platform = call.params.text("InstancePlatform")?;
    let zone_name = call.params.text_opt("AvailabilityZone")?;
    let by_id = call.params.text_opt("AvailabilityZoneId")?;
    let count = call.params.int("InstanceCount")?;
    let tenancy = call.params.text_opt("Tenancy")?.unwrap_or_else(|| "default".to_owned());
    let criteria = call.params.text_opt("InstanceMatchCriteria")?.unwrap_or_else(|| "open".to_owned());
    let end_type = call.params.text_opt("EndDateType")?;
    let end = time(call, "EndDate")?;
    let placement_group_arn = call.params.text_opt("PlacementGroupArn")?;
    let _every_type_is_optimized = call.params.flag_opt("EbsOptimized")?;
    let tags = TagSpecs::take(call, &["capacity-reservation"])?;
    let facts = instance_type(&kind).ok_or_else(|| invalid(format!("Invalid value '{kind}' for InstanceType.")))?;
    let zones = zones(call.region);
    let named = zones.iter().find(|(name, id)| Some(name) == zone_name.as_ref() || Some(id) == by_id.as_ref());
    let zone = named.map(|(name, _)| name.clone()).ok_or_else(|| call.params.missing("AvailabilityZone"))?;
    if !facts.is_offered(&zone) {
        let message = format!("The instance type {kind} is not supported in {zone}");
        return Err(ApiError::bad("Unsupported", message));
    }
    if platform != "Linux/UNIX" {
        return Err(ApiError::not_implemented(format!("InstancePlatform {platform}")));
    }
    if !["open", "targeted"].contains(&criteria.as_str()) {
        return Err(call.params.invalid("InstanceMatchCriteria", criteria, "Expecting open or targeted."));
    }
    let count = u64::try_from(count).ok().filter(|count| (1..=1000).contains(count));
    let count = count.ok_or_else(|| invalid("InstanceCount is invalid: 1 to 1000"))?;
    match (end_type.as_deref(), end) {
        (None | Some("unlimited"), None) => {}
        (Some("limited"), Some(end)) if end > call.now => {}
        _ => {
            let message = "EndDate belongs to EndDateType limited, and lies in the future";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
    }
    if free_machines(call, &kind, &zone) < count {
        return Err(no_capacity(&kind, &zone));
    }
    let id = call.world.new_id("cr-");
    let reservation = Reservation {
        id: id.clone(),
        created: call.now,
        instance_type: kind,
        platform,
        zone,
        tenancy,
        count,
        is_open: criteria == "open",
        is_block: false,
        start: call.now,
        end,
        placement_group_arn,
        cancelled: false,
        timer: None,
    };
    tags.apply(call, "capacity-reservation", &id);
    call.put(reservation);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::xml(Xml::new().child("capacityReservation", reservation_xml(call, call.get::<Reservation>(id)?))))
}

pub(super) fn reservation_xml(call: &Call<'_>, reservation: &Reservation) -> Xml {
    Xml::new()
        .text("capacityReservationId", &reservation.id)
        .text("ownerId", call.account())
        .text("capacityReservationArn", call.arn(format!("capacity-reservation/{}", reservation.id)))
        .text("instanceType", &reservation.instance_type)
        .text("instancePlatform", &reservation.platform)
        .text("availabilityZone", &reservation.zone)
        .text_opt("availabilityZoneId", super::catalogue::zone_id(&reservation.zone))
        .text("tenancy", &reservation.tenancy)
        .text("totalInstanceCount", reservation.count)
        .text("availableInstanceCount", reservation.free(call))
        .text("ebsOptimized", true)
        .text("ephemeralStorage", false)
        .text("state", reservation.phase(call.now))
        .text("startDate", reservation.start)
        .text_opt("endDate", reservation.end)
        .text("endDateType", if reservation.end.is_some() { "limited" } else { "unlimited" })
        .text("instanceMatchCriteria", if reservation.is_open { "open" } else { "targeted" })
        .text("createDate", reservation.created)
        .text("reservationType", if reservation.is_block { "capacity-block" } else { "default" })
        .text_opt("placementGroupArn", reservation.placement_group_arn.as_ref())
        .extend(tag_set(call, &reservation.id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = ["instance-type", "availability-zone", "state", "instance-match-criteria", "owner-id", "start-date"];
    let query = Query::take(call, "CapacityReservationId", &known)?;
    let account = call.account();
    let (found, next) = query.run::<Reservation>(call, missing, |reservation, name| {
        vec![match name {
            "instance-type" => reservation.instance_type.clone(),
            "availability-zone" => reservation.zone.clone(),
            "state" => reservation.phase(call.now).to_owned(),
            "instance-match-criteria" => if reservation.is_open { "open" } else { "targeted" }.to_owned(),
            "start-date" => reservation.start.to_string(),
            _ => account.clone(),
        }]
    })?;
    Ok(listing("capacityReservationSet", found.into_iter().map(|it| reservation_xml(call, it)), next))
}

fn cancel(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("CapacityReservationId")?;
    let reservation = call.find::<Reservation>(&id).ok_or_else(|| missing(&id))?;
    if reservation.is_block {
        let message = "Capacity Blocks cannot be cancelled";
        return Err(ApiError::bad("UnsupportedOperation", message));
    }
    if !reservation.holds(call.now) {
        let message = format!("The capacity reservation {id} is {}", reservation.phase(call.now));
        return Err(ApiError::bad("InvalidCapacityReservationState", message));
    }
    // Its instances go on as ordinary ones.
    let inside: Vec<String> = call
        .all::<Instance>()
        .filter(|instance| instance.capacity_reservation.as_ref() == Some(&id))
        .map(|instance| instance.id.clone())
        .collect();
    for instance in inside {
        call.update::<Instance>(&instance, |instance| instance.capacity_reservation = None);
    }
    call.update::<Reservation>(&id, |reservation| reservation.cancelled = true);
    done()
}
