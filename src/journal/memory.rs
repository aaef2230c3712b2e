//! A journal in memory, for tests and for previews: the same conditions as S3, and as deterministic as its callers.
use super::Presence;
use super::backend::{Backend, Pending, Place, Put, Stored};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Objects in memory; clones share them, as two processes of one machine share a folder. A dropped lease is a dead
/// process.
#[derive(Debug, Clone)]
pub struct MemoryBackend {
    objects: Arc<Mutex<Objects>>,
    presence: Presence,
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self { objects: Arc::default(), presence: Presence::memory() }
    }
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<String, Stored>,
    writes: u64,
}

impl MemoryBackend {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every object by key.
    #[cfg(any(test, feature = "internals"))]
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|o| o.by_key.iter().map(|(k, s)| (k.clone(), s.bytes.clone())).collect())
    }

    /// Puts an object there without asking (to damage one, for example).
    #[cfg(any(test, feature = "internals"))]
    pub fn set(&self, key: &str, bytes: &[u8]) {
        self.with(|o| o.write(key, bytes));
    }

    /// Takes an object away without asking.
    pub fn lose(&self, key: &str) {
        self.with(|o| o.by_key.remove(key));
    }

    fn with<T>(&self, f: impl FnOnce(&mut Objects) -> T) -> T {
        f(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Objects {
    fn write(&mut self, key: &str, bytes: &[u8]) -> Put {
        self.writes += 1;
        let version = self.writes.to_string();
        self.by_key.insert(key.to_owned(), Stored { bytes: bytes.to_vec(), version: version.clone() });
        Put::Done(version)
    }
}

impl Backend for MemoryBackend {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn presence(&self) -> Option<Presence> {
        Some(self.presence.clone())
    }

    fn look(&self) -> Pending<'_, Place> {
        Box::pin(async { Ok(Place::There) })
    }

    fn prepare(&self) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        Box::pin(
            async move { Ok(self.with(|o| if o.by_key.contains_key(key) { Put::Taken } else { o.write(key, bytes) })) },
        )
    }

    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put> {
        Box::pin(async move {
            Ok(self.with(|o| match o.by_key.get(key) {
                Some(found) if found.version == version => o.write(key, bytes),
                _ => Put::Taken,
            }))
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        Box::pin(async move { Ok(self.with(|o| o.by_key.get(key).cloned())) })
    }

    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        Box::pin(async move {
            let matches = |k: &&String| k.starts_with(folder) && k.as_str() > after;
            Ok(self.with(|o| o.by_key.keys().filter(matches).cloned().collect()))
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move {
            self.lose(key);
            Ok(())
        })
    }
}
