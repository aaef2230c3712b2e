//! A place in the tree of a request's or a reply's types, to read and write values by what the model says of them.

use serde_json::{Map, Value};

use super::{Facts, Location, Member, Shape, Type};

/// A type, or that nothing is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'m> {
    facts: &'m Facts,
    shape: Option<&'m Shape>,
}

/// The types that protocols write differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Structure,
    List,
    Map,
    Float,
    Timestamp,
    Blob,
    Other,
}

/// How a list is written in XML: what an item is called, and whether the items stand for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Items<'m> {
    pub(crate) name: &'m str,
    pub(crate) flat: bool,
}

impl Facts {
    /// The parameters of an operation.
    pub(crate) fn asked(&self, operation: &str) -> Cursor<'_> {
        Cursor { facts: self, shape: self.input(operation) }
    }

    /// The reply of an operation.
    pub(crate) fn told(&self, operation: &str) -> Cursor<'_> {
        Cursor { facts: self, shape: self.output(operation) }
    }
}

impl<'m> Cursor<'m> {
    fn at(self, name: Option<&str>) -> Self {
        Self { facts: self.facts, shape: name.and_then(|name| self.facts.shapes.get(name)) }
    }

    pub(crate) fn kind(self) -> Kind {
        match self.shape.map(|shape| shape.r#type) {
            Some(Type::Structure) => Kind::Structure,
            Some(Type::List) => Kind::List,
            Some(Type::Map) => Kind::Map,
            Some(Type::Float | Type::Double) => Kind::Float,
            Some(Type::Timestamp) => Kind::Timestamp,
            Some(Type::Blob) => Kind::Blob,
            _ => Kind::Other,
        }
    }

    /// A member, by the model's name.
    pub(crate) fn member(self, name: &str) -> Self {
        let member = self.shape.and_then(|shape| shape.members.get(name));
        self.at(member.map(|member| member.shape.as_str()))
    }

    /// The items of a list, or the values of a map.
    pub(crate) fn inner(self) -> Self {
        self.at(self.shape.and_then(|shape| shape.member.as_deref().or(shape.value.as_deref())))
    }

    pub(crate) fn items(self) -> Items<'m> {
        let name = self.shape.and_then(|shape| shape.item.as_deref()).unwrap_or("member");
        Items { name, flat: self.shape.is_some_and(|shape| shape.flat) }
    }

    /// What a member is called in a reply, by the model's name.
    pub(crate) fn wire_name(self, name: &'m str) -> &'m str {
        self.shape.and_then(|shape| shape.members.get(name)).map_or(name, |member| member.told(name))
    }

    /// The members that stand at a place of an HTTP message, each with the model's name and its name there.
    pub(crate) fn placed(self, location: Location) -> impl Iterator<Item = (&'m str, &'m str, Self)> {
        let members = self.shape.into_iter().flat_map(|shape| &shape.members);
        let is_there = move |(_, member): &(&String, &Member)| member.location == Some(location);
        members.filter(is_there).map(move |(name, member)| {
            (name.as_str(), member.at.as_deref().unwrap_or(name), self.at(Some(&member.shape)))
        })
    }

    /// The member that is the whole body.
    pub(crate) fn payload(self) -> Option<&'m str> {
        self.shape?.payload.as_deref()
    }

    /// What the root element of an XML body is called, where the body is one.
    pub(crate) fn body(self) -> Option<&'m str> {
        let shape = self.shape?;
        let (name, member) = shape.members.get_key_value(shape.payload.as_ref()?)?;
        let inner = self.at(Some(&member.shape));
        (inner.kind() == Kind::Structure).then(|| member.asked(name))
    }

    /// The form of a query request as JSON has it: lists as arrays, maps as objects, members under the model's names.
    pub(crate) fn canonical(self, value: Value) -> Value {
        match (self.kind(), value) {
            (Kind::Structure, Value::Object(mut fields)) => {
                let mut out = Map::new();
                for (name, member) in self.shape.into_iter().flat_map(|shape| &shape.members) {
                    if let Some(value) = fields.remove(member.asked(name)) {
                        out.insert(name.clone(), self.at(Some(&member.shape)).canonical(value));
                    }
                }
                // What AWS does not have stays, to be refused by its name.
                out.append(&mut fields);
                Value::Object(out)
            }
            (Kind::List, value) => {
                let items = numbered(value, self.items().name);
                items.into_iter().map(|item| self.inner().canonical(item)).collect()
            }
            (Kind::Map, value) => {
                let pair = |entry: Value| {
                    let Value::Object(mut entry) = entry else { return None };
                    let key = entry.remove("key").or_else(|| entry.remove("Name"))?;
                    let value = entry.remove("value").or_else(|| entry.remove("Value")).unwrap_or_default();
                    Some((key.as_str()?.to_owned(), self.inner().canonical(value)))
                };
                Value::Object(numbered(value, "entry").into_iter().filter_map(pair).collect())
            }
            (_, value) => value,
        }
    }

    /// A member of a reply that AWS's model does not have, by its path.
    pub(crate) fn stranger(self, path: &str, value: &Value) -> Option<String> {
        let shape = self.shape?;
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (shape.r#type, value) {
            (Type::Structure, Value::Object(map)) => map.iter().find_map(|(key, inner)| {
                let path = join(key);
                let told = |(name, member): &(&String, &Member)| *name == key || member.told(name) == key;
                match shape.members.iter().find(told) {
                    Some((name, _)) => self.member(name).stranger(&path, inner),
                    None => Some(path),
                }
            }),
            (Type::List, Value::Array(items)) => items.iter().find_map(|item| self.inner().stranger(path, item)),
            // In XML: an element around the items, or the one item of a flat list.
            (Type::List, Value::Object(map)) => match map.iter().next() {
                Some((name, inner)) if map.len() == 1 && (name == "item" || name == self.items().name) => {
                    self.stranger(path, inner)
                }
                _ => self.inner().stranger(path, value),
            },
            (Type::Map, Value::Object(map)) => {
                map.iter().find_map(|(key, value)| self.inner().stranger(&join(key), value))
            }
            _ => None,
        }
    }
}

/// `1`, `2`, … perhaps under a name; an empty text is an empty list.
fn numbered(value: Value, name: &str) -> Vec<Value> {
    let mut map = match value {
        Value::Object(map) => map,
        Value::String(text) if text.is_empty() => return Vec::new(),
        other => return vec![other],
    };
    if map.len() == 1
        && let Some(Value::Object(inner)) = map.get_mut(name)
    {
        map = std::mem::take(inner);
    }
    let mut items: Vec<_> = map.into_iter().collect();
    items.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
    items.into_iter().map(|(_, item)| item).collect()
}
