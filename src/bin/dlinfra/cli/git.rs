//! Files as they were at a commit: read through the `git` program, nothing is checked out.
use crate::cli::codes;
use dlinfra::{
    blueprint::{FileError, FileKind, Files, RealFiles},
    diagnostic::Diagnostic,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

/// The files of one commit; what lies outside of the repository is read as it is now.
pub(super) struct Commit {
    /// The repository's folder, absolute.
    root: PathBuf,
    /// The folder that relative paths start from, absolute.
    here: PathBuf,
    /// Forty digits.
    pub(super) id: String,
    /// Mode, object and size by path in the repository.
    entries: BTreeMap<PathBuf, Entry>,
    folders: BTreeSet<PathBuf>,
    /// Files that are read as they are now although they lie in the repository: those named on the command line.
    present: Vec<PathBuf>,
}

struct Entry {
    link: bool,
    object: String,
    size: u64,
}

/// A chain of links longer than this is a ring.
const LINKS: usize = 8;

impl Commit {
    /// The commit that a name stands for in the repository of `file`; nothing when there is no such commit or repository.
    ///
    /// # Errors
    /// `git` cannot be run, or fails in the middle.
    pub(super) fn find(name: &str, file: &Path, present: Vec<PathBuf>) -> Result<Option<Self>, Diagnostic> {
        let here = std::env::current_dir().map_err(|e| failed(&e.to_string()))?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => here.join(parent),
            _ => here.clone(),
        };
        // Through links, as git itself names its folder.
        let folder = folder.canonicalize().unwrap_or(folder);
        let here = here.canonicalize().unwrap_or(here);
        let Some(root) = run(&folder, &["rev-parse", "--show-toplevel"])? else { return Ok(None) };
        let root = PathBuf::from(text(&root));
        let wanted = format!("{name}^{{commit}}");
        let Some(id) = run(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])? else {
            return Ok(None);
        };
        let id = text(&id);
        let listing = run(&root, &["ls-tree", "-r", "-l", "-z", "--full-tree", &id])?
            .ok_or_else(|| failed(&format!("`git ls-tree {id}` failed")))?;
        let mut entries = BTreeMap::new();
        let mut folders = BTreeSet::from([PathBuf::new()]);
        for row in listing.split(|b| *b == 0).filter(|row| !row.is_empty()) {
            let row = String::from_utf8_lossy(row);
            let Some((head, path)) = row.split_once('\t') else { continue };
            let mut head = head.split_ascii_whitespace();
            let (Some(mode), Some("blob"), Some(object), Some(size)) =
                (head.next(), head.next(), head.next(), head.next())
            else {
                continue;
            };
            let path = PathBuf::from(path);
            folders.extend(path.ancestors().skip(1).map(Path::to_path_buf));
            let size = size.parse().unwrap_or(u64::MAX);
            entries.insert(path, Entry { link: mode == "120000", object: object.to_owned(), size });
        }
        Ok(Some(Self { root, here, id, entries, folders, present }))
    }

    /// Ten digits, for people.
    pub(super) fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }

    /// The path in the repository; nothing for what lies outside.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        if self.present.iter().any(|p| p == path) {
            return None;
        }
        flat(&self.here.join(path)).strip_prefix(&self.root).ok().map(Path::to_path_buf)
    }

    /// The entry that a path means, links followed.
    fn entry(&self, path: &Path) -> Option<&Entry> {
        let mut path = path.to_path_buf();
        for _ in 0..LINKS {
            let entry = self.entries.get(&path)?;
            if !entry.link {
                return Some(entry);
            }
            let target = text(&run(&self.root, &["cat-file", "blob", &entry.object]).ok()??);
            path = flat(&path.parent().unwrap_or(Path::new("")).join(target));
        }
        None
    }
}

impl Files for Commit {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let Some(inside) = self.inside(path) else { return RealFiles.kind(path) };
        match self.entries.get(&inside) {
            Some(entry) if entry.link => Some(FileKind::Link),
            Some(_) => Some(FileKind::File),
            None => self.folders.contains(&inside).then_some(FileKind::Folder),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let Some(inside) = self.inside(path) else { return RealFiles.read(path, limit) };
        match self.entry(&inside) {
            Some(entry) if entry.size > limit => Err(FileError::TooLarge(limit)),
            Some(entry) => match run(&self.root, &["cat-file", "blob", &entry.object]) {
                Ok(Some(bytes)) => Ok(bytes),
                Ok(None) => Err(FileError::System(format!("git has lost the object {}", entry.object))),
                Err(e) => Err(FileError::System(e.summary)),
            },
            None if self.folders.contains(&inside) => Err(FileError::NotAFile("a folder")),
            None => Err(FileError::Missing),
        }
    }
}

/// Without `.` and `..`.
fn flat(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned()
}

fn failed(why: &str) -> Diagnostic {
    Diagnostic::error(&codes::GIT, format!("git cannot be asked: {why}"))
        .with_help("install git, or compare with a file: `--compare OTHER.yaml`")
}

/// What git prints; nothing when it says no.
fn run(folder: &Path, args: &[&str]) -> Result<Option<Vec<u8>>, Diagnostic> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args).stdin(Stdio::null());
    // Neither a prompt nor a fetch from a promisor: everything here works offline.
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
    let out = command.output().map_err(|e| failed(&e.to_string()))?;
    Ok(out.status.success().then_some(out.stdout))
}
