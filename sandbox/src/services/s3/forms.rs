//! Objects sent by a browser's form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::model::Bucket;
use super::object_headers::Attributes;
use super::objects::{Content, check_size, new_key, store};
use super::{access, argument, bucket};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[write("PostObject", post_object)];

/// A form's fields by name, in lower case, and its file.
struct Form {
    fields: Map<String, Value>,
    file: Bytes,
    file_name: String,
}

fn malformed() -> ApiError {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    ApiError::bad("MalformedPOSTRequest", message)
}

/// Where some bytes stand in others.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Reads `multipart/form-data`.
fn read(content_type: &str, body: &Bytes) -> Result<Form, ApiError> {
    let boundary = content_type.split("boundary=").nth(1).ok_or_else(malformed)?;
    let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
    let line = format!("--{boundary}");
    let mut form = Form { fields: Map::new(), file: Bytes::new(), file_name: String::new() };
    let mut at = find(body, line.as_bytes()).ok_or_else(malformed)? + line.len();
    let mut has_file = false;
    while !body[at..].starts_with(b"--") {
        let rest = &body[at..];
        let head = find(rest, b"\r\n\r\n").ok_or_else(malformed)?;
        let end = find(&rest[head + 4..], format!("\r\n{line}").as_bytes()).ok_or_else(malformed)?;
        let text = String::from_utf8_lossy(&rest[..head]);
        let attribute = |name: &str| {
            let value = text.split(&format!("{name}=\"")).nth(1)?;
            Some(value.split('"').next().unwrap_or_default().to_owned())
        };
        let name = attribute("; name").ok_or_else(malformed)?.to_lowercase();
        let content = body.slice(at + head + 4..at + head + 4 + end);
        at += head + 4 + end + 2 + line.len();
        if name == "file" {
            form.file = content;
            form.file_name = attribute("filename").unwrap_or_default();
            has_file = true;
            // What follows the file is ignored.
            break;
        }
        form.fields.insert(name, Value::String(String::from_utf8_lossy(&content).into_owned()));
    }
    if !has_file {
        return Err(argument("POST requires exactly one file upload per request.").with("ArgumentName", "file"));
    }
    Ok(form)
}

/// What the policy of a form demands of its fields.
fn check_policy(form: &Form, bucket: &Bucket, now: Timestamp) -> Result<(), ApiError> {
    let text = |name: &str| form.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let invalid = |why: &str| ApiError::bad("InvalidPolicyDocument", format!("Invalid Policy: {why}"));
    let refused = |why: String| ApiError::new(403, "AccessDenied", format!("Invalid according to Policy: {why}"));
    let bytes = STANDARD.decode(text("policy")).map_err(|_| invalid("Invalid Base64 Encoding."))?;
    let policy: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("Invalid JSON."))?;
    let end = policy["expiration"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let end = end.ok_or_else(|| invalid("Invalid 'expiration' value."))?;
    if end < now {
        return Err(refused("Policy expired.".to_owned()));
    }
    let conditions = policy["conditions"].as_array().ok_or_else(|| invalid("Invalid 'conditions' value."))?;
    let value_of = |name: &str| if name == "bucket" { bucket.name.as_str() } else { text(name) };
    let mut named = vec!["bucket".to_owned()];
    for condition in conditions {
        let (met, field) = match condition {
            Value::Object(pairs) => {
                let unmet = pairs.iter().find(|(name, value)| Some(value_of(&name.to_lowercase())) != value.as_str());
                named.extend(pairs.keys().map(|name| name.to_lowercase()));
                (unmet.is_none(), String::new())
            }
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(kind), Value::Number(low), Value::Number(high)] if kind == "content-length-range" => {
                    let size = form.file.len() as u64;
                    if low.as_u64().is_some_and(|low| size < low) {
                        let message = "Your proposed upload is smaller than the minimum allowed size";
                        return Err(ApiError::bad("EntityTooSmall", message).with("ProposedSize", size));
                    }
                    if high.as_u64().is_some_and(|high| size > high) {
                        let message = "Your proposed upload exceeds the maximum allowed size";
                        return Err(ApiError::bad("EntityTooLarge", message).with("ProposedSize", size));
                    }
                    continue;
                }
                [Value::String(kind), Value::String(field), Value::String(value)] => {
                    let field = field.trim_start_matches('$').to_lowercase();
                    named.push(field.clone());
                    let given = value_of(&field);
                    let met = match kind.as_str() {
                        "eq" => given == value,
                        "starts-with" => given.starts_with(value.as_str()),
                        _ => return Err(invalid(&format!("Invalid Operation: {kind}"))),
                    };
                    (met, field)
                }
                _ => return Err(invalid("Invalid Condition.")),
            },
            _ => return Err(invalid("Invalid Condition.")),
        };
        if !met {
            let which = if field.is_empty() { String::new() } else { format!(" ({field})") };
            return Err(refused(format!("Policy Condition failed: {condition}{which}")));
        }
    }
    // A field that the policy does not speak of is one field too many.
    let free = |name: &str| {
        ["policy", "x-amz-signature", "signature", "awsaccesskeyid"].contains(&name) || name.starts_with("x-ignore-")
    };
    match form.fields.keys().find(|name| !free(name) && !named.contains(name)) {
        Some(extra) => Err(refused(format!("Extra input fields: {extra}"))),
        None => Ok(()),
    }
}

