//! Subscriptions: who is told what is published. People and web servers must say first that they want to be.

use std::time::Duration;

use super::{invalid, named, topics::Topic};
use crate::life::after;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("Subscribe", subscribe),
    write("ConfirmSubscription", confirm),
    write("Unsubscribe", unsubscribe),
    read("ListSubscriptionsByTopic", list),
];

/// So long a subscription waits for its confirmation.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3600);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) arn: String,
    created: Timestamp,
    /// The topic's name.
    pub(super) topic: String,
    pub(super) protocol: String,
    pub(super) endpoint: String,
    pub(super) pending: bool,
    /// What stands in the mail.
    token: String,
}

impl Object for Subscription {
    const KIND: &'static str = "sns/subscription";
    fn id(&self) -> &str {
        &self.arn
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.pending.then(|| after(self.created, PATIENCE))
    }
}

fn subscribe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let topic: Topic = named(call, "TopicArn")?;
    let (protocol, endpoint) = (call.params.text("Protocol")?, call.params.text_opt("Endpoint")?.unwrap_or_default());
    let whole = call.params.flag("ReturnSubscriptionArn")?;
    let arn_of = |service: &str| endpoint.starts_with(&format!("arn:{}:{service}:", call.partition()));
    let (fits, wrong) = match protocol.as_str() {
        "email" | "email-json" => (endpoint.contains('@'), "Email address"),
        "https" | "http" => {
            (endpoint.starts_with(&format!("{protocol}://")), "Endpoint must match the specified protocol")
        }
        "sqs" => (arn_of("sqs"), "SQS endpoint ARN"),
        "lambda" => (arn_of("lambda"), "Lambda endpoint ARN"),
        "sms" | "application" | "firehose" => {
            return Err(ApiError::not_implemented(format!("subscriptions by {protocol}")));
        }
        other => return Err(invalid(format!("Amazon SNS does not support this protocol string: {other}"))),
    };
    if !fits {
        return Err(invalid(wrong));
    }
    let same = |it: &&Subscription| it.topic == topic.name && it.protocol == protocol && it.endpoint == endpoint;
    let known = call.all::<Subscription>().find(same).cloned();
    let it = known.unwrap_or_else(|| {
        let (id, token) = (call.world.new_uuid(), call.world.new_hex(64));
        let arn = call.arn(format_args!("{}:{id}", topic.name));
        let pending = !matches!(protocol.as_str(), "sqs" | "lambda");
        Subscription { arn, created: call.now, topic: topic.name, protocol, endpoint, pending, token }
    });
    let told = if it.pending && !whole { "pending confirmation".to_owned() } else { it.arn.clone() };
    call.put(it);
    Ok(Reply::json(json!({"SubscriptionArn": told})))
}

fn confirm(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let topic = named(call, "TopicArn")?;
    let token = call.params.text("Token")?;
    call.params.text_opt("AuthenticateOnUnsubscribe")?;
    let found = call.all::<Subscription>().find(|it| it.topic == topic.name && it.token == token).cloned();
    let it = found.ok_or_else(|| invalid("Token"))?;
    let arn = it.arn.clone();
    call.put(Subscription { pending: false, ..it });
    Ok(Reply::json(json!({"SubscriptionArn": arn})))
}

fn unsubscribe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("SubscriptionArn")?;
    if arn.split(':').count() < 7 {
        return Err(invalid(format!(
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not {}",
            arn.split(':').count()
        )));
    }
    if call.get::<Subscription>(&arn).is_some_and(|it| it.pending) {
        return Err(invalid("This operation is not supported for a subscription that is pending confirmation"));
    }
    // One that is not there is ended too.
    call.remove::<Subscription>(&arn);
    Ok(Reply::empty())
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let topic = named(call, "TopicArn")?;
    let page = Page::take(call, 100)?;
    let shown = |it: &&Subscription| {
        let arn = if it.pending { "PendingConfirmation" } else { &it.arn };
        json!({
            "SubscriptionArn": arn, "Owner": call.account(), "Protocol": it.protocol, "Endpoint": it.endpoint,
            "TopicArn": call.arn(&topic.name),
        })
    };
    Ok(page.reply(call.seen::<Subscription>().filter(|it| it.topic == topic.name), |it| &it.arn, shown))
}
