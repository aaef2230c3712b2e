//! The ways of getting the machines of a group, in the order in which they are tried.
use super::{InstanceGroup, Market, RUN, Reserved, rung::Rung};
use crate::{
    aws::{Error, ErrorClass},
    call::{Ctx, SweepCtx},
    field::Ref,
    kinds::{Subnet, ec2},
    record::Refusal,
    resource::Id,
    units::{Money, Span},
};
use aws_sdk_ec2::types::{CapacityReservation, CapacityReservationState, Instance, InstanceType};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a refusal keeps the next run from asking there first.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// One way of getting all machines of a group: in one subnet, of one type, bought in one market.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'g> {
    pub(super) instance_type: &'g str,
    pub(super) subnet: &'g Ref<Subnet>,
    pub(super) market: Market,
    pub(super) reservation: Option<&'g Reserved>,
    /// The highest price of a spot instance.
    pub(super) max_price: Option<Money>,
    /// How long it is asked for again.
    pub(super) wait: Option<Span>,
}

/// A way as a group that knows no other.
#[derive(Debug, Clone)]
pub(super) struct Bought {
    pub(super) group: InstanceGroup,
    pub(super) max_price: Option<Money>,
    pub(super) wait: Option<Span>,
}

impl InstanceGroup {
    /// Every way, the first to try first: of each rung every type, each in every subnet.
    pub(super) fn ways(&self) -> Vec<Way<'_>> {
        let own = |market, reservation| Way {
            instance_type: &self.instance_type,
            subnet: &self.subnet,
            market,
            reservation,
            max_price: None,
            wait: None,
        };
        if self.capacity.is_empty() {
            let others = self.fallback.iter().map(|market| own(*market, None));
            return std::iter::once(own(self.market, self.reservation.as_ref())).chain(others).collect();
        }
        let mut out = Vec::new();
        for rung in &self.capacity {
            for instance_type in rung.types_or(&self.instance_type) {
                for subnet in rung.subnets_or(&self.subnet) {
                    let Rung { market, max_price, wait, .. } = *rung;
                    let reservation = rung.reservation.as_ref();
                    out.push(Way { instance_type, subnet, market, reservation, max_price, wait });
                }
            }
        }
        out
    }

    /// The group bought in each of these ways.
    pub(super) fn rungs(&self) -> Vec<Bought> {
        let bought = |way: Way<'_>| Bought {
            group: Self {
                instance_type: way.instance_type.to_owned(),
                subnet: way.subnet.clone(),
                market: way.market,
                reservation: way.reservation.cloned(),
                ..self.clone()
            },
            max_price: way.max_price,
            wait: way.wait,
        };
        self.ways().into_iter().map(bought).collect()
    }

    /// Words for how it is bought.
    pub(super) fn bought(&self) -> String {
        let how = match (&self.reservation, self.market) {
            (Some(id), _) => format!("in {id}"),
            (None, market) => market.name().to_owned(),
        };
        match self.capacity.is_empty() {
            true => how,
            false => format!("{} {how} in {}", self.instance_type, self.subnet),
        }
    }

    /// What of a launch tells one way from the others, as the journal keeps it.
    pub(super) fn way_params(&self) -> Result<Value, Error> {
        Ok(json!({
            "instance_type": self.instance_type,
            "subnet": self.subnet.id()?,
            "market": self.market,
            "reservation": self.reservation.as_ref().map(Reserved::id).transpose()?,
        }))
    }
}

/// The ways that are open to machines beside these: all stand in one zone, and are of one type as long as that is one of
/// those wanted.
pub(super) fn beside(ways: Vec<Bought>, members: &[Instance]) -> Vec<Bought> {
    let Some(first) = members.first().filter(|_| ways.len() > 1) else { return ways };
    let here = |way: &Bought| way.group.subnet.id().ok() == first.subnet_id();
    let alike = |way: &Bought| first.instance_type().map(InstanceType::as_str) == Some(&way.group.instance_type);
    let near: Vec<Bought> = ways.iter().filter(|way| here(way)).cloned().collect();
    let same: Vec<Bought> = near.iter().filter(|way| alike(way)).cloned().collect();
    if same.is_empty() { near } else { same }
}

