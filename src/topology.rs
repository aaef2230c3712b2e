//! Network interfaces of an instance type: which card, which device index, EFA or plain.
//!
//! AWS has changed its advice. This module makes the new form: a plain primary interface, EFA as `efa-only` beside it
//! and on every other card. AWS still takes the old form: a primary of type `efa`, the rest at device index 1. Two
//! profiles exist, in the words of authors:
//!
//! - `ip` (the default) saves IP addresses: every EFA interface that the type has, one address per node.
//! - `bandwidth` adds plain interfaces on other cards for the most IP (ENA) bandwidth, at one address each. EFA bandwidth
//!   is the same in both.
//!
//! Source: EC2 user guide, "EFA for accelerated instance types", and recorded DescribeInstanceTypes answers.

use std::fmt;

use serde_json::{Value, json};

use crate::catalog::{Confidence, InstanceType};

/// Which of AWS's two profiles of interfaces to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Profile {
    /// As few IP addresses as possible.
    #[default]
    Ip,
    /// As much IP bandwidth as possible.
    Bandwidth,
    /// One interface without EFA.
    Plain,
}

impl Profile {
    /// The word of authors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Bandwidth => "bandwidth",
            Self::Plain => "plain",
        }
    }

    /// The profile that authors call `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ip, Self::Bandwidth, Self::Plain].into_iter().find(|profile| profile.name() == name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// AWS's types of a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceType {
    /// Plain ENA.
    Interface,
    /// EFA and ENA in one.
    Efa,
    /// EFA alone: no IP address, never the primary.
    EfaOnly,
}

impl InterfaceType {
    /// AWS's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Efa => "efa",
            Self::EfaOnly => "efa-only",
        }
    }

    /// Whether it is an EFA device.
    #[must_use]
    pub fn is_efa(self) -> bool {
        self != Self::Interface
    }
}

/// One network interface at launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// Network card index.
    pub card: u32,
    /// Device index on that card.
    pub device: u32,
    /// Its type.
    pub interface_type: InterfaceType,
}

/// The interfaces of one instance of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The instance type.
    pub instance_type: String,
    /// The profile that was asked for.
    pub profile: Profile,
    /// In order of card, then device; the first is the primary.
    pub interfaces: Vec<Interface>,
    /// Where the layout comes from.
    pub source: &'static str,
    /// How far to trust it.
    pub confidence: Confidence,
}

impl Layout {
    /// The layout of a type under a profile; types without EFA get one plain interface under all of them.
    #[must_use]
    pub fn of(instance: &InstanceType, profile: Profile) -> Self {
        let plan = plan(instance);
        let mut interfaces = match profile {
            Profile::Ip => plan.save_ip,
            Profile::Bandwidth => plan.save_ip.into_iter().chain(plan.more_ip).collect(),
            Profile::Plain => vec![at(0, 0, InterfaceType::Interface)],
        };
        interfaces.sort_unstable();
        Self {
            instance_type: instance.name.clone(),
            profile,
            interfaces,
            source: plan.source,
            confidence: plan.confidence.min(instance.confidence),
        }
    }

    /// How many EFA interfaces it has.
    #[must_use]
    pub fn efa_interfaces(&self) -> usize {
        self.interfaces.iter().filter(|interface| interface.interface_type.is_efa()).count()
    }

    /// How many private IP addresses one node takes from its subnet.
    #[must_use]
    pub fn addresses_per_node(&self) -> usize {
        self.interfaces.iter().filter(|interface| interface.interface_type != InterfaceType::EfaOnly).count()
    }

    /// As the `topology` command prints it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let interfaces: Vec<Value> = self
            .interfaces
            .iter()
            .map(|interface| {
                let Interface { card, device, interface_type } = interface;
                json!({ "card": card, "device": device, "type": interface_type.name() })
            })
            .collect();
        json!({
            "type": self.instance_type,
            "layout": self.profile.name(),
            "efa": self.efa_interfaces(),
            "interfaces": interfaces,
            "addresses_per_node": self.addresses_per_node(),
            "source": self.source,
            "confidence": self.confidence.name(),
        })
    }
}

/// What a type's interfaces are: those of the `ip` profile, and those that `bandwidth` adds.
struct Plan {
    save_ip: Vec<Interface>,
    more_ip: Vec<Interface>,
    source: &'static str,
    confidence: Confidence,
}

const GUIDE: &str = "EC2 user guide, own section";
const RULE: &str = "general rule of the EC2 user guide over recorded DescribeInstanceTypes";

