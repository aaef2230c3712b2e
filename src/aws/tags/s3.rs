//! Tags of buckets, by name. S3 only replaces the whole set.
use super::{Tagger, Tags};
use crate::aws::{Aws, Error, optional};
use aws_sdk_s3::types::{Tag, Tagging};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// Buckets of this account.
pub static BUCKETS: Buckets = Buckets(());

/// See [`BUCKETS`].
#[derive(Debug)]
pub struct Buckets(());

async fn tags_of(aws: &Aws, name: &str) -> Result<Tags, Error> {
    let owner = aws.account().await?;
    let read = aws.s3().get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send().await;
    match read.map_err(Error::from) {
        Ok(out) => Ok(out.tag_set.into_iter().map(|t| (t.key, t.value)).collect()),
        Err(e) if e.is("NoSuchTagSet") => Ok(Tags::new()),
        Err(e) => Err(e),
    }
}

impl Tagger for Buckets {
    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out = BTreeMap::new();
            for name in ids {
                out.insert(name.clone(), tags_of(aws, name).await?);
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for name in ids {
                // What is there is read first, since the call replaces all of it.
                let mut all = optional(tags_of(aws, name).await)?.unwrap_or_default();
                all.extend(set.clone());
                all.retain(|k, _| !remove.contains(k));
                let built = |e: aws_sdk_s3::error::BuildError| Error::bug(e.to_string());
                let tags = all.iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
                let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
                let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(built)?;
                let owner = aws.account().await?;
                aws.s3().put_bucket_tagging().bucket(name).expected_bucket_owner(owner).tagging(tagging).send().await?;
            }
            Ok(())
        })
    }
}
