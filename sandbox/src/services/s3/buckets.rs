//! Buckets: made, found, listed, removed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::model::{Bucket, PublicAccess, Upload, Version, bucket_rows};
use super::settings::{ownership, read_tags};
use super::uploads;
use super::{argument, bucket, bucket_anywhere, denied, done, iso, no_content, owner_xml};
use crate::call::Call;
use crate::error::ApiError;
use crate::regions;
use crate::service::{Operation, read, write};
use crate::wire::reply::Reply;
use crate::wire::request::Signature;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateBucket", create_bucket),
    read("HeadBucket", head_bucket),
    read("ListBuckets", list_buckets),
    read("GetBucketLocation", get_bucket_location),
    write("DeleteBucket", delete_bucket),
];

/// The bucket quota of an account.
const BUCKETS: usize = 10_000;

fn check_name(name: &str) -> Result<(), ApiError> {
    let edge = |ch: Option<char>| ch.is_some_and(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit());
    let legal = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-' || ch == '.';
    let prefixes = ["xn--", "sthree-", "amzn-s3-demo-"];
    let suffixes = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let valid = (3..=63).contains(&name.len())
        && name.chars().all(legal)
        && edge(name.chars().next())
        && edge(name.chars().last())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !prefixes.iter().any(|prefix| name.starts_with(prefix))
        && !suffixes.iter().any(|suffix| name.ends_with(suffix));
    if valid {
        return Ok(());
    }
    Err(ApiError::bad("InvalidBucketName", "The specified bucket is not valid.").with("BucketName", name))
}

/// The region that a create request means.
fn location(call: &Call<'_>, constraint: Option<String>) -> Result<String, ApiError> {
    let illegal = |given: &str| {
        let message = format!(
            "The {given} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        ApiError::bad("IllegalLocationConstraintException", message)
    };
    let here = call.region;
    match constraint {
        // The oldest region is not a location constraint; every other one is, also the leading ones of partitions.
        None if here == "us-east-1" => Ok(here.to_owned()),
        None => Err(illegal("unspecified")),
        Some(given) => {
            let region = if given == "EU" { "eu-west-1".to_owned() } else { given.clone() };
            if region == "us-east-1" && here != "us-east-1" && regions::partition(here) == "aws" {
                return Err(illegal(&given));
            }
            if region == "us-east-1"
                || !regions::exists(&region)
                || regions::partition(&region) != regions::partition(here)
            {
                let message = "The specified location-constraint is not valid";
                return Err(ApiError::bad("InvalidLocationConstraint", message).with("LocationConstraint", given));
            }
            // The endpoint of us-east-1 is the one endpoint that makes buckets anywhere.
            if here == region || here == "us-east-1" { Ok(region) } else { Err(illegal(&given)) }
        }
    }
}

fn create_bucket(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    if call.request.signature == Signature::None {
        return Err(denied());
    }
    super::checksums::verify(call.request)?;
    let name = call.params.text("Bucket")?;
    let ownership = match call.params.text_opt("x-amz-object-ownership")? {
        Some(given) => ownership(&given)?,
        None => "BucketOwnerEnforced".to_owned(),
    };
    if call.params.text_opt("x-amz-acl")?.is_some_and(|acl| acl != "private") {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(ApiError::bad("InvalidBucketAclWithObjectOwnership", message));
    }
    let mut tags = BTreeMap::new();
    let mut constraint = None;
    let configured = call.params.child_opt("CreateBucketConfiguration")?;
    if configured.is_none() && !call.request.body.is_empty() {
        return Err(super::malformed());
    }
    if let Some(mut configuration) = configured {
        constraint = configuration.text_opt("LocationConstraint")?.filter(|text| !text.is_empty());
        if configuration.has("Tags") {
            tags = read_tags(&mut configuration, "Tags")?;
        }
    }
    check_name(&name)?;
    let region = location(call, constraint)?;
    if call.world.config.behaviour.foreign_buckets.contains(&name) {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                       system. Please select a different name and try again.";
        return Err(ApiError::new(409, "BucketAlreadyExists", message).with("BucketName", name));
    }
    let arn = super::arn(call, &name);
    let answer = |name: &str, region: &str| {
        let place = match region {
            "us-east-1" => format!("/{name}"),
            _ => format!("http://{name}.s3.{}/", regions::suffix(region)),
        };
        done().header("location", place).header("x-amz-bucket-arn", arn.clone())
    };
    if let Some(own) = call.get::<Bucket>(&name) {
        // A trap of the oldest region: making one's own bucket again succeeds there and changes nothing.
        if call.region == "us-east-1" && own.region == "us-east-1" && region == "us-east-1" {
            return Ok(answer(&name, &region));
        }
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(ApiError::new(409, "BucketAlreadyOwnedByYou", message).with("BucketName", name));
    }
    if call.all::<Bucket>().count() >= BUCKETS {
        let message = "You have attempted to create more buckets than allowed";
        return Err(ApiError::bad("TooManyBuckets", message));
    }
    let reply = answer(&name, &region);
    call.put(Bucket {
        name,
        region,
        created: call.now,
        tags,
        public_access: Some(PublicAccess { block_acls: true, ignore_acls: true, block_policy: true, restrict: true }),
        encryption: default_encryption(),
        versioning: None,
        policy: None,
        lifecycle: None,
        ownership: Some(ownership),
    });
    Ok(reply)
}

/// What every bucket has that was not told otherwise.
pub(super) fn default_encryption() -> serde_json::Value {
    json!({"Rule": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}]})
}

