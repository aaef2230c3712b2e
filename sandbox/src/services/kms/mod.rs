//! KMS: symmetric keys with their aliases, policies, rotation and removal. Nothing is encrypted with them, and other
//! services take every ARN of a key for one that may be used.

mod aliases;
mod keys;
mod settings;

use super::prelude::*;
use crate::store::{Due, World};
use aliases::Alias;
use keys::Key;

pub(crate) static SERVICE: Service = Service {
    operations: &[keys::OPERATIONS, settings::OPERATIONS, aliases::OPERATIONS],
    objects: || vec![ObjectKind::of::<Key>(), ObjectKind::of::<Alias>()],
    // A key whose time is over.
    settle: |world: &mut World, due: &Due| {
        aliases::forget(world, &due.region, &due.id);
        world.remove::<Key>(&due.region, &due.id);
    },
    no_page: Some(|| ApiError::bad("InvalidMarkerException", "The marker is not valid.")),
    too_many_tags: || ApiError::bad("LimitExceededException", "Too many tags"),
    ..Service::new("kms", Protocol::AwsJson("1.1"), facts!("kms"))
};

/// The key that a parameter names by id or ARN, and where `alias` is true by an alias too.
fn named(call: &mut Call<'_>, parameter: &str, alias: bool) -> Result<Key, ApiError> {
    let id = call.params.text(parameter)?;
    let tail = if id.starts_with("arn:") { tagged::here(call, &id).unwrap_or("key/none") } else { &id };
    if let Some(name) = tail.strip_prefix("alias/") {
        if !alias {
            return Err(call.invalid("Aliases are not supported for this operation."));
        }
        let target = call.see::<Alias>(tail).map(|it| it.key.clone());
        let found = target.and_then(|key| call.see::<Key>(&key)).cloned();
        let missing = || not_found(format!("Alias {} is not found.", call.arn(format_args!("alias/{name}"))));
        return found.ok_or_else(missing);
    }
    let id = tail.strip_prefix("key/").unwrap_or(tail);
    let missing = || not_found(format!("Key '{}' does not exist", call.arn(format_args!("key/{id}"))));
    call.find::<Key>(id).cloned().ok_or_else(missing)
}

/// The same of a key that is to be changed, which one that is about to go is not.
fn usable(call: &mut Call<'_>, parameter: &str) -> Result<Key, ApiError> {
    let key = named(call, parameter, false)?;
    match key.deletion {
        Some(_) => {
            let message = format!("{} is pending deletion.", call.arn(format_args!("key/{}", key.id)));
            Err(ApiError::bad("KMSInvalidStateException", message))
        }
        None => Ok(key),
    }
}

fn not_found(message: String) -> ApiError {
    ApiError::bad("NotFoundException", message)
}

/// A page of a list, which says whether there is more.
fn listed<T>(
    page: &Page,
    name: &str,
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &str,
    show: impl Fn(&T) -> Value,
) -> Reply {
    let (items, next) = page.cut(items, key);
    let shown: Vec<Value> = items.iter().map(show).collect();
    Reply::json(json!({name: shown, "Truncated": next.is_some(), "NextMarker": next}))
}
