//! What can be changed of a key: description, policy, rotation, and whether it can be used.

use super::keys::Key;
use super::{named, usable};
use crate::iam_model::is_principal;
use crate::policy::{self, Use};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("UpdateKeyDescription", describe),
    read("GetKeyPolicy", get_policy),
    write("PutKeyPolicy", put_policy),
    read("GetKeyRotationStatus", get_rotation),
    write("EnableKeyRotation", rotate),
    write("DisableKeyRotation", keep),
    write("EnableKey", enable),
    write("DisableKey", disable),
];

/// The policy of a key of which nobody says anything else: it leaves the key to IAM.
pub(super) fn usual(call: &Call<'_>) -> String {
    let statement = json!({
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": call.iam_arn("root")},
        "Action": "kms:*", "Resource": "*",
    });
    json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}).to_string()
}

/// A policy as it is kept. A role that nobody knows yet makes it wrong.
pub(super) fn checked(call: &Call<'_>, text: &str) -> Result<String, ApiError> {
    let wrong = |why: &str| ApiError::bad("MalformedPolicyDocumentException", why);
    let document = policy::check(text, Use::Object).map_err(|why| wrong(&why))?;
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    if policy::unknown_role(&document, call.partition(), &call.account(), is_known).is_some() {
        return Err(wrong("Policy contains a statement with one or more invalid principals."));
    }
    Ok(policy::with_roots(document, call.partition()).unwrap_or_else(|| text.to_owned()))
}

fn only_default(call: &mut Call<'_>) -> Result<(), ApiError> {
    match call.params.text_opt("PolicyName")?.as_deref() {
        None | Some("default") => Ok(()),
        Some(_) => Err(super::not_found("No such policy exists".to_owned())),
    }
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = usable(call, "KeyId")?;
    let description = call.params.text("Description")?;
    call.put(Key { description, ..key });
    Ok(Reply::empty())
}

fn get_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = named(call, "KeyId", false)?;
    only_default(call)?;
    Ok(Reply::json(json!({"Policy": key.policy, "PolicyName": "default"})))
}

fn put_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = usable(call, "KeyId")?;
    only_default(call)?;
    // Whether it locks its author out is not simulated.
    call.params.flag("BypassPolicyLockoutSafetyCheck")?;
    let text = call.params.text("Policy")?;
    let policy = checked(call, &text)?;
    call.put(Key { policy, ..key });
    Ok(Reply::empty())
}

fn get_rotation(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = named(call, "KeyId", false)?;
    Ok(Reply::json(json!({
        "KeyId": call.arn(format_args!("key/{}", key.id)), "KeyRotationEnabled": key.rotation.is_some(),
        "RotationPeriodInDays": key.rotation,
    })))
}

/// A key that is disabled cannot be rotated.
fn able(call: &mut Call<'_>) -> Result<Key, ApiError> {
    let key = usable(call, "KeyId")?;
    let message = || format!("{} is disabled.", call.arn(format_args!("key/{}", key.id)));
    if key.enabled { Ok(key) } else { Err(ApiError::bad("DisabledException", message())) }
}

fn rotate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = able(call)?;
    let days = call.params.int_opt("RotationPeriodInDays")?.or(key.rotation).unwrap_or(365);
    call.put(Key { rotation: Some(days), ..key });
    Ok(Reply::empty())
}

fn keep(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = able(call)?;
    call.put(Key { rotation: None, ..key });
    Ok(Reply::empty())
}

fn enable(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = usable(call, "KeyId")?;
    call.put(Key { enabled: true, ..key });
    Ok(Reply::empty())
}

fn disable(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = usable(call, "KeyId")?;
    call.put(Key { enabled: false, ..key });
    Ok(Reply::empty())
}
