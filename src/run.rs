//! Jobs on machines: a command that every machine of some groups runs at the same time, as training does.
//!
//! Systems Manager only starts, looks at and stops a job. What runs it is a unit of systemd on each machine, which writes
//! its log and its end into a folder there (`/var/lib/dlinfra/runs/ID`): so a job outlives the process that began it, the
//! 48 hours that Run Command allows, and a laptop that sleeps. The scripts beside this file do that; each may run any
//! number of times. Logs come back through the same calls, by their offset, so that machines need no further permission.
mod artifacts;
pub mod codes;
mod script;
mod watch;

pub use artifacts::{Artifact, Collected};
pub use codes::CODES;
pub use script::{command_line, torchrun};
pub use watch::{News, Place, Rank, Watch};

use crate::{address::Address, resource::Machine, units::Span};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happens to the stack after a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It is removed.
    Never,
    /// It is removed, but not after a job that failed.
    OnFailure,
    /// It stays.
    Always,
}

/// A job as the journal keeps it, under [`crate::record::Pin::Job`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// A ULID.
    pub id: String,
    /// The script that each machine runs.
    pub command: String,
    /// Where.
    pub on: Vec<Address>,
    /// The machines, in the order of their ranks.
    pub machines: Vec<Machine>,
    /// For how long at most.
    pub limit: Span,
    /// What is brought back from each machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collect: Option<String>,
    /// What happens to the stack afterwards.
    pub keep: Keep,
    /// May what holds data go with it?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_data: bool,
    /// Who began it.
    pub by: String,
    /// SHA-256 of what the blueprint wanted; nothing without a blueprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<String>,
    /// When.
    pub begun: Timestamp,
    /// How it ended, once somebody has seen that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<End>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When it was seen.
    pub at: Timestamp,
    /// Its exit code: that of the rank that failed first, or 0.
    pub code: u8,
    /// The exit code of each rank; nothing for one that was lost.
    pub ranks: Vec<Option<u8>>,
    /// What the stack cost for that time, in dollars at list prices; nothing where a price is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}
