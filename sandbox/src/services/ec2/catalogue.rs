//! Regions, zones and instance types, from the crate's own data file.
//!
//! `data/instance-types.csv` holds what DescribeInstanceTypes and DescribeInstanceTypeOfferings answer. Network
//! cards are runs of `COUNT*INTERFACES:TYPES` with `i` interface, `e` efa, `o` efa-only; the zones in which a type
//! is offered are `region:letters`, speeds of EBS `MBPS/IOPS`, the baseline and, where it differs, the maximum. Rows without an offering were collected by hand and cannot be launched.

use crate::regions;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One network card of an instance type.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) max_interfaces: usize,
    /// Interface types that it takes: `interface`, `efa`, `efa-only`.
    pub(super) types: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct InstanceType {
    pub(super) name: String,
    pub(super) vcpus: u64,
    pub(super) memory_mib: u64,
    pub(super) arch: String,
    pub(super) manufacturer: String,
    /// `gpu`, `neuron`, `inference` or nothing.
    pub(super) accelerator_kind: String,
    pub(super) accelerator_maker: String,
    pub(super) accelerator: String,
    pub(super) accelerator_count: u64,
    pub(super) accelerator_mib: u64,
    pub(super) network: String,
    pub(super) cards: Vec<Card>,
    pub(super) max_efa: usize,
    pub(super) addresses_per_interface: u64,
    pub(super) storage_gb: u64,
    pub(super) usage_classes: Vec<String>,
    pub(super) bare_metal: bool,
    /// Region to zone letters.
    offered: BTreeMap<String, String>,
    pub(super) cores: u64,
    /// Whether it is EBS-optimized (`default`), can be, or cannot, and how its EBS devices show.
    pub(super) ebs_optimized: String,
    pub(super) nvme: String,
    pub(super) is_current: bool,
    /// What its EBS volumes get for certain, and the most that they get for a while; not known of old types.
    pub(super) ebs_speed: Option<(EbsSpeed, EbsSpeed)>,
}

/// How fast EBS volumes are read and written through an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct EbsSpeed {
    pub(super) mbps: u32,
    pub(super) iops: u32,
}

impl InstanceType {
    /// The part before the dot.
    pub(super) fn family(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    pub(super) fn is_accelerated(&self) -> bool {
        !self.accelerator_kind.is_empty()
    }

    /// Zones of a region in which the type can be had, as letters.
    pub(super) fn zones(&self, region: &str) -> &str {
        // What the optional regions offer is not among the facts: there, everything can be had.
        let elsewhere = if regions::is_optional(region) { OPTIONAL_ZONES } else { "" };
        self.offered.get(region).map_or(elsewhere, String::as_str)
    }

    pub(super) fn is_offered(&self, zone: &str) -> bool {
        let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
        self.zones(region).contains(letter)
    }

    pub(super) fn max_interfaces(&self) -> usize {
        self.cards.iter().map(|card| card.max_interfaces).sum()
    }
}

/// The regions that every account has, with the letters of their zones and the prefix of zone ids.
const REGIONS: &[(&str, &str, &str)] = &[
    ("ap-northeast-1", "acd", "apne1"),
    ("ap-northeast-2", "abcd", "apne2"),
    ("ap-northeast-3", "abc", "apne3"),
    ("ap-south-1", "abc", "aps1"),
    ("ap-southeast-1", "abc", "apse1"),
    ("ap-southeast-2", "abc", "apse2"),
    ("ca-central-1", "abd", "cac1"),
    ("cn-north-1", "ab", "cnn1"),
    ("cn-northwest-1", "abc", "cnnw1"),
    ("eu-central-1", "abc", "euc1"),
    ("eu-north-1", "abc", "eun1"),
    ("eu-west-1", "abc", "euw1"),
    ("eu-west-2", "abcd", "euw2"),
    ("eu-west-3", "abc", "euw3"),
    ("sa-east-1", "abc", "sae1"),
    ("us-east-1", "abcdef", "use1"),
    ("us-east-2", "abc", "use2"),
    ("us-gov-east-1", "abc", "usge1"),
    ("us-gov-west-1", "abc", "usgw1"),
    ("us-west-1", "ab", "usw1"),
    ("us-west-2", "abcd", "usw2"),
];

/// The letters of the zones of regions to opt in to.
const OPTIONAL_ZONES: &str = "abc";

/// Names and ids of a region's zones.
pub(super) fn zones(region: &str) -> Vec<(String, String)> {
    let row = REGIONS.iter().find(|(name, ..)| *name == region);
    let (letters, prefix) = match row {
        Some((_, letters, prefix)) => (*letters, (*prefix).to_owned()),
        None if regions::is_optional(region) => (OPTIONAL_ZONES, prefix(region)),
        None => return Vec::new(),
    };
    let zone = |(index, letter)| (format!("{region}{letter}"), format!("{prefix}-az{}", index + 1));
    letters.chars().enumerate().map(zone).collect()
}

/// How ids of zones begin: `me-central-1` is `mec1`, `ap-southeast-3` is `apse3`.
fn prefix(region: &str) -> String {
    let short = |part: &str| match part {
        "southeast" => "se".to_owned(),
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        direction => direction.chars().take(1).collect(),
    };
    let mut parts = region.split('-');
    let (area, direction, number) = (parts.next(), parts.next(), parts.next());
    format!("{}{}{}", area.unwrap_or_default(), direction.map(short).unwrap_or_default(), number.unwrap_or_default())
}

pub(super) fn zone_id(zone: &str) -> Option<String> {
    let (region, _) = zone.split_at_checked(zone.len().checked_sub(1)?)?;
    zones(region).into_iter().find(|(name, _)| name == zone).map(|(_, id)| id)
}

static TYPES: LazyLock<BTreeMap<String, InstanceType>> = LazyLock::new(|| {
    let rows = include_str!("../../../data/instance-types.csv").lines().skip(1);
    rows.filter_map(read_row).map(|row| (row.name.clone(), row)).collect()
});

pub(super) fn instance_types() -> impl Iterator<Item = &'static InstanceType> {
    TYPES.values()
}

