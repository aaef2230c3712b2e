//! Values: known ones with their type, pointers to resources, and typed unknowns.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value as Json;

use super::residual::{Residual, ResidualKind};
use crate::diagnostic::Label;
use crate::expression::types::Type;
use crate::units::{Bandwidth, Money, PerTib, Size, Span};

/// Larger values are a mistake or an attack; sharing would otherwise let ten lines make a terabyte.
pub(crate) const MAX_WEIGHT: u64 = 1_000_000;
/// Deeper values would overflow the stack of whatever walks them.
pub(crate) const MAX_DEPTH: u16 = 64;
/// The longest text that an expression makes.
pub(crate) const MAX_TEXT: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null(Null),
    Bool(bool),
    Number(Decimal),
    String(Rc<str>),
    Unit(Unit),
    List(Rc<List>),
    Map(Rc<Map>),
    /// A resource.
    Ref(Rc<RefValue>),
    /// A literal id where a reference is wanted.
    Id(Rc<str>),
    /// A module's outputs, computed when asked for.
    Module(Rc<ModuleValue>),
    /// A pointer to a secret (`{"$secret": …}`).
    Secret(Rc<Json>),
    /// A script with its digest and text.
    Script(Rc<Json>),
    Unknown(Rc<Unknown>),
}

/// Why a value is null.
#[derive(Clone, Debug)]
pub(crate) enum Null {
    /// The author wrote `null` in YAML.
    Written,
    /// An expression made it.
    Expression,
    /// It comes from somewhere that messages should name.
    From(Rc<Origin>),
}

/// Where a null comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) label: Label,
    /// What gives it a value.
    pub(crate) help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum Unit {
    Size(Size),
    Throughput(PerTib),
    Bandwidth(Bandwidth),
    Duration(Span),
    Money(Money),
}

/// A resource as a value.
#[derive(Debug)]
pub(crate) struct RefValue {
    pub(crate) address: Rc<str>,
    pub(crate) kind: Rc<str>,
}

/// One instance of a module as a value.
#[derive(Debug)]
pub(crate) struct ModuleValue {
    pub(crate) scope: usize,
    pub(crate) address: Rc<str>,
}

/// A leaf that AWS will know.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) r#type: Type,
    pub(crate) residual: Rc<Residual>,
}

/// A list with its total size, so that sharing cannot hide it.
#[derive(Debug)]
pub(crate) struct List {
    items: Vec<Value>,
    weight: u64,
    depth: u16,
}

/// A mapping in the order of its keys.
#[derive(Debug)]
pub(crate) struct Map {
    entries: BTreeMap<Key, Value>,
    weight: u64,
    depth: u16,
}

/// A key: whole numbers come first, in their own order, so that `worker[9]` stands before `worker[10]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) Rc<str>);

impl Key {
    pub(crate) fn new(text: &str) -> Key {
        Key(text.into())
    }

    fn number(&self) -> Option<u64> {
        let canonical = self.0.len() < 19 && (&*self.0 == "0" || !self.0.starts_with('0'));
        if canonical && self.0.bytes().all(|b| b.is_ascii_digit()) { self.0.parse().ok() } else { None }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.0.cmp(&other.0),
        }
    }
}

/// A value that would be too large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

impl List {
    pub(crate) fn items(&self) -> &[Value] {
        &self.items
    }
}

