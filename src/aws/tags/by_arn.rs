//! Tags of services that know objects by ARN, which most of the newer ones do.
use super::{OneByOne, Tags};
use crate::aws::{Aws, Error, json::Json};
use aws_sdk_fsx::types::Tag;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// File systems, and what belongs to them.
pub static FSX: Fsx = Fsx(());
/// Log groups.
pub static LOGS: JsonTags =
    JsonTags { service: Aws::logs, calls: USUAL, arn: "resourceArn", tags: "tags", keys: "tagKeys", listed: false };
/// Alarms and dashboards.
pub static CLOUDWATCH: JsonTags = JsonTags {
    service: Aws::cloudwatch,
    calls: USUAL,
    arn: "ResourceARN",
    tags: "Tags",
    keys: "TagKeys",
    listed: true,
};
/// Endpoints, their configurations and models.
pub static SAGEMAKER: JsonTags = JsonTags {
    service: Aws::sagemaker,
    calls: ["ListTags", "AddTags", "DeleteTags"],
    arn: "ResourceArn",
    tags: "Tags",
    keys: "TagKeys",
    listed: true,
};

/// What most services call it to read, set and remove tags.
const USUAL: [&str; 3] = ["ListTagsForResource", "TagResource", "UntagResource"];

/// Rules for events.
pub static EVENTS: JsonTags =
    JsonTags { service: Aws::events, calls: USUAL, arn: "ResourceARN", tags: "Tags", keys: "TagKeys", listed: true };
/// Queues.
pub static QUEUES: Queues = Queues(());

/// Topics.
pub static TOPICS: Topics = Topics(());

/// See [`FSX`].
#[derive(Debug)]
pub struct Fsx(());

impl OneByOne for Fsx {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let found = aws.fsx().list_tags_for_resource().resource_arn(arn).send().await?.tags.unwrap_or_default();
        Ok(found.into_iter().map(|t| (t.key.unwrap_or_default(), t.value.unwrap_or_default())).collect())
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        if !set.is_empty() {
            let tags = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
            aws.fsx().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
        }
        if !remove.is_empty() {
            aws.fsx().untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }
}

/// See [`QUEUES`].
#[derive(Debug)]
pub struct Queues(());

impl Queues {
    /// SQS knows a queue by its URL, which is made of the same words as its ARN.
    fn url(arn: &str) -> Result<String, Error> {
        let [_, partition, _, region, account, name] = arn.split(':').collect::<Vec<_>>()[..] else {
            return Err(Error::bug(format!("`{arn}` is not the ARN of a queue")));
        };
        let end = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        Ok(format!("https://sqs.{region}.{end}/{account}/{name}"))
    }
}

impl OneByOne for Queues {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let mut answer: Value = aws.sqs().call("ListQueueTags", &json!({ "QueueUrl": Self::url(arn)? })).await?;
        // Without tags it is left out.
        Ok(serde_json::from_value(answer["Tags"].take()).unwrap_or_default())
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        let url = Self::url(arn)?;
        if !set.is_empty() {
            aws.sqs().call::<IgnoredAny>("TagQueue", &json!({ "QueueUrl": url, "Tags": set })).await?;
        }
        if !remove.is_empty() {
            aws.sqs().call::<IgnoredAny>("UntagQueue", &json!({ "QueueUrl": url, "TagKeys": remove })).await?;
        }
        Ok(())
    }
}

/// See [`TOPICS`].
#[derive(Debug)]
pub struct Topics(());

impl OneByOne for Topics {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let found = aws.sns().list_tags_for_resource().resource_arn(arn).send().await?.tags.unwrap_or_default();
        Ok(found.into_iter().map(|t| (t.key, t.value)).collect())
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        if !set.is_empty() {
            let tags = set.iter().map(|(k, v)| aws_sdk_sns::types::Tag::builder().key(k).value(v).build());
            let tags = tags.collect::<Result<_, _>>().map_err(|e| Error::bug(e.to_string()))?;
            aws.sns().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
        }
        if !remove.is_empty() {
            aws.sns().untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }
}

/// A service that speaks JSON, and knows one object in each call.
#[derive(Debug)]
pub struct JsonTags {
    service: fn(&Aws) -> Json<'_>,
    /// What it calls reading, setting and removing tags.
    calls: [&'static str; 3],
    /// What it calls the ARN.
    arn: &'static str,
    /// What it calls the tags, in requests and in the answer.
    tags: &'static str,
    /// What it calls the keys that go.
    keys: &'static str,
    /// Are tags a list of `Key` and `Value`? Otherwise they are a map.
    listed: bool,
}

/// Tags as a list of `Key` and `Value`.
pub fn pairs(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A list of `Key` and `Value` as tags.
pub(super) fn of_pairs(list: &Value) -> Tags {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pair = |one: &Value| Some((text(&one["Key"])?, text(&one["Value"]).unwrap_or_default()));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

impl OneByOne for JsonTags {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let mut answer: Value = (self.service)(aws).call(self.calls[0], &json!({ self.arn: arn })).await?;
        let found = answer.get_mut(self.tags).map(Value::take).unwrap_or_default();
        Ok(if self.listed { of_pairs(&found) } else { serde_json::from_value(found).unwrap_or_default() })
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        let service = (self.service)(aws);
        if !set.is_empty() {
            let tags = if self.listed { pairs(set) } else { json!(set) };
            service.call::<IgnoredAny>(self.calls[1], &json!({ self.arn: arn, self.tags: tags })).await?;
        }
        if !remove.is_empty() {
            service.call::<IgnoredAny>(self.calls[2], &json!({ self.arn: arn, self.keys: remove })).await?;
        }
        Ok(())
    }
}
