//! Instance types: processors, accelerators, network cards, disks, and which quota and driver they need.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::facts::{Confidence, Source, records, source};

const INSTANCES: &str = include_str!("../../data/instances.csv");

/// The processor architecture, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// `x86_64`
    X86,
    /// `arm64`
    Arm,
}

impl Arch {
    /// AWS's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }

    /// The architecture that AWS calls `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::X86, Self::Arm].into_iter().find(|arch| arch.name() == name)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The accelerators of an instance type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accelerator {
    /// `NVIDIA`, `AWS`, `AMD`, `Habana`, `Qualcomm`.
    pub vendor: String,
    /// The product, such as `H100`.
    pub name: String,
    /// How many; less than one for a partition of a GPU.
    pub count: Decimal,
    /// Memory of each in GiB.
    pub memory_gib: Decimal,
}

/// The driver family that the accelerators need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    /// NVIDIA's driver and CUDA.
    Nvidia,
    /// AWS Neuron, for Trainium and Inferentia.
    Neuron,
    /// A driver that no named image carries.
    Other,
    /// No accelerator.
    None,
}

impl Driver {
    /// The word used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Neuron => "neuron",
            Self::Other => "other",
            Self::None => "none",
        }
    }
}

/// How an instance type can be bought, in AWS's words (`on-demand`, `spot`, `capacity-block`); empty when unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageClasses {
    /// By the hour.
    pub on_demand: bool,
    /// As spare capacity.
    pub spot: bool,
    /// In a Capacity Block.
    pub capacity_block: bool,
}

impl UsageClasses {
    /// Whether anything is known.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.on_demand || self.spot || self.capacity_block
    }
}

/// What the catalog knows about one instance type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// The name, such as `p5.48xlarge`.
    pub name: String,
    /// vCPUs, which EC2 quotas count.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: Decimal,
    /// Processor architecture.
    pub arch: Arch,
    /// Accelerators, if any.
    pub accelerator: Option<Accelerator>,
    /// Network bandwidth of all cards together in Gbit/s (the burst rate on small sizes).
    pub network_gbps: Decimal,
    /// The most EFA interfaces; 0 means no EFA. Never derived from the number of cards.
    pub efa_interfaces: u32,
    /// Network cards.
    pub network_cards: u32,
    /// Network interfaces of all cards together; `None` when unknown.
    pub enis: Option<u32>,
    /// Local NVMe in GB.
    pub nvme_gb: u32,
    /// How it can be bought.
    pub usage: UsageClasses,
    /// How often spot instances were interrupted: 0 (under 5 %) to 4 (over 20 %).
    pub interruption: Option<u8>,
    /// Where the row comes from.
    pub source: &'static Source,
    /// How far to trust it.
    pub confidence: Confidence,
    /// What else to know; may be empty.
    pub note: String,
}

impl InstanceType {
    /// The part of the name before the dot.
    #[must_use]
    pub fn family(&self) -> &str {
        self.name.split_once('.').map_or(self.name.as_str(), |(family, _)| family)
    }

    /// Whether it can have an EFA interface.
    #[must_use]
    pub fn supports_efa(&self) -> bool {
        self.efa_interfaces > 0
    }

    /// Whether its accelerators are GPUs.
    #[must_use]
    pub fn is_gpu(&self) -> bool {
        self.accelerator.as_ref().is_some_and(|accelerator| matches!(accelerator.vendor.as_str(), "NVIDIA" | "AMD"))
    }

    /// Whether it is a whole machine without hypervisor; those start and stop slowly.
    #[must_use]
    pub fn is_metal(&self) -> bool {
        self.name.contains(".metal")
    }

    /// The driver that its accelerators need.
    #[must_use]
    pub fn driver(&self) -> Driver {
        match self.accelerator.as_ref().map(|accelerator| accelerator.vendor.as_str()) {
            None => Driver::None,
            Some("NVIDIA") => Driver::Nvidia,
            Some("AWS") => Driver::Neuron,
            Some(_) => Driver::Other,
        }
    }

    /// The interfaces that fit on one network card; `None` when unknown.
    #[must_use]
    pub fn enis_per_card(&self) -> Option<u32> {
        self.enis?.checked_div(self.network_cards)
    }

