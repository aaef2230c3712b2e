//! What a live stack costs now and has cost until now, as `status` shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::cost::{Past, Pricing, Sum};
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
    /// An estimate of the dollars spent until now, with what is gone.
    pub spent: String,
    /// The part of it that went to what is gone.
    pub spent_on_gone: String,
    /// Since when something costs money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many resources cost money for nobody knows how long.
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
    /// The figures of what a stack owns, and of what it owned.
    pub fn new<'a>(pricing: &Pricing<'_>, found: impl Iterator<Item = &'a Found>, past: &Past) -> Self {
        let bill = pricing.live(found);
        let spending = past.spending();
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
        let missing = match sum.unpriced {
            0 => String::new(),
            1 => "; 1 line unpriced".to_owned(),
            count => format!("; {count} lines unpriced"),
        };
        let mut words = match bill.items.is_empty() {
            true => String::new(),
            false => format!("Burns: {}/h, {}/month{missing}\n", Dollars(total.hourly()), Dollars(total.monthly())),
        };
        let unknown = match spending.unknown {
            0 => String::new(),
            1 => "; of 1 resource nobody knows for how long".to_owned(),
            count => format!("; for {count} resources it is not known how long"),
        };
        let gone = match spending.gone.is_zero() {
            true => String::new(),
            false => format!(", {} of it on what is gone", Dollars(spending.gone)),
        };
        match spending.since {
            Some(since) => words.push_str(&format!(
                "Spent: about {} since {}{gone}{unknown}\n",
                Dollars(spending.dollars),
                whole(since)
            )),
            _ if spending.unknown > 0 => words.push_str(&format!("Spent: not known{unknown}\n")),
            _ => {}
        }
        Self {
            currency: "USD",
            hourly: rounded(total.hourly(), 4),
            monthly: rounded(total.monthly(), 2),
            spent: rounded(spending.dollars, 2),
            spent_on_gone: rounded(spending.gone, 2),
            since: spending.since,
            unknown_age: spending.unknown,
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
