//! S3: buckets, their settings and objects.
//!
//! Stored and returned but without effect: lifecycle rules, encryption, and bucket policies except for what they give
//! to everybody. Objects may be up to 1 GiB. Access control lists are not simulated.

mod access;
mod buckets;
mod checksums;
mod conditions;
mod copies;
mod deletes;
mod documents;
mod forms;
mod listings;
mod model;
mod object_headers;
mod object_tags;
mod objects;
mod reads;
mod route;
mod settings;
mod upload_lists;
mod uploads;
mod versions;

use jiff::Timestamp;
use serde_json::Value;

use crate::call::Call;
use crate::error::ApiError;
use crate::model::facts;
use crate::service::Service;
use crate::store::ObjectKind;
use crate::wire::Protocol;
use crate::wire::params::{InputErrors, Params};
use crate::wire::reply::Reply;
use crate::wire::request::Signature;
use crate::wire::xml::Xml;
use model::{Bucket, Part, Upload, Version};
pub(crate) use model::{content, holds, write};

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("http://s3.amazonaws.com/doc/2006-03-01/"),
    input: InputErrors { missing: "MalformedXML", invalid: "InvalidArgument" },
    operations: &[
        buckets::OPERATIONS,
        settings::OPERATIONS,
        documents::OPERATIONS,
        objects::OPERATIONS,
        object_tags::OPERATIONS,
        copies::OPERATIONS,
        uploads::OPERATIONS,
        upload_lists::OPERATIONS,
        forms::OPERATIONS,
        reads::OPERATIONS,
        deletes::OPERATIONS,
        listings::OPERATIONS,
        versions::OPERATIONS,
    ],
    objects: || {
        vec![
            ObjectKind::of::<Bucket>(),
            ObjectKind::of::<Version>(),
            ObjectKind::of::<Upload>(),
            ObjectKind::of::<Part>(),
        ]
    },
    route: Some(route::route),
    worded: &["BucketLocationConstraint"],
    ..Service::new("s3", Protocol::RestXml, facts!("s3"))
};

fn malformed() -> ApiError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    ApiError::bad("MalformedXML", message)
}

fn argument(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidArgument", message)
}

fn denied() -> ApiError {
    ApiError::new(403, "AccessDenied", "Access Denied")
}

fn no_content() -> Reply {
    Reply::raw(204, "")
}

fn done() -> Reply {
    Reply::raw(200, "")
}

/// The bucket that a request is for, if it is ours, in this region and of the expected owner.
fn bucket(call: &mut Call<'_>) -> Result<Bucket, ApiError> {
    let bucket = bucket_anywhere(call)?;
    // Only a signature of version 4 names a region that can be the wrong one.
    if bucket.region == call.region || call.request.signature != Signature::V4 {
        return Ok(bucket);
    }
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send \
                   all future requests to this endpoint.";
    Err(ApiError::new(301, "PermanentRedirect", message)
        .with("Endpoint", format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region))
        .with("Bucket", bucket.name)
        .header("x-amz-bucket-region", bucket.region))
}

fn bucket_anywhere(call: &mut Call<'_>) -> Result<Bucket, ApiError> {
    let name = call.params.text("Bucket")?;
    let owner = call.params.text_opt("x-amz-expected-bucket-owner")?;
    bucket_named(call, name, owner)
}

/// A bucket of ours in any region.
fn bucket_named(call: &Call<'_>, name: String, owner: Option<String>) -> Result<Bucket, ApiError> {
    if let Some(owner) = &owner
        && (owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let message = "The value of the expected bucket owner parameter must be an AWS account ID";
        return Err(ApiError::bad("InvalidBucketOwnerAWSAccountID", message).with("value", owner.clone()));
    }
    if call.world.config.behaviour.foreign_buckets.contains(&name) {
        return Err(denied());
    }
    let Some(bucket) = call.find::<Bucket>(&name).cloned() else {
        return Err(ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name));
    };
    if owner.is_some_and(|owner| owner != call.account()) {
        return Err(denied());
    }
    access::check(call, &bucket)?;
    Ok(bucket)
}

/// The XML body of a request, whose root element is `root`, after its checksums were compared.
fn body(call: &mut Call<'_>, root: &str) -> Result<Params, ApiError> {
    checksums::verify(call.request)?;
    call.params.child_opt(root)?.ok_or_else(malformed)
}

/// The body of a kind of request that must carry a checksum.
fn checked_body(call: &mut Call<'_>, root: &str) -> Result<Params, ApiError> {
    checksums::required(call.request)?;
    body(call, root)
}

fn owner_xml(call: &Call<'_>) -> Xml {
    // The canonical id of an account is 64 digits that do not show its number.
    Xml::new().text("ID", format!("{:0>64}", call.account()))
}

/// The ARN of a bucket.
fn arn(call: &Call<'_>, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", call.partition())
}

/// When something written now was written as clients see it: they compare it with their own clock, and the account's
/// may run ahead of that one by hours.
fn modified(call: &Call<'_>) -> Timestamp {
    call.now.min(Timestamp::now())
}

/// As lists and XML bodies give times.
fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A value that came as XML, as XML again: arrays are repeated elements.
fn xml_of(value: &Value) -> Xml {
    let mut xml = Xml::new();
    let Value::Object(fields) = value else { return xml };
    for (name, value) in fields {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            xml = match item {
                Value::Object(_) => xml.child(name.clone(), xml_of(item)),
                Value::String(text) => xml.text(name.clone(), text),
                other => xml.text(name.clone(), other),
            };
        }
    }
    xml
}

/// The names of the buckets of a call's region, and of all that are gone.
pub(crate) fn names_in(call: &Call<'_>) -> std::collections::BTreeSet<String> {
    let gone = call.world.all::<crate::history::Past>(crate::store::GLOBAL).map(|past| past.object.clone());
    let there = call.all::<Bucket>().filter(|bucket| bucket.region == call.region).map(|bucket| bucket.name.clone());
    gone.chain(there).collect()
}
