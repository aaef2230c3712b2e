//! Which operation a request asks for: bucket and key from host or path, the rest from method, query and headers.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::argument;
use crate::error::ApiError;
use crate::model::Facts;
use crate::service::Routed;
use crate::wire::form::decode;
use crate::wire::request::{Incoming, Signature};
use crate::wire::xml;

/// Headers that say something about an object and are stored with it.
pub(super) const CONTENT_HEADERS: [&str; 6] =
    ["content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"];

/// Operations that such headers are parameters of.
const WRITING: [&str; 3] = ["PutObject", "CopyObject", "CreateMultipartUpload"];

/// Headers of signing, transport and checksums; they are no parameters.
const TRANSPORT: [&str; 10] = [
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-user-agent",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
    "x-amz-te",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-region-set",
    "x-amz-sdk-request",
];

/// Elements that may be repeated, also where only one came.
const LISTS: [&str; 7] =
    ["Tag", "Rule", "Object", "Part", "Transition", "NoncurrentVersionTransition", "EncryptionType"];

/// What a query says of signing, naming and forms; it is no parameter.
const NO_PARAMETER: [&str; 2] = ["x-id", "list-type"];

pub(super) fn route(model: &Facts, request: &Incoming) -> Result<Routed, ApiError> {
    let method = request.method.as_str();
    let path = path(request);
    let found = model.route(method, &path, &request.query, &request.headers);
    let mut params = Map::new();
    for (name, value) in &request.query {
        let signs = ["AWSAccessKeyId", "Signature", "Expires"].contains(&name.as_str());
        let presigned_v2 = request.signature == Signature::V2 && signs;
        let fixed = found.as_ref().is_some_and(|found| found.fixed.contains(&name.as_str()));
        let is_no_parameter = NO_PARAMETER.contains(&name.as_str()) || presigned_v2 || fixed;
        if !is_no_parameter && !name.to_ascii_lowercase().starts_with("x-amz-") {
            params.insert(name.clone(), Value::String(value.clone()));
        }
    }
    let is_form = request.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let is_bucket = path.trim_matches('/').split('/').count() == 1 && path != "/";
    let operation = match &found {
        _ if method == "POST" && is_bucket && is_form => "PostObject".to_owned(),
        Some(found) => found.operation.to_owned(),
        None => format!("{method} {}", if path == "/" { "/" } else { "of this kind" }),
    };
    headers(request, &operation, &mut params);
    if let Some(root) = model.asked(&operation).body()
        && let Ok(text) = std::str::from_utf8(&request.body)
        && let Ok((name, value)) = xml::parse(text)
        && name == root
    {
        params.insert(name, object_or_empty(listed(value)));
    }
    let mut labels = found.map(|found| found.labels).unwrap_or_default();
    if operation == "PostObject" {
        labels = vec![("Bucket", decode(path.trim_matches('/')))];
    }
    for (label, text) in labels {
        if label == "Key" && text.contains('\0') {
            return Err(argument("Object key must not contain NUL"));
        }
        params.insert(label.to_owned(), Value::String(text));
    }
    Ok(Routed { operation, params })
}

/// The path with the bucket in front, wherever the request has it.
fn path(request: &Incoming) -> Cow<'_, str> {
    match bucket_of_host(&request.host) {
        Some(bucket) if request.path == "/" => Cow::Owned(format!("/{bucket}")),
        Some(bucket) => Cow::Owned(format!("/{bucket}{}", request.path)),
        None => Cow::Borrowed(&request.path),
    }
}

/// The bucket in names such as `bucket.s3.eu-west-1.amazonaws.com` or `bucket.localhost`.
fn bucket_of_host(host: &str) -> Option<&str> {
    if let Some(bucket) = host.strip_suffix(".localhost") {
        return Some(bucket.strip_suffix(".s3").unwrap_or(bucket)).filter(|bucket| *bucket != "s3");
    }
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    // The service's label is the last one that begins with `s3`; a bucket's name may hold another.
    let at = [".s3.", ".s3-"].iter().filter_map(|label| format!("{name}.").rfind(label)).max()?;
    name.get(..at)
}

