//! Refreshing prices: asks the Price List for each item, and EC2 for spot prices and Capacity Blocks.
//!
//! Nothing here runs unless somebody asks for it: plans read the embedded book and the file of refreshed prices.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::book::{Confidence, Market, Rate, Tier, Unit};
use super::cache::{Cache, Fresh, Key};
use super::list::{ListError, Query};
use crate::aws::pricing::{ProductPage, products};
use crate::aws::spot::{Offer, ZonePrice, capacity_blocks, spot_prices};
use crate::aws::{Aws, Error, ErrorClass};

/// The Price List behind whatever carries the request; the carrier waits out throttles.
pub trait PriceList: Sync {
    /// One page of the products of a query.
    ///
    /// # Errors
    /// The request failed.
    fn page<'a>(
        &'a self,
        query: &'a Query,
        token: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<ProductPage, Error>> + Send + 'a>>;
}

impl PriceList for Aws {
    fn page<'a>(
        &'a self,
        query: &'a Query,
        token: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<ProductPage, Error>> + Send + 'a>> {
        Box::pin(async move {
            let filters: Vec<(&str, &str)> = query.filters.iter().map(|(f, v)| (*f, v.as_str())).collect();
            products(self, query.service_code, &filters, token.as_deref()).await
        })
    }
}

/// Why an item was not refreshed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The answer does not give one price.
    #[error(transparent)]
    List(#[from] ListError),
    /// The request failed.
    #[error(transparent)]
    Request(#[from] Error),
    /// The pages do not end.
    #[error("the Price List's answer for {service} {item} in {region} does not end")]
    Endless {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
        /// The region.
        region: String,
    },
    /// EC2 offers nothing of the kind now.
    #[error("{0}")]
    NotOffered(String),
}

/// What a refresh brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Prices that were read.
    pub cache: Cache,
    /// Items without a price now; they keep their old one.
    pub failed: Vec<(Key, RefreshError)>,
    /// What ended it early: the same answer would meet every other request.
    pub stopped: Option<Error>,
}

/// More pages than any answer to an exact query has.
const MOST_PAGES: usize = 200;
/// How many queries are open at once; the rate buckets of the connection hold them back.
const AT_ONCE: usize = 8;
/// The length of the Capacity Blocks whose fees give an hourly rate: a day, the shortest that AWS sells.
const BLOCK_HOURS: u32 = 24;

/// Would the next request meet the same?
fn ends_everything(error: &Error) -> bool {
    matches!(
        error.class,
        ErrorClass::Denied
            | ErrorClass::Credentials
            | ErrorClass::Unreachable
            | ErrorClass::Throttled
            | ErrorClass::Stopped
            | ErrorClass::Bug
    )
}

impl Outcome {
    fn take(&mut self, key: Key, at: Timestamp, result: Result<Vec<Tier>, RefreshError>) {
        match result {
            Ok(tiers) => {
                self.cache.rows.insert(key, Fresh { at, tiers });
            }
            Err(RefreshError::Request(error)) if ends_everything(&error) => self.stopped = Some(error),
            Err(error) => self.failed.push((key, error)),
        }
    }
}

/// Asks the Price List for every query; items that fail are named, in the order of the queries.
pub async fn refresh(list: &dyn PriceList, queries: &[Query], now: Timestamp) -> Outcome {
    let mut outcome = Outcome::default();
    let mut answers =
        stream::iter(queries.iter().map(|query| async move { (query, ask(list, query).await) })).buffered(AT_ONCE);
    while let Some((query, answer)) = answers.next().await {
        let key = (query.service.to_owned(), query.item.clone(), query.region.clone());
        outcome.take(key, now, answer);
        if outcome.stopped.is_some() {
            break;
        }
    }
    outcome
}

async fn ask(list: &dyn PriceList, query: &Query) -> Result<Vec<Tier>, RefreshError> {
    let mut documents = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = list.page(query, token.take()).await?;
        documents.extend(page.documents);
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(query.read(documents.iter().map(String::as_str))?),
        }
    }
    let (service, item, region) = (query.service.to_owned(), query.item.clone(), query.region.clone());
    Err(RefreshError::Endless { service, item, region })
}

/// Asks EC2 for the spot prices of these types, in one request where they fit.
pub async fn refresh_spot(aws: &Aws, types: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    if types.is_empty() {
        return outcome;
    }
    let now = aws.clock().now();
    let mut found = match spot_prices(aws, types).await {
        Ok(found) => found,
        Err(error) => {
            outcome.stopped = Some(error);
            return outcome;
        }
    };
    for name in types {
        let key = (Market::Spot.service().to_owned(), name.clone(), aws.region().to_owned());
        let missing = || RefreshError::NotOffered(format!("{name} has no spot price in {}", aws.region()));
        let tiers = found.remove(name).and_then(|zones| spot_rate(&zones, aws.region())).ok_or_else(missing);
        outcome.take(key, now, tiers.map(|rate| vec![rate]));
    }
    outcome
}

