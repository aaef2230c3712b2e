//! Limits that were read a moment ago, so that an apply right after its plan does not ask for all of them again.
use crate::private;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// For so long limits count as they were read. AWS takes longer than that to raise one.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Limits by account, region and service, in a file. It is a convenience: a file that cannot be read or written only means
/// that AWS is asked.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    file: Option<PathBuf>,
    rows: BTreeMap<String, Row>,
    /// Which account and region is asked about.
    place: String,
    now: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    read: Timestamp,
    limits: BTreeMap<String, u64>,
}

impl Kept {
    /// What a file has of an account and region; without a file nothing is kept.
    #[must_use]
    pub fn load(file: Option<&Path>, account: &str, region: &str, now: Timestamp) -> Self {
        let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let mut rows: BTreeMap<String, Row> = serde_json::from_str(&text).unwrap_or_default();
        // Clocks may differ: what comes from the future is not fresh either.
        rows.retain(|_, row| row.read <= now && now.duration_since(row.read) < FRESH);
        Self { file: file.map(Path::to_owned), rows, place: format!("{account}/{region}"), now }
    }

    /// The limits of a service, if they are fresh.
    pub(super) fn of(&self, service: &str) -> Option<&BTreeMap<String, u64>> {
        self.rows.get(&format!("{}/{service}", self.place)).map(|row| &row.limits)
    }

    /// Keeps what was read.
    pub(super) fn keep(&mut self, service: &str, limits: &BTreeMap<String, u64>) {
        let row = Row { read: self.now, limits: limits.clone() };
        self.rows.insert(format!("{}/{service}", self.place), row);
        if let Some(file) = &self.file {
            // Without the file AWS is asked again.
            let _ = private::replace(file, || serde_json::to_string(&self.rows).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_fresh_for_minutes_and_for_their_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("quotas.json");
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let load = |account: &str, now: &str| Kept::load(Some(&file), account, "us-east-1", at(now));
        let limits = BTreeMap::from([("L-417A185B".to_owned(), 192)]);
        load("1", "2026-12-01T10:00:00Z").keep("ec2", &limits);
        assert_eq!(load("1", "2026-12-01T10:09:00Z").of("ec2"), Some(&limits));
        assert_eq!(load("1", "2026-12-01T10:09:00Z").of("fsx"), None);
        assert_eq!(load("2", "2026-12-01T10:09:00Z").of("ec2"), None);
        assert_eq!(load("1", "2026-12-01T10:11:00Z").of("ec2"), None, "too old");
        assert_eq!(load("1", "2026-12-01T09:59:00Z").of("ec2"), None, "from the future");
        std::fs::write(&file, "{").unwrap();
        assert_eq!(load("1", "2026-12-01T10:01:00Z").of("ec2"), None);
        let mut nowhere = Kept::load(None, "1", "us-east-1", at("2026-12-01T10:00:00Z"));
        nowhere.keep("ec2", &limits);
        assert_eq!(nowhere.of("ec2"), Some(&limits));
    }
}
