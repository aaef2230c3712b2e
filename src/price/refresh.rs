//! Refreshing prices: asks the Price List for each item, keeps the answers in a file, and lays them over the book.
//!
//! Nothing here runs unless somebody asks for it: plans read the embedded book and the file.

use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::book::{Confidence, PriceBook, Rate, Tier, Unit};
use super::list::{ListError, Query};

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// JSON documents, as strings.
    pub documents: Vec<String>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The Price List behind whatever carries the request; the caller retries throttles.
pub trait PriceList: Sync {
    /// One page of the products of a query.
    ///
    /// # Errors
    /// The request failed, in words.
    fn page<'a>(
        &'a self,
        query: &'a Query,
        token: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<Page, String>> + Send + 'a>>;
}

/// Why an item was not refreshed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The answer does not give one price.
    #[error(transparent)]
    List(#[from] ListError),
    /// The request failed.
    #[error("the Price List could not be asked for {service} {item}: {why}")]
    Request {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
        /// In words.
        why: String,
    },
    /// The pages do not end.
    #[error("the Price List's answer for {service} {item} does not end")]
    Endless {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
    },
}

/// Prices read at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// When.
    pub at: Timestamp,
    /// Service, item, region, tiers.
    pub rows: Vec<(String, String, String, Vec<Tier>)>,
}

/// More pages than any answer to an exact query has.
const MOST_PAGES: usize = 200;

/// Asks for every query in order; items that fail keep their old price and are named.
pub async fn refresh(list: &dyn PriceList, queries: &[Query], now: Timestamp) -> (Refreshed, Vec<RefreshError>) {
    let mut refreshed = Refreshed { at: now, rows: Vec::new() };
    let mut errors = Vec::new();
    for query in queries {
        match ask(list, query).await {
            Ok(tiers) => {
                refreshed.rows.push((query.service.to_owned(), query.item.clone(), query.region.clone(), tiers));
            }
            Err(error) => errors.push(error),
        }
    }
    (refreshed, errors)
}

async fn ask(list: &dyn PriceList, query: &Query) -> Result<Vec<Tier>, RefreshError> {
    let (service, item) = (query.service.to_owned(), query.item.clone());
    let mut documents = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = list.page(query, token.take()).await;
        let page = page.map_err(|why| RefreshError::Request { service: service.clone(), item: item.clone(), why })?;
        documents.extend(page.documents);
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(query.read(documents.iter().map(String::as_str))?),
        }
    }
    Err(RefreshError::Endless { service, item })
}

#[derive(Serialize, Deserialize)]
struct File {
    v: u32,
    at: Timestamp,
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
}

/// A file of refreshed prices that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file of refreshed prices cannot be read: {0}; delete it, or run dlinfra prices refresh again")]
pub struct BadCache(String);

impl Refreshed {
    /// As the cache file holds it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let row = |(service, item, region, tiers): &(String, String, String, Vec<Tier>)| {
            let rows = tiers.iter().map(|Tier { from, rate }| Row {
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
            });
            rows.collect::<Vec<Row>>()
        };
        let file = File { v: 1, at: self.at, rows: self.rows.iter().flat_map(row).collect() };
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = writeln!(text);
        text
    }

    /// Reads a cache file.
    ///
    /// # Errors
    /// Damaged, or of a later version.
    pub fn from_json(text: &str) -> Result<Self, BadCache> {
        let file: File = serde_json::from_str(text).map_err(|error| BadCache(error.to_string()))?;
        if file.v != 1 {
            return Err(BadCache(format!("version {} is not known", file.v)));
        }
        let mut rows: Vec<(String, String, String, Vec<Tier>)> = Vec::new();
        for row in file.rows {
            let text = format!("{} {} {}", row.service, row.item, row.region);
            let (service, item, region, tier) = read(row).ok_or_else(|| BadCache(format!("the row {text}")))?;
            match rows.last_mut() {
                Some((last_service, last_item, last_region, tiers))
                    if (&*last_service, &*last_item, &*last_region) == (&service, &item, &region) =>
                {
                    tiers.push(tier);
                }
                _ => rows.push((service, item, region, vec![tier])),
            }
        }
        Ok(Self { at: file.at, rows })
    }

    /// A book with these prices in place of its own.
    #[must_use]
    pub fn over(&self, book: &PriceBook) -> PriceBook {
        let mut book = book.clone();
        for (service, item, region, tiers) in &self.rows {
            book.replace(service, item, region, tiers.clone());
        }
        book
    }

    /// How old the prices are, in words: `3 days`.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> String {
        let minutes = now.duration_since(self.at).as_mins().max(0);
        let (number, unit) = match minutes {
            0..120 => (minutes, "minute"),
            120..2880 => (minutes / 60, "hour"),
            _ => (minutes / 1440, "day"),
        };
        if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
    }
}

