//! Spot prices: made up, but steady, plausible and the same in every run.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::catalogue::{InstanceType, instance_type, instance_types};
use super::filters::{Filters, listing};
use super::invalid;
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[read("DescribeSpotPriceHistory", describe)];

/// The price in a zone at a time, in dollars per hour. It changes every six hours.
pub(super) fn spot_price(kind: &InstanceType, zone: &str, at: Timestamp) -> f64 {
    let period = at.as_second().div_euclid(6 * 3600);
    let digest = Sha256::digest(format!("{}/{zone}/{period}", kind.name));
    let swing = f64::from(digest.first().copied().unwrap_or_default()) / 255.0;
    let base = kind.vcpus as f64 * 0.012 + kind.accelerator_count as f64 * kind.accelerator_mib as f64 / 81920.0 * 1.5;
    (base * (0.85 + 0.3 * swing) * 10_000.0).round() / 10_000.0
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut types = call.params.texts("InstanceType")?;
    let products = call.params.texts("ProductDescription")?;
    let mut zone = call.params.text_opt("AvailabilityZone")?;
    let start = call.params.text_opt("StartTime")?;
    let end = call.params.text_opt("EndTime")?;
    let size = call.params.int_opt("MaxResults")?.and_then(|size| usize::try_from(size).ok()).unwrap_or(1000);
    let skip = call.params.text_opt("NextToken")?.filter(|token| !token.is_empty());
    let filters = Filters::take(call, &["availability-zone", "instance-type", "product-description"])?;
    let time = |text: Option<String>| -> Result<Timestamp, ApiError> {
        text.map_or(Ok(call.now), |text| text.parse().map_err(|_| invalid(format!("Value ({text}) is not a time"))))
    };
    let (start, end) = (time(start)?, time(end)?.min(call.now));
    if types.is_empty() {
        types = instance_types().map(|kind| kind.name.clone()).collect();
    }
    let linux = products.is_empty() || products.iter().any(|it| it == "Linux/UNIX" || it == "Linux/UNIX (Amazon VPC)");
    let zone = zone.take();
    let mut items = Vec::new();
    for name in &types {
        let kind = instance_type(name).ok_or_else(|| invalid(format!("Invalid instance type: {name}")))?;
        if !linux || !kind.usage_classes.iter().any(|class| class == "spot") {
            continue;
        }
        for letter in kind.zones(call.region).chars() {
            let this = format!("{}{letter}", call.region);
            let passes = filters.pass(&std::collections::BTreeMap::new(), |filter| {
                vec![match filter {
                    "availability-zone" => this.clone(),
                    "instance-type" => name.clone(),
                    _ => "Linux/UNIX".to_owned(),
                }]
            });
            if !passes || zone.as_ref().is_some_and(|zone| *zone != this) {
                continue;
            }
            // The price in force at the start of the range is part of it, as in AWS.
            let step = 6 * 3600;
            let mut at = end.as_second() - end.as_second().rem_euclid(step);
            for _ in 0..400 {
                let Ok(since) = Timestamp::from_second(at) else { break };
                let price = spot_price(kind, &this, since);
                items.push(
                    Xml::new()
                        .text("instanceType", name)
                        .text("productDescription", "Linux/UNIX")
                        .text("spotPrice", format!("{price:.6}"))
                        .text("timestamp", since)
                        .text("availabilityZone", &this),
                );
                if since <= start || since.duration_since(start) < SignedDuration::ZERO {
                    break;
                }
                at -= step;
            }
        }
    }
    let skip = match skip {
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The nextToken is not valid"))?,
        None => 0,
    };
    let more = items.len() > skip.saturating_add(size);
    let page = items.into_iter().skip(skip).take(size);
    Ok(listing("spotPriceHistorySet", page, more.then(|| (skip + size).to_string())))
}
