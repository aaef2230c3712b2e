//! The file of refreshed prices: rows read from AWS, each with the time of its reading, laid over the embedded book.
//!
//! It is a cache: it can be deleted at any time, and `dlinfra prices refresh` makes it again. It is written under a lock
//! and replaced whole, so that a reader sees the old or the new one, and two writers lose nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::private;

use super::book::{Confidence, Market, PriceBook, Rate, Tier, Unit};

/// Service, item and region of a price.
pub type Key = (String, String, String);

/// A price and when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// When AWS was asked.
    pub at: Timestamp,
    /// In rising order.
    pub tiers: Vec<Tier>,
}

/// Everything that was refreshed and kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cache {
    /// By service, item and region.
    pub rows: BTreeMap<Key, Fresh>,
}

/// A file of refreshed prices that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// Not in the form that this version writes.
    #[error("the file of refreshed prices {path} cannot be read: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The disk refuses.
    #[error("the file of refreshed prices {path} cannot be used: {why}")]
    Disk {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Document {
    v: u32,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    service: String,
    item: String,
    region: String,
    unit: String,
    usd: String,
    from: String,
    source: String,
    date: String,
    confidence: String,
    note: String,
    read: Timestamp,
}

impl Cache {
    /// As the file holds it: sorted, one line a field, the same bytes for the same prices.
    #[must_use]
    pub fn to_json(&self) -> String {
        let rows = self.rows.iter().flat_map(|((service, item, region), fresh)| {
            fresh.tiers.iter().map(move |Tier { from, rate }| Row {
                service: service.clone(),
                item: item.clone(),
                region: region.clone(),
                unit: rate.unit.name().to_owned(),
                usd: rate.amount.to_string(),
                from: from.to_string(),
                source: rate.source.clone(),
                date: rate.date.clone(),
                confidence: rate.confidence.name().to_owned(),
                note: rate.note.clone(),
                read: fresh.at,
            })
        });
        // Strings and times always have a JSON form.
        let mut text = serde_json::to_string_pretty(&Document { v: 1, rows: rows.collect() }).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads what [`Cache::to_json`] wrote.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if document.v != 1 {
            return Err(format!("version {} is not known", document.v));
        }
        let mut rows: BTreeMap<Key, Fresh> = BTreeMap::new();
        for row in document.rows {
            let name = format!("the row {} {} {}", row.service, row.item, row.region);
            let (key, at, tier) = read(row).ok_or(name)?;
            rows.entry(key).or_insert(Fresh { at, tiers: Vec::new() }).tiers.push(tier);
        }
        Ok(Self { rows })
    }

    /// The cache in a file; empty when there is no file.
    ///
    /// # Errors
    /// A file that is damaged or may not be read.
    pub fn load(path: &Path) -> Result<Self, CacheError> {
        match fs::read_to_string(path) {
            Ok(text) => {
                Self::from_json(&text).map_err(|why| CacheError::Damaged { path: path.display().to_string(), why })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(disk(path, &error)),
        }
    }

    /// Puts these rows into the file beside those that it has; a damaged file is replaced.
    ///
    /// # Errors
    /// A folder that may not be written; the old file stays whole.
    pub fn save(&self, path: &Path) -> Result<(), CacheError> {
        let failed = |error: std::io::Error| disk(path, &error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        private::folder(folder).map_err(failed)?;
        let written = OpenOptions::new().write(true).create(true).truncate(true).clone();
        let lock = private::open(&path.with_extension("lock"), &written).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut all = Self::load(path).unwrap_or_default();
        all.rows.extend(self.rows.clone());
        // The lock makes one name for the new file enough.
        let new = path.with_extension("new");
        let mut file = private::open(&new, &written).map_err(failed)?;
        file.write_all(all.to_json().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }

    /// A book with these prices in place of its own.
    #[must_use]
    pub fn over(&self, book: &PriceBook) -> PriceBook {
        let mut book = book.clone();
        for ((service, item, region), fresh) in &self.rows {
            book.replace(service, item, region, fresh.tiers.clone());
        }
        book
    }

    /// How many prices of a region there are, and when the oldest and the newest of them were read.
    #[must_use]
    pub fn of_region(&self, region: &str) -> Option<(usize, Timestamp, Timestamp)> {
        let times: Vec<Timestamp> =
            self.rows.iter().filter(|((_, _, of), _)| of == region).map(|(_, fresh)| fresh.at).collect();
        Some((times.len(), *times.iter().min()?, *times.iter().max()?))
    }

    /// When the price of an item was read.
    #[must_use]
    pub fn read_at(&self, service: &str, item: &str, region: &str) -> Option<Timestamp> {
        self.rows.get(&(service.to_owned(), item.to_owned(), region.to_owned())).map(|fresh| fresh.at)
    }
}

/// The rates that a command counts with: the embedded book, under what was refreshed.
#[derive(Debug, Clone)]
pub struct Prices {
    /// The rates.
    pub book: Cow<'static, PriceBook>,
    /// What was refreshed, in any region.
    pub cache: Cache,
}

/// How old the rates of a region are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PriceAge {
    /// The newest date of the embedded rates for instances; empty where the book has none.
    pub embedded: String,
    /// How many prices were refreshed.
    pub refreshed: usize,
    /// When the oldest of these was read.
    pub oldest: Option<Timestamp>,
    /// When the newest was read.
    pub newest: Option<Timestamp>,
    /// How long ago the oldest was read, in words.
    pub age: Option<String>,
}

impl Prices {
    /// The embedded book under these rows.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        let embedded = PriceBook::embedded();
        let book = if cache.rows.is_empty() { Cow::Borrowed(embedded) } else { Cow::Owned(cache.over(embedded)) };
        Self { book, cache }
    }

    /// How old the rates of a region are.
    #[must_use]
    pub fn age(&self, region: &str, now: Timestamp) -> PriceAge {
        let embedded = PriceBook::embedded();
        let service = Market::OnDemand.service();
        let dates = embedded.items(service).filter_map(|item| Some(embedded.item(service, item, region)?.date.clone()));
        let embedded = dates.max().unwrap_or_default();
        match self.cache.of_region(region) {
            None => PriceAge { embedded, ..PriceAge::default() },
            Some((refreshed, oldest, newest)) => PriceAge {
                embedded,
                refreshed,
                oldest: Some(oldest),
                newest: Some(newest),
                age: Some(age(oldest, now)),
            },
        }
    }
}

impl PriceAge {
    /// `12 refreshed, the oldest 3 days ago; the others of 2026-07-20`.
    #[must_use]
    pub fn words(&self) -> String {
        let others =
            if self.embedded.is_empty() { "embedded and undated".to_owned() } else { format!("of {}", self.embedded) };
        match &self.age {
            None => others,
            Some(age) => format!("{} refreshed, the oldest {age} ago; the others {others}", self.refreshed),
        }
    }
}

/// How long ago something was, in words: `3 days`.
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0);
    let (number, unit) = match minutes {
        0..120 => (minutes, "minute"),
        120..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

fn disk(path: &Path, error: &std::io::Error) -> CacheError {
    CacheError::Disk { path: path.display().to_string(), why: error.to_string() }
}

fn read(row: Row) -> Option<(Key, Timestamp, Tier)> {
    let rate = Rate {
        amount: Decimal::from_str_exact(&row.usd).ok().filter(|usd| !usd.is_sign_negative())?,
        unit: Unit::from_name(&row.unit)?,
        region: row.region.clone(),
        source: row.source,
        date: row.date,
        confidence: Confidence::from_name(&row.confidence)?,
        note: row.note,
    };
    let tier = Tier { from: Decimal::from_str_exact(&row.from).ok()?, rate: Arc::new(rate) };
    Some(((row.service, row.item, row.region), row.read, tier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Market;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cache(item: &str, cents: i64, time: &str) -> Cache {
        let rate = Rate {
            amount: Decimal::new(cents, 2),
            unit: Unit::Hour,
            region: "us-east-1".to_owned(),
            source: "AWS Price List".to_owned(),
            date: "2026-10-01".to_owned(),
            confidence: Confidence::High,
            note: String::new(),
        };
        let tiers = vec![Tier { from: Decimal::ZERO, rate: Arc::new(rate) }];
        let key = ("ec2-on-demand".to_owned(), item.to_owned(), "us-east-1".to_owned());
        Cache { rows: BTreeMap::from([(key, Fresh { at: at(time), tiers })]) }
    }

    #[test]
    fn files_add_up_and_the_newer_price_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/prices.json");
        assert_eq!(Cache::load(&path).unwrap(), Cache::default());
        cache("g5.xlarge", 111, "2026-10-01T00:00:00Z").save(&path).unwrap();
        cache("g6.xlarge", 90, "2026-10-02T00:00:00Z").save(&path).unwrap();
        cache("g5.xlarge", 112, "2026-10-03T00:00:00Z").save(&path).unwrap();
        let all = Cache::load(&path).unwrap();
        assert_eq!(all.of_region("us-east-1"), Some((2, at("2026-10-02T00:00:00Z"), at("2026-10-03T00:00:00Z"))));
        assert_eq!(all.of_region("eu-west-1"), None);
        let book = all.over(PriceBook::embedded());
        assert_eq!(book.instance("g5.xlarge", "us-east-1", Market::OnDemand).unwrap().amount, Decimal::new(112, 2));
        assert_eq!(
            book.instance("g5.xlarge", "us-west-2", Market::OnDemand),
            PriceBook::embedded().instance("g5.xlarge", "us-west-2", Market::OnDemand)
        );
        let before = fs::read(&path).unwrap();
        all.save(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before, "the same prices are the same bytes");
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.json");
        std::thread::scope(|scope| {
            for n in 0..16 {
                let path = &path;
                scope.spawn(move || cache(&format!("t{n}.large"), n, "2026-10-01T00:00:00Z").save(path).unwrap());
            }
        });
        assert_eq!(Cache::load(&path).unwrap().rows.len(), 16);
    }

    #[test]
    fn damaged_files_are_named_and_can_be_written_again() {
        assert!(Cache::from_json(r#"{"v":2,"rows":[]}"#).unwrap_err().contains("version 2"));
        let row = r#"{"v":1,"rows":[{"service":"a","item":"b","region":"c","unit":"hour","usd":"-1","from":"0","source":"","date":"","confidence":"high","note":"","read":"2026-10-02T00:00:00Z"}]}"#;
        assert_eq!(Cache::from_json(row).unwrap_err(), "the row a b c");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.json");
        fs::write(&path, "{").unwrap();
        assert!(matches!(Cache::load(&path), Err(CacheError::Damaged { .. })));
        cache("g5.xlarge", 111, "2026-10-01T00:00:00Z").save(&path).unwrap();
        assert_eq!(Cache::load(&path).unwrap().rows.len(), 1);
    }

    #[test]
    fn ages() {
        let ago = |now: &str| age(at("2026-10-01T00:00:00Z"), at(now));
        assert_eq!(ago("2026-10-01T00:01:30Z"), "1 minute");
        assert_eq!(ago("2026-10-01T05:00:00Z"), "5 hours");
        assert_eq!(ago("2026-10-09T05:00:00Z"), "8 days");
    }
}
