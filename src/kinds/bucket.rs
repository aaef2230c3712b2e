//! bucket: an S3 bucket that is closed, versioned and encrypted unless the blueprint says otherwise.
mod check;
mod contents;
mod lifecycle;
mod name;
mod read;
mod statements;

use lifecycle::LifecycleRule;
use statements::{document, says_the_same, tls_only};

use crate::{
    aws::{Error, ErrorClass, gone, ownership::Ownership, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::policy::Policy,
    price::{PriceContext, PriceLine, storage},
    resource::{
        About, Answers, Call, Changes, Claim, Class, Compares, DefaultValue, Discovery, Durations, Expected, Gone,
        HoldsData, Id, Live, Lookup, NameRule, Output, Problem, Quota, Resource,
    },
    units::Span,
};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag,
    VersioningConfiguration,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An S3 bucket. It is always closed: no public access, no access lists, no requests without TLS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name, unique in the whole world; without it dlinfra makes one from stack and address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Keeps overwritten and deleted objects as old versions. On by default, because a mistake in training code can
    /// be undone then; `lifecycle` with `expire_noncurrent` bounds what old versions cost.
    #[serde(default = "yes")]
    pub versioning: bool,
    /// Encryption at rest: with S3's own keys (SSE-S3), or with a key of yours.
    #[serde(default)]
    pub encryption: Encryption,
    /// Removes the parts of uploads that were never finished after this many days.
    // Absent on live data while AWS has no such rule.
    #[serde(default = "week", skip_serializing_if = "Option::is_none")]
    pub abort_incomplete_uploads: Option<Span>,
    /// What happens to objects as they grow old.
    #[serde(default)]
    pub lifecycle: Vec<LifecycleRule>,
    /// More statements of the bucket policy. A statement without `Resource` means the bucket and everything in it;
    /// the statement that refuses requests without TLS is always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    // Always true in what is wanted, so it is no field of a blueprint; on live data false once somebody opened the
    // bucket, which `update` repairs.
    #[serde(default = "yes")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub closed: bool,
}

/// Encryption of a bucket at rest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The ARN of a KMS key (SSE-KMS with a bucket key, which keeps the number of KMS requests small).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
}

fn yes() -> bool {
    true
}

fn week() -> Option<Span> {
    Some(Span::from_hours(7 * 24))
}

const CREATE: Call = Call::new("s3:CreateBucket", Class::NameIdempotent);
const NAME: NameRule = NameRule { max: 63, extra: "-", lower: true };
use check::CODES;

