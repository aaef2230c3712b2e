//! Advice: the same work for less money, computed from the catalog and the price book; never applied by itself.
//!
//! The catalog knows counts, memory and prices, not how fast a model trains, so every piece of advice says what it
//! compares and leaves the decision to people.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::catalog::instance::{InstanceType, instance_types};
use crate::catalog::instance_type;
use crate::price::line::Dollars;
use crate::price::{Amount, Market, PriceBook, Usage};
use crate::resource::Advised;
use crate::units::Size;

/// What to look over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A group of equal machines.
    Machines {
        /// The resource.
        address: String,
        /// Their type.
        instance_type: String,
        /// How many.
        count: u32,
        /// How they are bought; `None` when something else pays.
        market: Option<Market>,
    },
    /// A Lustre file system that machines read from.
    Cache {
        /// The resource.
        address: String,
        /// Capacity.
        size_gib: u64,
        /// MB/s per TiB.
        throughput_per_tib: Option<u64>,
    },
    /// A NAT gateway.
    Nat {
        /// The resource.
        address: String,
        /// GB a month through it, stated or assumed.
        processed_gb: Decimal,
    },
}

impl Subject {
    /// What to look over in a resource of the blueprint, by its canonical spec; `None` when it is not known yet.
    #[must_use]
    pub fn of(address: &str, advised: Advised, spec: &Value, usage: &Usage) -> Option<Self> {
        let address = address.to_owned();
        let text = |field: &str| spec.get(field).and_then(Value::as_str);
        match advised {
            Advised::Machines => {
                let market = match (text("reservation"), text("market")) {
                    (Some(_), _) | (None, Some("capacity-block")) => None,
                    (None, Some("spot")) => Some(Market::Spot),
                    (None, _) => Some(Market::OnDemand),
                };
                let count = u32::try_from(spec.get("count")?.as_u64()?).ok().filter(|count| *count > 0)?;
                Some(Self::Machines { address, instance_type: text("instance_type")?.to_owned(), count, market })
            }
            Advised::Cache => {
                let size_gib = text("size")?.parse::<Size>().ok()?.gib_rounded_up();
                let throughput = text("throughput").and_then(|throughput| throughput.split(' ').next()?.parse().ok());
                Some(Self::Cache { address, size_gib, throughput_per_tib: throughput })
            }
            Advised::Nat => {
                let stated = usage.stated("processed_gb");
                Some(Self::Nat { address, processed_gb: stated.unwrap_or_else(|| Usage::assumed("processed_gb")) })
            }
        }
    }
}

/// What kind of saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The same type in another region.
    Region,
    /// The same type as spot.
    Spot,
    /// Another type with as many GPUs and as much memory.
    Type,
    /// A file system too slow for its readers.
    Throughput,
    /// Endpoints in place of a NAT gateway.
    Endpoints,
}

impl Topic {
    /// The word used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Spot => "spot",
            Self::Type => "type",
            Self::Throughput => "throughput",
            Self::Endpoints => "endpoints",
        }
    }
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The resource.
    pub address: String,
    /// What it is about.
    pub topic: Topic,
    /// In words, with what was compared.
    pub text: String,
    /// What it saves; zero where the advice is about speed.
    pub saved: Amount,
}

impl Advice {
    /// One line about the largest saving, when it is a large part of what everything costs by the hour: `train.group as
    /// spot would cost $149.76/h less`.
    #[must_use]
    pub fn hint(advice: &[Self], hourly: Decimal) -> Option<String> {
        let large = |saved: Decimal| saved >= Decimal::ONE && saved.saturating_mul(LARGE) >= hourly;
        let found = advice.iter().find(|advice| advice.topic <= Topic::Type && large(advice.saved.hourly()))?;
        let how = match found.topic {
            Topic::Spot => "as spot",
            Topic::Region => "in another region",
            _ => "with another type",
        };
        Some(format!("{} {how} would cost {}/h less", found.address, Dollars(found.saved.hourly())))
    }
}

/// A saving of a third is worth a line.
const LARGE: Decimal = Decimal::from_parts(3, 0, 0, false, 0);

