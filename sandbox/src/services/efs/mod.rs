//! EFS: file systems, the mount targets under which machines reach them, and access points.
//!
//! Nothing is stored in them: they stay as large as a new one.

mod access_points;
mod file_systems;
mod mount_targets;
mod settings;

use super::prelude::*;
use crate::store::{Due, Object, World};

use access_points::AccessPoint;
use file_systems::FileSystem;
use mount_targets::MountTarget;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("BadRequest"),
    operations: &[
        file_systems::OPERATIONS,
        settings::OPERATIONS,
        mount_targets::OPERATIONS,
        access_points::OPERATIONS,
        tagged::OPERATIONS,
    ],
    objects: || vec![ObjectKind::of::<FileSystem>(), ObjectKind::of::<MountTarget>(), ObjectKind::of::<AccessPoint>()],
    settle,
    no_resource: |id| match id.contains("fsap-") {
        true => access_points::missing(id),
        false => file_systems::missing(id),
    },
    tail: |id| match id.split_once('-') {
        Some(("fs", _)) => Some(format!("file-system/{id}")),
        Some(("fsap", _)) => Some(format!("access-point/{id}")),
        _ => None,
    },
    too_many_tags: || refused(400, "BadRequest", "A resource has at most 50 tags"),
    ..Service::new("elasticfilesystem", Protocol::RestJson, facts!("efs"))
};

fn settle(world: &mut World, due: &Due) {
    let (region, id) = (due.region.as_str(), due.id.as_str());
    match due.kind {
        FileSystem::KIND => world.remove::<FileSystem>(region, id),
        MountTarget::KIND => mount_targets::settle(world, region, id),
        _ => {}
    }
}

/// EFS says its code in the body too.
fn refused(status: u16, code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(status, code, message).with("ErrorCode", code)
}

fn bad(message: impl Into<String>) -> ApiError {
    refused(400, "BadRequest", message)
}

/// The id in what a request names something by: an id, or an ARN.
fn id_in(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

fn seconds(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1e3)
}
