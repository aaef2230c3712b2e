//! Messages: published, and brought to every queue that is subscribed.

use super::named;
use super::subscriptions::Subscription;
use super::topics::Topic;
use crate::policy;
use crate::services::prelude::*;
use crate::services::sqs;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[write("Publish", publish)];

/// By this name policies let the service in.
const SELF: &str = "sns.amazonaws.com";

fn publish(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let topic = named(call, if call.params.has("TopicArn") { "TopicArn" } else { "TargetArn" })?;
    let (message, subject) = (call.params.text("Message")?, call.params.text_opt("Subject")?);
    if message.is_empty() {
        return Err(super::invalid("Empty message"));
    }
    let (arn, region) = (call.arn(&topic.name), call.region.to_owned());
    let id = send(call.world, &region, &topic.name, &arn, subject.as_deref(), &message);
    Ok(Reply::json(json!({"MessageId": id})))
}

fn send(world: &mut World, region: &str, topic: &str, arn: &str, subject: Option<&str>, message: &str) -> String {
    let id = world.new_uuid();
    let mut envelope = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": arn, "Message": message,
        "Timestamp": world.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), "SignatureVersion": "1",
    });
    if let Some(subject) = subject {
        envelope["Subject"] = subject.into();
    }
    let queues = world.all::<Subscription>(region).filter(|it| it.topic == topic && it.protocol == "sqs");
    let queues: Vec<String> = queues.map(|it| it.endpoint.clone()).collect();
    for queue in queues {
        sqs::deliver(world, region, &queue, SELF, &envelope.to_string());
    }
    id
}

/// Publishes what another service sends; false where there is no topic with this ARN, or its policy does not let the
/// service in, or its key is AWS's own, which no service may use for another.
pub(in crate::services) fn deliver(world: &mut World, region: &str, arn: &str, service: &str, message: &str) -> bool {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let open = world.get::<Topic>(region, name).is_some_and(|topic| {
        let text = |attribute: &str| topic.attributes.get(attribute).map_or("", String::as_str);
        let own = service == "cloudwatch.amazonaws.com" && is_for(text("Policy"), &world.config.account);
        (own || policy::lets_in(text("Policy"), service, "sns:Publish")) && text("KmsMasterKeyId") != "alias/aws/sns"
    });
    if open {
        send(world, region, name, arn, None, message);
    }
    open
}

/// Whether a policy has what every topic begins with: its account may publish, and alarms act for their account.
fn is_for(policy: &str, account: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let is_it = |statement: &Value| {
        statement["Effect"] == "Allow" && statement["Condition"]["StringEquals"]["AWS:SourceOwner"] == account
    };
    policy["Statement"].as_array().is_some_and(|statements| statements.iter().any(is_it))
}