fn head_bucket(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let arn = super::arn(call, &bucket.name);
    Ok(done()
        .header("content-type", "application/xml")
        .header("x-amz-bucket-region", bucket.region)
        .header("x-amz-bucket-arn", arn)
        .header("x-amz-access-point-alias", "false"))
}

fn list_buckets(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    super::access::check_expiry(call)?;
    if call.request.signature == Signature::None {
        return Err(denied());
    }
    let prefix = call.params.text_opt("prefix")?;
    let region = call.params.text_opt("bucket-region")?;
    let size = match call.params.int_opt("max-buckets")? {
        None => BUCKETS,
        Some(size @ 1..=10_000) => usize::try_from(size).unwrap_or(BUCKETS),
        Some(size) => {
            return Err(argument(format!("Argument max-buckets must be an integer between 1 and 10000, not {size}")));
        }
    };
    let token = call.params.text_opt("continuation-token")?;
    let with_region = prefix.is_some() || region.is_some() || token.is_some() || size < BUCKETS;
    let after = match token {
        None => None,
        Some(token) => {
            let name = STANDARD.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let name = name.filter(|name| !name.is_empty());
            Some(name.ok_or_else(|| argument("The continuation token provided is incorrect"))?)
        }
    };
    let mut found: Vec<&Bucket> = call
        .seen::<Bucket>()
        .filter(|bucket| prefix.as_ref().is_none_or(|prefix| bucket.name.starts_with(prefix.as_str())))
        .filter(|bucket| region.as_ref().is_none_or(|region| bucket.region == *region))
        .filter(|bucket| after.as_ref().is_none_or(|after| bucket.name > *after))
        .take(size + 1)
        .collect();
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| STANDARD.encode(&last.name));
    let items = found.iter().map(|bucket| {
        Xml::new()
            .text("Name", &bucket.name)
            .text("CreationDate", iso(bucket.created))
            // Told only to those who asked for something.
            .text_opt("BucketRegion", Some(&bucket.region).filter(|_| with_region))
    });
    let xml = Xml::new()
        .child("Owner", owner_xml(call))
        .list("Buckets", "Bucket", items)
        .text_opt("Prefix", prefix.as_ref())
        .text_opt("ContinuationToken", next);
    Ok(Reply::document("ListAllMyBucketsResult", xml))
}

fn get_bucket_location(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    // The one question that every region answers.
    let bucket = bucket_anywhere(call)?;
    let region = if bucket.region == "us-east-1" { "" } else { bucket.region.as_str() };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>"
    );
    Ok(Reply::raw(200, text).header("content-type", "application/xml"))
}

fn delete_bucket(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let rows = bucket_rows(&bucket.name);
    if call.all_from::<Version>(rows.clone()).next().is_some_and(|version| version.bucket == bucket.name) {
        let message = if bucket.versioning.is_some() {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        } else {
            "The bucket you tried to delete is not empty"
        };
        return Err(ApiError::new(409, "BucketNotEmpty", message).with("BucketName", bucket.name));
    }
    // Uploads under way are not content: they go with the bucket.
    let uploads: Vec<Upload> =
        call.all_from::<Upload>(rows).take_while(|upload| upload.bucket == bucket.name).cloned().collect();
    for upload in uploads {
        uploads::remove(call, &upload);
    }
    call.remove::<Bucket>(&bucket.name);
    Ok(no_content())
}
