//! The account at a glance, for those who look after it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// The account at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The account number.
    pub account: String,
    /// Sandbox time.
    pub time: Timestamp,
    /// Sandbox seconds per second of tokio's clock.
    pub speed: f64,
    /// How many objects there are, by `service/type`.
    pub objects: BTreeMap<String, usize>,
    /// How many requests were answered since opening.
    pub requests: u64,
}
