//! Why AWS would refuse a set of interfaces: the tests hold every layout against it, and no author writes one by hand.
use super::{Interface, InterfaceType};
use crate::catalog::InstanceType;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a network card of a type can carry EFA.
fn card_supports_efa(instance: &InstanceType, card: u32) -> bool {
    let plain_card = instance.name == "p6-b300.48xlarge" && card == 0;
    instance.supports_efa() && card < instance.network_cards && !plain_card
}

/// Why AWS would refuse a set of interfaces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// There is no interface at card 0, device 0.
    #[error("the primary interface (card 0, device 0) is missing")]
    NoPrimary,
    /// The primary is `efa-only`.
    #[error("the primary interface cannot be efa-only, because it needs an IP address")]
    PrimaryWithoutAddress,
    /// Two interfaces at one place.
    #[error("card {card} has device index {device} twice")]
    DeviceTwice {
        /// The card.
        card: u32,
        /// The device index.
        device: u32,
    },
    /// The card does not exist.
    #[error("{instance_type} has {cards} network cards, so there is no card {card}")]
    NoSuchCard {
        /// The type.
        instance_type: String,
        /// Its cards.
        cards: u32,
        /// The card that was asked for.
        card: u32,
    },
    /// The device index is beyond what the card takes.
    #[error("card {card} of {instance_type} takes {limit} interfaces, so device index {device} is too high")]
    DeviceTooHigh {
        /// The type.
        instance_type: String,
        /// The card.
        card: u32,
        /// The device index.
        device: u32,
        /// Interfaces that the card takes.
        limit: u32,
    },
    /// Two EFA devices on one card.
    #[error("card {card} has more than one EFA interface")]
    EfaTwice {
        /// The card.
        card: u32,
    },
    /// EFA where there is none.
    #[error("card {card} of {instance_type} does not support EFA")]
    EfaUnsupported {
        /// The type.
        instance_type: String,
        /// The card.
        card: u32,
    },
    /// More EFA devices than the type has.
    #[error("{instance_type} has at most {limit} EFA interfaces, not {wanted}")]
    TooManyEfa {
        /// The type.
        instance_type: String,
        /// The most.
        limit: u32,
        /// How many were asked for.
        wanted: usize,
    },
}

/// Everything that is wrong with a set of interfaces for a type, old form or new; empty when AWS would take it.
pub(super) fn problems(instance: &InstanceType, interfaces: &[Interface]) -> Vec<Problem> {
    let name = || instance.name.clone();
    let mut problems = Vec::new();
    match interfaces.iter().find(|interface| (interface.card, interface.device) == (0, 0)) {
        None => problems.push(Problem::NoPrimary),
        Some(primary) if primary.interface_type == InterfaceType::EfaOnly => {
            problems.push(Problem::PrimaryWithoutAddress);
        }
        Some(_) => {}
    }
    let mut places = BTreeSet::new();
    let mut efa_of_card: BTreeMap<u32, usize> = BTreeMap::new();
    for &Interface { card, device, interface_type } in interfaces {
        if !places.insert((card, device)) {
            problems.push(Problem::DeviceTwice { card, device });
        }
        if card >= instance.network_cards {
            problems.push(Problem::NoSuchCard { instance_type: name(), cards: instance.network_cards, card });
            continue;
        }
        if let Some(limit) = instance.enis_per_card()
            && device >= limit
        {
            problems.push(Problem::DeviceTooHigh { instance_type: name(), card, device, limit });
        }
        if interface_type.is_efa() {
            *efa_of_card.entry(card).or_default() += 1;
            if !card_supports_efa(instance, card) {
                problems.push(Problem::EfaUnsupported { instance_type: name(), card });
            }
        }
    }
    problems.extend(efa_of_card.iter().filter(|(_, count)| **count > 1).map(|(&card, _)| Problem::EfaTwice { card }));
    let wanted: usize = efa_of_card.values().sum();
    let limit = instance.efa_interfaces;
    if limit > 0 && u32::try_from(wanted).is_ok_and(|wanted| wanted > limit) {
        problems.push(Problem::TooManyEfa { instance_type: name(), limit, wanted });
    }
    problems
}
