//! Tags of KMS, which has words of its own for them.
use super::{OneByOne, Tags};
use crate::aws::{Aws, Error};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Keys.
pub static KEYS: Keys = Keys(());

/// See [`KEYS`].
#[derive(Debug)]
pub struct Keys(());

/// Tags as KMS takes them.
pub fn key_pairs(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect()
}

impl OneByOne for Keys {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let answer: Value = aws.kms().call("ListResourceTags", &json!({ "KeyId": arn, "Limit": 50 })).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pair = |one: &Value| Some((text(&one["TagKey"])?, text(&one["TagValue"]).unwrap_or_default()));
        Ok(answer["Tags"].as_array().into_iter().flatten().filter_map(pair).collect())
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        if !set.is_empty() {
            let input = json!({ "KeyId": arn, "Tags": key_pairs(set) });
            aws.kms().call::<IgnoredAny>("TagResource", &input).await?;
        }
        if !remove.is_empty() {
            let input = json!({ "KeyId": arn, "TagKeys": remove });
            aws.kms().call::<IgnoredAny>("UntagResource", &input).await?;
        }
        Ok(())
    }
}
