//! What people read of live objects, and ask them: logs, and requests as users send them.
use super::Engine;
use crate::{
    aws::{Error, log_events::LogLine},
    resource::Served,
    snapshot::Found,
};
use jiff::Timestamp;

impl Engine {
    /// What an object has written since then, the oldest first; nothing of one that writes no logs.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn lines(&self, object: &Found, since: Timestamp) -> Result<Vec<LogLine>, Error> {
        match object.kind.lines(&self.sweep("", &[]), &object.live, since) {
            Some(lines) => lines.await,
            None => Ok(Vec::new()),
        }
    }

    /// Asks an object what its users ask; nothing of one that answers nobody.
    ///
    /// # Errors
    /// Whatever AWS, or what runs there, answers.
    pub async fn invoke(&self, object: &Found, content_type: &str, body: Vec<u8>) -> Result<Option<Served>, Error> {
        match object.kind.invoke(&self.sweep("", &[]), &object.live, content_type, body) {
            Some(answer) => answer.await.map(Some),
            None => Ok(None),
        }
    }
}