/// MB/s of file-system throughput per GPU below which training usually waits for data: a planning value, not AWS's.
const MBPS_PER_GPU: u64 = 100;

/// All advice for a stack in a region, the largest saving first; at most one per resource and topic.
#[must_use]
pub fn advise(book: &PriceBook, region: &str, subjects: &[Subject]) -> Vec<Advice> {
    let mut advice = Vec::new();
    let gpus = gpus(subjects);
    for subject in subjects {
        match subject {
            Subject::Machines { address, instance_type: name, count, market: Some(Market::OnDemand) } => {
                let machines = Machines { book, region, address, name, count: *count };
                advice.extend(machines.elsewhere());
                advice.extend(machines.spot());
                advice.extend(machines.other_type());
            }
            Subject::Machines { .. } => {}
            Subject::Cache { address, size_gib, throughput_per_tib: Some(throughput) } => {
                advice.extend(slow_cache(address, *size_gib, *throughput, gpus));
            }
            Subject::Cache { .. } => {}
            Subject::Nat { address, processed_gb } => advice.extend(endpoints(book, region, address, *processed_gb)),
        }
    }
    advice.sort_by(|a, b| {
        b.saved.hourly().cmp(&a.saved.hourly()).then_with(|| (&a.address, a.topic).cmp(&(&b.address, b.topic)))
    });
    advice
}

/// All GPUs and other accelerators of the stack's machines.
fn gpus(subjects: &[Subject]) -> Decimal {
    let of = |subject: &Subject| match subject {
        Subject::Machines { instance_type: name, count, .. } => {
            let instance = instance_type(name).ok()?;
            Some(instance.accelerator.as_ref()?.count.saturating_mul(Decimal::from(*count)))
        }
        _ => None,
    };
    subjects.iter().filter_map(of).fold(Decimal::ZERO, Decimal::saturating_add)
}

/// A group of on-demand machines.
struct Machines<'a> {
    book: &'a PriceBook,
    region: &'a str,
    address: &'a str,
    name: &'a str,
    count: u32,
}

impl Machines<'_> {
    fn rate(&self, name: &str, market: Market) -> Option<Decimal> {
        self.book.instance(name, self.region, market).map(|rate| rate.amount)
    }

    fn saving(&self, topic: Topic, each: Decimal, text: String) -> Option<Advice> {
        let hour = each.saturating_mul(Decimal::from(self.count));
        let saved = Amount { hour, average_hour: hour, ..Amount::ZERO };
        (each > Decimal::ZERO).then(|| Advice { address: self.address.to_owned(), topic, text, saved })
    }

    fn elsewhere(&self) -> Option<Advice> {
        let here = self.rate(self.name, Market::OnDemand)?;
        let regions = self.book.regions(Market::OnDemand.service(), self.name);
        let (region, rate) = regions.min_by(|a, b| a.1.amount.cmp(&b.1.amount).then_with(|| a.0.cmp(b.0)))?;
        let text = format!(
            "{} costs {}/h in {region}, {}/h here; data and other resources would have to move too",
            self.name,
            Dollars(rate.amount),
            Dollars(here)
        );
        self.saving(Topic::Region, here.saturating_sub(rate.amount), text)
    }

    fn spot(&self) -> Option<Advice> {
        let here = self.rate(self.name, Market::OnDemand)?;
        let spot = self.rate(self.name, Market::Spot)?;
        let instance = instance_type(self.name).ok()?;
        let interrupted = match instance.interruption? {
            0 => "under 5 %",
            1 => "5 to 10 %",
            2 => "10 to 15 %",
            3 => "15 to 20 %",
            _ => "over 20 %",
        };
        let text = format!(
            "spot {} was seen at {}/h, {}/h on demand; {interrupted} of such instances were interrupted in a month, so \
             checkpoints are needed",
            self.name,
            Dollars(spot),
            Dollars(here)
        );
        self.saving(Topic::Spot, here.saturating_sub(spot), text)
    }

    /// The cheapest type with as many GPUs of the same vendor, as much memory on each, the same architecture, and EFA
    /// where this one has it.
    fn other_type(&self) -> Option<Advice> {
        let own = instance_type(self.name).ok()?;
        let own_gpu = own.accelerator.as_ref()?;
        let here = self.rate(self.name, Market::OnDemand)?;
        let fits = |other: &&InstanceType| {
            other.name != own.name
                && other.arch == own.arch
                && other.confidence > crate::catalog::Confidence::Low
                && (other.supports_efa() || !own.supports_efa())
                && other.accelerator.as_ref().is_some_and(|gpu| {
                    gpu.vendor == own_gpu.vendor && gpu.count >= own_gpu.count && gpu.memory_gib >= own_gpu.memory_gib
                })
        };
        let priced =
            instance_types().filter(fits).filter_map(|other| Some((self.rate(&other.name, Market::OnDemand)?, other)));
        let (rate, other) = priced.min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)))?;
        let gpu = other.accelerator.as_ref()?;
        let per_gpu = |rate: Decimal, count: Decimal| rate.checked_div(count).unwrap_or_default();
        let text = format!(
            "{} has {} x {} ({} GiB each) at {} per GPU-hour and {} per GiB of GPU memory and hour; {} costs {} and {}; \
             counts and memory are compared, not speed",
            other.name,
            gpu.count.normalize(),
            gpu.name,
            gpu.memory_gib.normalize(),
            Dollars(per_gpu(rate, gpu.count)),
            small(per_gpu(rate, gpu.count.saturating_mul(gpu.memory_gib))),
            own.name,
            Dollars(per_gpu(here, own_gpu.count)),
            small(per_gpu(here, own_gpu.count.saturating_mul(own_gpu.memory_gib))),
        );
        self.saving(Topic::Type, here.saturating_sub(rate), text)
    }
}