/// Nobody knows in which zone a group will run, so the most expensive zone counts; the note names them all.
fn spot_rate(zones: &[ZonePrice], region: &str) -> Option<Tier> {
    let most_expensive = zones.iter().max_by_key(|zone| zone.hourly)?;
    let since = zones.iter().map(|zone| zone.since).max()?;
    let words: Vec<String> = zones.iter().map(|zone| format!("{} {}", zone.zone, zone.hourly)).collect();
    Some(tier(Rate {
        amount: most_expensive.hourly,
        unit: Unit::Hour,
        region: region.to_owned(),
        source: "EC2 spot price history".to_owned(),
        date: since.strftime("%Y-%m-%d").to_string(),
        confidence: Confidence::Medium,
        note: format!("the most expensive zone of: {}; it may change at any time", words.join(", ")),
    }))
}

/// Asks EC2 for Capacity Blocks of one day for one instance of each of these types.
pub async fn refresh_blocks(aws: &Aws, types: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    for name in types {
        let key = (Market::CapacityBlock.service().to_owned(), name.clone(), aws.region().to_owned());
        let now = aws.clock().now();
        let rate = match capacity_blocks(aws, name, 1, BLOCK_HOURS).await {
            Ok(offers) => block_rate(&offers, aws.region(), now).ok_or_else(|| {
                RefreshError::NotOffered(format!("no Capacity Block of {name} is on offer in {}", aws.region()))
            }),
            Err(error) if error.class == ErrorClass::Invalid => {
                Err(RefreshError::NotOffered(format!("{name} has no Capacity Blocks in {}: {error}", aws.region())))
            }
            Err(error) => Err(error.into()),
        };
        outcome.take(key, now, rate.map(|rate| vec![rate]));
        if outcome.stopped.is_some() {
            break;
        }
    }
    outcome
}

/// The fee of an hour of one instance: of the most expensive offer, because nobody knows which will be bought.
fn block_rate(offers: &[Offer], region: &str, now: Timestamp) -> Option<Tier> {
    let hourly = |offer: &Offer| {
        let hours = Decimal::from(offer.hours).saturating_mul(Decimal::from(offer.count));
        offer.fee.checked_div(hours)
    };
    let most_expensive = offers.iter().filter_map(hourly).max()?;
    let first = offers.iter().map(|offer| offer.start).min()?;
    let offers =
        if offers.len() == 1 { "1 offer".to_owned() } else { format!("the most expensive of {} offers", offers.len()) };
    Some(tier(Rate {
        amount: most_expensive.round_dp(6).normalize(),
        unit: Unit::Hour,
        region: region.to_owned(),
        source: "EC2 Capacity Block offerings".to_owned(),
        date: now.strftime("%Y-%m-%d").to_string(),
        confidence: Confidence::Medium,
        note: format!(
            "{offers} of {BLOCK_HOURS} h, the first from {}; paid upfront",
            first.strftime("%Y-%m-%dT%H:%MZ")
        ),
    }))
}

fn tier(rate: Rate) -> Tier {
    Tier { from: Decimal::ZERO, rate: Arc::new(rate) }
}

/// Several outcomes as one, in order.
#[must_use]
pub fn together(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.cache.rows.extend(outcome.cache.rows);
        all.failed.extend(outcome.failed);
        all.stopped = all.stopped.or(outcome.stopped);
    }
    all
}

