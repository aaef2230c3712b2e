//! CloudWatch: dashboards, and alarms that are evaluated on the metrics put here. Metric math and composite alarms are kept, not evaluated.

mod actions;
mod alarms;
mod dashboards;
mod evaluation;
mod metrics;

use super::prelude::*;

pub(crate) use alarms::{is_in_alarm, runs};
pub(crate) use metrics::{id, periods, publish, record};

pub(crate) static SERVICE: Service = Service {
    prefix: "cloudwatch",
    input: InputErrors::both("ValidationError"),
    operations: &[alarms::OPERATIONS, dashboards::OPERATIONS, metrics::OPERATIONS, tagged::OPERATIONS],
    objects: || {
        vec![
            ObjectKind::of::<alarms::Alarm>(),
            ObjectKind::of::<dashboards::Dashboard>(),
            ObjectKind::of::<metrics::Series>(),
        ]
    },
    ..Service::new("monitoring", Protocol::RpcV2Cbor, facts!("monitoring"))
};
