//! What EC2 has of what a new group wants: the type in its zone, its reservation, its image.
use super::InstanceGroup;
use crate::diagnostic::Code;
use crate::kinds::instance_group::check;
use crate::{
    aws::{Error, ErrorClass},
    call::SweepCtx,
    catalog::Arch,
    diagnostic::suggestion,
    field::Field,
    kinds::ec2,
    resource::{Foreseen, Problem},
};
use aws_sdk_ec2::types::{ArchitectureValues, CapacityReservation, CapacityReservationState};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Found = Vec<(usize, Problem)>;

fn problem(code: &'static Code, path: &str, summary: String, help: String) -> Problem {
    Problem { code, path: path.to_owned(), summary, help }
}

/// Everything about these groups, one request for each question.
pub(super) async fn ask(ctx: &SweepCtx, made: &[Foreseen<InstanceGroup>]) -> Result<Found, Error> {
    let mut out = offered(ctx, made).await?;
    out.extend(reservations(ctx, made).await?);
    out.extend(images(ctx, made).await?);
    out.extend(keys(ctx, made).await?);
    Ok(out)
}

fn zone(group: &Foreseen<InstanceGroup>) -> Option<&str> {
    group.targets.get("subnet")?.get("zone").and_then(Value::as_str)
}

async fn offered(ctx: &SweepCtx, made: &[Foreseen<InstanceGroup>]) -> Result<Found, Error> {
    let types = made.iter().filter(|g| zone(g).is_some()).map(|g| g.want.instance_type.clone()).collect();
    let zones = ctx.aws.offers(&types).await?;
    let missing = |group: &Foreseen<InstanceGroup>| {
        let (zone, name) = (zone(group)?, &group.want.instance_type);
        let has = zones.get(name).cloned().unwrap_or_default();
        let help = match has.is_empty() {
            true => format!("{} has none: use another region or type", ctx.scope.region),
            false => format!("zones that have it: {}", has.iter().cloned().collect::<Vec<_>>().join(", ")),
        };
        let summary = format!("AWS offers no {name} in {zone}");
        (!has.contains(zone)).then(|| problem(&check::TYPE_NOT_IN_ZONE, "instance_type", summary, help))
    };
    Ok(made.iter().enumerate().filter_map(|(n, group)| Some((n, missing(group)?))).collect())
}

async fn reservations(ctx: &SweepCtx, made: &[Foreseen<InstanceGroup>]) -> Result<Found, Error> {
    // Where another way of buying follows, a reservation that does not hold is passed over.
    let of =
        |group: &Foreseen<InstanceGroup>| group.want.reservation.clone().filter(|_| group.want.fallback.is_empty());
    let ids: BTreeSet<String> = made.iter().filter_map(of).collect();
    let mut known = BTreeMap::new();
    // Asked for several at once EC2 does not say which of them is unknown.
    for id in ids {
        let asked = ctx.aws.ec2().describe_capacity_reservations().capacity_reservation_ids(&id).send().await;
        match asked.map_err(Error::from) {
            Ok(out) => drop(known.insert(id, out.capacity_reservations.unwrap_or_default().into_iter().next())),
            Err(e) if e.class == ErrorClass::NotFound => drop(known.insert(id, None)),
            Err(e) => return Err(e),
        }
    }
    let wrong = |group: &Foreseen<InstanceGroup>| {
        let id = of(group)?;
        let summary = match known.get(&id)? {
            None => format!("there is no reservation {id} in {}", ctx.scope.region),
            Some(found) => format!("{id} {}", unfit(found, group)?),
        };
        let help = "`aws ec2 describe-capacity-reservations` lists those of the account, `fallback` says what else may be tried";
        Some(problem(&check::RESERVATION, "reservation", summary, help.to_owned()))
    };
    Ok(made.iter().enumerate().filter_map(|(n, group)| Some((n, wrong(group)?))).collect())
}

