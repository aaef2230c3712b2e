//! The AWS Price List: what to ask for each price, and how to read an answer.
//!
//! An answer is a list of strings, each a JSON document of its own. A query that matches no product or several is an
//! error, because a wrong price is worse than none. Rows of zero dollars (free tiers) are dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::book::{Confidence, Market, Rate, Tier, Unit};

/// What to ask the Price List for one item of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Service of the book.
    pub service: &'static str,
    /// Item of the book.
    pub item: String,
    /// The region.
    pub region: String,
    /// AWS's service code.
    pub service_code: &'static str,
    /// Exact matches, field and value; the region is one of them.
    pub filters: Vec<(&'static str, String)>,
    /// How the usage type must end, after an optional region prefix; empty for any.
    pub usage_type: String,
    /// The unit in the book.
    pub unit: Unit,
    /// What a price of the list is multiplied by to be per unit of the book.
    pub scale: Decimal,
}

/// Why a price could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// No product.
    #[error("the Price List has no {service} {item} in {region}")]
    None {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
        /// The region.
        region: String,
    },
    /// More than one product.
    #[error("the Price List has several {service} {item} in {region}: {usage_types}")]
    Several {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
        /// The region.
        region: String,
        /// What it has.
        usage_types: String,
    },
    /// Not in dollars, not a number, not the documented shape.
    #[error("the Price List's answer for {service} {item} cannot be read: {why}")]
    Unreadable {
        /// Service of the book.
        service: String,
        /// Item of the book.
        item: String,
        /// What is wrong.
        why: String,
    },
}

#[derive(Deserialize)]
struct Document {
    product: Product,
    #[serde(default)]
    terms: Terms,
    #[serde(default, rename = "publicationDate")]
    publication_date: String,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Terms {
    #[serde(default, rename = "OnDemand")]
    on_demand: BTreeMap<String, Offer>,
}

#[derive(Deserialize)]
struct Offer {
    #[serde(default, rename = "priceDimensions")]
    dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
struct Dimension {
    #[serde(default, rename = "beginRange")]
    begin: String,
    #[serde(default, rename = "pricePerUnit")]
    price: BTreeMap<String, String>,
}

impl Query {
    /// One hour of an instance type on demand: Linux, shared tenancy, nothing installed.
    #[must_use]
    pub fn instance(instance_type: &str, region: &str) -> Self {
        let family =
            if instance_type.contains(".metal") { "Compute Instance (bare metal)" } else { "Compute Instance" };
        let filters = [
            ("productFamily", family),
            ("instanceType", instance_type),
            ("tenancy", "Shared"),
            ("operatingSystem", "Linux"),
            ("preInstalledSw", "NA"),
            // Without it unused reservations come back too, and without the market free Capacity Block rows.
            ("capacitystatus", "Used"),
            ("licenseModel", "No License required"),
            ("marketoption", "OnDemand"),
            // Local Zones have the same types at other prices.
            ("locationType", "AWS Region"),
        ];
        Self::new(Market::OnDemand.service(), instance_type, region, "AmazonEC2", &filters, "", Unit::Hour)
    }