impl Resource for Bucket {
    const KIND: &'static str = "bucket";
    const ABOUT: About = About {
        codes: CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the bucket's name" },
            Output { name: "arn", ty: "string", doc: "the bucket's ARN" },
            Output { name: "domain", ty: "string", doc: "the name of its endpoint in the region" },
        ],
        fixed: &["name"],
        claims: &[Claim::of("name")],
        tagger: &tags::BUCKETS,
        discovery: Discovery::Prefix,
        terraform: "aws_s3_bucket",
        calls: &[CREATE],
        name: Some(NAME),
        iam: &[
            "s3:CreateBucket",
            "s3:TagResource",
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:GetBucketTagging",
            "s3:PutBucketTagging",
            "s3:GetBucketVersioning",
            "s3:PutBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:PutEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:DeleteBucket",
        ],
        quotas: &[Quota { code: "L-DC2B2D3D", name: "General purpose buckets" }],
        prices: "s3",
        defaults: &[("policy", DefaultValue::Nothing), ("encryption.kms_key", DefaultValue::Nothing)],
        // Emptying takes as long as there are objects: about 3,000 a second.
        durations: Some(Durations { delete: Expected::secs(5, 6 * 3600), ..Durations::quick(3, 3, 5) }),
        gone: Gone::AtOnce,
        stand_in: r#"{"name":"@name"}"#,
        ..About::new("An S3 bucket: closed, TLS only, versioned and encrypted unless stated otherwise")
    };

    fn summary(&self) -> String {
        let versions = if self.versioning { "versioned" } else { "not versioned" };
        let key = if self.encryption.kms_key.is_some() { "SSE-KMS" } else { "SSE-S3" };
        match &self.name {
            Some(name) => format!("{name}, {versions}, {key}"),
            None => format!("{versions}, {key}"),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.lifecycle.iter_mut().for_each(LifecycleRule::normalize);
        self.lifecycle.sort();
        if let Some(policy) = &mut self.policy {
            policy.normalize();
            // The statement that is always there may have been copied with the others.
            let (ours, before) = (tls_only(&Value::Null), policy.statements().len());
            if let Some(Value::Array(all)) = policy.0.get_mut("Statement") {
                all.retain(|s| !says_the_same(s, &ours));
            }
            if let Some(name) = &self.name {
                policy.leave_out(name);
            }
            if before > 0 && policy.statements().is_empty() {
                self.policy = None;
            }
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        storage::bucket(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&NAME, ""));
        let ids = ctx
            .call_named(&CREATE, "", name, &json!({ "name": name, "spec": self }), |attempt| async move {
                let what = format!("the bucket {name}");
                let sweep = ctx.sweep();
                // In us-east-1 creating a bucket that this account owns is a success, so look first.
                if let Some(tags) = read::tags_of(&sweep, name).await.map_err(|e| name::taken(name, e))? {
                    ctx.ours(&what, &tags)?;
                    ctx.doubtful();
                    return Ok(vec![name.clone()]);
                }
                let region = ctx.scope.region.as_str();
                let place = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
                let configuration = CreateBucketConfiguration::builder()
                    .set_location_constraint(place)
                    .set_tags(Some(to_tags(&attempt.tags)?))
                    .build();
                let call = ctx
                    .aws
                    .s3_once()
                    .create_bucket()
                    .bucket(name)
                    .create_bucket_configuration(configuration)
                    .object_ownership(ObjectOwnership::BucketOwnerEnforced);
                let made = match call.send().await.map_err(Error::from) {
                    Err(e) if e.class != ErrorClass::Exists => return Err(e),
                    Err(_) => {
                        ctx.doubtful();
                        false
                    }
                    Ok(_) => true,
                };
                // A success alone proves nothing: our intent in the tags does. Where no tag says whose it is, S3's answer
                // counts: it is recorded as made, and a look tells whether its tags ever come.
                let intent = |tags: &tags::Tags| Ownership::read(tags).map(|o| o.intent);
                let found = read::tags_of(&sweep, name).await.map_err(|e| name::taken(name, e))?;
                match found.as_ref().and_then(intent) {
                    Some(found) if found == intent(&attempt.tags).flatten() => {}
                    None if made || found.is_none() => ctx.doubtful(),
                    _ => {
                        ctx.ours(&what, &found.unwrap_or_default())?;
                        ctx.doubtful();
                    }
                }
                Ok(vec![name.clone()])
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the bucket's name"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let (s3, name, owner) = (ctx.aws.s3(), &live.id, &ctx.scope.account);
        if changes.touches("closed") {
            let block = PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .ignore_public_acls(true)
                .block_public_policy(true)
                .restrict_public_buckets(true)
                .build();
            let put = s3.put_public_access_block().bucket(name).expected_bucket_owner(owner);
            put.public_access_block_configuration(block).send().await?;
            let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced);
            let controls = OwnershipControls::builder().rules(rule.build().map_err(built)?).build().map_err(built)?;
            let put = s3.put_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner);
            put.ownership_controls(controls).send().await?;
        }
        if changes.touches("closed") || changes.touches("policy") {
            // Statements of others stay unless the blueprint has, or had, a policy.
            let own = want.policy.as_ref().or(live.spec.policy.as_ref().filter(|_| !changes.touches("policy")));
            let document = document(&ctx.scope.partition, name, own);
            let put = s3.put_bucket_policy().bucket(name).expected_bucket_owner(owner).policy(document.text());
            if let Err(e) = put.send().await {
                return Err(document.refused(ctx, e.into()).await);
            }
        }
        if changes.touches("versioning") {
            let status =
                if want.versioning { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
            let put = s3.put_bucket_versioning().bucket(name).expected_bucket_owner(owner);
            put.versioning_configuration(VersioningConfiguration::builder().status(status).build()).send().await?;
        }
        if changes.touches("encryption") {
            let put = s3.put_bucket_encryption().bucket(name).expected_bucket_owner(owner);
            put.server_side_encryption_configuration(want.encryption.to_aws()?).send().await?;
        }
        if changes.touches("lifecycle") || changes.touches("abort_incomplete_uploads") {
            let rules = lifecycle::to_aws(&want.lifecycle, want.abort_incomplete_uploads)?;
            let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().map_err(built)?;
            let put = s3.put_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(owner);
            put.lifecycle_configuration(rules).send().await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let (name, owner) = (&live.id, &ctx.scope.account);
        let remove = || async {
            let call = ctx.aws.s3().delete_bucket().bucket(name).expected_bucket_owner(owner);
            gone(call.send().await.map_err(Error::from))
        };
        // S3 says whether something is in it.
        match remove().await {
            Err(e) if e.is("BucketNotEmpty") => {}
            other => return other,
        }
        gone(contents::empty(ctx, name).await)?;
        remove().await
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        match by {
            Lookup::Id(id) | Lookup::Name(id) => {
                let name = id.rsplit(":::").next().unwrap_or(id);
                let Some(tags) = read::tags_of(ctx, name).await? else { return Ok(Vec::new()) };
                Ok(read::bucket(ctx, name, ctx.address(name, &tags), tags).await?.into_iter().collect())
            }
            Lookup::Tags(wanted) => {
                let mut out = Vec::new();
                for name in read::listed(ctx, "").await? {
                    let Some(tags) = read::tags_of(ctx, &name).await? else { continue };
                    if wanted.iter().all(|(k, v)| tags.get(k) == Some(v)) {
                        out.extend(read::bucket(ctx, &name, ctx.address(&name, &tags), tags).await?);
                    }
                }
                Ok(out)
            }
        }
    }
}

impl HoldsData for Bucket {
    fn holds_data(&self) -> bool {
        true
    }

    async fn contents(ctx: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        contents::count(&ctx.aws, &live.id, &ctx.scope.account).await
    }
}

impl Answers for Bucket {
    /// A new bucket has what AWS gives to every one: encryption with S3's own keys, and nothing that dlinfra sets.
    fn made(&self, ctx: &Ctx, id: &Id) -> Option<Live<Self>> {
        Some(read::new(&ctx.sweep(), id, ctx.address.clone(), ctx.part_tags("")))
    }

    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        Some(live.with_spec(Self { name: live.spec.name.clone(), ..want.clone() }))
    }
}

impl Compares for Bucket {
    /// A policy may name its own bucket although the blueprint leaves its name to dlinfra.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let (written, name) = (want.get("policy")?, found.get("name")?.as_str()?);
        let mut plain = Policy(written.clone());
        plain.leave_out(name);
        let same = plain.0 != *written && found.get("policy") == Some(&plain.0);
        let mut seen = found.as_object().filter(|_| same)?.clone();
        seen.insert("policy".to_owned(), written.clone());
        Some(Value::Object(seen))
    }
}

impl Encryption {
    fn to_aws(&self) -> Result<ServerSideEncryptionConfiguration, Error> {
        let key = self.kms_key.as_ref().map(Field::get).transpose()?;
        let algorithm = if key.is_some() { ServerSideEncryption::AwsKms } else { ServerSideEncryption::Aes256 };
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(key.cloned())
            .build()
            .map_err(built)?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(key.is_some())
            .build();
        ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(built)
    }
}

fn arn(partition: &str, name: &str) -> String {
    format!("arn:{partition}:s3:::{name}")
}

fn to_tags(tags: &tags::Tags) -> Result<Vec<Tag>, Error> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build().map_err(built)).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn built(error: aws_sdk_s3::error::BuildError) -> Error {
    Error::bug(error.to_string())
}

#[cfg(test)]
mod tests;
