//! What a kind is asked for, and what it answers beside live objects.
use super::Id;
use crate::{aws::tags::Tags, diagnostic::Code, spec::Difference};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an update is asked to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Differences between what is wanted and what is live.
    pub fields: Vec<Difference>,
    /// Members of a fleet that do not match the wanted spec, oldest first.
    pub outdated: Vec<Id>,
}

impl Changes {
    /// Does anything at or under this path change?
    pub fn touches(&self, path: &str) -> bool {
        self.fields
            .iter()
            .any(|d| d.path == path || (d.path.starts_with(path) && d.path.as_bytes().get(path.len()) == Some(&b'.')))
    }
}

/// How a `lookup` names an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// By id.
    Id(Id),
    /// By AWS name (or the Name tag where the kind has no name).
    Name(String),
    /// By tags, all of which must match.
    Tags(Tags),
}

/// What a kind's field check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Its code.
    pub code: &'static Code,
    /// Dotted path of the field.
    pub path: String,
    /// What is wrong.
    pub summary: String,
    /// What to write instead.
    pub help: String,
}

/// An object that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen<S = Value> {
    /// What it shall be.
    pub want: S,
    /// The specs of what its fields point at, by field, as far as they are known.
    pub targets: BTreeMap<String, Value>,
    /// Is it a rehearsal, in an account that lacks what the real one has by other hands (key pairs)?
    pub rehearsed: bool,
}

/// A field that no sweep returns: its name, what is live, and what is wanted.
pub type Revealed = (&'static str, String, String);

/// A machine image by a name whose meaning AWS moves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// The name and the processor: `al2023/arm64`; a parameter is its own name.
    pub name: String,
    /// The public parameters that may hold its id, in the order to try.
    pub parameters: Vec<String>,
}