fn read(row: Row) -> Option<(String, String, String, Tier)> {
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
    Some((row.service, row.item, row.region, tier))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::price::Market;

    /// Answers each query with the same pages, and remembers the tokens.
    struct Canned {
        pages: Vec<Page>,
        tokens: Mutex<Vec<Option<String>>>,
    }

    impl PriceList for Canned {
        fn page<'a>(
            &'a self,
            _: &'a Query,
            token: Option<String>,
        ) -> Pin<Box<dyn Future<Output = Result<Page, String>> + Send + 'a>> {
            let index = token.as_ref().map_or(0, |token| token.parse().unwrap());
            self.tokens.lock().unwrap().push(token);
            let page = self.pages.get(index).cloned().ok_or_else(|| "ThrottlingException".to_owned());
            Box::pin(std::future::ready(page))
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
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

    #[test]
    fn pages_are_followed_and_laid_over_the_book() {
        let pages = vec![
            Page { documents: vec![document("0.0000000000")], next: Some("1".to_owned()) },
            Page { documents: vec![document("1.1100000000")], next: None },
        ];
        let list = Canned { pages, tokens: Mutex::default() };
        let queries = [Query::instance("g5.xlarge", "us-east-1")];
        let (refreshed, errors) = run(refresh(&list, &queries, at("2026-10-02T00:00:00Z")));
        assert_eq!(errors, []);
        assert_eq!(*list.tokens.lock().unwrap(), [None, Some("1".to_owned())]);
        let book = Refreshed::from_json(&refreshed.to_json()).unwrap().over(PriceBook::embedded());
        let rate = book.instance("g5.xlarge", "us-east-1", Market::OnDemand).unwrap();
        assert_eq!((rate.amount.to_string().as_str(), rate.date.as_str()), ("1.11", "2026-10-01"));
        let old = book.instance("g5.xlarge", "us-west-2", Market::OnDemand).unwrap();
        assert_eq!(old.amount.to_string(), "1.006");
    }

    #[test]
    fn failures_are_named_and_the_rest_goes_on() {
        let list = Canned { pages: Vec::new(), tokens: Mutex::default() };
        let queries = [Query::instance("g5.xlarge", "us-east-1"), Query::instance("g6.xlarge", "us-east-1")];
        let (refreshed, errors) = run(refresh(&list, &queries, at("2026-10-02T00:00:00Z")));
        assert!(refreshed.rows.is_empty());
        assert_eq!(errors.len(), 2);
        let text = "the Price List could not be asked for ec2-on-demand g5.xlarge: ThrottlingException";
        assert_eq!(errors[0].to_string(), text);
        let endless = Page { documents: Vec::new(), next: Some("0".to_owned()) };
        let list = Canned { pages: vec![endless], tokens: Mutex::default() };
        let (_, errors) = run(refresh(&list, &queries[..1], at("2026-10-02T00:00:00Z")));
        assert!(matches!(errors[0], RefreshError::Endless { .. }));
    }

    #[test]
    fn damaged_files_are_refused() {
        assert!(Refreshed::from_json("{").is_err());
        assert!(Refreshed::from_json(r#"{"v":2,"at":"2026-10-02T00:00:00Z","rows":[]}"#).is_err());
        let row = r#"{"v":1,"at":"2026-10-02T00:00:00Z","rows":[{"service":"a","item":"b","region":"c","unit":"hour","usd":"-1","from":"0","source":"","date":"","confidence":"high","note":""}]}"#;
        assert_eq!(Refreshed::from_json(row).unwrap_err(), BadCache("the row a b c".to_owned()));
    }

    #[test]
    fn ages() {
        let refreshed = Refreshed { at: at("2026-10-01T00:00:00Z"), rows: Vec::new() };
        assert_eq!(refreshed.age(at("2026-10-01T00:01:30Z")), "1 minute");
        assert_eq!(refreshed.age(at("2026-10-01T05:00:00Z")), "5 hours");
        assert_eq!(refreshed.age(at("2026-10-09T05:00:00Z")), "8 days");
    }
}
