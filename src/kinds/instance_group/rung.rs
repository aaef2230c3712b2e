//! The rungs of the ladder on which a group gets its machines: their fields and what is wrong with some.
use super::{InstanceGroup, Market, Reserved, check};
use crate::{
    catalog::{self, image},
    diagnostic::Code,
    field::Ref,
    kinds::Subnet,
    units::{Money, Per, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rung of the ladder: a way of getting all machines, or several that are alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// A capacity reservation or a Capacity Block (`cr-…`), or the ARN of a resource group of reservations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reserved>,
    /// How the machines are bought.
    #[serde(default)]
    pub market: Market,
    /// The subnets, so the zones, in their order; the group's own without it. All machines stand in one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Ref<Subnet>>,
    /// The instance types, in their order; the group's own without it. All machines are of one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The highest price of one spot instance, such as `12 USD/h`; without it, the on-demand price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price: Option<Money>,
    /// For how long AWS is asked again before the next rung, such as `15m`; once without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Span>,
}

impl Rung {
    pub(super) fn types_or<'r>(&'r self, own: &'r String) -> impl Iterator<Item = &'r String> {
        self.types.iter().chain(self.types.is_empty().then_some(own))
    }

    pub(super) fn subnets_or<'r>(&'r self, own: &'r Ref<Subnet>) -> impl Iterator<Item = &'r Ref<Subnet>> {
        self.subnets.iter().chain(self.subnets.is_empty().then_some(own))
    }
}

/// The word for the way in which a type is not sold, as far as that is known.
pub(super) fn unsold(facts: &catalog::InstanceType, market: Market, reserved: bool) -> Option<&'static str> {
    let (sold, word) = match market {
        // A reservation holds what is not for sale by the hour.
        Market::OnDemand => (facts.usage.on_demand || reserved, "on demand"),
        Market::Spot => (facts.usage.spot, "as spot"),
        Market::CapacityBlock => (facts.usage.capacity_block, "in Capacity Blocks"),
    };
    (facts.usage.is_known() && !sold).then_some(word)
}

pub(super) fn is_reservation(id: &str) -> bool {
    id.starts_with("cr-") || id.starts_with("arn:") && id.contains(":resource-groups:")
}

/// Rungs that cannot hold anybody.
pub(super) fn check(group: &InstanceGroup, add: &mut impl FnMut(&'static Code, &str, String, &str)) {
    let single = group.market != Market::OnDemand || group.reservation.is_some() || !group.fallback.is_empty();
    if single && !group.capacity.is_empty() {
        let summary = "`capacity` and `market`, `reservation` or `fallback` exclude each other".to_owned();
        add(&check::CAPACITY, "capacity", summary, "write what stands there as rungs of `capacity`");
    }
    let arch = group.facts().map(|facts| facts.arch);
    for (n, rung) in group.capacity.iter().enumerate() {
        let path = format!("capacity[{n}]");
        let mut wrong =
            |field: &str, summary: String, help: &str| add(&check::CAPACITY, &format!("{path}{field}"), summary, help);
        match (&rung.reservation, rung.market) {
            (Some(reserved), _) if reserved.literal().is_some_and(|id| !is_reservation(id)) => {
                wrong(".reservation", format!("`{reserved}` is not the id of a reservation"), "write `cr-…`");
            }
            (Some(_), Market::Spot) => {
                let summary = "spot instances do not run in a reservation".to_owned();
                wrong(".market", summary, "remove `reservation` or `market: spot`");
            }
            (None, Market::CapacityBlock) => {
                let summary = "a Capacity Block is launched by its id".to_owned();
                wrong(".reservation", summary, "write `reservation: cr-…`, or another market");
            }
            _ => {}
        }
        if let Some(price) = rung.max_price {
            if rung.market != Market::Spot {
                let summary = "only spot instances have a highest price".to_owned();
                wrong(".max_price", summary, "write `market: spot`, or remove `max_price`");
            } else if price.per() != Per::Hour {
                wrong(".max_price", format!("{price} is no price of an hour"), "write for example `12 USD/h`");
            }
        }
        if group.capacity[..n].contains(rung) {
            wrong("", "the same rung stands above".to_owned(), "remove it");
        }
        for (at, name) in rung.types.iter().enumerate() {
            let field = format!(".types[{at}]");
            let facts = match catalog::instance_type(name) {
                Ok(facts) => facts,
                Err(unknown) => {
                    wrong(&field, unknown.to_string(), "`dlinfra topology` lists the types that the catalog knows");
                    continue;
                }
            };
            if let Some(word) = unsold(facts, rung.market, rung.reservation.is_some()) {
                wrong(&field, format!("{name} is not sold {word}"), "choose another market or type");
            }
            if arch.is_some_and(|arch| arch != facts.arch) {
                let summary = format!("{name} has another processor than {}", group.instance_type);
                wrong(&field, summary, "all types start from one image, so they need one kind of processor");
            } else if let Some(why) = group.image.as_deref().and_then(image::image).and_then(|i| i.unfit_for(facts)) {
                wrong(&field, why, &check::fitting(facts));
            }
        }
    }
}
