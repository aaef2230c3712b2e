//! Tags of what Systems Manager knows by its name.
use super::{OneByOne, Tags, by_arn};
use crate::aws::{Aws, Error};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Parameters of Parameter Store.
pub static PARAMETERS: Parameters = Parameters(());

/// See [`PARAMETERS`].
#[derive(Debug)]
pub struct Parameters(());

impl OneByOne for Parameters {
    async fn tags(&self, aws: &Aws, name: &str) -> Result<Tags, Error> {
        let input = json!({ "ResourceType": "Parameter", "ResourceId": name });
        let answer: Value = aws.ssm().call("ListTagsForResource", &input).await?;
        Ok(by_arn::of_pairs(&answer["TagList"]))
    }

    async fn change(&self, aws: &Aws, name: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        let ssm = aws.ssm();
        if !set.is_empty() {
            let tags = by_arn::pairs(set);
            let input = json!({ "ResourceType": "Parameter", "ResourceId": name, "Tags": tags });
            ssm.call::<IgnoredAny>("AddTagsToResource", &input).await?;
        }
        if !remove.is_empty() {
            let input = json!({ "ResourceType": "Parameter", "ResourceId": name, "TagKeys": remove });
            ssm.call::<IgnoredAny>("RemoveTagsFromResource", &input).await?;
        }
        Ok(())
    }
}
