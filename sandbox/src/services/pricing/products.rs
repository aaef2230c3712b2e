//! The products of the price list, from the crate's own data files.
//!
//! `data/on-demand.csv` has an hourly Linux price per instance type and region. From it come, as in the real list,
//! several products per type: for used, unused and reserved capacity, with SQL Server, and a free one for Capacity
//! Blocks, so that a careless query finds more than one. `data/products.csv` has everything else, one tier per line.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The list's publication; the same in every run.
const PUBLISHED: &str = "2026-07-20T00:00:00Z";
const VERSION: &str = "20260720000000";

/// A step of a price: from, to, unit, dollars.
struct Tier {
    from: String,
    to: String,
    unit: String,
    usd: String,
}

/// A product with its On-Demand price.
pub(super) struct Product {
    pub(super) service: String,
    pub(super) sku: String,
    family: String,
    attributes: BTreeMap<String, String>,
    tiers: Vec<Tier>,
    /// The document itself, of a product that was given from outside.
    recorded: Option<Value>,
}

const REGION_NAMES: &[(&str, &str, &str)] = &[
    ("us-east-1", "US East (N. Virginia)", ""),
    ("us-east-2", "US East (Ohio)", "USE2-"),
    ("us-west-2", "US West (Oregon)", "USW2-"),
    ("eu-west-1", "EU (Ireland)", "EU-"),
    ("eu-central-1", "EU (Frankfurt)", "EUC1-"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)", "APN1-"),
];

impl Product {
    fn new(service: &str, family: &str, region: &str, attributes: &[(&str, &str)], tiers: Vec<Tier>) -> Self {
        let location =
            REGION_NAMES.iter().find(|(name, ..)| *name == region).map_or(region, |(_, location, _)| location);
        let common =
            [("servicecode", service), ("regionCode", region), ("location", location), ("locationType", "AWS Region")];
        let attributes: BTreeMap<String, String> =
            common.iter().chain(attributes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let digest = Sha256::digest(format!("{service}/{family}/{attributes:?}"));
        let sku = digest.iter().take(8).map(|byte| format!("{byte:02X}")).collect();
        Self { service: service.to_owned(), sku, family: family.to_owned(), attributes, tiers, recorded: None }
    }

    /// A product from a document as GetProducts returns it.
    pub(super) fn recorded(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let product = &document["product"];
        let attributes = product["attributes"].as_object().into_iter().flatten();
        Self {
            service: text(&document["serviceCode"]),
            sku: text(&product["sku"]),
            family: text(&product["productFamily"]),
            attributes: attributes.map(|(name, value)| (name.clone(), text(value))).collect(),
            tiers: Vec::new(),
            recorded: Some(document.clone()),
        }
    }

    /// The value of a field that a filter names.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "productFamily" => Some(&self.family),
            "ServiceCode" | "serviceCode" => Some(&self.service),
            "sku" => Some(&self.sku),
            _ => self.attributes.get(name).map(String::as_str),
        }
    }

    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str).chain(["productFamily"])
    }

    /// The document that a price list holds as text.
    pub(super) fn document(&self) -> Value {
        if let Some(recorded) = &self.recorded {
            return recorded.clone();
        }
        let term = format!("{}.JRTCKXETXF", self.sku);
        let dimension = |(at, tier): (usize, &Tier)| {
            let rate = if self.tiers.len() == 1 { "6YS6EN2CT7".to_owned() } else { format!("6YS6EN2CT{at}") };
            let code = format!("{term}.{rate}");
            let value = json!({
                "rateCode": code,
                "unit": tier.unit,
                "beginRange": tier.from,
                "endRange": tier.to,
                "description": format!("${} per {}", tier.usd, tier.unit),
                "appliesTo": [],
                "pricePerUnit": {"USD": tier.usd},
            });
            (code, value)
        };
        let dimensions: serde_json::Map<String, Value> = self.tiers.iter().enumerate().map(dimension).collect();
        json!({
            "product": {"sku": self.sku, "productFamily": self.family, "attributes": self.attributes},
            "serviceCode": self.service,
            "terms": {"OnDemand": {&term: {
                "offerTermCode": "JRTCKXETXF",
                "sku": self.sku,
                "effectiveDate": "2026-07-01T00:00:00Z",
                "termAttributes": {},
                "priceDimensions": dimensions,
            }}},
            "version": VERSION,
            "publicationDate": PUBLISHED,
        })
    }
}

/// The prefix of usage types in a region.
pub(super) fn prefix(region: &str) -> &'static str {
    REGION_NAMES.iter().find(|(name, ..)| *name == region).map_or("", |(_, _, prefix)| prefix)
}

