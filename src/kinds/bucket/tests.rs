//! What a bucket's fields mean, without AWS.
use super::{lifecycle::StorageClass, *};

fn bucket(value: Value) -> Bucket {
    let mut bucket: Bucket = serde_json::from_value(value).unwrap();
    bucket.normalize();
    bucket
}

fn codes(value: Value) -> Vec<&'static str> {
    let mut problems = Vec::new();
    bucket(value).check(&mut problems);
    problems.iter().map(|p| p.code.code).collect()
}

#[test]
fn a_bucket_is_closed_and_versioned_unless_stated() {
    let plain = bucket(json!({}));
    let text = serde_json::to_value(&plain).unwrap();
    assert_eq!(
        text,
        json!({ "versioning": true, "encryption": {}, "abort_incomplete_uploads": "7d", "lifecycle": [], "closed": true })
    );
    assert_eq!(plain.summary(), "versioned, SSE-S3");
    assert!(plain.holds_data());
}

#[test]
fn rules_survive_the_way_to_aws_and_back() {
    let bucket = bucket(json!({ "lifecycle": [
        { "prefix": "logs/", "expire": "30d" },
        { "prefix": "checkpoints/", "expire_noncurrent": "14d", "keep_noncurrent": 3,
          "transitions": [{ "after": "90d", "class": "glacier" }, { "after": "30d", "class": "standard-ia" }] },
    ] }));
    assert_eq!(bucket.lifecycle[0].prefix, "checkpoints/");
    assert_eq!(bucket.lifecycle[0].transitions[0].class, StorageClass::StandardIa);
    let rules = lifecycle::to_aws(&bucket.lifecycle, bucket.abort_incomplete_uploads).unwrap();
    assert_eq!(rules.len(), 3);
    assert_eq!(lifecycle::from_aws(&rules), (bucket.lifecycle, week()));
}

#[test]
fn a_rule_made_elsewhere_is_a_difference() {
    use aws_sdk_s3::types::{ExpirationStatus, LifecycleExpiration, LifecycleRule as Rule};
    let rule = Rule::builder().id("theirs").status(ExpirationStatus::Disabled);
    let rule = rule.expiration(LifecycleExpiration::builder().days(3).build()).build().unwrap();
    let (rules, abort) = lifecycle::from_aws(&[rule]);
    assert_eq!((rules[0].foreign.as_deref(), abort), (Some("theirs"), None));
}

#[test]
fn fields_are_checked() {
    assert!(codes(json!({ "name": "my-data-1" })).is_empty());
    for name in ["My-data", "my.data", "a", "-data", "data_1", "xn--data"] {
        assert_eq!(codes(json!({ "name": name })), ["DL0340"], "{name}");
    }
    assert_eq!(codes(json!({ "abort_incomplete_uploads": "36h" })), ["DL0342"]);
    let rule = |rule: Value| codes(json!({ "lifecycle": [rule] }));
    assert_eq!(rule(json!({ "prefix": "a/" })), ["DL0341"]);
    assert_eq!(rule(json!({ "expire": "12h" })), ["DL0342"]);
    assert_eq!(rule(json!({ "transitions": [{ "after": "7d", "class": "standard-ia" }] })), ["DL0343"]);
    assert_eq!(rule(json!({ "expire": "5d", "transitions": [{ "after": "7d", "class": "glacier" }] })), ["DL0343"]);
    assert_eq!(rule(json!({ "keep_noncurrent": 3, "expire": "5d" })), ["DL0346"]);
    assert_eq!(codes(json!({ "lifecycle": [{ "expire": "5d" }, { "expire": "9d" }] })), ["DL0341"]);
    assert_eq!(codes(json!({ "policy": { "Statement": [] } })), ["DL0344"]);
    let public = json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "s3:GetObject" } });
    assert_eq!(codes(json!({ "policy": public })), ["DL0345"]);
}

#[test]
fn names_of_other_kinds_are_not_asked_for() {
    assert_eq!(name::prefix("Team_a"), "team-a");
    assert!(name::legal("train-data-abcdefghij") && !name::legal("train-role-ABC") && !name::legal("ab"));
    let long = "x".repeat(80);
    assert!(name::prefix(&long).len() < NAME.max - 10);
}
