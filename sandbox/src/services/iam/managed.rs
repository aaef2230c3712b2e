//! The policies that AWS manages and that a role can be given by ARN.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Path and name of each, `service-role/AWSBatchServiceRole`.
static POLICIES: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| include_str!("../../../data/managed-policies.txt").lines().collect());

/// Path and name in the ARN of a managed policy, in any partition.
fn name_in(arn: &str) -> Option<&str> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let rest = rest.strip_prefix("iam::aws:policy/")?;
    ["aws", "aws-cn", "aws-us-gov"].contains(&partition).then_some(rest)
}

/// The name of a managed policy, if the ARN is that of one.
pub(super) fn name_of(arn: &str) -> Option<&'static str> {
    let rest = name_in(arn)?;
    let known = POLICIES.get(rest)?;
    Some(known.rsplit('/').next().unwrap_or(known))
}

/// The path of a managed policy: `/` or `/service-role/`.
pub(super) fn path_of(arn: &str) -> String {
    let rest = name_in(arn).unwrap_or_default();
    rest.rsplit_once('/').map_or_else(|| "/".to_owned(), |(path, _)| format!("/{path}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_known_with_their_paths() {
        assert_eq!(name_of("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"), Some("AmazonDynamoDBFullAccess"));
        let batch = "arn:aws-cn:iam::aws:policy/service-role/AWSBatchServiceRole";
        assert_eq!((name_of(batch), path_of(batch).as_str()), (Some("AWSBatchServiceRole"), "/service-role/"));
        assert_eq!(name_of("arn:aws:iam::aws:policy/AWSBatchServiceRole"), None);
    }
}
