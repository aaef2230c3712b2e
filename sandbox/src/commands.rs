//! The seam behind which machines are: what Systems Manager sends them runs there, and their user data.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::functions::Credentials;

/// Runs commands on machines. A sandbox that has none ([`crate::SandboxConfig::commands`]) refuses to send commands.
///
/// While a command runs it may itself ask the sandbox: nothing is locked.
pub trait Commands: fmt::Debug + Send + Sync {
    /// Runs a script on a machine, and gives what came of it. When the future is dropped, the script ends.
    fn run(&self, order: Order) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
    /// Runs the user data of a machine that starts for the first time; false if they fail.
    fn boot(&self, boot: Boot) -> Pin<Box<dyn Future<Output = bool> + Send>>;
    /// These machines run now: whatever runs on others ends.
    fn keep(&self, running: &BTreeSet<String>);
}

/// A machine, as what runs on it finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `i-…`
    pub instance: String,
    /// The region that it is in.
    pub region: String,
    /// What it signs its requests with: they stand for its role, if it has one.
    pub credentials: Option<Credentials>,
}

/// What one machine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The machine.
    pub machine: Machine,
    /// The id of the command; several machines may have it.
    pub command: String,
    /// The script: the lines of the command.
    pub script: String,
    /// Where it is to run.
    pub directory: Option<String>,
    /// How long it may take, in the sandbox's time.
    pub timeout: Duration,
}

/// What a machine does first of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The machine.
    pub machine: Machine,
    /// Its user data: a script that begins with `#!`.
    pub script: String,
}

/// What came of a command on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended.
    Ended {
        /// Its exit code.
        code: i32,
        /// What it printed.
        stdout: String,
        /// What it printed as errors.
        stderr: String,
    },
    /// It was ended, because it took too long.
    TimedOut {
        /// What it had printed.
        stdout: String,
        /// What it had printed as errors.
        stderr: String,
    },
    /// The machine went away: nobody says what came of it.
    Lost,
}
