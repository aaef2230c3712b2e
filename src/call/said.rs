//! What a sweep has to say beside the objects that it read.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What a sweep says, in words for people, each once.
#[derive(Debug, Clone, Default)]
pub struct Said(Arc<Mutex<BTreeSet<String>>>);

impl Said {
    /// Says one.
    pub fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what.into());
    }

    /// All of them; from then on there are none.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
