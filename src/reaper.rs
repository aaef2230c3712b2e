//! The reaper: dlinfra itself, as a function in the account, ends stacks whose time is over.
//!
//! It is called every quarter of an hour, finds what has expired by its tags and the journal, and runs the ordinary
//! removal on it: the same engine, order, lease, journal, protection and proof. Lambda ends a call after 15 minutes; the
//! next call goes on, since a run may be killed at any instant. The reaper is a stack as well ([`deployment`]), with its
//! own journal, and has no time to live.
//!
//! A stack ends only when both its tags and its journal say that its time is over, and nobody holds its lease.
pub mod codes;
mod grants;
mod package;
mod pass;
mod presence;
mod rehearsal;
mod stack;

pub use codes::CODES;
#[cfg(feature = "internals")]
pub use grants::{Ground, removing};
pub use package::Package;
#[cfg(feature = "internals")]
pub use pass::Ended;
pub use pass::{End, Pass, Reap, pass};
pub use presence::{Installed, forget_programs, ground, installed, keep, last_pass, rehearse, upload};
pub use rehearsal::{Rehearsal, check};
pub use stack::{Program, deployment};

use crate::{aws::Aws, diagnostic::Diagnostics, kind::Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the function, its schedule and its stack are called.
pub const NAME: &str = "dlinfra-reaper";

/// What the function is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// End what has expired.
    Pass,
    /// Say what it may not do, and change nothing.
    Check,
}

/// What the function is called with. Anything else, such as the console's test event, is refused: a pass removes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What it is asked for.
    pub mode: Mode,
}

/// Does what an event asks for, and says what came of it.
///
/// # Errors
/// Nothing could be looked at.
pub async fn handle(
    aws: &Aws,
    kinds: &'static [&'static dyn Kind],
    event: Event,
    reap: Reap,
) -> Result<Value, Diagnostics> {
    match event.mode {
        Mode::Check => Ok(json!(check(aws, kinds).await?)),
        Mode::Pass => {
            let done = pass(aws, kinds, reap).await?;
            keep(aws, &done).await?;
            Ok(json!(done))
        }
    }
}
