//! Lines for networks: public addresses, NAT gateways.

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::Unit;
use super::line::{PriceLine, UseItem};
use super::storage::by_use;

/// Public IPv4 addresses, used or idle.
#[must_use]
pub fn public_addresses(context: &PriceContext<'_>, count: u32) -> PriceLine {
    let what = if count == 1 { "public IPv4 address".to_owned() } else { format!("{count} public IPv4 addresses") };
    PriceLine::of(context, "vpc", "public-ipv4-hour", Unit::Hour, what, Decimal::from(count))
}

/// A NAT gateway: its hours, and the data through it by use. Its address is a line of its own.
#[must_use]
pub fn nat_gateway(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let data = UseItem {
        service: "vpc",
        item: "nat-data",
        unit: Unit::Gb,
        what: "data through the NAT gateway",
        noun: "GB",
        key: "processed_gb",
        unit_size: Decimal::ONE,
    };
    let mut lines = vec![PriceLine::of(context, "vpc", "nat-hour", Unit::Hour, "NAT gateway", Decimal::ONE)];
    lines.extend(by_use(context, &data));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Amount, PriceBook, Usage};
    use serde_json::json;

    fn month(lines: &[PriceLine]) -> String {
        lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
    }

    #[test]
    fn nat_gateways_in_two_regions() {
        let usage = Usage::from_json(&json!({ "processed_gb": 1000 })).unwrap();
        let virginia = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        // 0.045 × 730 + 1,000 × 0.045
        assert_eq!(month(&nat_gateway(&virginia)), "77.85");
        let frankfurt = PriceContext::new(PriceBook::embedded(), "eu-central-1", &usage);
        assert_eq!(month(&nat_gateway(&frankfurt)), "89.96");
        let elsewhere = PriceContext::new(PriceBook::embedded(), "sa-east-1", &usage);
        assert!(nat_gateway(&elsewhere).iter().all(|line| line.state.name() == "unpriced"));
    }

    #[test]
    fn public_addresses_by_the_hour() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&[public_addresses(&context, 2)]), "7.3");
    }
}
