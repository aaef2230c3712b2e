//! The policy of a bucket: the statement that is always there, and those of its author.
use super::arn;
use crate::kinds::policy::Policy;
use serde_json::{Map, Value, json};

/// The statement that dlinfra adds to every bucket policy.
pub(super) const TLS_ONLY: &str = "DlinfraTlsOnly";

/// The whole bucket policy: the author's statements and the one that is always there.
pub(super) fn document(partition: &str, name: &str, own: Option<&Policy>) -> Policy {
    let everything = resources(partition, name);
    let mut statements = vec![tls_only(&everything)];
    for statement in own.map(Policy::statements).unwrap_or_default() {
        let mut statement = statement.clone();
        if let Value::Object(map) = &mut statement
            && !map.contains_key("Resource")
            && !map.contains_key("NotResource")
        {
            map.insert("Resource".to_owned(), everything.clone());
        }
        statements.push(statement);
    }
    // Version and id are the author's.
    own.map_or_else(|| Policy::of(&statements), |own| own.with(&statements))
}

pub(super) fn tls_only(everything: &Value) -> Value {
    json!({
        "Sid": TLS_ONLY, "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "s3:*", "Resource": everything,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

/// Are two statements the same but for the resources?
pub(super) fn says_the_same(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    let rest = |map: &Map<String, Value>| -> Map<String, Value> {
        map.iter().filter(|(key, _)| *key != "Resource").map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    rest(one) == rest(other)
}

/// The bucket and everything in it.
pub(super) fn resources(partition: &str, name: &str) -> Value {
    let arn = arn(partition, name);
    json!([arn, format!("{arn}/*")])
}
