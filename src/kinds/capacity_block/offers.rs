//! What AWS offers of Capacity Blocks: the cheapest that fits, the earliest of those.
use super::{CapacityBlock, check};
use crate::{
    aws::{Error, ErrorClass},
    call::SweepCtx,
    kinds::{capacity_reservation::moment, ec2},
    price::line::Dollars,
    resource::{Foreseen, Offer, Problem},
};
use aws_sdk_ec2::types::CapacityBlockOffering;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use rust_decimal::Decimal;

type Answer = Result<Offer, Problem>;

/// One request for each block and page: blocks are few.
pub(super) async fn ask(ctx: &SweepCtx, made: &[Foreseen<CapacityBlock>]) -> Result<Vec<(usize, Answer)>, Error> {
    let mut out = Vec::new();
    for (n, one) in made.iter().enumerate() {
        out.push((n, of(ctx, &one.want).await?));
    }
    Ok(out)
}

/// An offer with what is compared.
struct Priced {
    price: Decimal,
    start: Timestamp,
    end: Option<Timestamp>,
    zone: String,
    id: String,
}

async fn of(ctx: &SweepCtx, want: &CapacityBlock) -> Result<Answer, Error> {
    let problem = |code, path: &str, summary: String, help: &str| {
        Ok(Err(Problem { code, path: path.to_owned(), summary, help: help.to_owned() }))
    };
    let now = ctx.aws.clock().now();
    let Some(latest) = moment(&want.latest) else { return Err(Error::bug("a window that is no time")) };
    if latest < now {
        let summary = format!("no block can begin before {latest} any more");
        let help =
            "if it has been bought and has ended, remove it from the blueprint; else write a window that is to come";
        return problem(&check::WINDOW, "latest", summary, help);
    }
    let earliest = want.earliest.as_deref().and_then(moment).map_or(now, |at| at.max(now));
    let found = match fitting(ctx, want, earliest, latest).await {
        Ok(found) => found,
        // What AWS refuses here it does not sell.
        Err(e) if e.class == ErrorClass::Invalid => {
            return problem(&check::TYPE, "instance_type", e.to_string(), "choose another type, count or duration");
        }
        Err(e) => return Err(e),
    };
    let what = format!("{} x {} for {}", want.count, want.instance_type, want.duration);
    let Some(best) = found.into_iter().min_by(|a, b| (a.price, a.start, &a.id).cmp(&(b.price, b.start, &b.id))) else {
        let zone = want.zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
        let summary = format!("AWS offers no {what}{zone} that begins between {} and {latest}", second(earliest));
        let help = "write a wider window, fewer machines, another duration or another zone, or try again later";
        return problem(&check::NO_OFFER, "latest", summary, help);
    };
    if best.price > want.max_price.amount() {
        let (price, most) = (Dollars(best.price), Dollars(want.max_price.amount()));
        let summary = format!("the cheapest {what} costs {price}, and `max_price` is {most}");
        return problem(&check::TOO_DEAR, "max_price", summary, "raise `max_price`, or write a wider window");
    }
    let until = best.end.map(|end| format!(" to {end}")).unwrap_or_default();
    let words = format!("{} x {} in {} from {}{until}", want.count, want.instance_type, best.zone, best.start);
    Ok(Ok(Offer { id: best.id, words, price: best.price }))
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Everything on offer that begins in the window.
async fn fitting(
    ctx: &SweepCtx,
    want: &CapacityBlock,
    earliest: Timestamp,
    latest: Timestamp,
) -> Result<Vec<Priced>, Error> {
    let length = i64::try_from(want.duration.seconds()).unwrap_or(i64::MAX);
    let hours = i32::try_from(want.hours()).unwrap_or(i32::MAX);
    let call = ctx.aws.ec2().describe_capacity_block_offerings().instance_type(&want.instance_type);
    let call = call.instance_count(want.instances()).capacity_duration_hours(hours);
    let call = call.start_date_range(DateTime::from_secs(earliest.as_second()));
    let call = call.end_date_range(DateTime::from_secs(latest.as_second().saturating_add(length)));
    let mut pages = call.into_paginator().send();
    let mut out = Vec::new();
    while let Some(page) = pages.next().await {
        let offers = page?.capacity_block_offerings.unwrap_or_default();
        let fits = |one: &Priced| {
            (second(earliest)..=latest).contains(&one.start) && want.zone.as_ref().is_none_or(|zone| *zone == one.zone)
        };
        out.extend(offers.iter().filter_map(|offer| priced(want, offer)).filter(fits));
    }
    Ok(out)
}

/// An offer in US dollars, for all machines at once.
fn priced(want: &CapacityBlock, offer: &CapacityBlockOffering) -> Option<Priced> {
    let all = offer.instance_count() == Some(want.instances()) && offer.ultraserver_type().is_none();
    let dollars = offer.currency_code() == Some("USD");
    Some(Priced {
        price: Decimal::from_str_exact(offer.upfront_fee()?).ok().filter(|_| all && dollars)?,
        start: ec2::time(offer.start_date)?,
        end: ec2::time(offer.end_date),
        zone: offer.availability_zone()?.to_owned(),
        id: offer.capacity_block_offering_id()?.to_owned(),
    })
}