/// Why no machine of the group can be launched into a reservation.
fn unfit(found: &CapacityReservation, group: &Foreseen<InstanceGroup>) -> Option<String> {
    if let Some(state) = found.state().filter(|s| **s != CapacityReservationState::Active) {
        return Some(format!("is {}", state.as_str()));
    }
    if let Some(name) = found.instance_type().filter(|name| *name != group.want.instance_type) {
        return Some(format!("is for {name}, and {} is wanted", group.want.instance_type));
    }
    match (found.availability_zone(), zone(group)) {
        (Some(there), Some(here)) if there != here => Some(format!("is in {there}, and the subnet in {here}")),
        _ => None,
    }
}

/// Key pairs are brought by people, so a rehearsal has none and takes any name.
async fn keys(ctx: &SweepCtx, made: &[Foreseen<InstanceGroup>]) -> Result<Found, Error> {
    let of = |group: &Foreseen<InstanceGroup>| {
        // One that is made by the same run has no name yet.
        let name = group.want.key_name.as_ref().and_then(Field::known);
        name.filter(|_| !group.rehearsed).cloned()
    };
    let names: BTreeSet<String> = made.iter().filter_map(of).collect();
    if names.is_empty() {
        return Ok(Found::new());
    }
    // All of them: the help names what there is.
    let out = ctx.aws.ec2().describe_key_pairs().send().await?;
    let there: BTreeSet<String> = out.key_pairs.unwrap_or_default().into_iter().filter_map(|k| k.key_name).collect();
    let wrong = |group: &Foreseen<InstanceGroup>| {
        let name = of(group).filter(|name| !there.contains(name))?;
        let summary = format!("there is no key pair `{name}` in {}", ctx.scope.region);
        let help = suggestion(&name, there.iter().map(String::as_str)).unwrap_or_else(|| {
            "`aws ec2 import-key-pair` brings one; without `key_name`, Session Manager needs none".to_owned()
        });
        Some(problem(&check::NO_SUCH_KEY, "key_name", summary, help))
    };
    Ok(made.iter().enumerate().filter_map(|(n, group)| Some((n, wrong(group)?))).collect())
}

async fn images(ctx: &SweepCtx, made: &[Foreseen<InstanceGroup>]) -> Result<Found, Error> {
    let of = |group: &Foreseen<InstanceGroup>| group.want.image.clone().filter(|id| id.starts_with("ami-"));
    let ids: BTreeSet<String> = made.iter().filter_map(of).collect();
    if ids.is_empty() {
        return Ok(Found::new());
    }
    // A filter passes over what it does not find; ids would be an error.
    let filter = ec2::filter_any("image-id", ids.iter().map(String::as_str));
    let out = ctx.aws.ec2().describe_images().filters(filter).send().await?;
    let known: BTreeMap<String, Option<ArchitectureValues>> =
        out.images.unwrap_or_default().into_iter().filter_map(|i| Some((i.image_id?, i.architecture))).collect();
    let wrong = |group: &Foreseen<InstanceGroup>| {
        let id = of(group)?;
        let wanted = match group.want.facts()?.arch {
            Arch::Arm => ArchitectureValues::Arm64,
            Arch::X86 => ArchitectureValues::X8664,
        };
        let (summary, help) = match known.get(&id) {
            None => (
                format!("there is no image {id} in {}", ctx.scope.region),
                "images belong to one region, and AWS withdraws old builds: write another `image`".to_owned(),
            ),
            Some(Some(arch)) if *arch != wanted => (
                format!("{id} is for {}, and {} is {}", arch.as_str(), group.want.instance_type, wanted.as_str()),
                "write an image that is made for the type".to_owned(),
            ),
            Some(_) => return None,
        };
        Some(problem(&crate::catalog::codes::IMAGE_NOT_THERE, "image", summary, help))
    };
    Ok(made.iter().enumerate().filter_map(|(n, group)| Some((n, wrong(group)?))).collect())
}
