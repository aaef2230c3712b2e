//! What objects cost and how they are tagged, also after they are gone: for billing and for the tagging service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::Object;

/// A stretch of time for which an object is billed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meter {
    /// As bills name the service.
    pub(crate) service: String,
    /// The usage type without the prefix of its region; it names the price.
    pub(crate) usage: String,
    /// Units of that price per hour: 1 for an instance, a fraction of a month for a gigabyte.
    pub(crate) per_hour: f64,
    pub(crate) from: Timestamp,
    /// Still running when there is none.
    pub(crate) to: Option<Timestamp>,
}

/// Hours of a month, by which AWS divides monthly prices.
pub(crate) const MONTH: f64 = 730.0;

impl Meter {
    pub(crate) fn new(service: &str, usage: impl Into<String>, from: Timestamp, to: Option<Timestamp>) -> Self {
        Self { service: service.to_owned(), usage: usage.into(), per_hour: 1.0, from, to }
    }

    #[must_use]
    pub(crate) fn times(mut self, per_hour: f64) -> Self {
        self.per_hour = per_hour;
        self
    }
}

/// What is remembered of an object that was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Its type, its id and when it went, which together are unique.
    pub(crate) key: String,
    /// Of the object that is gone.
    pub(crate) object: String,
    pub(crate) removed: Timestamp,
    /// What follows the account's number in its ARN, and the service before it, if it can be tagged.
    pub(crate) arn: Option<(String, String)>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) meters: Vec<Meter>,
}

impl Object for Past {
    const KIND: &'static str = "ce/past";
    fn id(&self) -> &str {
        &self.key
    }
    fn created(&self) -> Timestamp {
        self.removed
    }
    fn is_hidden(&self, _now: Timestamp) -> bool {
        true
    }
}

impl Past {
    /// What to remember of an object, if anything.
    pub(crate) fn of<T: Object>(object: &T, removed: Timestamp) -> Option<Self> {
        let (arn, tags, mut meters) = (object.arn(), object.tags().cloned(), object.meters());
        if tags.is_none() && meters.is_empty() {
            return None;
        }
        for meter in &mut meters {
            meter.to = Some(meter.to.unwrap_or(removed).min(removed));
        }
        let object = object.id().to_owned();
        Some(Self {
            key: format!("{} {object} {}", T::KIND, removed.as_nanosecond()),
            object,
            removed,
            arn,
            tags,
            meters,
        })
    }
}
