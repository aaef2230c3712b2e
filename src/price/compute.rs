//! Lines for instances: on-demand, spot, reserved, in a Capacity Block, and the most expensive of several rungs.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::{Confidence, Market, Rate, Unit};
use super::line::{Dollars, LineState, PriceLine};

/// Instances paid by the hour.
#[must_use]
pub fn instances(context: &PriceContext<'_>, instance_type: &str, count: u32, market: Market) -> PriceLine {
    let what = format!("{count} x {instance_type}, {market}");
    let mut line = PriceLine::of(context, market.service(), instance_type, Unit::Hour, what, Decimal::from(count))
        .running(context.usage.share_of_day());
    if let LineState::Unpriced { why } = &mut line.state {
        *why = format!("no {market} price of {instance_type} in {}", context.region);
    }
    line
}

/// Instances that run in a capacity reservation: the reservation is paid, used or not.
#[must_use]
pub fn reserved_instances(instance_type: &str, count: u32, reservation: &str) -> PriceLine {
    let what = format!("{count} x {instance_type}, reserved");
    PriceLine::paid_elsewhere(what, Decimal::from(count), Unit::Hour, reservation)
}

/// Metrics each minute: charged as seven custom metrics per instance.
#[must_use]
pub fn detailed_monitoring(context: &PriceContext<'_>, count: u32) -> PriceLine {
    /// What EC2 sends with detailed monitoring on.
    const METRICS: u32 = 7;
    let what = format!("{METRICS} metrics of {count} instances each minute");
    let quantity = Decimal::from(count).saturating_mul(Decimal::from(METRICS));
    PriceLine::of(context, "cloudwatch", "custom-metric", Unit::Month, what, quantity)
}

/// The upfront fee of a Capacity Block: the offering's exact `fee`, or an estimate from the book.
#[must_use]
#[allow(dead_code, reason = "bills and reports know upfront fees; no kind takes a Capacity Block yet")]
pub fn capacity_block(
    context: &PriceContext<'_>,
    instance_type: &str,
    count: u32,
    hours: u32,
    fee: Option<Decimal>,
) -> PriceLine {
    let what = format!("{count} x {instance_type}, capacity block of {hours} h");
    if let Some(fee) = fee {
        let rate = Rate {
            amount: fee,
            unit: Unit::Once,
            region: context.region.to_owned(),
            source: "the Capacity Block offering".to_owned(),
            date: String::new(),
            confidence: Confidence::High,
            note: "paid once, cannot be cancelled".to_owned(),
        };
        return PriceLine::new(what, Decimal::ONE, Unit::Once, Some(Arc::new(rate)), LineState::Upfront);
    }
    let service = Market::CapacityBlock.service();
    let quantity = Decimal::from(count) * Decimal::from(hours);
    let mut line = PriceLine::of(context, service, instance_type, Unit::Hour, what, quantity);
    match &mut line.state {
        LineState::Unpriced { why } => {
            *why = format!("no Capacity Block price of {instance_type} in {}", context.region);
        }
        state => *state = LineState::Upfront,
    }
    line
}

/// The line that counts where any of several rungs may be used: the most expensive; all are named on it.
///
/// A rung without a price makes the whole line unpriced, because it may be the most expensive.
#[must_use]
pub fn most_expensive(rungs: Vec<PriceLine>) -> Option<PriceLine> {
    let alternatives: Vec<String> = rungs
        .iter()
        .map(|line| match &line.state {
            LineState::Unpriced { .. } => format!("{}: unpriced", line.what),
            LineState::PaidElsewhere { by } => format!("{}: paid by {by}", line.what),
            LineState::Upfront => format!("{}: {} once", line.what, Dollars(line.amount().upfront)),
            LineState::Priced | LineState::ByUse { .. } => {
                format!("{}: {}/h", line.what, Dollars(line.amount().hourly()))
            }
        })
        .collect();
    let several = rungs.len() > 1;
    let mut line = rungs.into_iter().max_by(|a, b| {
        let rank = |line: &PriceLine| matches!(line.state, LineState::Unpriced { .. });
        let cost = |line: &PriceLine| line.amount().hourly().saturating_add(line.amount().upfront);
        rank(a).cmp(&rank(b)).then_with(|| cost(a).cmp(&cost(b)))
    })?;
    if several {
        line.alternatives = alternatives;
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{PriceBook, Usage};
    use serde_json::json;

    fn price(line: &PriceLine) -> String {
        line.amount().hourly().normalize().to_string()
    }

    #[test]
    fn four_p5_on_demand() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let line = instances(&context, "p5.48xlarge", 4, Market::OnDemand);
        assert_eq!(price(&line), "220.16");
        assert_eq!(line.amount().run(Decimal::from(72)).normalize().to_string(), "15851.52");
        assert_eq!(line.amount().monthly().normalize().to_string(), "160716.8");
    }

    #[test]
    fn hours_per_day_count_in_the_month_only() {
        let usage = Usage::from_json(&json!({ "hours_per_day": 8 })).unwrap();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let line = instances(&context, "g5.xlarge", 3, Market::OnDemand);
        assert_eq!(price(&line), "3.018");
        // 3.018 × 730 ÷ 3
        assert_eq!(line.amount().monthly().round_dp(6).normalize().to_string(), "734.38");
    }

    #[test]
    fn monitoring_by_metric() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        // 4 × 7 × 0.30
        assert_eq!(detailed_monitoring(&context, 4).amount().monthly().normalize().to_string(), "8.4");
    }

    #[test]
    fn a_type_without_a_price_is_unpriced() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let line = instances(&context, "p6e-gb200.36xlarge", 2, Market::OnDemand);
        let LineState::Unpriced { why } = &line.state else { panic!("{line:?}") };
        assert_eq!(why, "no on-demand price of p6e-gb200.36xlarge in us-east-1");
    }

    #[test]
    fn capacity_blocks_are_upfront() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let line = capacity_block(&context, "p5.48xlarge", 4, 48, None);
        assert_eq!(line.amount().upfront.normalize().to_string(), "6036.48");
        assert_eq!(price(&line), "0");
        let line = capacity_block(&context, "p5.48xlarge", 4, 48, Some(Decimal::from(6000)));
        assert_eq!(line.amount().upfront, Decimal::from(6000));
        assert_eq!(capacity_block(&context, "c5.large", 1, 24, None).state.name(), "unpriced");
    }

    #[test]
    fn the_most_expensive_rung_counts_and_all_are_named() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-2", &usage);
        let rungs = vec![
            reserved_instances("p5.48xlarge", 2, "cr-0ab"),
            instances(&context, "p5.48xlarge", 2, Market::Spot),
            instances(&context, "p5.48xlarge", 2, Market::OnDemand),
        ];
        let line = most_expensive(rungs).unwrap();
        assert_eq!(price(&line), "110.08");
        assert_eq!(line.alternatives.len(), 3);
        assert_eq!(line.alternatives[0], "2 x p5.48xlarge, reserved: paid by cr-0ab");
        let rungs = vec![
            instances(&context, "p5e.48xlarge", 1, Market::Spot),
            instances(&context, "p5e.48xlarge", 1, Market::OnDemand),
        ];
        assert_eq!(most_expensive(rungs).unwrap().state.name(), "unpriced");
        assert!(most_expensive(Vec::new()).is_none());
    }
}
