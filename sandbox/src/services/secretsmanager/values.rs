//! What is in secrets: the newest value and the one before.

use super::secrets::Secret;
use super::{about, missing, usable};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[write("PutSecretValue", put), read("GetSecretValue", get)];

/// A value, with its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    id: String,
    created: Timestamp,
    text: String,
}

/// The value of a request, if it has one.
pub(super) fn given(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    if call.params.has("SecretBinary") {
        return Err(ApiError::not_implemented("secrets with SecretBinary"));
    }
    call.params.text_opt("SecretString")
}

/// Adds a value, known by the client's token; gives its id.
pub(super) fn add(call: &mut Call<'_>, secret: &mut Secret, text: String) -> String {
    let id = call.token.clone().unwrap_or_else(|| call.world.new_uuid());
    secret.versions.insert(0, Version { id: id.clone(), created: call.now, text });
    secret.versions.truncate(2);
    secret.changed = call.now;
    id
}

const STAGES: [&str; 2] = ["AWSCURRENT", "AWSPREVIOUS"];

/// The ids of values, and which is which.
pub(super) fn stages(secret: &Secret) -> Option<Value> {
    let pairs = secret.versions.iter().zip(STAGES).map(|(version, stage)| (version.id.clone(), json!([stage])));
    (!secret.versions.is_empty()).then(|| Value::Object(pairs.collect()))
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut secret = usable(call)?;
    let value = given(call)?.ok_or_else(|| call.invalid("You must provide either SecretString or SecretBinary."))?;
    let id = add(call, &mut secret, value);
    let reply = about(call, &secret, json!({"VersionId": id, "VersionStages": [STAGES[0]]}));
    call.put(secret);
    Ok(reply)
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let secret = usable(call)?;
    let (id, stage) = (call.params.text_opt("VersionId")?, call.params.text_opt("VersionStage")?);
    let stage = stage.or_else(|| id.is_none().then(|| STAGES[0].to_owned()));
    let wanted = |(version, of): &(&Version, &str)| {
        id.as_ref().is_none_or(|id| *id == version.id) && stage.as_ref().is_none_or(|stage| stage == of)
    };
    let (version, of) = secret.versions.iter().zip(STAGES).find(wanted).ok_or_else(missing)?;
    Ok(about(
        call,
        &secret,
        json!({
            "VersionId": version.id, "SecretString": version.text, "VersionStages": [of],
            "CreatedDate": version.created.as_second(),
        }),
    ))
}