impl Map {
    pub(crate) fn entries(&self) -> &BTreeMap<Key, Value> {
        &self.entries
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(&Key::new(key))
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    pub(crate) fn int(n: impl Into<i64>) -> Value {
        Value::Number(Decimal::from(n.into()))
    }

    pub(crate) fn list(items: Vec<Value>) -> Result<Value, TooLarge> {
        let (weight, depth) = measure(items.iter())?;
        Ok(Value::List(Rc::new(List { items, weight, depth })))
    }

    pub(crate) fn map(entries: BTreeMap<Key, Value>) -> Result<Value, TooLarge> {
        let (weight, depth) = measure(entries.values())?;
        Ok(Value::Map(Rc::new(Map { entries, weight, depth })))
    }

    pub(crate) fn unknown(r#type: Type, residual: Rc<Residual>) -> Value {
        Value::Unknown(Rc::new(Unknown { r#type, residual }))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null(_))
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Value::List(l) => l.weight,
            Value::Map(m) => m.weight,
            Value::String(s) => 1 + s.len() as u64 / 64,
            Value::Unknown(u) => u.residual.size(),
            _ => 1,
        }
    }

    /// Whether others hold the same value.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Value::List(l) => Rc::strong_count(l) > 1,
            Value::Map(m) => Rc::strong_count(m) > 1,
            Value::String(s) => Rc::strong_count(s) > 1,
            _ => false,
        }
    }

    fn depth(&self) -> u16 {
        match self {
            Value::List(l) => l.depth,
            Value::Map(m) => m.depth,
            _ => 0,
        }
    }

    /// Whether a part of it is not known yet.
    pub(crate) fn has_unknown(&self) -> bool {
        match self {
            Value::Unknown(_) => true,
            Value::List(l) => l.items.iter().any(Value::has_unknown),
            Value::Map(m) => m.entries.values().any(Value::has_unknown),
            _ => false,
        }
    }

    /// What people call the type of this value.
    pub(crate) fn noun(&self) -> String {
        match self {
            Value::Null(_) => "null".to_string(),
            Value::Bool(_) => "a bool".to_string(),
            Value::Number(_) => "a number".to_string(),
            Value::String(_) => "text".to_string(),
            Value::Unit(u) => u.r#type().noun(),
            Value::List(_) => "a list".to_string(),
            Value::Map(_) => "a mapping".to_string(),
            Value::Ref(r) => format!("the {} `{}`", r.kind, r.address),
            Value::Id(id) => format!("the id `{id}`"),
            Value::Module(m) => format!("the module `{}`", m.address),
            Value::Secret(_) => "a pointer to a secret".to_string(),
            Value::Script(_) => "a script".to_string(),
            Value::Unknown(u) => format!("{} that is not known yet", u.r#type.noun()),
        }
    }

    /// The type, as far as a value tells it.
    pub(crate) fn r#type(&self) -> Type {
        match self {
            Value::Null(_) | Value::Module(_) => Type::Any,
            Value::Bool(_) => Type::Bool,
            Value::Number(n) if n.is_integer() => Type::Int,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::String,
            Value::Unit(u) => u.r#type(),
            Value::List(l) => Type::list(common(l.items.iter())),
            Value::Map(m) => Type::map(common(m.entries.values())),
            Value::Ref(r) => Type::reference(&r.kind),
            Value::Id(_) => Type::Ref(None),
            Value::Secret(_) => Type::Secret,
            Value::Script(_) => Type::Script,
            Value::Unknown(u) => u.r#type.clone(),
        }
    }

    /// As text inside of text; nothing for what has no text.
    pub(crate) fn to_text(&self) -> Option<Rc<str>> {
        Some(match self {
            Value::String(s) | Value::Id(s) => s.clone(),
            Value::Bool(b) => if *b { "true" } else { "false" }.into(),
            Value::Number(n) => n.normalize().to_string().into(),
            Value::Unit(u) => u.to_string().into(),
            _ => return None,
        })
    }

    /// A whole number in the range of `i64`.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Value::Number(n) if n.is_integer() => n.to_i64(),
            _ => None,
        }
    }

    /// Canonical JSON. Nulls in lists and mappings are dropped, except those that the author wrote.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Value::Null(_) => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Number(n) => number_to_json(*n),
            Value::String(s) => Json::String(s.to_string()),
            Value::Unit(u) => Json::String(u.to_string()),
            Value::List(l) => Json::Array(l.items.iter().filter(|v| !v.is_null()).map(Value::to_json).collect()),
            Value::Map(m) => Json::Object(
                m.entries
                    .iter()
                    .filter(|(_, v)| !matches!(v, Value::Null(Null::Expression | Null::From(_))))
                    .map(|(k, v)| (k.0.to_string(), v.to_json()))
                    .collect(),
            ),
            Value::Ref(r) => serde_json::json!({ "$ref": &*r.address }),
            Value::Id(id) => serde_json::json!({ "$id": &**id }),
            Value::Module(_) => Json::Null,
            Value::Secret(json) | Value::Script(json) => (**json).clone(),
            Value::Unknown(u) => u.to_json(),
        }
    }

    /// What comes back from JSON: plain data, no pointers.
    pub(crate) fn from_json(json: &Json) -> Result<Value, TooLarge> {
        Self::from_json_at(json, 0)
    }

    fn from_json_at(json: &Json, depth: u16) -> Result<Value, TooLarge> {
        if depth > MAX_DEPTH {
            return Err(TooLarge);
        }
        Ok(match json {
            Json::Null => Value::Null(Null::Expression),
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => {
                let text = n.to_string();
                let number = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
                Value::Number(number.map_err(|_| TooLarge)?.normalize())
            }
            Json::String(s) => Value::text(s),
            Json::Array(items) => {
                Value::list(items.iter().map(|i| Self::from_json_at(i, depth + 1)).collect::<Result<_, _>>()?)?
            }
            Json::Object(entries) => Value::map(
                entries
                    .iter()
                    .map(|(k, v)| Ok((Key::new(k), Self::from_json_at(v, depth + 1)?)))
                    .collect::<Result<_, TooLarge>>()?,
            )?,
        })
    }
}

