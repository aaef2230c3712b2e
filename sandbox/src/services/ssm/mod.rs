//! SSM: the public parameters that name machine images, and Run Command: machines that are registered, commands that are
//! sent to them and run behind [`crate::Commands`].

mod commands;
mod instances;
mod invocations;
mod machines;
mod model;
mod parameters;
mod queue;

use super::prelude::*;
use crate::store::{Due, World};

pub(crate) use queue::{Begun, Look, cancelled, ended, interrupted, look};

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("ValidationException"),
    operations: &[parameters::OPERATIONS, commands::OPERATIONS, invocations::OPERATIONS, instances::OPERATIONS],
    objects: || {
        vec![
            ObjectKind::of::<model::Command>(),
            ObjectKind::of::<model::Invocation>(),
            ObjectKind::of::<machines::Machine>(),
        ]
    },
    settle: |world: &mut World, due: &Due| model::settle(world, due),
    no_page: Some(|| ApiError::bad("InvalidNextToken", "The specified token is not valid.")),
    ..Service::new("ssm", Protocol::AwsJson("1.1"), facts!("ssm"))
};
