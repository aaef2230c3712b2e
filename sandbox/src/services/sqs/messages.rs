//! Messages: sent, received for a while, deleted, or passed on to another queue when they were received too often.

use std::time::Duration;

use md5::{Digest, Md5};

use super::attributes;
use super::named;
use super::queues::Queue;
use crate::life::after;
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("SendMessage", send),
    write("ReceiveMessage", receive),
    write("DeleteMessage", delete),
    write("PurgeQueue", purge),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    id: String,
    body: String,
    sent: Timestamp,
    /// When it can be received.
    visible: Timestamp,
    first: Option<Timestamp>,
    received: i64,
    receipt: String,
}

impl Message {
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        self.visible <= now
    }
    pub(super) fn is_taken(&self, now: Timestamp) -> bool {
        self.visible > now && self.received > 0
    }
    pub(super) fn is_delayed(&self, now: Timestamp) -> bool {
        self.visible > now && self.received == 0
    }
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

fn digest(body: &str) -> String {
    Md5::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn message(id: String, body: String, sent: Timestamp, delay: i64) -> Message {
    Message { id, body, sent, visible: after(sent, seconds(delay)), first: None, received: 0, receipt: String::new() }
}

fn send(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut queue = named(call)?;
    let (body, delay) = (call.params.text("MessageBody")?, call.params.int_opt("DelaySeconds")?);
    if body.is_empty() || i64::try_from(body.len()).is_ok_and(|size| size > queue.number("MaximumMessageSize")) {
        let message =
            "One or more parameters are invalid. Reason: Message must be at least one character and not too long.";
        return Err(call.invalid(message));
    }
    let (id, md5) = (call.world.new_uuid(), digest(&body));
    queue.messages.push(message(id.clone(), body, call.now, delay.unwrap_or_else(|| queue.number("DelaySeconds"))));
    call.put(queue);
    Ok(Reply::json(json!({"MessageId": id, "MD5OfMessageBody": md5})))
}

fn receive(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut queue, now) = (named(call)?, call.now);
    let most = usize::try_from(call.params.int_opt("MaxNumberOfMessages")?.unwrap_or(1)).unwrap_or(0);
    if !(1..=10).contains(&most) {
        return Err(
            call.invalid("Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10.")
        );
    }
    let hidden = call.params.int_opt("VisibilityTimeout")?.unwrap_or_else(|| queue.number("VisibilityTimeout"));
    // Nobody waits here: time goes on between requests.
    call.params.int_opt("WaitTimeSeconds")?;
    let asked = [call.params.texts("AttributeNames")?, call.params.texts("MessageSystemAttributeNames")?].concat();
    call.params.texts("MessageAttributeNames")?;
    let kept = seconds(queue.number("MessageRetentionPeriod"));
    queue.messages.retain(|it| after(it.sent, kept) > now);
    let dead = queue.attributes.get("RedrivePolicy").and_then(|policy| attributes::redrive(policy));
    let (mut shown, mut passed) = (Vec::new(), Vec::new());
    let waiting = std::mem::take(&mut queue.messages);
    for mut it in waiting {
        if !it.is_visible(now) || shown.len() == most {
            queue.messages.push(it);
        } else if dead.as_ref().is_some_and(|(_, count)| it.received >= *count) {
            passed.push(Message { visible: now, received: 0, first: None, ..it });
        } else {
            it.received += 1;
            it.first.get_or_insert(now);
            (it.visible, it.receipt) = (after(now, seconds(hidden)), call.world.new_hex(40));
            shown.push(view(&it, &asked));
            queue.messages.push(it);
        }
    }
    call.put(queue);
    if let Some((arn, _)) = dead.filter(|_| !passed.is_empty()) {
        let name = arn.rsplit(':').next().unwrap_or_default();
        call.update::<Queue>(name, |queue| queue.messages.extend(passed));
    }
    Ok(Reply::json(if shown.is_empty() { json!({}) } else { json!({"Messages": shown}) }))
}

fn view(it: &Message, asked: &[String]) -> Value {
    let first = it.first.map(|at| at.as_millisecond().to_string()).unwrap_or_default();
    let all = [
        ("ApproximateReceiveCount", it.received.to_string()),
        ("ApproximateFirstReceiveTimestamp", first),
        ("SentTimestamp", it.sent.as_millisecond().to_string()),
    ];
    let wanted = all.into_iter().filter(|(name, _)| asked.iter().any(|one| one == "All" || one == name));
    let attributes: Tags = wanted.map(|(name, value)| (name.to_owned(), value)).collect();
    json!({
        "MessageId": it.id, "ReceiptHandle": it.receipt, "MD5OfBody": digest(&it.body), "Body": it.body,
        "Attributes": Some(attributes).filter(|all| !all.is_empty()),
    })
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut queue = named(call)?;
    let receipt = call.params.text("ReceiptHandle")?;
    if receipt.len() != 40 {
        return Err(ApiError::bad("ReceiptHandleIsInvalid", "The input receipt handle is not a valid receipt handle."));
    }
    queue.messages.retain(|it| it.receipt != receipt);
    call.put(queue);
    Ok(Reply::empty())
}

fn purge(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let queue = named(call)?;
    call.update::<Queue>(&queue.name, |queue| queue.messages.clear());
    Ok(Reply::empty())
}
