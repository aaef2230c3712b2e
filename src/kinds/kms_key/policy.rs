//! The policy of a key: a statement that leaves the key to IAM, which every key starts with, and what a blueprint adds.
use crate::{aws::Error, call::Scope, kinds::policy::Policy};
use serde_json::{Value, json};

/// What the console calls the statement.
pub(super) const DELEGATES: &str = "Enable IAM User Permissions";

fn root(scope: &Scope) -> Value {
    json!({
        "Sid": DELEGATES, "Effect": "Allow", "Principal": { "AWS": scope.account }, "Action": "kms:*", "Resource": "*",
    })
}

/// Does it leave the key to IAM, whatever it is called?
fn delegates(statement: &Value, scope: &Scope) -> bool {
    let mut all = root(scope);
    all["Sid"] = statement.get("Sid").cloned().unwrap_or_default();
    if all["Sid"].is_null()
        && let Value::Object(map) = &mut all
    {
        map.remove("Sid");
    }
    *statement == all
}

/// The whole policy, with the account's statement.
pub(super) fn document(scope: &Scope, own: Option<&Policy>) -> Policy {
    let own = own.map(|own| own.of_one("*"));
    let more = own.iter().flat_map(|own| own.statements().iter().cloned());
    Policy::of(&[root(scope)].into_iter().chain(more).collect::<Vec<_>>())
}

/// A policy as AWS returns it: what there is beside the account's statement, and whether that is there.
pub(super) fn parse(text: &str, scope: &Scope) -> Result<(Option<Policy>, bool), Error> {
    let mut policy = Policy::parse(text)?;
    let all = policy.statements().to_vec();
    let more: Vec<Value> = all.iter().filter(|statement| !delegates(statement, scope)).cloned().collect();
    let whole = more.len() < all.len();
    if more.is_empty() {
        return Ok((None, whole));
    }
    policy = policy.with(&more);
    policy.leave_out_one("*");
    // It names the document for people: the first one of each key has one.
    if let Value::Object(map) = &mut policy.0 {
        map.remove("Id");
    }
    Ok((Some(policy), whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let text = |text: &str| text.to_owned();
        let (partition, account, region) = (text("aws"), text("111122223333"), text("us-east-1"));
        Scope { partition, account, region, stack: text("s"), stack_id: text("1") }
    }

    #[test]
    fn the_policy_of_a_new_key_says_nothing_of_its_own() {
        let first = json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
            "Sid": DELEGATES, "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
            "Action": "kms:*", "Resource": "*",
        }] });
        assert_eq!(parse(&first.to_string(), &scope()).unwrap(), (None, true));
        assert_eq!(parse(&document(&scope(), None).text(), &scope()).unwrap(), (None, true));
    }

    #[test]
    fn statements_of_its_own_are_read_back() {
        let mut own = Policy(json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "logs.us-east-1.amazonaws.com" }, "Action": "kms:Decrypt*",
        }] }));
        own.normalize();
        let text = document(&scope(), Some(&own)).text();
        assert_eq!(parse(&text, &scope()).unwrap(), (Some(own.clone()), true));
        // Somebody took the account's statement out.
        let alone = own.of_one("*").text();
        assert_eq!(parse(&alone, &scope()).unwrap(), (Some(own), false));
    }
}
