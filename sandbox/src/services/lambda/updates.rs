//! Functions changed: their code, their settings; one change at a time.

use super::functions::{architecture, only_latest};
use super::model::Function;
use super::{asked, code, conflict, found, refused, settings};
use crate::life::durations;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] =
    &[write("UpdateFunctionCode", update_code), write("UpdateFunctionConfiguration", update_configuration)];

/// The function of a request, if nothing keeps it from being changed.
fn changeable(call: &mut Call<'_>) -> Result<Function, ApiError> {
    let name = asked(call)?;
    let it = found(call, &name)?;
    let wanted = call.params.text_opt("RevisionId")?;
    if it.state(call.now) == "Pending" {
        return Err(conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    if it.is_updating(call.now) {
        let arn = &it.arn;
        return Err(conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )));
    }
    if wanted.is_some_and(|revision| revision != it.revision) {
        let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias \
                       API to retrieve the latest Revision Id";
        return Err(ApiError::new(412, "PreconditionFailedException", message).with("Type", "User"));
    }
    Ok(it)
}

fn changed(call: &mut Call<'_>, it: Function) -> Reply {
    let revision = call.world.new_uuid();
    let updated = call.done_after(durations::FUNCTION_UPDATE);
    let it = Function { modified: call.now, revision, updated, ..it };
    let shown = it.shown(call.now);
    call.put(it);
    Reply::json(shown)
}

fn update_code(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = changeable(call)?;
    only_latest(call)?;
    // The parameters stand at the top of this request.
    let mut fields = serde_json::Map::new();
    for field in ["ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"] {
        fields.extend(call.params.raw(field).map(|value| (field.to_owned(), value)));
    }
    let mut source = call.params.adopt("Code", fields);
    let zip = code::take(call, &mut source)?;
    drop(source);
    it.architecture = architecture(call)?.unwrap_or(it.architecture);
    let old = std::mem::replace(&mut it.code, code::name(&zip));
    it.size = zip.len();
    if call.params.flag("DryRun")? {
        return Ok(Reply::json(it.shown(call.now)));
    }
    let new = it.code.clone();
    code::keep(call, &new, zip);
    let reply = changed(call, it);
    code::let_go(call, &old);
    Ok(reply)
}

fn update_configuration(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = changeable(call)?;
    it.settings = settings::take(call, it.settings)?;
    if it.settings.handler.is_empty() || it.settings.runtime.is_empty() {
        return Err(refused("Runtime and Handler are mandatory parameters."));
    }
    Ok(changed(call, it))
}
