//! What an execution reports; terminal, JSON lines and tests render the same events.
use crate::{address::Address, plan::Operation};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, on the engine's clock.
    pub time: Timestamp,
    /// To which resource.
    pub address: Address,
    /// What.
    pub what: What,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Its turn has come.
    Started {
        /// What of it.
        operation: Operation,
        /// Words for people: `creating`, `updating`, `deleting`.
        verb: &'static str,
        /// Typical seconds.
        expected: u64,
    },
    /// A call waits: for IAM to reach another service, for a rate, for something that still holds the object.
    Waiting {
        /// For what.
        why: String,
    },
    /// How far a long piece of work is (a bucket that is emptied).
    Progress {
        /// Things done.
        count: u64,
        /// Bytes in them.
        bytes: u64,
        /// Nothing is left.
        complete: bool,
    },
    /// AWS accepted it under this id.
    Accepted {
        /// The id.
        id: String,
    },
    /// It is as wanted.
    Done {
        /// What of it.
        operation: Operation,
        /// `created`, `updated`, `deleted`.
        verb: &'static str,
        /// The id, where it has one.
        id: String,
        /// How long it took.
        seconds: u64,
    },
    /// It is not, and will not be in this run.
    Failed {
        /// What of it.
        operation: Operation,
        /// Why.
        error: String,
        /// What to do.
        help: Option<String>,
    },
    /// AWS still works on it; the next apply continues.
    Pending {
        /// What of it.
        operation: Operation,
        /// What is missing.
        why: String,
    },
    /// Not tried, since something that it needs was not done.
    Skipped {
        /// What of it.
        operation: Operation,
        /// Which resource.
        because: Address,
    },
}

/// Where events go.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// A reason for waiting that stays the same is told again after so long.
const SAID_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// The same sink, which hears the same reason for waiting once in a minute.
pub fn without_echo(sink: Sink) -> Sink {
    let said: Mutex<HashMap<Address, (String, Timestamp)>> = Mutex::default();
    Arc::new(move |event: Event| {
        if let What::Waiting { why } = &event.what {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let last = said.get(&event.address);
            if last.is_some_and(|(text, at)| text == why && event.time.duration_since(*at) < SAID_AGAIN) {
                return;
            }
            said.insert(event.address.clone(), (why.clone(), event.time));
        }
        sink(event);
    })
}
