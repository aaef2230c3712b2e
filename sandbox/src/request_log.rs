//! What was asked of the sandbox, in order, with counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// From 1, in the order of arrival.
    pub number: u64,
    /// Sandbox time of arrival.
    pub time: Timestamp,
    /// The service's signing name.
    pub service: String,
    /// The API action.
    pub operation: String,
    /// Whether the action changes the account.
    pub mutating: bool,
    /// The HTTP status that was or would have been answered.
    pub status: u16,
    /// The error code, if it was an error.
    pub code: Option<String>,
    /// Whether the client saw a dropped connection instead of an answer.
    pub cut: bool,
}

/// All requests since the sandbox was opened or reset.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestLog {
    /// How many requests there were.
    pub total: u64,
    /// How many of them were for changing actions.
    pub mutating: u64,
    /// How many there were of each `service:Operation`.
    pub counts: BTreeMap<String, u64>,
    /// How many of each were answered with an error, by `service:Operation code`.
    pub errors: BTreeMap<String, u64>,
    /// The requests in the order in which they were answered; the newest 100,000 of them.
    pub entries: Vec<LogEntry>,
}

impl RequestLog {
    pub(crate) fn add(&mut self, entry: LogEntry) {
        const KEPT: usize = 100_000;
        let name = format!("{}:{}", entry.service, entry.operation);
        self.total += 1;
        self.mutating += u64::from(entry.mutating);
        if let Some(code) = &entry.code {
            *self.errors.entry(format!("{name} {code}")).or_default() += 1;
        }
        *self.counts.entry(name).or_default() += 1;
        if self.entries.len() >= KEPT {
            self.entries.drain(..KEPT / 10);
        }
        self.entries.push(entry);
    }

    /// How many requests there were of one `service:Operation`.
    pub fn count(&self, operation: &str) -> u64 {
        self.counts.get(operation).copied().unwrap_or_default()
    }
}
