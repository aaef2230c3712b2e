//! A mutating command's hold on its stack: place, lock, journal, claim and run, taken in this order and given back in
//! the reverse.
use super::{Backend, Journal, JournalError, JournalRecorder, Lease, Sequence, lease, recorder::Waiting};
use crate::{aws::gate::Guard, record};
use std::{sync::Arc, time::Duration};

/// The end of a run is written within this time, or left out.
const LAST_WORD: Duration = Duration::from_secs(10);
/// The same after a signal: work in flight has had 3 s, and the lock must be free within 5 s.
const LAST_WORD_IN_HASTE: Duration = Duration::from_millis(800);

/// Which stack, and what is known of it.
pub struct Begin {
    /// How to take the lock; its holder's command is recorded.
    pub lease: lease::Request,
    /// The stack's name.
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The stack-id of live objects, if there are any; else one is minted.
    pub stack_id: Option<String>,
    /// [`super::Memory::next`] when the plan was made: what was written since makes it a plan for another stack.
    pub seen: Sequence,
    /// Told when a call waits.
    pub waiting: Waiting,
}

/// The hold. Dropped without [`Session::end`] it is what a killed process leaves: found and finished by the next one.
#[derive(Debug)]
pub struct Session {
    lease: Lease,
    recorder: Arc<JournalRecorder>,
}

impl Session {
    /// Takes the hold. Nothing is changed in AWS before, except that the journal's bucket is made.
    ///
    /// # Errors
    /// [`JournalError::Locked`], [`JournalError::Changed`], [`JournalError::OtherStack`], or a place that cannot be
    /// used. The lock is free again then.
    pub async fn begin(begin: Begin) -> Result<Self, JournalError> {
        begin.lease.backend.prepare().await?;
        let lease = Lease::acquire(begin.lease.clone()).await?;
        match open(&begin).await {
            Ok(recorder) => Ok(Self { lease, recorder }),
            Err(error) => {
                // The first error is the one that matters.
                let _ = lease.release().await;
                Err(error)
            }
        }
    }

    /// Writes records.
    pub fn recorder(&self) -> &Arc<JournalRecorder> {
        &self.recorder
    }

    /// For [`crate::aws::gate::Gate::set_guard`]: says why no mutation may leave this process any more.
    pub fn guard(&self) -> Guard {
        self.lease.guard(self.recorder.journal())
    }

    /// Why this process may not change anything any more.
    pub fn lost(&self) -> Option<String> {
        self.lease.lost()
    }

    /// Records how the run ended (`ok`, `partial`, `interrupted`, `failed`) and gives the lock back; after an
    /// interruption within 2 s.
    ///
    /// # Errors
    /// The lock is somebody else's, or the place did not answer. What was done is recorded all the same.
    pub async fn end(self, outcome: &str) -> Result<(), JournalError> {
        let journal = self.recorder.journal();
        let end = record::Record::End { outcome: outcome.to_owned(), time: journal.clock().now() };
        let haste = outcome == "interrupted";
        let patience = if haste { LAST_WORD_IN_HASTE } else { LAST_WORD };
        let said = tokio::time::timeout(patience, journal.append(end)).await;
        let released = if haste { self.lease.release_in_haste().await } else { self.lease.release().await };
        if !haste && released.is_ok() {
            // A cache: written without the lock, and only if it is due.
            journal.compact().await;
        }
        match said {
            Ok(Err(error)) => Err(error),
            _ => released,
        }
    }
}

async fn open(begin: &Begin) -> Result<Arc<JournalRecorder>, JournalError> {
    let backend: Arc<dyn Backend> = begin.lease.backend.clone();
    let journal = Journal::open(backend, begin.lease.clock.clone()).await?;
    let memory = journal.memory();
    if memory.next != begin.seen {
        let by = memory.run.as_ref().map(|r| format!("`{}` by {} at {}", r.command, r.holder, r.time));
        return Err(JournalError::Changed { by: by.unwrap_or_else(|| "another run began its journal".to_owned()) });
    }
    let stack_id = begin.stack_id.clone().unwrap_or_else(record::uuid);
    journal.claim_as(&begin.stack, &begin.account, &begin.region, &stack_id).await?;
    let recorder = JournalRecorder::new(journal, begin.waiting.clone());
    let holder = &begin.lease.holder;
    recorder.begin(&holder.command, &holder.name).await?;
    Ok(Arc::new(recorder))
}
