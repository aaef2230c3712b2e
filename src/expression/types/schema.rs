//! Types from the JSON Schema that schemars derives for the structs of resource kinds.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::{Field, ObjectType, Type, int_bounds};

/// A schema that refers to itself becomes untyped at this depth.
const MAX_DEPTH: usize = 24;

impl Type {
    /// The type that a JSON Schema describes; what the language has no word for is `any`.
    #[must_use]
    pub fn from_schema(schema: &Json) -> Type {
        let empty = Map::new();
        let definitions = schema.get("$defs").and_then(Json::as_object).unwrap_or(&empty);
        match (Reader { definitions }).read(schema, 0) {
            Type::Known(inner) => (*inner).clone(),
            other => other,
        }
    }
}

struct Reader<'a> {
    definitions: &'a Map<String, Json>,
}

impl<'a> Reader<'a> {
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let mut current = schema;
        for _ in 0..MAX_DEPTH {
            let Some(name) = current.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/$defs/")) else {
                break;
            };
            match self.definitions.get(name) {
                Some(next) => current = next,
                None => break,
            }
        }
        current
    }

    /// A field of the type `Field<T>` says `x-deferred`; every other one must be known before apply.
    fn read(&self, schema: &'a Json, depth: usize) -> Type {
        let deferred = |s: &Json| s.get("x-deferred").and_then(Json::as_bool) == Some(true);
        let deferred = deferred(schema) || deferred(self.resolve(schema));
        match self.read_plain(schema, depth) {
            known @ Type::Known(_) if !deferred => known,
            Type::Known(inner) => (*inner).clone(),
            Type::AnyOf(all) if deferred => Type::AnyOf(all.iter().map(|t| t.unknowable().clone()).collect()),
            plain @ (Type::Any | Type::Secret | Type::Script | Type::AnyOf(_)) => plain,
            plain if deferred => plain,
            plain => Type::Known(Arc::new(plain)),
        }
    }

    fn read_plain(&self, schema: &'a Json, depth: usize) -> Type {
        if depth > MAX_DEPTH {
            return Type::Any;
        }
        if let Some(named) = extension(schema) {
            return named;
        }
        let schema = self.resolve(schema);
        if let Some(named) = extension(schema) {
            return named;
        }
        if let Some(all) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array) {
            return self.alternatives(all, depth);
        }
        if let Some([one]) = schema.get("allOf").and_then(Json::as_array).map(Vec::as_slice) {
            return self.read(one, depth + 1);
        }
        if let Some(texts) = texts(schema) {
            return Type::OneOf(texts.into());
        }
        match type_name(schema) {
            Some("string") => Type::String,
            Some("boolean") => Type::Bool,
            Some("integer") => number(Type::Int, schema),
            Some("number") => number(Type::Number, schema),
            Some("array") => Type::list(schema.get("items").map_or(Type::Any, |i| self.read(i, depth + 1))),
            Some("object") => self.object(schema, depth),
            _ if schema.get("properties").is_some() => self.object(schema, depth),
            _ => Type::Any,
        }
    }

    fn alternatives(&self, all: &'a [Json], depth: usize) -> Type {
        let mut options: Vec<Type> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for one in all.iter().filter(|s| s.get("type").and_then(Json::as_str) != Some("null")) {
            match self.read(one, depth + 1) {
                t if matches!(t.unknowable(), Type::OneOf(_)) => {
                    if let Type::OneOf(texts) = t.unknowable() {
                        words.extend(texts.iter().cloned());
                    }
                }
                other => options.push(other),
            }
        }
        if !words.is_empty() {
            options.insert(0, Type::OneOf(words.into()));
        }
        match options.len() {
            0 => Type::Any,
            1 => options.remove(0),
            _ => Type::AnyOf(options.into()),
        }
    }

    fn object(&self, schema: &'a Json, depth: usize) -> Type {
        let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
            return match schema.get("additionalProperties") {
                Some(item @ Json::Object(_)) => Type::map(self.read(item, depth + 1)),
                Some(Json::Bool(false)) => Type::Object(Arc::default()),
                _ => Type::map(Type::Any),
            };
        };
        let required: Vec<&str> =
            schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let fields: BTreeMap<String, Field> = properties
            .iter()
            .map(|(name, property)| (name.clone(), self.field(property, required.contains(&name.as_str()), depth)))
            .collect();
        Type::Object(Arc::new(ObjectType { fields }))
    }

    fn field(&self, property: &'a Json, required: bool, depth: usize) -> Field {
        let resolved = self.resolve(property);
        let find = |key: &str| property.get(key).or_else(|| resolved.get(key));
        let default = property.get("default").filter(|d| !d.is_null()).cloned();
        Field {
            r#type: self.read(property, depth + 1),
            required: required && default.is_none(),
            default,
            doc: find("description").and_then(Json::as_str).unwrap_or_default().to_string(),
            deprecated: match find("deprecated") {
                Some(Json::Bool(true)) => Some(String::new()),
                Some(Json::String(why)) => Some(why.clone()),
                _ => None,
            },
        }
    }
}

/// What the key `x-dlinfra` names.
fn extension(schema: &Json) -> Option<Type> {
    match schema.get("x-dlinfra")? {
        Json::String(name) => Some(match name.as_str() {
            "size" => Type::Size,
            "throughput" => Type::Throughput,
            "bandwidth" => Type::Bandwidth,
            "duration" => Type::Duration,
            "money" => Type::Money,
            "cidr" => Type::Cidr,
            "script" => Type::Script,
            "secret" => Type::Secret,
            "any" => Type::Any,
            _ => return None,
        }),
        Json::Object(o) => match o.get("ref")? {
            Json::String(kind) if !kind.is_empty() && kind != "*" => Some(Type::reference(kind)),
            _ => Some(Type::Ref(None)),
        },
        _ => None,
    }
}

fn type_name(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|n| *n != "null"),
        _ => None,
    }
}

fn texts(schema: &Json) -> Option<Vec<String>> {
    if let Some(one) = schema.get("const").and_then(Json::as_str) {
        return Some(vec![one.to_string()]);
    }
    let all = schema.get("enum")?.as_array()?;
    let texts: Vec<String> = all.iter().filter_map(Json::as_str).map(str::to_string).collect();
    (!texts.is_empty()).then_some(texts)
}

fn number(base: Type, schema: &Json) -> Type {
    let bound = |key: &str| schema.get(key).and_then(|v| Decimal::from_str(&v.to_string()).ok());
    let (mut min, mut max) = (bound("minimum"), bound("maximum"));
    // schemars writes bounds for the small unsigned types only; the others follow from the format.
    let (low, high): (Option<i128>, Option<i128>) = match schema.get("format").and_then(Json::as_str) {
        Some("uint8") => (Some(0), Some(u8::MAX.into())),
        Some("uint16") => (Some(0), Some(u16::MAX.into())),
        Some("uint32") => (Some(0), Some(u32::MAX.into())),
        // Whole numbers are 64 bits wide everywhere; a bound that says so helps nobody.
        Some("uint64" | "uint") => (Some(0), None),
        Some("int8") => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        Some("int16") => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        Some("int32") => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        _ => (None, None),
    };
    let decimal = |n: i128| Decimal::try_from_i128_with_scale(n, 0).ok();
    min = min.or_else(|| low.and_then(decimal));
    max = max.or_else(|| high.and_then(decimal));
    if min.is_none() && max.is_none() { base } else { Type::Bounded(Arc::new(base), int_bounds(min, max)) }
}
