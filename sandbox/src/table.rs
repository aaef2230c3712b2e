//! The tables of the store: one per type of object, without their types outside.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::history::Past;
use crate::store::Object;

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

    fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    fn copy(&self) -> Box<dyn AnyTable> {
        Box::new(Self(self.0.clone()))
    }
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
