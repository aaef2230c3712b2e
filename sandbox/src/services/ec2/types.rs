//! Instance types and where they are offered; images.

use std::collections::BTreeMap;

use super::catalogue::{InstanceType, instance_type, instance_types, zones};
use super::filters::{Filters, Query, listing};
use super::invalid;
use crate::call::Call;
use crate::error::ApiError;
use crate::images::{Image, image, latest, parameters};
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    read("DescribeInstanceTypes", describe_types),
    read("DescribeInstanceTypeOfferings", describe_offerings),
    read("DescribeImages", describe_images),
];

fn describe_types(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("InstanceType")?;
    let known = [
        "instance-type",
        "vcpu-info.default-vcpus",
        "processor-info.supported-architecture",
        "network-info.efa-supported",
        "supported-usage-class",
        "bare-metal",
        "current-generation",
    ];
    let query = Query::take(call, "", &known)?;
    if query.is_paged() && !names.is_empty() {
        let message = "InstanceTypes and MaxResults cannot both be given";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    let here = |kind: &InstanceType| !kind.zones(call.region).is_empty();
    let unknown: Vec<_> =
        names.iter().filter(|name| !instance_type(name).is_some_and(here)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(ApiError::bad("InvalidInstanceType", message));
    }
    let no_tags = BTreeMap::new();
    let found: Vec<&InstanceType> = instance_types()
        .filter(|kind| here(kind) && (names.is_empty() || names.contains(&kind.name)))
        .filter(|kind| {
            query.filters.pass(&no_tags, |name| match name {
                "instance-type" => vec![kind.name.clone()],
                "vcpu-info.default-vcpus" => vec![kind.vcpus.to_string()],
                "processor-info.supported-architecture" => vec![kind.arch.clone()],
                "network-info.efa-supported" => vec![(kind.max_efa > 0).to_string()],
                "supported-usage-class" => kind.usage_classes.clone(),
                "bare-metal" => vec![kind.bare_metal.to_string()],
                _ => vec![kind.is_current.to_string()],
            })
        })
        .collect();
    let (page, next) = query.page(found, |kind| &kind.name);
    Ok(listing("instanceTypeSet", page.into_iter().map(type_xml), next))
}

fn type_xml(kind: &InstanceType) -> Xml {
    let cards = kind.cards.iter().enumerate().map(|(index, card)| {
        Xml::new()
            .text("networkCardIndex", index)
            .text("networkPerformance", &kind.network)
            .text("maximumNetworkInterfaces", card.max_interfaces)
            .texts("interfaceTypeSet", "item", &card.types)
    });
    let network = Xml::new()
        .text("networkPerformance", &kind.network)
        .text("maximumNetworkInterfaces", kind.max_interfaces())
        .text("maximumNetworkCards", kind.cards.len())
        .text("defaultNetworkCardIndex", 0)
        .list("networkCards", "item", cards)
        .text("ipv4AddressesPerInterface", kind.addresses_per_interface)
        .text("ipv6AddressesPerInterface", kind.addresses_per_interface)
        .text("ipv6Supported", true)
        .text("enaSupport", "required")
        .text("efaSupported", kind.max_efa > 0);
    let efa = (kind.max_efa > 0).then(|| Xml::new().text("maximumEfaInterfaces", kind.max_efa));
    let device = || {
        Xml::new()
            .text("name", &kind.accelerator)
            .text("count", kind.accelerator_count)
            .child("memoryInfo", Xml::new().text("sizeInMiB", kind.accelerator_mib))
    };
    let total = kind.accelerator_count * kind.accelerator_mib;
    let accelerated = match kind.accelerator_kind.as_str() {
        "gpu" => {
            let gpu = device().text("manufacturer", &kind.accelerator_maker);
            let info = Xml::new().list("gpus", "item", [gpu]).text("totalGpuMemoryInMiB", total);
            Xml::new().child("gpuInfo", info)
        }
        "neuron" => {
            let info = Xml::new().list("neuronDevices", "item", [device()]).text("totalNeuronDeviceMemoryInMiB", total);
            Xml::new().child("neuronInfo", info)
        }
        "inference" => {
            let chip = device().text("manufacturer", &kind.accelerator_maker);
            let info = Xml::new().list("accelerators", "member", [chip]).text("totalInferenceMemoryInMiB", total);
            Xml::new().child("inferenceAcceleratorInfo", info)
        }
        _ => Xml::new(),
    };
    let storage = (kind.storage_gb > 0).then(|| Xml::new().text("totalSizeInGB", kind.storage_gb));
    let is_burstable = kind.name.starts_with('t') && !kind.is_accelerated();
    let strategies: &[&str] = if is_burstable { &["partition", "spread"] } else { &["cluster", "partition", "spread"] };
    let cpus = Xml::new()
        .text("defaultVCpus", kind.vcpus)
        .text("defaultCores", kind.cores)
        .text("defaultThreadsPerCore", kind.vcpus.checked_div(kind.cores).unwrap_or(1));
    let speed = kind.ebs_speed.map(|(baseline, maximum)| {
        Xml::new()
            .text("baselineBandwidthInMbps", baseline.mbps)
            .text("baselineThroughputInMBps", f64::from(baseline.mbps) / 8.0)
            .text("baselineIops", baseline.iops)
            .text("maximumBandwidthInMbps", maximum.mbps)
            .text("maximumThroughputInMBps", f64::from(maximum.mbps) / 8.0)
            .text("maximumIops", maximum.iops)
    });
    let ebs = Xml::new()
        .text("ebsOptimizedSupport", &kind.ebs_optimized)
        .text("encryptionSupport", "supported")
        .child_opt("ebsOptimizedInfo", speed)
        .text("nvmeSupport", &kind.nvme);
    Xml::new()
        .text("instanceType", &kind.name)
        .text("currentGeneration", kind.is_current)
        .text("freeTierEligible", false)
        .texts("supportedUsageClasses", "item", &kind.usage_classes)
        .texts("supportedRootDeviceTypes", "item", ["ebs"])
        .texts("supportedVirtualizationTypes", "item", ["hvm"])
        .text("bareMetal", kind.bare_metal)
        .child(
            "processorInfo",
            Xml::new().texts("supportedArchitectures", "item", [&kind.arch]).text("manufacturer", &kind.manufacturer),
        )
        .child("vCpuInfo", cpus)
        .child("memoryInfo", Xml::new().text("sizeInMiB", kind.memory_mib))
        .text("instanceStorageSupported", kind.storage_gb > 0)
        .child_opt("instanceStorageInfo", storage)
        .child("ebsInfo", ebs)
        .child("networkInfo", network.child_opt("efaInfo", efa))
        .extend(accelerated)
        .child("placementGroupInfo", Xml::new().texts("supportedStrategies", "item", strategies))
        .text("burstablePerformanceSupported", is_burstable)
}

fn describe_offerings(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let by = call.params.text_opt("LocationType")?.unwrap_or_else(|| "region".to_owned());
    let query = Query::take(call, "", &["location", "instance-type"])?;
    let region = call.region;
    let zones = zones(region);
    let no_tags = BTreeMap::new();
    let mut found = Vec::new();
    for kind in instance_types() {
        let offered = zones.iter().filter(|(zone, _)| kind.is_offered(zone));
        let locations: Vec<String> = match by.as_str() {
            "region" if kind.zones(region).is_empty() => Vec::new(),
            "region" => vec![region.to_owned()],
            "availability-zone" => offered.map(|(name, _)| name.clone()).collect(),
            "availability-zone-id" => offered.map(|(_, id)| id.clone()).collect(),
            other => return Err(invalid(format!("Value ({other}) for parameter locationType is invalid."))),
        };
        for location in locations {
            let passes = query
                .filters
                .pass(&no_tags, |name| vec![if name == "location" { location.clone() } else { kind.name.clone() }]);
            if passes {
                found.push((format!("{}@{location}", kind.name), &kind.name, location));
            }
        }
    }
    let (page, next) = query.page(found, |(key, ..)| key);
    let items = page.into_iter().map(|(_, kind, location)| {
        Xml::new().text("instanceType", kind).text("locationType", &by).text("location", location)
    });
    Ok(listing("instanceTypeOfferingSet", items, next))
}

/// A malformed id is another error than an unknown one.
pub(super) fn check_id(id: &str) -> Result<(), ApiError> {
    let hex = id.strip_prefix("ami-").unwrap_or_default();
    if (hex.len() == 8 || hex.len() == 17) && hex.chars().all(|ch| ch.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(ApiError::bad("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")")))
}

fn describe_images(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("ImageId")?;
    let owners = call.params.texts("Owner")?;
    let filters = Filters::take(call, &["image-id", "name", "architecture", "state", "owner-id", "owner-alias"])?;
    let is_account = |owner: &str| owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(owner) = owners.iter().find(|owner| !["amazon", "self"].contains(&owner.as_str()) && !is_account(owner))
    {
        return Err(ApiError::not_implemented(format!("images of the owner {owner}")));
    }
    let region = call.region;
    ids.iter().try_for_each(|id| check_id(id))?;
    let unknown: Vec<&str> = ids.iter().filter(|id| image(id, region).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        let (what, s) = if unknown.len() == 1 { ("does", "") } else { ("do", "s") };
        let message = format!("The image id{s} '[{}]' {what} not exist", unknown.join(", "));
        return Err(ApiError::bad("InvalidAMIID.NotFound", message));
    }
    let newer = call.world.newer_images;
    let published = parameters().into_iter().filter_map(|(parameter, _)| latest(&parameter, region, newer));
    // Older builds are shown to whoever asks for them by id.
    let asked: Vec<String> = if ids.is_empty() { published.collect() } else { ids.clone() };
    let known = asked.into_iter().filter_map(|id| image(&id, region));
    let owned =
        |image: &Image| owners.is_empty() || owners.iter().any(|owner| owner == "amazon" || owner == image.owner);
    let no_tags = BTreeMap::new();
    let items = known
        .filter(|image| owned(image) && (ids.is_empty() || ids.contains(&image.id)))
        .filter(|image| {
            filters.pass(&no_tags, |name| {
                vec![match name {
                    "image-id" => image.id.clone(),
                    "name" => image.name.clone(),
                    "architecture" => image.architecture.to_owned(),
                    "owner-id" => image.owner.to_owned(),
                    "owner-alias" => "amazon".to_owned(),
                    _ => "available".to_owned(),
                }]
            })
        })
        .map(|image| {
            let root = Xml::new().text("deviceName", image.root_device).child(
                "ebs",
                Xml::new()
                    .text("deleteOnTermination", true)
                    .text("snapshotId", image.snapshot())
                    .text("volumeSize", image.root_gib)
                    .text("volumeType", "gp3")
                    .text("encrypted", false),
            );
            Xml::new()
                .text("imageId", &image.id)
                .text("name", &image.name)
                .text("imageState", "available")
                .text("imageOwnerId", image.owner)
                .text("imageLocation", format!("amazon/{}", image.name))
                .text("creationDate", "2025-12-01T00:00:00.000Z")
                .text("architecture", image.architecture)
                .text("imageType", "machine")
                .text("imageOwnerAlias", "amazon")
                .text("isPublic", true)
                .text("rootDeviceName", image.root_device)
                .text("rootDeviceType", "ebs")
                .text("virtualizationType", "hvm")
                .text("enaSupport", true)
                .text("platformDetails", "Linux/UNIX")
                .list("blockDeviceMapping", "item", [root])
        });
    Ok(Reply::xml(Xml::new().list("imagesSet", "item", items)))
}
