//! Which service, region and operation a request is for, whatever door it came through.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::form;

/// How a request says who makes it. Nothing of it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Version 4: it names service and region.
    V4,
    /// Version 2, which only S3 still takes: it names neither.
    V2,
    /// None: anybody makes it.
    None,
}

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
    pub(crate) signature: Signature,
    /// The key that it is signed with; empty without a signature of version 4.
    pub(crate) access_key: String,
    /// Until when a presigned address may be used.
    pub(crate) expires: Option<Timestamp>,
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
        let scope = scope(header("authorization"), header("x-amz-region-set"), &query);
        let access_key = credential(header("authorization"), &query);
        let access_key = access_key.and_then(|text| text.split('/').next().map(str::to_owned)).unwrap_or_default();
        let signature = match &scope {
            Some(_) => Signature::V4,
            None if is_signed_v2(header("authorization"), &query) => Signature::V2,
            None => Signature::None,
        };
        // Only S3 takes requests that name no service; theirs are recognised by what other protocols always send.
        let is_form = parts.method == http::Method::POST
            && header("content-type").starts_with("application/x-www-form-urlencoded");
        let speaks_otherwise =
            is_form || ["x-amz-target", "smithy-protocol"].iter().any(|name| !header(name).is_empty());
        let unnamed = || {
            // The ways to get credentials are for those who have none.
            let for_credentials = is_form && find(&body, b"Action=AssumeRoleWith");
            match (for_credentials, speaks_otherwise && signature == Signature::None) {
                (true, _) => "sts",
                (false, true) => "",
                (false, false) => "s3",
            }
        };
        let (service, region) =
            scope.or_else(|| from_host(&host)).unwrap_or_else(|| (unnamed().to_owned(), "us-east-1".to_owned()));
        let expires = expiry(&query);
        let chunked = header("content-encoding").contains("aws-chunked")
            || header("x-amz-content-sha256").starts_with("STREAMING-");
        let mut headers = parts.headers;
        let body = if chunked {
            let (body, trailers) = unchunk(&body);
            for (name, value) in trailers {
                // The signature of the trailers is part of the transfer, as those of the chunks are.
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
                    && name != "x-amz-trailer-signature"
                {
                    headers.insert(name, value);
                }
            }
            body
        } else {
            body
        };
        // Who presigns an address may write headers of the request into it.
        for (name, value) in query.iter().filter(|_| service == "s3") {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-amz-")
                && !SIGNING.contains(&name.as_str())
                && let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.entry(name).or_insert(value);
            }
        }
        let path = parts.uri.path().to_owned();
        Self { method: parts.method, path, query, host, headers, body, service, region, signature, access_key, expires }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// What a presigned address says of its signature.
const SIGNING: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-region-set",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// `key/date/region/service/aws4_request`, from the header or from a presigned URL.
fn credential(authorization: &str, query: &[(String, String)]) -> Option<String> {
    match authorization.split_once("Credential=") {
        Some((_, rest)) => rest.split([',', ' ']).next().map(str::to_owned),
        None => query.iter().find(|(known, _)| known == "X-Amz-Credential").map(|(_, value)| value.clone()),
    }
}

/// Service and region from the signature's credential scope, in the header or in a presigned URL.
fn scope(authorization: &str, region_set: &str, query: &[(String, String)]) -> Option<(String, String)> {
    let given = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let credential = credential(authorization, query)?;
    let mut parts = credential.rsplit('/');
    (parts.next()? == "aws4_request").then_some(())?;
    let service = parts.next()?.to_owned();
    // key/date/region/service/aws4_request; version 4A names its regions apart.
    let sets_regions = authorization.starts_with("AWS4-ECDSA")
        || given("X-Amz-Algorithm").is_some_and(|algorithm| algorithm.starts_with("AWS4-ECDSA"));
    if sets_regions {
        let set = given("X-Amz-Region-Set").unwrap_or_else(|| region_set.to_owned());
        let first = set.split(',').next().map(str::trim).filter(|region| !region.is_empty() && *region != "*");
        return Some((service, first.unwrap_or("us-east-1").to_owned()));
    }
    let region = parts.next()?.to_owned();
    Some((service, region))
}