pub(super) fn instance_type(name: &str) -> Option<&'static InstanceType> {
    TYPES.get(name)
}

/// No field of the file holds a comma or a quote, which its test checks.
fn read_row(row: &str) -> Option<InstanceType> {
    let mut fields = row.split(',');
    let mut next = || fields.next().map(str::to_owned);
    Some(InstanceType {
        name: next()?,
        vcpus: next()?.parse().ok()?,
        memory_mib: next()?.parse().ok()?,
        arch: next()?,
        manufacturer: next()?,
        accelerator_kind: next()?,
        accelerator_maker: next()?,
        accelerator: next()?,
        accelerator_count: next()?.parse().ok()?,
        accelerator_mib: next()?.parse().ok()?,
        network: next()?,
        cards: read_cards(&next()?)?,
        max_efa: next()?.parse().ok()?,
        addresses_per_interface: next()?.parse().ok()?,
        storage_gb: next()?.parse().ok()?,
        usage_classes: next()?.split(' ').map(str::to_owned).collect(),
        bare_metal: next()? == "true",
        offered: next()?
            .split_whitespace()
            .filter_map(|part| part.split_once(':'))
            .map(|(region, letters)| (region.to_owned(), letters.to_owned()))
            .collect(),
        cores: next()?.parse().ok()?,
        ebs_optimized: next()?,
        nvme: next()?,
        is_current: next()? == "true",
        ebs_speed: read_speeds(&next()?),
    })
}

fn read_speeds(text: &str) -> Option<(EbsSpeed, EbsSpeed)> {
    let mut speeds = text.split_whitespace().filter_map(|part| {
        let (mbps, iops) = part.split_once('/')?;
        Some(EbsSpeed { mbps: mbps.parse().ok()?, iops: iops.parse().ok()? })
    });
    let baseline = speeds.next()?;
    Some((baseline, speeds.next().unwrap_or(baseline)))
}

fn read_cards(text: &str) -> Option<Vec<Card>> {
    let mut cards = Vec::new();
    for run in text.split(' ') {
        let (count, rest) = run.split_once('*')?;
        let (max, letters) = rest.split_once(':')?;
        let types = letters.chars().map(|letter| match letter {
            'e' => "efa",
            'o' => "efa-only",
            _ => "interface",
        });
        let card = Card { max_interfaces: max.parse().ok()?, types: types.collect() };
        cards.extend(std::iter::repeat_n(card, count.parse().ok()?));
    }
    Some(cards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_zones_begin_alike_everywhere() {
        let stated = REGIONS.iter().filter(|(name, ..)| !name.starts_with("us-gov"));
        let mut seen = 0;
        for (region, _, stated) in stated {
            assert_eq!(prefix(region), *stated);
            seen += 1;
        }
        assert!(seen > 15 && zones("me-central-1")[1].1 == "mec1-az2" && zones("moon-1").is_empty());
    }

    #[test]
    fn every_row_is_read() {
        let rows = include_str!("../../../data/instance-types.csv").lines().skip(1);
        let mut count = 0;
        for row in rows {
            assert!(!row.contains('"') && row.split(',').count() == 23, "{row}");
            assert!(read_row(row).is_some(), "{row}");
            count += 1;
        }
        assert_eq!(instance_types().count(), count);
    }

    #[test]
    fn cards_say_what_they_take() {
        let b300 = instance_type("p6-b300.48xlarge").unwrap();
        assert_eq!((b300.cards.len(), b300.max_efa), (17, 16));
        assert_eq!(b300.cards[0].types, ["interface"]);
        assert!(b300.is_offered("us-east-1a") && !b300.is_offered("us-east-1b"));
        assert_eq!(zone_id("us-east-1f").as_deref(), Some("use1-az6"));
    }
}
