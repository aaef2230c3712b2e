//! Tags of objects.

use std::collections::BTreeMap;

use super::model::{Bucket, Version};
use super::reads::wanted;
use super::settings::{check_tag, read_tags};
use super::{bucket, checked_body, done, no_content};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::wire::form;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutObjectTagging", put),
    read("GetObjectTagging", get),
    write("DeleteObjectTagging", |call| set(call, BTreeMap::new(), no_content())),
];

const MOST: usize = 10;

fn too_many() -> ApiError {
    ApiError::bad("BadRequest", "Object tags cannot be greater than 10")
}

/// The tags in the header `x-amz-tagging`, which is written like a query string.
pub(super) fn read_header(text: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for (key, value) in form::pairs(text) {
        check_tag(&key, &value)?;
        if tags.insert(key, value).is_some() {
            return Err(super::argument(
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL \
                                        query parameters without tag name duplicates.",
            ));
        }
    }
    if tags.len() > MOST { Err(ApiError::bad("InvalidTag", "Object tags cannot be greater than 10")) } else { Ok(tags) }
}

/// The version that the request names, with its bucket.
fn named(call: &mut Call<'_>) -> Result<(Bucket, Version), ApiError> {
    let bucket = bucket(call)?;
    let key = call.params.text("Key")?;
    let version = wanted(call, &bucket, &key)?;
    Ok((bucket, version))
}

fn with_version(reply: Reply, bucket: &Bucket, version: &Version) -> Reply {
    if bucket.versioning.is_some() { reply.header("x-amz-version-id", version.version.clone()) } else { reply }
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let tags = read_tags(&mut checked_body(call, "Tagging")?, "TagSet")?;
    if tags.len() > MOST {
        return Err(too_many());
    }
    set(call, tags, done())
}

fn set(call: &mut Call<'_>, tags: BTreeMap<String, String>, reply: Reply) -> Result<Reply, ApiError> {
    let (bucket, version) = named(call)?;
    let reply = with_version(reply, &bucket, &version);
    call.put(Version { tags, ..version });
    Ok(reply)
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (bucket, version) = named(call)?;
    let items = version.tags.iter().map(|(key, value)| Xml::new().text("Key", key).text("Value", value));
    let reply = Reply::document("Tagging", Xml::new().list("TagSet", "Tag", items));
    Ok(with_version(reply, &bucket, &version))
}
