//! SQS: standard queues with their messages, visibility, dead letters, policies and tags. Queues in order are not simulated.

mod attributes;
mod delivery;
mod messages;
mod queues;

use super::prelude::*;
use crate::store::{Due, World};
pub(super) use delivery::{deliver, post};
use queues::Queue;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors { missing: "MissingParameter", invalid: "InvalidParameterValue" },
    operations: &[queues::OPERATIONS, messages::OPERATIONS],
    objects: || vec![ObjectKind::of::<Queue>()],
    settle: |world: &mut World, due: &Due| world.remove::<Queue>(&due.region, &due.id),
    ..Service::new("sqs", Protocol::AwsJson("1.0"), facts!("sqs"))
};

/// The queue that a request names by its URL, of which only account and name count.
fn named(call: &mut Call<'_>) -> Result<Queue, ApiError> {
    let url = call.params.text("QueueUrl")?;
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let found = call.find::<Queue>(name).filter(|_| account == call.account()).cloned();
    found.ok_or_else(missing)
}

fn missing() -> ApiError {
    ApiError::bad("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}
