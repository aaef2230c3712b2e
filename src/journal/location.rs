//! Where a stack's journal lies: what `backend:` says, made into a backend.
use super::{Backend, LocalBackend, S3Backend};
use crate::{aws::Aws, blueprint};
use std::{path::Path, sync::Arc};

/// The backend of a stack. `said` is the blueprint's `backend:` (left out = the account's own bucket), `root` the
/// `.dlinfra` folder.
pub fn backend(
    said: Option<&blueprint::Backend>,
    root: &Path,
    aws: &Aws,
    account: &str,
    stack: &str,
) -> Arc<dyn Backend> {
    match said {
        None => Arc::new(S3Backend::own(aws, account, stack).beside(root)),
        Some(blueprint::Backend::S3 { bucket, prefix }) => {
            Arc::new(S3Backend::named(aws, account, stack, bucket, prefix).beside(root))
        }
        Some(blueprint::Backend::Local) => Arc::new(LocalBackend::new(root, account, aws.region(), stack)),
    }
}
