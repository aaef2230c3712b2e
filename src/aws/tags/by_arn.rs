//! Tags of services that know objects by ARN, which most of the newer ones do. An object has 50 tags at most: one page.
use super::{Tagger, Tags};
use crate::aws::{Aws, Error, json::Json};
use aws_sdk_fsx::types::Tag;
use futures_util::future::BoxFuture;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// File systems, and what belongs to them.
pub static FSX: Fsx = Fsx(());
/// Log groups.
pub static LOGS: JsonTags = JsonTags { service: Aws::logs, arn: "resourceArn", tags: "tags", keys: "tagKeys" };

/// See [`FSX`].
#[derive(Debug)]
pub struct Fsx(());

impl Tagger for Fsx {
    fn by_arn(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out = BTreeMap::new();
            for arn in ids {
                let found = aws.fsx().list_tags_for_resource().resource_arn(arn).send().await?.tags.unwrap_or_default();
                let tags = found.into_iter().map(|t| (t.key.unwrap_or_default(), t.value.unwrap_or_default()));
                out.insert(arn.clone(), tags.collect());
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for arn in ids {
                if !set.is_empty() {
                    let tags = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
                    aws.fsx().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
                }
                if !remove.is_empty() {
                    let keys = Some(remove.to_vec());
                    aws.fsx().untag_resource().resource_arn(arn).set_tag_keys(keys).send().await?;
                }
            }
            Ok(())
        })
    }
}

/// A service that speaks JSON, with TagResource, UntagResource and ListTagsForResource, and a map of tags.
#[derive(Debug)]
pub struct JsonTags {
    service: fn(&Aws) -> Json<'_>,
    /// What it calls the ARN.
    arn: &'static str,
    /// What it calls the map, in requests and in the answer.
    tags: &'static str,
    /// What it calls the keys that go.
    keys: &'static str,
}

impl Tagger for JsonTags {
    fn by_arn(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out = BTreeMap::new();
            for arn in ids {
                let input = json!({ self.arn: arn });
                let mut answer: Value = (self.service)(aws).call("ListTagsForResource", &input).await?;
                let tags = answer.get_mut(self.tags).map(Value::take).unwrap_or_default();
                out.insert(arn.clone(), serde_json::from_value(tags).unwrap_or_default());
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let service = (self.service)(aws);
            for arn in ids {
                if !set.is_empty() {
                    let input = json!({ self.arn: arn, self.tags: set });
                    service.call::<IgnoredAny>("TagResource", &input).await?;
                }
                if !remove.is_empty() {
                    let input = json!({ self.arn: arn, self.keys: remove });
                    service.call::<IgnoredAny>("UntagResource", &input).await?;
                }
            }
            Ok(())
        })
    }
}