impl Unknown {
    /// A bare attribute is a pointer; anything else is an expression that is computed later.
    pub(crate) fn to_json(&self) -> Json {
        match &self.residual.kind {
            ResidualKind::Attr { address, attr, .. } => serde_json::json!({ "$ref": &**address, "attr": &**attr }),
            _ => serde_json::json!({
                "$expr": self.residual.to_json(), "type": self.r#type.to_string(), "text": self.residual.to_text(),
            }),
        }
    }
}

fn measure<'a>(all: impl Iterator<Item = &'a Value>) -> Result<(u64, u16), TooLarge> {
    let (mut weight, mut depth) = (1_u64, 0_u16);
    for v in all {
        weight = weight.saturating_add(v.weight());
        depth = depth.max(v.depth());
    }
    if weight > MAX_WEIGHT || depth >= MAX_DEPTH { Err(TooLarge) } else { Ok((weight, depth + 1)) }
}

fn common<'a>(mut all: impl Iterator<Item = &'a Value>) -> Type {
    let Some(first) = all.next() else { return Type::Any };
    let first = first.r#type();
    if all.all(|v| v.r#type() == first) { first } else { Type::Any }
}

/// Whole numbers stay whole; others become the nearest JSON number.
pub(crate) fn number_to_json(n: Decimal) -> Json {
    if n.is_integer() {
        if let Some(i) = n.to_i64() {
            return Json::from(i);
        }
        if let Some(u) = n.to_u64() {
            return Json::from(u);
        }
    }
    n.normalize()
        .to_string()
        .parse::<f64>()
        .ok()
        .and_then(serde_json::Number::from_f64)
        .map_or(Json::Null, Json::Number)
}

impl Unit {
    pub(crate) fn r#type(self) -> Type {
        match self {
            Unit::Size(_) => Type::Size,
            Unit::Throughput(_) => Type::Throughput,
            Unit::Bandwidth(_) => Type::Bandwidth,
            Unit::Duration(_) => Type::Duration,
            Unit::Money(_) => Type::Money,
        }
    }

    /// The function that makes this unit from text.
    pub(crate) fn function(r#type: &Type) -> Option<&'static str> {
        Some(match r#type.unbounded() {
            Type::Size => "size",
            Type::Throughput => "throughput",
            Type::Bandwidth => "bandwidth",
            Type::Duration => "duration",
            Type::Money => "money",
            _ => return None,
        })
    }

    /// Reads the text form of a unit type.
    pub(crate) fn parse(r#type: &Type, text: &str) -> Option<Result<Unit, crate::units::UnitError>> {
        Some(match r#type.unbounded() {
            Type::Size => text.parse().map(Unit::Size),
            Type::Throughput => text.parse().map(Unit::Throughput),
            Type::Bandwidth => text.parse().map(Unit::Bandwidth),
            Type::Duration => text.parse().map(Unit::Duration),
            Type::Money => text.parse().map(Unit::Money),
            _ => return None,
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Size(v) => v.fmt(f),
            Unit::Throughput(v) => v.fmt(f),
            Unit::Bandwidth(v) => v.fmt(f),
            Unit::Duration(v) => v.fmt(f),
            Unit::Money(v) => v.fmt(f),
        }
    }
}
