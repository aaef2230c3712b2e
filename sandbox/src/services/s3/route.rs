//! Which operation a request asks for: bucket and key from host or path, the rest from method, query and headers.

use serde_json::{Map, Value};

use super::argument;
use crate::error::ApiError;
use crate::service::Routed;
use crate::wire::form::decode;
use crate::wire::request::{Incoming, Signature};
use crate::wire::xml;

/// Requests to a bucket's sub-resources: method, sub-resource, operation, root element of the body.
const BUCKET: &[(&str, &str, &str, &str)] = &[
    ("GET", "location", "GetBucketLocation", ""),
    ("PUT", "tagging", "PutBucketTagging", "Tagging"),
    ("GET", "tagging", "GetBucketTagging", ""),
    ("DELETE", "tagging", "DeleteBucketTagging", ""),
    ("PUT", "publicAccessBlock", "PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
    ("GET", "publicAccessBlock", "GetPublicAccessBlock", ""),
    ("DELETE", "publicAccessBlock", "DeletePublicAccessBlock", ""),
    ("PUT", "encryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    ("GET", "encryption", "GetBucketEncryption", ""),
    ("DELETE", "encryption", "DeleteBucketEncryption", ""),
    ("PUT", "versioning", "PutBucketVersioning", "VersioningConfiguration"),
    ("GET", "versioning", "GetBucketVersioning", ""),
    ("PUT", "policy", "PutBucketPolicy", ""),
    ("GET", "policy", "GetBucketPolicy", ""),
    ("DELETE", "policy", "DeleteBucketPolicy", ""),
    ("GET", "policyStatus", "GetBucketPolicyStatus", ""),
    ("PUT", "lifecycle", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("GET", "lifecycle", "GetBucketLifecycleConfiguration", ""),
    ("DELETE", "lifecycle", "DeleteBucketLifecycle", ""),
    ("PUT", "ownershipControls", "PutBucketOwnershipControls", "OwnershipControls"),
    ("GET", "ownershipControls", "GetBucketOwnershipControls", ""),
    ("DELETE", "ownershipControls", "DeleteBucketOwnershipControls", ""),
    ("POST", "delete", "DeleteObjects", "Delete"),
    ("GET", "versions", "ListObjectVersions", ""),
    ("GET", "uploads", "ListMultipartUploads", ""),
    ("GET", "list-type", "ListObjectsV2", ""),
];

/// Requests to an object's sub-resources, as for buckets.
const OBJECT: &[(&str, &str, &str, &str)] = &[
    ("PUT", "tagging", "PutObjectTagging", "Tagging"),
    ("GET", "tagging", "GetObjectTagging", ""),
    ("DELETE", "tagging", "DeleteObjectTagging", ""),
    ("POST", "uploads", "CreateMultipartUpload", ""),
];

/// Sub-resources that exist in S3 and not here; a request for one must not be taken for a plain one. Each with what
/// the operations on it are called after, of a bucket and of an object.
const UNKNOWN: &[(&str, &str, &str)] = &[
    ("abac", "BucketAbac", ""),
    ("accelerate", "BucketAccelerateConfiguration", ""),
    ("acl", "BucketAcl", "ObjectAcl"),
    ("analytics", "BucketAnalyticsConfiguration", ""),
    ("attributes", "", "ObjectAttributes"),
    ("cors", "BucketCors", ""),
    ("intelligent-tiering", "BucketIntelligentTieringConfiguration", ""),
    ("inventory", "BucketInventoryConfiguration", ""),
    ("legal-hold", "", "ObjectLegalHold"),
    ("logging", "BucketLogging", ""),
    ("metadataConfiguration", "BucketMetadataConfiguration", ""),
    ("metadataTable", "BucketMetadataTableConfiguration", ""),
    ("metrics", "BucketMetricsConfiguration", ""),
    ("notification", "BucketNotificationConfiguration", ""),
    ("object-lock", "ObjectLockConfiguration", ""),
    ("replication", "BucketReplication", ""),
    ("requestPayment", "BucketRequestPayment", ""),
    ("restore", "", "RestoreObject"),
    ("retention", "", "ObjectRetention"),
    ("select", "", "SelectObjectContent"),
    ("session", "CreateSession", ""),
    ("torrent", "", "ObjectTorrent"),
    ("website", "BucketWebsite", ""),
];

/// Sub-resources of which a bucket has several, each with an id; without one they are listed.
const SEVERAL: [&str; 4] = ["analytics", "intelligent-tiering", "inventory", "metrics"];

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

pub(super) fn route(request: &Incoming) -> Result<Routed, ApiError> {
    let (bucket, key) = address(request);
    let mut params = Map::new();
    for (name, value) in &request.query {
        // Naming the operation (`x-id`) and presigning are not parameters of it.
        let signs = ["AWSAccessKeyId", "Signature", "Expires"].contains(&name.as_str());
        let presigned_v2 = request.signature == Signature::V2 && signs;
        if name != "x-id" && !presigned_v2 && !name.to_ascii_lowercase().starts_with("x-amz-") {
            params.insert(name.clone(), Value::String(value.clone()));
        }
    }
    let method = request.method.as_str();
    let (operation, root) = match (bucket.as_str(), key.as_str()) {
        ("", _) if method == "GET" => ("ListBuckets".to_owned(), ""),
        ("", _) => (format!("{method} /"), ""),
        (_, "") => bucket_operation(method, request, &mut params),
        _ => object_operation(method, request, &mut params),
    };
    headers(request, &operation, &mut params);
    if !root.is_empty()
        && let Ok(text) = std::str::from_utf8(&request.body)
        && let Ok((found, value)) = xml::parse(text)
        && found == root
    {
        params.insert(root.to_owned(), object_or_empty(listed(value)));
    }
    if !bucket.is_empty() {
        params.insert("Bucket".to_owned(), Value::String(bucket));
    }
    if !key.is_empty() {
        if key.contains('\0') {
            return Err(argument("Object key must not contain NUL"));
        }
        params.insert("Key".to_owned(), Value::String(key));
    }
    Ok(Routed { operation, params })
}

fn bucket_operation(method: &str, request: &Incoming, params: &mut Map<String, Value>) -> (String, &'static str) {
    for (verb, resource, operation, root) in BUCKET {
        if *verb == method && params.contains_key(*resource) {
            if params.remove(*resource) == Some(Value::String("2".to_owned())) || *resource != "list-type" {
                return ((*operation).to_owned(), root);
            }
            return ("ListObjects".to_owned(), "");
        }
    }
    if let Some(name) = unknown(method, params, false) {
        return (name, "");
    }
    let is_form = request.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
    match method {
        "PUT" => ("CreateBucket".to_owned(), "CreateBucketConfiguration"),
        "HEAD" => ("HeadBucket".to_owned(), ""),
        "DELETE" => ("DeleteBucket".to_owned(), ""),
        "GET" => ("ListObjects".to_owned(), ""),
        "POST" if is_form => ("PostObject".to_owned(), ""),
        other => (format!("{other} of a bucket"), ""),
    }
}

fn object_operation(method: &str, request: &Incoming, params: &mut Map<String, Value>) -> (String, &'static str) {
    for (verb, resource, operation, root) in OBJECT {
        if *verb == method && params.contains_key(*resource) {
            params.remove(*resource);
            return ((*operation).to_owned(), root);
        }
    }
    if let Some(name) = unknown(method, params, true) {
        return (name, "");
    }
    let (copies, uploads) = (request.header("x-amz-copy-source").is_some(), params.contains_key("uploadId"));
    let (operation, root) = match (method, uploads) {
        ("PUT", true) if copies => ("UploadPartCopy", ""),
        ("PUT", true) => ("UploadPart", ""),
        ("POST", true) => ("CompleteMultipartUpload", "CompleteMultipartUpload"),
        ("DELETE", true) => ("AbortMultipartUpload", ""),
        ("GET", true) => ("ListParts", ""),
        ("PUT", false) if copies => ("CopyObject", ""),
        ("PUT", false) => ("PutObject", ""),
        ("GET", false) => ("GetObject", ""),
        ("HEAD", _) => ("HeadObject", ""),
        ("DELETE", false) => ("DeleteObject", ""),
        _ => return (format!("{method} of an object"), ""),
    };
    (operation.to_owned(), root)
}

/// The name of the operation on a sub-resource that is not simulated.
fn unknown(method: &str, params: &Map<String, Value>, of_object: bool) -> Option<String> {
    let (resource, of_bucket, of_an_object) = UNKNOWN.iter().find(|(name, ..)| params.contains_key(*name))?;
    let noun = match (of_object, *of_bucket, *of_an_object) {
        (true, other, "") | (false, "", other) | (true, _, other) | (false, other, _) => other,
    };
    Some(match method {
        _ if ["restore", "select", "session"].contains(resource) => noun.to_owned(),
        "GET" if SEVERAL.contains(resource) && !params.contains_key("id") => format!("List{noun}s"),
        _ => format!("{}{noun}", verb(method)),
    })
}

fn verb(method: &str) -> &str {
    match method {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        "POST" => "Create",
        other => other,
    }
}

/// Bucket and key, decoded; empty where there is none.
fn address(request: &Incoming) -> (String, String) {
    // A plus sign in a path is a plus sign.
    let path = decode(&request.path.replace('+', "%2B"));
    let path = path.strip_prefix('/').unwrap_or(&path);
    match bucket_of_host(&request.host) {
        Some(bucket) => (bucket.to_owned(), path.to_owned()),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (bucket.to_owned(), key.to_owned())
        }
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
        let routed = route(&Incoming::new(request)).unwrap();
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
