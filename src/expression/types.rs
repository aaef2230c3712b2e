//! The types of the language: what a field, an input or an output may hold.

mod schema;
mod text;

pub use text::TypeError;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value as Json;

/// A type. Its text (`list(string)`) is what authors write in modules and what messages show.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Text, as it was written.
    String,
    /// A whole number.
    Int,
    /// A decimal number, exact.
    Number,
    /// `true` or `false`.
    Bool,
    /// `9600 GiB`
    Size,
    /// `500 MB/s/TiB`
    Throughput,
    /// `125 MiB/s`
    Bandwidth,
    /// `72h`
    Duration,
    /// `60 USD/h`
    Money,
    /// `10.20.0.0/16`
    Cidr,
    /// A pointer to a resource of a kind; `None` takes any kind.
    Ref(Option<Arc<str>>),
    /// A list.
    List(Arc<Type>),
    /// A mapping whose keys the author chooses.
    Map(Arc<Type>),
    /// A mapping with known keys.
    Object(Arc<ObjectType>),
    /// One of some texts.
    OneOf(Arc<[String]>),
    /// The first of several types that fits the shape of the value.
    AnyOf(Arc<[Type]>),
    /// A type with a smallest and a largest value.
    Bounded(Arc<Type>, Bounds),
    /// A type whose value must be known before apply: the field has no room for a value that AWS decides later.
    Known(Arc<Type>),
    /// A script that is shipped byte for byte: the name of a file.
    Script,
    /// A pointer to a secret, never its value.
    Secret,
    /// Anything: untyped YAML.
    Any,
}

/// The smallest and the largest value, as texts of the type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest value.
    pub min: Option<String>,
    /// The largest value.
    pub max: Option<String>,
}

/// The keys of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectType {
    /// By name.
    pub fields: BTreeMap<String, Field>,
}

/// One key of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it holds.
    pub r#type: Type,
    /// Whether it must be there.
    pub required: bool,
    /// What holds when it is not there.
    pub default: Option<Json>,
    /// One line for people.
    pub doc: String,
    /// Why not to use it any more.
    pub deprecated: Option<String>,
}

impl Field {
    /// A field without a default.
    #[must_use]
    pub fn new(r#type: Type, required: bool, doc: impl Into<String>) -> Self {
        Field { r#type, required, default: None, doc: doc.into(), deprecated: None }
    }
}

impl Type {
    /// `list(T)`
    #[must_use]
    pub fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    /// `map(T)`
    #[must_use]
    pub fn map(item: Type) -> Type {
        Type::Map(Arc::new(item))
    }

    /// `ref(kind)`
    #[must_use]
    pub fn reference(kind: &str) -> Type {
        Type::Ref(Some(kind.into()))
    }

    /// An object from its fields.
    #[must_use]
    pub fn object(fields: impl IntoIterator<Item = (String, Field)>) -> Type {
        Type::Object(Arc::new(ObjectType { fields: fields.into_iter().collect() }))
    }

    /// The type without bounds and without the wish to be known.
    #[must_use]
    pub fn unbounded(&self) -> &Type {
        let mut t = self;
        while let Type::Bounded(inner, _) | Type::Known(inner) = t {
            t = inner;
        }
        t
    }

    /// The type with room for values that are not known yet.
    #[must_use]
    pub(crate) fn unknowable(&self) -> &Type {
        let mut t = self;
        while let Type::Known(inner) = t {
            t = inner;
        }
        t
    }

    /// Whether values are one of the unit types.
    #[must_use]
    pub fn is_unit(&self) -> bool {
        matches!(self.unbounded(), Type::Size | Type::Throughput | Type::Bandwidth | Type::Duration | Type::Money)
    }

    /// With an article, for messages: `a size`, `a list of string`.
    #[must_use]
    pub fn noun(&self) -> String {
        match self {
            Type::String => "text".to_string(),
            Type::Int => "a whole number".to_string(),
            Type::Number => "a number".to_string(),
            Type::Bool => "`true` or `false`".to_string(),
            Type::Size => "a size".to_string(),
            Type::Throughput => "a throughput per TiB".to_string(),
            Type::Bandwidth => "a bandwidth".to_string(),
            Type::Duration => "a duration".to_string(),
            Type::Money => "an amount of money".to_string(),
            Type::Cidr => "an IPv4 range".to_string(),
            Type::Ref(Some(kind)) => format!("a reference to a resource of kind `{kind}`"),
            Type::Ref(None) => "a reference to a resource".to_string(),
            // Their keys are a page of their own.
            Type::List(item) if matches!(item.unbounded(), Type::Object(_)) => "a list of mappings".to_string(),
            Type::Map(item) if matches!(item.unbounded(), Type::Object(_)) => "a mapping to mappings".to_string(),
            Type::List(item) => format!("a list of {item}"),
            Type::Map(item) => format!("a mapping to {item}"),
            Type::Object(_) => "a mapping".to_string(),
            Type::OneOf(_) => self.to_string(),
            Type::AnyOf(all) => all.iter().map(Type::noun).collect::<Vec<_>>().join(" or "),
            Type::Bounded(inner, bounds) => match (&bounds.min, &bounds.max) {
                (Some(min), Some(max)) => format!("{} from {min} to {max}", inner.noun()),
                (Some(min), None) => format!("{} of at least {min}", inner.noun()),
                (None, Some(max)) => format!("{} of at most {max}", inner.noun()),
                (None, None) => inner.noun(),
            },
            Type::Known(inner) => inner.noun(),
            Type::Script => "the name of a script file".to_string(),
            Type::Secret => "a pointer to a secret".to_string(),
            Type::Any => "a value".to_string(),
        }
    }

