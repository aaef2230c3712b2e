//! Repositories: made by name, changed setting by setting, and removed when they are empty or by force.

use std::collections::BTreeMap;

use super::images::Image;
use super::{about, missing, named, registry, unfit};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateRepository", create),
    write("DeleteRepository", delete),
    read("DescribeRepositories", describe),
    write("PutImageTagMutability", retag),
    write("PutImageScanningConfiguration", scan),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) mutability: String,
    pub(super) scans: bool,
    pub(super) key: Option<String>,
    pub(super) lifecycle: Option<String>,
    pub(super) policy: Option<String>,
    /// By digest.
    pub(super) images: BTreeMap<String, Image>,
    pub(super) tags: Tags,
}

object!(Repository, "ecr/repository", name, tags of "ecr" "repository/{name}");

/// Lower-case words, joined by `.`, `_`, `__` or dashes, and parted by `/`.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joins = |run: &str| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    name.split('/').all(|word| {
        word.starts_with(plain) && word.ends_with(plain) && word.split(plain).filter(|run| !run.is_empty()).all(joins)
    })
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    registry(call)?;
    let name = call.params.text("repositoryName")?;
    let mutability = mutability(call)?.unwrap_or_else(|| "MUTABLE".to_owned());
    let scans = scanning(call)?;
    let key = key(call)?;
    let tags = tagged::take(call)?;
    if !is_name(&name) {
        let pattern = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";
        return Err(unfit(call, "repositoryName", &format!("must satisfy regular expression '{pattern}'")));
    }
    if call.get::<Repository>(&name).is_some() {
        let account = call.account();
        let message = format!("The repository with name '{name}' already exists in the registry with id '{account}'");
        return Err(ApiError::bad("RepositoryAlreadyExistsException", message));
    }
    let (lifecycle, policy, images) = (None, None, BTreeMap::new());
    let made = Repository { name, created: call.now, mutability, scans, key, lifecycle, policy, images, tags };
    let reply = Reply::json(json!({"repository": shown(call, &made)}));
    call.put(made);
    Ok(reply)
}

/// What a request says of tags.
fn mutability(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    match call.params.text_opt("imageTagMutability")? {
        Some(said) if said.ends_with("_WITH_EXCLUSION") => {
            Err(ApiError::not_implemented(format!("tags that are {said}")))
        }
        said => Ok(said),
    }
}

fn scanning(call: &mut Call<'_>) -> Result<bool, ApiError> {
    call.params.child_opt("imageScanningConfiguration")?.map_or(Ok(false), |mut it| it.flag("scanOnPush"))
}

/// The key of a request. Keys are not simulated here: every ARN of one in this region stands for one that may be used.
fn key(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    let Some(mut encryption) = call.params.child_opt("encryptionConfiguration")? else { return Ok(None) };
    let (how, key) = (encryption.text("encryptionType")?, encryption.text_opt("kmsKey")?);
    match (how.as_str(), key) {
        ("AES256", None) => Ok(None),
        ("AES256", Some(_)) => Err(unfit(call, "encryptionConfiguration", "KMS key is not allowed with AES256")),
        ("KMS", Some(key)) if key.starts_with(&call.arn_of("kms", "key/")) => Ok(Some(key)),
        ("KMS", Some(key)) if key.starts_with("arn:") => {
            let message = format!("The KMS key '{key}' does not exist or cannot be used.");
            Err(ApiError::bad("KmsException", message).with("kmsError", "NotFoundException"))
        }
        ("KMS", Some(_)) => Err(ApiError::not_implemented("keys of repositories by id or alias")),
        (how, _) => Err(ApiError::not_implemented(format!("repositories with {how} and a key of AWS's"))),
    }
}

fn shown(call: &Call<'_>, it: &Repository) -> Value {
    let end = if call.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let how = if it.key.is_some() { "KMS" } else { "AES256" };
    json!({
        "repositoryArn": call.arn(format_args!("repository/{}", it.name)), "registryId": call.account(),
        "repositoryName": it.name, "createdAt": it.created.as_second(), "imageTagMutability": it.mutability,
        "repositoryUri": format!("{}.dkr.ecr.{}.{end}/{}", call.account(), call.region, it.name),
        "imageScanningConfiguration": {"scanOnPush": it.scans},
        "encryptionConfiguration": {"encryptionType": how, "kmsKey": it.key},
    })
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (repository, force) = (named(call)?, call.params.flag("force")?);
    if !repository.images.is_empty() && !force {
        let message = format!(
            "The repository with name '{}' in registry with id '{}' cannot be deleted because it still contains images",
            repository.name,
            call.account()
        );
        return Err(ApiError::bad("RepositoryNotEmptyException", message));
    }
    call.remove::<Repository>(&repository.name);
    Ok(Reply::json(json!({"repository": shown(call, &repository)})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    registry(call)?;
    let names = call.params.texts("repositoryNames")?;
    let page = Page::take(call, 100)?;
    if let Some(name) = names.iter().find(|name| call.see::<Repository>(name).is_none()) {
        return Err(missing(call, name));
    }
    let wanted = |it: &&Repository| names.is_empty() || names.contains(&it.name);
    Ok(page.reply(call.seen::<Repository>().filter(wanted), |it| &it.name, |it| shown(call, it)))
}

fn retag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = named(call)?;
    let mutability = mutability(call)?.unwrap_or_default();
    let reply = about(call, &repository, json!({"imageTagMutability": mutability}));
    call.put(Repository { mutability, ..repository });
    Ok(reply)
}

fn scan(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = named(call)?;
    let scans = scanning(call)?;
    let reply = about(call, &repository, json!({"imageScanningConfiguration": {"scanOnPush": scans}}));
    call.put(Repository { scans, ..repository });
    Ok(reply)
}
