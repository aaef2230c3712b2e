//! Ownership tags: their names, and the one way to change tags of an existing object, whatever service it is in.
use crate::aws::{Aws, Error};
use std::collections::BTreeMap;

/// Version of this scheme.
pub const VERSION: &str = "dlinfra:v";
/// The stack's name.
pub const STACK: &str = "dlinfra:stack";
/// The stack's id.
pub const STACK_ID: &str = "dlinfra:stack-id";
/// The address in the blueprint.
pub const ADDRESS: &str = "dlinfra:address";
/// The attempt that made the object.
pub const INTENT: &str = "dlinfra:intent";
/// Who answers for it.
pub const OWNER: &str = "dlinfra:owner";
/// When it may be removed.
pub const EXPIRES: &str = "dlinfra:expires";
/// Which secondary object of its address it is.
pub const PART: &str = "dlinfra:part";
/// Digests of what cannot be read back.
pub const SPEC: &str = "dlinfra:spec";
/// The prefix that users' tags may not have.
pub const PREFIX: &str = "dlinfra:";
/// Tags that are set once, at creation, and never compared.
pub const NEVER_DIFFED: [&str; 3] = [INTENT, SPEC, PART];

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What carries tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagTarget {
    /// EC2 objects by id.
    Ec2(Vec<String>),
    /// An IAM role by name.
    Role(String),
    /// An IAM instance profile by name.
    InstanceProfile(String),
    /// An FSx object by ARN.
    Fsx(String),
    /// A bucket by name.
    Bucket(String),
}

/// Sets and removes tags of one object; other tags stay as they are.
///
/// # Errors
/// Whatever the service answers.
pub async fn retag(aws: &Aws, target: &TagTarget, set: &Tags, remove: &[String]) -> Result<(), Error> {
    match target {
        TagTarget::Ec2(ids) => ec2(aws, ids, set, remove).await,
        TagTarget::Role(_) | TagTarget::InstanceProfile(_) => iam(aws, target, set, remove).await,
        TagTarget::Fsx(arn) => fsx(aws, arn, set, remove).await,
        TagTarget::Bucket(name) => bucket(aws, name, set, remove).await,
    }
}

/// The tags that each object of a target carries now, by id or name; an object without tags is there with none.
///
/// # Errors
/// Whatever the service answers.
pub async fn read(aws: &Aws, target: &TagTarget) -> Result<BTreeMap<String, Tags>, Error> {
    let mut out = BTreeMap::new();
    match target {
        TagTarget::Ec2(ids) => {
            use aws_sdk_ec2::types::Filter;
            out.extend(ids.iter().map(|id| (id.clone(), Tags::new())));
            // A filter takes 200 values at most.
            for ids in ids.chunks(200) {
                let filter = Filter::builder().name("resource-id").set_values(Some(ids.to_vec())).build();
                let mut pages = aws.ec2().describe_tags().filters(filter).into_paginator().send();
                while let Some(page) = pages.next().await {
                    for tag in page?.tags.unwrap_or_default() {
                        let (id, key) = (tag.resource_id.unwrap_or_default(), tag.key.unwrap_or_default());
                        out.entry(id).or_default().insert(key, tag.value.unwrap_or_default());
                    }
                }
            }
        }
        // At most 50 tags, which is one page in every service below.
        TagTarget::Role(name) => {
            let tags = aws.iam().list_role_tags().role_name(name).send().await?.tags;
            out.insert(name.clone(), tags.into_iter().map(|t| (t.key, t.value)).collect());
        }
        TagTarget::InstanceProfile(name) => {
            let tags = aws.iam().list_instance_profile_tags().instance_profile_name(name).send().await?.tags;
            out.insert(name.clone(), tags.into_iter().map(|t| (t.key, t.value)).collect());
        }
        TagTarget::Fsx(arn) => {
            let found = aws.fsx().list_tags_for_resource().resource_arn(arn).send().await?.tags.unwrap_or_default();
            let tags = found.into_iter().map(|t| (t.key.unwrap_or_default(), t.value.unwrap_or_default()));
            out.insert(arn.clone(), tags.collect());
        }
        TagTarget::Bucket(name) => {
            let owner = aws.account().await?;
            let read = aws.s3().get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send().await;
            let tags = match read.map_err(Error::from) {
                Ok(out) => out.tag_set.into_iter().map(|t| (t.key, t.value)).collect(),
                Err(e) if e.is("NoSuchTagSet") => Tags::new(),
                Err(e) => return Err(e),
            };
            out.insert(name.clone(), tags);
        }
    }
    Ok(out)
}

async fn ec2(aws: &Aws, ids: &[String], set: &Tags, remove: &[String]) -> Result<(), Error> {
    use aws_sdk_ec2::types::Tag;
    // CreateTags takes 1,000 objects at most.
    for ids in ids.chunks(1000) {
        if !set.is_empty() {
            let tags = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
            aws.ec2().create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags)).send().await?;
        }
        if !remove.is_empty() {
            let tags = remove.iter().map(|k| Tag::builder().key(k).build()).collect();
            aws.ec2().delete_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags)).send().await?;
        }
    }
    Ok(())
}

async fn iam(aws: &Aws, target: &TagTarget, set: &Tags, remove: &[String]) -> Result<(), Error> {
    use aws_sdk_iam::types::Tag;
    let tags = set
        .iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::bug(e.to_string()))?;
    let iam = aws.iam();
    match target {
        TagTarget::Role(name) => {
            if !set.is_empty() {
                iam.tag_role().role_name(name).set_tags(Some(tags)).send().await?;
            }
            if !remove.is_empty() {
                iam.untag_role().role_name(name).set_tag_keys(Some(remove.to_vec())).send().await?;
            }
        }
        TagTarget::InstanceProfile(name) => {
            if !set.is_empty() {
                iam.tag_instance_profile().instance_profile_name(name).set_tags(Some(tags)).send().await?;
            }
            if !remove.is_empty() {
                iam.untag_instance_profile()
                    .instance_profile_name(name)
                    .set_tag_keys(Some(remove.to_vec()))
                    .send()
                    .await?;
            }
        }
        _ => return Err(Error::bug("not an IAM object")),
    }
    Ok(())
}

async fn fsx(aws: &Aws, arn: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
    use aws_sdk_fsx::types::Tag;
    if !set.is_empty() {
        let tags = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        aws.fsx().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
    }
    if !remove.is_empty() {
        aws.fsx().untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}

/// S3 replaces the whole set, so what is there is read first.
async fn bucket(aws: &Aws, name: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
    use aws_sdk_s3::types::{Tag, Tagging};
    let owner = aws.account().await?;
    let read = aws.s3().get_bucket_tagging().bucket(name).expected_bucket_owner(&owner).send().await;
    let mut all: Tags = super::optional(read.map_err(Error::from))?
        .map(|out| out.tag_set.into_iter().map(|t| (t.key, t.value)).collect())
        .unwrap_or_default();
    all.extend(set.clone());
    all.retain(|k, _| !remove.contains(k));
    let tags = all.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect::<Result<Vec<_>, _>>();
    let tags = tags.map_err(|e| Error::bug(e.to_string()))?;
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(|e| Error::bug(e.to_string()))?;
    aws.s3().put_bucket_tagging().bucket(name).expected_bucket_owner(&owner).tagging(tagging).send().await?;
    Ok(())
}
