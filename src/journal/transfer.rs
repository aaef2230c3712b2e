//! A journal moved to another place, record by record.
use super::{Backend, FOLDER, JournalError, Memory, Put, full, key, load, read, sequence};
use std::collections::BTreeSet;

/// Copies the journal in `from` to `to`, which has none, and returns what it says there. Both leases are held.
///
/// Killed in the middle it can be repeated: the first record is written last, so that a half-copied journal is seen as
/// a damaged one, never as a shorter one.
///
/// # Errors
/// A journal in `from` that is damaged, another one in `to`, or a place that cannot be used.
pub async fn transfer(from: &dyn Backend, to: &dyn Backend) -> Result<Memory, JournalError> {
    // Damage must not be moved.
    let (memory, _) = load(from).await?;
    let mut found: Vec<_> = from.list(FOLDER, "").await?.iter().filter_map(|k| sequence(k)).collect();
    found.retain(|s| s.generation == memory.next.generation);
    found.sort_unstable();
    let here: BTreeSet<String> = found.iter().map(|at| key(*at)).collect();
    if let Some(other) = to.list(FOLDER, "").await?.into_iter().find(|name| !here.contains(name)) {
        return Err(JournalError::Conflict { at: full(to, &other) });
    }
    for at in found.iter().rev() {
        let name = key(*at);
        let missing = || JournalError::Damaged { at: full(from, &name), line: None, why: "it is missing".to_owned() };
        let bytes = from.get(&name).await?.ok_or_else(missing)?.bytes;
        if to.put_if_absent(&name, &bytes).await? == Put::Taken
            && to.get(&name).await?.is_none_or(|there| there.bytes != bytes)
        {
            return Err(JournalError::Conflict { at: full(to, &name) });
        }
    }
    read(to).await
}
