//! Whole files: an address at which somebody else may write one object for a while, and objects that become files.
use super::Objects;
use crate::aws::{Error, ErrorClass, optional};
use aws_sdk_s3::presigning::PresigningConfig;
use sha2::{Digest, Sha256};
use std::{io::Write, path::Path, time::Duration};

impl Objects {
    /// An address at which whoever has it may write this object, for so long; it lives no longer than the credentials
    /// that sign it.
    ///
    /// # Errors
    /// Credentials that cannot be had.
    pub async fn upload_address(&self, key: &str, time: Duration) -> Result<String, Error> {
        let config = PresigningConfig::builder().start_time(self.aws.clock().now().into()).expires_in(time).build();
        let config = config.map_err(|e| Error::bug(e.to_string()))?;
        let put = self.aws.s3().put_object().bucket(&self.bucket).key(key);
        Ok(put.presigned(config).await?.uri().to_owned())
    }

    /// Writes an object into a file as it comes, and says how many bytes they are and their SHA-256; `None` when there is
    /// no such object.
    ///
    /// # Errors
    /// Whatever S3 answers, a download that breaks off, a file that cannot be written.
    pub async fn download(&self, key: &str, file: &Path) -> Result<Option<(u64, String)>, Error> {
        let get = self.aws.s3().get_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account);
        let Some(mut out) = optional(get.send().await.map_err(Error::from))? else { return Ok(None) };
        let cut = |e: &dyn std::fmt::Display| Error::new(ErrorClass::Other, format!("{}: {e}", file.display()));
        let mut to = std::fs::File::create(file).map_err(|e| cut(&e))?;
        let (mut size, mut sum) = (0, Sha256::new());
        while let Some(bytes) = out.body.next().await {
            let bytes = bytes.map_err(|e| Error::new(ErrorClass::Ambiguous, format!("{key} was cut off: {e}")))?;
            to.write_all(&bytes).map_err(|e| cut(&e))?;
            size += bytes.len() as u64;
            sum.update(&bytes);
        }
        to.sync_all().map_err(|e| cut(&e))?;
        Ok(Some((size, crate::spec::hex(&sum.finalize()))))
    }
}
