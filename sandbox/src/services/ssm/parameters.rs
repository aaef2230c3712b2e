//! The public parameters that name machine images. An account's own parameters are not simulated.

use crate::images::{latest, parameters};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    read("GetParameter", get_parameter),
    read("GetParameters", get_parameters),
    read("GetParametersByPath", get_parameters_by_path),
];

/// When the sandbox's images were published; the same in every run.
const PUBLISHED: Timestamp = Timestamp::constant(1_764_547_200, 0);

fn check_name(name: &str) -> Result<(), ApiError> {
    let selector = name.contains(':') && !name.starts_with("arn:");
    if selector {
        return Err(ApiError::not_implemented(format!("versions and labels of parameters ({name})")));
    }
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    if !legal || name.is_empty() || name.len() > 2048 {
        return Err(ApiError::bad(
            "ValidationException",
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist \
             of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        ));
    }
    Ok(())
}

fn parameter(call: &Call<'_>, name: &str) -> Option<Value> {
    let value = latest(name, call.region, call.world.newer_images)?;
    Some(json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": PUBLISHED.as_second(),
        // Public parameters belong to no account.
        "ARN": format!("arn:{}:ssm:{}::parameter{name}", call.partition(), call.region),
        "DataType": "text",
    }))
}

fn get_parameter(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    // Without effect on what is not a SecureString.
    call.params.flag("WithDecryption")?;
    check_name(&name)?;
    match parameter(call, &name) {
        Some(found) => Ok(Reply::json(json!({ "Parameter": found }))),
        None => Err(ApiError::bad("ParameterNotFound", format!("Parameter {name} not found."))),
    }
}

fn get_parameters(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("Names")?;
    call.params.flag("WithDecryption")?;
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|before| before == name) {
            return Err(ApiError::bad("ValidationException", format!("Duplicate parameter name {name}.")));
        }
        check_name(name)?;
        match parameter(call, name) {
            Some(parameter) => found.push(parameter),
            None => invalid.push(name.clone()),
        }
    }
    Ok(Reply::json(json!({ "Parameters": found, "InvalidParameters": invalid })))
}

fn get_parameters_by_path(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let path = call.params.text("Path")?;
    let recursive = call.params.flag("Recursive")?;
    call.params.flag("WithDecryption")?;
    let page = Page::take(call, 10)?;
    if call.params.has("ParameterFilters") {
        return Err(ApiError::not_implemented("ssm:GetParametersByPath with ParameterFilters"));
    }
    if !path.starts_with('/') {
        let message = format!("The parameter path {path} must begin with a slash \"/\".");
        return Err(ApiError::bad("ValidationException", message));
    }
    check_name(&path)?;
    let path = format!("{}/", path.trim_end_matches('/'));
    let mut names: Vec<String> = parameters().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let below = |name: &str| name.strip_prefix(&path).is_some_and(|rest| recursive || !rest.contains('/'));
    let found = names.into_iter().filter(|name| below(name)).filter_map(|name| Some((parameter(call, &name)?, name)));
    Ok(page.reply(found, |(_, name)| name, |(parameter, _)| parameter.clone()))
}
