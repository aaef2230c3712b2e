//! A document in a structure of AWS's own, written as YAML and compared as a value, not as text.
use crate::{aws::Error, spec};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// Any JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Value);

impl Document {
    /// As AWS takes it.
    pub(super) fn text(&self) -> String {
        spec::canonical(&self.0)
    }

    /// As AWS returns it; `what` it is, for people.
    pub(super) fn parse(text: &str, what: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map(Self).map_err(|_| Error::missing(&format!("{what} in JSON")))
    }

    /// Is all of it known, so that it can be judged?
    pub(super) fn is_known(&self) -> bool {
        !spec::has_unknown(&self.0)
    }
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-dlinfra": "any", "x-deferred": true })
    }
}
