//! Secrets Manager: secrets with their descriptions, policies and values, and their removal. Rotation and copies in other
//! regions are not simulated.

mod secrets;
mod values;

use super::prelude::*;
use crate::store::{Due, World};
use secrets::Secret;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("InvalidParameterException"),
    operations: &[secrets::OPERATIONS, values::OPERATIONS],
    objects: || vec![ObjectKind::of::<Secret>()],
    // A secret whose time is over.
    settle: |world: &mut World, due: &Due| world.remove::<Secret>(&due.region, &due.id),
    no_page: Some(|| ApiError::bad("InvalidNextTokenException", "The NextToken value is invalid.")),
    too_many_tags: || ApiError::bad("InvalidParameterException", "A secret has at most 50 tags."),
    token_differs: || {
        ApiError::bad("ResourceExistsException", "The request failed because a secret with this name already exists.")
    },
    ..Service::new("secretsmanager", Protocol::AwsJson("1.1"), facts!("secretsmanager"))
};

/// The secret that a request names by its name or its ARN, with AWS's six characters or without.
fn named(call: &mut Call<'_>) -> Result<Secret, ApiError> {
    let id = call.params.text("SecretId")?;
    let tail = tagged::here(call, &id).and_then(|tail| tail.strip_prefix("secret:"));
    let whole = tail.and_then(|tail| call.all::<Secret>().find(|it| it.tail() == tail)).map(|it| it.name.clone());
    let name = whole.or_else(|| tail.map(str::to_owned)).unwrap_or(id);
    call.find::<Secret>(&name).cloned().ok_or_else(missing)
}

/// The same of a secret that is to be used, which one that was removed is not.
fn usable(call: &mut Call<'_>) -> Result<Secret, ApiError> {
    let secret = named(call)?;
    if secret.deleted.is_none() {
        return Ok(secret);
    }
    let message = "You can't perform this operation on the secret because it was marked for deletion.";
    Err(ApiError::bad("InvalidRequestException", message))
}

fn missing() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// With ARN and name, as most answers have them.
fn about(call: &Call<'_>, secret: &Secret, mut fields: Value) -> Reply {
    fields["ARN"] = json!(call.arn(format_args!("secret:{}", secret.tail())));
    fields["Name"] = json!(secret.name);
    Reply::json(fields)
}
