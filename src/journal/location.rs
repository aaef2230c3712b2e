//! Where a journal shall lie, as written in `backend:`.
use super::{Backend, LocalBackend, S3Backend};
use crate::aws::Aws;
use std::{fmt, path::Path, str::FromStr, sync::Arc};

/// The value of `backend:`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Location {
    /// Left out: the account's own bucket.
    #[default]
    Own,
    /// `s3://bucket/prefix`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix, maybe empty.
        prefix: String,
    },
    /// `local`: a folder of this machine.
    Local,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let wrong = || format!("`{text}` is no place for a journal: write `local` or `s3://BUCKET/PREFIX`");
        let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(legal) {
            return Err(wrong());
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the account's own bucket"),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Local => f.write_str("local"),
        }
    }
}

impl Location {
    /// The backend for a stack. `root` is the `.dlinfra` folder; `aws` is a connection of the journal's own.
    pub fn backend(&self, root: &Path, aws: &Aws, account: &str, stack: &str) -> Arc<dyn Backend> {
        match self {
            Self::Own => Arc::new(S3Backend::own(aws.clone(), account, stack)),
            Self::S3 { bucket, prefix } => Arc::new(S3Backend::named(aws.clone(), account, stack, bucket, prefix)),
            Self::Local => Arc::new(LocalBackend::new(root, account, aws.region(), stack)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed() {
        assert_eq!("local".parse(), Ok(Location::Local));
        let named = Location::S3 { bucket: "acme-ops".into(), prefix: "iac/ml".into() };
        assert_eq!("s3://acme-ops/iac/ml/".parse(), Ok(named.clone()));
        assert_eq!(named.to_string(), "s3://acme-ops/iac/ml");
        for bad in ["", "s3", "s3://", "s3://A/b", "/tmp/x", "gs://b"] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }
}