/// The first tier of the price of a usage type, given without its prefix.
pub(super) fn rate(region: &str, usage: &str) -> Option<f64> {
    let wanted = format!("{}{usage}", prefix(region));
    let plain = |product: &&Product| {
        product.field("usagetype") == Some(&wanted)
            && product.field("regionCode") == Some(region)
            && product.field("preInstalledSw").is_none_or(|software| software == "NA")
            && product.field("marketoption").is_none_or(|market| market == "OnDemand")
    };
    products().iter().find(plain)?.tiers.first()?.usd.parse().ok()
}

/// All products, by service and then by stock-keeping unit.
pub(super) fn products() -> &'static [Product] {
    static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
        let mut all = instances();
        all.extend(others());
        all.sort_by(|left, right| (&left.service, &left.sku).cmp(&(&right.service, &right.sku)));
        all
    });
    &PRODUCTS
}

fn instances() -> Vec<Product> {
    let facts: BTreeMap<&str, (&str, f64)> = include_str!("../../../data/instance-types.csv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split(',');
            let (name, vcpus, memory) = (columns.next()?, columns.next()?, columns.next()?);
            Some((name, (vcpus, memory.parse::<f64>().ok()? / 1024.0)))
        })
        .collect();
    let mut lines = include_str!("../../../data/on-demand.csv").lines();
    let regions: Vec<&str> = lines.next().unwrap_or_default().split(',').skip(1).collect();
    let mut out = Vec::new();
    for line in lines {
        let (name, prices) = line.split_once(',').unwrap_or_default();
        let (vcpus, memory) = facts.get(name).copied().unwrap_or_default();
        for (region, price) in regions.iter().zip(prices.split(',')) {
            if let Ok(price) = price.parse() {
                instance(&mut out, name, region, price, (vcpus, &format!("{memory} GiB")));
            }
        }
    }
    out
}

/// The products of one instance type in one region.
fn instance(out: &mut Vec<Product>, name: &str, region: &str, price: f64, (vcpus, memory): (&str, &str)) {
    let prefix = prefix(region);
    let family = if name.contains(".metal") { "Compute Instance (bare metal)" } else { "Compute Instance" };
    let used = ("Used", "OnDemand", "NA", "No License required", "BoxUsage", price);
    let mut variants = vec![
        used,
        ("UnusedCapacityReservation", "OnDemand", "NA", "No License required", "UnusedBox", price),
        ("AllocatedCapacityReservation", "OnDemand", "NA", "No License required", "Reservation", 0.0),
        ("Used", "OnDemand", "SQL Std", "No License required", "BoxUsage", price + 0.48),
    ];
    if ["p4", "p5", "p6", "trn"].iter().any(|start| name.starts_with(start)) {
        variants.push(("Used", "CapacityBlock", "NA", "No License required", "BoxUsage", 0.0));
    }
    for (capacity, market, software, license, usage, price) in variants {
        let attributes = [
            ("instanceType", name),
            ("tenancy", "Shared"),
            ("operatingSystem", "Linux"),
            ("preInstalledSw", software),
            ("licenseModel", license),
            ("capacitystatus", capacity),
            ("marketoption", market),
            ("usagetype", &format!("{prefix}{usage}:{name}")),
            ("operation", if software == "NA" { "RunInstances" } else { "RunInstances:0004" }),
            ("vcpu", vcpus),
            ("memory", memory),
        ];
        let tier =
            Tier { from: "0".to_owned(), to: "Inf".to_owned(), unit: "Hrs".to_owned(), usd: format!("{price:.10}") };
        out.push(Product::new("AmazonEC2", family, region, &attributes, vec![tier]));
    }
}

fn others() -> Vec<Product> {
    let mut out: Vec<Product> = Vec::new();
    for line in include_str!("../../../data/products.csv").lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let &[service, family, region, usage, unit, from, to, usd, given] = columns.as_slice() else { continue };
        let mut attributes: Vec<(&str, &str)> = given.split(';').filter_map(|pair| pair.split_once('=')).collect();
        attributes.push(("usagetype", usage));
        let tier = Tier { from: from.to_owned(), to: to.to_owned(), unit: unit.to_owned(), usd: usd.to_owned() };
        let product = Product::new(service, family, region, &attributes, vec![tier]);
        // The tiers of one price are lines that follow each other.
        match out.last_mut().filter(|last| last.sku == product.sku) {
            Some(last) => last.tiers.extend(product.tiers),
            None => out.push(product),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_product_with_its_own_number() {
        let all = products();
        assert!(all.windows(2).all(|pair| (&pair[0].service, &pair[0].sku) < (&pair[1].service, &pair[1].sku)));
        let tiers: usize = others().iter().map(|product| product.tiers.len()).sum();
        assert_eq!(tiers, include_str!("../../../data/products.csv").lines().count() - 1);
        assert!(all.iter().flat_map(|product| &product.tiers).all(|tier| tier.usd.parse::<f64>().is_ok()));
    }
}
