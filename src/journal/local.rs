//! A journal in a folder of this machine, for one person: files written whole, linked into place, and synced.
//!
//! A file appears under its name only when its bytes are on the disk (temporary file, sync, hard link, sync of the
//! folder), so a torn file cannot exist, whatever is killed when.
use super::{
    JournalError, Presence,
    backend::{Backend, Pending, Place, Put, Stored},
};
use crate::{private, record, spec};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Temporary files start with this; nothing else does.
const TEMPORARY: &str = ".new-";
/// Held while an object is compared and replaced.
const GUARD: &str = ".guard";

/// `.dlinfra/state/<account>/<region>/<stack>/`.
#[derive(Debug, Clone)]
pub struct LocalBackend {
    root: PathBuf,
    folder: PathBuf,
}

impl LocalBackend {
    /// The journal of a stack below `root`, a folder of dlinfra's own (`.dlinfra`, which gets a `.gitignore`).
    pub fn new(root: impl Into<PathBuf>, account: &str, region: &str, stack: &str) -> Self {
        let root = root.into();
        let folder = root.join("state").join(account).join(region).join(stack);
        Self { root, folder }
    }

    /// The folder of this stack.
    #[cfg(any(test, feature = "internals"))]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets the folder aside, so that it is no journal any more; where it lies then. Nobody holds its lock.
    ///
    /// # Errors
    /// A folder that cannot be renamed.
    pub fn set_aside(&self) -> Result<PathBuf, JournalError> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A dot and a name that no stack can have.
        let aside = (1..)
            .map(|n| self.folder.with_file_name(format!(".{name}.moved-{n}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.folder.with_extension("moved"));
        fs::rename(&self.folder, &aside).map_err(|e| JournalError::io("rename", &self.folder, &e))?;
        Ok(aside)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }

    /// File operations block, and syncing takes milliseconds, so they leave the scheduler's thread.
    fn run<T, F>(&self, work: F) -> Pending<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, JournalError> + Send + 'static,
    {
        let here = self.clone();
        Box::pin(async move {
            let place = here.place();
            let done = tokio::task::spawn_blocking(move || work(&here)).await;
            done.unwrap_or_else(|e| Err(JournalError::Io { doing: "use", path: place, why: e.to_string() }))
        })
    }

    /// Writes the bytes to a temporary file in the folder of `path`, durable but not visible yet.
    fn stage(path: &Path, bytes: &[u8]) -> Result<PathBuf, JournalError> {
        let folder = path.parent().unwrap_or(path);
        private::folder(folder).map_err(|e| JournalError::io("create", folder, &e))?;
        let staged = folder.join(format!("{TEMPORARY}{}", record::nonce()));
        let write = || -> io::Result<()> {
            let mut file = private::open(&staged, OpenOptions::new().write(true).create_new(true))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| {
            let _ = fs::remove_file(&staged);
            JournalError::io("write", &staged, &e)
        })?;
        Ok(staged)
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, JournalError> {
        let path = self.path(key);
        let staged = Self::stage(&path, bytes)?;
        let linked = fs::hard_link(&staged, &path);
        let _ = fs::remove_file(&staged);
        match linked {
            Ok(()) => sync_folder(&path).map(|()| Put::Done(version(bytes))),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Taken),
            Err(e) => Err(JournalError::io("write", &path, &e)),
        }
    }

    fn replace(&self, key: &str, bytes: &[u8], expected: &str) -> Result<Put, JournalError> {
        let path = self.path(key);
        let _guard = self.guard()?;
        match self.read(key)? {
            Some(found) if found.version == expected => {}
            _ => return Ok(Put::Taken),
        }
        let staged = Self::stage(&path, bytes)?;
        fs::rename(&staged, &path).map_err(|e| JournalError::io("write", &path, &e))?;
        sync_folder(&path).map(|()| Put::Done(version(bytes)))
    }

    /// Comparing and replacing is one step for every process of this machine.
    fn guard(&self) -> Result<File, JournalError> {
        private::folder(&self.folder).map_err(|e| JournalError::io("create", &self.folder, &e))?;
        let path = self.path(GUARD);
        let fail = |e: &io::Error| JournalError::io("lock", &path, e);
        let file = private::open(&path, OpenOptions::new().create(true).append(true)).map_err(|e| fail(&e))?;
        // A process that was stopped inside must not stop everybody for ever.
        for _ in 0..500 {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::Error(e)) => return Err(fail(&e)),
            }
        }
        Err(fail(&io::Error::new(io::ErrorKind::TimedOut, "another process holds it for more than 5 s")))
    }

