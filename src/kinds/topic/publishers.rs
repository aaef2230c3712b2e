//! Who may publish to a topic: its account, as every topic of AWS begins, and whom its author adds.
//!
//! A policy that names others only would shut out the account's own alarms, and CloudWatch does not say so. So the
//! statement that AWS gives to every topic stays in it.
use crate::{aws::Error, call::Scope, kinds::policy::Policy};
use serde_json::{Value, json};

const ACTIONS: [&str; 8] = [
    "SNS:AddPermission",
    "SNS:DeleteTopic",
    "SNS:GetTopicAttributes",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
    "SNS:RemovePermission",
    "SNS:SetTopicAttributes",
    "SNS:Subscribe",
];

pub(super) fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:sns:{}:{}:{name}", scope.partition, scope.region, scope.account)
}

/// This account, and the services that act for it.
fn account(scope: &Scope) -> Value {
    json!({
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ACTIONS,
        "Condition": { "StringEquals": { "AWS:SourceOwner": scope.account } },
    })
}

/// The whole policy.
pub(super) fn document(scope: &Scope, name: &str, others: Option<&Policy>) -> Policy {
    let own = others.map(Policy::statements).unwrap_or_default().iter().cloned();
    let all: Vec<Value> = std::iter::once(account(scope)).chain(own).collect();
    Policy::of(&all).of_one(&arn(scope, name))
}

/// The same, read back: what is in it beside the account.
pub(super) fn others(scope: &Scope, name: &str, text: Option<&String>) -> Result<Option<Policy>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let mut found = Policy::parse(text)?;
    found.leave_out_one(&arn(scope, name));
    let own = Policy::of(&[account(scope)]);
    let (same, mut rest): (Vec<Value>, Vec<Value>) =
        found.statements().iter().cloned().partition(|statement| own.statements().contains(statement));
    if same.is_empty() {
        // Somebody took it away: something is there then that nobody wants, and goes with the next apply.
        rest.push(json!({ "Effect": "Deny", "Principal": { "AWS": scope.account }, "Action": "sns:Publish" }));
    }
    Ok((!rest.is_empty()).then(|| Policy::of(&rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_what_its_author_adds() {
        let [partition, account, region] = ["aws", "000000000000", "us-east-1"].map(str::to_owned);
        let scope = Scope { partition, account, region, stack: "s".to_owned(), stack_id: String::new() };
        let read = |policy: &Policy| others(&scope, "t", Some(&policy.text())).unwrap();
        assert_eq!(read(&document(&scope, "t", None)), None);
        let events =
            json!({ "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sns:Publish" });
        let more = Policy::of(&[events]);
        assert_eq!(read(&document(&scope, "t", Some(&more))), Some(more.clone()));
        // Without the account's own statement it is another one.
        let alone = read(&more.of_one(&arn(&scope, "t")));
        assert!(alone.is_some() && alone != Some(more));
    }
}