    /// GPUs, 0 when its accelerators are none; less than one for a partition of a GPU.
    #[must_use]
    pub fn gpus(&self) -> Decimal {
        self.accelerator.as_ref().filter(|_| self.is_gpu()).map_or(Decimal::ZERO, |accelerator| accelerator.count)
    }
}

/// A name that is no instance type of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("instance type `{name}` is not in the catalog{}", suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
pub struct UnknownType {
    /// As written.
    pub name: String,
    /// The nearest name.
    pub suggestion: Option<&'static str>,
}

fn table() -> &'static BTreeMap<String, InstanceType> {
    // A row that cannot be read is left out here and makes the tests fail.
    static TABLE: LazyLock<BTreeMap<String, InstanceType>> = LazyLock::new(|| {
        records(INSTANCES).filter_map(row).map(|instance| (instance.name.clone(), instance)).collect()
    });
    &TABLE
}

fn row(fields: Vec<String>) -> Option<InstanceType> {
    let [
        name,
        vcpus,
        memory_gib,
        arch,
        vendor,
        accelerator,
        count,
        accelerator_gib,
        network_gbps,
        efa_interfaces,
        network_cards,
        enis,
        nvme_gb,
        usage,
        interruption,
        source_id,
        confidence,
        note,
    ] = <[String; 18]>::try_from(fields).ok()?;
    let decimal = |text: &str| Decimal::from_str_exact(text).ok();
    let accelerator = match vendor.as_str() {
        "" => None,
        _ => Some(Accelerator {
            vendor,
            name: accelerator,
            count: decimal(&count)?,
            memory_gib: decimal(&accelerator_gib)?,
        }),
    };
    let mut classes = UsageClasses::default();
    for class in usage.split_whitespace() {
        match class {
            "on-demand" => classes.on_demand = true,
            "spot" => classes.spot = true,
            "capacity-block" => classes.capacity_block = true,
            _ => return None,
        }
    }
    Some(InstanceType {
        name,
        vcpus: vcpus.parse().ok()?,
        memory_gib: decimal(&memory_gib)?,
        arch: Arch::from_name(&arch)?,
        accelerator,
        network_gbps: decimal(&network_gbps)?,
        efa_interfaces: efa_interfaces.parse().ok()?,
        network_cards: network_cards.parse().ok()?,
        enis: if enis.is_empty() { None } else { Some(enis.parse().ok()?) },
        nvme_gb: nvme_gb.parse().ok()?,
        usage: classes,
        interruption: if interruption.is_empty() { None } else { Some(interruption.parse().ok()?) },
        source: source(&source_id)?,
        confidence: Confidence::from_name(&confidence)?,
        note,
    })
}

/// The facts of an instance type.
///
/// # Errors
/// The name is not in the catalog; the error suggests the nearest one.
pub fn instance_type(name: &str) -> Result<&'static InstanceType, UnknownType> {
    table().get(name).ok_or_else(|| UnknownType { name: name.to_owned(), suggestion: nearest(name) })
}

/// Every instance type in order of its name.
pub fn instance_types() -> impl Iterator<Item = &'static InstanceType> {
    table().values()
}

/// The value of the expression `instance(type)`: plain facts of a type; `None` for an unknown type.
#[must_use]
pub fn instance_facts(name: &str) -> Option<Value> {
    let instance = table().get(name)?;
    let accelerator = instance.accelerator.as_ref();
    let gpu = accelerator.filter(|_| instance.is_gpu());
    Some(json!({
        "type": instance.name,
        "vcpus": instance.vcpus,
        "memory": size_text(instance.memory_gib),
        "arch": instance.arch.name(),
        "gpus": number(instance.gpus()),
        "gpu_name": gpu.map_or("", |gpu| gpu.name.as_str()),
        "gpu_memory_gib": number(gpu.map_or(Decimal::ZERO, |gpu| gpu.memory_gib)),
        "accelerators": number(accelerator.map_or(Decimal::ZERO, |accelerator| accelerator.count)),
        "accelerator_name": accelerator.map_or("", |accelerator| accelerator.name.as_str()),
        "accelerator_vendor": accelerator.map_or("", |accelerator| accelerator.vendor.as_str()),
        "efa_interfaces": instance.efa_interfaces,
        "network_gbps": number(instance.network_gbps),
        "network_cards": instance.network_cards,
        "nvme_gb": instance.nvme_gb,
    }))
}

