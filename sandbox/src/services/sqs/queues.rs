//! Queues: made by name, changed attribute by attribute, and forgotten a minute after they were deleted.

use std::time::Duration;

use super::attributes::{self, Attributes};
use super::messages::Message;
use super::{missing, named};
use crate::life::after;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateQueue", create),
    write("DeleteQueue", delete),
    read("GetQueueUrl", url_of),
    read("ListQueues", list),
    read("GetQueueAttributes", get),
    write("SetQueueAttributes", set),
    write("TagQueue", tag),
    write("UntagQueue", untag),
    read("ListQueueTags", tags),
];

/// So long the name of a deleted queue stays taken.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) name: String,
    created: Timestamp,
    modified: Timestamp,
    deleted: Option<Timestamp>,
    pub(super) attributes: Attributes,
    pub(super) messages: Vec<Message>,
    tags: Tags,
}

impl Object for Queue {
    const KIND: &'static str = "sqs/queue";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.deleted.map(|at| after(at, FORGOTTEN))
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("sqs".to_owned(), self.name.clone()))
    }
    fn is_hidden(&self, _now: Timestamp) -> bool {
        self.deleted.is_some()
    }
}

impl Queue {
    pub(super) fn number(&self, attribute: &str) -> i64 {
        self.attributes.get(attribute).and_then(|value| value.parse().ok()).unwrap_or_default()
    }
}

fn url(call: &Call<'_>, name: &str) -> String {
    let end = if call.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{}.{end}/{}/{name}", call.region, call.account())
}

/// The attributes of a request.
fn given(call: &mut Call<'_>) -> Result<Attributes, ApiError> {
    let map = call.params.child_opt("Attributes")?.map(|mut map| map.rest()).unwrap_or_default();
    let text = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
    map.into_iter().map(text).collect::<Option<_>>().ok_or_else(|| call.invalid("An attribute is a text."))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (name, given, tags) = (call.params.text("QueueName")?, given(call)?, tagged::take(call)?);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(plain) {
        let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(call.invalid(message));
    }
    let reply = Reply::json(json!({"QueueUrl": url(call, &name)}));
    if let Some(old) = call.get::<Queue>(&name) {
        if old.deleted.is_some() {
            let message =
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
            return Err(ApiError::bad("AWS.SimpleQueueService.QueueDeletedRecently", message));
        }
        let differs = |(key, value): &(&String, &String)| {
            !attributes::same(old.attributes.get(*key).map_or("", String::as_str), value)
        };
        return match given.iter().find(differs) {
            Some((key, _)) => {
                let message =
                    format!("A queue already exists with the same name and a different value for attribute {key}");
                Err(ApiError::bad("QueueAlreadyExists", message))
            }
            // The tags of a call count for a new queue only.
            None => Ok(reply),
        };
    }
    let mut all = attributes::usual();
    attributes::set(call, &name, &mut all, given)?;
    let (created, modified) = (call.now, call.now);
    call.put(Queue { name, created, modified, deleted: None, attributes: all, messages: Vec::new(), tags });
    Ok(reply)
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let queue = named(call)?;
    call.put(Queue { deleted: Some(call.now), messages: Vec::new(), ..queue });
    Ok(Reply::empty())
}

fn url_of(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("QueueName")?;
    let owner = call.params.text_opt("QueueOwnerAWSAccountId")?;
    let here = owner.is_none_or(|owner| owner == call.account());
    let found = call.see::<Queue>(&name).filter(|_| here);
    found.map(|_| Reply::json(json!({"QueueUrl": url(call, &name)}))).ok_or_else(missing)
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let prefix = call.params.text_opt("QueueNamePrefix")?.unwrap_or_default();
    let page = Page::take(call, 1000)?;
    let found = call.seen::<Queue>().filter(|queue| queue.name.starts_with(&prefix));
    Ok(page.reply(found, |queue| &queue.name, |queue| url(call, &queue.name).into()))
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let queue = named(call)?;
    let asked = call.params.texts("AttributeNames")?;
    let count = |wanted: fn(&Message, Timestamp) -> bool| {
        queue.messages.iter().filter(|it| wanted(it, call.now)).count().to_string()
    };
    let mut all = queue.attributes.clone();
    all.extend([
        ("QueueArn".to_owned(), call.arn(&queue.name)),
        ("CreatedTimestamp".to_owned(), queue.created.as_second().to_string()),
        ("LastModifiedTimestamp".to_owned(), queue.modified.as_second().to_string()),
        ("ApproximateNumberOfMessages".to_owned(), count(Message::is_visible)),
        ("ApproximateNumberOfMessagesNotVisible".to_owned(), count(Message::is_taken)),
        ("ApproximateNumberOfMessagesDelayed".to_owned(), count(Message::is_delayed)),
    ]);
    all.retain(|name, _| asked.iter().any(|one| one == "All" || one == name));
    Ok(Reply::json(if all.is_empty() { json!({}) } else { json!({"Attributes": all}) }))
}

fn set(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut queue, given) = (named(call)?, given(call)?);
    attributes::set(call, &queue.name, &mut queue.attributes, given)?;
    call.put(Queue { modified: call.now, ..queue });
    Ok(Reply::empty())
}

fn tag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut queue, new) = (named(call)?, tagged::take(call)?);
    queue.tags.extend(new);
    if queue.tags.len() > 50 {
        return Err(call.invalid("Too many tags added for queue. Maximum is 50."));
    }
    call.put(queue);
    Ok(Reply::empty())
}

fn untag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut queue = named(call)?;
    let keys = call.params.texts("TagKeys")?;
    queue.tags.retain(|key, _| !keys.contains(key));
    call.put(queue);
    Ok(Reply::empty())
}

fn tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let queue = named(call)?;
    Ok(Reply::json(if queue.tags.is_empty() { json!({}) } else { json!({"Tags": queue.tags}) }))
}
