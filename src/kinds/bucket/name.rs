//! Names of buckets: which are legal, which may be this stack's, whose they are.
use super::{Bucket, NAME};
use crate::{
    aws::{Error, ErrorClass},
    call::{self, SweepCtx},
    resource::Resource,
};
use std::collections::BTreeSet;

/// Names are shared by the whole world: a refusal before the bucket exists is mostly somebody else's bucket.
pub(super) fn taken(name: &str, error: Error) -> Error {
    if error.class != ErrorClass::Denied {
        return error;
    }
    let help = format!(
        "`{name}` may belong to another account: choose another `name`, or leave it out; \
                        if it is yours, allow the action `s3:GetBucketTagging`"
    );
    error.help(help)
}

/// A bucket name's first part for every bucket of a stack that dlinfra names.
pub(super) fn prefix(stack: &str) -> String {
    call::name_prefix(stack, &NAME)
}

/// Could this be the name of a bucket? Names of other kinds are among those that the journal gives.
pub(super) fn legal(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && edge(name.chars().next())
        && edge(name.chars().last())
        && !name.contains("..")
}

/// The names that are read: those with the stack's prefix, and those that somebody wrote or the journal knows.
pub(super) fn candidates(ctx: &SweepCtx, listed: BTreeSet<String>) -> BTreeSet<String> {
    let mut out = listed;
    out.extend(ctx.names.of(Bucket::KIND).into_iter().filter(|n| legal(n)));
    out
}
