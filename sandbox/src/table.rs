//! The tables of the store: one per type of object, without their types outside.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::history::Past;
use crate::store::{Object, Tags, World};

/// An object of any type.
pub(crate) type Erased = Arc<dyn Any + Send + Sync>;

/// A table of objects of one type.
pub(crate) trait AnyTable: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// Sets or removes one object; returns what was there.
    fn set(&mut self, region: &str, id: &str, object: Option<Erased>) -> Option<Erased>;
    fn due(&self, object: &Erased) -> Option<Timestamp>;
    fn decode(&self, value: Value) -> Result<Erased, serde_json::Error>;
    fn encode(&self, region: &str, id: &str) -> Result<Option<Value>, serde_json::Error>;
    /// The state of an object that is shown.
    fn shown(&self, region: &str, id: &str, now: Timestamp) -> Option<String>;
    fn keys(&self) -> Vec<(String, String)>;
    /// What is remembered of an object when it is removed.
    fn past(&self, object: &Erased, now: Timestamp) -> Option<Past>;
    /// The same of every object in a region while it is there, with when it was made.
    fn present(&self, region: &str, now: Timestamp) -> Vec<(Timestamp, Past)>;
    /// The object with tags that the last part of an ARN names, unless it is hidden.
    fn tagged(&self, region: &str, service: &str, tail: &str, now: Timestamp) -> Option<Tagged>;
    /// An object with other tags.
    fn retagged(&self, region: &str, id: &str, tags: Tags) -> Option<Erased>;
    fn len(&self) -> usize;
    /// The same objects in a table of their own.
    fn copy(&self) -> Box<dyn AnyTable>;
}

/// Objects by region and id.
pub(crate) struct Table<T>(pub(crate) BTreeMap<String, BTreeMap<String, Arc<T>>>);

impl<T: Object> AnyTable for Table<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn set(&mut self, region: &str, id: &str, object: Option<Erased>) -> Option<Erased> {
        let old = match object.map(Arc::downcast::<T>) {
            Some(Ok(object)) => self.0.entry(region.to_owned()).or_default().insert(id.to_owned(), object),
            _ => self.0.get_mut(region).and_then(|rows| rows.remove(id)),
        };
        old.map(|object| object as Erased)
    }

    fn due(&self, object: &Erased) -> Option<Timestamp> {
        object.downcast_ref::<T>().and_then(Object::due)
    }

    fn decode(&self, value: Value) -> Result<Erased, serde_json::Error> {
        Ok(Arc::new(serde_json::from_value::<T>(value)?))
    }

    fn encode(&self, region: &str, id: &str) -> Result<Option<Value>, serde_json::Error> {
        self.0.get(region).and_then(|rows| rows.get(id)).map(|object| serde_json::to_value(&**object)).transpose()
    }

    fn past(&self, object: &Erased, now: Timestamp) -> Option<Past> {
        object.downcast_ref::<T>().and_then(|object| Past::of(object, now))
    }

    fn present(&self, region: &str, now: Timestamp) -> Vec<(Timestamp, Past)> {
        let rows = self.0.get(region).into_iter().flat_map(BTreeMap::values);
        rows.filter_map(|object| Some((object.created(), Past::of(&**object, now)?))).collect()
    }

    fn shown(&self, region: &str, id: &str, now: Timestamp) -> Option<String> {
        let object = self.0.get(region)?.get(id)?;
        (!object.is_hidden(now)).then(|| object.state(now).to_owned())
    }

    fn keys(&self) -> Vec<(String, String)> {
        self.0.iter().flat_map(|(region, rows)| rows.keys().map(|id| (region.clone(), id.clone()))).collect()
    }

    fn tagged(&self, region: &str, service: &str, tail: &str, now: Timestamp) -> Option<Tagged> {
        let region = World::place::<T>(region);
        let rows = self.0.get(region)?;
        let is_it = |object: &&Arc<T>| object.arn().is_some_and(|(of, its)| of == service && its == tail);
        let (id, object) = ids(tail).find_map(|id| Some((id, rows.get(id).filter(is_it)?)))?;
        let tags = object.tags().filter(|_| !object.is_hidden(now))?.clone();
        Some(Tagged { kind: T::KIND, region: region.to_owned(), id: id.to_owned(), created: object.created(), tags })
    }

    fn retagged(&self, region: &str, id: &str, tags: Tags) -> Option<Erased> {
        let mut object = T::clone(self.0.get(region)?.get(id)?);
        *object.tags_mut()? = tags;
        Some(Arc::new(object))
    }

    fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    fn copy(&self) -> Box<dyn AnyTable> {
        Box::new(Self(self.0.clone()))
    }
}

/// The ids that the last part of an ARN may end in: all of it, and what follows a colon or a slash.
fn ids(tail: &str) -> impl Iterator<Item = &str> {
    let after = tail.char_indices().filter(|(_, ch)| matches!(ch, ':' | '/')).map(|(at, _)| &tail[at + 1..]);
    // The name of a load balancer has something behind it, too.
    std::iter::once(tail).chain(after).chain(tail.split('/'))
}

/// An object with tags, found by its ARN.
#[derive(Debug, Clone)]
pub(crate) struct Tagged {
    pub(crate) kind: &'static str,
    /// As the store places it.
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
}

/// A type of object that a service keeps.
#[derive(Clone, Copy)]
pub(crate) struct ObjectKind {
    pub(crate) name: &'static str,
    pub(crate) table: fn() -> Box<dyn AnyTable>,
}

impl ObjectKind {
    pub(crate) fn of<T: Object>() -> Self {
        Self { name: T::KIND, table: || Box::new(Table::<T>(BTreeMap::new())) }
    }
}
