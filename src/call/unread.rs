//! Details that a sweep could not read, of objects that it read all the same.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What a sweep could not read, in words for people, each once.
#[derive(Debug, Clone, Default)]
pub struct Unread(Arc<Mutex<BTreeSet<String>>>);

impl Unread {
    /// Says one.
    pub fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what.into());
    }

    /// All of them; from then on there are none.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
