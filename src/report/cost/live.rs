//! What a live stack costs now and has cost until now, as `status` shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::cost::{Pricing, Sum, since};
use crate::price::line::{Dollars, rounded};
use crate::snapshot::Found;

/// `cost` of one live resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceFigures {
    /// Dollars an hour.
    pub hourly: String,
    /// Dollars in a month of 730 hours.
    pub monthly: String,
    /// How many of its lines have no price.
    pub unpriced: usize,
}

/// `cost` of a live stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveFigures {
    /// Always US dollars.
    pub currency: &'static str,
    /// Dollars an hour.
    pub hourly: String,
    /// Dollars in a month of 730 hours.
    pub monthly: String,
    /// An estimate of the dollars spent since each object was made.
    pub spent: String,
    /// When the oldest of them was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many objects cost money and do not say when they were made.
    pub unknown_age: usize,
    /// How many lines have no price.
    pub unpriced: usize,
    /// Each resource that costs something, by address; it stands with the resource.
    #[serde(skip)]
    pub resources: BTreeMap<String, ResourceFigures>,
    #[serde(skip)]
    words: String,
}

impl LiveFigures {
    /// The figures of what a stack owns.
    pub fn new<'a>(pricing: &Pricing<'_>, found: impl Iterator<Item = &'a Found> + Clone, now: Timestamp) -> Self {
        let bill = pricing.live(found.clone());
        let spent = pricing.spent(found.clone(), now);
        let sum = bill.sum();
        let total = sum.total();
        let of = |sum: &Sum| ResourceFigures {
            hourly: rounded(sum.total().hourly(), 4),
            monthly: rounded(sum.total().monthly(), 2),
            unpriced: sum.unpriced,
        };
        let costly = bill.items.iter().filter(|item| !item.lines.is_empty());
        let resources: BTreeMap<String, ResourceFigures> =
            costly.map(|item| (item.address.clone(), of(&item.sum()))).collect();
        let oldest = found.filter(|found| resources.contains_key(found.live.address.as_str())).filter_map(since).min();
        let missing = match sum.unpriced {
            0 => String::new(),
            1 => "; 1 line unpriced".to_owned(),
            count => format!("; {count} lines unpriced"),
        };
        let mut words = format!("Burns: {}/h, {}/month{missing}\n", Dollars(total.hourly()), Dollars(total.monthly()));
        let ages = match spent.unknown_age {
            0 => String::new(),
            1 => "; 1 resource does not say when it was made".to_owned(),
            count => format!("; {count} resources do not say when they were made"),
        };
        if let Some(since) = oldest {
            words.push_str(&format!("Spent: about {} since {}{ages}\n", Dollars(spent.dollars), whole(since)));
        } else if spent.unknown_age > 0 {
            words.push_str(&format!("Spent: not known{ages}\n"));
        }
        Self {
            currency: "USD",
            hourly: rounded(total.hourly(), 4),
            monthly: rounded(total.monthly(), 2),
            spent: rounded(spent.dollars, 2),
            since: oldest,
            unknown_age: spent.unknown_age,
            unpriced: sum.unpriced,
            resources,
            words,
        }
    }

    /// One line about the rate, one about the past.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.words
    }
}

/// To the second.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
