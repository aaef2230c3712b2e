//! Files on their way into a saved plan, and out of it.
use super::{SavedInputs, codes};
use crate::{
    blueprint::{FileError, FileKind, Files},
    diagnostic::Diagnostics,
};
use std::{cell::RefCell, collections::BTreeMap, path::Path};

/// Reads through other files and remembers what was read and looked at.
pub struct Recording<'a> {
    inner: &'a dyn Files,
    read: RefCell<BTreeMap<String, Vec<u8>>>,
    looked: RefCell<BTreeMap<String, Option<FileKind>>>,
}

impl<'a> Recording<'a> {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(inner: &'a dyn Files) -> Self {
        Self { inner, read: RefCell::default(), looked: RefCell::default() }
    }

    pub(super) fn into_inputs(self, out: &mut SavedInputs) -> Result<(), Diagnostics> {
        for (path, bytes) in self.read.into_inner() {
            let text = String::from_utf8(bytes).map_err(|_| codes::no_text(&path))?;
            out.files.insert(path, text);
        }
        let replay = Recorded { files: &out.files, looked: &BTreeMap::new() };
        let odd: BTreeMap<String, String> = self
            .looked
            .into_inner()
            .into_iter()
            .filter(|(path, kind)| replay.kind(Path::new(path)) != *kind)
            .map(|(path, kind)| (path, word(kind).to_owned()))
            .collect();
        out.looked = odd;
        Ok(())
    }
}

impl Files for Recording<'_> {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let kind = self.inner.kind(path);
        self.looked.borrow_mut().insert(path.display().to_string(), kind);
        kind
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let bytes = self.inner.read(path, limit)?;
        self.read.borrow_mut().insert(path.display().to_string(), bytes.clone());
        Ok(bytes)
    }
}

/// The files of a saved plan: the same answers as when it was made.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    files: &'a BTreeMap<String, String>,
    looked: &'a BTreeMap<String, String>,
}

impl<'a> Recorded<'a> {
    /// The files of these inputs.
    #[must_use]
    pub fn new(inputs: &'a SavedInputs) -> Self {
        Self { files: &inputs.files, looked: &inputs.looked }
    }
}

impl Files for Recorded<'_> {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let name = path.display().to_string();
        if let Some(found) = self.looked.get(&name) {
            return kind(found);
        }
        if self.files.contains_key(&name) {
            return Some(FileKind::File);
        }
        self.files.keys().any(|f| Path::new(f) != path && Path::new(f).starts_with(path)).then_some(FileKind::Folder)
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        match self.files.get(&path.display().to_string()) {
            Some(text) if text.len() as u64 > limit => Err(FileError::TooLarge(limit)),
            Some(text) => Ok(text.clone().into_bytes()),
            None => Err(FileError::Missing),
        }
    }
}

fn word(kind: Option<FileKind>) -> &'static str {
    match kind {
        Some(FileKind::File) => "file",
        Some(FileKind::Folder) => "folder",
        Some(FileKind::Link) => "link",
        Some(FileKind::Other) => "other",
        None => "nothing",
    }
}

fn kind(word: &str) -> Option<FileKind> {
    match word {
        "file" => Some(FileKind::File),
        "folder" => Some(FileKind::Folder),
        "link" => Some(FileKind::Link),
        "other" => Some(FileKind::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::MemoryFiles;

    #[test]
    fn what_was_recorded_answers_as_the_files_did() {
        let files = MemoryFiles::new().with("b/x.yaml", "a").with("b/boot.sh", "#!").with_link("b/link.yaml");
        let recording = Recording::new(&files);
        let paths = ["b", "b/x.yaml", "b/link.yaml", "b/modules", "b/boot.sh"];
        let before: Vec<_> = paths.iter().map(|p| recording.kind(Path::new(p))).collect();
        assert_eq!(recording.read(Path::new("b/x.yaml"), 10), Ok(b"a".to_vec()));
        let mut inputs = SavedInputs::default();
        recording.into_inputs(&mut inputs).unwrap();
        // `boot.sh` was looked at and never read: only its kind is known.
        assert_eq!(inputs.looked.keys().collect::<Vec<_>>(), ["b/boot.sh", "b/link.yaml"]);
        let replay = Recorded::new(&inputs);
        assert_eq!(paths.iter().map(|p| replay.kind(Path::new(p))).collect::<Vec<_>>(), before);
        assert_eq!(replay.read(Path::new("b/x.yaml"), 10), Ok(b"a".to_vec()));
        assert_eq!(replay.read(Path::new("b/y.yaml"), 10), Err(FileError::Missing));
        assert_eq!(replay.read(Path::new("b/x.yaml"), 0), Err(FileError::TooLarge(0)));
    }

    #[test]
    fn bytes_that_are_no_text_cannot_be_saved() {
        let files = MemoryFiles::new().with("x", vec![0xFF]);
        let recording = Recording::new(&files);
        assert!(recording.read(Path::new("x"), 10).is_ok());
        assert!(recording.into_inputs(&mut SavedInputs::default()).is_err());
    }
}
