//! Topics: made by name, changed attribute by attribute.

use std::collections::BTreeMap;

use super::subscriptions::Subscription;
use super::{invalid, named};
use crate::iam_model::is_principal;
use crate::policy::{self, Use};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateTopic", create),
    write("DeleteTopic", delete),
    read("GetTopicAttributes", get),
    write("SetTopicAttributes", set),
    read("ListTopics", list),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Topic {
    pub(super) name: String,
    created: Timestamp,
    pub(super) attributes: BTreeMap<String, String>,
    tags: Tags,
}

object!(Topic, "sns/topic", name, tags of "sns" "{name}");

/// What an account may do with its own topic, and the services that act for it: the policy of a topic of which nobody
/// says anything else.
fn usual_policy(call: &Call<'_>, name: &str) -> String {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    let statement = json!({
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": actions.map(|action| format!("SNS:{action}")), "Resource": call.arn(name),
        "Condition": {"StringEquals": {"AWS:SourceOwner": call.account()}},
    });
    json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).to_string()
}

/// An attribute as it is kept; nothing = it is taken away.
fn checked(call: &Call<'_>, topic: &str, name: &str, value: String) -> Result<Option<String>, ApiError> {
    match name {
        "Policy" if value.is_empty() => Ok(Some(usual_policy(call, topic))),
        "Policy" => {
            let document = policy::check(&value, Use::Object).map_err(|_| invalid("Policy Error: null"))?;
            let is_known = |arn: &str| is_principal(call.world, arn, call.now);
            if policy::unknown_role(&document, call.partition(), &call.account(), is_known).is_some() {
                return Err(invalid("Policy Error: PrincipalNotFound"));
            }
            Ok(Some(policy::with_roots(document, call.partition()).unwrap_or(value)))
        }
        // Keys are not simulated: every name of one stands for one that may be used.
        "DisplayName" | "KmsMasterKeyId" => Ok(Some(value).filter(|value| !value.is_empty())),
        "SignatureVersion" if matches!(value.as_str(), "1" | "2") => Ok(Some(value)),
        "SignatureVersion" => Err(invalid("SignatureVersion")),
        "DeliveryPolicy" | "TracingConfig" | "FifoTopic" | "ContentBasedDeduplication" | "ArchivePolicy" => {
            Err(ApiError::not_implemented(format!("topics with {name}")))
        }
        _ => Err(invalid("AttributeName")),
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let given = call.params.child_opt("Attributes")?.map(|mut map| map.rest()).unwrap_or_default();
    let tags = tagged::take(call)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
        return Err(invalid("Topic Name"));
    }
    let mut attributes = BTreeMap::from([("Policy".to_owned(), usual_policy(call, &name))]);
    for (key, value) in given {
        let value = value.as_str().unwrap_or_default().to_owned();
        if let Some(value) = checked(call, &name, &key, value)? {
            attributes.insert(key, value);
        }
    }
    if let Some(old) = call.get::<Topic>(&name) {
        if !tags.is_empty() && tags != old.tags {
            return Err(invalid("Tags Reason: Topic already exists with different tags"));
        }
        if attributes.iter().any(|(key, value)| key != "Policy" && old.attributes.get(key) != Some(value)) {
            return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
        }
    } else {
        call.put(Topic { name: name.clone(), created: call.now, attributes, tags });
    }
    Ok(Reply::json(json!({"TopicArn": call.arn(name)})))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    // One that is not there is deleted too.
    let Ok(topic) = named(call, "TopicArn") else { return Ok(Reply::empty()) };
    let subscriptions = call.all::<Subscription>().filter(|it| it.topic == topic.name);
    let arns: Vec<String> = subscriptions.map(|it| it.arn.clone()).collect();
    arns.iter().for_each(|arn| call.remove::<Subscription>(arn));
    call.remove::<Topic>(&topic.name);
    Ok(Reply::empty())
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let topic = named(call, "TopicArn")?;
    let own = call.all::<Subscription>().filter(|it| it.topic == topic.name);
    let (pending, confirmed): (Vec<_>, Vec<_>) = own.partition(|it| it.pending);
    let mut all = topic.attributes.clone();
    all.entry("DisplayName".to_owned()).or_default();
    all.extend([
        ("TopicArn".to_owned(), call.arn(&topic.name)),
        ("Owner".to_owned(), call.account()),
        ("SubscriptionsConfirmed".to_owned(), confirmed.len().to_string()),
        ("SubscriptionsPending".to_owned(), pending.len().to_string()),
        ("SubscriptionsDeleted".to_owned(), "0".to_owned()),
    ]);
    Ok(Reply::json(json!({"Attributes": all})))
}

fn set(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut topic = named(call, "TopicArn")?;
    let name = call.params.text("AttributeName")?;
    let value = call.params.text_opt("AttributeValue")?.unwrap_or_default();
    match checked(call, &topic.name, &name, value)? {
        Some(value) => topic.attributes.insert(name, value),
        None => topic.attributes.remove(&name),
    };
    call.put(topic);
    Ok(Reply::empty())
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let shown = |topic: &&Topic| json!({"TopicArn": call.arn(&topic.name)});
    Ok(page.reply(call.seen::<Topic>(), |topic| &topic.name, shown))
}
