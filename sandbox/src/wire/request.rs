//! Which service, region and operation a request is for, whatever door it came through.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::form;

/// A request with its body decoded from chunked signing.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: http::Method,
    /// The path as sent, still percent-encoded.
    pub(crate) path: String,
    /// The query string's pairs, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The signing name of the service (`ec2`, `s3`, `monitoring`).
    pub(crate) service: String,
    pub(crate) region: String,
}

impl Incoming {
    pub(crate) fn new(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let host = match parts.uri.host() {
            Some(host) => host.to_owned(),
            None => header("host").to_owned(),
        };
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let query: Vec<_> = parts.uri.query().map(|query| form::pairs(query).collect()).unwrap_or_default();
        let scope = scope(header("authorization"), &query);
        let (service, region) = scope.or_else(|| from_host(&host)).unwrap_or_default();
        let chunked = header("content-encoding").contains("aws-chunked")
            || header("x-amz-content-sha256").starts_with("STREAMING-");
        let mut headers = parts.headers.clone();
        let body = if chunked {
            let (body, trailers) = unchunk(&body);
            for (name, value) in trailers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    headers.insert(name, value);
                }
            }
            body
        } else {
            body
        };
        Self { method: parts.method, path: parts.uri.path().to_owned(), query, host, headers, body, service, region }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Service and region from the signature's credential scope, in the header or in a presigned URL.
fn scope(authorization: &str, query: &[(String, String)]) -> Option<(String, String)> {
    let credential = match authorization.split_once("Credential=") {
        Some((_, rest)) => rest.split([',', ' ']).next()?.to_owned(),
        None => query.iter().find(|(name, _)| name == "X-Amz-Credential").map(|(_, value)| value.clone())?,
    };
    let mut parts = credential.rsplit('/');
    // key/date/region/service/aws4_request; version 4A has no region in its scope.
    (parts.next()? == "aws4_request").then_some(())?;
    let service = parts.next()?.to_owned();
    let region = parts.next()?.to_owned();
    Some((service, region))
}

/// Service and region from a name such as `bucket.s3.eu-west-1.amazonaws.com`.
fn from_host(host: &str) -> Option<(String, String)> {
    let name = host.strip_suffix(".amazonaws.com")?;
    let mut labels: Vec<&str> = name.split('.').collect();
    let is_region = |label: &str| label.split('-').count() >= 3 && label.ends_with(|ch: char| ch.is_ascii_digit());
    let region = match labels.last() {
        Some(last) if is_region(last) => labels.pop()?.to_owned(),
        _ => "us-east-1".to_owned(),
    };
    let service = labels.pop()?.to_owned();
    Some((service, region))
}

/// Takes the payload and the trailing headers out of `aws-chunked` framing:
/// `size[;signature]\r\n data \r\n … 0\r\n trailers`.
fn unchunk(body: &Bytes) -> (Bytes, Vec<(String, String)>) {
    let mut out = Vec::with_capacity(body.len());
    let mut rest: &[u8] = body;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = line.split(';').next().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let start = end + 2;
        let Some(size) = size.filter(|size| *size > 0) else {
            rest = &rest[start..];
            break;
        };
        let stop = start.saturating_add(size).min(rest.len());
        out.extend_from_slice(&rest[start..stop]);
        rest = &rest[(stop + 2).min(rest.len())..];
    }
    let trailers = String::from_utf8_lossy(rest);
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    (Bytes::from(out), trailers.lines().filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_names_service_and_region() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/fsx/aws4_request, SignedHeaders=host";
        assert_eq!(scope(header, &[]), Some(("fsx".to_owned(), "eu-west-1".to_owned())));
    }

    #[test]
    fn hosts_name_service_and_region() {
        let host = |text| from_host(text).unwrap();
        assert_eq!(host("ec2.us-west-2.amazonaws.com"), ("ec2".to_owned(), "us-west-2".to_owned()));
        assert_eq!(host("my.bucket.s3.us-west-2.amazonaws.com"), ("s3".to_owned(), "us-west-2".to_owned()));
        assert_eq!(host("iam.amazonaws.com"), ("iam".to_owned(), "us-east-1".to_owned()));
    }

    #[test]
    fn chunked_signing_is_unwrapped() {
        let body = Bytes::from_static(b"5;chunk-signature=ab\r\nhello\r\n3\r\n wo\r\n0\r\nx-amz-checksum:1\r\n\r\n");
        let (body, trailers) = unchunk(&body);
        assert_eq!(body, "hello wo");
        assert_eq!(trailers, [("x-amz-checksum".to_owned(), "1".to_owned())]);
    }
}
