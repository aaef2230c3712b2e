//! Every code that AWS's models state, for the services in use and those to come.
use super::Answer;
use crate::aws::ErrorClass as C;
use std::collections::{BTreeMap, BTreeSet};

/// Cut from the models by `tools/errors.py`.
const FACTS: &str = include_str!("../../../tests/facts/errors.csv");

fn class(operation: &str, status: u16, code: &str) -> C {
    Answer { operation, status, code, message: "" }.class()
}

/// Service, code, and the statuses that the model gives it; a service that gives none answers 400 for what the caller
/// did, and 500 for what it did itself.
fn stated() -> impl Iterator<Item = (&'static str, &'static str, Option<u16>)> {
    FACTS.lines().skip(1).map(|line| {
        let [service, code, status] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (service, code, status.parse().ok())
    })
}

/// The whole table is a text that people read: a changed class shows as a changed line.
#[test]
fn every_stated_code_has_its_class() {
    let mut by_class: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (service, code, status) in stated() {
        let class = class(&format!("{service}:DescribeIt"), status.unwrap_or(400), code);
        let status = status.map(|s| format!(" {s}")).unwrap_or_default();
        by_class.entry(format!("{class:?}")).or_default().insert(format!("{service} {code}{status}"));
    }
    assert!(!by_class.contains_key("Other"), "{:?}", by_class["Other"]);
    let mut text = String::new();
    for (class, codes) in by_class {
        text.push_str(&format!("{class}\n"));
        codes.iter().for_each(|c| text.push_str(&format!("    {c}\n")));
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/error_classes.txt");
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        std::fs::write(golden, &text).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap_or_default();
    let (is, was): (BTreeSet<_>, BTreeSet<_>) = (text.lines().collect(), expected.lines().collect());
    let differ: Vec<_> = is.symmetric_difference(&was).collect();
    assert_eq!(text, expected, "{differ:?}; bless with DLINFRA_BLESS=1 and read the difference");
}

/// The words of a code and its class agree, whatever the table says.
#[test]
fn no_class_contradicts_the_words_of_its_code() {
    for (service, code, status) in stated() {
        let is = class(&format!("{service}:DescribeIt"), status.unwrap_or(400), code);
        let server = status.is_some_and(|s| s >= 500);
        let must = |wrong: bool| assert!(!wrong, "{service} {code} {status:?}: {is:?}");
        // Absence lets something be made, and presence lets it be taken: both must be said.
        let absent = ["NotFound", "NoSuch", "DoesNotExist", "Malformed", ".Unknown"].iter().any(|w| code.contains(w));
        must(is == C::NotFound && !absent && !matches!(status, Some(404 | 410)));
        let present = ["Already", "Duplicate", "Exists", "MountTargetConflict"].iter().any(|w| code.contains(w));
        must(is == C::Exists && !present);
        must((code.contains("AccessDenied") || code.contains("Unauthorized")) && !server && is != C::Denied);
        must(
            is == C::Throttled
                && !["Throttl", "TooManyRequests", "SlowDown", "Limit"].iter().any(|w| code.contains(w))
                && status != Some(429),
        );
        must(server && !matches!(is, C::Ambiguous | C::Throttled | C::Capacity) && status != Some(501));
        must(
            ["Internal", "ServiceUnavailable", "ServerException", "ServiceFailure"].iter().any(|w| code.starts_with(w))
                && is != C::Ambiguous,
        );
    }
}

/// Whatever the code: a fault on AWS's side leaves open what happened, and a 429 does not.
#[test]
fn the_status_comes_before_the_code() {
    let codes = stated().map(|(s, code, _)| (s, code)).chain([("ec2", "NobodyKnowsThis"), ("eks", "")]);
    for (service, code) in codes {
        for action in ["CreateIt", "DeleteIt", "DescribeIt"] {
            let operation = format!("{service}:{action}");
            for status in [500, 502, 503, 504, 599] {
                let is = class(&operation, status, code);
                assert!(matches!(is, C::Ambiguous | C::Throttled | C::Capacity), "{operation} {code} {status}: {is:?}");
            }
            assert_eq!(class(&operation, 408, "NobodyKnowsThis"), C::Ambiguous);
            let is = class(&operation, 429, code);
            assert!(matches!(is, C::Throttled | C::NotVisibleYet), "{operation} {code}: {is:?}");
        }
    }
    for (status, expected) in [
        (400, C::Invalid),
        (401, C::Credentials),
        (403, C::Denied),
        (404, C::NotFound),
        (409, C::WrongState),
        (500, C::Ambiguous),
        (501, C::Invalid),
    ] {
        assert_eq!(class("eks:DescribeCluster", status, "NobodyKnowsThis"), expected, "{status}");
    }
}

#[test]
fn what_single_services_mean() {
    for (operation, status, code, expected) in [
        ("ce:GetCostAndUsage", 400, "LimitExceededException", C::Throttled),
        ("kms:CreateKey", 400, "LimitExceededException", C::Quota),
        ("eks:CreateCluster", 409, "ResourceInUseException", C::Exists),
        ("eks:DeleteCluster", 409, "ResourceInUseException", C::InUse),
        ("elasticfilesystem:CreateMountTarget", 400, "SubnetNotFound", C::NotVisibleYet),
        ("elasticfilesystem:DeleteFileSystem", 409, "FileSystemInUse", C::InUse),
        ("eks:DescribeCluster", 404, "NotFoundException", C::NotFound),
        ("ecr:CreateRepository", 400, "RepositoryAlreadyExistsException", C::Exists),
        ("ec2:RunInstances", 500, "InsufficientInstanceCapacity", C::Capacity),
        ("ec2:RunInstances", 503, "RequestLimitExceeded", C::Throttled),
        ("ec2:CreateSubnet", 400, "InvalidVpcID.NotFound", C::NotVisibleYet),
        ("ec2:DescribeVpcs", 400, "InvalidVpcID.NotFound", C::NotFound),
        ("sns:TagResource", 400, "KMSNotFound", C::Invalid),
        ("sqs:CreateQueue", 400, "QueueDeletedRecently", C::NotVisibleYet),
        ("sqs:CreateQueue", 400, "QueueNameExists", C::Exists),
        ("sqs:GetQueueUrl", 400, "QueueDoesNotExist", C::NotFound),
        ("states:SendTaskSuccess", 400, "InvalidToken", C::Invalid),
        ("s3:PutObject", 400, "InvalidToken", C::Credentials),
    ] {
        assert_eq!(class(operation, status, code), expected, "{operation} {code}");
    }
    let role = |message| Answer { operation: "iam:CreateRole", status: 400, code: "MalformedPolicyDocument", message };
    assert_eq!(role("Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/x\"").class(), C::NotVisibleYet);
    assert_eq!(role("AssumeRole policy contained an invalid principal: \"STAR\":\"*\"").class(), C::Invalid);
}