fn plan(instance: &InstanceType) -> Plan {
    let last = instance.network_cards.saturating_sub(1);
    let others = |cards: Vec<u32>| cards.into_iter().map(|card| at(card, 1, InterfaceType::Interface)).collect();
    match instance.name.as_str() {
        // The guide adds interfaces on every fourth card only.
        "p5.48xlarge" | "p5e.48xlarge" => Plan {
            save_ip: every_card(instance),
            more_ip: others((4..=last).step_by(4).collect()),
            source: GUIDE,
            confidence: Confidence::High,
        },
        "p6-b200.48xlarge" => Plan {
            save_ip: every_card(instance),
            more_ip: others((1..=last).collect()),
            source: GUIDE,
            confidence: Confidence::High,
        },
        // Card 0 is plain ENA; sixteen cards for EFA follow it.
        "p6-b300.48xlarge" => {
            let mut save_ip = vec![PRIMARY];
            save_ip.extend((1..=last).map(|card| at(card, 0, InterfaceType::EfaOnly)));
            Plan { save_ip, more_ip: others((1..=last).collect()), source: GUIDE, confidence: Confidence::High }
        }
        // Odd cards carry EFA at 400 Gbit/s, even ones share an adapter with the odd one before; the guide uses four of them
        // (or eight at half the rate).
        "p6e-gb200.36xlarge" => {
            let mut save_ip = vec![PRIMARY];
            save_ip.extend([1, 5, 9, 13].map(|card| at(card, 0, InterfaceType::EfaOnly)));
            Plan { save_ip, more_ip: Vec::new(), source: GUIDE, confidence: Confidence::Medium }
        }
        _ if !instance.supports_efa() => {
            Plan { save_ip: vec![PRIMARY], more_ip: Vec::new(), source: RULE, confidence: Confidence::High }
        }
        _ => {
            let room = instance.enis_per_card().is_none_or(|enis| enis > 1);
            let more_ip = if room { others((1..=last).collect()) } else { Vec::new() };
            Plan { save_ip: every_card(instance), more_ip, source: RULE, confidence: Confidence::Medium }
        }
    }
}

const PRIMARY: Interface = at(0, 0, InterfaceType::Interface);

const fn at(card: u32, device: u32, interface_type: InterfaceType) -> Interface {
    Interface { card, device, interface_type }
}

/// EFA on every card: beside the plain primary on card 0, alone on the others.
fn every_card(instance: &InstanceType) -> Vec<Interface> {
    // A card that takes one interface only (hpc6id) must carry EFA and the primary in one.
    let one_per_card = instance.enis_per_card() == Some(1);
    let mut interfaces = match one_per_card {
        true => vec![at(0, 0, InterfaceType::Efa)],
        false => vec![PRIMARY, at(0, 1, InterfaceType::EfaOnly)],
    };
    let cards = instance.network_cards.min(instance.efa_interfaces);
    interfaces.extend((1..cards).map(|card| at(card, 0, InterfaceType::EfaOnly)));
    interfaces
}

