//! Regions and the zone names that accounts usually see in them.
//!
//! Zone names are AWS's public names; an account may see fewer (us-west-1 shows two of its three to each account) and
//! maps them to zones by itself, so live AWS decides wherever it is asked.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::facts::records;

const REGIONS: &str = include_str!("../../data/regions.csv");

/// A region of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The code, such as `us-east-1`.
    pub code: String,
    /// The place in words.
    pub name: String,
    /// Zone names in order.
    pub zones: Vec<String>,
}

fn table() -> &'static BTreeMap<String, Region> {
    static TABLE: LazyLock<BTreeMap<String, Region>> = LazyLock::new(|| {
        let rows = records(REGIONS).filter_map(|fields| <[String; 3]>::try_from(fields).ok());
        rows.map(|[code, name, letters]| {
            let zones = letters.split(' ').map(|letter| format!("{code}{letter}")).collect();
            (code.clone(), Region { code, name, zones })
        })
        .collect()
    });
    &TABLE
}

/// The region with this code.
#[must_use]
pub fn region(code: &str) -> Option<&'static Region> {
    table().get(code)
}

/// Every region in order of its code.
pub fn regions() -> impl Iterator<Item = &'static Region> {
    table().values()
}

/// Whether the catalog knows a region; AWS may have newer ones.
#[must_use]
pub fn is_known_region(code: &str) -> bool {
    table().contains_key(code)
}

/// The usual zone names of a region; `None` for a region that the catalog does not know.
#[must_use]
pub fn zones(code: &str) -> Option<Vec<String>> {
    region(code).map(|region| region.zones.clone())
}

/// The region whose code is nearest to `code`, for "did you mean".
#[must_use]
pub fn nearest_region(code: &str) -> Option<&'static str> {
    let scored = table().keys().map(|known| (strsim::damerau_levenshtein(known, code), known.as_str()));
    scored.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known)
}

/// The partition that a region belongs to: `aws`, `aws-cn` or `aws-us-gov`.
#[must_use]
pub fn partition(code: &str) -> &'static str {
    match code {
        _ if code.starts_with("cn-") => "aws-cn",
        _ if code.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        assert_eq!(table().len(), records(REGIONS).count());
        assert!(regions().all(|region| region.zones.len() >= 2 && !region.name.is_empty()));
    }

    #[test]
    fn zones_of_regions() {
        assert_eq!(zones("us-east-2").unwrap(), ["us-east-2a", "us-east-2b", "us-east-2c"]);
        assert_eq!(zones("ap-northeast-1").unwrap()[1], "ap-northeast-1c");
        assert_eq!(zones("moon-1"), None);
        assert_eq!(nearest_region("us-eats-1"), Some("us-east-1"));
        assert_eq!(nearest_region("moon-1"), None);
        assert_eq!(partition("cn-north-1"), "aws-cn");
    }
}
