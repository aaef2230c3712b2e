//! AWS's wire protocols: requests into parameters, replies and errors into bytes.

pub(crate) mod form;
pub(crate) mod params;
pub(crate) mod reply;
pub(crate) mod request;
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
    /// JSON in and out, the operation in method and path.
    RestJson,
    /// XML in and out, the operation in method and path (S3).
    RestXml,
}
