//! Typed pointers and fields that may wait for another resource.
use crate::{aws::Error, resource::Resource, spec};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

/// A typed pointer to a resource of kind `K`: by address in a blueprint, by id on live data, both in a call.
pub struct Ref<K> {
    /// The address, unless the author wrote a literal id.
    pub address: Option<String>,
    /// The id, where it is known.
    pub id: Option<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Ref<K> {
    /// A pointer to the object with this id.
    pub fn to_id(id: impl Into<String>) -> Self {
        Self { address: None, id: Some(id.into()), kind: PhantomData }
    }

    /// The id; the engine resolves every pointer before it calls a kind.
    pub fn id(&self) -> Result<&str, Error> {
        self.id.as_deref().ok_or_else(|| Error::bug(format!("the pointer to {self} was not resolved")))
    }
}

impl<K> fmt::Display for Ref<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address.as_deref().or(self.id.as_deref()).unwrap_or("nothing"))
    }
}
impl<K> fmt::Debug for Ref<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K> Clone for Ref<K> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), id: self.id.clone(), kind: PhantomData }
    }
}
impl<K> PartialEq for Ref<K> {
    fn eq(&self, other: &Self) -> bool {
        (&self.address, &self.id) == (&other.address, &other.id)
    }
}
impl<K> Eq for Ref<K> {}
impl<K> PartialOrd for Ref<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Ref<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.address, &self.id).cmp(&(&other.address, &other.id))
    }
}
impl<K> Serialize for Ref<K> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = BTreeMap::new();
        if let Some(address) = &self.address {
            map.insert("$ref", address);
        }
        if let Some(id) = &self.id {
            map.insert("$id", id);
        }
        map.serialize(s)
    }
}
impl<'de, K> Deserialize<'de> for Ref<K> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            #[serde(rename = "$ref")]
            address: Option<String>,
            #[serde(rename = "$id")]
            id: Option<String>,
        }
        let wire = Wire::deserialize(d)?;
        if wire.address.is_none() && wire.id.is_none() {
            return Err(D::Error::custom("a pointer needs an address or an id"));
        }
        Ok(Self { address: wire.address, id: wire.id, kind: PhantomData })
    }
}
impl<K: Named> JsonSchema for Ref<K> {
    fn schema_name() -> Cow<'static, str> {
        format!("Ref_{}", K::NAME).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-dlinfra": { "ref": K::NAME } })
    }
}

/// Has a kind's name; every [`Resource`] does.
pub trait Named {
    /// The kind's name in a blueprint.
    const NAME: &'static str;
}
impl<R: Resource> Named for R {
    const NAME: &'static str = R::KIND;
}

/// A value that is known, or that waits for another resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<T> {
    /// Known now.
    Known(T),
    /// A canonical `{"$expr"}` or `{"$ref", "attr"}` value; resolved before a kind is called.
    Deferred(Value),
}

impl<T> Field<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Deferred(_) => None,
        }
    }

    /// The value; the engine resolves every field before it calls a kind.
    pub fn get(&self) -> Result<&T, Error> {
        self.known().ok_or_else(|| Error::bug("a field that waits for another resource was not resolved"))
    }
}
impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}
impl<T: fmt::Display> fmt::Display for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Deferred(_) => f.write_str("(known after apply)"),
        }
    }
}
impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(s),
            Self::Deferred(value) => value.serialize(s),
        }
    }
}
impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        match spec::node(&value) {
            spec::Node::Attribute { .. } | spec::Node::Expression(_) => Ok(Self::Deferred(value)),
            _ => serde_json::from_value(value).map(Self::Known).map_err(D::Error::custom),
        }
    }
}
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("x-deferred".to_owned(), Value::Bool(true));
        schema
    }
}
