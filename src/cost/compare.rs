//! Two bills side by side: what appears, what goes, and what each resource costs more or less.

use std::collections::BTreeMap;

use super::bill::{Bill, Sum};
use crate::price::Amount;

/// One resource before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its address.
    pub address: String,
    /// Its kind, after where it still exists.
    pub kind: String,
    /// What it cost; `None` when it did not exist.
    pub before: Option<Sum>,
    /// What it will cost; `None` when it goes.
    pub after: Option<Sum>,
}

impl Row {
    /// How much more it costs.
    #[must_use]
    pub fn difference(&self) -> Amount {
        let total = |sum: &Option<Sum>| sum.map_or(Amount::ZERO, |sum| sum.total());
        total(&self.after) - total(&self.before)
    }
}

/// Two bills, resource by resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Resources whose cost or number of unpriced lines changes, the largest change first.
    pub rows: Vec<Row>,
    /// Everything before.
    pub before: Sum,
    /// Everything after.
    pub after: Sum,
}

impl Comparison {
    /// Puts `before` beside `after`.
    #[must_use]
    pub fn of(before: &Bill, after: &Bill) -> Self {
        let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
        for item in &before.items {
            let row =
                Row { address: item.address.clone(), kind: item.kind.clone(), before: Some(item.sum()), after: None };
            rows.insert(&item.address, row);
        }
        for item in &after.items {
            let row = rows.entry(&item.address).or_insert_with(|| Row {
                address: item.address.clone(),
                kind: String::new(),
                before: None,
                after: None,
            });
            row.kind.clone_from(&item.kind);
            row.after = Some(item.sum());
        }
        let changes = |row: &Row| row.before.unwrap_or_default() != row.after.unwrap_or_default();
        let mut rows: Vec<Row> = rows.into_values().filter(changes).collect();
        rows.sort_by_key(|row| {
            let difference = row.difference();
            std::cmp::Reverse(difference.hourly().abs().max(difference.upfront.abs()))
        });
        Self { rows, before: before.sum(), after: after.sum() }
    }

    /// How much more everything costs.
    #[must_use]
    pub fn difference(&self) -> Amount {
        self.after.total() - self.before.total()
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::super::bill::tests::cluster;
    use super::*;

    #[test]
    fn growth_and_removal() {
        let before = cluster();
        let mut after = cluster();
        after.items.retain(|item| item.address != "cache.file-system");
        for item in &mut after.items {
            if item.address == "train.group" {
                item.lines[0].quantity = Decimal::from(6);
            }
        }
        let comparison = Comparison::of(&before, &after);
        let addresses: Vec<&str> = comparison.rows.iter().map(|row| row.address.as_str()).collect();
        assert_eq!(addresses, ["train.group", "cache.file-system"]);
        assert_eq!(comparison.rows[0].difference().hourly(), Decimal::new(11_008, 2));
        assert_eq!(comparison.difference().month, Decimal::from(-1632));
        assert!(comparison.rows[1].after.is_none());
    }

    #[test]
    fn the_same_is_nothing() {
        let comparison = Comparison::of(&cluster(), &cluster());
        assert!(comparison.rows.is_empty() && comparison.difference().is_zero());
    }
}
