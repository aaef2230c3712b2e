//! What AWS's published model says of a service: every operation's parameters, pages, tokens, routes and errors.
//!
//! The facts in `sandbox/models/` are cut from botocore by `tools/models.py`. What can be learned from them is written
//! once for all services: [`check`] refuses what AWS's front end refuses, `page` cuts lists into pages, `tagged` serves
//! tags. Rules between fields are not in a model and stay code.
mod check;
mod cursor;
mod route;

pub(crate) use cursor::{Cursor, Kind};

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;

/// The facts of one service, read at its first request.
pub(crate) type Model = LazyLock<Facts>;

/// The model of a service, from its file in `sandbox/models/`.
macro_rules! facts {
    ($service:literal) => {{
        static MODEL: $crate::model::Model = $crate::model::Model::new(|| {
            let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/", $service, ".json"));
            $crate::model::Facts::read(file)
        });
        &MODEL
    }};
}
pub(crate) use facts;

/// What AWS publishes of a service.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Facts {
    pub(crate) operations: BTreeMap<String, OperationFacts>,
    shapes: BTreeMap<String, Shape>,
    #[serde(default)]
    errors: BTreeMap<String, ErrorFacts>,
    /// Of every operation that AWS has (REST protocols only).
    #[serde(default)]
    routes: BTreeMap<String, route::Route>,
}

/// The status of an error, and what it is called in the protocols that came after the query protocol, where that is
/// another name.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum ErrorFacts {
    Status(u16),
    Renamed(u16, String),
}

impl ErrorFacts {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Status(status) | Self::Renamed(status, _) => *status,
        }
    }
}

/// What AWS publishes of one operation.
#[derive(Debug, Deserialize)]
pub(crate) struct OperationFacts {
    input: Option<String>,
    output: Option<String>,
    /// The status of an answer, where it is not 200.
    pub(crate) status: Option<u16>,
    pub(crate) page: Option<PageFacts>,
}

/// The members by which a list is read in pages.
#[derive(Debug, Deserialize)]
pub(crate) struct PageFacts {
    pub(crate) token: String,
    pub(crate) next: String,
    pub(crate) limit: Option<String>,
    pub(crate) items: Option<String>,
}

/// A type of AWS's model.
#[derive(Debug, Deserialize)]
struct Shape {
    r#type: Type,
    #[serde(default)]
    members: BTreeMap<String, Member>,
    #[serde(default)]
    required: Vec<String>,
    /// The member that is the body of a request or a reply, all alone.
    payload: Option<String>,
    member: Option<String>,
    /// What XML calls an item of this list, where it is not `member`.
    item: Option<String>,
    /// In XML its items stand without an element around them.
    #[serde(default)]
    flat: bool,
    key: Option<String>,
    value: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    /// Its values are not repeated in messages.
    #[serde(default)]
    sensitive: bool,
    /// The pattern as AWS states it, where that is another syntax.
    stated: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

/// The types that matter for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// A member of a structure.
#[derive(Debug, Deserialize)]
#[serde(from = "Written")]
struct Member {
    shape: String,
    /// Its name in requests, where that is another one than the model's.
    name: Option<String>,
    /// Its name in replies, where that is another one than in requests.
    told: Option<String>,
    /// Where it stands in an HTTP message, if not in the body.
    location: Option<Location>,
    /// Its name there, where that is another one.
    at: Option<String>,
    /// Whether a repeated request is known by it.
    token: bool,
}

/// A place in an HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Location {
    Uri,
    Querystring,
    Header,
    /// All headers that begin with something.
    Headers,
    StatusCode,
}

/// A member as the files have it: short where there is nothing to say but its shape.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Long {
        shape: String,
        name: Option<String>,
        told: Option<String>,
        location: Option<Location>,
        at: Option<String>,
        #[serde(default)]
        token: bool,
    },
}

impl From<Written> for Member {
    fn from(written: Written) -> Self {
        match written {
            Written::Plain(shape) => Self { shape, name: None, told: None, location: None, at: None, token: false },
            Written::Long { shape, name, told, location, at, token } => Self { shape, name, told, location, at, token },
        }
    }
}

impl Member {
    /// Its name in requests; `name` is the model's.
    fn asked<'m>(&'m self, name: &'m str) -> &'m str {
        self.name.as_deref().unwrap_or(name)
    }

    /// Its name in replies.
    fn told<'m>(&'m self, name: &'m str) -> &'m str {
        self.told.as_deref().unwrap_or_else(|| self.asked(name))
    }
}

/// How an operation has the tags of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagForm {
    /// An object from keys to values.
    Map,
    /// A list of objects with a key and a value, under these names.
    List { key: String, value: String },
}

impl Facts {
    /// Reads the facts of a service.
    pub(crate) fn read(text: &str) -> Self {
        // A file of this crate that its own test reads; without facts nothing is checked.
        serde_json::from_str(text).unwrap_or_default()
    }

