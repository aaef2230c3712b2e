//! Regions: which there are, in which partition, and which an account has without asking for them.

/// Regions that every account has.
const ENABLED: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-east-1",
    "us-gov-west-1",
];

/// Regions that an account has to opt in to; the sandbox's account has, so that a blueprint for any region can be tried.
const OPTIONAL: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// The partition of a region, as ARNs name it.
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What the host names of a region end with.
pub(crate) fn suffix(region: &str) -> &'static str {
    if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Whether AWS has a region of this name.
pub(crate) fn exists(region: &str) -> bool {
    ENABLED.contains(&region) || is_optional(region)
}

/// Whether accounts have to opt in to a region.
pub(crate) fn is_optional(region: &str) -> bool {
    OPTIONAL.contains(&region)
}

/// Every region of the partition of one.
pub(crate) fn beside(region: &str) -> impl Iterator<Item = &'static str> {
    let partition_here = partition(region);
    let mut all: Vec<&str> = ENABLED.iter().chain(OPTIONAL).copied().collect();
    all.sort_unstable();
    all.into_iter().filter(move |other| partition(other) == partition_here)
}
