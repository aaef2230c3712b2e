//! A Capacity Block as EC2 shows it: a reservation, which does not say what was paid for it.
use super::CapacityBlock;
use crate::{
    aws::{
        Error,
        tags::{self, Tags},
    },
    call::SweepCtx,
    kinds::{
        capacity_reservation::{Reservation, in_use, state},
        ec2,
    },
    price::line::Dollars,
    resource::Live,
    units::{Money, Per, Span},
};
use aws_sdk_ec2::types::CapacityReservationState as Phase;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The tag that says what was paid, and for how long: blocks that begin at once may last some hours more or less.
pub(super) fn paid_tag(price: Decimal, duration: Span) -> String {
    format!("{} for {duration}", Money::new(price, Per::Once))
}

/// What the tag says.
pub(super) fn paid(found: &Tags) -> Option<(Decimal, Span)> {
    let (price, duration) = found.get(tags::PAID)?.split_once(" for ")?;
    let price: Money = price.parse().ok()?;
    Some((price.amount(), duration.parse().ok()?))
}

/// What there is to say of one that would be removed.
pub(super) fn stays(live: &Live<CapacityBlock>) -> String {
    let paid = match paid(&live.tags) {
        Some((price, _)) => format!("it was bought for {}", Dollars(price)),
        None => "it was bought".to_owned(),
    };
    let end = live.outputs.get("end").and_then(Value::as_str);
    let end = end.map(|end| format!(" at {end}")).unwrap_or_default();
    format!("{paid} and cannot be given back; it ends by itself{end}")
}

/// How long a block lasts that says nothing of it, to the day.
fn days(start: Option<Timestamp>, end: Option<Timestamp>) -> Span {
    let seconds = start.zip(end).map_or(0, |(start, end)| end.duration_since(start).as_secs());
    Span::from_hours(u64::try_from(seconds).unwrap_or(0).div_ceil(24 * 3600) * 24)
}

/// A block as a blueprint describes it.
pub(super) fn read(ctx: &SweepCtx, one: &Reservation) -> Result<Live<CapacityBlock>, Error> {
    let found = &one.found;
    let id = found.capacity_reservation_id().ok_or_else(|| Error::missing("the Capacity Block's id"))?;
    let (start, end) = (ec2::time(found.start_date), ec2::time(found.end_date));
    let paid = paid(&one.tags);
    let begins = start.map(|at| at.to_string());
    let spec = CapacityBlock {
        instance_type: found.instance_type().unwrap_or_default().to_owned(),
        count: found.total_instance_count().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        duration: paid.map_or_else(|| days(start, end), |(_, duration)| duration),
        zone: found.availability_zone().map(str::to_owned),
        platform: found.instance_platform().map_or("", |p| p.as_str()).to_owned(),
        earliest: begins.clone(),
        latest: begins.clone().unwrap_or_default(),
        max_price: Money::new(paid.map_or(Decimal::ZERO, |(price, _)| price), Per::Once),
    };
    let mut live = Live::new(ctx.address(id, &one.tags), id, one.tags.clone(), spec);
    live.state = state(found);
    live.created = ec2::time(found.create_date);
    let until = end.map(|end| format!(" until {end}")).unwrap_or_default();
    live.now = match found.state() {
        Some(Phase::Active) => Some(format!("{}{until}", in_use(found))),
        Some(Phase::Scheduled) => begins.as_ref().map(|start| format!("begins at {start}")),
        phase => phase.map(|phase| phase.as_str().to_owned()),
    };
    live.outputs = ec2::outputs([
        ("id", json!(id)),
        ("zone", json!(found.availability_zone())),
        ("start", json!(begins)),
        ("end", json!(end.map(|at| at.to_string()))),
        ("paid", json!(paid.map(|(price, _)| price.to_string()))),
    ]);
    live.ids.extend(found.capacity_reservation_arn().map(str::to_owned));
    Ok(live)
}
