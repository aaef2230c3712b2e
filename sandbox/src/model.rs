//! What AWS's published model says of a service: every operation's parameters, and what its front end refuses.
//!
//! The facts in `sandbox/models/` are cut from botocore by `tools/models.py`. AWS checks a request against the model
//! before anything else and names every problem at once; rules between fields are not in a model and stay code.
use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The facts of one service, read at its first request.
pub(crate) type Model = LazyLock<Facts>;

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

/// A member of a structure, with its place in a REST request where it has one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Member {
    Plain(String),
    Placed { shape: String },
}

impl Member {
    fn shape(&self) -> &str {
        match self {
            Self::Plain(shape) | Self::Placed { shape } => shape,
        }
    }
}

/// How many problems AWS names in one answer.
const MOST: usize = 10;

impl Facts {
    /// Reads the facts of a service.
    pub(crate) fn read(text: &str) -> Self {
        // A file of this crate that its own test reads; without facts nothing is checked.
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Checks a request: everything that AWS's front end would refuse, in its words.
    pub(crate) fn check(
        &self,
        operation: &str,
        fields: &Map<String, Value>,
        code: &'static str,
    ) -> Result<(), ApiError> {
        let Some(input) = self.operations.get(operation).and_then(|facts| facts.input.as_ref()) else { return Ok(()) };
        let mut problems = Vec::new();
        if let Some(shape) = self.shapes.get(input) {
            self.structure(shape, "", fields, &mut problems);
        }
        if problems.is_empty() {
            return Ok(());
        }
        let (count, s) = (problems.len(), if problems.len() == 1 { "" } else { "s" });
        problems.truncate(MOST);
        Err(ApiError::bad(code, format!("{count} validation error{s} detected: {}", problems.join("; "))))
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
                    Some(member) => self.unknown(member.shape(), &path, inner),
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

    fn structure(&self, shape: &Shape, path: &str, fields: &Map<String, Value>, problems: &mut Vec<String>) {
        for (name, member) in &shape.members {
            let path = join(path, &lower(name));
            match fields.get(name).filter(|value| !value.is_null()) {
                Some(value) => self.value(member.shape(), &path, value, problems),
                None if shape.required.contains(name) => {
                    problems.push(problem(Some("null"), &path, "Member must not be null"));
                }
                None => {}
            }
        }
    }

    fn value(&self, name: &str, path: &str, value: &Value, problems: &mut Vec<String>) {
        let Some(shape) = self.shapes.get(name) else { return };
        match (shape.r#type, value) {
            (Type::Structure, Value::Object(fields)) => self.structure(shape, path, fields, problems),
            (Type::List, _) => {
                let items = items(value);
                let shown = || format!("[{}]", items.iter().map(|item| plain(item)).collect::<Vec<_>>().join(", "));
                shape.size(items.len(), path, shown, problems);
                for (at, item) in items.iter().enumerate() {
                    let path = format!("{path}.{}.member", at + 1);
                    shape.member.as_deref().into_iter().for_each(|inner| self.value(inner, &path, item, problems));
                }
            }
            (Type::String, Value::String(text)) => shape.text(text, path, problems),
            (Type::Integer | Type::Long | Type::Float | Type::Double, _) => shape.number(value, path, problems),
            _ => {}
        }
    }
}

impl Shape {
    fn size(&self, size: usize, path: &str, shown: impl Fn() -> String, problems: &mut Vec<String>) {
        let mut say = |rule: String| problems.push(self.problem(&shown(), path, &rule));
        if self.min.is_some_and(|min| (size as f64) < min) {
            say(format!("Member must have length greater than or equal to {}", self.min.unwrap_or_default()));
        }
        if self.max.is_some_and(|max| size as f64 > max) {
            say(format!("Member must have length less than or equal to {}", self.max.unwrap_or_default()));
        }
    }

    fn text(&self, text: &str, path: &str, problems: &mut Vec<String>) {
        if !self.values.is_empty() {
            if !self.values.iter().any(|value| value == text) {
                let rule = format!("Member must satisfy enum value set: [{}]", self.values.join(", "));
                problems.push(self.problem(text, path, &rule));
            }
            return;
        }
        self.size(text.chars().count(), path, || text.to_owned(), problems);
        if let (Some(pattern), Some(regex)) = (&self.pattern, self.regex())
            && !regex.is_match(text)
        {
            let stated = self.stated.as_ref().unwrap_or(pattern);
            let rule = format!("Member must satisfy regular expression pattern: {stated}");
            problems.push(self.problem(text, path, &rule));
        }
    }

    fn number(&self, value: &Value, path: &str, problems: &mut Vec<String>) {
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let Some(number) = number else { return };
        let mut say = |rule: String| problems.push(self.problem(&plain(value), path, &rule));
        if self.min.is_some_and(|min| number < min) {
            say(format!("Member must have value greater than or equal to {}", self.min.unwrap_or_default()));
        }
        if self.max.is_some_and(|max| number > max) {
            say(format!("Member must have value less than or equal to {}", self.max.unwrap_or_default()));
        }
    }

    fn problem(&self, value: &str, path: &str, rule: &str) -> String {
        let quoted = (!self.sensitive).then(|| format!("'{value}'"));
        problem(quoted.as_deref(), path, rule)
    }

    /// The pattern, which must match the whole text; compiled once.
    fn regex(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?s:{})$", self.pattern.as_ref()?)).ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// A sentence of AWS's front end; nothing = the value is secret.
fn problem(value: Option<&str>, path: &str, rule: &str) -> String {
    let value = value.map(|text| format!(" {text}")).unwrap_or_default();
    format!("Value{value} at '{path}' failed to satisfy constraint: {rule}")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// AWS's front end names members as its own code does: `SubnetIds` is `subnetIds`.
fn lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list as JSON has it, or as a form has it: `1`, `2`, … perhaps under `member`; an empty text is an empty list.
fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(map) => {
            let map = map.get("member").and_then(Value::as_object).filter(|_| map.len() == 1).unwrap_or(map);
            let mut items: Vec<_> = map.iter().collect();
            items.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
            items.into_iter().map(|(_, item)| item).collect()
        }
        scalar => vec![scalar],
    }
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
