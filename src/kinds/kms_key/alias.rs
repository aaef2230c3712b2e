//! The alias of a key: given, exchanged for another one, and taken away.
use super::{KmsKey, RULE, read};
use crate::{
    aws::{Error, ErrorClass, gone},
    call::Ctx,
    resource::{Compares, Live},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Gives the key the wanted alias in the place of the one that it has. The old one goes first: a run that is killed in
/// between leaves a key without an alias, which the next one sees, and not a key with one too many.
pub(super) async fn rename(want: &KmsKey, ctx: &Ctx, live: &Live<KmsKey>) -> Result<(), Error> {
    let alias = want.alias.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
    // What another key has is refused before anything is taken away.
    let there = live.spec.aliases.contains(&alias) || read::leads_to(ctx, &alias, &live.id).await?;
    if let Some(old) = live.spec.alias.as_ref().filter(|old| **old != alias) {
        unname(ctx, old).await?;
    }
    if there {
        return Ok(());
    }
    let input = json!({ "AliasName": format!("alias/{alias}"), "TargetKeyId": live.id });
    let Err(e) = ctx.aws.kms().call::<IgnoredAny>("CreateAlias", &input).await else { return Ok(()) };
    if e.class != ErrorClass::Exists {
        return Err(e);
    }
    // Ours by an earlier call whose answer was lost, or somebody else's.
    match read::leads_to(ctx, &alias, &live.id).await? {
        true => Ok(()),
        false => Err(Error { class: ErrorClass::NotVisibleYet, ..e }),
    }
}

/// Takes an alias away; one that is not there is a success.
pub(super) async fn unname(ctx: &Ctx, alias: &str) -> Result<(), Error> {
    let input = json!({ "AliasName": format!("alias/{alias}") });
    gone(ctx.aws.kms().call::<IgnoredAny>("DeleteAlias", &input).await)
}

impl Compares for KmsKey {
    /// A key may have more aliases than the wanted one.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let (wanted, aliases) = (want.get("alias")?, found.get("aliases")?.as_array()?);
        if found.get("alias") == Some(wanted) || !aliases.contains(wanted) {
            return None;
        }
        let mut seen = found.clone();
        seen["alias"] = wanted.clone();
        Some(seen)
    }
}
