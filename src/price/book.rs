//! The price book: embedded, dated rates per service, item and region, each with its source and confidence.
//!
//! Rows live in `data/prices.csv` (sources in `data/sources.csv`); a refreshed cache is laid over them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use rust_decimal::Decimal;

pub use crate::facts::Confidence;
use crate::facts::{records, source};

const PRICES: &str = include_str!("../../data/prices.csv");

/// What a rate is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// An hour of one thing.
    Hour,
    /// A GB (AWS counts GiB) kept for a month.
    GbMonth,
    /// A GB moved.
    Gb,
    /// One provisioned IOPS for a month.
    IopsMonth,
    /// One provisioned MiB/s for a month.
    MibpsMonth,
    /// One provisioned MB/s for a month.
    MbpsMonth,
    /// A thousand requests.
    Requests1000,
    /// Ten thousand requests.
    Requests10000,
    /// A thousand objects watched for a month.
    Objects1000Month,
    /// One thing (an alarm, a key, a secret) for a month.
    Month,
    /// An hour of one load-balancer capacity unit.
    LcuHour,
    /// A GB of memory for a second.
    GbSecond,
    /// Once, before use.
    Once,
}

impl Unit {
    /// The name used in the data, in JSON and in CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::GbMonth => "gb-month",
            Self::Gb => "gb",
            Self::IopsMonth => "iops-month",
            Self::MibpsMonth => "mibps-month",
            Self::MbpsMonth => "mbps-month",
            Self::Requests1000 => "1000-requests",
            Self::Requests10000 => "10000-requests",
            Self::Objects1000Month => "1000-objects-month",
            Self::Month => "month",
            Self::LcuHour => "lcu-hour",
            Self::GbSecond => "gb-second",
            Self::Once => "once",
        }
    }

    /// The unit called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Unit; 13] = [
            Unit::Hour,
            Unit::GbMonth,
            Unit::Gb,
            Unit::IopsMonth,
            Unit::MibpsMonth,
            Unit::MbpsMonth,
            Unit::Requests1000,
            Unit::Requests10000,
            Unit::Objects1000Month,
            Unit::Month,
            Unit::LcuHour,
            Unit::GbSecond,
            Unit::Once,
        ];
        ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Whether the rate is per hour; every other rate is a month's.
    #[must_use]
    pub fn is_hourly(self) -> bool {
        matches!(self, Self::Hour | Self::LcuHour)
    }
}

/// The words used in texts for people.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hour",
            Self::GbMonth => "GB-month",
            Self::Gb => "GB",
            Self::IopsMonth => "IOPS-month",
            Self::MibpsMonth => "MiB/s-month",
            Self::MbpsMonth => "MB/s-month",
            Self::Requests1000 => "1,000 requests",
            Self::Requests10000 => "10,000 requests",
            Self::Objects1000Month => "1,000 objects a month",
            Self::Month => "month",
            Self::LcuHour => "LCU-hour",
            Self::GbSecond => "GB-second",
            Self::Once => "use",
        })
    }
}

/// One published price and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// US dollars per unit; exact.
    pub amount: Decimal,
    /// What one unit is.
    pub unit: Unit,
    /// The region that it holds in; `*` for a rate that is the same everywhere.
    pub region: String,
    /// Who said so.
    pub source: String,
    /// The date of the source, as exact as it is known; empty when undated.
    pub date: String,
    /// How far to trust it.
    pub confidence: Confidence,
    /// What else to know; may be empty.
    pub note: String,
}

impl Rate {
    /// With at least its cents, and every digit that AWS gives it: `$17.60 per hour`, `$0.0125 per GB-month`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut amount = self.amount.normalize();
        if amount.scale() < 2 {
            amount.rescale(2);
        }
        format!("${amount} per {}", self.unit)
    }
}

/// A rate that holds from a quantity on; untiered prices are one tier from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// The quantity above which the rate holds.
    pub from: Decimal,
    /// The rate of this tier.
    pub rate: Arc<Rate>,
}

/// The way of buying an instance hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Market {
    /// By the hour, without promise.
    OnDemand,
    /// Spare capacity that AWS may take back; the book holds samples, not offers.
    Spot,
    /// A Capacity Block: paid upfront for its whole length; the offering states the exact fee.
    CapacityBlock,
}

impl Market {
    /// The word of authors and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::CapacityBlock => "capacity-block",
        }
    }

    /// The service under which the book files this market.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Self::OnDemand => "ec2-on-demand",
            Self::Spot => "ec2-spot",
            Self::CapacityBlock => "ec2-capacity-block",
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The region of rows that hold in every commercial region.
const EVERYWHERE: &str = "*";

/// All rates: service → item → region → tiers.
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    services: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<Tier>>>>,
}

