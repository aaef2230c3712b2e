//! Application Auto Scaling for the variants of endpoints and for inference components: targets, policies and what they make
//! of the load, and schedules.

mod load;
mod policies;
mod scaled;
mod schedules;
mod targets;
mod when;

use super::prelude::*;
use crate::store::{Due, Object, World};

pub(crate) use load::asked;
pub(crate) use targets::{forget, scales, target};

pub(crate) static SERVICE: Service = Service {
    operations: &[targets::OPERATIONS, policies::OPERATIONS, schedules::OPERATIONS, tagged::OPERATIONS],
    objects: || {
        vec![
            ObjectKind::of::<targets::Target>(),
            ObjectKind::of::<policies::Policy>(),
            ObjectKind::of::<schedules::Action>(),
        ]
    },
    settle,
    no_page: Some(|| ApiError::bad("InvalidNextTokenException", "The next token is not valid.")),
    ..Service::new("application-autoscaling", Protocol::AwsJson("1.1"), facts!("application_autoscaling"))
};

fn settle(world: &mut World, due: &Due) {
    match due.kind {
        targets::Target::KIND => load::settle(world, &due.region, &due.id, due.at),
        schedules::Action::KIND => schedules::settle(world, &due.region, &due.id, due.at),
        _ => {}
    }
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

fn unknown(what: &str) -> ApiError {
    ApiError::bad("ObjectNotFoundException", format!("No {what} found for service namespace: sagemaker"))
}
