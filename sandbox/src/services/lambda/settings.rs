//! The settings of functions, in a request: what is said changes, what is not said stays.

use std::collections::BTreeMap;

use super::model::Settings;
use super::refused;
use crate::iam_model::trusts;
use crate::services::prelude::*;

/// All variables of a function together.
const ENVIRONMENT: usize = 4096;
/// Variables that Lambda sets.
const RESERVED: [&str; 14] = [
    "_HANDLER",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            role: String::new(),
            runtime: String::new(),
            handler: String::new(),
            description: String::new(),
            timeout: 3,
            memory: 128,
            storage: 512,
            tracing: "PassThrough".to_owned(),
            log_group: None,
            environment: BTreeMap::new(),
        }
    }
}

/// Reads what a request says of settings over what they are.
pub(super) fn take(call: &mut Call<'_>, old: Settings) -> Result<Settings, ApiError> {
    let mut new = old;
    if let Some(role) = call.params.text_opt("Role")? {
        // Lambda, too, learns of a new role some seconds later.
        if !trusts(call.world, &role, "lambda.amazonaws.com", call.now) {
            return Err(refused("The role defined for the function cannot be assumed by Lambda."));
        }
        new.role = role;
    }
    let or = |text: Option<String>, old: String| text.unwrap_or(old);
    new.runtime = or(call.params.text_opt("Runtime")?, new.runtime);
    new.handler = or(call.params.text_opt("Handler")?, new.handler);
    new.description = or(call.params.text_opt("Description")?, new.description);
    new.timeout = most(call, "Timeout", 900)?.unwrap_or(new.timeout);
    new.memory = most(call, "MemorySize", 10_240)?.unwrap_or(new.memory);
    if let Some(mut storage) = call.params.child_opt("EphemeralStorage")? {
        new.storage = storage.int("Size")?;
    }
    if let Some(mut tracing) = call.params.child_opt("TracingConfig")? {
        new.tracing = tracing.text_opt("Mode")?.unwrap_or(new.tracing);
    }
    if let Some(mut logging) = call.params.child_opt("LoggingConfig")? {
        if let Some(format) = logging.text_opt("LogFormat")?.filter(|format| format != "Text") {
            return Err(ApiError::not_implemented(format!("logs of functions as {format}")));
        }
        new.log_group = logging.text_opt("LogGroup")?.or(new.log_group);
    }
    if let Some(mut environment) = call.params.child_opt("Environment")? {
        new.environment = variables(environment.child_opt("Variables")?.map(|mut it| it.rest()).unwrap_or_default())?;
    }
    Ok(new)
}

/// A number whose bound AWS's model states for other kinds of functions only.
fn most(call: &mut Call<'_>, field: &str, most: i64) -> Result<Option<i64>, ApiError> {
    let value = call.params.int_opt(field)?;
    if let Some(value) = value.filter(|value| *value > most) {
        let mut name = field.to_owned();
        name[..1].make_ascii_lowercase();
        let rule = format!("Member must have value less than or equal to {most}");
        let message =
            format!("1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}");
        return Err(call.invalid(message));
    }
    Ok(value)
}

fn variables(given: serde_json::Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let sorry = "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided";
    let pair = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
    let pairs: Option<BTreeMap<String, String>> = given.into_iter().map(pair).collect();
    let pairs = pairs.ok_or_else(|| ApiError::bad("SerializationException", "A variable is a text"))?;
    let reserved: Vec<&str> = pairs.keys().map(String::as_str).filter(|key| RESERVED.contains(key)).collect();
    if !reserved.is_empty() {
        let names = reserved.join(", ");
        return Err(refused(format!(
            "{sorry} contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {names}"
        )));
    }
    let text = json!(pairs).to_string();
    if text.len() > ENVIRONMENT {
        return Err(refused(format!("{sorry} exceeded the 4KB limit. String measured: {text}")));
    }
    Ok(pairs)
}