    fn read(&self, key: &str) -> Result<Option<Stored>, JournalError> {
        let path = self.path(key);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Stored { version: version(&bytes), bytes })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(JournalError::io("read", &path, &e)),
        }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, JournalError> {
        let path = self.path(folder);
        let fail = |e: &io::Error| JournalError::io("read", &path, e);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(fail(&e)),
        };
        let mut out = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| fail(&e))?.file_name();
            if let Some(name) = name.to_str().filter(|n| !n.starts_with('.')) {
                out.push(format!("{folder}{name}"));
            }
        }
        out.sort();
        Ok(out)
    }

    /// What a killed process left half-written; an hour is longer than any write.
    fn sweep_temporary(&self) {
        let old = |e: &fs::DirEntry| {
            let age = e.metadata().and_then(|m| m.modified()).map(|t| SystemTime::now().duration_since(t));
            e.file_name().to_str().is_some_and(|n| n.starts_with(TEMPORARY))
                && matches!(age, Ok(Ok(age)) if age > Duration::from_secs(3600))
        };
        for folder in ["", "log", "fold"] {
            for entry in fs::read_dir(self.path(folder)).into_iter().flatten().flatten().filter(old) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Content decides: every record of the lock and every batch of the log is unique.
fn version(bytes: &[u8]) -> String {
    spec::sha256(bytes)
}

/// The name of a new file is durable only when its folder is.
fn sync_folder(path: &Path) -> Result<(), JournalError> {
    let folder = path.parent().unwrap_or(path);
    #[cfg(unix)]
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| JournalError::io("sync", folder, &e))?;
    let _ = folder;
    Ok(())
}

impl Backend for LocalBackend {
    fn place(&self) -> String {
        self.folder.display().to_string()
    }

    fn presence(&self) -> Option<Presence> {
        Some(Presence::new(&self.root))
    }

    fn look(&self) -> Pending<'_, Place> {
        self.run(|here| Ok(if here.folder.is_dir() { Place::There } else { Place::ToBeMade }))
    }

    fn prepare(&self) -> Pending<'_, ()> {
        self.run(|here| {
            let log = here.path("log");
            private::folder(&log).map_err(|e| JournalError::io("create", &log, &e))?;
            // State is no source code: it must not be committed by accident.
            let ignore = here.root.join(".gitignore");
            match private::open(&ignore, OpenOptions::new().write(true).create_new(true)) {
                Ok(mut file) => {
                    file.write_all(b"*\n").map_err(|e| JournalError::io("write", &ignore, &e))?;
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(JournalError::io("write", &ignore, &e)),
            }
            here.sweep_temporary();
            // A folder that cannot be written is found out before anything is done in AWS.
            let probe = Self::stage(&here.path("probe"), b"")?;
            fs::remove_file(&probe).map_err(|e| JournalError::io("write", &probe, &e))
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        let (key, bytes) = (key.to_owned(), bytes.to_vec());
        self.run(move |here| here.create(&key, &bytes))
    }

    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], expected: &'a str) -> Pending<'a, Put> {
        let (key, bytes, expected) = (key.to_owned(), bytes.to_vec(), expected.to_owned());
        self.run(move |here| here.replace(&key, &bytes, &expected))
    }

    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        let key = key.to_owned();
        self.run(move |here| here.read(&key))
    }

    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        let (folder, after) = (folder.to_owned(), after.to_owned());
        self.run(move |here| {
            let mut names = here.names(&folder)?;
            names.retain(|n| *n > after);
            Ok(names)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        let path = self.path(key);
        self.run(move |_| match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(JournalError::io("remove", &path, &e)),
            _ => Ok(()),
        })
    }
}
