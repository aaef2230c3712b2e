//! What EC2 itself says about prices: the spot price of now in each zone, and the fees of Capacity Blocks on offer.
use super::{Aws, Error, ErrorClass, patience};
use aws_sdk_ec2::types::{Filter, InstanceType};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A spot price in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonePrice {
    /// `us-east-1a`.
    pub zone: String,
    /// US dollars an hour for one instance.
    pub hourly: Decimal,
    /// Since when it holds.
    pub since: Timestamp,
}

/// A Capacity Block that can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its zone.
    pub zone: String,
    /// When it begins.
    pub start: Timestamp,
    /// Its length.
    pub hours: u32,
    /// How many instances it holds.
    pub count: u32,
    /// US dollars, once, for all of it.
    pub fee: Decimal,
}

/// More than any history of one moment has.
const MOST_PAGES: usize = 100;

fn denied(error: Error, action: &str) -> Error {
    match error.class {
        ErrorClass::Denied => error.help(format!(
            r#"allow the action to the caller: {{"Effect":"Allow","Action":"{action}","Resource":"*"}}"#
        )),
        _ => error,
    }
}

fn unreadable(what: &str, text: &str) -> Error {
    Error::new(ErrorClass::Other, format!("EC2 answered with {what} `{text}`, which is not an amount of dollars"))
}

/// The Linux spot price of now in each zone, by instance type; types without a spot market are left out.
///
/// # Errors
/// A caller who may not ask, throttling, no connection, a price that is no number.
pub async fn spot_prices(aws: &Aws, types: &[String]) -> Result<BTreeMap<String, Vec<ZonePrice>>, Error> {
    let mut latest: BTreeMap<(String, String), ZonePrice> = BTreeMap::new();
    let now = DateTime::from_secs(aws.clock().now().as_second());
    // A filter takes 200 values at most; a type that the region does not know is an error as a parameter, not as a
    // filter.
    for types in types.chunks(200) {
        let filters = [("instance-type", types.to_vec()), ("product-description", vec!["Linux/UNIX".to_owned()])];
        let filters: Vec<Filter> = filters
            .into_iter()
            .map(|(name, values)| Filter::builder().name(name).set_values(Some(values)).build())
            .collect();
        let mut token: Option<String> = None;
        for page in 0.. {
            if page == MOST_PAGES {
                return Err(Error::new(ErrorClass::Other, "the history of spot prices does not end"));
            }
            let answer = patience::read(aws.clock(), || async {
                let request = aws.ec2().describe_spot_price_history().start_time(now).end_time(now);
                let request = request.set_filters(Some(filters.clone())).max_results(1000);
                Ok(request.set_next_token(token.clone()).send().await?)
            });
            let answer = answer.await.map_err(|e| denied(e, "ec2:DescribeSpotPriceHistory"))?;
            for row in answer.spot_price_history.unwrap_or_default() {
                let (Some(kind), Some(zone), Some(price)) = (row.instance_type, row.availability_zone, row.spot_price)
                else {
                    continue;
                };
                let hourly = Decimal::from_str_exact(&price).map_err(|_| unreadable("a spot price of", &price))?;
                let since = row.timestamp.and_then(|at| Timestamp::from_second(at.secs()).ok()).unwrap_or_default();
                let price = ZonePrice { zone: zone.clone(), hourly: hourly.normalize(), since };
                let known = latest.entry((kind.as_str().to_owned(), zone)).or_insert_with(|| price.clone());
                if known.since < since {
                    *known = price;
                }
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    let mut out: BTreeMap<String, Vec<ZonePrice>> = BTreeMap::new();
    for ((kind, _), price) in latest {
        out.entry(kind).or_default().push(price);
    }
    Ok(out)
}

/// Every Capacity Block of `hours` for `count` instances of a type that is on offer in the region.
///
/// # Errors
/// A type without Capacity Blocks ([`ErrorClass::Invalid`]), a caller who may not ask, throttling, no connection.
pub async fn capacity_blocks(aws: &Aws, instance_type: &str, count: u32, hours: u32) -> Result<Vec<Offer>, Error> {
    let mut offers = Vec::new();
    let mut token: Option<String> = None;
    let wanted = i32::try_from(count).unwrap_or(i32::MAX);
    let length = i32::try_from(hours).unwrap_or(i32::MAX);
    for _ in 0..MOST_PAGES {
        let answer = patience::read(aws.clock(), || async {
            let request = aws.ec2().describe_capacity_block_offerings();
            let request = request.instance_type(InstanceType::from(instance_type).as_str());
            let request = request.instance_count(wanted).capacity_duration_hours(length);
            Ok(request.set_next_token(token.clone()).send().await?)
        });
        let answer = answer.await.map_err(|e| denied(e, "ec2:DescribeCapacityBlockOfferings"))?;
        for offer in answer.capacity_block_offerings.unwrap_or_default() {
            let (Some(zone), Some(fee)) = (offer.availability_zone, offer.upfront_fee) else { continue };
            let currency = offer.currency_code.as_deref().unwrap_or("USD");
            if currency != "USD" {
                return Err(unreadable("a fee in", currency));
            }
            let start = offer.start_date.and_then(|at| Timestamp::from_second(at.secs()).ok()).unwrap_or_default();
            offers.push(Offer {
                zone,
                start,
                hours: offer.capacity_block_duration_hours.and_then(|h| u32::try_from(h).ok()).unwrap_or(hours),
                count: offer.instance_count.and_then(|n| u32::try_from(n).ok()).unwrap_or(count),
                fee: Decimal::from_str_exact(&fee).map_err(|_| unreadable("a fee of", &fee))?,
            });
        }
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            offers.sort_by(|a, b| (a.start, &a.zone).cmp(&(b.start, &b.zone)));
            return Ok(offers);
        }
    }
    Err(Error::new(ErrorClass::Other, "the list of Capacity Blocks on offer does not end"))
}
