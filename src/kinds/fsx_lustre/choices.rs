//! The choices of a Lustre file system: in the words of a blueprint, and in AWS's.
use aws_sdk_fsx::types::{DataCompressionType, LustreDeploymentType, StorageType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Scratch or persistent, and which generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deployment {
    /// The first generation of scratch.
    #[serde(rename = "scratch-1")]
    Scratch1,
    /// Scratch: 200 MB/s/TiB, bursting.
    #[serde(rename = "scratch-2")]
    Scratch2,
    /// Persistent of the first generation: SSD or HDD.
    #[serde(rename = "persistent-1")]
    Persistent1,
    /// Persistent: SSD or intelligent tiering.
    #[default]
    #[serde(rename = "persistent-2")]
    Persistent2,
}

/// What the data lies on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// Solid state.
    #[default]
    Ssd,
    /// Disks (`persistent-1` only).
    Hdd,
    /// Elastic, moved between tiers by use (`persistent-2` only).
    IntelligentTiering,
}

/// An SSD cache in front of slower storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadCache {
    /// No cache.
    None,
    /// Sized by AWS: 20 % of a disk file system, or by throughput with intelligent tiering.
    Proportional,
    /// Of the size in `read_cache_size` (intelligent tiering only).
    Fixed,
}

/// Compression of data at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// LZ4: faster than the disks, so mostly a gain.
    #[default]
    Lz4,
    /// Off.
    None,
}

/// A version of Lustre that FSx offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// 2.10, scratch and persistent-1 only.
    #[serde(rename = "2.10")]
    V2_10,
    /// 2.12.
    #[serde(rename = "2.12")]
    V2_12,
    /// 2.15, for every type.
    #[default]
    #[serde(rename = "2.15")]
    V2_15,
}

impl Deployment {
    pub(super) fn is_persistent(self) -> bool {
        matches!(self, Self::Persistent1 | Self::Persistent2)
    }

    pub(super) fn to_aws(self) -> LustreDeploymentType {
        match self {
            Self::Scratch1 => LustreDeploymentType::Scratch1,
            Self::Scratch2 => LustreDeploymentType::Scratch2,
            Self::Persistent1 => LustreDeploymentType::Persistent1,
            Self::Persistent2 => LustreDeploymentType::Persistent2,
        }
    }

    pub(super) fn from_aws(found: &LustreDeploymentType) -> Option<Self> {
        [Self::Scratch1, Self::Scratch2, Self::Persistent1, Self::Persistent2]
            .into_iter()
            .find(|d| d.to_aws() == *found)
    }
}

impl Storage {
    pub(super) fn to_aws(self) -> StorageType {
        match self {
            Self::Ssd => StorageType::Ssd,
            Self::Hdd => StorageType::Hdd,
            Self::IntelligentTiering => StorageType::IntelligentTiering,
        }
    }

    pub(super) fn from_aws(found: &StorageType) -> Option<Self> {
        [Self::Ssd, Self::Hdd, Self::IntelligentTiering].into_iter().find(|s| s.to_aws() == *found)
    }
}

impl Compression {
    pub(super) fn to_aws(self) -> DataCompressionType {
        match self {
            Self::Lz4 => DataCompressionType::Lz4,
            Self::None => DataCompressionType::None,
        }
    }

    pub(super) fn from_aws(found: &DataCompressionType) -> Option<Self> {
        [Self::Lz4, Self::None].into_iter().find(|c| c.to_aws() == *found)
    }
}

/// In the words of a blueprint.
macro_rules! words {
    ($($type:ty: $($variant:ident = $word:literal),+;)+) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
        impl FromStr for $type {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    )+ };
}

words! {
    Deployment: Scratch1 = "scratch-1", Scratch2 = "scratch-2", Persistent1 = "persistent-1", Persistent2 = "persistent-2";
    Storage: Ssd = "ssd", Hdd = "hdd", IntelligentTiering = "intelligent-tiering";
    Version: V2_10 = "2.10", V2_12 = "2.12", V2_15 = "2.15";
}
