//! What AWS's published model says of a service: every operation's parameters, pages, tokens, routes and errors.
//!
//! The facts in `sandbox/models/` are cut from botocore by `tools/models.py`. What can be learned from them is written
//! once for all services: [`check`] refuses what AWS's front end refuses, `page` cuts lists into pages, `tagged` serves
//! tags. Rules between fields are not in a model and stay code.
mod check;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

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
}

/// What AWS publishes of one operation.
#[derive(Debug, Deserialize)]
pub(crate) struct OperationFacts {
    input: Option<String>,
    output: Option<String>,
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
    member: Option<String>,
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
    /// Whether a repeated request is known by it.
    token: bool,
}

/// A member as the files have it: short where there is nothing to say but its shape.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Long {
        shape: String,
        name: Option<String>,
        #[serde(default)]
        token: bool,
    },
}

impl From<Written> for Member {
    fn from(written: Written) -> Self {
        match written {
            Written::Plain(shape) => Self { shape, name: None, token: false },
            Written::Long { shape, name, token } => Self { shape, name, token },
        }
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
        Some(member.name.as_ref().unwrap_or(name))
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

    /// A member of a reply that AWS's model does not have, by its path.
    pub(crate) fn stranger(&self, operation: &str, reply: &Value) -> Option<String> {
        let output = self.operations.get(operation)?.output.as_ref()?;
        self.unknown(output, "", reply)
    }

    fn unknown(&self, name: &str, path: &str, value: &Value) -> Option<String> {
        let shape = self.shapes.get(name)?;
        match (shape.r#type, value) {
            (Type::Structure, Value::Object(map)) => map.iter().find_map(|(key, inner)| {
                let path = join(path, key);
                match shape.members.get(key) {
                    Some(member) => self.unknown(&member.shape, &path, inner),
                    None => Some(path),
                }
            }),
            (Type::List, Value::Array(items)) => {
                let member = shape.member.as_deref()?;
                items.iter().find_map(|item| self.unknown(member, path, item))
            }
            (Type::Map, Value::Object(map)) => {
                let inner = shape.value.as_deref()?;
                map.iter().find_map(|(key, value)| self.unknown(inner, &join(path, key), value))
            }
            _ => None,
        }
    }
}

impl Shape {
    /// The pattern, which must match the whole text; compiled once.
    fn regex(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?s:{})$", self.pattern.as_ref()?)).ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::SERVICES;

    #[test]
    fn the_facts_cover_every_operation_and_every_pattern_is_checked() {
        let mut checked = 0;
        for service in SERVICES {
            let Some(model) = service.model else { continue };
            for operation in service.operations.iter().flat_map(|group| group.iter()) {
                assert!(model.operations.contains_key(operation.name), "{}:{}", service.name, operation.name);
                checked += 1;
            }
            for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.pattern.is_some()) {
                assert!(shape.regex().is_some(), "{}: {name}: {:?}", service.name, shape.pattern);
            }
        }
        assert!(checked > 30, "{checked}");
    }

    #[test]
    fn all_problems_are_named_at_once_in_the_words_of_aws() {
        let model = SERVICES.iter().find(|service| service.name == "fsx").unwrap().model.unwrap();
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
