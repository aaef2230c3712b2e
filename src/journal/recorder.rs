//! The journal as kinds and engine see it: one method per record, each durable when it returns.
use super::{Journal, JournalError};
use crate::{
    address::Address,
    aws::Error,
    kind::Boxed,
    record::{Applied, Intent, Pin, Progress, Record, Recorder, Setting},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{fmt, sync::Arc};

/// Told when a call waits, for people.
pub type Waiting = Arc<dyn Fn(&Address, &Error) + Send + Sync>;

/// Told how far a long piece of work is, for people; answers whether to go on.
pub type Telling = Arc<dyn Fn(&Address, Progress) -> bool + Send + Sync>;

/// Writes records with the journal's time.
#[derive(Clone)]
pub struct JournalRecorder {
    journal: Journal,
    waiting: Waiting,
    telling: Option<Telling>,
}

impl fmt::Debug for JournalRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalRecorder({})", self.journal.place())
    }
}

impl JournalRecorder {
    /// A recorder on this journal.
    pub fn new(journal: Journal, waiting: Waiting) -> Self {
        Self { journal, waiting, telling: None }
    }

    /// The same recorder, which tells of progress too.
    #[must_use]
    pub fn telling(&self, telling: Telling) -> Self {
        Self { telling: Some(telling), ..self.clone() }
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn now(&self) -> Timestamp {
        self.journal.clock().now()
    }

    /// A mutating command begins.
    ///
    /// # Errors
    /// As [`Journal::append`]; so for all methods here.
    pub async fn begin(&self, command: &str, holder: &str) -> Result<(), JournalError> {
        let record = Record::Run { command: command.to_owned(), holder: holder.to_owned(), time: self.now() };
        self.journal.append(record).await
    }

    /// The command ends: `ok`, `partial`, `interrupted`, `failed`.
    ///
    /// # Errors
    /// As [`Journal::append`].
    #[cfg(any(test, feature = "internals"))]
    pub async fn end(&self, outcome: &str) -> Result<(), JournalError> {
        self.journal.append(Record::End { outcome: outcome.to_owned(), time: self.now() }).await?;
        self.journal.compact().await;
        Ok(())
    }

    /// The record that keeps a value for later runs; a later one replaces it.
    pub fn pin(&self, pin: &Pin, value: Value) -> Record {
        Record::Pinned { key: pin.to_string(), value, time: self.now() }
    }
}

impl Recorder for JournalRecorder {
    fn setting<'a>(&'a self, address: &'a Address, setting: &'a Setting) -> Boxed<'a, ()> {
        let record = self.pin(&Pin::Setting(address.clone()), serde_json::json!(setting));
        Box::pin(async move { Ok(self.journal.append(record).await?) })
    }

    fn intent(&self, intent: Intent) -> Boxed<'_, ()> {
        Box::pin(async move { Ok(self.journal.append(Record::Intent(intent)).await?) })
    }

    fn accepted<'a>(&'a self, address: &'a Address, intent: &'a str, ids: &'a [String]) -> Boxed<'a, ()> {
        let (address, intent, ids) = (address.clone(), intent.to_owned(), ids.to_vec());
        let record = Record::Accepted { address, intent, ids, time: self.now() };
        Box::pin(async move { Ok(self.journal.append(record).await?) })
    }

    fn failed<'a>(&'a self, address: &'a Address, intent: &'a str, error: &'a str) -> Boxed<'a, ()> {
        let (address, intent, error) = (address.clone(), intent.to_owned(), error.to_owned());
        let record = Record::Failed { address, intent, error, time: self.now() };
        Box::pin(async move { Ok(self.journal.append(record).await?) })
    }

    fn stable<'a>(&'a self, address: &'a Address, applied: Applied) -> Boxed<'a, ()> {
        let record = Record::Stable { address: address.clone(), applied, time: self.now() };
        Box::pin(async move { Ok(self.journal.append(record).await?) })
    }

    fn gone<'a>(&'a self, address: &'a Address) -> Boxed<'a, ()> {
        let record = Record::Gone { address: address.clone(), time: self.now() };
        Box::pin(async move { Ok(self.journal.append(record).await?) })
    }

    fn waiting(&self, address: &Address, why: &Error) {
        (self.waiting)(address, why);
    }

    fn progress(&self, address: &Address, progress: Progress) -> bool {
        self.telling.as_ref().is_none_or(|telling| telling(address, progress))
    }

    fn unanswered(&self, address: &Address) -> Vec<Intent> {
        self.journal.unanswered(address)
    }
}