/// First those that nobody was refused in the last minutes, then the others; with the words for those that are put off.
pub(super) fn remembered(ctx: &Ctx, ways: Vec<Bought>) -> Result<(Vec<Bought>, Vec<String>), Error> {
    if ways.len() < 2 {
        return Ok((ways, Vec::new()));
    }
    let refusals = ctx.recorder.refusals(&ctx.address);
    let now = ctx.clock.now();
    let (mut first, mut later, mut why) = (Vec::new(), Vec::new(), Vec::new());
    for way in ways {
        let params = way.group.way_params()?;
        let same = |r: &&Refusal| {
            let kept = params.as_object().into_iter().flatten();
            r.call == RUN.api && kept.into_iter().all(|(key, value)| r.params.get(key) == Some(value))
        };
        let recent = |r: &&Refusal| now.duration_since(r.time) < REMEMBERED;
        match refusals.iter().filter(same).rfind(recent) {
            Some(refusal) => {
                let ago = now.duration_since(refusal.time).as_secs().max(0);
                why.push(format!("{}: refused {ago} s ago, tried last", way.group.bought()));
                later.push(way);
            }
            None => first.push(way),
        }
    }
    // Where every way is a wall, there is nothing to put off.
    if first.is_empty() {
        why.clear();
    }
    first.extend(later);
    Ok((first, why))
}

/// The reservations of these ways as EC2 shows them, and the zones of their subnets: asked only where there is a choice.
#[derive(Default)]
pub(super) struct Known {
    reservations: BTreeMap<String, Option<CapacityReservation>>,
    zones: BTreeMap<Id, String>,
}

impl Known {
    pub(super) async fn ask(ctx: &Ctx, ways: &[Bought]) -> Result<Self, Error> {
        let mut out = Self::default();
        let ids =
            ways.iter().filter_map(|way| way.group.reservation.as_ref()?.id().ok()).filter(|id| id.starts_with("cr-"));
        if ways.len() < 2 {
            return Ok(out);
        }
        for id in ids {
            if !out.reservations.contains_key(id) {
                out.reservations.insert(id.to_owned(), reservation(&ctx.sweep(), id).await?);
            }
        }
        if !out.reservations.is_empty() {
            let mut subnets: Vec<&str> = ways.iter().filter_map(|way| way.group.subnet.id().ok()).collect();
            subnets.sort_unstable();
            subnets.dedup();
            let filter = ec2::filter_any("subnet-id", subnets);
            let found = ctx.aws.ec2().describe_subnets().filters(filter).send().await?.subnets.unwrap_or_default();
            out.zones = found.into_iter().filter_map(|s| Some((s.subnet_id?, s.availability_zone?))).collect();
        }
        Ok(out)
    }

    /// Why a launch of so many machines in this way need not be sent.
    pub(super) fn refuses(&self, way: &InstanceGroup, count: u32) -> Option<String> {
        let Some(found) = self.reservations.get(way.reservation.as_ref()?.id().ok()?)? else {
            return Some("there is no such reservation".to_owned());
        };
        let zone = way.subnet.id().ok().and_then(|id| self.zones.get(id)).map(String::as_str);
        unfit(found, &way.instance_type, zone).or_else(|| {
            let free = found.available_instance_count().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            let total = found.total_instance_count().unwrap_or(0);
            (free < count).then(|| format!("has {free} of {total} free, and {count} are wanted"))
        })
    }
}

