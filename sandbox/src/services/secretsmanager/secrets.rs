//! Secrets: made by name, described, changed, removed for good or for some days, and restored.

use std::time::Duration;

use super::values::{self, Version};
use super::{about, named, usable};
use crate::iam_model::is_principal;
use crate::life::after;
use crate::policy::{self, Use};
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateSecret", create),
    read("DescribeSecret", describe),
    read("ListSecrets", list),
    write("UpdateSecret", update),
    write("DeleteSecret", delete),
    write("RestoreSecret", restore),
    write("PutResourcePolicy", put_policy),
    read("GetResourcePolicy", get_policy),
    write("DeleteResourcePolicy", delete_policy),
    write("TagResource", tag),
    write("UntagResource", untag),
];

/// So long the name of a secret that is removed at once stays taken.
const FORGOTTEN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    /// What AWS puts behind the name in the ARN.
    suffix: String,
    created: Timestamp,
    pub(super) changed: Timestamp,
    description: Option<String>,
    key: Option<String>,
    policy: Option<String>,
    /// When it goes.
    pub(super) deleted: Option<Timestamp>,
    /// The newest first.
    pub(super) versions: Vec<Version>,
    tags: Tags,
}

impl Object for Secret {
    const KIND: &'static str = "secretsmanager/secret";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.deleted
    }
    fn state(&self, _now: Timestamp) -> &str {
        if self.deleted.is_some() { "PendingDeletion" } else { "" }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("secretsmanager".to_owned(), format!("secret:{}", self.tail())))
    }
}

impl Secret {
    pub(super) fn tail(&self) -> String {
        format!("{}-{}", self.name, self.suffix)
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let (description, key) = (call.params.text_opt("Description")?, call.params.text_opt("KmsKeyId")?);
    let value = values::given(call)?;
    let tags = tagged::take(call)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if !name.chars().all(plain) {
        let message =
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(ApiError::bad("ValidationException", message));
    }
    if let Some(old) = call.get::<Secret>(&name) {
        return Err(match old.deleted {
            Some(_) => ApiError::bad(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ),
            None => ApiError::bad(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            ),
        });
    }
    let suffix = call.world.new_hex(6);
    let (created, changed, policy, deleted) = (call.now, call.now, None, None);
    let mut made =
        Secret { name, suffix, created, changed, description, key, policy, deleted, versions: Vec::new(), tags };
    let version = value.map(|value| values::add(call, &mut made, value));
    let reply = about(call, &made, json!({"VersionId": version}));
    call.put(made);
    Ok(reply)
}

fn shown(call: &Call<'_>, it: &Secret, versions: &str) -> Value {
    json!({
        "ARN": call.arn(format_args!("secret:{}", it.tail())), "Name": it.name, "Description": it.description,
        "KmsKeyId": it.key, "CreatedDate": it.created.as_second(), "LastChangedDate": it.changed.as_second(),
        "DeletedDate": it.deleted.map(jiff::Timestamp::as_second), "Tags": tagged::pairs(&it.tags),
        versions: values::stages(it),
    })
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let secret = named(call)?;
    Ok(Reply::json(shown(call, &secret, "VersionIdsToStages")))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let gone_too = call.params.flag("IncludePlannedDeletion")?;
    let mut filters = Vec::new();
    for mut filter in call.params.structs("Filters")? {
        filters.push((filter.text("Key")?, filter.texts("Values")?));
    }
    if let Some((key, _)) = filters.iter().find(|(key, _)| !["name", "tag-key", "tag-value"].contains(&key.as_str())) {
        return Err(ApiError::not_implemented(format!("secretsmanager:ListSecrets with the filter {key}")));
    }
    let page = Page::take(call, 100)?;
    let passes = |it: &&Secret| {
        (gone_too || it.deleted.is_none())
            && filters.iter().all(|(key, values)| {
                values.iter().any(|value| match key.as_str() {
                    "name" => it.name.starts_with(value),
                    "tag-key" => it.tags.keys().any(|key| key.starts_with(value)),
                    _ => it.tags.values().any(|text| text.starts_with(value)),
                })
            })
    };
    let show = |it: &&Secret| shown(call, it, "SecretVersionsToStages");
    Ok(page.reply(call.seen::<Secret>().filter(passes), |it| &it.name, show))
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut secret = usable(call)?;
    if let Some(description) = call.params.text_opt("Description")? {
        secret.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(key) = call.params.text_opt("KmsKeyId")? {
        secret.key = Some(key).filter(|key| !key.is_empty());
    }
    let value = values::given(call)?;
    let version = value.map(|value| values::add(call, &mut secret, value));
    secret.changed = call.now;
    let reply = about(call, &secret, json!({"VersionId": version}));
    call.put(secret);
    Ok(reply)
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (days, force) = (call.params.int_opt("RecoveryWindowInDays")?, call.params.flag("ForceDeleteWithoutRecovery")?);
    let secret = if force { named(call)? } else { usable(call)? };
    if days.is_some() && force {
        let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
        return Err(call.invalid(message));
    }
    let window = u64::try_from(days.unwrap_or(30)).ok().filter(|days| (7..=30).contains(days));
    let Some(window) = window else {
        return Err(call.invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."));
    };
    // A day is a day here, however fast everything else is.
    let time = if force { call.world.scaled(FORGOTTEN) } else { Duration::from_secs(window * 24 * 3600) };
    let at = after(call.now, time);
    let reply = about(call, &secret, json!({"DeletionDate": at.as_second()}));
    call.put(Secret { deleted: Some(at), ..secret });
    Ok(reply)
}

fn restore(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let secret = named(call)?;
    let reply = about(call, &secret, json!({}));
    call.put(Secret { deleted: None, ..secret });
    Ok(reply)
}

/// A policy as it is kept. A role that nobody knows yet makes it wrong.
fn checked(call: &Call<'_>, text: &str, closed: bool) -> Result<String, ApiError> {
    let wrong = |why: &str| ApiError::bad("MalformedPolicyDocumentException", why);
    let document = policy::check(text, Use::Object).map_err(|why| wrong(&why))?;
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    if policy::unknown_role(&document, call.partition(), &call.account(), is_known).is_some() {
        return Err(wrong("This resource policy contains an unsupported principal."));
    }
    if closed && policy::is_public(&document) {
        let message = "You can't attach a resource policy that allows broad access to the secret.";
        return Err(ApiError::bad("PublicPolicyException", message));
    }
    Ok(policy::with_roots(document, call.partition()).unwrap_or_else(|| text.to_owned()))
}

fn put_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (secret, text) = (usable(call)?, call.params.text("ResourcePolicy")?);
    let closed = call.params.flag("BlockPublicPolicy")?;
    let policy = checked(call, &text, closed)?;
    let reply = about(call, &secret, json!({}));
    call.put(Secret { policy: Some(policy), ..secret });
    Ok(reply)
}

fn get_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let secret = usable(call)?;
    Ok(about(call, &secret, json!({"ResourcePolicy": secret.policy})))
}

fn delete_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let secret = usable(call)?;
    let reply = about(call, &secret, json!({}));
    call.put(Secret { policy: None, ..secret });
    Ok(reply)
}

fn tag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut secret, new) = (usable(call)?, tagged::take(call)?);
    secret.tags.extend(new);
    if secret.tags.len() > 50 {
        return Err((call.service.too_many_tags)());
    }
    call.put(secret);
    Ok(Reply::empty())
}

fn untag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut secret, keys) = (usable(call)?, call.params.texts("TagKeys")?);
    secret.tags.retain(|key, _| !keys.contains(key));
    call.put(secret);
    Ok(Reply::empty())
}
