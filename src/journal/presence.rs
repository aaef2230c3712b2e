//! Tells whether a process of this machine still lives: it holds a locked file as long as it does.
//!
//! The operating system frees the lock however the process ends, so a lease whose holder was killed here need not be
//! waited for. Nothing is concluded from a file that is not there: the holder may be on another machine.
use crate::private;
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Where holders show that they live.
#[derive(Debug, Clone)]
pub struct Presence(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Locked files (`.dlinfra/run`).
    Folder(PathBuf),
    /// The nonces of those that live, for tests whose processes are tasks.
    #[allow(dead_code, reason = "made by tests only")]
    Memory(Arc<Mutex<BTreeSet<String>>>),
}

/// This process is here as long as this value is. Dropped without [`Here::leave`] after a lock was written it leaves
/// what a killed process leaves: the sign by which its lock is known as that of a dead one.
#[derive(Debug)]
pub struct Here {
    _file: Option<File>,
    nonce: String,
    presence: Presence,
    written: bool,
}

impl Here {
    /// A lock with this nonce is about to be written.
    pub fn writes(&mut self) {
        self.written = true;
    }

    /// The lock was given back, or never taken: there is nothing to recognise.
    pub fn leave(self) {
        self.presence.remove(&self.nonce);
    }
}

impl Presence {
    /// Files below `root`, the `.dlinfra` folder.
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self(Kind::Folder(root.as_ref().join("run")))
    }

    /// Known to this process alone.
    pub fn memory() -> Self {
        Self(Kind::Memory(Arc::default()))
    }

    /// Shows that the holder of this nonce lives. `None` when the folder cannot be written: others then wait longer.
    pub fn enter(&self, nonce: &str) -> Option<Here> {
        let file = match &self.0 {
            Kind::Folder(folder) => {
                private::folder(folder).ok()?;
                let file = private::open(&path(folder, nonce), OpenOptions::new().create(true).append(true)).ok()?;
                file.try_lock().ok()?;
                Some(file)
            }
            Kind::Memory(living) => {
                living.lock().unwrap_or_else(PoisonError::into_inner).insert(nonce.to_owned());
                None
            }
        };
        Some(Here { _file: file, nonce: nonce.to_owned(), presence: self.clone(), written: false })
    }

    /// Is the holder of this nonce certainly dead?
    pub fn dead(&self, nonce: &str) -> bool {
        match &self.0 {
            Kind::Folder(folder) => {
                let legal = !nonce.is_empty() && nonce.chars().all(|c| c.is_ascii_alphanumeric());
                legal && OpenOptions::new().append(true).open(path(folder, nonce)).is_ok_and(|f| f.try_lock().is_ok())
            }
            Kind::Memory(living) => !living.lock().unwrap_or_else(PoisonError::into_inner).contains(nonce),
        }
    }

    /// Removes what a dead holder left.
    pub fn forget(&self, nonce: &str) {
        if self.dead(nonce) {
            self.remove(nonce);
        }
    }

    fn remove(&self, nonce: &str) {
        match &self.0 {
            Kind::Folder(folder) => {
                let _ = fs::remove_file(path(folder, nonce));
            }
            Kind::Memory(living) => {
                living.lock().unwrap_or_else(PoisonError::into_inner).remove(nonce);
            }
        }
    }
}

fn path(folder: &Path, nonce: &str) -> PathBuf {
    folder.join(format!("{nonce}.lock"))
}

impl Drop for Here {
    fn drop(&mut self) {
        if !self.written || matches!(self.presence.0, Kind::Memory(_)) {
            self.presence.remove(&self.nonce);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_that_let_go_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::new(folder.path());
        let path = |nonce| path(&folder.path().join("run"), nonce);
        assert!(!presence.dead("a"), "nobody knows");
        drop(presence.enter("a").unwrap());
        assert!(!path("a").exists(), "it never had a lock");
        let mut here = presence.enter("a").unwrap();
        here.writes();
        assert!(!presence.dead("a"));
        // A killed process leaves the file, but not the lock.
        fs::write(path("b"), b"").unwrap();
        assert!(presence.dead("b"));
        presence.forget("b");
        assert!(!presence.dead("b") && !path("b").exists());
        drop(here);
        assert!(presence.dead("a"), "it ended without a word");
        presence.enter("a").unwrap().leave();
        assert!(!path("a").exists());
        assert!(!presence.dead("../a"));
    }
}
