//! The lock as it is stored: who holds it, since when, and the two things that people do with it: look and break.
use super::{
    Clock, JournalError, Presence, TAKEOVER,
    backend::{Backend, Put},
    codec,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{env, fs, os::unix::fs::MetadataExt};

/// The key of the lock.
pub(super) const KEY: &str = "lock.json";

/// Who holds a lock, or wants to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `user@host pid 4711`.
    pub name: String,
    /// The machine, to know whether a dead process can be recognised here.
    pub host: String,
    /// The command that runs.
    pub command: String,
    /// The run in a CI system, as a link.
    pub ci: Option<String>,
}

impl Holder {
    /// This process.
    pub fn current(command: &str) -> Self {
        let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|k| set(k));
        // In a container nobody may have told who the user is.
        let numbered = || fs::metadata("/proc/self").ok().map(|own| format!("uid {}", own.uid()));
        let user = named.or_else(numbered).unwrap_or_else(|| "unknown".to_owned());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = format!("{user}@{host} pid {}", std::process::id());
        Self { name, host, command: command.to_owned(), ci: ci_run(&set) }
    }
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|v| !v.is_empty())
}

/// The page of the run in the CI systems that tell it.
fn ci_run(set: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let (Some(server), Some(repository), Some(run)) =
        (set("GITHUB_SERVER_URL"), set("GITHUB_REPOSITORY"), set("GITHUB_RUN_ID"))
    {
        return Some(format!("{server}/{repository}/actions/runs/{run}"));
    }
    ["CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL"].iter().find_map(|k| set(k))
}

/// The stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) held: bool,
    pub(super) nonce: String,
    pub(super) beat: u64,
    pub(super) holder: Holder,
    pub(super) since: Timestamp,
    pub(super) renewed: Timestamp,
}

impl Stored {
    pub(super) fn encode(&self) -> Result<Vec<u8>, JournalError> {
        match serde_json::to_value(self) {
            Ok(Value::Object(body)) => Ok(codec::line(body).into_bytes()),
            _ => Err(JournalError::Refused { why: "the lock is no object".to_owned() }),
        }
    }

    pub(super) fn decode(at: &str, bytes: &[u8]) -> Result<Self, JournalError> {
        let damaged =
            |why: &str| JournalError::Damaged { at: at.to_owned(), line: None, why: format!("{why} (the lock)") };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
        let body = codec::read_line(at, text.trim_end(), &damaged)?;
        serde_json::from_value(Value::Object(body)).map_err(|e| damaged(&e.to_string()))
    }
}

/// A moment for people, in whole seconds: nobody reads nanoseconds.
pub fn moment(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}

/// A lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockStatus {
    /// Is it held? A released lock tells who had it last.
    pub held: bool,
    /// Who; nothing when the lock's record cannot be read.
    pub holder: Option<Holder>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When the holder was last seen alive, by its own clock.
    pub renewed: Option<Timestamp>,
    /// What [`break_lock`] compares.
    #[serde(skip)]
    version: String,
    /// The holder's, so that its own renewals are no change of hands.
    #[serde(skip)]
    nonce: String,
}

impl LockStatus {
    pub(super) fn new(stored: &Stored, version: &str) -> Self {
        Self {
            held: stored.held,
            holder: Some(stored.holder.clone()),
            since: Some(stored.since),
            renewed: Some(stored.renewed),
            version: version.to_owned(),
            nonce: stored.nonce.clone(),
        }
    }

    /// Has the holder been silent for longer than a lock lasts, by its own clock? The next command then watches it for
    /// as long before it takes over.
    pub fn is_silent(&self, clock: &Clock) -> bool {
        // A fast sandbox's seconds are shorter than those that a lease is counted in.
        let lasts = TAKEOVER.saturating_mul(clock.speed());
        self.renewed.is_some_and(|t| clock.now().duration_since(t).unsigned_abs() >= lasts)
    }

    /// Is the holder a process of this machine that is certainly dead? The next command then takes the lock at once.
    pub fn is_dead(&self, here: &Presence) -> bool {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.held && self.holder.as_ref().is_some_and(|h| h.host == host) && here.dead(&self.nonce)
    }
}

/// Who holds the lock of this journal; `None` when nobody ever did.
///
/// # Errors
/// A place that cannot be read, or a lock of a newer dlinfra. A damaged lock is a held one without a name.
pub async fn status(backend: &dyn Backend) -> Result<Option<LockStatus>, JournalError> {
    let Some(found) = backend.get(KEY).await? else { return Ok(None) };
    match Stored::decode(KEY, &found.bytes) {
        Ok(stored) => Ok(Some(LockStatus::new(&stored, &found.version))),
        Err(JournalError::Damaged { .. }) => {
            let (version, nonce) = (found.version, String::new());
            Ok(Some(LockStatus { held: true, holder: None, since: None, renewed: None, version, nonce }))
        }
        Err(error) => Err(error),
    }
}

/// Ends a lock by hand, if it is still held by the one that was looked at. The holder stops at its next heartbeat, at most
/// 20 s later; what it does until then is found again by tags.
///
/// # Errors
/// A place that cannot be written. `Ok(false)` = the lock has changed since: look again.
pub async fn break_lock(backend: &dyn Backend, seen: &LockStatus, now: Timestamp) -> Result<bool, JournalError> {
    let nobody = || Holder { name: "unknown".into(), host: String::new(), command: String::new(), ci: None };
    let free = Stored {
        held: false,
        nonce: crate::record::nonce(),
        beat: 0,
        holder: seen.holder.clone().unwrap_or_else(nobody),
        since: seen.since.unwrap_or(now),
        renewed: now,
    };
    let mut version = seen.version.clone();
    loop {
        if let Put::Done(_) = backend.put_if_match(KEY, &free.encode()?, &version).await? {
            return Ok(true);
        }
        match status(backend).await? {
            // Our own write, whose answer was lost.
            Some(found) if found.nonce == free.nonce => return Ok(true),
            // A heartbeat came between.
            Some(found) if found.held && found.nonce == seen.nonce && found.version != version => {
                version = found.version;
            }
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_named_as_ci_names_it() {
        let of = |pairs: &'static [(&str, &str)]| {
            ci_run(&move |k: &str| pairs.iter().find(|(n, _)| *n == k).map(|(_, v)| (*v).to_owned()))
        };
        let github: &[_] =
            &[("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_REPOSITORY", "acme/ml"), ("GITHUB_RUN_ID", "42")];
        assert_eq!(of(github).as_deref(), Some("https://github.com/acme/ml/actions/runs/42"));
        assert_eq!(of(&[("CI_JOB_URL", "https://gitlab/x/-/jobs/1")]).as_deref(), Some("https://gitlab/x/-/jobs/1"));
        assert_eq!(of(&[]), None);
    }
}
