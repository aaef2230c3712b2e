//! The JSON Schema of blueprint and module files, for editors: every typed field is `T or expression`.

use serde_json::{Map, Value as Json, json};

use super::Dialect;
use super::keys::{self, KeyDoc};
use crate::expression::Type;

/// JSON Schema of blueprint files, from the table of keys and the kinds of a dialect.
#[must_use]
pub fn blueprint_schema(dialect: &Dialect) -> Json {
    let mut definitions = Map::new();
    definitions.insert(
        "expression".into(),
        json!({ "type": "string", "pattern": r"\$\{", "description": "An expression: ${…}" }),
    );
    definitions.insert("variable".into(), table(keys::VARIABLE));
    definitions.insert("output".into(), table(keys::OUTPUT));
    let mut branches = Vec::new();
    for (name, kind) in &dialect.kinds {
        let mut body = match schema_of(&kind.fields, 0) {
            Json::Object(o) => o,
            _ => Map::new(),
        };
        let mut properties = match body.remove("properties") {
            Some(Json::Object(p)) => p,
            _ => Map::new(),
        };
        properties.extend(common());
        properties.insert("kind".into(), json!({ "const": name }));
        // What exists needs none of the fields.
        let required = body.remove("required");
        let mut schema = json!({
            "type": "object", "description": kind.doc, "properties": properties, "required": ["kind"],
            "additionalProperties": false,
        });
        if let (Some(required), Some(o)) = (required, schema.as_object_mut()) {
            o.insert("if".into(), json!({ "not": { "required": ["existing"] } }));
            o.insert("then".into(), json!({ "required": required }));
        }
        let id = format!("kind-{name}");
        branches.push(json!({
            "if": { "required": ["kind"], "properties": { "kind": { "const": name } } },
            "then": { "$ref": format!("#/$defs/{id}") },
        }));
        definitions.insert(id, schema);
    }
    let modules: Vec<&str> = dialect.modules.iter().map(|(n, _)| *n).filter(|n| !n.contains('/')).collect();
    definitions.insert(
        "resource".into(),
        json!({
            "type": "object",
            "properties": {
                "kind": { "enum": dialect.kinds.keys().collect::<Vec<_>>(), "description": "The kind of AWS resource" },
                "use": { "type": "string", "examples": modules, "description": "The module to use" },
            },
            "oneOf": [{ "required": ["kind"] }, { "required": ["use"] }],
            "allOf": branches,
        }),
    );
    let mut schema = table(keys::TOP_LEVEL);
    if let Some(o) = schema.as_object_mut() {
        o.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        o.insert("title".into(), json!("dlinfra blueprint"));
        o.insert("$defs".into(), Json::Object(definitions));
    }
    schema
}

fn common() -> Map<String, Json> {
    keys::RESOURCE
        .iter()
        .filter(|k| !matches!(k.name, "kind" | "use"))
        .map(|k| (k.name.to_string(), holds(k)))
        .collect()
}

