//! Capacity Blocks: offerings, purchases and their end.

use jiff::{SignedDuration, Timestamp};

use super::catalogue::instance_type;
use super::filters::listing;
use super::instances::{Instance, end};
use super::invalid;
use super::reservations::{Reservation, reservation_xml, time};
use super::tags::TagSpecs;
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::World;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[read("DescribeCapacityBlockOfferings", describe_offerings), write("PurchaseCapacityBlock", purchase)];

/// When a Capacity Block's instances are taken away: half an hour before its end.
pub(super) fn eviction(reservation: &Reservation) -> Option<Timestamp> {
    let end = reservation.end.filter(|_| reservation.is_block)?;
    end.checked_sub(SignedDuration::from_mins(30)).ok().map(|at| at.max(reservation.start))
}

/// An offering, whose id says everything about it: `cb-` and type, zone, count, start, hours.
struct Offering {
    instance_type: String,
    zone: String,
    count: u64,
    start: Timestamp,
    hours: i64,
}

impl Offering {
    fn id(&self) -> String {
        let start = self.start.as_second();
        format!("cb-{}_{}_{}_{start}_{}", self.instance_type, self.zone, self.count, self.hours)
    }

    fn parse(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix("cb-")?.split('_');
        let offering = Self {
            instance_type: parts.next()?.to_owned(),
            zone: parts.next()?.to_owned(),
            count: parts.next()?.parse().ok()?,
            start: Timestamp::from_second(parts.next()?.parse().ok()?).ok()?,
            hours: parts.next()?.parse().ok()?,
        };
        (offering.id() == id).then_some(offering)
    }

    fn end(&self) -> Timestamp {
        let length = SignedDuration::from_hours(self.hours);
        self.start.checked_add(length).unwrap_or(Timestamp::MAX)
    }

    /// The price in cents: a made-up rate per accelerator and hour.
    fn fee(&self) -> String {
        let accelerators = instance_type(&self.instance_type).map_or(1, |kind| kind.accelerator_count.max(1));
        let hours = u64::try_from(self.hours).unwrap_or(0);
        let cents = accelerators * self.count * hours * 400;
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

fn describe_offerings(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let kind = call.params.text("InstanceType")?;
    let count = call.params.int_opt("InstanceCount")?.unwrap_or(1);
    let hours = call.params.int("CapacityDurationHours")?;
    let from = time(call, "StartDateRange")?;
    let until = time(call, "EndDateRange")?;
    let size = call.params.int_opt("MaxResults")?;
    if size.is_some_and(|size| !(1..=1000).contains(&size)) {
        return Err(invalid("MaxResults is invalid: 1 to 1000"));
    }
    let skip = match call.params.text_opt("NextToken")?.filter(|token| !token.is_empty()) {
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The nextToken is not valid"))?,
        None => 0,
    };
    let facts = instance_type(&kind).ok_or_else(|| invalid(format!("Invalid value '{kind}' for InstanceType.")))?;
    if !facts.usage_classes.iter().any(|class| class == "capacity-block") {
        let message = format!("Capacity Blocks are not offered for {kind}");
        return Err(ApiError::bad("Unsupported", message));
    }
    // Whole days to a fortnight, then whole weeks to 182 days.
    let days = hours / 24;
    if hours % 24 != 0 || !((1..=14).contains(&days) || (days <= 182 && days > 0 && days % 7 == 0)) {
        let message = format!("CapacityDurationHours {hours} is invalid: 1 to 14 days, or weeks up to 182 days");
        return Err(invalid(message));
    }
    let Some(count) = u64::try_from(count).ok().filter(|count| (1..=64).contains(count)) else {
        return Err(invalid("InstanceCount is invalid: 1 to 64"));
    };
    // Blocks begin at 11:30 UTC.
    let day = 24 * 3600;
    let earliest = from.unwrap_or(call.now).max(call.now).as_second();
    let mut start = earliest - earliest.rem_euclid(day) + 11 * 3600 + 1800;
    if start < earliest {
        start += day;
    }
    let mut offerings = Vec::new();
    for letter in facts.zones(call.region).chars() {
        let zone = format!("{}{letter}", call.region);
        for later in 0..3 {
            let Ok(start) = Timestamp::from_second(start + later * day) else { continue };
            let offering = Offering { instance_type: kind.clone(), zone: zone.clone(), count, start, hours };
            if until.is_none_or(|until| offering.end() <= until) {
                offerings.push(offering);
            }
        }
    }
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
    let more = offerings.len() > skip.saturating_add(size);
    let items = offerings.iter().skip(skip).take(size).map(|offering| {
        Xml::new()
            .text("capacityBlockOfferingId", offering.id())
            .text("instanceType", &offering.instance_type)
            .text("availabilityZone", &offering.zone)
            .text("instanceCount", offering.count)
            .text("startDate", offering.start)
            .text("endDate", offering.end())
            .text("capacityBlockDurationHours", offering.hours)
            .text("upfrontFee", offering.fee())
            .text("currencyCode", "USD")
            .text("tenancy", "default")
    });
    Ok(listing("capacityBlockOfferingSet", items, more.then(|| (skip + size).to_string())))
}

fn purchase(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("CapacityBlockOfferingId")?;
    let platform = call.params.text("InstancePlatform")?;
    let tags = TagSpecs::take(call, &["capacity-reservation"])?;
    let gone = || ApiError::bad("InvalidCapacityBlockOfferingId.NotFound", format!("The offering {id} does not exist"));
    let offering = Offering::parse(&id).ok_or_else(gone)?;
    if offering.start < call.now {
        let message = format!("The offering {id} has expired");
        return Err(ApiError::bad("InvalidCapacityBlockOfferingId.Expired", message));
    }
    let id = call.world.new_id("cr-");
    let mut reservation = Reservation {
        id: id.clone(),
        created: call.now,
        end: Some(offering.end()),
        instance_type: offering.instance_type,
        platform,
        zone: offering.zone,
        tenancy: "default".to_owned(),
        count: offering.count,
        is_open: false,
        is_block: true,
        start: offering.start,
        placement_group_arn: None,
        cancelled: false,
        timer: None,
    };
    reservation.timer = eviction(&reservation);
    tags.apply(call, "capacity-reservation", &id);
    let xml = reservation_xml(call, &reservation);
    call.put(reservation);
    Ok(Reply::xml(Xml::new().child("capacityReservation", xml)))
}

/// A Capacity Block is about to end: its instances are taken away.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let inside: Vec<String> = world
        .all::<Instance>(region)
        .filter(|instance| instance.capacity_reservation.as_deref() == Some(id))
        .map(|instance| instance.id.clone())
        .collect();
    for instance in inside {
        let reason = ("Server.CapacityBlockExpired", "Server.CapacityBlockExpired: the Capacity Block has ended");
        end(world, region, &instance, at, reason);
    }
    world.update::<Reservation>(region, id, |reservation| reservation.timer = None);
}
