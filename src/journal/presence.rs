//! Tells whether a process of this machine still lives: it holds a locked file as long as it does.
//!
//! The operating system frees the lock however the process ends, so a lease whose holder was killed here need not be
//! waited for. Nothing is concluded from a file that is not there: the holder may be on another machine.
use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

/// A folder of such files (`.dlinfra/run`).
#[derive(Debug, Clone)]
pub struct Presence(PathBuf);

/// This process is here as long as this value is.
#[derive(Debug)]
pub struct Here {
    _file: File,
    path: PathBuf,
}

impl Presence {
    /// Files below `root`, the `.dlinfra` folder.
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self(root.as_ref().join("run"))
    }

    fn path(&self, nonce: &str) -> PathBuf {
        self.0.join(format!("{nonce}.lock"))
    }

    /// Shows that the holder of this nonce lives. `None` when the folder cannot be written: others then wait longer.
    pub fn enter(&self, nonce: &str) -> Option<Here> {
        fs::create_dir_all(&self.0).ok()?;
        let path = self.path(nonce);
        let file = OpenOptions::new().create(true).append(true).open(&path).ok()?;
        file.try_lock().ok()?;
        Some(Here { _file: file, path })
    }

    /// Is the holder of this nonce certainly dead?
    pub fn dead(&self, nonce: &str) -> bool {
        let legal = !nonce.is_empty() && nonce.chars().all(|c| c.is_ascii_alphanumeric());
        legal && OpenOptions::new().append(true).open(self.path(nonce)).is_ok_and(|f| f.try_lock().is_ok())
    }

    /// Removes what a dead holder left.
    pub fn forget(&self, nonce: &str) {
        if self.dead(nonce) {
            let _ = fs::remove_file(self.path(nonce));
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_that_let_go_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::new(folder.path());
        assert!(!presence.dead("a"), "nobody knows");
        let here = presence.enter("a").unwrap();
        assert!(!presence.dead("a"));
        // A killed process leaves the file, but not the lock.
        fs::write(presence.path("b"), b"").unwrap();
        assert!(presence.dead("b"));
        presence.forget("b");
        assert!(!presence.dead("b") && !presence.path("b").exists());
        drop(here);
        assert!(!presence.path("a").exists());
        assert!(!presence.dead("../a"));
    }
}