fn headers(request: &Incoming, operation: &str, params: &mut Map<String, Value>) {
    let (mut meta, mut sums) = (Map::new(), Map::new());
    for (name, value) in &request.headers {
        let name = name.as_str();
        let text = || Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(name) = name.strip_prefix("x-amz-meta-") {
            meta.insert(name.to_owned(), text());
            continue;
        }
        let algorithm = name.strip_prefix("x-amz-checksum-");
        let algorithm = algorithm.filter(|name| !["mode", "type", "algorithm"].contains(name));
        if let Some(algorithm) = algorithm.filter(|_| operation == "CompleteMultipartUpload") {
            sums.insert(algorithm.to_owned(), text());
        }
        let checksum = algorithm.is_some();
        let parameter = name.starts_with("x-amz-") && !TRANSPORT.contains(&name) && !checksum;
        let condition = name.starts_with("if-") || name == "range";
        let content = WRITING.contains(&operation) && CONTENT_HEADERS.contains(&name);
        if parameter || condition || content {
            params.insert(name.to_owned(), text());
        }
    }
    if !sums.is_empty() {
        params.insert("x-amz-checksums".to_owned(), Value::Object(sums));
    }
    if !meta.is_empty() {
        params.insert("x-amz-meta".to_owned(), Value::Object(meta));
    }
}

/// The value with every element that may be repeated as an array.
fn listed(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let field = |(name, value): (String, Value)| {
        let value = match value {
            Value::Array(items) => Value::Array(items.into_iter().map(listed).collect()),
            single => listed(single),
        };
        let value = if LISTS.contains(&name.as_str()) && !value.is_array() { Value::Array(vec![value]) } else { value };
        (name, value)
    };
    Value::Object(fields.into_iter().map(field).collect())
}

/// An element without content reads as an empty text.
fn object_or_empty(value: Value) -> Value {
    if value.is_object() { value } else { Value::Object(Map::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn routed(method: &str, uri: &str) -> (String, Map<String, Value>) {
        let request = http::Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        let routed = route(super::super::SERVICE.model, &Incoming::new(request)).unwrap();
        (routed.operation, routed.params)
    }

    #[test]
    fn host_and_path_name_bucket_and_key() {
        for uri in [
            "http://127.0.0.1:4566/my.bucket/a%20b/c+d",
            "https://my.bucket.s3.eu-west-1.amazonaws.com/a%20b/c+d",
            "https://my.bucket.s3.amazonaws.com/a%20b/c+d",
            "https://s3.eu-west-1.amazonaws.com/my.bucket/a%20b/c+d",
            "http://my.bucket.localhost:4566/a%20b/c+d",
            "https://my.bucket.s3.cn-north-1.amazonaws.com.cn/a%20b/c+d",
        ] {
            let (operation, params) = routed("GET", uri);
            assert_eq!(operation, "GetObject", "{uri}");
            assert_eq!((&params["Bucket"], &params["Key"]), (&"my.bucket".into(), &"a b/c+d".into()), "{uri}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_something_else() {
        assert_eq!(routed("PUT", "http://x.localhost/?tagging").0, "PutBucketTagging");
        assert_eq!(routed("PUT", "http://x.localhost/?acl").0, "PutBucketAcl");
        assert_eq!(routed("PUT", "http://x.localhost/k?acl").0, "PutObjectAcl");
        assert_eq!(routed("GET", "http://x.localhost/?metrics").0, "ListBucketMetricsConfigurations");
        assert_eq!(routed("POST", "http://x.localhost/k?select&select-type=2").0, "SelectObjectContent");
        assert_eq!(routed("PUT", "http://x.localhost/k?partNumber=1&uploadId=2").0, "UploadPart");
        assert_eq!(routed("GET", "http://x.localhost/?list-type=2&prefix=a").0, "ListObjectsV2");
        assert_eq!(routed("GET", "http://x.localhost/").0, "ListObjects");
        let (operation, params) = routed("PUT", "http://x.localhost/?colour=red&x-id=CreateBucket");
        assert_eq!((operation.as_str(), &params["colour"], params.len()), ("CreateBucket", &"red".into(), 2));
    }
}
