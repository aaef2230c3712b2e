//! Reading buckets back: by name, each proved by its tags, every setting asked for.
use super::{
    Bucket, Encryption, arn, lifecycle, name,
    statements::{TLS_ONLY, resources, tls_only},
};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, tags::Tags},
    call::SweepCtx,
    kinds::policy::Policy,
    resource::{Live, Resource},
};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ObjectOwnership, PublicAccessBlockConfiguration, ServerSideEncryption,
};
use futures_util::{
    StreamExt, TryStreamExt,
    future::{join, try_join, try_join3},
    stream,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every bucket of the stack.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Bucket>>, Error> {
    let first = if ctx.all_stacks { String::new() } else { name::prefix(&ctx.scope.stack) };
    // Of what the journal knows everything is asked for at once; others say first whose they are.
    let known = ctx.names.known(Bucket::KIND);
    let (listed, mut found) = try_join(listed(ctx, &first), all(ctx, &known, true)).await?;
    let mut names = name::candidates(ctx, listed);
    names.retain(|name| !known.contains(name));
    found.extend(all(ctx, &names, false).await?);
    Ok(found)
}

async fn all(ctx: &SweepCtx, names: &BTreeSet<String>, at_once: bool) -> Result<Vec<Live<Bucket>>, Error> {
    let reads: Vec<_> = names.iter().map(|name| owned(ctx, name, at_once)).collect();
    let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn owned(ctx: &SweepCtx, name: &str, at_once: bool) -> Result<Option<Live<Bucket>>, Error> {
    let (tags, settings) = match at_once {
        true => {
            let (tags, settings) = join(tags_of(ctx, name), Settings::read(ctx, name)).await;
            (tags, Some(settings))
        }
        false => (tags_of(ctx, name).await, None),
    };
    let tags = match tags {
        // Names are shared by the whole world. A refusal is no proof that the bucket is not ours, the list of the
        // account's own buckets is; looking at every stack, a bucket that is closed to the caller is nobody's.
        Err(e) if e.class == ErrorClass::Denied => {
            let own = listed(ctx, name).await?.contains(name);
            if own && (!ctx.all_stacks || ctx.names.of(Bucket::KIND).contains(name)) {
                return Err(name::taken(name, e));
            }
            return Ok(None);
        }
        other => other?,
    };
    let Some(tags) = tags else { return Ok(None) };
    if !ctx.takes(&tags) {
        return Ok(None);
    }
    let address = ctx.address(name, &tags);
    // What is not ours may refuse its settings: whose it is decides whether that matters.
    match settings {
        Some(settings) => Ok(settings?.map(|s| s.live(ctx, name, address, tags))),
        None => bucket(ctx, name, address, tags).await,
    }
}

/// The account's buckets in this region whose names start so.
pub(super) async fn listed(ctx: &SweepCtx, prefix: &str) -> Result<BTreeSet<String>, Error> {
    let mut out = BTreeSet::new();
    let list = ctx.aws.s3().list_buckets().bucket_region(&ctx.scope.region).max_buckets(1000);
    let list = if prefix.is_empty() { list } else { list.prefix(prefix) };
    let mut pages = list.into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.buckets.unwrap_or_default().into_iter().filter_map(|b| b.name));
    }
    Ok(out)
}

