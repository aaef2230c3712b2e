//! The seam behind which the code of functions runs.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

/// Runs the code of functions. A sandbox that has none ([`crate::SandboxConfig::functions`]) only records their
/// invocations.
///
/// While a function runs it may itself ask the sandbox: nothing is locked.
pub trait Functions: fmt::Debug + Send + Sync {
    /// Runs a function once, and gives what it answered, or how it failed.
    fn run(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>>;
}

/// One run of a function: what it is and what it is given.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// The function's ARN.
    pub arn: String,
    /// The id of the invocation; a retry has the same one.
    pub request_id: String,
    /// The region that the function is in.
    pub region: String,
    /// The code: a zip.
    pub code: Bytes,
    /// The SHA-256 of the zip, in base64, as AWS states it.
    pub code_sha256: String,
    /// What the function's configuration names as its handler.
    pub handler: String,
    /// The function's memory in MB. Nobody holds it to that.
    pub memory: u32,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// How long it may take, in the sandbox's time.
    pub timeout: Duration,
    /// What the function signs its requests with: they stand for its role.
    pub credentials: Credentials,
    /// Where its log goes.
    pub log_group: String,
    /// The stream in that group.
    pub log_stream: String,
    /// What it is called with: JSON.
    pub payload: Bytes,
}

/// What somebody signs requests with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ASIA…`
    pub access_key: String,
    /// The secret key. The sandbox verifies no signatures.
    pub secret: String,
    /// The session's token.
    pub token: String,
}

/// What came of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the function answered, or what is to be said of its failure: JSON.
    pub payload: Bytes,
    /// `Handled` or `Unhandled` for a failure.
    pub error: Option<String>,
    /// What the function printed.
    pub log: String,
}

impl Answer {
    /// A failure in the form in which AWS states it.
    pub fn failed(kind: &str, message: &str) -> Self {
        let payload = serde_json::json!({"errorType": kind, "errorMessage": message}).to_string().into();
        Self { payload, error: Some("Unhandled".to_owned()), log: String::new() }
    }
}
