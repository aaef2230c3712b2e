//! EC2: networks, instances and what belongs to them.

mod filters;
mod tags;
mod vpc;

use crate::call::Call;
use crate::error::ApiError;
use crate::service::Service;
use crate::store::{Due, ObjectKind, World};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(crate) static SERVICE: Service = Service {
    name: "ec2",
    protocol: Protocol::Ec2Query,
    xmlns: Some("http://ec2.amazonaws.com/doc/2016-11-15/"),
    input: InputErrors { missing: "MissingParameter", invalid: "InvalidParameterValue" },
    operations: &[vpc::OPERATIONS, tags::OPERATIONS],
    objects: || vec![ObjectKind::of::<tags::TagSet>(), ObjectKind::of::<vpc::Vpc>()],
    settle,
    route: None,
};

fn settle(_world: &mut World, _due: &Due) {}

/// The reply of calls that only say that they worked.
fn done() -> Result<Reply, ApiError> {
    Ok(Reply::xml(Xml::new().text("return", true)))
}

/// `InvalidXxx.NotFound` in EC2's words.
fn not_found(code: &'static str, noun: &str, id: &str) -> ApiError {
    ApiError::bad(code, format!("The {noun} ID '{id}' does not exist"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValue", message)
}

fn dependency(message: impl Into<String>) -> ApiError {
    ApiError::bad("DependencyViolation", message)
}

/// Whether a taggable resource is there (also one that readers do not see yet).
fn exists(call: &Call<'_>, kind: &str, id: &str) -> bool {
    match kind {
        "vpc" => call.find::<vpc::Vpc>(id).is_some(),
        _ => false,
    }
}

/// The error for a taggable resource that is not there.
fn missing(kind: &str, id: &str) -> ApiError {
    match kind {
        "vpc" => vpc::missing(id),
        _ => ApiError::bad("InvalidID", format!("The ID '{id}' is not valid")),
    }
}
