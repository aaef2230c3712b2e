//! The code of functions: zips, kept once whoever uses them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::model::Function;
use super::refused;
use crate::archive;
use crate::content::Body;
use crate::services::prelude::*;
use crate::services::s3;
use crate::store::World;
use crate::wire::params::Params;

/// A zip in a request may be so long.
const ZIPPED: usize = 52_428_800;
/// What is in a zip may be so long.
const UNZIPPED: u64 = 262_144_000;

/// A zip.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    /// Its SHA-256 in base64.
    id: String,
    created: Timestamp,
    body: Body,
}

object!(Code, "token/function-code", id);

/// The zip that a request gives, in itself or as an object of S3.
pub(super) fn take(call: &Call<'_>, params: &mut Params) -> Result<Bytes, ApiError> {
    let zip = params.text_opt("ZipFile")?;
    let (bucket, key) = (params.text_opt("S3Bucket")?, params.text_opt("S3Key")?);
    let version = params.text_opt("S3ObjectVersion")?;
    let bytes = match (zip, bucket, key) {
        (Some(zip), None, None) => inline(call, zip)?,
        (None, Some(bucket), Some(key)) => {
            let found = s3::content(call.world, call.region, &bucket, &key, version.as_deref());
            found.map_err(|(code, message)| {
                refused(format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"))
            })?
        }
        (None, None, None) => return Err(refused("Please provide a source for function code.")),
        _ => {
            return Err(refused(
                "Please do not provide other FunctionCode parameters when providing a ZipFile, and both a bucket and a \
                 key of S3.",
            ));
        }
    };
    let size = archive::size(&bytes)
        .map_err(|_| refused("Could not unzip uploaded file. Please check your file, then try to upload again."))?;
    if size > UNZIPPED {
        return Err(refused(format!("Unzipped size must be smaller than {UNZIPPED} bytes")));
    }
    Ok(bytes)
}

fn inline(call: &Call<'_>, text: String) -> Result<Bytes, ApiError> {
    let bytes = STANDARD.decode(text).map_err(|_| ApiError::bad("SerializationException", "ZipFile is not base64"))?;
    if bytes.len() > ZIPPED {
        let most = ZIPPED.div_ceil(3) * 4;
        let message = format!("Request must be smaller than {most} bytes for the {} operation", call.operation);
        return Err(ApiError::new(413, "RequestEntityTooLargeException", message));
    }
    Ok(bytes.into())
}

/// The name under which a zip is kept: its SHA-256 in base64.
pub(super) fn name(zip: &Bytes) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

/// Keeps a zip under its name.
pub(super) fn keep(call: &mut Call<'_>, id: &str, zip: Bytes) {
    if call.get::<Code>(id).is_none() {
        call.put(Code { id: id.to_owned(), created: call.now, body: Body(zip) });
    }
}

/// Forgets a zip that no function has any more.
pub(super) fn let_go(call: &mut Call<'_>, id: &str) {
    if !call.all::<Function>().any(|it| it.code == id) {
        call.remove::<Code>(id);
    }
}

pub(super) fn of(world: &World, region: &str, id: &str) -> Bytes {
    world.get::<Code>(region, id).map(|code| code.body.0.clone()).unwrap_or_default()
}
