//! Tags of services that know their operations by path, with the object's ARN in it.
use super::{OneByOne, Tags, by_arn::of_pairs, pairs};
use crate::aws::{
    Aws, Error,
    json::{
        Json,
        rest::{Rest, segment},
    },
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Functions.
pub static FUNCTIONS: RestTags =
    RestTags { service: Aws::lambda, read: "ListTags", path: "/2017-03-31/tags/", keys: "tagKeys", listed: false };
/// Groups of schedules; a schedule itself has no tags.
pub static SCHEDULE_GROUPS: RestTags =
    RestTags { service: Aws::scheduler, read: "ListTagsForResource", path: "/tags/", keys: "TagKeys", listed: true };

/// A service whose paths have the object in them.
#[derive(Debug)]
pub struct RestTags {
    service: fn(&Aws) -> Json<'_>,
    /// What reading tags is called.
    read: &'static str,
    /// What stands before the ARN.
    path: &'static str,
    /// What the keys that go are called in a query.
    keys: &'static str,
    /// Are tags a list of `Key` and `Value`? Otherwise they are a map.
    listed: bool,
}

impl OneByOne for RestTags {
    const BY_ARN: bool = true;

    async fn tags(&self, aws: &Aws, arn: &str) -> Result<Tags, Error> {
        let path = format!("{}{}", self.path, segment(arn));
        let mut answer: Value = (self.service)(aws).rest(self.read, Rest::get(path)).await?;
        let found = answer.get_mut("Tags").map(Value::take).unwrap_or_default();
        Ok(if self.listed { of_pairs(&found) } else { serde_json::from_value(found).unwrap_or_default() })
    }

    async fn change(&self, aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        let (service, path) = ((self.service)(aws), format!("{}{}", self.path, segment(arn)));
        if !set.is_empty() {
            let tags = if self.listed { pairs(set) } else { json!(set) };
            let ask = Rest::post(path.clone(), json!({ "Tags": tags }));
            service.rest::<IgnoredAny>("TagResource", ask).await?;
        }
        if !remove.is_empty() {
            let keys: Vec<String> = remove.iter().map(|key| format!("{}={}", self.keys, segment(key))).collect();
            let ask = Rest::delete(format!("{path}?{}", keys.join("&")));
            service.rest::<IgnoredAny>("UntagResource", ask).await?;
        }
        Ok(())
    }
}