    fn input(&self, operation: &str) -> Option<&Shape> {
        self.shapes.get(self.operations.get(operation)?.input.as_ref()?)
    }

    fn output(&self, operation: &str) -> Option<&Shape> {
        self.shapes.get(self.operations.get(operation)?.output.as_ref()?)
    }

    /// The parameter by which a repeated request is known, as it is called on the wire.
    pub(crate) fn token(&self, operation: &str) -> Option<&str> {
        let (name, member) = self.input(operation)?.members.iter().find(|(_, member)| member.token)?;
        Some(member.asked(name))
    }

    /// The required text of a request that names the resource which it is about.
    pub(crate) fn resource(&self, operation: &str) -> Option<&str> {
        let input = self.input(operation)?;
        let is_text = |name: &&String| self.member(input, name).is_some_and(|shape| shape.r#type == Type::String);
        input.required.iter().find(is_text).map(String::as_str)
    }

    /// The parameter that carries tags, and how.
    pub(crate) fn tags_in(&self, operation: &str) -> Option<(&str, TagForm)> {
        self.tags(self.input(operation)?)
    }

    /// The member of a reply that carries tags, and how.
    pub(crate) fn tags_out(&self, operation: &str) -> Option<(&str, TagForm)> {
        self.tags(self.output(operation)?)
    }

    /// The parameter with the keys of the tags to remove.
    pub(crate) fn tag_keys(&self, operation: &str) -> Option<&str> {
        let input = self.input(operation)?;
        let is_list = |name: &&String| self.member(input, name).is_some_and(|shape| shape.r#type == Type::List);
        input.members.keys().find(is_list).map(String::as_str)
    }

    fn member(&self, shape: &Shape, name: &str) -> Option<&Shape> {
        self.shapes.get(&shape.members.get(name)?.shape)
    }

    fn tags<'a>(&self, shape: &'a Shape) -> Option<(&'a str, TagForm)> {
        shape.members.iter().find_map(|(name, member)| {
            let found = self.shapes.get(&member.shape).filter(|_| name.to_ascii_lowercase().contains("tag"))?;
            let form = match found.r#type {
                Type::Map => TagForm::Map,
                Type::List => {
                    let pair = self.shapes.get(found.member.as_ref()?)?;
                    let named = |end: &str| pair.members.keys().find(|name| name.to_ascii_lowercase().ends_with(end));
                    TagForm::List { key: named("key")?.clone(), value: named("value")?.clone() }
                }
                _ => return None,
            };
            Some((name.as_str(), form))
        })
    }

    /// What is said of an error.
    pub(crate) fn error(&self, code: &str) -> Option<&ErrorFacts> {
        self.errors.get(code)
    }
}

impl Shape {
    /// The pattern, which must match the whole text; compiled once.
    fn regex(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?s:{})$", self.pattern.as_ref()?)).ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::services::SERVICES;

    #[test]
    fn the_facts_cover_every_operation_and_every_pattern_is_checked() {
        let mut checked = 0;
        for service in SERVICES {
            let model = service.model;
            for operation in service.operations.iter().flat_map(|group| group.iter()) {
                // What a browser's form does has no place in AWS's model.
                let is_known = model.operations.contains_key(operation.name) || operation.name == "PostObject";
                assert!(is_known, "{}:{}", service.name, operation.name);
                checked += 1;
            }
            for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.pattern.is_some()) {
                assert!(shape.regex().is_some(), "{}: {name}: {:?}", service.name, shape.pattern);
            }
        }
        assert!(checked > 150, "{checked}");
    }

    #[test]
    fn all_problems_are_named_at_once_in_the_words_of_aws() {
        let model = SERVICES.iter().find(|service| service.name == "fsx").unwrap().model;
        let refused = |request: Value| {
            model.check("CreateFileSystem", request.as_object().unwrap(), "BadRequest").map_err(|error| error.message)
        };
        let missing = refused(serde_json::json!({})).unwrap_err();
        assert_eq!(
            missing,
            "2 validation errors detected: Value null at 'fileSystemType' failed to satisfy constraint: Member must not \
             be null; Value null at 'subnetIds' failed to satisfy constraint: Member must not be null"
        );
        let wrong = refused(serde_json::json!({ "FileSystemType": "ZFS", "SubnetIds": ["subnet-1"] })).unwrap_err();
        assert!(
            wrong.contains("Value 'ZFS' at 'fileSystemType' failed to satisfy constraint: Member must satisfy enum")
        );
        assert!(wrong.contains("Value 'subnet-1' at 'subnetIds.1.member' failed"), "{wrong}");
        assert!(refused(serde_json::json!({ "FileSystemType": "LUSTRE", "SubnetIds": ["subnet-12345678"] })).is_ok());
    }
}
