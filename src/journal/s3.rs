//! A journal in a bucket: dlinfra's own in the stack's account and region, or one that the author names.
use super::{
    JournalError, Presence,
    backend::{Backend, Pending, Place, Put, Stored},
};
use crate::{
    aws::{
        Aws, Error, ErrorClass,
        objects::{Objects, Written},
    },
    catalog::region,
};
use std::path::Path;

/// What dlinfra's own bucket in an account and region is called.
pub fn own_bucket(account: &str, region: &str) -> String {
    format!("dlinfra-{account}-{region}")
}

/// `s3://bucket/prefix/`.
///
/// Its clients stand apart: the guard that stops mutations when the lease is lost must not stop the record of what was
/// in flight, or the release of the lock.
#[derive(Debug, Clone)]
pub struct S3Backend {
    objects: Objects,
    prefix: String,
    /// dlinfra's own bucket, which it may make.
    own: bool,
    presence: Option<Presence>,
}

impl S3Backend {
    /// The account's own bucket, `dlinfra-<account>-<region>`.
    pub fn own(aws: &Aws, account: &str, stack: &str) -> Self {
        let bucket = own_bucket(account, aws.region());
        Self {
            objects: Objects::new(aws.apart(), account, &bucket),
            prefix: format!("journal/{stack}/"),
            own: true,
            presence: None,
        }
    }

    /// A bucket that the author names; `prefix` may be empty. Account, region and stack follow it, so that any number
    /// of stacks can share it.
    pub fn named(aws: &Aws, account: &str, stack: &str, bucket: &str, prefix: &str) -> Self {
        let region = aws.region().to_owned();
        let parts = [prefix.trim_matches('/'), account, &region, stack];
        let parts: Vec<_> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        Self {
            objects: Objects::new(aws.apart(), account, bucket),
            prefix: format!("{}/", parts.join("/")),
            own: false,
            presence: None,
        }
    }

    /// The same, with processes of this machine known by files below `root`, the `.dlinfra` folder.
    #[must_use]
    pub fn beside(self, root: &Path) -> Self {
        Self { presence: Some(Presence::new(root)), ..self }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn no_bucket(&self) -> JournalError {
        JournalError::NoBucket { bucket: self.objects.bucket().to_owned() }
    }

    fn failed(&self, error: Error) -> JournalError {
        let (place, why) = (self.place(), error.to_string());
        match error.class {
            ErrorClass::Denied => JournalError::Denied { place, why, help: error.help },
            ErrorClass::Credentials => JournalError::Credentials { place, why },
            ErrorClass::Stopped => JournalError::Lost { why },
            ErrorClass::NotFound if error.is("NoSuchBucket") => self.no_bucket(),
            ErrorClass::Exists => JournalError::ForeignOwner {
                bucket: self.objects.bucket().to_owned(),
                account: self.objects.account().to_owned(),
            },
            _ => JournalError::Unreachable { place, why },
        }
    }

    fn written(&self, result: Result<Written, Error>) -> Result<Put, JournalError> {
        match result.map_err(|e| self.failed(e))? {
            Written::Done(etag) => Ok(Put::Done(etag)),
            Written::Refused => Ok(Put::Taken),
        }
    }
}

impl Backend for S3Backend {
    fn place(&self) -> String {
        format!("s3://{}/{}", self.objects.bucket(), self.prefix)
    }

    fn bucket(&self) -> Option<&str> {
        Some(self.objects.bucket())
    }

    fn presence(&self) -> Option<Presence> {
        self.presence.clone()
    }

    fn look(&self) -> Pending<'_, Place> {
        Box::pin(async move {
            match self.objects.list(&self.prefix, "", 1).await.map_err(|e| self.failed(e))? {
                Some(_) => Ok(Place::There),
                None if self.own => Ok(Place::ToBeMade),
                None => Err(self.no_bucket()),
            }
        })
    }

    fn prepare(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            let found = self.objects.list(&self.prefix, "", 1).await.map_err(|e| self.failed(e))?;
            let partition = region::partition(self.objects.region());
            match found {
                None if self.own => self.objects.make_bucket(partition).await.map_err(|e| self.failed(e)),
                None => Err(self.no_bucket()),
                // A stack's first command: whoever made the bucket may have been killed before it was closed.
                Some(keys) if self.own && keys.is_empty() => {
                    self.objects.secure(partition).await.map_err(|e| self.failed(e))
                }
                Some(_) => Ok(()),
            }
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        Box::pin(async move { self.written(self.objects.put_if_absent(&self.key(key), bytes).await) })
    }

    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put> {
        Box::pin(async move { self.written(self.objects.put_if_match(&self.key(key), bytes, version).await) })
    }

    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        Box::pin(async move {
            let found = self.objects.get(&self.key(key)).await.map_err(|e| self.failed(e))?;
            Ok(found.map(|o| Stored { bytes: o.bytes, version: o.etag }))
        })
    }

    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        Box::pin(async move {
            let after = if after.is_empty() { String::new() } else { self.key(after) };
            let found = self.objects.list(&self.key(folder), &after, usize::MAX).await.map_err(|e| self.failed(e))?;
            let Some(keys) = found else {
                return if self.own { Ok(Vec::new()) } else { Err(self.no_bucket()) };
            };
            Ok(keys.iter().filter_map(|k| k.strip_prefix(&self.prefix)).map(str::to_owned).collect())
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.objects.delete(&self.key(key)).await.map_err(|e| self.failed(e)) })
    }
}
