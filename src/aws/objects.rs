//! Objects of one S3 bucket with conditional writes: what the journal needs, every call naming the owner it expects.
mod transfer;

use super::{Aws, Error, ErrorClass, optional};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use std::{future::Future, time::Duration};

/// A bucket that must belong to one account.
#[derive(Debug, Clone)]
pub struct Objects {
    aws: Aws,
    account: String,
    bucket: String,
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Written; the new ETag.
    Done(String),
    /// The condition did not hold.
    Refused,
}

/// An object's bytes and ETag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Changes with every write.
    pub etag: String,
}

/// How long what was replaced or deleted can be had back.
const KEPT_DAYS: i32 = 90;

/// Writes are repeated for so long when nobody knows whether they happened: their condition makes that safe.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

impl Objects {
    /// The objects of `bucket`, which must belong to `account`.
    pub fn new(aws: Aws, account: &str, bucket: &str) -> Self {
        Self { aws, account: account.to_owned(), bucket: bucket.to_owned() }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that it is looked for in.
    pub fn region(&self) -> &str {
        self.aws.region()
    }

    /// The account that must own it.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Writes an object that must not exist.
    ///
    /// # Errors
    /// Whatever S3 answers; an ambiguous answer only after a minute of tries. [`Written::Refused`] may then be the
    /// answer to a try of our own: the caller compares what is there.
    pub async fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Written, Error> {
        self.patient(|| self.put(key, bytes, None)).await
    }

    /// Writes over an object that must still have this ETag.
    ///
    /// # Errors
    /// As [`Objects::put_if_absent`].
    pub async fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Written, Error> {
        self.patient(|| self.put(key, bytes, Some(etag))).await
    }

    async fn put(&self, key: &str, bytes: &[u8], etag: Option<&str>) -> Result<Written, Error> {
        let body = Bytes::copy_from_slice(bytes).into();
        let put = self.aws.s3().put_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account);
        let put = put.content_type("application/json").body(body);
        let put = match etag {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        match put.send().await.map_err(Error::from) {
            Ok(out) => Ok(Written::Done(out.e_tag.ok_or_else(|| Error::missing("an ETag"))?)),
            Err(e) if refused(&e) => Ok(Written::Refused),
            // The object that should be replaced was deleted.
            Err(e) if e.is("NoSuchKey") && etag.is_some() => Ok(Written::Refused),
            Err(e) => Err(e),
        }
    }

    /// Writes an object, whatever is there.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn put_over(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let body = Bytes::copy_from_slice(bytes).into();
        let put = self.aws.s3().put_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account);
        put.content_type("application/json").body(body).send().await.map(drop).map_err(Error::from)
    }

    /// Reads an object; `None` only when S3 says that the key does not exist.
    ///
    /// # Errors
    /// Whatever S3 answers, a refusal included.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        let get = self.aws.s3().get_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account);
        let Some(out) = optional(get.send().await.map_err(Error::from))? else { return Ok(None) };
        let etag = out.e_tag.ok_or_else(|| Error::missing("an ETag"))?;
        let cut = |e: &dyn std::error::Error| Error::new(ErrorClass::Ambiguous, format!("{key} was cut off: {e}"));
        let bytes = out.body.collect().await.map_err(|e| cut(&e))?.to_vec();
        Ok(Some(Object { bytes, etag }))
    }

    /// The keys with `prefix` that come after `after`, sorted, at most `limit`; `None` when the bucket does not exist.
    ///
    /// # Errors
    /// Whatever S3 answers, a refusal included.
    pub async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Option<Vec<String>>, Error> {
        let (mut keys, mut token) = (Vec::new(), None);
        loop {
            let page = i32::try_from(limit.saturating_sub(keys.len()).min(1000)).unwrap_or(1000);
            let list = self.aws.s3().list_objects_v2().bucket(&self.bucket).expected_bucket_owner(&self.account);
            let list = list.prefix(prefix).max_keys(page).set_continuation_token(token.take());
            let list = if after.is_empty() { list } else { list.start_after(after) };
            let Some(out) = optional(list.send().await.map_err(Error::from))? else { return Ok(None) };
            keys.extend(out.contents.unwrap_or_default().into_iter().filter_map(|o| o.key));
            token = out.next_continuation_token.filter(|_| keys.len() < limit);
            if token.is_none() {
                return Ok(Some(keys));
            }
        }
    }

    /// Deletes an object, whatever it is.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let delete = self.aws.s3().delete_object().bucket(&self.bucket).key(key);
        super::gone(delete.expected_bucket_owner(&self.account).send().await.map_err(Error::from))
    }

    /// Makes the bucket: private, versioned, encrypted, closed to plain http. Safe to repeat after a kill at any point.
    ///
    /// # Errors
    /// [`ErrorClass::Exists`] when the name belongs to another account.
    pub async fn make_bucket(&self, partition: &str) -> Result<(), Error> {
        let region = self.aws.region();
        let place = (region != "us-east-1").then(|| {
            let place = BucketLocationConstraint::from(region);
            CreateBucketConfiguration::builder().location_constraint(place).build()
        });
        let create = || async {
            let create = self.aws.s3_once().create_bucket().bucket(&self.bucket);
            match create.set_create_bucket_configuration(place.clone()).send().await.map_err(Error::from) {
                // An earlier try: ours, as the account is part of the name and of every call after this.
                Err(e) if e.is("BucketAlreadyOwnedByYou") => Ok(()),
                other => other.map(|_| ()),
            }
        };
        self.patient(create).await?;
        self.secure(partition).await
    }

    /// Closes the bucket to the public and to plain http, keeps versions for a while, and encrypts. `partition` is that
    /// of the region's ARNs.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn secure(&self, partition: &str) -> Result<(), Error> {
        let (s3, bucket, owner) = (self.aws.s3(), &self.bucket, &self.account);
        let bug = |e: &dyn std::error::Error| Error::bug(e.to_string());
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let method = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build();
        let rule =
            ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(method.map_err(|e| bug(&e))?);
        let encrypted =
            ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().map_err(|e| bug(&e))?;
        self.settled(|| async {
            let call = s3.put_public_access_block().bucket(bucket).expected_bucket_owner(owner);
            Ok(call.public_access_block_configuration(closed.clone()).send().await.map(|_| ())?)
        })
        .await?;
        self.settled(|| async {
            let call = s3.put_bucket_versioning().bucket(bucket).expected_bucket_owner(owner);
            Ok(call.versioning_configuration(versions.clone()).send().await.map(|_| ())?)
        })
        .await?;
        self.settled(|| async {
            let call = s3.put_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
            Ok(call.server_side_encryption_configuration(encrypted.clone()).send().await.map(|_| ())?)
        })
        .await?;
        self.settled(|| self.refuse_plain_http(partition)).await?;
        let rule = LifecycleRule::builder()
            .id("what-was-replaced")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(KEPT_DAYS).build())
            .build()
            .map_err(|e| bug(&e))?;
        let lifecycle = BucketLifecycleConfiguration::builder().rules(rule).build().map_err(|e| bug(&e))?;
        self.settled(|| self.expire_versions(&lifecycle)).await
    }

    /// Whoever has given the bucket a policy of their own keeps it.
    async fn refuse_plain_http(&self, partition: &str) -> Result<(), Error> {
        // An emulator behind plain http would be locked out.
        if self.aws.endpoints().iter().any(|e| e.url.to_ascii_lowercase().starts_with("http://")) {
            return Ok(());
        }
        let (s3, bucket, owner) = (self.aws.s3(), &self.bucket, &self.account);
        match s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(owner).send().await.map_err(Error::from) {
            Err(e) if e.is("NoSuchBucketPolicy") => {}
            other => return other.map(|_| ()),
        }
        let arn = format!("arn:{partition}:s3:::{bucket}");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Sid": "OnlyEncryptedConnections", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")], "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }] });
        let put = s3.put_bucket_policy().bucket(bucket).expected_bucket_owner(owner).policy(policy.to_string());
        Ok(put.send().await.map(|_| ())?)
    }

    /// Each heartbeat of a lock leaves a version behind. Rules that are there already stay.
    async fn expire_versions(&self, lifecycle: &BucketLifecycleConfiguration) -> Result<(), Error> {
        let (s3, bucket, owner) = (self.aws.s3(), &self.bucket, &self.account);
        let get = s3.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner);
        match get.send().await.map_err(Error::from) {
            Err(e) if e.is("NoSuchLifecycleConfiguration") => {}
            other => return other.map(|_| ()),
        }
        let put = s3.put_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner);
        Ok(put.lifecycle_configuration(lifecycle.clone()).send().await.map(|_| ())?)
    }

    /// A bucket that was made a moment ago may not be visible to its own settings yet.
    async fn settled<F, Fut>(&self, send: F) -> Result<(), Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), Error>>,
    {
        self.again(send, |e| e.class == ErrorClass::NotFound || repeatable(e)).await
    }

    async fn patient<T, F, Fut>(&self, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.again(send, repeatable).await
    }

    async fn again<T, F, Fut>(&self, send: F, worth: impl Fn(&Error) -> bool) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let clock = self.aws.clock();
        let (started, mut pause) = (clock.now(), Duration::from_millis(200));
        loop {
            match send().await {
                Err(e) if worth(&e) && clock.now().duration_since(started) < PATIENCE => {}
                other => return other,
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// 412: the condition did not hold.
fn refused(error: &Error) -> bool {
    error.is("PreconditionFailed")
}

/// Not executed, or executed without anybody knowing: the condition decides about the next try.
fn repeatable(error: &Error) -> bool {
    matches!(error.class, ErrorClass::Ambiguous | ErrorClass::Unreachable | ErrorClass::Throttled)
        // 409: another write of the same key, or change of the same bucket, was under way.
        || error.is("ConditionalRequestConflict")
        || error.is("OperationAborted")
}
