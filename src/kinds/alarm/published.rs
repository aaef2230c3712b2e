//! Metrics that AWS's services publish, with the dimensions of each (CloudWatch user guide, "AWS services that publish
//! CloudWatch metrics", and the pages of the services). Not all of them: those that blueprints here have to do with.
use super::Metric;
use std::collections::BTreeSet;

/// Some metrics of a namespace, and each set of dimensions that they are published with.
struct Published {
    namespace: &'static str,
    sets: &'static [&'static [&'static str]],
    names: &'static [&'static str],
}

const TABLE: &[Published] = &[
    Published {
        namespace: "AWS/EC2",
        sets: &[&["InstanceId"], &["AutoScalingGroupName"], &["ImageId"], &["InstanceType"]],
        names: &[
            "CPUUtilization",
            "NetworkIn",
            "NetworkOut",
            "StatusCheckFailed",
            "StatusCheckFailed_AttachedEBS",
            "StatusCheckFailed_Instance",
            "StatusCheckFailed_System",
        ],
    },
    Published {
        namespace: "AWS/EBS",
        sets: &[&["VolumeId"], &["InstanceId", "VolumeId"]],
        names: &["VolumeAvgReadLatency", "VolumeAvgWriteLatency", "VolumeQueueLength", "VolumeStalledIOCheck"],
    },
    Published {
        namespace: "AWS/FSx",
        sets: &[&["FileSystemId"]],
        names: &[
            "ClientConnections",
            "DataReadBytes",
            "DataReadOperations",
            "DataWriteBytes",
            "DataWriteOperations",
            "FreeDataStorageCapacity",
            "LogicalDiskUsage",
            "MetadataOperations",
            "PhysicalDiskUsage",
        ],
    },
    Published {
        namespace: "AWS/FSx",
        sets: &[&["FileServer", "FileSystemId"]],
        names: &["CPUUtilization", "FileServerDiskThroughputUtilization", "NetworkThroughputUtilization"],
    },
    Published {
        namespace: "AWS/FSx",
        sets: &[&["FileSystemId", "StorageTargetId"]],
        names: &["DiskIopsUtilization", "DiskReadBytes", "StorageCapacityUtilization"],
    },
    Published {
        namespace: "AWS/NATGateway",
        sets: &[&["NatGatewayId"]],
        names: &["ActiveConnectionCount", "BytesOutToDestination", "ErrorPortAllocation", "PacketsDropCount"],
    },
    Published {
        namespace: "AWS/SNS",
        sets: &[&["TopicName"]],
        names: &["NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"],
    },
    Published {
        namespace: "AWS/SageMaker",
        sets: &[
            &["EndpointName", "VariantName"],
            &["EndpointConfigName", "EndpointName", "VariantName"],
            &["InferenceComponentName"],
        ],
        names: &[
            "ConcurrentRequestsPerModel",
            "FirstChunkLatency",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
            "Invocations",
            "InvocationsPerInstance",
            "ModelLatency",
            "ModelSetupTime",
            "OverheadLatency",
        ],
    },
    Published {
        namespace: "AWS/SageMaker",
        sets: &[&["InferenceComponentName"]],
        names: &["ConcurrentRequestsPerCopy", "InvocationsPerCopy", "NoCapacityInvocationFailures"],
    },
    Published {
        namespace: "AWS/SageMaker",
        sets: &[&["EndpointName"]],
        names: &[
            "ApproximateAgeOfOldestRequest",
            "ApproximateBacklogSize",
            "ApproximateBacklogSizePerInstance",
            "HasBacklogWithoutCapacity",
        ],
    },
    Published {
        namespace: "/aws/sagemaker/Endpoints",
        sets: &[&["EndpointName", "VariantName"]],
        names: &["CPUUtilization", "DiskUtilization", "GPUMemoryUtilization", "GPUUtilization", "MemoryUtilization"],
    },
];

/// What does not fit what AWS publishes, and what to write.
pub(crate) enum Misfit {
    /// No such metric; this one is close.
    Name(&'static str),
    /// It has these dimensions.
    Dimensions(Vec<String>),
}

impl Metric {
    /// What is wrong with its name or its dimensions, as far as these are known.
    pub(crate) fn misfit(&self) -> Option<Misfit> {
        let in_namespace = || TABLE.iter().filter(|row| row.namespace == self.namespace);
        let rows: Vec<_> = in_namespace().filter(|row| row.names.contains(&self.name.as_str())).collect();
        if rows.is_empty() {
            let bare = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
            let (own, mut names) = (bare(&self.name), in_namespace().flat_map(|row| row.names.iter().copied()));
            return names.find(|name| is_close(&bare(name), &own)).map(Misfit::Name);
        }
        let own: BTreeSet<&str> = self.dimensions.keys().map(String::as_str).collect();
        let sets = || rows.iter().flat_map(|row| row.sets);
        if sets().any(|set| set.iter().eq(&own)) {
            return None;
        }
        Some(Misfit::Dimensions(sets().map(|set| set.join(" and ")).collect()))
    }
}

/// The same but for a letter, or for an `s` at the end.
fn is_close(known: &str, own: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (known.chars().collect(), own.chars().collect());
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    a.len().abs_diff(b.len()) <= 1 && front + back + 1 >= a.len().max(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_comparison() {
        for row in TABLE {
            assert!(row.names.is_sorted(), "{}", row.namespace);
            assert!(row.sets.iter().all(|set| set.is_sorted()), "{}", row.namespace);
        }
        assert!(is_close("invocations", "invocation") && is_close("modellatency", "modellatencu"));
        assert!(!is_close("networkin", "networkout"));
    }
}