fn table(rows: &[KeyDoc]) -> Json {
    let properties: Map<String, Json> = rows.iter().map(|k| (k.name.to_string(), holds(k))).collect();
    let required: Vec<&str> = rows.iter().filter(|k| k.required).map(|k| k.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn holds(k: &KeyDoc) -> Json {
    let allow = json!({
        "type": "object", "properties": { "rule": { "type": "string", "pattern": "^DL[0-9]{4}$" }, "reason": { "type": "string" } },
        "required": ["rule", "reason"], "additionalProperties": false,
    });
    let text = json!({ "type": "string" });
    let mut schema = match k.holds {
        "name" => json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$" }),
        "type" | "kind" | "module" => text,
        "variables" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/variable" } }),
        "locals" => json!({ "type": "object" }),
        "resources" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/resource" } }),
        "outputs" => json!({ "type": "object", "additionalProperties": true }),
        "allow" => json!({ "type": "array", "items": allow }),
        "policies" => json!({ "type": "array", "items": { "anyOf": [
            {
                "type": "object", "additionalProperties": false, "required": ["rule", "message"],
                "properties": {
                    "rule": { "type": "string", "description": "An expression over the plan that is true when the plan is allowed" },
                    "message": { "type": "string", "description": "What is wrong, and what to do instead" },
                },
            },
            {
                "type": "object", "additionalProperties": false, "required": ["from"],
                "properties": { "from": { "type": "string", "description": "A file with a list of such rules, relative to this one" } },
            },
        ] } }),
        "moved" => json!({ "anyOf": [text, { "type": "array" }] }),
        "protect" => json!({ "enum": ["never", "data", "off"] }),
        "existing" => json!({ "anyOf": [
            text,
            { "type": "object", "properties": { "name": text }, "required": ["name"], "additionalProperties": false },
            { "type": "object", "properties": { "tags": { "type": "object" } }, "required": ["tags"], "additionalProperties": false },
        ] }),
        "idle" => json!({
            "type": "object", "additionalProperties": false, "properties": {
                "gpu_below": {
                    "type": ["string", "integer"], "default": "5%",
                    "description": "Each GPU is used for less than this part of the time: 1% to 100%",
                },
                "for": schema_of(&Type::Duration, 1),
            },
        }),
        "budget" => {
            let money = schema_of(&Type::Money, 1);
            json!({
                "type": "object", "properties": { "hourly": money, "run": money, "monthly": money }, "additionalProperties": false,
            })
        }
        typed => typed.parse::<Type>().map_or(json!({}), |t| schema_of(&t, 1)),
    };
    if let Some(o) = schema.as_object_mut() {
        o.insert("description".into(), json!(k.doc));
    }
    schema
}

/// `T or expression`; the top of a kind is never an expression.
fn schema_of(t: &Type, depth: usize) -> Json {
    let expression = json!({ "$ref": "#/$defs/expression" });
    let or = |schema: Json| if depth == 0 { schema } else { json!({ "anyOf": [schema, expression] }) };
    let text = |pattern: &str| or(json!({ "type": "string", "pattern": pattern, "examples": [t.example()] }));
    match t {
        // Any scalar is text where text is wanted: `2.10` and `012345678901` stay what they are.
        Type::String | Type::Script => json!({ "type": ["string", "number", "boolean"] }),
        Type::Int => or(json!({ "type": "integer" })),
        Type::Number => or(json!({ "type": "number" })),
        Type::Bool => or(json!({ "type": "boolean" })),
        Type::Size => text("^[0-9]+ ?(B|KiB|MiB|GiB|TiB|PiB)$"),
        Type::Throughput => text("^[0-9]+ ?MB/s/TiB$"),
        Type::Bandwidth => text("^[0-9]+ ?(MiB|GiB)/s$"),
        Type::Duration => text("^([0-9]+[dhms])+$"),
        Type::Money => text("^[0-9.]+ ?USD(/(h|hour|d|day|month))?$"),
        Type::Cidr => text("^[0-9.]+/[0-9]+$"),
        Type::Ref(kind) => json!({
            "type": "string", "description": match kind {
                Some(kind) => format!("${{name}} of a resource of kind {kind}, or an id"),
                None => "${name} of a resource, or an id".to_string(),
            },
        }),
        Type::List(item) => or(json!({ "type": "array", "items": schema_of(item, depth + 1) })),
        Type::Map(item) => or(json!({ "type": "object", "additionalProperties": schema_of(item, depth + 1) })),
        Type::Object(o) => {
            let properties: Map<String, Json> = o
                .fields
                .iter()
                .map(|(name, f)| {
                    let mut schema = schema_of(&f.r#type, depth + 1);
                    if let Some(o) = schema.as_object_mut() {
                        if !f.doc.is_empty() {
                            o.insert("description".into(), json!(f.doc));
                        }
                        if let Some(default) = &f.default {
                            o.insert("default".into(), default.clone());
                        }
                        if f.deprecated.is_some() {
                            o.insert("deprecated".into(), json!(true));
                        }
                    }
                    (name.clone(), schema)
                })
                .collect();
            let required: Vec<&str> = o.fields.iter().filter(|(_, f)| f.required).map(|(n, _)| n.as_str()).collect();
            let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            if let (false, Some(s)) = (required.is_empty(), schema.as_object_mut()) {
                s.insert("required".into(), json!(required));
            }
            or(schema)
        }
        Type::OneOf(all) => or(json!({ "enum": &**all })),
        Type::AnyOf(all) => json!({ "anyOf": all.iter().map(|t| schema_of(t, depth + 1)).collect::<Vec<_>>() }),
        Type::Bounded(inner, bounds) => {
            let number = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<serde_json::Number>().ok());
            match **inner {
                Type::Int | Type::Number => {
                    let mut schema = json!({ "type": if matches!(**inner, Type::Int) { "integer" } else { "number" } });
                    if let Some(o) = schema.as_object_mut() {
                        o.extend(number(&bounds.min).map(|n| ("minimum".to_string(), Json::Number(n))));
                        o.extend(number(&bounds.max).map(|n| ("maximum".to_string(), Json::Number(n))));
                    }
                    or(schema)
                }
                _ => schema_of(inner, depth),
            }
        }
        Type::Known(inner) => schema_of(inner, depth),
        Type::Secret => json!({ "anyOf": [
            { "type": "object", "properties": { "secret": { "type": "string" } }, "required": ["secret"], "additionalProperties": false },
            { "type": "object", "properties": { "parameter": { "type": "string" } }, "required": ["parameter"], "additionalProperties": false },
            expression,
        ] }),
        Type::Any => json!({}),
    }
}
