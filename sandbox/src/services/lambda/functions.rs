//! Functions made, shown and deleted.

use std::collections::BTreeMap;

use super::model::{Function, Settings};
use super::{asked, asked_latest, code, conflict, found, queue, refused, seen, settings};
use crate::life::durations;
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateFunction", create),
    read("GetFunction", get),
    read("GetFunctionConfiguration", get_configuration),
    read("ListFunctions", list),
    write("DeleteFunction", delete),
];

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked(call)?;
    only_latest(call)?;
    if let Some(package) = call.params.text_opt("PackageType")?.filter(|package| package != "Zip") {
        return Err(ApiError::not_implemented(format!("functions in packages of type {package}")));
    }
    let mut source = call.params.child("Code")?;
    let zip = code::take(call, &mut source)?;
    drop(source);
    let architecture = architecture(call)?.unwrap_or_else(|| "x86_64".to_owned());
    let settings = settings::take(call, Settings::default())?;
    let tags = tagged::take(call)?;
    if name.len() > 64 {
        return Err(call.invalid(format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must \
             have length less than or equal to 64"
        )));
    }
    if settings.runtime.is_empty() || settings.handler.is_empty() {
        return Err(refused(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    if call.get::<Function>(&name).is_some() {
        return Err(conflict(format!("Function already exist: {name}")));
    }
    let active = call.done_after(durations::FUNCTION_CREATE);
    let function = Function {
        arn: call.arn(format_args!("function:{name}")),
        created: call.now,
        settings,
        architecture,
        code: code::name(&zip),
        size: zip.len(),
        modified: call.now,
        revision: call.world.new_uuid(),
        active,
        updated: call.now,
        reserved: None,
        permissions: BTreeMap::new(),
        tags,
        name,
    };
    code::keep(call, &function.code, zip);
    let shown = function.shown(call.now);
    call.put(function);
    Ok(Reply::json(shown))
}

/// Refuses to publish a version.
pub(super) fn only_latest(call: &mut Call<'_>) -> Result<(), ApiError> {
    match call.params.flag("Publish")? {
        true => Err(ApiError::not_implemented("versions of functions")),
        false => Ok(()),
    }
}

/// The architecture of a request, which names one or none.
pub(super) fn architecture(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    Ok(call.params.texts("Architectures")?.into_iter().next())
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let it = seen(call, &name)?;
    // A place that would be presigned; the sandbox gives no code back.
    let place =
        format!("https://awslambda-{}-tasks.s3.{}.amazonaws.com/snapshots/{}", call.region, call.region, it.name);
    let tags = (!it.tags.is_empty()).then_some(&it.tags);
    let reserved = it.reserved.map(|count| json!({"ReservedConcurrentExecutions": count}));
    Ok(Reply::json(json!({
        "Configuration": it.shown(call.now), "Code": {"RepositoryType": "S3", "Location": place}, "Tags": tags,
        "Concurrency": reserved,
    })))
}

fn get_configuration(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    Ok(Reply::json(seen(call, &name)?.shown(call.now)))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 50)?;
    // Lists leave out where a function is in its life, and say nothing of updates.
    let shown = |it: &&Function| {
        let mut shown = it.shown(call.now);
        if let Value::Object(fields) = &mut shown {
            fields.retain(|name, _| !name.starts_with("State") && !name.starts_with("LastUpdate"));
        }
        shown
    };
    Ok(page.reply(call.seen::<Function>(), |it| &it.name, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let it = found(call, &name)?;
    call.remove::<Function>(&name);
    code::let_go(call, &it.code);
    queue::forget(call, &name);
    Ok(Reply::empty())
}
