//! Keeping the account between processes: an append-only log, a snapshot now and then, one process at a time.
//!
//! Every line has a check sum and a number without gaps, and the small file `head.json` says which number was the last,
//! and the time: a part of the account that is missing is noticed, and time goes on where it was left.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::store::{Change, World};

/// A log longer than this is folded into a snapshot.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// `head.json` is written over in place, always at this length.
const HEAD_BYTES: usize = 256;

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
    #[error("another process uses the account in {}", path.display())]
    Locked {
        /// The sandbox's folder.
        path: PathBuf,
    },
    /// The account was kept by another version of this program, which kept something else of it.
    #[error(
        "the account in {} was kept by another version of this program, and this one cannot read it: {detail}",
        path.display()
    )]
    OtherVersion {
        /// The sandbox's folder.
        path: PathBuf,
        /// What cannot be read.
        detail: String,
    },
    /// The stored account cannot be read.
    #[error("the sandbox file {} is damaged at line {line}: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
}

/// The keys of a line, beside its sum.
const KEYS: [&str; 5] = ["seq", "t", "w", "n", "ops"];

/// One line: a transaction, a whole account (the snapshot), or only number and time (the head).
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

impl Line {
    /// The line with its check sum in front, and without an end.
    fn encode(&self) -> io::Result<String> {
        let text = serde_json::to_string(self)?;
        let rest = text.strip_prefix('{').unwrap_or(&text);
        Ok(format!("{{\"sum\":\"{}\",{rest}", sum(rest)))
    }

    fn decode(text: &str) -> Result<Self, Unread> {
        let whole = text.strip_prefix("{\"sum\":\"").and_then(|rest| rest.split_once("\","));
        let Some((stated, rest)) = whole else {
            // Lines without sums were whole in the first versions of this program.
            let first = serde_json::from_str::<Map<String, Value>>(text)
                .is_ok_and(|line| line.contains_key("ops") && line.keys().all(|key| KEYS.contains(&key.as_str())));
            let why = "it does not begin with its check sum".to_owned();
            return Err(if first { Unread::Foreign(why) } else { Unread::Damaged(why) });
        };
        if stated != sum(rest) {
            return Err(Unread::Damaged("its check sum is wrong".to_owned()));
        }
        // With its sum right, it is as it was written.
        serde_json::from_str(&format!("{{{rest}")).map_err(|error| Unread::Foreign(error.to_string()))
    }
}

/// Why a line, or what it says, cannot be read.
enum Unread {
    /// It is not as it was written.
    Damaged(String),
    /// It is as another version of this program wrote it.
    Foreign(String),
}

impl Unread {
    fn error(self, folder: &Path, file: &Path, line: usize) -> OpenError {
        match self {
            Self::Damaged(detail) => OpenError::Damaged { path: file.to_owned(), line, detail },
            Self::Foreign(detail) => OpenError::OtherVersion { path: folder.to_owned(), detail },
        }
    }
}

