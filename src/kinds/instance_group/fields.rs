//! The parts of an instance group's schema.
use crate::{
    field::Ref,
    kinds::SecurityGroup,
    topology,
    units::{Bandwidth, Size},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Network interfaces of each instance; the layout follows from the type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interfaces {
    /// `ip` makes every EFA interface and one address per node, `bandwidth` adds plain interfaces on further cards, `plain`
    /// makes one interface without EFA, for machines that do not work together.
    #[serde(default)]
    pub layout: LayoutProfile,
    /// Security groups of every interface; with EFA one that allows all traffic to and from itself.
    pub security_groups: Vec<Ref<SecurityGroup>>,
}

/// Which profile of interfaces to make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayoutProfile {
    #[default]
    /// As few addresses as possible.
    Ip,
    /// As much IP bandwidth as possible.
    Bandwidth,
    /// One interface without EFA.
    Plain,
}

impl From<LayoutProfile> for topology::Profile {
    fn from(profile: LayoutProfile) -> Self {
        match profile {
            LayoutProfile::Ip => Self::Ip,
            LayoutProfile::Bandwidth => Self::Bandwidth,
            LayoutProfile::Plain => Self::Plain,
        }
    }
}

/// Where instances stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Close together, in one placement group of the group's own.
    Cluster,
    /// Anywhere in the zone.
    None,
}

/// How instances are bought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    #[default]
    /// By the second, while they run.
    OnDemand,
    /// As spare capacity that AWS may take back.
    Spot,
    /// In a Capacity Block that was bought before (`reservation` names it).
    CapacityBlock,
}

impl Market {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::CapacityBlock => "capacity-block",
        }
    }
}

/// The disk that the system is on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootVolume {
    /// Its size; images with drivers and frameworks need 75 to 150 GiB.
    #[serde(default = "root_size")]
    pub size: Size,
    /// Its type.
    #[serde(default, rename = "type")]
    pub volume_type: VolumeType,
    /// Operations per second, 3000 to 16000; 3000 are free.
    #[serde(default = "free_iops")]
    #[schemars(range(min = 3000, max = 16000))]
    pub iops: u32,
    /// Throughput, 125 to 1000 MiB/s; 125 MiB/s are free.
    #[serde(default = "free_throughput")]
    pub throughput: Bandwidth,
}

/// Types of root volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    #[default]
    /// General purpose SSD.
    Gp3,
}

/// How members are replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rolling {
    /// How many at a time; the others go on.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub batch: u32,
}

impl Default for RootVolume {
    fn default() -> Self {
        Self { size: root_size(), volume_type: VolumeType::Gp3, iops: free_iops(), throughput: free_throughput() }
    }
}

pub(super) fn root_volume() -> Option<RootVolume> {
    Some(RootVolume::default())
}
fn root_size() -> Size {
    Size::from_gib(200)
}
fn free_iops() -> u32 {
    3000
}
fn free_throughput() -> Bandwidth {
    Bandwidth::new(125)
}
/// As AWS: a container behind a bridge, or whoever broke out of one, does not get the machine's role by itself.
pub(super) fn one_hop() -> u32 {
    1
}
fn one() -> u32 {
    1
}