impl PriceBook {
    /// The book that is part of the binary.
    #[must_use]
    pub fn embedded() -> &'static Self {
        // The text is a constant, so reading it cannot fail once the tests have read it: every row is checked there.
        static BOOK: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::parse(PRICES).0);
        &BOOK
    }

    /// Reads rows in the form of `data/prices.csv`; the second value names the rows that could not be read.
    #[must_use]
    pub fn parse(prices: &str) -> (Self, Vec<String>) {
        let mut book = Self::default();
        let mut bad = Vec::new();
        for fields in records(prices) {
            let text = fields.join(",");
            if book.add_record(fields).is_none() {
                bad.push(text);
            }
        }
        (book, bad)
    }

    fn add_record(&mut self, fields: Vec<String>) -> Option<()> {
        let [service, item, region, unit, usd, from, source_id, confidence, note] =
            <[String; 9]>::try_from(fields).ok()?;
        let source = source(&source_id)?;
        let rate = Rate {
            amount: Decimal::from_str_exact(&usd).ok()?,
            unit: Unit::from_name(&unit)?,
            region: region.clone(),
            source: source.title.clone(),
            date: source.date.clone(),
            confidence: Confidence::from_name(&confidence)?,
            note,
        };
        let tier = Tier { from: Decimal::from_str_exact(&from).ok()?, rate: Arc::new(rate) };
        let tiers = self.services.entry(service).or_default().entry(item).or_default().entry(region).or_default();
        tiers.push(tier);
        tiers.sort_by_key(|tier| tier.from);
        Some(())
    }

    /// Puts `tiers` in place of what the book says for this item and region; a refreshed price wins over an embedded one.
    pub fn replace(&mut self, service: &str, item: &str, region: &str, mut tiers: Vec<Tier>) {
        tiers.sort_by_key(|tier| tier.from);
        self.services
            .entry(service.to_owned())
            .or_default()
            .entry(item.to_owned())
            .or_default()
            .insert(region.to_owned(), tiers);
    }

    /// The rate of one hour of an instance type, if this region has one.
    #[must_use]
    pub fn instance(&self, instance_type: &str, region: &str, market: Market) -> Option<Arc<Rate>> {
        self.item(market.service(), instance_type, region)
    }

    /// The rate of the first unit of an item, if this region has one.
    #[must_use]
    pub fn item(&self, service: &str, item: &str, region: &str) -> Option<Arc<Rate>> {
        self.tiers(service, item, region).first().map(|tier| Arc::clone(&tier.rate))
    }

    /// All tiers of an item in rising order; empty when this region has no rate.
    #[must_use]
    pub fn tiers(&self, service: &str, item: &str, region: &str) -> &[Tier] {
        let Some(regions) = self.services.get(service).and_then(|items| items.get(item)) else { return &[] };
        let everywhere = || if is_commercial(region) { regions.get(EVERYWHERE) } else { None };
        regions.get(region).or_else(everywhere).map_or(&[], Vec::as_slice)
    }

    /// The regions that have a rate for an item, with that of the first unit.
    pub fn regions<'a>(
        &'a self,
        service: &str,
        item: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Rate>)> + use<'a> {
        let regions = self.services.get(service).and_then(|items| items.get(item));
        regions
            .into_iter()
            .flatten()
            .filter_map(|(region, tiers)| tiers.first().map(|tier| (region.as_str(), &tier.rate)))
    }

    /// Every service in order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Every item of a service in order.
    pub fn items<'a>(&'a self, service: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.services.get(service).into_iter().flatten().map(|(item, _)| item.as_str())
    }
}

/// Whether `region` is one of the public AWS partition; other partitions have their own price lists.
fn is_commercial(region: &str) -> bool {
    !["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"].iter().any(|prefix| region.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(rate: Option<Arc<Rate>>) -> Option<String> {
        rate.map(|rate| rate.amount.to_string())
    }

    #[test]
    fn every_embedded_row_is_read() {
        let (book, bad) = PriceBook::parse(PRICES);
        assert_eq!(bad, Vec::<String>::new());
        let rows: usize =
            book.services.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values).map(Vec::len).sum();
        assert_eq!(rows, records(PRICES).count());
        for tiers in book.services.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values) {
            assert_eq!(tiers[0].from, Decimal::ZERO);
            assert!(tiers.windows(2).all(|pair| pair[0].from < pair[1].from && pair[0].rate.unit == pair[1].rate.unit));
        }
    }

    #[test]
    fn rates_are_those_of_the_facts() {
        let book = PriceBook::embedded();
        assert_eq!(usd(book.instance("p5.48xlarge", "us-east-1", Market::OnDemand)).as_deref(), Some("55.04"));
        assert_eq!(usd(book.instance("p5.48xlarge", "us-east-2", Market::Spot)).as_deref(), Some("11.2543"));
        assert_eq!(usd(book.instance("t3.micro", "eu-west-1", Market::OnDemand)).as_deref(), Some("0.0114"));
        assert_eq!(usd(book.item("fsx-lustre", "persistent-2-ssd-500", "us-east-1")).as_deref(), Some("0.34"));
        assert_eq!(usd(book.item("eks", "control-plane", "sa-east-1")).as_deref(), Some("0.1"));
    }

    #[test]
    fn no_row_is_no_rate() {
        let book = PriceBook::embedded();
        assert_eq!(book.instance("p5.48xlarge", "eu-west-1", Market::OnDemand), None);
        assert_eq!(book.instance("p5e.48xlarge", "us-east-1", Market::OnDemand), None);
        assert_eq!(book.item("fsx-lustre", "persistent-2-ssd-500", "eu-west-1"), None);
        assert_eq!(book.item("eks", "control-plane", "cn-north-1"), None);
        assert_eq!(book.item("no-such-service", "x", "us-east-1"), None);
    }

    #[test]
    fn a_refreshed_row_wins() {
        let mut book = PriceBook::embedded().clone();
        let mut rate = (*book.item("vpc", "nat-hour", "us-east-1").unwrap()).clone();
        rate.amount = Decimal::new(5, 2);
        book.replace("vpc", "nat-hour", "us-east-1", vec![Tier { from: Decimal::ZERO, rate: Arc::new(rate) }]);
        assert_eq!(usd(book.item("vpc", "nat-hour", "us-east-1")).as_deref(), Some("0.05"));
    }

    #[test]
    fn units_round_trip() {
        assert_eq!(Unit::from_name("mibps-month"), Some(Unit::MibpsMonth));
        assert_eq!(Unit::from_name("furlong"), None);
    }
}
