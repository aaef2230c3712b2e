//! What limits a launch: vCPU quotas, machines in a zone, reservations.

use super::catalogue::{InstanceType, instance_type};
use super::instances::{Instance, Market};
use super::reservations::Reservation;
use crate::call::Call;
use crate::error::ApiError;
use crate::services::service_quotas::AMPLE;

/// The quota that an instance of a family counts against.
fn quota_code(family: &str, market: Market) -> Option<&'static str> {
    let starts = |prefixes: &[&str]| {
        prefixes.iter().any(|prefix| {
            family.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|ch: char| ch.is_ascii_digit()))
        })
    };
    let spot = match market {
        // Instances in Capacity Blocks are paid for already and count against no vCPU quota.
        Market::CapacityBlock => return None,
        Market::Spot => true,
        Market::OnDemand => false,
    };
    let code = if starts(&["p"]) {
        match (spot, family.starts_with("p5")) {
            (false, _) => "L-417A185B",
            (true, true) => "L-C4BD4855",
            (true, false) => "L-7212CCBC",
        }
    } else if starts(&["g", "gr", "vt"]) {
        if spot { "L-3819A6DF" } else { "L-DB2E81BA" }
    } else if starts(&["trn"]) {
        if spot { "L-6B0D517C" } else { "L-2C3B7624" }
    } else if starts(&["inf"]) {
        if spot { "L-B5D1601B" } else { "L-1945791B" }
    } else if starts(&["dl"]) {
        if spot { "L-85EED4F7" } else { "L-6E869C2A" }
    } else if starts(&["hpc"]) {
        "L-F7808C92"
    } else if spot {
        "L-34B43A08"
    } else {
        "L-1216C47A"
    };
    Some(code)
}

/// Where a launch goes.
pub(super) struct Site<'a> {
    pub(super) kind: &'static InstanceType,
    pub(super) zone: &'a str,
    pub(super) market: Market,
}

fn live<'c>(call: &'c Call<'_>) -> impl Iterator<Item = &'c Instance> {
    call.all::<Instance>().filter(|instance| instance.is_up(call.now))
}

/// How many instances up to `wanted` the quota leaves room for; an error if fewer than `minimum`.
fn within_quota(call: &Call<'_>, site: &Site<'_>, minimum: u64, wanted: u64) -> Result<u64, ApiError> {
    let Some(code) = quota_code(site.kind.family(), site.market) else { return Ok(wanted) };
    let limit = call.world.config.behaviour.quotas.get(code).copied().unwrap_or(AMPLE);
    let same_quota = |instance: &&Instance| {
        let family = instance.instance_type.split('.').next().unwrap_or_default();
        quota_code(family, instance.market) == Some(code)
    };
    let vcpus = |instance: &Instance| instance_type(&instance.instance_type).map_or(0, |kind| kind.vcpus);
    let used: u64 = live(call).filter(same_quota).map(vcpus).sum();
    let room = limit.saturating_sub(used) / site.kind.vcpus.max(1);
    if room >= minimum {
        return Ok(wanted.min(room));
    }
    Err(match site.market {
        Market::Spot => ApiError::bad("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"),
        _ => ApiError::bad(
            "VcpuLimitExceeded",
            format!(
                "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance \
                 bucket that the specified instance type belongs to. Please visit \
                 http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
            ),
        ),
    })
}

/// How many machines of a type a zone still has.
pub(super) fn free_machines(call: &Call<'_>, kind: &str, zone: &str) -> u64 {
    let limits = &call.world.config.behaviour.capacity;
    let Some(limit) = limits.get(&format!("{kind}@{zone}")) else { return u64::MAX };
    // A reservation holds its machines whether or not they run.
    let running =
        live(call).filter(|it| it.instance_type == kind && it.zone == zone && it.capacity_reservation.is_none());
    let reserved = call
        .all::<Reservation>()
        .filter(|it| !it.is_block && it.instance_type == kind && it.zone == zone && it.holds(call.now));
    limit.saturating_sub(running.count() as u64 + reserved.map(|it| it.count).sum::<u64>())
}

pub(super) fn no_capacity(kind: &str, zone: &str) -> ApiError {
    ApiError::new(
        500,
        "InsufficientInstanceCapacity",
        format!(
            "We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone}). Our \
             system will be working on provisioning additional capacity."
        ),
    )
}

/// Decides how many instances start (all of `maximum` if possible, at least `minimum`) and which reservation each of
/// them uses.
pub(super) fn admit(
    call: &Call<'_>,
    site: &Site<'_>,
    (minimum, maximum): (u64, u64),
    target: Option<&Reservation>,
    may_use_open: bool,
) -> Result<Vec<Option<String>>, ApiError> {
    let count = within_quota(call, site, minimum, maximum)?;
    if let Some(target) = target {
        let free = target.free(call);
        if free < minimum {
            let message = "The requested reservation does not have sufficient compatible and available capacity for \
                           this request.";
            return Err(ApiError::bad("ReservationCapacityExceeded", message));
        }
        let count = count.min(free);
        return Ok(std::iter::repeat_n(Some(target.id.clone()), usize::try_from(count).unwrap_or(0)).collect());
    }
    let mut out = Vec::new();
    if may_use_open && site.market == Market::OnDemand {
        let open = call.all::<Reservation>().filter(|it| {
            it.is_open && it.instance_type == site.kind.name && it.zone == site.zone && it.is_active(call.now)
        });
        for reservation in open {
            let room = count.saturating_sub(out.len() as u64).min(reservation.free(call));
            out.extend((0..room).map(|_| Some(reservation.id.clone())));
        }
    }
    let rest = count.saturating_sub(out.len() as u64).min(free_machines(call, &site.kind.name, site.zone));
    out.extend((0..rest).map(|_| None));
    if (out.len() as u64) < minimum {
        return Err(no_capacity(&site.kind.name, site.zone));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_their_quotas() {
        assert_eq!(quota_code("p5en", Market::OnDemand), Some("L-417A185B"));
        assert_eq!(quota_code("p5en", Market::Spot), Some("L-C4BD4855"));
        assert_eq!(quota_code("p6-b200", Market::OnDemand), Some("L-417A185B"));
        assert_eq!(quota_code("p5", Market::CapacityBlock), None);
        assert_eq!(quota_code("gr6", Market::OnDemand), Some("L-DB2E81BA"));
        assert_eq!(quota_code("trn2", Market::OnDemand), Some("L-2C3B7624"));
        assert_eq!(quota_code("t3", Market::OnDemand), Some("L-1216C47A"));
        assert_eq!(quota_code("hpc7a", Market::OnDemand), Some("L-F7808C92"));
    }
}
