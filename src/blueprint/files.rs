//! Reading files: the real ones, and those of a test. What was read is digested, so that a plan can tell what changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use crate::expression::functions::digest;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// Something else is there.
    #[error("it is {0}")]
    NotAFile(&'static str),
    /// More bytes than the limit.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// What the system says.
    #[error("{0}")]
    System(String),
}

/// Where files come from.
pub trait Files {
    /// What stands at a path, links not followed.
    fn kind(&self, path: &Path) -> Option<FileKind>;
    /// The bytes of a regular file (a link to one counts) of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is no such file, or it is too large, or cannot be read.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError>;
}

/// The path that means the standard input.
const STDIN: &str = "-";

/// The standard input can be read once, and a command may ask for its blueprint again.
fn stdin(limit: u64) -> Result<Vec<u8>, FileError> {
    static READ: std::sync::OnceLock<Result<Vec<u8>, String>> = std::sync::OnceLock::new();
    let read = READ.get_or_init(|| {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|e| e.to_string())
    });
    match read {
        Ok(bytes) if bytes.len() as u64 > limit => Err(FileError::TooLarge(limit)),
        Ok(bytes) => Ok(bytes.clone()),
        Err(e) => Err(FileError::System(e.clone())),
    }
}

/// The files of this computer; `-` is the standard input.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let t = std::fs::symlink_metadata(path).ok()?.file_type();
        Some(if t.is_symlink() {
            FileKind::Link
        } else if t.is_dir() {
            FileKind::Folder
        } else if t.is_file() {
            FileKind::File
        } else {
            FileKind::Other
        })
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let system = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => FileError::Missing,
            _ => FileError::System(e.to_string()),
        };
        if path == Path::new(STDIN) {
            return stdin(limit);
        }
        // Asked before opening: opening a pipe would wait for its writer.
        let meta = std::fs::metadata(path).map_err(system)?;
        if meta.is_dir() {
            return Err(FileError::NotAFile("a folder"));
        }
        if !meta.is_file() {
            return Err(FileError::NotAFile("not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(system)?;
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(system)?;
        if bytes.len() as u64 > limit { Err(FileError::TooLarge(limit)) } else { Ok(bytes) }
    }
}

/// Files in memory, for tests and for blueprints that a program makes.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
    links: Vec<PathBuf>,
}

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more file.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    /// One more file that is a symbolic link to somewhere.
    #[must_use]
    pub fn with_link(mut self, path: impl Into<PathBuf>) -> Self {
        self.links.push(path.into());
        self
    }
}

impl Files for MemoryFiles {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let path = clean(path);
        if self.links.contains(&path) {
            Some(FileKind::Link)
        } else if self.files.contains_key(&path) {
            Some(FileKind::File)
        } else if path.as_os_str().is_empty() || self.files.keys().any(|f| f.starts_with(&path)) {
            Some(FileKind::Folder)
        } else {
            None
        }
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        match self.files.get(&clean(path)) {
            Some(bytes) if bytes.len() as u64 > limit => Err(FileError::TooLarge(limit)),
            Some(bytes) => Ok(bytes.clone()),
            None if self.kind(path) == Some(FileKind::Folder) => Err(FileError::NotAFile("a folder")),
            None => Err(FileError::Missing),
        }
    }
}

/// Without `.`, and with `..` applied where a folder stands before it.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Reads through another [`Files`] and remembers the digest of each file.
pub(crate) struct Recorder<'a> {
    files: &'a dyn Files,
    /// The modules in the program and the files beside them, as `MODULE/FILE`.
    built_in: &'static [(&'static str, &'static str)],
    digests: RefCell<BTreeMap<String, String>>,
}

/// The folder that the modules of the program seem to lie in.
pub(crate) const BUILT_IN: &str = "(built in)";

/// The largest file that `file()` and scripts read.
pub(crate) const MAX_SIDE_FILE: u64 = 1 << 20;

impl<'a> Recorder<'a> {
    pub(crate) fn new(files: &'a dyn Files, built_in: &'static [(&'static str, &'static str)]) -> Self {
        Recorder { files, built_in, digests: RefCell::default() }
    }

    pub(crate) fn kind(&self, path: &Path) -> Option<FileKind> {
        let Ok(inside) = path.strip_prefix(BUILT_IN) else { return self.files.kind(path) };
        match self.beside_module(inside) {
            Some(_) => Some(FileKind::File),
            None => self.built_in.iter().any(|(n, _)| Path::new(n).starts_with(inside)).then_some(FileKind::Folder),
        }
    }

    fn beside_module(&self, inside: &Path) -> Option<&'static str> {
        // A module itself has no slash in its name; what has one lies beside it.
        let beside = |name: &str| name.contains('/') && Path::new(name) == inside;
        self.built_in.iter().find(|(name, _)| beside(name)).map(|(_, text)| *text)
    }

    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        if let Ok(inside) = path.strip_prefix(BUILT_IN) {
            // The program's own version says what these are, so they have no digest.
            return self.beside_module(inside).map(|text| text.as_bytes().to_vec()).ok_or(FileError::Missing);
        }
        let bytes = self.files.read(path, limit)?;
        self.digests.borrow_mut().insert(path.display().to_string(), digest(&bytes));
        Ok(bytes)
    }

    /// A text file below `folder`; the error is a summary and a help.
    pub(crate) fn read_beside(&self, folder: &Path, name: &str) -> Result<String, (String, String)> {
        let refuse = |why: &str| {
            Err((
                format!("`{name}` {why}"),
                "name a regular file in the folder of this YAML file, or below it".to_string(),
            ))
        };
        let path = Path::new(name);
        if name.is_empty() || path.is_absolute() || name.contains('\\') || name.contains('\0') {
            return refuse("is not a relative path");
        }
        let mut at = folder.to_path_buf();
        for part in path.components() {
            match part {
                Component::CurDir => continue,
                Component::Normal(part) => {
                    if part.to_string_lossy().starts_with('.') {
                        return refuse("is hidden");
                    }
                    at.push(part);
                }
                _ => return refuse("leads out of the folder"),
            }
            match self.kind(&at) {
                Some(FileKind::Link) => return refuse("goes through a symbolic link"),
                Some(FileKind::Other) => return refuse("is not a regular file"),
                None => return refuse("does not exist"),
                Some(FileKind::File | FileKind::Folder) => {}
            }
        }
        if self.kind(&at) != Some(FileKind::File) {
            return refuse("is not a regular file");
        }
        match self.read(&at, MAX_SIDE_FILE) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') => Ok(text),
                _ => refuse("is not UTF-8 text"),
            },
            Err(e) => Err((format!("`{name}` cannot be read: {e}"), "files have up to 1 MB".to_string())),
        }
    }

    pub(crate) fn into_digests(self) -> BTreeMap<String, String> {
        self.digests.into_inner()
    }
}
