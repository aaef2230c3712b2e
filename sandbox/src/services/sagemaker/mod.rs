//! SageMaker hosting: models, endpoint configurations, endpoints with their life cycles and deployments, and inference
//! components on their machines.

mod components;
mod configs;
mod deployment;
mod endpoints;
mod interfaces;
mod models;
mod placing;
mod queues;
mod settling;
mod variants;

use super::prelude::*;
use crate::store::{Due, Object, World};

pub(crate) use components::{Component, copies, give};
pub(crate) use endpoints::{Endpoint, capacity, is_changing, resize};
pub(crate) use placing::log as log_component;
pub(crate) use queues::wait;
pub(crate) use settling::log;
pub(crate) use variants::Variant;

pub(crate) static SERVICE: Service = Service {
    operations: &[
        models::OPERATIONS,
        configs::OPERATIONS,
        endpoints::OPERATIONS,
        components::OPERATIONS,
        &[write("AddTags", add_tags), write("DeleteTags", tagged::untag), read("ListTags", tagged::list)],
    ],
    objects: || {
        vec![
            ObjectKind::of::<models::Model>(),
            ObjectKind::of::<configs::Config>(),
            ObjectKind::of::<endpoints::Endpoint>(),
            ObjectKind::of::<components::Component>(),
            ObjectKind::of::<queues::Queue>(),
        ]
    },
    settle,
    no_resource: |arn| refused(format!("Could not find resource \"{arn}\".")),
    too_many_tags: || refused("A resource has at most 50 tags."),
    ..Service::new("sagemaker", Protocol::AwsJson("1.1"), facts!("sagemaker"))
};

fn settle(world: &mut World, due: &Due) {
    match due.kind {
        endpoints::Endpoint::KIND => settling::settle(world, &due.region, &due.id, due.at),
        components::Component::KIND => placing::settle(world, &due.region, &due.id, due.at),
        queues::Queue::KIND => queues::settle(world, &due.region, &due.id, due.at),
        _ => {}
    }
}

/// Almost everything that SageMaker refuses has this code; only the words tell them apart.
fn refused(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

/// What has the name already.
fn taken(call: &Call<'_>, what: &str, tail: &str) -> ApiError {
    refused(format!("Cannot create already existing {what} \"{}\".", call.arn(tail)))
}

fn missing(call: &Call<'_>, what: &str, tail: &str) -> ApiError {
    refused(format!("Could not find {what} \"{}\".", call.arn(tail)))
}

/// Times are numbers of seconds in this protocol.
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn add_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    tagged::tag(call)?;
    Ok(Reply::empty())
}

/// Everything whose name has a part; always in the order of names.
fn named<'c, T: Object>(call: &'c Call<'_>, part: Option<String>) -> impl Iterator<Item = &'c T> {
    let part = part.map(|part| part.to_lowercase());
    call.seen::<T>().filter(move |it| part.as_ref().is_none_or(|part| it.id().to_lowercase().contains(part)))
}