#[cfg(test)]
mod refusals;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::refusals::{Problem, problems};
    use super::*;
    use crate::catalog::instance::{instance_type, instance_types};

    /// `0/0i 0/1e 1..31/0e`: cards, device, and `i` for interface, `e` for efa-only, `f` for efa.
    fn table(text: &str) -> Vec<Interface> {
        let mut interfaces = Vec::new();
        for word in text.split_whitespace() {
            let (cards, rest) = word.split_once('/').unwrap();
            let (device, letter) = rest.split_at(rest.len() - 1);
            let interface_type = match letter {
                "i" => InterfaceType::Interface,
                "e" => InterfaceType::EfaOnly,
                _ => InterfaceType::Efa,
            };
            let cards: Vec<u32> = match cards.split_once("..") {
                Some((first, last)) => (first.parse().unwrap()..=last.parse().unwrap()).collect(),
                None => cards.split(',').map(|card| card.parse().unwrap()).collect(),
            };
            interfaces.extend(cards.into_iter().map(|card| at(card, device.parse().unwrap(), interface_type)));
        }
        interfaces.sort_unstable();
        interfaces
    }

    const SINGLE: &str = "0/0i 0/1e";

    #[test]
    fn save_ip_layouts_are_those_of_the_facts() {
        let cases = [
            ("p5.48xlarge", "0/0i 0/1e 1..31/0e", 32),
            ("p5e.48xlarge", "0/0i 0/1e 1..31/0e", 32),
            ("p5en.48xlarge", "0/0i 0/1e 1..15/0e", 16),
            ("p5.4xlarge", SINGLE, 1),
            ("p6-b200.48xlarge", "0/0i 0/1e 1..7/0e", 8),
            ("p6-b300.48xlarge", "0/0i 1..16/0e", 16),
            ("p6e-gb200.36xlarge", "0/0i 1,5,9,13/0e", 4),
            ("p4d.24xlarge", "0/0i 0/1e 1..3/0e", 4),
            ("p4de.24xlarge", "0/0i 0/1e 1..3/0e", 4),
            ("trn1.32xlarge", "0/0i 0/1e 1..7/0e", 8),
            ("trn1n.32xlarge", "0/0i 0/1e 1..15/0e", 16),
            ("trn2.48xlarge", "0/0i 0/1e 1..15/0e", 16),
            ("trn2u.48xlarge", "0/0i 0/1e 1..15/0e", 16),
            ("trn2.3xlarge", SINGLE, 1),
            ("g7e.8xlarge", SINGLE, 1),
            ("g7e.12xlarge", SINGLE, 1),
            ("g7e.24xlarge", "0/0i 0/1e 1/0e", 2),
            ("g7e.48xlarge", "0/0i 0/1e 1..3/0e", 4),
            ("g7.8xlarge", SINGLE, 1),
            ("g7.12xlarge", SINGLE, 1),
            ("g7.24xlarge", SINGLE, 1),
            ("g7.48xlarge", "0/0i 0/1e 1/0e", 2),
            ("g6e.24xlarge", "0/0i 0/1e 1/0e", 2),
            ("g6e.48xlarge", "0/0i 0/1e 1..3/0e", 4),
            ("dl1.24xlarge", "0/0i 0/1e 1..3/0e", 4),
        ];
        for (name, layout, efa) in cases {
            let made = Layout::of(instance_type(name).unwrap(), Profile::Ip);
            assert_eq!(made.interfaces, table(layout), "{name}");
            assert_eq!(made.efa_interfaces(), efa, "{name}");
            assert_eq!(made.addresses_per_node(), 1, "{name}");
        }
        let single = [
            "g6e.8xlarge",
            "g6e.12xlarge",
            "g6e.16xlarge",
            "g6.8xlarge",
            "g6.12xlarge",
            "g6.16xlarge",
            "g6.24xlarge",
            "g6.48xlarge",
            "gr6.8xlarge",
            "g5.8xlarge",
            "g5.12xlarge",
            "g5.16xlarge",
            "g5.24xlarge",
            "g5.48xlarge",
            "g4dn.8xlarge",
            "g4dn.12xlarge",
            "g4dn.16xlarge",
            "g4dn.metal",
            "p3dn.24xlarge",
            "dl2q.24xlarge",
            "inf1.24xlarge",
        ];
        for name in single {
            assert_eq!(Layout::of(instance_type(name).unwrap(), Profile::Ip).interfaces, table(SINGLE), "{name}");
        }
    }

    #[test]
    fn bandwidth_layouts_are_those_of_the_facts() {
        let cases = [
            ("p5.48xlarge", "0/0i 0/1e 1..31/0e 4,8,12,16,20,24,28/1i", 8),
            ("p5e.48xlarge", "0/0i 0/1e 1..31/0e 4,8,12,16,20,24,28/1i", 8),
            ("p6-b200.48xlarge", "0/0i 0/1e 1..7/0e 1..7/1i", 8),
            ("p6-b300.48xlarge", "0/0i 1..16/0e 1..16/1i", 17),
        ];
        for (name, layout, addresses) in cases {
            let made = Layout::of(instance_type(name).unwrap(), Profile::Bandwidth);
            assert_eq!(made.interfaces, table(layout), "{name}");
            assert_eq!(made.addresses_per_node(), addresses, "{name}");
            assert_eq!(made.confidence, Confidence::High);
        }
    }

    #[test]
    fn no_efa_is_one_plain_interface() {
        let none = [
            "inf2.xlarge",
            "inf2.48xlarge",
            "trn1.2xlarge",
            "g4dn.4xlarge",
            "g5.4xlarge",
            "g6.4xlarge",
            "g6e.4xlarge",
            "g7.4xlarge",
            "g7e.4xlarge",
            "g5g.16xlarge",
            "g4ad.16xlarge",
            "g6f.4xlarge",
            "gr6.4xlarge",
            "gr6f.4xlarge",
            "p3.16xlarge",
            "t3.micro",
        ];
        for name in none {
            for profile in [Profile::Ip, Profile::Bandwidth] {
                let made = Layout::of(instance_type(name).unwrap(), profile);
                assert_eq!(made.interfaces, [PRIMARY], "{name}");
            }
        }
    }

    #[test]
    fn a_card_with_room_for_one_interface() {
        let made = Layout::of(instance_type("hpc6id.32xlarge").unwrap(), Profile::Bandwidth);
        assert_eq!(made.interfaces, table("0/0f 1/0e"));
        assert!(problems(instance_type("hpc6id.32xlarge").unwrap(), &made.interfaces).is_empty());
    }

    #[test]
    fn json_of_the_command() {
        let layout = Layout::of(instance_type("g5.48xlarge").unwrap(), Profile::Ip).to_json();
        assert_eq!(layout["type"], "g5.48xlarge");
        assert_eq!(layout["layout"], "ip");
        assert_eq!(layout["efa"], 1);
        assert_eq!(layout["interfaces"][1], json!({ "card": 0, "device": 1, "type": "efa-only" }));
        assert_eq!(Profile::from_name("bandwidth"), Some(Profile::Bandwidth));
        assert_eq!(Profile::from_name("max"), None);
    }

    #[test]
    fn the_old_form_is_valid() {
        let p5 = instance_type("p5.48xlarge").unwrap();
        assert_eq!(problems(p5, &table("0/0f 1..31/1f")), []);
        let b300 = instance_type("p6-b300.48xlarge").unwrap();
        assert!(
            problems(b300, &table("0/0f 1..16/1f"))
                .contains(&Problem::EfaUnsupported { instance_type: "p6-b300.48xlarge".to_owned(), card: 0 })
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let p5 = instance_type("p5.48xlarge").unwrap();
        let mistakes = problems(p5, &table("0/1e 1/0e 1/1e 2/0i 2/0i 3/2i 40/0e"));
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "the primary interface (card 0, device 0) is missing",
                "card 2 has device index 0 twice",
                "card 3 of p5.48xlarge takes 2 interfaces, so device index 2 is too high",
                "p5.48xlarge has 32 network cards, so there is no card 40",
                "card 1 has more than one EFA interface",
            ]
        );
        assert_eq!(problems(p5, &table("0/0e")), [Problem::PrimaryWithoutAddress]);
        let g5 = instance_type("g5.xlarge").unwrap();
        assert_eq!(problems(g5, &table("0/0f"))[0].to_string(), "card 0 of g5.xlarge does not support EFA");
    }

    proptest! {
        #[test]
        fn every_layout_is_valid(index in 0..instance_types().count(), bandwidth: bool) {
            let instance = instance_types().nth(index).unwrap();
            let profile = if bandwidth { Profile::Bandwidth } else { Profile::Ip };
            let layout = Layout::of(instance, profile);
            prop_assert_eq!(problems(instance, &layout.interfaces), vec![]);
            prop_assert!(layout.efa_interfaces() <= instance.efa_interfaces as usize);
            prop_assert_eq!(layout.efa_interfaces() > 0, instance.supports_efa());
            prop_assert!(profile == Profile::Bandwidth || layout.addresses_per_node() == 1);
        }

        #[test]
        fn checking_never_panics(index in 0..instance_types().count(), places in prop::collection::vec((0u32..40, 0u32..20, 0u8..3), 0..40)) {
            let instance = instance_types().nth(index).unwrap();
            let types = [InterfaceType::Interface, InterfaceType::Efa, InterfaceType::EfaOnly];
            let interfaces: Vec<Interface> =
                places.into_iter().map(|(card, device, kind)| at(card, device, types[usize::from(kind)])).collect();
            let _ = problems(instance, &interfaces);
        }
    }

    #[test]
    fn all_layouts_of_all_types_are_valid() {
        for instance in instance_types() {
            for profile in [Profile::Ip, Profile::Bandwidth, Profile::Plain] {
                let layout = Layout::of(instance, profile);
                assert_eq!(problems(instance, &layout.interfaces), [], "{} {profile}", instance.name);
            }
            let plain = Layout::of(instance, Profile::Plain);
            assert_eq!((plain.interfaces.len(), plain.efa_interfaces()), (1, 0), "{}", instance.name);
        }
    }
}
