//! Stated usage: the quantities that only the author can know, and the assumptions that stand in for them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

/// What `usage:` may state, for the whole blueprint or for one resource. Every field is per month unless it says else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    stated: BTreeMap<&'static str, Decimal>,
}

/// A key of `usage:`: its name, what is assumed without it, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct UsageKey {
    /// The name that authors write.
    pub name: &'static str,
    /// The quantity assumed when nobody states it; 0 means that the line is left out.
    pub assumed: Decimal,
    /// What it counts.
    pub meaning: &'static str,
}

const fn key(name: &'static str, assumed: u32, meaning: &'static str) -> UsageKey {
    UsageKey { name, assumed: Decimal::from_parts(assumed, 0, 0, false, 0), meaning }
}

/// Every key of `usage:`; the docs list this table.
pub const KEYS: &[UsageKey] = &[
    key("hours_per_day", 24, "hours of a day in which instances run; counts in $/month only"),
    key("processed_gb", 100, "GB through a NAT gateway or an interface endpoint"),
    key("internet_out_gb", 0, "GB sent to the internet"),
    key("inter_region_gb", 0, "GB sent to another region"),
    key("cross_zone_gb", 0, "GB sent between zones, counted once per direction"),
    key("stored_gb", 100, "GB kept in a bucket, an elastic file system or an image registry"),
    key("infrequent_gb", 0, "GB kept in an infrequent-access class"),
    key("put_requests", 100_000, "writing requests to a bucket"),
    key("get_requests", 1_000_000, "reading requests to a bucket"),
    key("read_gb", 0, "GB read from elastic or infrequent-access storage"),
    key("written_gb", 0, "GB written to elastic storage"),
    key("backup_gb", 0, "GB of backups kept; without it one full backup is assumed where backups are on"),
    key("ingested_gb", 1, "GB of logs written"),
    key("log_stored_gb", 1, "GB of logs kept"),
    key("requests", 10_000, "requests to a key, a secret, a queue or a topic"),
    key("inference_seconds", 10_000, "seconds that a serverless endpoint computes"),
    key("invocations", 10_000, "calls of a function or of schedules"),
    key("invocation_seconds", 10_000, "seconds that a function computes"),
    key("lcu", 1, "load-balancer capacity units in use on average"),
];

/// Why a `usage:` map was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A key that means nothing.
    #[error("usage has no key `{key}`{}", suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// As written.
        key: String,
        /// The nearest key.
        suggestion: Option<String>,
    },
    /// A value that is not a quantity.
    #[error("usage.{key} must be a number that is not negative{}", if key == "hours_per_day" { " and at most 24" } else { "" })]
    NotAQuantity {
        /// The key.
        key: String,
    },
    /// Not a map.
    #[error("usage must be a map of quantities, such as {{ processed_gb: 500 }}")]
    NotAMap,
}

impl Usage {
    /// Reads a `usage:` map; all problems at once.
    ///
    /// # Errors
    /// Unknown keys and values that are not quantities.
    pub fn from_json(value: &Value) -> Result<Self, Vec<UsageError>> {
        let Value::Object(map) = value else {
            return if value.is_null() { Ok(Self::default()) } else { Err(vec![UsageError::NotAMap]) };
        };
        let mut usage = Self::default();
        let mut errors = Vec::new();
        for (name, value) in map {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let suggestion = nearest(name).map(str::to_owned);
                errors.push(UsageError::UnknownKey { key: name.clone(), suggestion });
                continue;
            };
            match quantity(value).filter(|quantity| key.name != "hours_per_day" || *quantity <= Decimal::from(24)) {
                Some(quantity) => {
                    usage.stated.insert(key.name, quantity);
                }
                None => errors.push(UsageError::NotAQuantity { key: name.clone() }),
            }
        }
        if errors.is_empty() { Ok(usage) } else { Err(errors) }
    }

    /// The quantity stated under `key`.
    #[must_use]
    pub fn stated(&self, key: &str) -> Option<Decimal> {
        self.stated.get(key).copied()
    }

    /// The quantity assumed for `key` when nobody states it.
    #[must_use]
    pub fn assumed(key: &str) -> Decimal {
        KEYS.iter().find(|known| known.name == key).map_or(Decimal::ZERO, |known| known.assumed)
    }

    /// The part of the day in which instances run.
    #[must_use]
    pub fn share_of_day(&self) -> Decimal {
        self.stated("hours_per_day").map_or(Decimal::ONE, |hours| hours / Decimal::from(24))
    }

    /// This usage, with what it leaves open taken from `outer`.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        let mut stated = outer.stated.clone();
        stated.extend(&self.stated);
        Self { stated }
    }
}

/// `usage:` of a blueprint and of its resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageBook {
    /// Stated for every resource.
    pub stack: Usage,
    /// Stated for one address.
    pub resources: BTreeMap<String, Usage>,
}

impl UsageBook {
    /// What holds for one resource.
    #[must_use]
    pub fn at(&self, address: &str) -> Cow<'_, Usage> {
        match self.resources.get(address) {
            Some(own) => Cow::Owned(own.over(&self.stack)),
            None => Cow::Borrowed(&self.stack),
        }
    }
}

/// More than AWS holds altogether; larger numbers are slips of the hand.
const LARGEST: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

fn quantity(value: &Value) -> Option<Decimal> {
    let quantity = match value {
        Value::Number(number) => Decimal::from_str_exact(&number.to_string()).ok()?,
        Value::String(text) => Decimal::from_str_exact(text).ok()?,
        _ => return None,
    };
    (!quantity.is_sign_negative() && quantity <= LARGEST).then_some(quantity)
}

fn nearest(name: &str) -> Option<&'static str> {
    let scored = KEYS.iter().map(|key| (strsim::jaro_winkler(key.name, name), key.name));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_resource_wins_over_the_blueprint() {
        let stack = Usage::from_json(&json!({ "processed_gb": 500, "hours_per_day": "6" })).unwrap();
        let own = Usage::from_json(&json!({ "processed_gb": 20 })).unwrap();
        let book = UsageBook { stack, resources: BTreeMap::from([("a".to_owned(), own)]) };
        assert_eq!(book.at("a").stated("processed_gb"), Some(Decimal::from(20)));
        assert_eq!(book.at("b").stated("processed_gb"), Some(Decimal::from(500)));
        assert_eq!(book.at("a").share_of_day(), Decimal::new(25, 2));
    }

    #[test]
    fn all_problems_at_once() {
        let errors = Usage::from_json(&json!({ "procesed_gb": 1, "requests": -1, "hours_per_day": 25 })).unwrap_err();
        assert_eq!(errors.len(), 3);
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|text| text.contains("did you mean `processed_gb`")), "{text:?}");
        assert!(Usage::from_json(&json!([])).is_err());
        assert!(Usage::from_json(&Value::Null).is_ok());
    }
}
