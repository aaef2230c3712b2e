//! In which zones instance types are on offer: as AWS told the account, else as it was once recorded.
//!
//! Recorded are ids of zones (`use1-az6`), which name the same place in every account; names (`us-east-1a`) do not. Source:
//! DescribeInstanceTypeOfferings answers as recorded in moto 5.2.5 (2026-01), `data/offers.csv`. AWS adds offers all the
//! time, so what is not recorded may be on offer now.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const OFFERS: &str = include_str!("../../data/offers.csv");

/// The ids of zones, by type and region.
type Table = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut out = Table::new();
        for line in OFFERS.lines().skip(1) {
            let Some((types, places)) = line.split_once(',') else { continue };
            let places: BTreeMap<&str, Vec<String>> = places.split(' ').filter_map(zones_of).collect();
            out.extend(types.split(' ').map(|name| (name, places.clone())));
        }
        out
    });
    &TABLE
}

/// `us-east-1:use1:146` is `use1-az1`, `use1-az4` and `use1-az6`.
fn zones_of(place: &'static str) -> Option<(&'static str, Vec<String>)> {
    let (region, rest) = place.split_once(':')?;
    let (prefix, digits) = rest.split_once(':')?;
    Some((region, digits.chars().map(|digit| format!("{prefix}-az{digit}")).collect()))
}

/// The ids of the zones of a region in which a type was on offer; `None` where nothing is recorded of the region.
#[must_use]
pub fn recorded(instance_type: &str, region: &str) -> Option<Vec<String>> {
    let known = table().values().any(|places| places.contains_key(region));
    known.then(|| table().get(instance_type).and_then(|places| places.get(region)).cloned().unwrap_or_default())
}

/// Every zone of a region, by id, in which anything was on offer.
#[must_use]
pub fn recorded_zones(region: &str) -> Vec<String> {
    let all = table().values().filter_map(|places| places.get(region)).flatten();
    all.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{instance::instance_types, region::is_known_region};
    use super::*;
    use crate::facts::records;

    #[test]
    fn every_row_is_of_types_and_regions_that_are_known() {
        assert!(records(OFFERS).all(|row| row.len() == 2));
        let types: Vec<&str> = instance_types().map(|known| known.name.as_str()).collect();
        for (name, places) in table() {
            assert!(types.contains(name), "{name}");
            assert!(places.iter().all(|(region, zones)| is_known_region(region) && !zones.is_empty()), "{name}");
        }
    }

    #[test]
    fn zones_of_types() {
        assert_eq!(recorded("dl2q.24xlarge", "us-west-2").unwrap(), ["usw2-az4"]);
        assert_eq!(recorded("dl2q.24xlarge", "us-east-1").unwrap(), Vec::<String>::new());
        assert_eq!(recorded("dl2q.24xlarge", "cn-north-1"), None);
        assert_eq!(recorded_zones("us-west-1"), ["usw1-az1", "usw1-az3"]);
    }
}