/// The tags of a bucket of this account: nothing = there is no such bucket. A refusal is an error, never "not there".
pub(super) async fn tags_of(ctx: &SweepCtx, name: &str) -> Result<Option<Tags>, Error> {
    let read = ctx.aws.s3().get_bucket_tagging().bucket(name).expected_bucket_owner(&ctx.scope.account).send().await;
    match read.map_err(Error::from) {
        Ok(out) => Ok(Some(out.tag_set.into_iter().map(|t| (t.key, t.value)).collect())),
        Err(e) if e.is("NoSuchTagSet") => Ok(Some(Tags::new())),
        Err(e) if e.class == ErrorClass::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// `None` for a setting that is not there; a bucket that is not there stays an error.
fn setting<T, E: Into<Error>>(result: Result<T, E>) -> Result<Option<T>, Error> {
    match result.map_err(Into::into) {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.class == ErrorClass::NotFound && !e.is("NoSuchBucket") => Ok(None),
        Err(e) => Err(e),
    }
}

/// A bucket with all its settings; nothing if it was deleted meanwhile.
pub(super) async fn bucket(
    ctx: &SweepCtx,
    name: &str,
    address: Address,
    tags: Tags,
) -> Result<Option<Live<Bucket>>, Error> {
    Ok(Settings::read(ctx, name).await?.map(|settings| settings.live(ctx, name, address, tags)))
}

/// A bucket that was made a moment ago.
pub(super) fn new(ctx: &SweepCtx, name: &str, address: Address, tags: Tags) -> Live<Bucket> {
    let settings = Settings {
        versioning: false,
        encryption: Encryption { kms_key: None },
        rules: Vec::new(),
        policy: None,
        blocked: false,
        enforced: false,
    };
    settings.live(ctx, name, address, tags)
}

/// Everything that has a getter of its own.
struct Settings {
    versioning: bool,
    encryption: Encryption,
    rules: Vec<aws_sdk_s3::types::LifecycleRule>,
    policy: Option<Policy>,
    blocked: bool,
    enforced: bool,
}

impl Settings {
    /// All getters at once; nothing if there is no such bucket.
    async fn read(ctx: &SweepCtx, name: &str) -> Result<Option<Self>, Error> {
        let read = try_join(
            try_join3(versioning(ctx, name), encryption(ctx, name), lifecycle_rules(ctx, name)),
            try_join3(policy(ctx, name), blocked(ctx, name), owner_enforced(ctx, name)),
        );
        match read.await {
            Ok(((versioning, encryption, rules), (policy, blocked, enforced))) => {
                Ok(Some(Self { versioning, encryption, rules, policy, blocked, enforced }))
            }
            Err(e) if e.is("NoSuchBucket") => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn live(self, ctx: &SweepCtx, name: &str, address: Address, tags: Tags) -> Live<Bucket> {
        let (own, tls) = split(&ctx.scope.partition, name, self.policy);
        let (lifecycle, abort_incomplete_uploads) = lifecycle::from_aws(&self.rules);
        let spec = Bucket {
            name: Some(name.to_owned()),
            versioning: self.versioning,
            encryption: self.encryption,
            abort_incomplete_uploads,
            lifecycle,
            policy: own,
            closed: self.blocked && self.enforced && tls,
        };
        let arn = arn(&ctx.scope.partition, name);
        let mut live = Live::new(address, name, tags, spec);
        live.ids = vec![arn.clone()];
        let suffix = if ctx.scope.partition == "aws-cn" { ".cn" } else { "" };
        let domain = format!("{name}.s3.{}.amazonaws.com{suffix}", ctx.scope.region);
        live.outputs = json!({ "name": name, "arn": arn, "domain": domain }).into();
        live
    }
}

/// The statements that are not ours, and whether ours is there as it should be.
fn split(partition: &str, name: &str, policy: Option<Policy>) -> (Option<Policy>, bool) {
    let Some(policy) = policy else { return (None, false) };
    let everything = resources(partition, name);
    let expected = Policy::of(&[tls_only(&everything)]);
    let is_ours = |s: &&Value| s.get("Sid").and_then(Value::as_str) == Some(TLS_ONLY);
    let tls = policy.statements().iter().find(is_ours) == expected.statements().first();
    let rest: Vec<Value> = policy.statements().iter().filter(|s| !is_ours(s)).cloned().collect();
    let mut rest = (!rest.is_empty()).then(|| policy.with(&rest));
    if let Some(rest) = &mut rest {
        // What a statement without a resource means in a blueprint.
        rest.leave_out(name);
    }
    (rest, tls)
}

async fn versioning(ctx: &SweepCtx, name: &str) -> Result<bool, Error> {
    let get = ctx.aws.s3().get_bucket_versioning().bucket(name).expected_bucket_owner(&ctx.scope.account);
    Ok(get.send().await?.status == Some(BucketVersioningStatus::Enabled))
}

async fn encryption(ctx: &SweepCtx, name: &str) -> Result<Encryption, Error> {
    use crate::field::Field;
    let get = ctx.aws.s3().get_bucket_encryption().bucket(name).expected_bucket_owner(&ctx.scope.account);
    let rules = setting(get.send().await)?.and_then(|out| out.server_side_encryption_configuration).map(|c| c.rules);
    let default = rules.and_then(|r| r.into_iter().next()?.apply_server_side_encryption_by_default);
    let kms_key = default.filter(|d| d.sse_algorithm != ServerSideEncryption::Aes256).map(|d| {
        // Without a key it is AWS's own one for S3.
        Field::Known(d.kms_master_key_id.unwrap_or_else(|| "alias/aws/s3".to_owned()))
    });
    Ok(Encryption { kms_key })
}

async fn lifecycle_rules(ctx: &SweepCtx, name: &str) -> Result<Vec<aws_sdk_s3::types::LifecycleRule>, Error> {
    let get = ctx.aws.s3().get_bucket_lifecycle_configuration().bucket(name);
    let read = setting(get.expected_bucket_owner(&ctx.scope.account).send().await)?;
    Ok(read.and_then(|out| out.rules).unwrap_or_default())
}

async fn policy(ctx: &SweepCtx, name: &str) -> Result<Option<Policy>, Error> {
    let get = ctx.aws.s3().get_bucket_policy().bucket(name).expected_bucket_owner(&ctx.scope.account);
    setting(get.send().await)?.and_then(|out| out.policy).as_deref().map(Policy::parse).transpose()
}

async fn blocked(ctx: &SweepCtx, name: &str) -> Result<bool, Error> {
    let get = ctx.aws.s3().get_public_access_block().bucket(name).expected_bucket_owner(&ctx.scope.account);
    let all = |c: PublicAccessBlockConfiguration| {
        [c.block_public_acls, c.ignore_public_acls, c.block_public_policy, c.restrict_public_buckets]
            .iter()
            .all(|one| *one == Some(true))
    };
    Ok(setting(get.send().await)?.and_then(|out| out.public_access_block_configuration).is_some_and(all))
}

async fn owner_enforced(ctx: &SweepCtx, name: &str) -> Result<bool, Error> {
    let get = ctx.aws.s3().get_bucket_ownership_controls().bucket(name).expected_bucket_owner(&ctx.scope.account);
    let rules = setting(get.send().await)?.and_then(|out| out.ownership_controls).map(|c| c.rules).unwrap_or_default();
    Ok(rules.iter().any(|r| r.object_ownership == ObjectOwnership::BucketOwnerEnforced))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::bucket::document;

    #[test]
    fn our_statement_is_added_and_taken_out_again() {
        let own = Policy::of(&[json!({ "Effect": "Allow", "Principal": { "AWS": "123456789012" },
            "Action": ["s3:GetObject", "s3:ListBucket"] })]);
        let whole = document("aws", "data", Some(&own));
        assert_eq!(whole.statements().len(), 2);
        assert!(
            whole.statements().iter().all(|s| s["Resource"] == json!(["arn:aws:s3:::data", "arn:aws:s3:::data/*"]))
        );
        assert_eq!(split("aws", "data", Some(Policy::parse(&whole.text()).unwrap())), (Some(own), true));
        assert_eq!(split("aws", "data", Some(document("aws", "data", None))), (None, true));
        assert_eq!(split("aws", "data", None), (None, false));
        let weak = Policy::of(&[json!({ "Sid": TLS_ONLY, "Effect": "Deny", "Principal": "*", "Action": "s3:Get*" })]);
        assert_eq!(split("aws", "data", Some(weak)), (None, false));
    }
}