/// How the prices of a refresh differ from those of a book: old and new rate of the first unit, by key.
#[must_use]
pub fn changes(cache: &Cache, book: &super::PriceBook) -> BTreeMap<Key, (Option<Decimal>, Decimal)> {
    let mut out = BTreeMap::new();
    for ((service, item, region), fresh) in &cache.rows {
        let Some(new) = fresh.tiers.first().map(|tier| tier.rate.amount) else { continue };
        let old = book.item(service, item, region).map(|rate| rate.amount);
        if old != Some(new) {
            out.insert((service.clone(), item.clone(), region.clone()), (old, new));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::price::PriceBook;

    /// Answers each query with the same pages, and remembers the tokens.
    struct Canned {
        pages: Vec<ProductPage>,
        fails: Error,
        tokens: Mutex<Vec<Option<String>>>,
    }

    impl Canned {
        fn new(pages: Vec<ProductPage>) -> Self {
            let fails = Error::new(ErrorClass::Other, "no such page");
            Self { pages, fails, tokens: Mutex::default() }
        }
    }

    impl PriceList for Canned {
        fn page<'a>(
            &'a self,
            _: &'a Query,
            token: Option<String>,
        ) -> Pin<Box<dyn Future<Output = Result<ProductPage, Error>> + Send + 'a>> {
            let index = token.as_ref().map_or(0, |token| token.parse().unwrap());
            self.tokens.lock().unwrap().push(token);
            let page = self.pages.get(index).cloned().ok_or_else(|| self.fails.clone());
            Box::pin(std::future::ready(page))
        }
    }

    fn document(usd: &str) -> String {
        format!(
            r#"{{"product":{{"attributes":{{"usagetype":"BoxUsage:g5.xlarge"}}}},"terms":{{"OnDemand":{{"T":{{"priceDimensions":{{"D":{{"beginRange":"0","pricePerUnit":{{"USD":"{usd}"}}}}}}}}}}}},"publicationDate":"2026-10-01T00:00:00Z"}}"#
        )
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn pages_are_followed_and_laid_over_the_book() {
        let pages = vec![
            ProductPage { documents: vec![document("0.0000000000")], next: Some("1".to_owned()) },
            ProductPage { documents: vec![document("1.1100000000")], next: None },
        ];
        let list = Canned::new(pages);
        let queries = [Query::instance("g5.xlarge", "us-east-1")];
        let outcome = refresh(&list, &queries, at("2026-10-02T00:00:00Z")).await;
        assert_eq!((outcome.failed.len(), outcome.stopped.is_some()), (0, false));
        assert_eq!(*list.tokens.lock().unwrap(), [None, Some("1".to_owned())]);
        let book = Cache::from_json(&outcome.cache.to_json()).unwrap().over(PriceBook::embedded());
        let rate = book.instance("g5.xlarge", "us-east-1", Market::OnDemand).unwrap();
        assert_eq!((rate.amount.to_string().as_str(), rate.date.as_str()), ("1.11", "2026-10-01"));
        let changed = changes(&outcome.cache, PriceBook::embedded());
        assert_eq!(changed.values().next(), Some(&(Some(Decimal::new(1006, 3)), Decimal::new(111, 2))));
        assert!(changes(&outcome.cache, &book).is_empty());
    }

    #[tokio::test]
    async fn failures_are_named_and_the_rest_goes_on() {
        let list = Canned::new(Vec::new());
        let queries = [Query::instance("g5.xlarge", "us-east-1"), Query::instance("g6.xlarge", "us-east-1")];
        let outcome = refresh(&list, &queries, at("2026-10-02T00:00:00Z")).await;
        assert!(outcome.cache.rows.is_empty() && outcome.stopped.is_none());
        let names: Vec<&str> = outcome.failed.iter().map(|((_, item, _), _)| item.as_str()).collect();
        assert_eq!(names, ["g5.xlarge", "g6.xlarge"]);
        let endless = ProductPage { documents: Vec::new(), next: Some("0".to_owned()) };
        let outcome = refresh(&Canned::new(vec![endless]), &queries[..1], at("2026-10-02T00:00:00Z")).await;
        assert!(matches!(outcome.failed[0].1, RefreshError::Endless { .. }));
    }

    #[tokio::test]
    async fn what_would_fail_everywhere_ends_it() {
        let mut list = Canned::new(Vec::new());
        list.fails = Error::new(ErrorClass::Denied, "not authorized");
        let queries: Vec<Query> = (0..40).map(|n| Query::instance(&format!("t{n}.large"), "us-east-1")).collect();
        let outcome = refresh(&list, &queries, at("2026-10-02T00:00:00Z")).await;
        assert_eq!(outcome.stopped.map(|e| e.class), Some(ErrorClass::Denied));
        assert!(list.tokens.lock().unwrap().len() < 40);
    }

    #[test]
    fn the_most_expensive_zone_and_offer_count() {
        let zone = |name: &str, cents: i64| ZonePrice {
            zone: name.to_owned(),
            hourly: Decimal::new(cents, 2),
            since: at("2026-10-01T00:00:00Z"),
        };
        let rate = spot_rate(&[zone("us-east-1a", 41), zone("us-east-1b", 44)], "us-east-1").unwrap().rate;
        assert_eq!(rate.amount, Decimal::new(44, 2));
        assert_eq!(
            rate.note,
            "the most expensive zone of: us-east-1a 0.41, us-east-1b 0.44; it may change at any time"
        );
        let offer = |fee: i64, count| Offer {
            zone: "us-east-1a".to_owned(),
            start: at("2026-10-02T11:30:00Z"),
            hours: 24,
            count,
            fee: Decimal::new(fee, 2),
        };
        let rate = block_rate(&[offer(75_456, 1), offer(76_800, 1)], "us-east-1", at("2026-10-01T00:00:00Z")).unwrap();
        assert_eq!(rate.rate.amount.to_string(), "32");
        assert!(rate.rate.note.starts_with("the most expensive of 2 offers of 24 h, the first from 2026-10-02T11:30Z"));
        assert!(block_rate(&[], "us-east-1", at("2026-10-01T00:00:00Z")).is_none());
    }
}
