//! What to do next about an AWS answer, where that is the same for every call.
use crate::aws::{Error, ErrorClass};

/// What to do next, where that is the same for every call.
pub(in crate::aws) fn advice(error: &Error) -> Option<String> {
    let operation = error.operation.as_deref().unwrap_or("the action");
    match error.class {
        ErrorClass::Denied => Some(format!("allow the action `{}` to the caller", iam_action(operation))),
        ErrorClass::Credentials => Some(
            "log in again (`aws sso login`, or new keys), or give `--profile`; with `--sandbox` none are needed"
                .to_owned(),
        ),
        ErrorClass::Unreachable => Some("check the network, `--endpoint-url` and the region's name".to_owned()),
        ErrorClass::Invalid if error.code.as_deref().is_some_and(|c| c.contains("FreeAddressesInSubnet")) => {
            Some("the subnet has too few free addresses: use a larger one".to_owned())
        }
        ErrorClass::Quota => Some("ask for more in Service Quotas, or use fewer".to_owned()),
        ErrorClass::Capacity => Some("try another zone, type or market, or reserve capacity".to_owned()),
        _ => None,
    }
}

/// The IAM action of a call; a few have another name than the call.
fn iam_action(operation: &str) -> String {
    match operation {
        "s3:HeadBucket" | "s3:ListObjectsV2" => "s3:ListBucket".to_owned(),
        "s3:ListBuckets" => "s3:ListAllMyBuckets".to_owned(),
        "s3:GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock".to_owned(),
        "s3:PutPublicAccessBlock" => "s3:PutBucketPublicAccessBlock".to_owned(),
        "s3:GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration".to_owned(),
        "s3:PutBucketLifecycleConfiguration" => "s3:PutLifecycleConfiguration".to_owned(),
        "s3:GetBucketEncryption" => "s3:GetEncryptionConfiguration".to_owned(),
        "s3:PutBucketEncryption" => "s3:PutEncryptionConfiguration".to_owned(),
        "s3:GetBucketTagging" | "s3:PutBucketTagging" => operation.to_owned(),
        other => other.to_owned(),
    }
}