    /// A value that can be written for this type, for help texts.
    #[must_use]
    pub fn example(&self) -> String {
        match self {
            Type::String => "text".to_string(),
            Type::Int => "8".to_string(),
            Type::Number => "0.5".to_string(),
            Type::Bool => "true".to_string(),
            Type::Size => "9600 GiB".to_string(),
            Type::Throughput => "500 MB/s/TiB".to_string(),
            Type::Bandwidth => "125 MiB/s".to_string(),
            Type::Duration => "72h".to_string(),
            Type::Money => "60 USD/h".to_string(),
            Type::Cidr => "10.20.0.0/16".to_string(),
            Type::Ref(_) => "${name}".to_string(),
            Type::List(item) => format!("[{}]", item.example()),
            Type::Map(item) => format!("{{ key: {} }}", item.example()),
            Type::Object(o) => o.example(),
            Type::OneOf(all) => all.first().cloned().unwrap_or_default(),
            Type::AnyOf(all) => all.first().map(Type::example).unwrap_or_default(),
            Type::Bounded(inner, bounds) => bounds.min.clone().unwrap_or_else(|| inner.example()),
            Type::Known(inner) => inner.example(),
            Type::Script => "bootstrap.sh".to_string(),
            Type::Secret => "{ secret: ARN }".to_string(),
            Type::Any => "value".to_string(),
        }
    }
}

impl ObjectType {
    fn example(&self) -> String {
        let required: Vec<_> = self
            .fields
            .iter()
            .filter(|(_, f)| f.required)
            .map(|(n, f)| format!("{n}: {}", f.r#type.example()))
            .collect();
        // Of what may all be left out, one thing shows the form.
        let first = || self.fields.iter().next().map(|(n, f)| format!("{n}: {}", f.r#type.example()));
        let shown = if required.is_empty() { first().into_iter().collect() } else { required };
        if shown.is_empty() { "{}".to_string() } else { format!("{{ {} }}", shown.join(", ")) }
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Int => f.write_str("int"),
            Type::Number => f.write_str("number"),
            Type::Bool => f.write_str("bool"),
            Type::Size => f.write_str("size"),
            Type::Throughput => f.write_str("throughput"),
            Type::Bandwidth => f.write_str("bandwidth"),
            Type::Duration => f.write_str("duration"),
            Type::Money => f.write_str("money"),
            Type::Cidr => f.write_str("cidr"),
            Type::Ref(Some(kind)) => write!(f, "ref({kind})"),
            Type::Ref(None) => f.write_str("ref"),
            Type::List(item) => write!(f, "list({item})"),
            Type::Map(item) => write!(f, "map({item})"),
            Type::Object(o) => {
                f.write_str("object({")?;
                for (i, (name, field)) in o.fields.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    match field.required {
                        true => write!(f, "{comma}{name} = {}", field.r#type)?,
                        false => write!(f, "{comma}{name} = optional({})", field.r#type)?,
                    }
                }
                f.write_str("})")
            }
            Type::OneOf(all) => {
                f.write_str("one_of(")?;
                for (i, text) in all.iter().enumerate() {
                    write!(f, "{}\"{text}\"", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Type::AnyOf(all) => {
                f.write_str("any_of(")?;
                for (i, t) in all.iter().enumerate() {
                    write!(f, "{}{t}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Type::Bounded(inner, _) | Type::Known(inner) => inner.fmt(f),
            Type::Script => f.write_str("script"),
            Type::Secret => f.write_str("secret"),
            Type::Any => f.write_str("any"),
        }
    }
}

/// Bounds of whole numbers.
pub(crate) fn int_bounds(min: Option<Decimal>, max: Option<Decimal>) -> Bounds {
    Bounds { min: min.map(|d| d.normalize().to_string()), max: max.map(|d| d.normalize().to_string()) }
}
