//! The reaper as a stack: a function, who calls it, what both may do. It is planned, applied and removed like any other.
use super::{
    NAME,
    grants::{self, Ground},
};
use crate::{
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    diagnostic::Diagnostics,
    kinds::{KINDS, dialect},
};
use std::path::PathBuf;

/// What the function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `x86-64` or `arm64`.
    pub architecture: String,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// Where the archive lies in the bucket of the journals.
    pub key: String,
    /// The version of dlinfra that it is.
    pub version: String,
}

/// The variable that says which dlinfra the function is.
pub(super) const VERSION: &str = "DLINFRA_REAPER_VERSION";
/// The variable that says whether it may empty what holds data.
pub(super) const DATA: &str = "DLINFRA_REAPER_DATA";

/// The blueprint of every reaper.
const BLUEPRINT: &str = include_str!("reaper.yaml");

/// The reaper of an account and region, as any other stack.
///
/// # Errors
/// None, unless dlinfra is wrong about its own kinds.
pub fn deployment(ground: &Ground, program: &Program) -> Result<Deployment, Diagnostics> {
    let policy = grants::document(&grants::grants(KINDS, ground)).to_string();
    let vars = [
        ("region", ground.region.clone()),
        ("account", ground.account.clone()),
        ("partition", ground.partition.clone()),
        ("bucket", ground.bucket.clone()),
        ("key", program.key.clone()),
        ("sha256", program.sha256.clone()),
        ("architecture", program.architecture.clone()),
        ("version", program.version.clone()),
        ("data", ground.data.to_string()),
        ("policy", policy),
    ];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let file = PathBuf::from(format!("{NAME}.yaml"));
    let files = MemoryFiles::new().with(file.clone(), BLUEPRINT);
    compose(compile(dialect(), &Inputs { file, vars, ..Inputs::default() }, &files)?)
}