/// Whether a request carries a signature of version 2, in the header or in a presigned URL.
fn is_signed_v2(authorization: &str, query: &[(String, String)]) -> bool {
    let has = |name: &str| query.iter().any(|(known, _)| known == name);
    authorization.starts_with("AWS ") || (has("AWSAccessKeyId") && has("Signature") && has("Expires"))
}

/// The end of a presigned address: begin and seconds (version 4) or a moment (version 2).
fn expiry(query: &[(String, String)]) -> Option<Timestamp> {
    let given = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if let (Some(begin), Some(seconds)) = (given("X-Amz-Date"), given("X-Amz-Expires")) {
        let begin = DateTime::strptime("%Y%m%dT%H%M%SZ", begin).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        return begin.checked_add(jiff::SignedDuration::from_secs(seconds.parse().ok()?)).ok();
    }
    given("Signature").and(given("Expires")).and_then(|moment| Timestamp::from_second(moment.parse().ok()?).ok())
}

/// Service and region from a name such as `bucket.s3.eu-west-1.amazonaws.com`.
fn from_host(host: &str) -> Option<(String, String)> {
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
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
        assert_eq!(scope(header, "", &[]), Some(("fsx".to_owned(), "eu-west-1".to_owned())));
        let every = "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260101/s3/aws4_request, SignedHeaders=host";
        assert_eq!(scope(every, "*", &[]), Some(("s3".to_owned(), "us-east-1".to_owned())));
        assert_eq!(scope(every, "eu-west-1", &[]), Some(("s3".to_owned(), "eu-west-1".to_owned())));
    }

    #[test]
    fn what_is_signed_otherwise_is_for_s3() {
        let read = |uri: &str, form: bool| {
            let request = http::Request::post(uri);
            let request = if form {
                request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            } else {
                request
            };
            let request = Incoming::new(request.body(Bytes::new()).unwrap());
            (request.service, request.signature, request.expires.map(Timestamp::as_second))
        };
        let s3 = "s3".to_owned();
        assert_eq!(read("http://127.0.0.1:1/b/k", false), (s3.clone(), Signature::None, None));
        assert_eq!(read("http://127.0.0.1:1/", true), (String::new(), Signature::None, None));
        let v2 = "http://127.0.0.1:1/b/k?AWSAccessKeyId=A&Signature=x%3D&Expires=1767225600";
        assert_eq!(read(v2, false), (s3.clone(), Signature::V2, Some(1_767_225_600)));
        let v4 = "http://127.0.0.1:1/b/k?X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fs3%2Faws4_request\
                  &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60";
        assert_eq!(read(v4, false), (s3, Signature::V4, Some(1_767_225_660)));
    }

    #[test]
    fn hosts_name_service_and_region() {
        let host = |text| from_host(text).unwrap();
        assert_eq!(host("ec2.us-west-2.amazonaws.com"), ("ec2".to_owned(), "us-west-2".to_owned()));
        assert_eq!(host("my.bucket.s3.us-west-2.amazonaws.com"), ("s3".to_owned(), "us-west-2".to_owned()));
        assert_eq!(host("iam.amazonaws.com"), ("iam".to_owned(), "us-east-1".to_owned()));
        assert_eq!(host("b.s3.cn-north-1.amazonaws.com.cn"), ("s3".to_owned(), "cn-north-1".to_owned()));
    }

    #[test]
    fn chunked_signing_is_unwrapped() {
        let body = Bytes::from_static(b"5;chunk-signature=ab\r\nhello\r\n3\r\n wo\r\n0\r\nx-amz-checksum:1\r\n\r\n");
        let (body, trailers) = unchunk(&body);
        assert_eq!(body, "hello wo");
        assert_eq!(trailers, [("x-amz-checksum".to_owned(), "1".to_owned())]);
    }
}
