//! Who may: requests that nobody signed, and addresses that were signed for a time that is over.

use super::denied;
use super::model::Bucket;
use crate::call::Call;
use crate::error::ApiError;
use crate::policy;
use crate::wire::request::Signature;

/// Regions in which S3 still takes signatures of version 2.
const OLD_REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-west-1",
    "us-west-2",
];

/// What of a query string belongs to listing a bucket.
const LISTING: &[&str] = &[
    "list-type",
    "prefix",
    "delimiter",
    "marker",
    "max-keys",
    "encoding-type",
    "start-after",
    "continuation-token",
    "fetch-owner",
];

/// Refuses a presigned address whose time is over. The time is up when it is so for the account and for the client,
/// whose clock may be behind the account's.
pub(super) fn check_expiry(call: &Call<'_>) -> Result<(), ApiError> {
    let now = super::modified(call);
    match call.request.expires {
        Some(end) if end < now => {
            let error = ApiError::new(403, "AccessDenied", "Request has expired");
            Err(error.with("Expires", super::iso(end)).with("ServerTime", super::iso(now)))
        }
        _ => Ok(()),
    }
}

/// Whether the maker of a request may ask something of a bucket of ours.
pub(super) fn check(call: &Call<'_>, bucket: &Bucket) -> Result<(), ApiError> {
    check_expiry(call)?;
    match call.request.signature {
        Signature::V4 => Ok(()),
        Signature::V2 if OLD_REGIONS.contains(&bucket.region.as_str()) => Ok(()),
        Signature::V2 => {
            let message =
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
            Err(ApiError::bad("InvalidRequest", message))
        }
        // A form brings its own authorization along (`forms`).
        Signature::None if is_form(call) => Ok(()),
        Signature::None => check_everybody(call, bucket, call.params.peek("Key")),
    }
}

fn is_form(call: &Call<'_>) -> bool {
    call.request.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// Nobody is named: only what the bucket's policy gives to everybody may be done.
pub(super) fn check_everybody(call: &Call<'_>, bucket: &Bucket, key: Option<&str>) -> Result<(), ApiError> {
    let asked = |known: &[&str]| {
        let is_known = |name: &str| known.contains(&name) || name.starts_with("response-") || name == "x-id";
        call.request.query.iter().all(|(name, _)| is_known(name))
    };
    let action = match (call.request.method.as_str(), key) {
        ("GET" | "HEAD", Some(_)) if asked(&[]) => "s3:GetObject",
        ("GET" | "HEAD", Some(_)) if asked(&["versionId"]) => "s3:GetObjectVersion",
        ("PUT" | "POST", Some(_)) if asked(&[]) => "s3:PutObject",
        ("DELETE", Some(_)) if asked(&[]) => "s3:DeleteObject",
        ("GET" | "HEAD", None) if asked(LISTING) => "s3:ListBucket",
        _ => return Err(denied()),
    };
    let resource = match key {
        Some(key) => format!("{}/{key}", super::arn(call, &bucket.name)),
        None => super::arn(call, &bucket.name),
    };
    let restricted = bucket.public_access.is_some_and(|flags| flags.restrict);
    let document = bucket.policy.as_ref().and_then(|text| serde_json::from_str(text).ok());
    let allowed = document.is_some_and(|document| policy::allows_everybody(&document, action, &resource));
    if allowed && !restricted { Ok(()) } else { Err(denied()) }
}
