//! What other services send to queues.

use super::messages::message;
use super::queues::Queue;
use crate::policy;
use crate::store::{Object, World};

/// Puts what another service sends into the queue with this ARN; false where there is none, or its policy does not let
/// the service in, or its key is AWS's own, which no service may use for another.
pub(in crate::services) fn deliver(world: &mut World, region: &str, arn: &str, service: &str, body: &str) -> bool {
    let Some(name) = arn.split(":sqs:").nth(1).and_then(|rest| rest.split(':').nth(2)) else { return false };
    let queue = world.get::<Queue>(region, name).filter(|queue| !queue.is_hidden(world.now));
    let open = queue.is_some_and(|queue| {
        let policy = queue.attributes.get("Policy").map_or("", String::as_str);
        let key = queue.attributes.get("KmsMasterKeyId").map_or("", String::as_str);
        policy::lets_in(policy, service, "sqs:SendMessage") && key != "alias/aws/sqs"
    });
    let (id, now) = (world.new_uuid(), world.now);
    let body = body.to_owned();
    open && world.update::<Queue>(region, name, |queue| queue.messages.push(message(id, body, now, 0)))
}

/// Puts a dead letter into the queue with this ARN, in the name of a role that may; nothing where there is none.
pub(in crate::services) fn post(world: &mut World, region: &str, arn: &str, body: &str) {
    let Some(name) = arn.split(":sqs:").nth(1).and_then(|rest| rest.split(':').nth(2)) else { return };
    let (id, now, body) = (world.new_uuid(), world.now, body.to_owned());
    world.update::<Queue>(region, name, |queue| queue.messages.push(message(id, body, now, 0)));
}
