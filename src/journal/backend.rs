//! Where a journal lies: named objects with conditional writes, and nothing else.
use super::{JournalError, Presence};
use std::{fmt::Debug, future::Future, pin::Pin};

/// A boxed future of a backend.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Changes with every write (an ETag).
    pub version: String,
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Written and durable; the new version.
    Done(String),
    /// The condition did not hold: the object exists already, or has another version.
    Taken,
}

/// Does the place exist?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It exists.
    There,
    /// The first mutating command makes it; a plan says so.
    ToBeMade,
}

/// A place for one stack's journal. Keys are relative (`log/0001-000000000001.jsonl`, `lock.json`).
///
/// A write that returned is durable; one that failed may have happened. Writers of one key are ordered by the
/// conditions alone, so a backend needs no lock of its own that outlives a call.
pub trait Backend: Debug + Send + Sync {
    /// For people: a folder, or `s3://bucket/journal/stack/`.
    fn place(&self) -> String;

    /// The bucket that holds it, if it lies in one.
    fn bucket(&self) -> Option<&str> {
        None
    }

    /// Recognises dead processes of this machine; `None` = only time does.
    fn presence(&self) -> Option<Presence> {
        None
    }

    /// Is there anything to read from? Changes nothing.
    fn look(&self) -> Pending<'_, Place>;

    /// Makes the place if need be. Called by mutating commands before the lock.
    fn prepare(&self) -> Pending<'_, ()>;

    /// Writes an object that must not exist yet.
    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put>;

    /// Writes over an object that must still have this version.
    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put>;

    /// Reads an object.
    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>>;

    /// The keys in `folder` (`log/`) that come after `after`, sorted.
    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>>;

    /// Removes an object that can be made again (a cache).
    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;
}