fn post_object(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bucket = bucket(call)?;
    let mut form = read(call.request.header("content-type").unwrap_or_default(), &call.request.body)?;
    let now = super::modified(call);
    if form.fields.contains_key("policy") {
        check_policy(&form, &bucket, now)?;
    }
    let signed = ["x-amz-signature", "signature"].iter().any(|name| form.fields.contains_key(*name));
    let take = |form: &mut Form, name: &str| match form.fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    for name in ["policy", "x-amz-signature", "signature", "awsaccesskeyid", "x-amz-algorithm", "x-amz-credential"] {
        take(&mut form, name);
    }
    for name in ["x-amz-date", "x-amz-security-token", "bucket"] {
        take(&mut form, name);
    }
    let key = take(&mut form, "key").filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| argument("Bucket POST must contain a field named 'key'."))?;
    let status = take(&mut form, "success_action_status");
    let redirect = take(&mut form, "success_action_redirect").or_else(|| take(&mut form, "redirect"));
    let mut meta = Map::new();
    form.fields.retain(|name, value| match name.strip_prefix("x-amz-meta-") {
        Some(name) => meta.insert(name.to_owned(), value.clone()).is_some_and(|_| false),
        None => !name.starts_with("x-ignore-"),
    });
    if !meta.is_empty() {
        form.fields.insert("x-amz-meta".to_owned(), Value::Object(meta));
    }
    form.fields.insert("Key".to_owned(), Value::String(key.replace("${filename}", &form.file_name)));
    // From here on the form's fields are the request's parameters.
    call.params.take_over(form.fields);
    let key = new_key(call)?;
    if !signed {
        access::check_everybody(call, &bucket, Some(&key))?;
    }
    check_size(form.file.len())?;
    let attributes = Attributes::take(call, &bucket)?;
    let content = Content::whole(form.file, None);
    let etag = format!("\"{}\"", content.etag);
    let told = store(call, &bucket, &key, content, attributes);
    let place = format!(
        "https://{}.s3.{}/{}",
        bucket.name,
        crate::regions::suffix(&bucket.region),
        super::listings::percent(&key)
    );
    let reply = match (redirect, status.as_deref()) {
        (Some(to), _) => {
            let mark = if to.contains('?') { '&' } else { '?' };
            let tag = etag.replace('"', "%22");
            let to = format!("{to}{mark}bucket={}&key={}&etag={tag}", bucket.name, super::listings::percent(&key));
            Reply::raw(303, "").header("location", to)
        }
        (None, Some("201")) => {
            let xml = Xml::new().text("Location", &place).text("Bucket", &bucket.name).text("Key", &key);
            let reply = Reply::document("PostResponse", xml.text("ETag", &etag));
            Reply { status: 201, ..reply }.header("location", place)
        }
        (None, status) => Reply::raw(if status == Some("200") { 200 } else { 204 }, "").header("location", place),
    };
    let reply = reply.header("etag", etag);
    Ok(told.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_file_are_told_apart() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n--b\r\n\
              Content-Disposition: form-data; name=\"file\"; filename=\"x.bin\"\r\n\r\n1\r\n2\r\n--b--\r\n",
        );
        let form = read("multipart/form-data; boundary=b", &body).unwrap();
        assert_eq!((form.fields["key"].as_str(), form.file_name.as_str()), (Some("a/${filename}"), "x.bin"));
        assert_eq!(form.file, "1\r\n2");
        assert!(read("multipart/form-data; boundary=c", &body).is_err());
    }
}
