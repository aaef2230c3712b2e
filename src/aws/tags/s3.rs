//! Tags of buckets, by name. S3 only replaces the whole set.
use super::{OneByOne, Tags};
use crate::aws::{Aws, Error, optional};
use aws_sdk_s3::types::{Tag, Tagging};

/// Buckets of this account.
pub static BUCKETS: Buckets = Buckets(());

/// See [`BUCKETS`].
#[derive(Debug)]
pub struct Buckets(());

impl OneByOne for Buckets {
    async fn tags(&self, aws: &Aws, name: &str) -> Result<Tags, Error> {
        let owner = aws.account().await?;
        let read = aws.s3().get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send().await;
        match read.map_err(Error::from) {
            Ok(out) => Ok(out.tag_set.into_iter().map(|t| (t.key, t.value)).collect()),
            Err(e) if e.is("NoSuchTagSet") => Ok(Tags::new()),
            Err(e) => Err(e),
        }
    }

    async fn change(&self, aws: &Aws, name: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
        // What is there is read first, since the call replaces all of it.
        let mut all = optional(self.tags(aws, name).await)?.unwrap_or_default();
        all.extend(set.clone());
        all.retain(|k, _| !remove.iter().any(|gone| gone == k));
        let built = |e: aws_sdk_s3::error::BuildError| Error::bug(e.to_string());
        let tags = all.iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(built)?;
        let owner = aws.account().await?;
        aws.s3().put_bucket_tagging().bucket(name).expected_bucket_owner(owner).tagging(tagging).send().await?;
        Ok(())
    }
}
