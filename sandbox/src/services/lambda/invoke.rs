//! Invoke: runs a function and answers with what it says, or puts the call into the queue.

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::{asked_latest, conflict, found, queue, run};
use crate::services::prelude::*;
use crate::session;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[write("Invoke", invoke)];

/// What a function may be called with, at once and later.
const PAYLOADS: (usize, usize) = (6_291_456, 1_048_576);

fn invoke(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let kind = call.params.text_opt("InvocationType")?.unwrap_or_else(|| "RequestResponse".to_owned());
    let tail = call.params.text_opt("LogType")?.as_deref() == Some("Tail");
    let payload = call.params.text_opt("Payload")?.filter(|text| !text.is_empty());
    let payload = payload.unwrap_or_else(|| "{}".to_owned());
    let it = found(call, &name)?;
    let most = if kind == "Event" { PAYLOADS.1 } else { PAYLOADS.0 };
    if payload.len() > most {
        let message = format!("Request must be smaller than {most} bytes for the InvokeFunction operation");
        return Err(ApiError::new(413, "RequestEntityTooLargeException", message));
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return Err(ApiError::bad("InvalidRequestContentException", message).with("Type", "User"));
    }
    if it.state(call.now) == "Pending" {
        return Err(conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    match kind.as_str() {
        "DryRun" => Ok(Reply::raw(204, Bytes::new())),
        "Event" => {
            queue::add(call.world, call.region, &name, payload, call.now);
            Ok(Reply::raw(202, Bytes::new()))
        }
        _ => {
            let running = i64::try_from(session::count(call.world, &it.arn)).unwrap_or(i64::MAX);
            if it.reserved.is_some_and(|reserved| running >= reserved) {
                let error = ApiError::new(429, "TooManyRequestsException", "Rate Exceeded.");
                return Err(error.with("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"));
            }
            let id = call.world.new_uuid();
            Ok(Reply::after(run::begin(call.world, call.region, &it, (id, payload), call.now, tail)))
        }
    }
}
