//! Lambda: functions with their code and settings, run behind [`crate::Functions`], at once or from a queue.
//!
//! There are no versions but `$LATEST`, no aliases, no layers, no networks, and no images.

mod code;
mod concurrency;
mod functions;
mod invoke;
mod model;
mod permissions;
mod queue;
mod run;
mod settings;
mod updates;

use super::prelude::*;

pub(crate) use queue::{add, answered, next, next_time};
pub(crate) use run::{Job, finish, not_run, reply};

use model::Function;

pub(crate) static SERVICE: Service = Service {
    operations: &[
        functions::OPERATIONS,
        updates::OPERATIONS,
        invoke::OPERATIONS,
        concurrency::OPERATIONS,
        permissions::OPERATIONS,
        &[write("TagResource", tagged::tag), write("UntagResource", tagged::untag), read("ListTags", tagged::list)],
    ],
    objects: || vec![ObjectKind::of::<Function>(), ObjectKind::of::<code::Code>(), ObjectKind::of::<queue::Waiting>()],
    no_resource: |arn| missing(arn),
    too_many_tags: || refused("The maximum number of tags that can be associated with a function is 50."),
    ..Service::new("lambda", Protocol::RestJson, facts!("lambda"))
};

/// A refusal of a parameter by Lambda itself; what breaks the model is refused with another code.
fn refused(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValueException", message).with("Type", "User")
}

fn missing(arn: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}")).with("Type", "User")
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ResourceConflictException", message).with("Type", "User")
}

/// The name in what a request calls a function by: a name, the end of an ARN, or an ARN, with or without `$LATEST`.
fn name_in(call: &Call<'_>, text: &str) -> Result<String, ApiError> {
    let account = call.account();
    let tail = text.strip_prefix(&call.arn("")).or_else(|| text.strip_prefix(&format!("{account}:"))).unwrap_or(text);
    if tail.starts_with("arn:") {
        return Err(missing(text));
    }
    let tail = tail.strip_prefix("function:").unwrap_or(tail);
    match tail.split_once(':') {
        None | Some((_, "$LATEST")) => Ok(tail.split(':').next().unwrap_or_default().to_owned()),
        Some(_) => Err(missing(&call.arn(format_args!("function:{tail}")))),
    }
}

/// The name of the function that a request is for.
fn asked(call: &mut Call<'_>) -> Result<String, ApiError> {
    let text = call.params.text("FunctionName")?;
    name_in(call, &text)
}

/// As `asked`, where a version can be named as well: there is none but the latest.
fn asked_latest(call: &mut Call<'_>) -> Result<String, ApiError> {
    let name = asked(call)?;
    match call.params.text_opt("Qualifier")?.as_deref() {
        None | Some("$LATEST") => Ok(name),
        Some(other) => Err(missing(&call.arn(format_args!("function:{name}:{other}")))),
    }
}

/// The function with this name, for a change.
fn found(call: &Call<'_>, name: &str) -> Result<Function, ApiError> {
    call.find::<Function>(name).cloned().ok_or_else(|| missing(&call.arn(format_args!("function:{name}"))))
}

/// The function with this name, for a reading call.
fn seen(call: &Call<'_>, name: &str) -> Result<Function, ApiError> {
    call.see::<Function>(name).cloned().ok_or_else(|| missing(&call.arn(format_args!("function:{name}"))))
}
