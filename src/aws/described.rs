//! What EC2 says of itself to an account: instance types, zones, and which types are on offer where.
use super::{Aws, Error};
use aws_sdk_ec2::types::{InstanceTypeInfo, LocationType, NetworkInfo};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An instance type, as DescribeInstanceTypes states it
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceTypeInfo.html>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedType {
    /// `p5.48xlarge`
    pub name: String,
    /// vCPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// `x86_64` or `arm64`.
    pub arch: String,
    /// Its accelerators, where AWS states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<DescribedDevice>,
    /// The highest bandwidth of all cards together in Gbit/s; nothing where AWS has only words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_gbps: Option<Decimal>,
    /// The most EFA interfaces.
    pub efa_interfaces: u32,
    /// Network cards.
    pub network_cards: u32,
    /// Network interfaces of all cards together.
    pub enis: u32,
    /// Local NVMe in GB.
    pub nvme_gb: u32,
    /// `on-demand`, `spot`, `capacity-block`.
    pub usage: Vec<String>,
}

/// The accelerators of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedDevice {
    /// `NVIDIA`
    pub vendor: String,
    /// `H100`
    pub name: String,
    /// How many; less than one for a partition of a GPU.
    pub count: Decimal,
    /// Memory of each in MiB.
    pub memory_mib: u64,
}

/// A zone, as the account sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedZone {
    /// `us-east-1a`, which is another place in another account.
    pub name: String,
    /// `use1-az6`, the same place for everybody.
    pub id: String,
    /// `availability-zone`, `local-zone` or `wavelength-zone`.
    pub kind: String,
    /// `available`, or what is wrong with it.
    pub state: String,
}

