//! When a stack ends, and a later time for it.
use super::{Engine, Execution, codes};
use crate::{
    apply::Outcome,
    aws::tags::{self, Tags},
    diagnostic::{Diagnostic, Diagnostics},
    journal::Presence,
    record::{Expiry, Pin},
};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;

/// What came of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// When the stack ends now.
    pub at: Timestamp,
    /// How many of its objects say so.
    pub objects: usize,
}

impl Engine {
    /// When the stack ends, by its journal.
    ///
    /// # Errors
    /// It has no end.
    pub fn ends(&self) -> Result<Expiry, Diagnostics> {
        self.memory.pinned::<Expiry>(&Pin::Expiry).ok_or_else(|| {
            Diagnostic::error(&codes::NO_TTL, format!("{} has no ttl, so there is no end to move", self.target.stack))
                .with_help("write `ttl:` into the blueprint and apply it")
                .into()
        })
    }

    /// Moves the end of the stack to a later time: first in the journal, then in the tags of every object, machines
    /// included. Until both say so, the reaper leaves the stack alone, so a run that is killed in between only needs to be
    /// repeated.
    ///
    /// # Errors
    /// It has no end, or a later one; a lock that somebody holds; what cannot be read or written.
    pub async fn extend(&self, at: Timestamp, presence: Presence) -> Result<Extended, Diagnostics> {
        let now = self.ends()?;
        let new = Expiry { at: Expiry::at(at, now.ttl).at, ..now };
        if new.at < now.at || new.at <= self.now() {
            return Err(Diagnostic::error(
                &codes::NOT_LATER,
                format!("{} ends at {}, and {} is not a later end", self.target.stack, now.at, new.at),
            )
            .with_help("to end it sooner, destroy it, or write a shorter `ttl` and apply")
            .into());
        }
        let view = self.look(&[]).await?;
        let (_, cancel) = tokio::sync::watch::channel(false);
        let presence = Some(presence);
        let run = Execution { command: "extend", presence, delete_data: false, sink: Arc::new(|_| {}), cancel };
        let Some(held) = self.hold(&view, run).await? else { return Ok(Extended { at: now.at, objects: 0 }) };
        let tags = Tags::from([(tags::EXPIRES, new.at.to_string())]);
        let work = async {
            let recorder = held.session.recorder();
            let word = recorder.pin(&Pin::Expiry, json!(new));
            recorder.journal().append_all(vec![word]).await.map_err(|e| e.diagnostic())?;
            let surplus = view.snapshot.surplus.values().map(|s| &s.found);
            let mut carriers = Vec::new();
            for found in view.snapshot.owned.values().chain(surplus) {
                carriers.extend(found.kind.carriers(&found.live)?);
            }
            let mut objects = 0;
            for carrier in tags::together(carriers) {
                carrier.retag(&self.aws, &tags, &[]).await?;
                objects += carrier.ids.len();
            }
            Ok::<_, Diagnostics>(objects)
        };
        let objects = work.await;
        let outcome = objects.as_ref().map(|_| Outcome::default()).map_err(Clone::clone);
        self.let_go(held, outcome).await?;
        Ok(Extended { at: new.at, objects: objects? })
    }
}
