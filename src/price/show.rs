//! What `prices show` prints: the rates of an instance type in a region, or of everything that a service charges.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::book::{Market, PriceBook, Rate};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// An instance type: its rate on each market.
    Instance {
        /// The type.
        instance_type: String,
        /// The region.
        region: String,
        /// On-demand, spot and Capacity Block, where there is a rate.
        rates: Vec<(Market, Option<Arc<Rate>>)>,
    },
    /// A service: each item with its tiers.
    Service {
        /// The service.
        service: String,
        /// The region.
        region: String,
        /// Item, from which quantity on, rate.
        rows: Vec<(String, rust_decimal::Decimal, Arc<Rate>)>,
        /// Items that have a rate in other regions only.
        missing: Vec<String>,
    },
    /// A kind that costs nothing by itself.
    Free {
        /// The kind.
        kind: String,
        /// The region.
        region: String,
    },
}

/// The kinds of a blueprint and the services that price them; empty = one of the kind's own name, or none.
pub type Priced<'a> = &'a [(&'a str, &'a str)];

/// The service of the book that prices a kind, or `name` itself.
#[must_use]
pub fn service_of<'a>(name: &'a str, kinds: Priced<'a>) -> &'a str {
    kinds.iter().find(|(kind, service)| *kind == name && !service.is_empty()).map_or(name, |(_, service)| service)
}

/// Looks up an instance type, a service, or one of `kinds`; `Err` holds the nearest name.
///
/// # Errors
/// Nothing has this name; the error suggests one.
pub fn show(book: &PriceBook, name: &str, region: &str, kinds: Priced<'_>) -> Result<Shown, Option<String>> {
    let service = service_of(name, kinds);
    let known_type = || {
        let markets = [Market::OnDemand, Market::Spot, Market::CapacityBlock];
        markets.iter().any(|market| book.regions(market.service(), name).next().is_some())
    };
    if crate::catalog::instance_type(name).is_ok() || known_type() {
        let markets = [Market::OnDemand, Market::Spot, Market::CapacityBlock];
        let rates = markets.map(|market| (market, book.instance(name, region, market))).to_vec();
        return Ok(Shown::Instance { instance_type: name.to_owned(), region: region.to_owned(), rates });
    }
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for item in book.items(service) {
        let tiers = book.tiers(service, item, region);
        if tiers.is_empty() {
            missing.push(item.to_owned());
        }
        rows.extend(tiers.iter().map(|tier| (item.to_owned(), tier.from, Arc::clone(&tier.rate))));
    }
    if rows.is_empty() && missing.is_empty() {
        if kinds.iter().any(|(kind, _)| *kind == name) {
            return Ok(Shown::Free { kind: name.to_owned(), region: region.to_owned() });
        }
        let types = crate::catalog::instance::instance_types().map(|known| known.name.as_str());
        let names = types.chain(book.services()).chain(kinds.iter().map(|(kind, _)| *kind));
        let near = crate::diagnostic::did_you_mean(name, names).map(str::to_owned);
        return Err(near.or_else(|| crate::catalog::instance_type(name).err()?.suggestion.map(str::to_owned)));
    }
    Ok(Shown::Service { service: service.to_owned(), region: region.to_owned(), rows, missing })
}

impl Shown {
    /// As `--format json` prints it; a missing rate is null, never zero.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Instance { instance_type, region, rates } => {
                let mut document = Map::new();
                document.insert("item".to_owned(), json!(instance_type));
                document.insert("region".to_owned(), json!(region));
                let on_demand = rates.iter().find(|(market, _)| *market == Market::OnDemand);
                let on_demand = on_demand.and_then(|(_, rate)| rate.as_ref());
                for (market, rate) in rates {
                    let amount = rate.as_ref().map(|rate| rate.amount.normalize().to_string());
                    document.insert(market.name().replace('-', "_"), json!(amount));
                }
                document.insert("unit".to_owned(), json!("hour"));
                document.insert("source".to_owned(), json!(on_demand.map(|rate| &rate.source)));
                document.insert("date".to_owned(), json!(on_demand.map(|rate| &rate.date)));
                document.insert("confidence".to_owned(), json!(on_demand.map(|rate| rate.confidence.name())));
                Value::Object(document)
            }
            Self::Service { service, region, rows, missing } => {
                let rows: Vec<Value> = rows
                    .iter()
                    .map(|(item, from, rate)| {
                        json!({
                            "item": item,
                            "from": from.normalize().to_string(),
                            "rate": rate.amount.normalize().to_string(),
                            "unit": rate.unit.name(),
                            "source": rate.source,
                            "date": rate.date,
                            "confidence": rate.confidence.name(),
                            "note": rate.note,
                        })
                    })
                    .collect();
                json!({ "item": service, "region": region, "rates": rows, "unpriced": missing })
            }
            Self::Free { kind, region } => {
                json!({ "item": kind, "region": region, "rates": [], "unpriced": [], "free": true })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_type() {
        let shown = show(PriceBook::embedded(), "p5.48xlarge", "us-east-1", &[]).unwrap().to_json();
        assert_eq!(shown["item"], "p5.48xlarge");
        assert_eq!((&shown["on_demand"], &shown["spot"]), (&json!("55.04"), &json!("17.6")));
        assert_eq!(
            (&shown["unit"], &shown["date"], &shown["confidence"]),
            (&json!("hour"), &json!("2026-07-20"), &json!("high"))
        );
    }

    #[test]
    fn no_price_is_null() {
        let shown = show(PriceBook::embedded(), "p5e.48xlarge", "eu-west-1", &[]).unwrap().to_json();
        assert_eq!((&shown["on_demand"], &shown["source"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn kinds_and_services() {
        let shown = show(PriceBook::embedded(), "bucket", "us-west-2", &[("bucket", "s3")]).unwrap().to_json();
        assert_eq!(shown["item"], "s3");
        assert_eq!(shown["rates"][0]["rate"], "0.023");
        assert!(shown["unpriced"].as_array().unwrap().len() > 10);
        let lustre = show(PriceBook::embedded(), "fsx-lustre", "us-east-1", &[]).unwrap().to_json();
        assert!(lustre["rates"].as_array().unwrap().iter().any(|row| row["item"] == "persistent-2-ssd-500"));
    }

    #[test]
    fn a_wrong_name() {
        assert_eq!(show(PriceBook::embedded(), "p5.48xlarg", "us-east-1", &[]), Err(Some("p5.48xlarge".to_owned())));
        assert!(show(PriceBook::embedded(), "zzzzzzzzzz", "us-east-1", &[]).is_err());
        assert_eq!(
            show(PriceBook::embedded(), "sunbet", "us-east-1", &[("subnet", "")]),
            Err(Some("subnet".to_owned()))
        );
    }

    #[test]
    fn a_free_kind_and_one_that_costs_its_instances() {
        let kinds = [("subnet", ""), ("instance-group", "ec2-on-demand")];
        let shown = show(PriceBook::embedded(), "subnet", "us-east-1", &kinds).unwrap().to_json();
        assert_eq!(shown["free"], true);
        let Ok(Shown::Service { rows, .. }) = show(PriceBook::embedded(), "instance-group", "us-east-1", &kinds) else {
            panic!("instances have prices")
        };
        assert!(rows.iter().any(|(item, ..)| item == "p5.48xlarge"));
    }
}
