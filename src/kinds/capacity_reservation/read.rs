//! Reservations as EC2 shows them, Capacity Blocks among them: which still are something, and in which state.
use super::{CapacityReservation, Matching, Tenancy};
use crate::{
    aws::{Error, tags::Tags},
    call::SweepCtx,
    kinds::ec2,
    resource::{Live, Lookup, State},
};
use aws_sdk_ec2::types::{
    CapacityReservation as Found, CapacityReservationState as Phase, CapacityReservationTenancy,
    CapacityReservationType, EndDateType, InstanceMatchCriteria,
};
use serde_json::json;
use std::sync::Arc;

/// A reservation, and its tags by key.
#[derive(Debug)]
pub(in crate::kinds) struct Reservation {
    pub(in crate::kinds) found: Found,
    pub(in crate::kinds) tags: Tags,
}

impl Reservation {
    pub(in crate::kinds) fn is(&self, id: &str) -> bool {
        self.found.capacity_reservation_id() == Some(id)
    }

    /// Is it a Capacity Block?
    pub(in crate::kinds) fn is_block(&self) -> bool {
        self.found.reservation_type() == Some(&CapacityReservationType::CapacityBlock)
    }
}

/// Every reservation of the account that is still something: EC2 shows for a while what has ended, and has no filter for
/// tags. Capacity Blocks are among them, so that both kinds need one list.
pub(in crate::kinds) async fn all(ctx: &SweepCtx) -> Result<Arc<Vec<Reservation>>, Error> {
    match &ctx.answers {
        Some(answers) => answers.once("capacity reservations", list(ctx)).await,
        None => list(ctx).await.map(Arc::new),
    }
}

async fn list(ctx: &SweepCtx) -> Result<Vec<Reservation>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_capacity_reservations().into_paginator().send();
    while let Some(page) = pages.next().await {
        let found = page?.capacity_reservations.unwrap_or_default().into_iter();
        out.extend(found.filter(|one| !is_over(one.state())).map(|found| {
            let tags = ec2::tags(found.tags());
            Reservation { found, tags }
        }));
    }
    Ok(out)
}

/// Nothing is kept free any more, and nothing is paid.
fn is_over(phase: Option<&Phase>) -> bool {
    matches!(phase, Some(Phase::Expired | Phase::Cancelled | Phase::Failed | Phase::PaymentFailed | Phase::Unsupported))
}

/// Is it no Capacity Block?
pub(super) fn is_plain(one: &Reservation) -> bool {
    !one.is_block()
}

/// Is it for a sweep?
pub(super) fn is_ours(ctx: &SweepCtx, one: &Reservation) -> bool {
    is_plain(one) && ctx.takes(&one.tags)
}

/// Is it what is looked up?
pub(super) fn matches(one: &Reservation, by: &Lookup) -> bool {
    is_plain(one) && named(one, by)
}

/// Does it go by this id, by this name, or have all of these tags?
pub(in crate::kinds) fn named(one: &Reservation, by: &Lookup) -> bool {
    match by {
        Lookup::Id(id) => one.is(id),
        Lookup::Name(name) => one.tags.get("Name") == Some(name),
        Lookup::Tags(tags) => tags.iter().all(|(key, value)| one.tags.get(key) == Some(value)),
    }
}

/// Where one is in its life; the words are EC2's.
pub(in crate::kinds) fn state(found: &Found) -> State {
    match found.state() {
        Some(Phase::Pending | Phase::Assessing | Phase::PaymentPending) => State::Pending,
        Some(Phase::Cancelling) => State::Deleting,
        Some(Phase::Unavailable | Phase::Delayed) => {
            State::Degraded(format!("EC2 says that it is {}", found.state().map_or("", Phase::as_str)))
        }
        _ => State::Ready,
    }
}

/// How many of its machines run, for people.
pub(in crate::kinds) fn in_use(found: &Found) -> String {
    let (all, free) = (found.total_instance_count().unwrap_or(0), found.available_instance_count().unwrap_or(0));
    format!("{} of {all} in use", all.saturating_sub(free).max(0))
}

/// A reservation as a blueprint describes it.
pub(super) fn read(ctx: &SweepCtx, one: &Reservation) -> Result<Live<CapacityReservation>, Error> {
    let found = &one.found;
    let id = found.capacity_reservation_id().ok_or_else(|| Error::missing("the capacity reservation's id"))?;
    let limited = found.end_date_type() == Some(&EndDateType::Limited);
    let end = ec2::time(found.end_date).filter(|_| limited);
    let spec = CapacityReservation {
        instance_type: found.instance_type().unwrap_or_default().to_owned(),
        count: found.total_instance_count().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        zone: found.availability_zone().unwrap_or_default().to_owned(),
        platform: found.instance_platform().map_or("", |p| p.as_str()).to_owned(),
        matching: match found.instance_match_criteria() {
            Some(InstanceMatchCriteria::Open) => Matching::Open,
            _ => Matching::Targeted,
        },
        tenancy: match found.tenancy() {
            Some(CapacityReservationTenancy::Dedicated) => Tenancy::Dedicated,
            _ => Tenancy::Default,
        },
        end: end.map(|end| end.to_string()),
    };
    let mut live = Live::new(ctx.address(id, &one.tags), id, one.tags.clone(), spec);
    live.state = state(found);
    live.created = ec2::time(found.create_date);
    live.now = match found.state() {
        Some(Phase::Active) => Some(in_use(found)),
        phase => phase.map(|phase| phase.as_str().to_owned()),
    };
    live.outputs = ec2::outputs([
        ("id", json!(id)),
        ("arn", json!(found.capacity_reservation_arn())),
        ("zone", json!(found.availability_zone())),
        ("count", json!(live.spec.count)),
    ]);
    live.ids.extend(found.capacity_reservation_arn().map(str::to_owned));
    Ok(live)
}
