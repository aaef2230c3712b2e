//! Lines for networks: public addresses, NAT gateways, endpoints, data that leaves, load balancers.

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

/// An interface endpoint in so many zones: its hours per zone, and the data through it by use.
#[must_use]
pub fn interface_endpoint(context: &PriceContext<'_>, zones: u32) -> Vec<PriceLine> {
    let what = format!("interface endpoint in {zones} {}", if zones == 1 { "zone" } else { "zones" });
    let data = UseItem {
        service: "vpc",
        item: "endpoint-data",
        unit: Unit::Gb,
        what: "data through the endpoint",
        noun: "GB",
        key: "processed_gb",
        unit_size: Decimal::ONE,
    };
    let mut lines = vec![PriceLine::of(context, "vpc", "endpoint-hour", Unit::Hour, what, Decimal::from(zones))];
    lines.extend(by_use(context, &data));
    lines
}

/// A gateway endpoint (S3, DynamoDB): published as free.
#[must_use]
pub fn gateway_endpoint(context: &PriceContext<'_>) -> PriceLine {
    PriceLine::of(context, "vpc", "gateway-endpoint-hour", Unit::Hour, "gateway endpoint", Decimal::ONE)
}

/// Data that leaves the zone, the region or AWS; only what `usage:` states.
#[must_use]
pub fn data_transfer(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let out = UseItem {
        service: "data-transfer",
        item: "internet-out",
        unit: Unit::Gb,
        what: "data to the internet",
        noun: "GB",
        key: "internet_out_gb",
        unit_size: Decimal::ONE,
    };
    let region = UseItem { item: "inter-region", what: "data to other regions", key: "inter_region_gb", ..out };
    let zone = UseItem { item: "cross-zone", what: "data between zones", key: "cross_zone_gb", ..out };
    [out, region, zone].iter().flat_map(|item| by_use(context, item)).collect()
}

/// A load balancer (`alb` or `nlb`): its hours, and its capacity units by use.
#[must_use]
pub fn load_balancer(context: &PriceContext<'_>, balancer: &str) -> Vec<PriceLine> {
    let hours = format!("{balancer}-hour");
    let item = format!("{balancer}-lcu");
    let units = UseItem {
        service: "elb",
        item: &item,
        unit: Unit::LcuHour,
        what: "capacity units",
        noun: "units on average",
        key: "lcu",
        unit_size: Decimal::ONE,
    };
    let what = format!("{} load balancer", balancer.to_ascii_uppercase());
    let mut lines = vec![PriceLine::of(context, "elb", &hours, Unit::Hour, what, Decimal::ONE)];
    lines.extend(by_use(context, &units));
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
    fn addresses_and_endpoints() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&[public_addresses(&context, 2)]), "7.3");
        // 2 zones × 0.01 × 730 + 100 GB assumed × 0.01
        assert_eq!(month(&interface_endpoint(&context, 2)), "15.6");
        let free = gateway_endpoint(&context);
        assert_eq!((free.state.name(), free.amount().is_zero()), ("priced", true));
        // (0.0225 + 0.008) × 730
        assert_eq!(month(&load_balancer(&context, "alb")), "22.265");
        assert!(data_transfer(&context).is_empty());
    }

    #[test]
    fn stated_transfer() {
        let usage = Usage::from_json(&json!({ "internet_out_gb": 500, "cross_zone_gb": 1000 })).unwrap();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&data_transfer(&context)), "55");
    }
}
