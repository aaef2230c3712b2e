//! SSM: the public parameters that name machine images. An account's own parameters are not simulated.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::images::{latest, parameters};
use crate::model::facts;
use crate::service::{Service, read};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("ValidationException"),
    operations: &[&[
        read("GetParameter", get_parameter),
        read("GetParameters", get_parameters),
        read("GetParametersByPath", get_parameters_by_path),
    ]],
    ..Service::new("ssm", Protocol::AwsJson("1.1"), facts!("ssm"))
};

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
    if names.is_empty() || names.len() > 10 {
        return Err(ApiError::bad(
            "ValidationException",
            format!(
                "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have \
                 length between 1 and 10",
                names.join(", ")
            ),
        ));
    }
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
    let size = call.params.int_opt("MaxResults")?.unwrap_or(10);
    let Some(size) = usize::try_from(size).ok().filter(|size| (1..=10).contains(size)) else {
        let rule = if size < 1 { "greater than or equal to 1" } else { "less than or equal to 10" };
        return Err(ApiError::bad(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must \
                 have value {rule}"
            ),
        ));
    };
    let token = call.params.text_opt("NextToken")?;
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
    let after = match token {
        None => String::new(),
        Some(token) => {
            let known = names.iter().find(|name| **name == token);
            let message = "The specified token is not valid.";
            known.ok_or_else(|| ApiError::bad("InvalidNextToken", message))?.clone()
        }
    };
    let mut rest = names.into_iter().filter(|name| *name > after && below(name)).peekable();
    let (mut found, mut last) = (Vec::new(), None);
    while found.len() < size
        && let Some(name) = rest.next()
    {
        found.extend(parameter(call, &name));
        last = Some(name);
    }
    let mut answer = json!({ "Parameters": found });
    if let Some(last) = last.filter(|_| rest.peek().is_some()) {
        answer["NextToken"] = last.into();
    }
    Ok(Reply::json(answer))
}
