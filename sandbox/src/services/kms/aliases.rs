//! Aliases: names for keys, which go with them.

use super::{listed, named, not_found, usable};
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateAlias", create),
    write("UpdateAlias", update),
    write("DeleteAlias", delete),
    read("ListAliases", list),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alias {
    /// With `alias/`.
    name: String,
    created: Timestamp,
    updated: Timestamp,
    pub(super) key: String,
}

object!(Alias, "kms/alias", name);

/// Aliases go with their key.
pub(super) fn forget(world: &mut World, region: &str, key: &str) {
    let names: Vec<String> =
        world.all::<Alias>(region).filter(|alias| alias.key == key).map(|alias| alias.name.clone()).collect();
    names.iter().for_each(|name| world.remove::<Alias>(region, name));
}

fn name(call: &mut Call<'_>) -> Result<String, ApiError> {
    let name = call.params.text("AliasName")?;
    let Some(bare) = name.strip_prefix("alias/").filter(|bare| !bare.is_empty()) else {
        return Err(call.invalid("Invalid identifier"));
    };
    if bare.starts_with("aws/") {
        return Err(ApiError::bad("NotAuthorizedException", ""));
    }
    if bare.contains(':') {
        return Err(call.invalid(format!("{bare} contains invalid characters for an alias")));
    }
    Ok(name)
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = name(call)?;
    let key = usable(call, "TargetKeyId")?;
    if call.get::<Alias>(&name).is_some() {
        let message = format!("An alias with the name {} already exists", call.arn(&name));
        return Err(ApiError::bad("AlreadyExistsException", message));
    }
    call.put(Alias { name, created: call.now, updated: call.now, key: key.id });
    Ok(Reply::empty())
}

fn existing(call: &mut Call<'_>) -> Result<Alias, ApiError> {
    let name = name(call)?;
    let missing = || not_found(format!("Alias {} is not found.", call.arn(&name)));
    call.find::<Alias>(&name).cloned().ok_or_else(missing)
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (alias, key) = (existing(call)?, usable(call, "TargetKeyId")?);
    call.put(Alias { key: key.id, updated: call.now, ..alias });
    Ok(Reply::empty())
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let alias = existing(call)?;
    call.remove::<Alias>(&alias.name);
    Ok(Reply::empty())
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let of = if call.params.has("KeyId") { Some(named(call, "KeyId", false)?.id) } else { None };
    let page = Page::take(call, 50)?;
    let found = call.seen::<Alias>().filter(|alias| of.as_ref().is_none_or(|key| alias.key == *key));
    let show = |alias: &&Alias| {
        json!({
            "AliasName": alias.name, "AliasArn": call.arn(&alias.name), "TargetKeyId": alias.key,
            "CreationDate": alias.created.as_second(), "LastUpdatedDate": alias.updated.as_second(),
        })
    };
    Ok(listed(&page, "Aliases", found, |alias| &alias.name, show))
}