impl Aws {
    /// Every instance type of the region, in order of their names. Types for other processors than x86-64 and 64-bit Arm
    /// are left out.
    ///
    /// # Errors
    /// As of any call.
    pub async fn instance_types(&self) -> Result<Vec<DescribedType>, Error> {
        let mut pages = self.ec2().describe_instance_types().into_paginator().send();
        let mut out = Vec::new();
        while let Some(page) = pages.next().await {
            out.extend(page?.instance_types.unwrap_or_default().iter().filter_map(described));
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    /// The zones that the account may use.
    ///
    /// # Errors
    /// As of any call.
    pub async fn described_zones(&self) -> Result<Vec<DescribedZone>, Error> {
        let found = self.ec2().describe_availability_zones().send().await?.availability_zones.unwrap_or_default();
        let mut out: Vec<DescribedZone> = found
            .into_iter()
            .filter_map(|zone| {
                Some(DescribedZone {
                    name: zone.zone_name?,
                    id: zone.zone_id.unwrap_or_default(),
                    kind: zone.zone_type.unwrap_or_else(|| "availability-zone".to_owned()),
                    state: zone.state.map_or_else(|| "available".to_owned(), |state| state.as_str().to_owned()),
                })
            })
            .collect();
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    /// The names of the zones in which each type of the region is on offer.
    ///
    /// # Errors
    /// As of any call.
    pub async fn all_offers(&self) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let call = self.ec2().describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        let (mut out, mut pages) = (BTreeMap::<String, BTreeSet<String>>::new(), call.into_paginator().send());
        while let Some(page) = pages.next().await {
            for offer in page?.instance_type_offerings.unwrap_or_default() {
                if let (Some(name), Some(zone)) = (offer.instance_type, offer.location) {
                    out.entry(name.as_str().to_owned()).or_default().insert(zone);
                }
            }
        }
        Ok(out)
    }
}

fn described(info: &InstanceTypeInfo) -> Option<DescribedType> {
    let archs = info.processor_info()?.supported_architectures();
    let arch = archs
        .iter()
        .map(aws_sdk_ec2::types::ArchitectureType::as_str)
        .find(|arch| matches!(*arch, "x86_64" | "arm64"))?;
    let network = info.network_info()?;
    let cards = network.network_cards();
    let of_cards: i32 = cards.iter().filter_map(aws_sdk_ec2::types::NetworkCardInfo::maximum_network_interfaces).sum();
    let whole = |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or_default();
    let nvme = info.instance_storage_info().and_then(aws_sdk_ec2::types::InstanceStorageInfo::total_size_in_gb);
    Some(DescribedType {
        name: info.instance_type()?.as_str().to_owned(),
        vcpus: whole(info.v_cpu_info()?.default_v_cpus()),
        memory_mib: u64::try_from(info.memory_info()?.size_in_mib()?).ok()?,
        arch: arch.to_owned(),
        accelerator: device(info),
        network_gbps: bandwidth(network),
        efa_interfaces: whole(network.efa_info().and_then(aws_sdk_ec2::types::EfaInfo::maximum_efa_interfaces)),
        network_cards: whole(network.maximum_network_cards()).max(1),
        enis: whole(if cards.is_empty() { network.maximum_network_interfaces() } else { Some(of_cards) }),
        nvme_gb: nvme.and_then(|gb| u32::try_from(gb).ok()).unwrap_or_default(),
        usage: info.supported_usage_classes().iter().map(|class| class.as_str().to_owned()).collect(),
    })
}

fn device(info: &InstanceTypeInfo) -> Option<DescribedDevice> {
    let made = |vendor: &str, name: Option<&str>, count: Decimal, mib: Option<i32>| {
        // AWS writes some makers before the name as well.
        let name = name.unwrap_or_default();
        let name = name.strip_prefix(vendor).map_or(name, str::trim_start).to_owned();
        let memory_mib = u64::try_from(mib.unwrap_or_default()).unwrap_or_default();
        Some(DescribedDevice { vendor: vendor.to_owned(), name, count, memory_mib })
    };
    let number = |count: Option<i32>| Decimal::from(count.unwrap_or_default());
    if let Some(gpu) = info.gpu_info().and_then(|info| info.gpus().first()) {
        let part = gpu.gpu_partition_size().and_then(|part| Decimal::try_from(part).ok());
        let count = match (gpu.count().unwrap_or_default(), part) {
            (0, Some(part)) => part * Decimal::from(gpu.logical_gpu_count().unwrap_or(1)),
            (count, _) => Decimal::from(count),
        };
        let memory = gpu.memory_info().and_then(aws_sdk_ec2::types::GpuDeviceMemoryInfo::size_in_mib);
        return made(gpu.manufacturer().unwrap_or_default(), gpu.name(), count.normalize(), memory);
    }
    if let Some(chip) = info.neuron_info().and_then(|info| info.neuron_devices().first()) {
        let memory = chip.memory_info().and_then(aws_sdk_ec2::types::NeuronDeviceMemoryInfo::size_in_mib);
        return made("AWS", chip.name(), number(chip.count()), memory);
    }
    let chip = info.inference_accelerator_info()?.accelerators().first()?;
    let memory = chip.memory_info().and_then(aws_sdk_ec2::types::InferenceDeviceMemoryInfo::size_in_mib);
    made(chip.manufacturer().unwrap_or_default(), chip.name(), number(chip.count()), memory)
}

/// The sum of the cards' peaks, else what the words say: `3200 Gigabit`, `Up to 12.5 Gigabit`, `4x 100 Gigabit`.
fn bandwidth(network: &NetworkInfo) -> Option<Decimal> {
    let cards = network.network_cards();
    let peaks: Option<Vec<Decimal>> =
        cards.iter().map(|card| Decimal::try_from(card.peak_bandwidth_in_gbps()?).ok()).collect();
    if let Some(peaks) = peaks.filter(|peaks| !peaks.is_empty()) {
        return Some(peaks.iter().sum::<Decimal>().normalize());
    }
    said(network.network_performance()?)
}

fn said(words: &str) -> Option<Decimal> {
    let numbers = words.strip_suffix(" Gigabit")?;
    let each = numbers.rsplit(' ').next()?.parse::<Decimal>().ok()?;
    let times = numbers.split_once("x ").and_then(|(times, _)| times.parse::<Decimal>().ok());
    Some((each * times.unwrap_or(Decimal::ONE)).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_bandwidth_are_numbers() {
        let gigabits = |words: &str| said(words).map(|n| n.to_string());
        assert_eq!(gigabits("3200 Gigabit").as_deref(), Some("3200"));
        assert_eq!(gigabits("Up to 12.5 Gigabit").as_deref(), Some("12.5"));
        assert_eq!(gigabits("4x 100 Gigabit").as_deref(), Some("400"));
        assert_eq!(gigabits("Moderate"), None);
    }
}
