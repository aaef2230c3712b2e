//! What stands in the fields of a volume: its type, and where it is attached.
use crate::field::Field;
use aws_sdk_ec2::types::VolumeType as AwsType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a volume is attached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The id of one machine in a list, as a group of one gives it: `${box.instance_ids}`; of a larger group
    /// `["${nodes.instance_ids[0]}"]`. When the machine is replaced, the volume is attached to the new one. With an empty
    /// list, that of a group of none, it is attached to nobody.
    pub instances: Field<Vec<String>>,
    /// What AWS calls it there: `/dev/sdf` to `/dev/sdp`. Nitro machines show it as an NVMe disk, under
    /// `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol…`.
    pub device: String,
}

/// Types of volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// General purpose SSD, with rates that do not depend on the size.
    #[default]
    Gp3,
    /// General purpose SSD of the older kind: its rate follows from its size.
    Gp2,
    /// SSD with provisioned operations per second, and a lower rate of failure.
    Io2,
    /// Hard disks for long reads.
    St1,
    /// Hard disks for what is seldom read.
    Sc1,
}

impl VolumeType {
    pub(super) const ALL: [Self; 5] = [Self::Gp3, Self::Gp2, Self::Io2, Self::St1, Self::Sc1];

    pub(super) fn aws(self) -> AwsType {
        match self {
            Self::Gp3 => AwsType::Gp3,
            Self::Gp2 => AwsType::Gp2,
            Self::Io2 => AwsType::Io2,
            Self::St1 => AwsType::St1,
            Self::Sc1 => AwsType::Sc1,
        }
    }
}
