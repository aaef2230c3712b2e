//! Each kind through its whole life in the sandbox: make, read back, no difference, change, delete.
//!
//! A part of the engine's tests, so that the SDK is linked once for both.
mod data;
mod fleet;
mod log_group;
mod network;

use crate::{crash_lives::Life, examples::Example};

/// A kind's name, its examples of a whole life, and the life that dies everywhere.
type Own = (&'static str, fn() -> Vec<Example>, fn() -> Life);

/// Kinds with a file of their own, one line each.
const OWN: &[Own] = &[("log-group", log_group::examples, log_group::life)];

/// The examples of a kind; none = the kind needs one.
pub(crate) fn examples(kind: &str) -> Vec<Example> {
    OWN.iter().find(|(name, ..)| *name == kind).map(|(_, examples, _)| examples()).unwrap_or_default()
}

/// The life of a kind.
pub(crate) fn life(kind: &str) -> Option<Life> {
    OWN.iter().find(|(name, ..)| *name == kind).map(|(_, _, life)| life())
}
