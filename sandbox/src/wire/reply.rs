//! Replies and errors into bytes, in each protocol's shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha512};

use super::xml::Xml;
use super::{Protocol, cbor, rest};
use crate::error::ApiError;
use crate::model::ErrorFacts;
use crate::service::Service;
use crate::services::lambda::Job;

const CBOR: &str = "application/cbor";

/// What a handler answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// What must be awaited first, outside of the transaction; its end is the answer.
    pub(crate) job: Option<Box<Job>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// The elements of the result (query protocols).
    Xml(Xml),
    /// A whole XML document with this root (S3).
    Document(&'static str, Xml),
    Json(Value),
    Raw(Bytes),
}

impl Reply {
    pub(crate) fn xml(xml: Xml) -> Self {
        Self { status: 200, headers: Vec::new(), job: None, body: Body::Xml(xml) }
    }

    pub(crate) fn document(root: &'static str, xml: Xml) -> Self {
        Self { status: 200, headers: Vec::new(), job: None, body: Body::Document(root, xml) }
    }

    /// A JSON value, without the members that are null: JSON has no place for what is not there.
    pub(crate) fn json(mut value: Value) -> Self {
        drop_nulls(&mut value);
        Self { status: 200, headers: Vec::new(), job: None, body: Body::Json(value) }
    }

    /// The reply of an operation that has nothing to say.
    pub(crate) fn empty() -> Self {
        Self::json(Value::Object(serde_json::Map::new()))
    }

    pub(crate) fn raw(status: u16, bytes: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), job: None, body: Body::Raw(bytes.into()) }
    }

    /// The answer is what comes of a function. Handlers run under a lock, and the function asks the sandbox itself.
    pub(crate) fn after(job: Job) -> Self {
        Self { job: Some(Box::new(job)), ..Self::raw(200, Bytes::new()) }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// `protocol` is the one that the request spoke.
pub(crate) fn encode(
    service: &Service,
    protocol: Protocol,
    operation: &str,
    request_id: &str,
    reply: Reply,
) -> Response<Bytes> {
    let told = service.model.told(operation);
    let (mut status, mut headers) = (reply.status, reply.headers);
    if status == 200 && protocol == Protocol::RestJson {
        status = service.model.operations.get(operation).and_then(|facts| facts.status).unwrap_or(status);
    }
    let body = match (protocol, reply.body) {
        (Protocol::RestJson, Body::Json(mut value)) => {
            let (stated, placed) = rest::split(told, &mut value);
            status = stated.unwrap_or(status);
            headers.extend(placed);
            Body::Json(value)
        }
        (Protocol::AwsQuery | Protocol::Ec2Query, Body::Json(value)) => Body::Xml(Xml::of(&value, told)),
        (_, body) => body,
    };
    let (content_type, body) = match (protocol, body) {
        (Protocol::RpcV2Cbor, Body::Json(value)) => (CBOR, cbor::encode(&value, Some(told)).into()),
        (Protocol::Ec2Query, Body::Xml(xml)) => {
            let xml = Xml::new().text("requestId", request_id).extend(xml);
            ("text/xml;charset=UTF-8", xml.document(&format!("{operation}Response"), service.xmlns).into())
        }
        (_, Body::Xml(xml)) => {
            let xml = Xml::new()
                .child(format!("{operation}Result"), xml)
                .child("ResponseMetadata", Xml::new().text("RequestId", request_id));
            ("text/xml", xml.document(&format!("{operation}Response"), service.xmlns).into())
        }
        (_, Body::Document(root, xml)) => ("application/xml", Bytes::from(xml.document(root, service.xmlns))),
        (protocol, Body::Json(value)) => (json_type(protocol), value.to_string().into()),
        (_, Body::Raw(bytes)) => ("", bytes),
    };
    finish(protocol, status, content_type, request_id, &headers, body)
}

pub(crate) fn encode_error(
    service: Option<&Service>,
    protocol: Protocol,
    request_id: &str,
    error: &ApiError,
) -> Response<Bytes> {
    let xmlns = service.and_then(|service| service.xmlns);
    let facts = service.and_then(|service| service.model.error(&error.code));
    let status = error.status_in(protocol, facts);
    let fault = if status >= 500 { "Receiver" } else { "Sender" };
    let short = || Xml::new().text("Code", &error.code).text("Message", &error.message);
    let (content_type, body): (_, Bytes) = match protocol {
        Protocol::Ec2Query => {
            let xml = Xml::new().child("Errors", Xml::new().child("Error", short())).text("RequestID", request_id);
            ("text/xml;charset=UTF-8", xml.document("Response", None).into())
        }
        Protocol::AwsQuery => {
            let xml =
                Xml::new().child("Error", Xml::new().text("Type", fault).extend(short())).text("RequestId", request_id);
            ("text/xml", xml.document("ErrorResponse", xmlns).into())
        }
        Protocol::RestXml => {
            let mut xml = short();
            for (name, value) in &error.fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                xml = xml.text(name.clone(), text);
            }
            let xml = xml.text("RequestId", request_id).text("HostId", host_id(request_id));
            ("application/xml", xml.document("Error", None).into())
        }
        Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => {
            let mut fields = error.fields.clone();
            // Where the query protocol came first, errors have two names.
            let renamed = match facts {
                Some(ErrorFacts::Renamed(_, name)) => Some(name.as_str()),
                _ => None,
            };
            fields.insert("__type".to_owned(), renamed.unwrap_or(&error.code).into());
            fields.insert("message".to_owned(), error.message.clone().into());
            let value = Value::Object(fields);
            match protocol {
                Protocol::RpcV2Cbor => (CBOR, cbor::encode(&value, None).into()),
                _ => (json_type(protocol), value.to_string().into()),
            }
        }
    };
    let mut headers = error.headers.to_vec();
    if matches!(facts, Some(ErrorFacts::Renamed(..))) {
        headers.push(("x-amzn-query-error".to_owned(), format!("{};{fault}", error.code)));
    }
    if protocol == Protocol::RestJson {
        headers.push(("x-amzn-errortype".to_owned(), error.code.to_string()));
    }
    finish(protocol, status, content_type, request_id, &headers, body)
}

/// The second id of a request to S3: of the machine that answered. Its look is AWS's, its content nothing.
fn host_id(request_id: &str) -> String {
    STANDARD.encode(Sha512::digest(request_id.as_bytes()))
}

fn json_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::AwsJson("1.0") => "application/x-amz-json-1.0",
        Protocol::AwsJson(_) => "application/x-amz-json-1.1",
        _ => "application/json",
    }
}

fn finish(
    protocol: Protocol,
    status: u16,
    content_type: &'static str,
    request_id: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    if !content_type.is_empty() {
        map.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let id_header = if protocol == Protocol::RestXml { "x-amz-request-id" } else { "x-amzn-requestid" };
    if let Ok(value) = HeaderValue::from_str(request_id) {
        map.insert(HeaderName::from_static(id_header), value);
    }
    if protocol == Protocol::RpcV2Cbor {
        map.insert(HeaderName::from_static("smithy-protocol"), HeaderValue::from_static("rpc-v2-cbor"));
    }
    if protocol == Protocol::RestXml
        && let Ok(value) = HeaderValue::from_str(&host_id(request_id))
    {
        map.insert(HeaderName::from_static("x-amz-id-2"), value);
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            map.insert(name, value);
        }
    }
    response
}
