//! What EC2 would refuse of a reservation: types, zones and ends.
use super::CapacityReservation;
use crate::{
    aws::Error,
    call::SweepCtx,
    catalog,
    diagnostic::codes,
    kinds::subnet::is_zone_name,
    resource::{Foreseen, Problem},
};
use jiff::Timestamp;

codes! {
    pub(super) CODES:
    TYPE = "DL3501", "Unknown instance type of a reservation",
        "The instance type is not in the catalog of this version; a slip of the pen is the usual reason. A reservation of the \
         wrong type costs as much as one of the right type. `dlinfra topology` lists the types.";
    ZONE = "DL3502", "Not the name of an availability zone",
        "A reservation is in one zone, which is named by its region and a letter (`us-east-1a`). Machines run in it only if \
         their subnet is in the same zone.";
    END = "DL3503", "Not an end for a reservation",
        "`end` is a time in UTC that is still to come, such as `2027-01-31T18:00:00Z`. EC2 ends the reservation within an hour \
         of it. A reservation that has ended is gone: machines in it run on at the ordinary price. Remove it from the \
         blueprint, or write a later end, and the next apply makes a new one.";
    NOT_OFFERED = "DL3504", "Type that the zone does not have",
        "AWS does not offer the instance type in the zone, so it keeps none free there.";
}

/// A time in UTC, without fractions of a second.
pub(in crate::kinds) fn moment(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.strip_suffix('Z').and(text.parse().ok())?;
    (at.subsec_nanosecond() == 0).then_some(at)
}

pub(super) fn check(it: &CapacityReservation, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Err(unknown) = catalog::instance_type(&it.instance_type) {
        add(&TYPE, "instance_type", unknown.to_string(), "`dlinfra topology` lists the types that the catalog knows");
    }
    if !is_zone_name(&it.zone) {
        let summary = format!("`{}` is not the name of an availability zone", it.zone);
        add(&ZONE, "zone", summary, "write the region and a letter, for example `us-east-1a`");
    }
    if let Some(end) = it.end.as_deref().filter(|end| moment(end).is_none()) {
        add(&END, "end", format!("`{end}` is not a time in UTC"), "write for example `2027-01-31T18:00:00Z`");
    }
}

/// What only AWS and the clock tell: which zones have the type, and whether the end is over.
pub(super) async fn foresee(
    ctx: &SweepCtx,
    made: &[Foreseen<CapacityReservation>],
) -> Result<Vec<(usize, Problem)>, Error> {
    let now = ctx.aws.clock().now();
    let zones = ctx.aws.offers(&made.iter().map(|one| one.want.instance_type.clone()).collect()).await?;
    let mut out = Vec::new();
    for (n, CapacityReservation { instance_type, zone, end, .. }) in made.iter().map(|one| &one.want).enumerate() {
        let mut add = |code, path: &str, summary: String, help: String| {
            out.push((n, Problem { code, path: path.to_owned(), summary, help }));
        };
        let has = zones.get(instance_type).cloned().unwrap_or_default();
        if !has.contains(zone) {
            let help = match has.is_empty() {
                true => format!("{} has none: use another region or type", ctx.scope.region),
                false => format!("zones that have it: {}", has.into_iter().collect::<Vec<_>>().join(", ")),
            };
            add(&NOT_OFFERED, "zone", format!("AWS offers no {instance_type} in {zone}"), help);
        }
        if let Some(end) = end.as_deref().and_then(moment).filter(|end| *end <= now) {
            let help = "remove the reservation from the blueprint, or write a later `end`".to_owned();
            add(&END, "end", format!("the reservation has ended at {end}"), help);
        }
    }
    Ok(out)
}
