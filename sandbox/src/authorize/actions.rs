//! What policies call an operation: its own name, but for those that AWS names otherwise there.

use serde_json::{Map, Value};

/// The action of an operation.
pub(super) fn of(prefix: &str, operation: &str, fields: &Map<String, Value>) -> String {
    let versioned = fields.get("versionId").is_some_and(|version| !version.is_null());
    match prefix {
        "s3" => format!("s3:{}", s3(operation, versioned)),
        "lambda" if operation == "Invoke" => "lambda:InvokeFunction".to_owned(),
        "tagging" => format!("tag:{operation}"),
        _ => format!("{prefix}:{operation}"),
    }
}

fn s3(operation: &str, versioned: bool) -> &str {
    match operation {
        "ListBuckets" => "ListAllMyBuckets",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListObjectVersions" => "ListBucketVersions",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListParts" => "ListMultipartUploadParts",
        "GetObject" | "HeadObject" if versioned => "GetObjectVersion",
        "GetObject" | "HeadObject" => "GetObject",
        "GetObjectTagging" if versioned => "GetObjectVersionTagging",
        "PutObjectTagging" if versioned => "PutObjectVersionTagging",
        "DeleteObjectTagging" if versioned => "DeleteObjectVersionTagging",
        "DeleteObject" if versioned => "DeleteObjectVersion",
        "DeleteObjects" => "DeleteObject",
        "CopyObject"
        | "PostObject"
        | "CreateMultipartUpload"
        | "CompleteMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy" => "PutObject",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        // What removes a setting needs the permission to set it.
        "PutBucketEncryption" | "DeleteBucketEncryption" => "PutEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "PutLifecycleConfiguration",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "PutBucketPublicAccessBlock",
        "DeleteBucketTagging" => "PutBucketTagging",
        "DeleteBucketOwnershipControls" => "PutBucketOwnershipControls",
        other => other,
    }
}

/// The action that a create call with tags needs besides.
pub(super) fn tagging(prefix: &str, operation: &str) -> Option<&'static str> {
    Some(match prefix {
        "ec2" => "ec2:CreateTags",
        "iam" if operation == "CreateInstanceProfile" => "iam:TagInstanceProfile",
        "iam" => "iam:TagRole",
        "sqs" => "sqs:TagQueue",
        "sagemaker" => "sagemaker:AddTags",
        "elasticloadbalancing" => "elasticloadbalancing:AddTags",
        "application-autoscaling" => "application-autoscaling:TagResource",
        "cloudwatch" => "cloudwatch:TagResource",
        "events" => "events:TagResource",
        "fsx" => "fsx:TagResource",
        "lambda" => "lambda:TagResource",
        "logs" => "logs:TagResource",
        "scheduler" => "scheduler:TagResource",
        "sns" => "sns:TagResource",
        _ => return None,
    })
}

/// Whether an operation is there for tags alone.
pub(super) fn is_for_tags(operation: &str) -> bool {
    ["Tag", "Untag", "AddTags", "DeleteTags", "RemoveTags", "CreateTags", "ListTag"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}

/// The service that an operation passes a role to, and the parameter with the role.
pub(super) fn passed(prefix: &str, operation: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match (prefix, operation) {
        ("lambda", "CreateFunction" | "UpdateFunctionConfiguration") => ("lambda.amazonaws.com", &["Role"]),
        ("scheduler", "CreateSchedule" | "UpdateSchedule") => ("scheduler.amazonaws.com", &["Target", "RoleArn"]),
        ("sagemaker", "CreateModel" | "CreateInferenceComponent" | "CreateEndpointConfig") => {
            ("sagemaker.amazonaws.com", &["ExecutionRoleArn"])
        }
        ("events", "PutRule") => ("events.amazonaws.com", &["RoleArn"]),
        ("application-autoscaling", "RegisterScalableTarget") => {
            ("application-autoscaling.amazonaws.com", &["RoleARN"])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_called_as_policies_call_them() {
        let fields = |text: &str| serde_json::from_str(text).unwrap();
        for (prefix, operation, given, wanted) in [
            ("ec2", "DeleteVpc", "{}", "ec2:DeleteVpc"),
            ("s3", "ListObjectsV2", "{}", "s3:ListBucket"),
            ("s3", "HeadBucket", "{}", "s3:ListBucket"),
            ("s3", "ListObjectVersions", "{}", "s3:ListBucketVersions"),
            ("s3", "HeadObject", "{}", "s3:GetObject"),
            ("s3", "HeadObject", r#"{"versionId": "null"}"#, "s3:GetObjectVersion"),
            ("s3", "DeleteObjects", "{}", "s3:DeleteObject"),
            ("s3", "UploadPart", "{}", "s3:PutObject"),
            ("s3", "AbortMultipartUpload", "{}", "s3:AbortMultipartUpload"),
            ("s3", "GetPublicAccessBlock", "{}", "s3:GetBucketPublicAccessBlock"),
            ("s3", "DeleteBucketLifecycle", "{}", "s3:PutLifecycleConfiguration"),
            ("lambda", "Invoke", "{}", "lambda:InvokeFunction"),
            ("sagemaker", "InvokeEndpoint", "{}", "sagemaker:InvokeEndpoint"),
            ("cloudwatch", "PutMetricData", "{}", "cloudwatch:PutMetricData"),
            ("tagging", "GetResources", "{}", "tag:GetResources"),
        ] {
            assert_eq!(of(prefix, operation, &fields(given)), wanted);
        }
    }
}
