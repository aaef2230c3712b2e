//! What a role's fields mean, without AWS.
use super::*;

fn role(value: Value) -> IamRole {
    let mut role: IamRole = serde_json::from_value(value).unwrap();
    role.normalize();
    role
}

fn codes(value: Value) -> Vec<&'static str> {
    let mut problems = Vec::new();
    role(value).check(&mut problems);
    problems.iter().map(|p| p.code.code).collect()
}

#[test]
fn a_trust_policy_of_services_is_shown_as_the_list() {
    let list = role(json!({ "trust": ["ec2.amazonaws.com"] }));
    let document = role(json!({ "trust_policy": { "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" } } } }));
    assert_eq!(list, document);
    assert_eq!(list.summary(), "for ec2.amazonaws.com, 0 policies");
    let other = role(json!({ "trust_policy": { "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "123456789012" } } } }));
    assert!(other.trust.is_empty() && other.trust_policy.is_some());
}

#[test]
fn managed_policies_are_a_set_of_names() {
    let role = role(json!({ "trust": ["ec2.amazonaws.com"], "managed_policies":
        ["arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore", "arn:aws:iam::123456789012:policy/mine"] }));
    assert_eq!(role.managed_policies, ["AmazonSSMManagedInstanceCore", "arn:aws:iam::123456789012:policy/mine"]);
}

#[test]
fn fields_are_checked() {
    let trust = json!(["ec2.amazonaws.com"]);
    assert!(codes(json!({ "trust": trust })).is_empty());
    assert_eq!(codes(json!({})), ["DL0330"]);
    assert_eq!(codes(json!({ "trust": ["ec2"] })), ["DL0331"]);
    assert_eq!(codes(json!({ "trust": trust, "max_session": "13h" })), ["DL0332"]);
    assert_eq!(codes(json!({ "trust": trust, "policies": { "a b": { "Statement": [] } } })), ["DL0334", "DL0333"]);
    assert_eq!(codes(json!({ "trust": trust, "managed_policies": ["no such thing"] })), ["DL0335"]);
    let both = json!({ "trust": trust, "trust_policy": { "Statement": { "Effect": "Allow", "Action": "sts:*" } } });
    assert_eq!(codes(both), ["DL0330"]);
}

#[test]
fn a_profile_without_its_role_differs_from_both_answers() {
    let mut half = role(json!({ "trust": ["ec2.amazonaws.com"] }));
    assert_eq!(serde_json::to_value(&half).unwrap()["instance_profile"], false);
    half.instance_profile = None;
    assert!(serde_json::to_value(&half).unwrap().get("instance_profile").is_none());
}
