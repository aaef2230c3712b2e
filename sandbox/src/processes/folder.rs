//! The folder of functions that run: their code, unpacked once for each zip, and a home for each run.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::archive;
use crate::functions::Invocation;
use crate::scratch::{Scratch, private};

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Folder {
    scratch: Scratch,
    /// The names of the zips that are unpacked.
    unpacked: Mutex<BTreeSet<String>>,
    runs: AtomicU64,
}

impl Folder {
    /// A new folder for temporary files, for nobody else.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { scratch: Scratch::new("functions")?, unpacked: Mutex::default(), runs: AtomicU64::new(0) })
    }

    /// Where the code of a function is unpacked.
    pub(super) async fn code(&self, invocation: &Invocation) -> io::Result<PathBuf> {
        let name: String = invocation.code_sha256.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = self.scratch.path().join(format!("code-{name}"));
        let mut unpacked = self.unpacked.lock().await;
        if unpacked.contains(&name) {
            return Ok(path);
        }
        let (zip, to) = (invocation.code.clone(), path.clone());
        let unpack = move || {
            // What an attempt that failed left there.
            if to.exists() {
                std::fs::remove_dir_all(&to)?;
            }
            DirBuilder::new().mode(0o755).create(&to)?;
            archive::unpack(&zip, &to)
        };
        tokio::task::spawn_blocking(unpack).await.map_err(io::Error::other)??;
        unpacked.insert(name);
        Ok(path)
    }

    /// An empty folder for one run.
    pub(super) fn home(&self) -> io::Result<PathBuf> {
        let path = self.scratch.path().join(format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)));
        private(&path)?;
        Ok(path)
    }

    /// Removes what a run left behind; what cannot be removed goes with the folder.
    pub(super) async fn leave(home: PathBuf) {
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(home)).await;
    }
}
