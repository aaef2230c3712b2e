//! CloudWatch: dashboards, metrics, and alarms that are evaluated on them minute by minute.

mod actions;
mod alarms;
mod band;
mod composites;
mod dashboards;
mod evaluation;
mod math;
mod metrics;
mod parse;
mod queries;
mod rule;
mod select;

use super::prelude::*;
use crate::store::{Due, Object, World};

pub(crate) use alarms::{breach, is_in_alarm};
pub(crate) use metrics::{id, lately, measured, note, publish, record};

pub(crate) static SERVICE: Service = Service {
    prefix: "cloudwatch",
    input: InputErrors::both("ValidationError"),
    operations: &[
        alarms::OPERATIONS,
        composites::OPERATIONS,
        dashboards::OPERATIONS,
        metrics::OPERATIONS,
        tagged::OPERATIONS,
    ],
    objects: || {
        vec![
            ObjectKind::of::<alarms::Alarm>(),
            ObjectKind::of::<dashboards::Dashboard>(),
            ObjectKind::of::<metrics::Series>(),
        ]
    },
    settle,
    ..Service::new("monitoring", Protocol::RpcV2Cbor, facts!("monitoring"))
};

fn settle(world: &mut World, due: &Due) {
    if due.kind == alarms::Alarm::KIND {
        alarms::settle(world, &due.region, &due.id, due.at);
    }
}
