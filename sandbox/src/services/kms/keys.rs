//! Keys: made, listed, tagged, and scheduled for removal, which can be taken back for some days.

use std::time::Duration;

use super::{listed, named, settings, usable};
use crate::life::after;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateKey", create),
    read("DescribeKey", describe),
    read("ListKeys", list),
    write("ScheduleKeyDeletion", schedule),
    write("CancelKeyDeletion", cancel),
    write("TagResource", tag),
    write("UntagResource", untag),
    read("ListResourceTags", tags),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) description: String,
    pub(super) policy: String,
    /// In days; none = it is not rotated.
    pub(super) rotation: Option<i64>,
    pub(super) enabled: bool,
    /// When it goes.
    pub(super) deletion: Option<Timestamp>,
    pub(super) tags: Tags,
}

impl Object for Key {
    const KIND: &'static str = "kms/key";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.deletion
    }
    fn state(&self, _now: Timestamp) -> &str {
        match (self.deletion, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("kms".to_owned(), format!("key/{}", self.id)))
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    for (parameter, only) in [
        ("KeySpec", "SYMMETRIC_DEFAULT"),
        ("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("Origin", "AWS_KMS"),
    ] {
        if let Some(other) = call.params.text_opt(parameter)?.filter(|it| it != only) {
            return Err(ApiError::not_implemented(format!("keys with {parameter} {other}")));
        }
    }
    if call.params.flag("MultiRegion")? {
        return Err(ApiError::not_implemented("keys with MultiRegion"));
    }
    call.params.flag("BypassPolicyLockoutSafetyCheck")?;
    let description = call.params.text_opt("Description")?.unwrap_or_default();
    let policy = match call.params.text_opt("Policy")? {
        Some(text) => settings::checked(call, &text)?,
        None => settings::usual(call),
    };
    let tags = tagged::take(call)?;
    let (id, created) = (call.world.new_uuid(), call.now);
    let key = Key { id, created, description, policy, rotation: None, enabled: true, deletion: None, tags };
    let reply = Reply::json(json!({"KeyMetadata": shown(call, &key)}));
    call.put(key);
    Ok(reply)
}

fn shown(call: &Call<'_>, key: &Key) -> Value {
    let state = key.state(call.now);
    json!({
        "AWSAccountId": call.account(), "KeyId": key.id, "Arn": call.arn(format_args!("key/{}", key.id)),
        "CreationDate": key.created.as_second(), "Enabled": state == "Enabled", "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": state, "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": false,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "DeletionDate": key.deletion.map(jiff::Timestamp::as_second),
    })
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = named(call, "KeyId", true)?;
    Ok(Reply::json(json!({"KeyMetadata": shown(call, &key)})))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let arn = |key: &&Key| call.arn(format_args!("key/{}", key.id));
    let show = |key: &&Key| json!({"KeyId": key.id, "KeyArn": arn(key)});
    Ok(listed(&page, "Keys", call.seen::<Key>(), |key| &key.id, show))
}

fn schedule(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = usable(call, "KeyId")?;
    let days = call.params.int_opt("PendingWindowInDays")?.unwrap_or(30);
    let window = u64::try_from(days).ok().filter(|days| (7..=30).contains(days));
    let window = window.ok_or_else(|| call.invalid("PendingWindowInDays must be between 7 and 30"))?;
    // A day is a day here, however fast everything else is.
    let at = after(call.now, Duration::from_secs(window * 24 * 3600));
    let reply = Reply::json(json!({
        "KeyId": call.arn(format_args!("key/{}", key.id)), "DeletionDate": at.as_second(), "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }));
    call.put(Key { deletion: Some(at), enabled: false, ..key });
    Ok(reply)
}

fn cancel(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = named(call, "KeyId", false)?;
    let arn = call.arn(format_args!("key/{}", key.id));
    if key.deletion.is_none() {
        return Err(ApiError::bad("KMSInvalidStateException", format!("{arn} is not pending deletion.")));
    }
    call.put(Key { deletion: None, ..key });
    Ok(Reply::json(json!({"KeyId": arn})))
}

fn tag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut key, new) = (usable(call, "KeyId")?, tagged::take(call)?);
    key.tags.extend(new);
    if key.tags.len() > 50 {
        return Err((call.service.too_many_tags)());
    }
    call.put(key);
    Ok(Reply::empty())
}

fn untag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut key, keys) = (usable(call, "KeyId")?, call.params.texts("TagKeys")?);
    key.tags.retain(|tag, _| !keys.contains(tag));
    call.put(key);
    Ok(Reply::empty())
}

fn tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let key = named(call, "KeyId", false)?;
    let page = Page::take(call, 50)?;
    let show = |(key, value): &(&String, &String)| json!({"TagKey": key, "TagValue": value});
    Ok(listed(&page, "Tags", &key.tags, |(key, _)| key, show))
}