/// A price that may be far below a cent.
fn small(price: Decimal) -> String {
    format!("${}", crate::price::line::rounded(price, 4))
}

fn slow_cache(address: &str, size_gib: u64, throughput_per_tib: u64, gpus: Decimal) -> Option<Advice> {
    let megabytes = Decimal::from(size_gib).saturating_mul(Decimal::from(throughput_per_tib)) / Decimal::from(1024);
    let wanted = gpus.saturating_mul(Decimal::from(MBPS_PER_GPU));
    if gpus.is_zero() || megabytes >= wanted {
        return None;
    }
    let text = format!(
        "the file system gives {} MB/s to {} accelerators, {} MB/s each; under {MBPS_PER_GPU} MB/s each they may wait for \
         data: more throughput or a larger size may cost less than idle machines",
        megabytes.floor().normalize(),
        gpus.normalize(),
        megabytes.checked_div(gpus)?.floor().normalize(),
    );
    Some(Advice { address: address.to_owned(), topic: Topic::Throughput, text, saved: Amount::ZERO })
}

/// What a NAT gateway costs beside interface endpoints for the systems manager and a free gateway endpoint for S3.
fn endpoints(book: &PriceBook, region: &str, address: &str, processed_gb: Decimal) -> Option<Advice> {
    /// Endpoints without which a machine in a private subnet cannot be reached by Session Manager.
    const ENDPOINTS: u32 = 3;
    let rate = |item| book.item("vpc", item, region).map(|rate| rate.amount);
    let nat_month = processed_gb.saturating_mul(rate("nat-data")?);
    let hour = rate("nat-hour")?.saturating_sub(Decimal::from(ENDPOINTS).saturating_mul(rate("endpoint-hour")?));
    let saved = Amount { hour, average_hour: hour, month: nat_month, ..Amount::ZERO };
    if saved.monthly() <= Decimal::ZERO {
        return None;
    }
    let text = format!(
        "a gateway endpoint for S3 is free and takes its traffic off the NAT gateway; if nothing needs the internet, \
         {ENDPOINTS} interface endpoints for Session Manager in one zone and the S3 endpoint cost {} a month less",
        Dollars(saved.monthly())
    );
    Some(Advice { address: address.to_owned(), topic: Topic::Endpoints, text, saved })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machines(name: &str, count: u32) -> Subject {
        Subject::Machines {
            address: "train.group".to_owned(),
            instance_type: name.to_owned(),
            count,
            market: Some(Market::OnDemand),
        }
    }

    fn topics(region: &str, subjects: &[Subject]) -> Vec<(Topic, String)> {
        let advice = advise(PriceBook::embedded(), region, subjects);
        advice
            .into_iter()
            .map(|advice| (advice.topic, advice.saved.hourly().round_dp(2).normalize().to_string()))
            .collect()
    }

    #[test]
    fn an_expensive_region_spot_and_other_types() {
        let found = topics("ap-northeast-1", &[machines("g5.xlarge", 10)]);
        // 1.459 in Tokyo, 1.006 in Virginia: ten save 4.53 an hour
        assert!(found.contains(&(Topic::Region, "4.53".to_owned())), "{found:?}");
        let found = topics("us-east-1", &[machines("g5.48xlarge", 2)]);
        // Spot 4.7235 for 16.288; g6.48xlarge 13.3504 has as many GPUs and as much memory
        assert_eq!(found[0], (Topic::Spot, "23.13".to_owned()));
        assert_eq!(found[1], (Topic::Type, "5.88".to_owned()));
        assert!(!found.iter().any(|(topic, _)| *topic == Topic::Region));
    }

    #[test]
    fn what_is_paid_elsewhere_needs_no_advice() {
        let subject = Subject::Machines {
            address: "a".to_owned(),
            instance_type: "p5.48xlarge".to_owned(),
            count: 4,
            market: None,
        };
        assert!(topics("us-east-1", &[subject]).is_empty());
        assert!(topics("us-east-1", &[machines("p6e-gb200.36xlarge", 1)]).is_empty());
    }

    #[test]
    fn subjects_of_specs() {
        let usage = Usage::default();
        let of = |advised, spec: Value| Subject::of("a", advised, &spec, &usage);
        let group = json!({ "instance_type": "p5.48xlarge", "count": 4, "market": "on-demand" });
        let Some(Subject::Machines { count: 4, market: Some(Market::OnDemand), .. }) = of(Advised::Machines, group)
        else {
            panic!("not a group on demand");
        };
        let reserved = json!({ "instance_type": "p5.48xlarge", "count": 4, "reservation": "cr-0ab" });
        assert!(matches!(of(Advised::Machines, reserved), Some(Subject::Machines { market: None, .. })));
        assert_eq!(of(Advised::Machines, json!({ "instance_type": "p5.48xlarge", "count": { "$expr": 1 } })), None);
        let cache = json!({ "size": "9600 GiB", "throughput": "500 MB/s/TiB" });
        let expected = Subject::Cache { address: "a".to_owned(), size_gib: 9600, throughput_per_tib: Some(500) };
        assert_eq!(of(Advised::Cache, cache), Some(expected));
        assert!(of(Advised::Nat, json!({})).is_some());
    }

    #[test]
    fn a_slow_cache() {
        let cache = |size_gib, throughput| Subject::Cache {
            address: "cache".to_owned(),
            size_gib,
            throughput_per_tib: Some(throughput),
        };
        // 4,800 GiB × 500 MB/s/TiB = 2,343 MB/s for 32 GPUs
        let advice = advise(PriceBook::embedded(), "us-east-1", &[machines("p5.48xlarge", 4), cache(4800, 500)]);
        let slow = advice.iter().find(|advice| advice.topic == Topic::Throughput).unwrap();
        assert!(slow.text.contains("2343 MB/s to 32 accelerators, 73 MB/s each"), "{}", slow.text);
        let advice = advise(PriceBook::embedded(), "us-east-1", &[machines("p5.48xlarge", 4), cache(9600, 500)]);
        assert!(!advice.iter().any(|advice| advice.topic == Topic::Throughput));
    }

    #[test]
    fn endpoints_for_a_nat_gateway() {
        let nat = Subject::Nat { address: "nat".to_owned(), processed_gb: Decimal::from(1000) };
        let advice = advise(PriceBook::embedded(), "us-east-1", std::slice::from_ref(&nat));
        // (0.045 − 0.03) × 730 + 45
        assert_eq!(advice[0].saved.monthly(), Decimal::new(5595, 2));
        assert!(advise(PriceBook::embedded(), "sa-east-1", &[nat]).is_empty());
    }
}
