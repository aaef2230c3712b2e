//! Capacity reservations that change, are cancelled, or end.

use jiff::Timestamp;

use super::capacity::{free_machines, no_capacity};
use super::instances::Instance;
use super::reservations::{Reservation, check_end, missing, time};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::store::World;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] =
    &[write("ModifyCapacityReservation", modify), write("CancelCapacityReservation", cancel)];

/// One that is still there, and no Capacity Block: those are as they were bought.
fn changeable(call: &Call<'_>, id: &str) -> Result<Reservation, ApiError> {
    let found = call.find::<Reservation>(id).cloned().ok_or_else(|| missing(id))?;
    if found.is_block {
        return Err(ApiError::bad("UnsupportedOperation", "Capacity Blocks cannot be modified or cancelled"));
    }
    if !found.holds(call.now) {
        let message = format!("The capacity reservation {id} is {}", found.phase(call.now));
        return Err(ApiError::bad("InvalidCapacityReservationState", message));
    }
    Ok(found)
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("CapacityReservationId")?;
    let count = call.params.int_opt("InstanceCount")?;
    let end_type = call.params.text_opt("EndDateType")?;
    let end = time(call, "EndDate")?;
    let criteria = call.params.text_opt("InstanceMatchCriteria")?;
    let found = changeable(call, &id)?;
    let count = count.map_or(Some(found.count), |count| u64::try_from(count).ok().filter(|count| *count > 0));
    let count = count.ok_or_else(|| invalid("InstanceCount is invalid"))?;
    if count.abs_diff(found.count) > 1000 {
        return Err(invalid("InstanceCount is invalid: it changes by 1000 at most"));
    }
    if count > found.count && free_machines(call, &found.instance_type, &found.zone) < count - found.count {
        return Err(no_capacity(&found.instance_type, &found.zone));
    }
    check_end(call, end_type.as_deref(), end)?;
    call.update::<Reservation>(&id, |one| {
        one.count = count;
        if end_type.is_some() {
            (one.end, one.timer) = (end, end);
        }
        if let Some(criteria) = criteria {
            one.is_open = criteria == "open";
        }
    });
    done()
}

fn cancel(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("CapacityReservationId")?;
    changeable(call, &id)?;
    release(call.world, call.region, &id);
    call.update::<Reservation>(&id, |reservation| reservation.cancelled = true);
    done()
}

/// The instances of a reservation that is over go on as ordinary ones.
pub(super) fn release(world: &mut World, region: &str, id: &str) {
    let inside: Vec<String> = world
        .all::<Instance>(region)
        .filter(|instance| instance.capacity_reservation.as_deref() == Some(id))
        .map(|instance| instance.id.clone())
        .collect();
    for instance in inside {
        world.update::<Instance>(region, &instance, |instance| instance.capacity_reservation = None);
    }
}

/// The end of a reservation has come.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let is_block = world.get::<Reservation>(region, id).is_some_and(|one| one.is_block);
    if is_block {
        return super::blocks::settle(world, region, id, at);
    }
    release(world, region, id);
    world.update::<Reservation>(region, id, |reservation| reservation.timer = None);
}