    fn new(
        service: &'static str,
        item: &str,
        region: &str,
        service_code: &'static str,
        filters: &[(&'static str, &str)],
        usage_type: &str,
        unit: Unit,
    ) -> Self {
        let mut filters: Vec<(&'static str, String)> =
            filters.iter().map(|&(field, value)| (field, value.to_owned())).collect();
        filters.push(("regionCode", region.to_owned()));
        Self {
            service,
            item: item.to_owned(),
            region: region.to_owned(),
            service_code,
            filters,
            usage_type: usage_type.to_owned(),
            unit,
            scale: Decimal::ONE,
        }
    }

    fn scaled(mut self, scale: Decimal) -> Self {
        self.scale = scale;
        self
    }

    /// Every price that the book holds beside instances and that the Price List answers by exact filters.
    #[must_use]
    pub fn services(region: &str) -> Vec<Self> {
        let new = |service, item: &str, code, filters: &[(&'static str, &str)], usage_type: &str, unit| {
            Self::new(service, item, region, code, filters, usage_type, unit)
        };
        let mut queries = Vec::new();
        for volume in ["gp2", "gp3", "io2", "st1"] {
            let filters = [("productFamily", "Storage"), ("volumeApiName", volume)];
            queries.push(new("ebs", &format!("{volume}-storage"), "AmazonEC2", &filters, "", Unit::GbMonth));
        }
        let iops = [("productFamily", "System Operation"), ("volumeApiName", "gp3")];
        queries.push(new("ebs", "gp3-iops", "AmazonEC2", &iops, "VolumeP-IOPS.gp3", Unit::IopsMonth));
        // The list counts GiB/s, the book MiB/s.
        let throughput = [("productFamily", "Provisioned Throughput"), ("volumeApiName", "gp3")];
        let gibps = Decimal::ONE / Decimal::from(1024);
        let query = new("ebs", "gp3-throughput", "AmazonEC2", &throughput, "VolumeP-Throughput.gp3", Unit::MibpsMonth);
        queries.push(query.scaled(gibps));
        let snapshot = [("productFamily", "Storage Snapshot")];
        queries.push(new("ebs", "snapshot", "AmazonEC2", &snapshot, "EBS:SnapshotUsage", Unit::GbMonth));
        let nat = [("productFamily", "NAT Gateway")];
        queries.push(new("vpc", "nat-hour", "AmazonEC2", &nat, "NatGateway-Hours", Unit::Hour));
        queries.push(new("vpc", "nat-data", "AmazonEC2", &nat, "NatGateway-Bytes", Unit::Gb));
        let endpoint = [("productFamily", "VpcEndpoint")];
        queries.push(new("vpc", "endpoint-hour", "AmazonVPC", &endpoint, "VpcEndpoint-Hours", Unit::Hour));
        queries.push(new("vpc", "endpoint-data", "AmazonVPC", &endpoint, "VpcEndpoint-Bytes", Unit::Gb));
        queries.push(new("vpc", "public-ipv4-hour", "AmazonVPC", &[], "PublicIPv4:InUseAddress", Unit::Hour));
        for (item, family) in [("alb", "Load Balancer-Application"), ("nlb", "Load Balancer-Network")] {
            let filters = [("productFamily", family)];
            let hours = new("elb", &format!("{item}-hour"), "AWSELB", &filters, "LoadBalancerUsage", Unit::Hour);
            let units = new("elb", &format!("{item}-lcu"), "AWSELB", &filters, "LCUUsage", Unit::LcuHour);
            queries.extend([hours, units]);
        }
        let eks = [("productFamily", "Compute")];
        queries.push(new("eks", "control-plane", "AmazonEKS", &eks, "AmazonEKS-Hours:perCluster", Unit::Hour));
        for (item, storage, throughput) in [
            ("scratch-2-ssd", "SSD", "N/A"),
            ("persistent-1-ssd-50", "SSD", "50"),
            ("persistent-1-ssd-100", "SSD", "100"),
            ("persistent-1-ssd-200", "SSD", "200"),
            ("persistent-1-hdd-12", "HDD", "12"),
            ("persistent-1-hdd-40", "HDD", "40"),
            ("persistent-2-ssd-125", "SSD", "125"),
            ("persistent-2-ssd-250", "SSD", "250"),
            ("persistent-2-ssd-500", "SSD", "500"),
            ("persistent-2-ssd-1000", "SSD", "1000"),
        ] {
            let filters = [
                ("productFamily", "Storage"),
                ("fileSystemType", "Lustre"),
                ("storageType", storage),
                ("throughputCapacity", throughput),
            ];
            queries.push(new("fsx-lustre", item, "AmazonFSx", &filters, "", Unit::GbMonth));
        }
        let standard = [("productFamily", "Storage"), ("volumeType", "Standard")];
        queries.push(new("s3", "standard-storage", "AmazonS3", &standard, "TimedStorage-ByteHrs", Unit::GbMonth));
        for (item, group) in [("standard-put", "S3-API-Tier1"), ("standard-get", "S3-API-Tier2")] {
            let filters = [("productFamily", "API Request"), ("group", group)];
            let query = new("s3", item, "AmazonS3", &filters, "", Unit::Requests1000);
            queries.push(query.scaled(Decimal::ONE_THOUSAND));
        }
        let alarm = [("productFamily", "Alarm"), ("alarmType", "Standard")];
        queries.push(new("cloudwatch", "alarm", "AmazonCloudWatch", &alarm, "AlarmMonitorUsage", Unit::Month));
        let logs = [("productFamily", "Data Payload")];
        queries.push(new("cloudwatch", "logs-ingestion", "AmazonCloudWatch", &logs, "DataProcessing-Bytes", Unit::Gb));
        let kept = [("productFamily", "Storage Snapshot")];
        queries.push(new(
            "cloudwatch",
            "logs-storage",
            "AmazonCloudWatch",
            &kept,
            "TimedStorage-ByteHrs",
            Unit::GbMonth,
        ));
        let key = [("productFamily", "Encryption Key")];
        queries.push(new("kms", "key", "awskms", &key, "KMS-Keys", Unit::Month));
        let images = [("productFamily", "EC2 Container Registry")];
        queries.push(new("ecr", "storage", "AmazonECR", &images, "TimedStorage-ByteHrs", Unit::GbMonth));
        queries
    }

    /// Reads the strings of all pages of an answer.
    ///
    /// # Errors
    /// No product or several, another currency, or another shape than AWS documents.
    pub fn read<'a>(&self, documents: impl IntoIterator<Item = &'a str>) -> Result<Vec<Tier>, ListError> {
        let mut found: Vec<(String, Vec<Tier>)> = Vec::new();
        for text in documents {
            let document: Document = serde_json::from_str(text).map_err(|error| self.unreadable(error.to_string()))?;
            let usage_type = document.product.attributes.get("usagetype").cloned().unwrap_or_default();
            if !self.matches(&usage_type) {
                continue;
            }
            let tiers = self.tiers(&document)?;
            if tiers.iter().any(|tier| !tier.rate.amount.is_zero()) {
                found.push((usage_type, tiers));
            }
        }
        match found.len() {
            0 => Err(ListError::None {
                service: self.service.to_owned(),
                item: self.item.clone(),
                region: self.region.clone(),
            }),
            1 => Ok(found.swap_remove(0).1),
            _ => Err(ListError::Several {
                service: self.service.to_owned(),
                item: self.item.clone(),
                region: self.region.clone(),
                usage_types: found.into_iter().map(|(usage_type, _)| usage_type).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Regions prefix usage types (`EUC1-NatGateway-Hours`), us-east-1 often does not; volumes have `EBS:` too, alarms `CW:`.
    fn matches(&self, usage_type: &str) -> bool {
        let Some(prefix) = usage_type.strip_suffix(self.usage_type.as_str()) else { return false };
        let prefix = prefix.strip_suffix("EBS:").or_else(|| prefix.strip_suffix("CW:")).unwrap_or(prefix);
        self.usage_type.is_empty()
            || prefix.is_empty()
            || prefix.strip_suffix('-').is_some_and(|region| {
                region.len() <= 5 && region.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            })
    }

    fn tiers(&self, document: &Document) -> Result<Vec<Tier>, ListError> {
        let dimensions = document.terms.on_demand.values().flat_map(|offer| offer.dimensions.values());
        let mut tiers = Vec::new();
        for dimension in dimensions {
            let usd = dimension.price.get("USD").ok_or_else(|| self.unreadable("no price in US dollars".to_owned()))?;
            let decimal = |text: &str| {
                let number = Decimal::from_str_exact(text);
                number.map_err(|_| self.unreadable(format!("`{text}` is not a number")))
            };
            let from = if dimension.begin.is_empty() { Decimal::ZERO } else { decimal(&dimension.begin)? };
            let rate = Rate {
                amount: decimal(usd)?.saturating_mul(self.scale).normalize(),
                unit: self.unit,
                region: self.region.clone(),
                source: "AWS Price List".to_owned(),
                date: document.publication_date.chars().take(10).collect(),
                confidence: Confidence::High,
                note: String::new(),
            };
            tiers.push(Tier { from, rate: Arc::new(rate) });
        }
        tiers.sort_by_key(|tier| tier.from);
        if tiers.first().is_none_or(|tier| !tier.from.is_zero()) {
            return Err(self.unreadable("the price does not begin at zero".to_owned()));
        }
        Ok(tiers)
    }

    fn unreadable(&self, why: String) -> ListError {
        ListError::Unreadable { service: self.service.to_owned(), item: self.item.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(usage_type: &str, prices: &[(&str, &str)]) -> String {
        let dimensions: BTreeMap<String, Value> = prices
            .iter()
            .enumerate()
            .map(|(index, (begin, usd))| {
                (
                    format!("SKU.TERM.{index}"),
                    json!({ "unit": "x", "beginRange": begin, "endRange": "Inf", "pricePerUnit": { "USD": usd } }),
                )
            })
            .collect();
        json!({
            "product": { "sku": "SKU", "attributes": { "usagetype": usage_type, "regionCode": "us-east-1" } },
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": { "SKU.TERM": { "sku": "SKU", "priceDimensions": dimensions } },
                "Reserved": { "SKU.R": { "priceDimensions": {} } }
            },
            "version": "20260720000000",
            "publicationDate": "2026-07-20T00:00:00Z"
        })
        .to_string()
    }

    fn query(item: &str) -> Query {
        Query::services("us-east-1").into_iter().find(|query| query.item == item).unwrap()
    }

    #[test]
    fn one_instance() {
        let query = Query::instance("g5.xlarge", "us-east-1");
        let tiers = query.read([document("BoxUsage:g5.xlarge", &[("0", "1.0060000000")]).as_str()]).unwrap();
        assert_eq!(tiers[0].rate.amount.to_string(), "1.006");
        assert_eq!((tiers[0].rate.date.as_str(), tiers[0].rate.unit), ("2026-07-20", Unit::Hour));
        assert!(query.filters.contains(&("capacitystatus", "Used".to_owned())));
        assert!(query.filters.contains(&("regionCode", "us-east-1".to_owned())));
        assert_eq!(Query::instance("g4dn.metal", "us-east-1").filters[0].1, "Compute Instance (bare metal)");
    }

    #[test]
    fn none_and_several_are_errors() {
        let query = Query::instance("g5.xlarge", "us-east-1");
        assert!(matches!(query.read([]), Err(ListError::None { .. })));
        let free = document("BoxUsage:g5.xlarge", &[("0", "0.0000000000")]);
        assert!(matches!(query.read([free.as_str()]), Err(ListError::None { .. })));
        let one = document("BoxUsage:g5.xlarge", &[("0", "1")]);
        let error = query.read([one.as_str(), free.as_str(), one.as_str()]).unwrap_err();
        let text =
            "the Price List has several ec2-on-demand g5.xlarge in us-east-1: BoxUsage:g5.xlarge, BoxUsage:g5.xlarge";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn usage_types_are_matched_after_the_region() {
        let query = query("nat-hour");
        let other = document("NatGateway-Bytes", &[("0", "0.045")]);
        let frankfurt = document("EUC1-NatGateway-Hours", &[("0", "0.052")]);
        let lookalike = document("Regional-NatGateway-Hours", &[("0", "9")]);
        let tiers = query.read([other.as_str(), frankfurt.as_str(), lookalike.as_str()]).unwrap();
        assert_eq!(tiers[0].rate.amount.to_string(), "0.052");
    }

    #[test]
    fn tiers_and_units() {
        let storage = document("TimedStorage-ByteHrs", &[("51200", "0.022"), ("0", "0.023"), ("512000", "0.021")]);
        let tiers = query("standard-storage").read([storage.as_str()]).unwrap();
        let rates: Vec<String> = tiers.iter().map(|tier| format!("{}:{}", tier.from, tier.rate.amount)).collect();
        assert_eq!(rates, ["0:0.023", "51200:0.022", "512000:0.021"]);
        let throughput = document("EBS:VolumeP-Throughput.gp3", &[("0", "40.96")]);
        assert!(query("gp3-throughput").read([throughput.as_str()]).is_ok());
        let throughput = document("USW2-VolumeP-Throughput.gp3", &[("0", "40.96")]);
        assert_eq!(query("gp3-throughput").read([throughput.as_str()]).unwrap()[0].rate.amount.to_string(), "0.04");
        let put = document("Requests-Tier1", &[("0", "0.000005")]);
        assert_eq!(query("standard-put").read([put.as_str()]).unwrap()[0].rate.amount.to_string(), "0.005");
    }

    #[test]
    fn another_shape_is_an_error() {
        let query = Query::instance("g5.xlarge", "us-east-1");
        let china = document("BoxUsage:g5.xlarge", &[("0", "1")]).replace("USD", "CNY");
        assert_eq!(
            query.read([china.as_str()]).unwrap_err().to_string(),
            "the Price List's answer for ec2-on-demand g5.xlarge cannot be read: no price in US dollars"
        );
        assert!(query.read(["{"]).is_err());
        assert!(query.read([document("BoxUsage:g5.xlarge", &[("0", "one")]).as_str()]).is_err());
        assert!(query.read([document("BoxUsage:g5.xlarge", &[("7", "1")]).as_str()]).is_err());
    }

    #[test]
    fn every_query_has_a_row_in_the_book_or_is_new() {
        let book = super::super::book::PriceBook::embedded();
        for query in Query::services("us-east-1") {
            assert!(book.item(query.service, &query.item, "us-east-1").is_some(), "{} {}", query.service, query.item);
        }
    }
}