/// A reservation by its id; none where there is none.
pub(super) async fn reservation(ctx: &SweepCtx, id: &str) -> Result<Option<CapacityReservation>, Error> {
    let asked = ctx.aws.ec2().describe_capacity_reservations().capacity_reservation_ids(id).send().await;
    match asked.map_err(Error::from) {
        Ok(out) => Ok(out.capacity_reservations.unwrap_or_default().into_iter().next()),
        Err(e) if e.class == ErrorClass::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Why no machine of this type can be launched into a reservation from a subnet of this zone.
pub(super) fn unfit(found: &CapacityReservation, instance_type: &str, zone: Option<&str>) -> Option<String> {
    if let Some(state) = found.state().filter(|s| **s != CapacityReservationState::Active) {
        let starts = found.start_date().filter(|_| *state == CapacityReservationState::Scheduled);
        let from = starts.map(|at| format!(" and starts at {at}")).unwrap_or_default();
        return Some(format!("is {}{from}", state.as_str()));
    }
    if let Some(name) = found.instance_type().filter(|name| *name != instance_type) {
        return Some(format!("is for {name}, and {instance_type} is wanted"));
    }
    match (found.availability_zone(), zone) {
        (Some(there), Some(here)) if there != here => Some(format!("is in {there}, and the subnet in {here}")),
        _ => None,
    }
}

/// Is this refusal one that another way may not meet?
pub(super) fn is_wall(error: &Error) -> bool {
    let not_here =
        error.code.as_deref().is_some_and(|c| c == "Unsupported" || c.starts_with("InvalidCapacityReservation"));
    not_here || matches!(error.class, ErrorClass::Capacity | ErrorClass::Quota)
}

/// A group that was found as one of the wanted ways says, with the first way's words: nothing differs then.
pub(super) fn as_first(want: &Value, seen: &mut serde_json::Map<String, Value>) -> bool {
    let list = |key: &str| want.get(key).and_then(Value::as_array).filter(|all| !all.is_empty());
    let (capacity, fallback) = (list("capacity"), list("fallback"));
    for (key, all) in [("capacity", capacity), ("fallback", fallback)] {
        if let Some(all) = all {
            seen.insert(key.to_owned(), Value::Array(all.clone()));
        }
    }
    let ways = match (capacity, fallback) {
        (Some(rungs), _) => rungs.iter().flat_map(|rung| of_rung(want, rung)).collect(),
        (None, Some(markets)) => std::iter::once(of_group(want, want.get("market"), want.get("reservation")))
            .chain(markets.iter().map(|market| of_group(want, Some(market), None)))
            .collect(),
        (None, None) => Vec::new(),
    };
    let reserved = |value: Option<&Value>| value.filter(|id| !id.is_null()).cloned().unwrap_or_default();
    let fits = |way: &BTreeMap<&str, Value>| {
        way.iter().all(|(key, value)| match (*key, seen.get(*key)) {
            // Machines that run in a reservation of a resource group show which.
            ("reservation", found) if value["$id"].as_str().is_some_and(|id| id.starts_with("arn:")) => {
                !reserved(found).is_null()
            }
            // An on-demand machine may use a reservation that is open to all.
            ("reservation", found) => value.is_null() || reserved(found) == *value,
            // What is not known of a member does not tell.
            (_, None) => true,
            (_, Some(found)) => found == value,
        })
    };
    if !ways.iter().any(fits) {
        return !ways.is_empty();
    }
    for key in ["instance_type", "subnet", "market", "reservation"] {
        if seen.contains_key(key) {
            seen.insert(key.to_owned(), want.get(key).cloned().unwrap_or_default());
        }
    }
    true
}

fn of_group<'k>(want: &Value, market: Option<&Value>, reservation: Option<&Value>) -> BTreeMap<&'k str, Value> {
    let own = |key: &str| want.get(key).cloned().unwrap_or_default();
    let mut out = BTreeMap::from([("instance_type", own("instance_type")), ("subnet", own("subnet"))]);
    out.insert("market", market.cloned().unwrap_or_default());
    out.insert("reservation", reservation.cloned().unwrap_or_default());
    out
}

fn of_rung<'k>(want: &Value, rung: &Value) -> Vec<BTreeMap<&'k str, Value>> {
    let several = |key: &str, own: &str| {
        let own = want.get(own).cloned().unwrap_or_default();
        rung.get(key).and_then(Value::as_array).filter(|all| !all.is_empty()).cloned().unwrap_or_else(|| vec![own])
    };
    let mut out = Vec::new();
    for instance_type in several("types", "instance_type") {
        for subnet in several("subnets", "subnet") {
            let mut way = of_group(want, rung.get("market"), rung.get("reservation"));
            way.insert("instance_type", instance_type.clone());
            way.insert("subnet", subnet);
            out.push(way);
        }
    }
    out
}