fn sum(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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
    head: File,
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
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
        let file = |name: &str| {
            let path = folder.join(name);
            own(&path).map(|()| path.clone()).map_err(failed(&path))
        };
        let lock = lock(&file("lock")?, folder, wait)?;

        let mut left = None;
        let mut seq = 0;
        let snapshot = file("snapshot.json")?;
        if snapshot.exists() {
            let text = std::fs::read(&snapshot).map_err(failed(&snapshot))?;
            let unread = |why: Unread| why.error(folder, &snapshot, 1);
            let text = String::from_utf8(text).map_err(|error| unread(Unread::Damaged(error.to_string())))?;
            let line = Line::decode(&text).map_err(unread)?;
            seq = line.seq;
            left = Some(apply(world, line).map_err(unread)?);
        }

        let path = file("log.jsonl")?;
        let mut log = private().read(true).append(true).open(&path).map_err(failed(&path))?;
        let mut good = 0;
        let mut number = 0;
        let mut last = None;
        let mut reader = BufReader::new(&log);
        let mut bytes = Vec::new();
        let damaged = |line: usize, detail: String| OpenError::Damaged { path: path.clone(), line, detail };
        loop {
            bytes.clear();
            let size = reader.read_until(b'\n', &mut bytes).map_err(failed(&path))?;
            // A line without its end was never acknowledged: the writer was killed in the middle of it.
            if size == 0 || bytes.pop() != Some(b'\n') {
                break;
            }
            number += 1;
            let wrong = |detail: String| damaged(number, detail);
            let unread = |why: Unread| why.error(folder, &path, number);
            let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
            let line = Line::decode(text).map_err(unread)?;
            // Lines up to the snapshot are left over when a process died between writing it and emptying the log.
            let follows = last.map_or(line.seq <= seq + 1, |last: u64| line.seq == last + 1);
            if !follows {
                return Err(wrong(format!("changes before number {} are missing", line.seq)));
            }
            last = Some(line.seq);
            if line.seq > seq {
                seq = line.seq;
                left = Some(apply(world, line).map_err(unread)?);
            }
            good += size as u64;
        }
        drop(reader);
        let at = file("head.json")?;
        let known = at.exists();
        let head = private().read(true).write(true).open(&at).map_err(failed(&at))?;
        let wrong = |detail: String| OpenError::Damaged { path: at.clone(), line: 1, detail };
        if known {
            let text = std::fs::read_to_string(&at).map_err(failed(&at))?;
            // Empty: a process died between making it and writing it, and before it answered anything.
            let line = if text.is_empty() {
                None
            } else {
                Some(Line::decode(text.trim_end()).map_err(|why| why.error(folder, &at, 1))?)
            };
            if let Some(line) = line {
                if line.seq > seq {
                    let missing = line.seq - seq;
                    return Err(damaged(number + 1, format!("the last {missing} changes are missing")));
                }
                let noted = Left { sandbox: line.t, wall: line.w };
                left = Some(left.filter(|left: &Left| left.sandbox > noted.sandbox).unwrap_or(noted));
            }
        }
        if seq > 1 && head.metadata().map_err(failed(&at))?.len() == 0 {
            return Err(wrong("it is missing, and with it how many changes there were".to_owned()));
        }
        log.set_len(good).map_err(failed(&path))?;
        log.seek(SeekFrom::End(0)).map_err(failed(&path))?;
        let last_time = left.map_or(Timestamp::MIN, |left: Left| left.sandbox);
        Ok((Self { folder: folder.to_owned(), log, head, bytes: good, seq, last_time, _lock: lock }, left))
    }

    /// Writes the world's open transaction and the time; with `sync`, waits until it is on disk.
    pub(crate) fn write(&mut self, world: &World, now: Timestamp, sync: bool) -> io::Result<()> {
        let ops: Vec<Op> = world.changes()?.into_iter().map(Op::from).collect();
        if ops.is_empty() {
            return self.note(self.seq, now, world.counter());
        }
        let line = Line { seq: self.seq + 1, t: now, w: Timestamp::now(), n: world.counter(), ops };
        let mut text = line.encode()?;
        text.push('\n');
        let written = self.log.write_all(text.as_bytes());
        let written = written.and_then(|()| if sync { self.log.sync_data() } else { Ok(()) });
        if let Err(error) = written.and_then(|()| self.note(self.seq + 1, now, world.counter())) {
            // Nothing of a failed transaction may come back at the next opening.
            self.log.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += text.len() as u64;
        self.seq += 1;
        Ok(())
    }

    /// Keeps the time: what was seen at this moment is not to come again.
    pub(crate) fn keep_time(&mut self, world: &World, now: Timestamp) -> io::Result<()> {
        self.note(self.seq, now, world.counter())
    }

    fn note(&mut self, seq: u64, now: Timestamp, counter: u64) -> io::Result<()> {
        let now = now.max(self.last_time);
        let line = Line { seq, t: now, w: Timestamp::now(), n: counter, ops: Vec::new() };
        let text = format!("{:<width$}\n", line.encode()?, width = HEAD_BYTES - 1);
        self.head.write_all_at(text.as_bytes(), 0)?;
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
        own(&fresh)?;
        let mut file = private().write(true).truncate(true).open(&fresh)?;
        file.write_all(line.encode()?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.folder.join("snapshot.json"))?;
        File::open(&self.folder)?.sync_all()?;
        self.log.set_len(0)?;
        self.bytes = 0;
        self.note(self.seq, now, world.counter())
    }
}

fn apply(world: &mut World, line: Line) -> Result<Left, Unread> {
    for op in line.ops {
        world.load(&op.k, &op.r, &op.i, op.v).map_err(Unread::Foreign)?;
    }
    world.set_counter(line.n);
    Ok(Left { sandbox: line.t, wall: line.w })
}

/// A file that this makes is its owner's alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// Refuses a link: it may have come with a repository, and what is written must not land in somebody's file.
fn own(path: &Path) -> io::Result<()> {
    if path.is_symlink() {
        return Err(io::Error::other("it is a link, and the sandbox writes through none: remove it"));
    }
    Ok(())
}

fn lock(path: &Path, folder: &Path, wait: Duration) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = private().write(true).truncate(false).open(path).map_err(io)?;
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
