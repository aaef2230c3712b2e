//! Keeping the account between processes: an append-only log, a snapshot now and then, one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Change, World};

/// A log longer than this is folded into a snapshot.
const SNAPSHOT_BYTES: u64 = 64 << 20;

/// Why a sandbox could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder could not be created, read or written.
    #[error("the sandbox cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the sandbox open.
    #[error(
        "the sandbox in {} is in use by another process: let it finish, stop `dlinfra sandbox serve`, or use \
         another folder",
        path.display()
    )]
    Locked {
        /// The sandbox's folder.
        path: PathBuf,
    },
    /// The stored account cannot be read.
    #[error("the sandbox file {} is damaged at line {line}: {detail}; `dlinfra sandbox reset` starts anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
}

/// One line of the log: a transaction, or only the time (no changes).
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Position in the account's history.
    seq: u64,
    /// Sandbox time.
    t: Timestamp,
    /// Wall time.
    w: Timestamp,
    /// Identifiers given so far.
    n: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ops: Vec<Op>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Op {
    k: String,
    r: String,
    i: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<Value>,
}

impl From<Change> for Op {
    fn from(change: Change) -> Self {
        Self { k: change.kind.to_owned(), r: change.region, i: change.id, v: change.value }
    }
}

/// The moment at which an account was left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) sandbox: Timestamp,
    pub(crate) wall: Timestamp,
}

/// The open files of one account.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    log: File,
    bytes: u64,
    seq: u64,
    last_time: Timestamp,
    /// Held until this is dropped.
    _lock: File,
}

impl Disk {
    /// Locks the folder and reads the account into `world`.
    pub(crate) fn open(folder: &Path, wait: Duration, world: &mut World) -> Result<(Self, Option<Left>), OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock = lock(folder, wait)?;

        let mut left = None;
        let mut seq = 0;
        let snapshot = folder.join("snapshot.json");
        if snapshot.exists() {
            let text = std::fs::read(&snapshot).map_err(failed(&snapshot))?;
            let damaged = |detail: String| OpenError::Damaged { path: snapshot.clone(), line: 1, detail };
            let line: Line = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
            seq = line.seq;
            left = Some(apply(world, line).map_err(damaged)?);
        }

        let path = folder.join("log.jsonl");
        let mut log = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed(&path))?;
        let mut good = 0;
        let mut number = 0;
        let mut reader = BufReader::new(&log);
        let mut text = String::new();
        loop {
            text.clear();
            let size = reader.read_line(&mut text).map_err(failed(&path))?;
            // A line without its end was never acknowledged: the writer was killed in the middle of it.
            if size == 0 || !text.ends_with('\n') {
                break;
            }
            number += 1;
            let damaged = |detail: String| OpenError::Damaged { path: path.clone(), line: number, detail };
            let line: Line = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
            // Lines up to the snapshot are left over when a process died between writing it and emptying the log.
            if line.seq > seq {
                seq = line.seq;
                left = Some(apply(world, line).map_err(damaged)?);
            }
            good += size as u64;
        }
        drop(reader);
        log.set_len(good).map_err(failed(&path))?;
        log.seek(SeekFrom::End(0)).map_err(failed(&path))?;
        let last_time = left.map_or(Timestamp::MIN, |left: Left| left.sandbox);
        Ok((Self { folder: folder.to_owned(), log, bytes: good, seq, last_time, _lock: lock }, left))
    }

    /// Writes the world's open transaction; with `sync`, waits until it is on disk.
    pub(crate) fn write(&mut self, world: &World, now: Timestamp, sync: bool) -> io::Result<()> {
        let ops: Vec<Op> = world.changes()?.into_iter().map(Op::from).collect();
        // Without changes only the time is worth a line, and not often.
        if ops.is_empty() && now.duration_since(self.last_time).as_secs() < 5 {
            return Ok(());
        }
        let sync = sync && !ops.is_empty();
        let line = Line { seq: self.seq + 1, t: now, w: Timestamp::now(), n: world.counter(), ops };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let written = self.log.write_all(&text).and_then(|()| if sync { self.log.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // Nothing of a failed transaction may come back at the next opening.
            self.log.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += text.len() as u64;
        self.seq += 1;
        self.last_time = now;
        Ok(())
    }

    /// Folds a long log into a snapshot. Call it right after a commit.
    pub(crate) fn compact(&mut self, world: &World, now: Timestamp, force: bool) -> io::Result<()> {
        if self.bytes < SNAPSHOT_BYTES && !force {
            return Ok(());
        }
        let ops = world.everything()?.into_iter().map(Op::from).collect();
        let line = Line { seq: self.seq, t: now, w: Timestamp::now(), n: world.counter(), ops };
        let fresh = self.folder.join("snapshot.json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&line)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.folder.join("snapshot.json"))?;
        File::open(&self.folder)?.sync_all()?;
        self.log.set_len(0)?;
        self.bytes = 0;
        Ok(())
    }
}

fn apply(world: &mut World, line: Line) -> Result<Left, String> {
    for op in line.ops {
        world.load(&op.k, &op.r, &op.i, op.v)?;
    }
    world.set_counter(line.n);
    Ok(Left { sandbox: line.t, wall: line.w })
}

fn lock(folder: &Path, wait: Duration) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < wait => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
}
