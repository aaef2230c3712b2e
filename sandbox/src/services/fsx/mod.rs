//! FSx for Lustre.

mod describe;
mod file_systems;
mod lustre;
mod repositories;
mod tasks;
mod update;

use crate::error::ApiError;
use crate::model::facts;
use crate::service::Service;
use crate::store::{Due, Object, ObjectKind, World};
use crate::tagged;
use crate::wire::Protocol;
use crate::wire::params::InputErrors;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("BadRequest"),
    operations: &[
        file_systems::OPERATIONS,
        describe::OPERATIONS,
        update::OPERATIONS,
        repositories::OPERATIONS,
        tasks::OPERATIONS,
        tagged::OPERATIONS,
    ],
    objects: || {
        vec![
            ObjectKind::of::<file_systems::FileSystem>(),
            ObjectKind::of::<repositories::Association>(),
            ObjectKind::of::<tasks::Task>(),
        ]
    },
    settle,
    no_resource: |arn| {
        ApiError::bad("ResourceNotFound", format!("The resource {arn} does not exist")).with("ResourceARN", arn)
    },
    too_many_tags: || bad("A resource has at most 50 tags"),
    token_differs: || {
        let message = "A request with the same client request token but different parameters was made before";
        ApiError::bad("IncompatibleParameterError", message).with("Parameter", "ClientRequestToken")
    },
    ..Service::new("fsx", Protocol::AwsJson("1.1"), facts!("fsx"))
};

fn settle(world: &mut World, due: &Due) {
    match due.kind {
        file_systems::FileSystem::KIND => file_systems::settle(world, &due.region, &due.id, due.at),
        repositories::Association::KIND => repositories::settle(world, &due.region, &due.id),
        _ => {}
    }
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("BadRequest", message)
}

/// Times are numbers of seconds in this protocol.
fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
