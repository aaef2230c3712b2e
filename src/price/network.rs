//! Lines for networks: public addresses, NAT gateways, load balancers.

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

/// An interface endpoint: its hours in each zone, and the data through it by use.
#[must_use]
pub fn interface_endpoint(context: &PriceContext<'_>, zones: u32) -> Vec<PriceLine> {
    let data = UseItem {
        service: "vpc",
        item: "endpoint-data",
        unit: Unit::Gb,
        what: "data through the interface endpoint",
        noun: "GB",
        key: "processed_gb",
        unit_size: Decimal::ONE,
    };
    let what =
        if zones == 1 { "interface endpoint".to_owned() } else { format!("interface endpoint in {zones} zones") };
    let mut lines = vec![PriceLine::of(context, "vpc", "endpoint-hour", Unit::Hour, what, Decimal::from(zones))];
    lines.extend(by_use(context, &data));
    lines
}

/// Flow logs that are delivered to a bucket: by the GB, at a rate that the price book does not have.
#[must_use]
pub fn delivered_logs(_: &PriceContext<'_>) -> PriceLine {
    let why = "the price book has no rate for the delivery of logs to buckets";
    PriceLine::unpriced("flow logs delivered to the bucket", Decimal::ONE, Unit::Gb, why)
}

/// A load balancer: its hours, and capacity units by use.
#[must_use]
pub fn load_balancer(context: &PriceContext<'_>, network: bool) -> Vec<PriceLine> {
    let (hours, units, what) = match network {
        true => ("nlb-hour", "nlb-lcu", "network load balancer"),
        false => ("alb-hour", "alb-lcu", "application load balancer"),
    };
    let used = UseItem {
        service: "elb",
        item: units,
        unit: Unit::LcuHour,
        what: "capacity units of the load balancer",
        noun: "LCU on average",
        key: "lcu",
        unit_size: Decimal::ONE,
    };
    let mut lines = vec![PriceLine::of(context, "elb", hours, Unit::Hour, what, Decimal::ONE)];
    lines.extend(by_use(context, &used));
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
    fn interface_endpoints_by_zone_and_use() {
        let usage = Usage::from_json(&json!({ "processed_gb": 500 })).unwrap();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        // 730 × 2 × 0.01 + 500 × 0.01
        assert_eq!(month(&interface_endpoint(&context, 2)), "19.6");
        let elsewhere = PriceContext::new(PriceBook::embedded(), "sa-east-1", &usage);
        assert!(interface_endpoint(&elsewhere, 2).iter().all(|line| line.state.name() == "unpriced"));
    }

    #[test]
    fn load_balancers_by_the_hour_and_by_use() {
        let usage = Usage::from_json(&json!({ "lcu": 3 })).unwrap();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        // 730 × (0.0225 + 3 × 0.008), and 730 × (0.0225 + 3 × 0.006).
        let both = [false, true].map(|network| month(&load_balancer(&context, network)));
        assert_eq!(both, ["33.945", "29.565"]);
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        // One unit, as long as nobody says how many: 16.425 + 5.84.
        assert_eq!(month(&load_balancer(&context, false)), "22.265");
    }

    #[test]
    fn public_addresses_by_the_hour() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&[public_addresses(&context, 2)]), "7.3");
    }
}
