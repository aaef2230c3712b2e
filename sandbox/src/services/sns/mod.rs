//! SNS: topics, their subscriptions, and messages that reach queues. Mail is sent to nobody, and telephones are not there.

mod delivery;
mod subscriptions;
mod topics;

use super::prelude::*;
use crate::store::{Due, World};
pub(super) use delivery::deliver;
use subscriptions::Subscription;
use topics::Topic;

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("http://sns.amazonaws.com/doc/2010-03-31/"),
    input: InputErrors::both("InvalidParameter"),
    operations: &[topics::OPERATIONS, subscriptions::OPERATIONS, delivery::OPERATIONS, tagged::OPERATIONS],
    objects: || vec![ObjectKind::of::<Topic>(), ObjectKind::of::<Subscription>()],
    // A subscription that nobody confirmed in time.
    settle: |world: &mut World, due: &Due| world.remove::<Subscription>(&due.region, &due.id),
    no_resource: |_| ApiError::new(404, "ResourceNotFound", "Resource does not exist"),
    too_many_tags: || {
        ApiError::bad("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    },
    ..Service::new("sns", Protocol::AwsQuery, facts!("sns"))
};

/// The topic that a request names by this parameter.
fn named(call: &mut Call<'_>, parameter: &str) -> Result<Topic, ApiError> {
    let arn = call.params.text(parameter)?;
    if arn.split(':').count() < 6 {
        let parts = arn.split(':').count();
        return Err(invalid(format!("{parameter} Reason: An ARN must have at least 6 elements, not {parts}")));
    }
    let name = tagged::here(call, &arn).unwrap_or_default();
    call.find::<Topic>(name).cloned().ok_or_else(|| ApiError::new(404, "NotFound", "Topic does not exist"))
}

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::bad("InvalidParameter", format!("Invalid parameter: {what}"))
}
