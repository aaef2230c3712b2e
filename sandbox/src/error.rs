//! The errors that AWS answers with.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::model::ErrorFacts;
use crate::wire::Protocol;

/// A refusal in AWS's words; each protocol writes it in its own shape.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// Further members of a modelled exception (JSON protocols and S3).
    pub(crate) fields: Map<String, Value>,
    /// Response headers that go with the refusal (S3).
    pub(crate) headers: Box<[(String, String)]>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), fields: Map::new(), headers: Box::default() }
    }

    /// The client's mistake, status 400.
    pub(crate) fn bad(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// The status in a protocol: the one that is stated, or that of AWS's model where a protocol goes by it.
    pub(crate) fn status_in(&self, protocol: Protocol, facts: Option<&ErrorFacts>) -> u16 {
        let by_model = matches!(protocol, Protocol::RestJson | Protocol::RpcV2Cbor | Protocol::AwsQuery);
        facts.filter(|_| by_model && self.status == 400).map_or(self.status, ErrorFacts::status)
    }

    pub(crate) fn not_implemented(what: impl std::fmt::Display) -> Self {
        Self::new(501, "NotImplemented", format!("The sandbox does not implement {what}"))
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let mut headers = self.headers.into_vec();
        headers.push((name.to_owned(), value.into()));
        self.headers = headers.into();
        self
    }
}
