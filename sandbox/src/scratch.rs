//! Folders for what runs: for nobody else, and gone with their owner.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder that goes with its owner.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder among the temporary files of this machine, with a word in its name.
    pub(crate) fn new(word: &str) -> io::Result<Self> {
        let (within, process) = (std::env::temp_dir(), std::process::id());
        for number in 0..1000 {
            let path = within.join(format!("dlinfra-{word}-{process}-{number}"));
            match private(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Makes a folder for nobody else.
pub(crate) fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder for temporary files is nobody's loss.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
