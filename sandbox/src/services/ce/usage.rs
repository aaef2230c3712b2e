//! What was used, for how long and with which tags.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::LATE;
use super::filter::Filter;
use crate::call::Call;
use crate::history::{Meter, Past};
use crate::services::pricing;

/// Something that was used: whose, where, what, and the dollars of an hour.
pub(super) struct Usage {
    pub(super) region: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) meter: Meter,
    pub(super) rate: f64,
}

impl Usage {
    pub(super) fn dimension(&self, call: &Call<'_>, key: &str) -> String {
        match key {
            "SERVICE" => self.meter.service.clone(),
            "REGION" => self.region.clone(),
            "USAGE_TYPE" => format!("{}{}", pricing::prefix(&self.region), self.meter.usage),
            "LINKED_ACCOUNT" => call.account(),
            _ => "Usage".to_owned(),
        }
    }
}

/// Everything that was ever used, with the tags that it has or had last.
pub(super) fn usages(call: &Call<'_>) -> Vec<Usage> {
    let mut out = Vec::new();
    for region in call.world.regions() {
        let mut rows: Vec<Past> = call.world.all::<Past>(&region).cloned().collect();
        rows.extend(call.world.present(&region).into_iter().map(|(_, row)| row));
        // The tags of an EC2 resource are an object of their own with the same id; the newest comes last.
        let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for row in &rows {
            if let Some(found) = &row.tags {
                tags.insert(row.object.clone(), found.clone());
            }
        }
        for row in rows {
            for meter in row.meters {
                let rate = pricing::hourly(&region, &meter.usage) * meter.per_hour;
                let tags = tags.get(&row.object).cloned().unwrap_or_default();
                out.push(Usage { region: region.clone(), tags, meter, rate });
            }
        }
    }
    out
}

pub(super) fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// How many hours of a stretch lie between two times.
pub(super) fn overlap(meter: &Meter, begin: Timestamp, end: Timestamp) -> f64 {
    let from = meter.from.max(begin);
    let to = meter.to.unwrap_or(end).min(end);
    (to.duration_since(from).as_secs_f64() / 3600.0).max(0.0)
}

/// One slice of usage: within a day or month, carrying or not carrying each of the tags that matter.
pub(super) struct Slice<'u> {
    pub(super) usage: &'u Usage,
    /// Tags that were active at the time.
    pub(super) active: BTreeSet<&'u str>,
    pub(super) hours: f64,
}

impl Slice<'_> {
    pub(super) fn tag(&self, key: &str) -> &str {
        if self.active.contains(key) { self.usage.tags.get(key).map_or("", String::as_str) } else { "" }
    }

    pub(super) fn passes(&self, call: &Call<'_>, filter: &Filter) -> bool {
        match filter {
            Filter::All(parts) => parts.iter().all(|part| self.passes(call, part)),
            Filter::Any(parts) => parts.iter().any(|part| self.passes(call, part)),
            Filter::Not(part) => !self.passes(call, part),
            Filter::Dimension(key, values) => values.contains(&self.usage.dimension(call, key)),
            // An empty value stands for usage without the tag.
            Filter::Tag(key, values) => values.iter().any(|value| value == self.tag(key)),
        }
    }
}

/// The usage between two times, cut where a tag became active.
pub(super) fn slices<'u>(
    usages: &'u [Usage],
    tags: &'u [(String, Timestamp)],
    begin: Timestamp,
    end: Timestamp,
) -> Vec<Slice<'u>> {
    if begin >= end {
        return Vec::new();
    }
    let mut cuts: BTreeSet<Timestamp> = [begin, end].into();
    cuts.extend(tags.iter().map(|(_, since)| *since).filter(|since| *since > begin && *since < end));
    let cuts: Vec<Timestamp> = cuts.into_iter().collect();
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        let &[from, to] = pair else { continue };
        let active: BTreeSet<&str> =
            tags.iter().filter(|(_, since)| *since <= from).map(|(key, _)| key.as_str()).collect();
        for usage in usages {
            let hours = overlap(&usage.meter, from, to);
            if hours > 0.0 {
                out.push(Slice { usage, active: active.clone(), hours });
            }
        }
    }
    out
}

/// What happened before this is known by now.
pub(super) fn known_until(call: &Call<'_>) -> Timestamp {
    let late = jiff::SignedDuration::try_from(call.world.scaled(LATE)).unwrap_or_default();
    call.now.checked_sub(late).unwrap_or(Timestamp::MIN)
}
