//! AWS's wire protocols: requests into parameters, replies and errors into bytes.

pub(crate) mod cbor;
pub(crate) mod form;
pub(crate) mod params;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod rest;
pub(crate) mod xml;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Form in, XML out, EC2's flavour.
    Ec2Query,
    /// Form in, XML out.
    AwsQuery,
    /// JSON in and out, the operation in `X-Amz-Target`; the content-type version (`1.0`, `1.1`).
    AwsJson(&'static str),
    /// CBOR in and out, the operation in the path. Clients choose it where a service speaks JSON too.
    RpcV2Cbor,
    /// JSON in and out, the operation in method and path.
    RestJson,
    /// XML in and out, the operation in method and path (S3).
    RestXml,
}

impl Protocol {
    /// What a request speaks whose service is not known.
    pub(crate) fn of_stranger(request: &request::Incoming) -> Self {
        /// Services whose errors look as those of the query protocol do, although their requests do not.
        const XML: [&str; 3] = ["cloudfront", "route53", "s3express"];
        let says = |name: &str, begin: &str| request.header(name).is_some_and(|value| value.starts_with(begin));
        if says("smithy-protocol", "rpc-v2-cbor") {
            Self::RpcV2Cbor
        } else if request.header("x-amz-target").is_some() {
            Self::AwsJson("1.1")
        } else if says("content-type", "application/x-www-form-urlencoded") || XML.contains(&request.service.as_str()) {
            Self::AwsQuery
        } else {
            Self::RestJson
        }
    }
}
