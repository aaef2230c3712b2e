//! EventBridge Scheduler: schedules in groups, kept up by the sandbox's clock. They call functions; what else they
//! aim at is only recorded.

mod cron;
mod due;
mod expression;
mod groups;
mod schedules;

use super::prelude::*;
use crate::store::{Due, Object, World};

pub(crate) use due::next_time;
pub(crate) use expression::Expression;

use groups::Group;
use schedules::Schedule;

pub(crate) static SERVICE: Service = Service {
    operations: &[schedules::OPERATIONS, groups::OPERATIONS, tagged::OPERATIONS],
    objects: || vec![ObjectKind::of::<Schedule>(), ObjectKind::of::<Group>()],
    settle,
    no_resource: |arn| missing(format!("Schedule group {} does not exist.", arn.rsplit('/').next().unwrap_or(arn))),
    ..Service::new("scheduler", Protocol::RestJson, facts!("scheduler"))
};

fn settle(world: &mut World, due: &Due) {
    match due.kind {
        Schedule::KIND => due::settle(world, due),
        Group::KIND => groups::settle(world, due),
        _ => {}
    }
}

fn missing(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

fn seconds(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1e3)
}
