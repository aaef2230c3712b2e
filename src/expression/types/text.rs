//! Types as authors write them in modules: `list(object({name = string, size = optional(size)}))`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::{Field, ObjectType, Type};

/// Deeper types are a mistake.
const MAX_DEPTH: usize = 16;

/// Why a text is not a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(pub String);

impl FromStr for Type {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        let mut parser = TypeParser { rest: text };
        let parsed = parser.parse(0)?;
        parser.space();
        if parser.rest.is_empty() {
            Ok(parsed)
        } else {
            Err(TypeError(format!("`{}` follows a complete type", parser.rest)))
        }
    }
}

struct TypeParser<'a> {
    rest: &'a str,
}

const NAMES: [&str; 17] = [
    "string",
    "int",
    "number",
    "bool",
    "size",
    "throughput",
    "bandwidth",
    "duration",
    "money",
    "cidr",
    "ref",
    "list",
    "map",
    "object",
    "secret",
    "script",
    "any",
];

impl<'a> TypeParser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: char) -> Result<(), TypeError> {
        if self.eat(token) {
            return Ok(());
        }
        let found = if self.rest.is_empty() { "the end".to_string() } else { format!("`{}`", self.rest) };
        Err(TypeError(format!("`{token}` is expected before {found}")))
    }

    fn word(&mut self) -> &'a str {
        self.space();
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn parse(&mut self, depth: usize) -> Result<Type, TypeError> {
        if depth > MAX_DEPTH {
            return Err(TypeError(format!("a type nests at most {MAX_DEPTH} deep")));
        }
        let word = self.word();
        Ok(match word {
            "string" => Type::String,
            "int" => Type::Int,
            "number" => Type::Number,
            "bool" => Type::Bool,
            "size" => Type::Size,
            "throughput" => Type::Throughput,
            "bandwidth" => Type::Bandwidth,
            "duration" => Type::Duration,
            "money" => Type::Money,
            "cidr" => Type::Cidr,
            "secret" => Type::Secret,
            "script" => Type::Script,
            "any" => Type::Any,
            "ref" => {
                if !self.eat('(') {
                    return Ok(Type::Ref(None));
                }
                let kind = self.word().to_string();
                self.expect(')')?;
                if kind.is_empty() { Type::Ref(None) } else { Type::reference(&kind) }
            }
            "list" | "map" => {
                self.expect('(')?;
                let item = Arc::new(self.parse(depth + 1)?);
                self.expect(')')?;
                if word == "list" { Type::List(item) } else { Type::Map(item) }
            }
            "object" => {
                self.expect('(')?;
                self.expect('{')?;
                let fields = self.fields(depth)?;
                self.expect(')')?;
                Type::Object(Arc::new(ObjectType { fields }))
            }
            "" => return Err(TypeError("a type is missing".to_string())),
            other => {
                let hint = match crate::diagnostic::did_you_mean(other, NAMES) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("types are {}", NAMES.join(", ")),
                };
                return Err(TypeError(format!("there is no type `{other}`; {hint}")));
            }
        })
    }

    fn fields(&mut self, depth: usize) -> Result<BTreeMap<String, Field>, TypeError> {
        let mut fields = BTreeMap::new();
        while !self.eat('}') {
            let name = self.word().to_string();
            if name.is_empty() {
                return Err(TypeError("an object is written `object({name = string})`".to_string()));
            }
            if !self.eat('=') {
                self.expect(':')?;
            }
            self.space();
            let optional = self.rest.strip_prefix("optional").is_some_and(|r| r.trim_start().starts_with('('));
            let r#type = if optional {
                self.word();
                self.expect('(')?;
                let inner = self.parse(depth + 1)?;
                self.expect(')')?;
                inner
            } else {
                self.parse(depth + 1)?
            };
            if fields.insert(name.clone(), Field::new(r#type, !optional, "")).is_some() {
                return Err(TypeError(format!("`{name}` is written twice")));
            }
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(fields)
    }
}