/// A size in the canonical form of the language: whole GiB, else whole MiB.
fn size_text(gib: Decimal) -> String {
    if gib.is_integer() {
        return format!("{} GiB", gib.normalize());
    }
    format!("{} MiB", gib.saturating_mul(Decimal::from(1024)).trunc().normalize())
}

/// A JSON number with exactly the digits of the decimal.
fn number(value: Decimal) -> Value {
    serde_json::from_str(&value.normalize().to_string()).unwrap_or(Value::Null)
}

/// The known name nearest to `name`: the same size in a near family before another size of the same family.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase();
    if let Some((name, _)) = table().get_key_value(&name) {
        return Some(name);
    }
    let scored = table().keys().map(|known| (strsim::damerau_levenshtein(known, &name), known.as_str()));
    let limit = (name.len() / 3).clamp(2, 4);
    if let Some((_, known)) = scored.filter(|(distance, _)| *distance <= limit).min() {
        return Some(known);
    }
    let family = name.split('.').next().unwrap_or_default();
    table()
        .values()
        .filter(|known| known.family() == family)
        .max_by_key(|known| known.vcpus)
        .map(|known| known.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        for fields in records(INSTANCES) {
            let text = fields.join(",");
            assert!(row(fields).is_some(), "{text}");
        }
        assert_eq!(table().len(), records(INSTANCES).count());
    }

    #[test]
    fn a_p5() {
        let p5 = instance_type("p5.48xlarge").unwrap();
        assert_eq!((p5.vcpus, p5.efa_interfaces, p5.network_cards, p5.enis_per_card()), (192, 32, 32, Some(2)));
        assert_eq!(p5.accelerator.as_ref().unwrap().name, "H100");
        assert!(p5.is_gpu() && p5.supports_efa() && !p5.is_metal() && p5.usage.capacity_block);
        assert_eq!((p5.driver(), p5.arch, p5.family()), (Driver::Nvidia, Arch::X86, "p5"));
    }

    #[test]
    fn common_head_nodes_exist() {
        for name in ["t3.micro", "t3.small", "t3.medium", "m5.large", "c5.large", "m6i.large", "m7i.large", "c7i.large"]
        {
            let instance = instance_type(name).unwrap();
            assert_eq!((instance.driver(), instance.is_gpu(), instance.supports_efa()), (Driver::None, false, false));
        }
    }

    #[test]
    fn efa_is_not_a_count_of_cards() {
        let b300 = instance_type("p6-b300.48xlarge").unwrap();
        assert_eq!((b300.efa_interfaces, b300.network_cards), (16, 17));
    }

    #[test]
    fn drivers() {
        assert_eq!(instance_type("trn1.32xlarge").unwrap().driver(), Driver::Neuron);
        assert_eq!(instance_type("g4ad.xlarge").unwrap().driver(), Driver::Other);
        assert!(instance_type("g4dn.metal").unwrap().is_metal());
        assert!(!instance_type("inf2.xlarge").unwrap().is_gpu());
    }

    #[test]
    fn unknown_names_suggest() {
        assert_eq!(instance_type("p5.48xlrage").unwrap_err().suggestion, Some("p5.48xlarge"));
        assert_eq!(instance_type("P5.48XLARGE").unwrap_err().suggestion, Some("p5.48xlarge"));
        assert_eq!(instance_type("trn2.999xlarge").unwrap_err().suggestion.map(|name| &name[..5]), Some("trn2."));
        let error = instance_type("quantum").unwrap_err();
        assert_eq!(error.to_string(), "instance type `quantum` is not in the catalog");
    }

    #[test]
    fn facts_for_expressions() {
        let facts = instance_facts("p5.48xlarge").unwrap();
        assert_eq!(facts["gpus"], json!(8));
        assert_eq!(facts["memory"], "2048 GiB");
        assert_eq!(facts["gpu_memory_gib"], json!(80));
        assert_eq!(instance_facts("c5n.large").unwrap()["memory"], "5376 MiB");
        assert_eq!(instance_facts("g6f.large").unwrap()["gpus"], json!(0.125));
        let trainium = instance_facts("trn1.32xlarge").unwrap();
        assert_eq!((&trainium["gpus"], &trainium["accelerators"]), (&json!(0), &json!(16)));
        assert_eq!(instance_facts("nothing"), None);
    }
}
