//! A journal that asks before each write what shall become of it.
use dlinfra::journal::{Backend, JournalError, Pending, Place, Presence, Put, Stored};
use std::{fmt, sync::Arc};

/// What becomes of a write.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "not every program that uses this file loses answers")]
pub(crate) enum Fate {
    Written,
    /// Nothing is written.
    Refused(JournalError),
    /// It is written, and the answer does not arrive.
    Unanswered(JournalError),
}

/// Is told the key and the bytes of a write.
type Ask = Box<dyn Fn(&str, &[u8]) -> Fate + Send + Sync>;

/// Stands in front of another journal.
pub(crate) struct Asked {
    inner: Arc<dyn Backend>,
    ask: Ask,
}

impl Asked {
    pub(crate) fn new(inner: Arc<dyn Backend>, ask: impl Fn(&str, &[u8]) -> Fate + Send + Sync + 'static) -> Self {
        Self { inner, ask: Box::new(ask) }
    }

    fn write<'a>(&'a self, key: &str, bytes: &[u8], put: Pending<'a, Put>) -> Pending<'a, Put> {
        match (self.ask)(key, bytes) {
            Fate::Written => put,
            Fate::Refused(why) => Box::pin(async { Err(why) }),
            Fate::Unanswered(why) => Box::pin(async {
                put.await?;
                Err(why)
            }),
        }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.inner).finish()
    }
}

impl Backend for Asked {
    fn place(&self) -> String {
        self.inner.place()
    }
    fn bucket(&self) -> Option<&str> {
        self.inner.bucket()
    }
    fn presence(&self) -> Option<Presence> {
        self.inner.presence()
    }
    fn look(&self) -> Pending<'_, Place> {
        self.inner.look()
    }
    fn prepare(&self) -> Pending<'_, ()> {
        self.inner.prepare()
    }
    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        self.write(key, bytes, self.inner.put_if_absent(key, bytes))
    }
    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put> {
        self.write(key, bytes, self.inner.put_if_match(key, bytes, version))
    }
    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        self.inner.get(key)
    }
    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        self.inner.list(folder, after)
    }
    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.inner.remove(key)
    }
}
