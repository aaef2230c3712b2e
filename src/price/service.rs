//! Lines for managed services: alarms, dashboards, logs, queues, topics.

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::Unit;
use super::line::{PriceLine, UseItem};
use super::storage::by_use;
use crate::units::Size;

/// Alarms, of high resolution when their period is under a minute.
#[must_use]
pub fn alarms(context: &PriceContext<'_>, count: u32, high_resolution: bool) -> PriceLine {
    let item = if high_resolution { "alarm-high-resolution" } else { "alarm" };
    let what = if count == 1 { "alarm".to_owned() } else { format!("{count} alarms") };
    PriceLine::of(context, "cloudwatch", item, Unit::Month, what, Decimal::from(count))
}

/// An alarm on other alarms.
#[must_use]
pub fn composite_alarm(context: &PriceContext<'_>) -> PriceLine {
    PriceLine::of(context, "cloudwatch", "alarm-composite", Unit::Month, "composite alarm", Decimal::ONE)
}

/// Metrics of one's own, from an agent or out of a log.
#[must_use]
pub fn custom_metrics(context: &PriceContext<'_>, count: u32, from: &str) -> PriceLine {
    let what = if count == 1 { format!("a metric {from}") } else { format!("{count} metrics {from}") };
    PriceLine::of(context, "cloudwatch", "custom-metric", Unit::Month, what, Decimal::from(count))
}

/// A dashboard.
#[must_use]
pub fn dashboard(context: &PriceContext<'_>) -> PriceLine {
    PriceLine::of(context, "cloudwatch", "dashboard", Unit::Month, "dashboard", Decimal::ONE)
}

/// A log group: what is written and what is kept, by use.
#[must_use]
pub fn log_group(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let written = UseItem {
        service: "cloudwatch",
        item: "logs-ingestion",
        unit: Unit::Gb,
        what: "logs written",
        noun: "GB",
        key: "ingested_gb",
        unit_size: Decimal::ONE,
    };
    let kept =
        UseItem { item: "logs-storage", unit: Unit::GbMonth, what: "logs kept", key: "log_stored_gb", ..written };
    [written, kept].iter().flat_map(|item| by_use(context, item)).collect()
}

/// Requests to a queue, by use: AWS counts what is sent, received and deleted.
#[must_use]
pub fn queue(context: &PriceContext<'_>) -> Vec<PriceLine> {
    by_use(context, &requests("sqs", "requests", "requests to the queue"))
}

/// What is published to a topic, by use.
#[must_use]
pub fn topic(context: &PriceContext<'_>) -> Vec<PriceLine> {
    by_use(context, &requests("sns", "requests", "messages to the topic"))
}

/// Calls of a function, by use: their number, and their time by its memory.
#[must_use]
pub fn function(context: &PriceContext<'_>, memory: Size, arm: bool) -> Vec<PriceLine> {
    let calls = UseItem {
        service: "lambda",
        item: "requests",
        unit: Unit::Requests1000,
        what: "calls",
        noun: "calls",
        key: "invocations",
        unit_size: Decimal::ONE_THOUSAND,
    };
    let item = if arm { "gb-second-arm" } else { "gb-second" };
    let time = UseItem {
        item,
        unit: Unit::GbSecond,
        what: "computing",
        noun: "seconds",
        key: "invocation_seconds",
        unit_size: Decimal::ONE,
        ..calls
    };
    let mut computing = by_use(context, &time);
    computing.iter_mut().for_each(|line| line.quantity = line.quantity.saturating_mul(memory.gib()));
    by_use(context, &calls).into_iter().chain(computing).collect()
}

/// Calls of schedules, by use.
#[must_use]
pub fn schedules(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let calls =
        UseItem { key: "invocations", noun: "calls", ..requests("scheduler", "invocations", "calls of schedules") };
    by_use(context, &calls)
}

fn requests<'a>(service: &'a str, item: &'a str, what: &'a str) -> UseItem<'a> {
    let (unit, unit_size) = (Unit::Requests1000, Decimal::ONE_THOUSAND);
    UseItem { service, item, unit, what, noun: "requests", key: "requests", unit_size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Amount, Market, PriceBook, Usage};

    fn month(lines: &[PriceLine]) -> String {
        lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
    }

    #[test]
    fn managed_services_to_the_cent() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&[alarms(&context, 3, true)]), "0.9");
        assert_eq!(month(&[dashboard(&context)]), "3");
        assert_eq!(month(&log_group(&context)), "0.53");
        // Ten thousand requests, as long as nobody says how many.
        assert_eq!((month(&queue(&context)), month(&topic(&context))), ("0.004".to_owned(), "0.005".to_owned()));
    }

    #[test]
    fn what_nobody_published_is_unpriced() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(super::super::compute::instances(&context, "x9.huge", 1, Market::OnDemand).state.name(), "unpriced");
    }
}
