//! The stored fold: makes reading short. It can always be made again, so a damaged one is passed over in silence.
use super::{
    JournalError,
    backend::{Backend, Put},
    codec,
    fold::{Memory, Sequence},
};
use crate::spec;
use serde_json::{Map, Value, json};

const FOLDER: &str = "fold/";
/// After so many objects the fold is stored again: one read of it replaces as many reads.
pub(super) const EVERY: u64 = 32;

fn key(last: Sequence) -> String {
    format!("{FOLDER}{last}.json")
}

/// The newest stored fold that is whole, with the number up to which it goes.
pub(super) async fn load(backend: &dyn Backend) -> Result<Option<(Sequence, Memory)>, JournalError> {
    let keys = backend.list(FOLDER, "").await?;
    for found in keys.iter().rev() {
        let name = found.trim_start_matches(FOLDER).trim_end_matches(".json");
        let Ok(last) = name.parse::<Sequence>() else { continue };
        if let Some(stored) = backend.get(found).await?
            && let Some(memory) = read(&stored.bytes)
            && memory.next == last.next()
        {
            return Ok(Some((last, memory)));
        }
    }
    Ok(None)
}

fn read(bytes: &[u8]) -> Option<Memory> {
    let text = std::str::from_utf8(bytes).ok()?;
    let passed_over = |_: &str| JournalError::Refused { why: String::new() };
    let mut body = codec::read_line("", text.strip_suffix('\n')?, &passed_over).ok()?;
    let memory = body.remove("memory")?;
    // The check sum of the line is short; a cache that replaces the log is verified in full.
    let digest = spec::sha256(spec::canonical(&memory).as_bytes());
    (body.get("digest").and_then(Value::as_str) == Some(&digest)).then(|| serde_json::from_value(memory).ok())?
}

/// Stores the fold of everything before `memory.next` and drops all older ones but the last.
pub(super) async fn store(backend: &dyn Backend, memory: &Memory) -> Result<(), JournalError> {
    let Some(number) = memory.next.number.checked_sub(1).filter(|n| *n > 0) else { return Ok(()) };
    let last = Sequence { number, ..memory.next };
    let value = serde_json::to_value(memory).map_err(|e| JournalError::Refused { why: e.to_string() })?;
    let digest = spec::sha256(spec::canonical(&value).as_bytes());
    let body = Map::from_iter([("digest".to_owned(), json!(digest)), ("memory".to_owned(), value)]);
    if backend.put_if_absent(&key(last), codec::line(body).as_bytes()).await? == Put::Taken {
        return Ok(());
    }
    let keys = backend.list(FOLDER, "").await?;
    for old in keys.iter().rev().skip(2) {
        backend.remove(old).await?;
    }
    Ok(())
}
