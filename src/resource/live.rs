//! An object as it was found in the account.
use crate::{address::Address, aws::tags::Tags, packed::Packed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What AWS calls the object.
pub type Id = String;

/// Where an object is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Something of it exists (a placement group, an address), the object itself does not: `create` goes on from there.
    Partial,
    /// Being made or changed by AWS; dependants wait.
    Pending,
    /// Dependants may proceed.
    Ready,
    /// Works, but not as it should: the reason.
    Degraded(String),
    /// Going away.
    Deleting,
    /// AWS gave up: the reason.
    Failed(String),
}

/// One member of a fleet that is one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: Id,
    /// Where it is in its life.
    pub state: State,
    /// The fields that may differ between members, as this one has them (canonical, by top-level field).
    pub spec: Map<String, Value>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

/// One object found in the account, described with the same struct that a blueprint uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live<S = Value> {
    /// Where it belongs; [`Address::unowned`] for what a `lookup` finds without our tags.
    pub address: Address,
    /// The id that pointers to it resolve to.
    pub id: Id,
    /// Other ids under which it appears in other objects (an ARN, the ids of its parts).
    pub ids: Vec<Id>,
    /// Secondary objects by `dlinfra:part` (an address behind a NAT gateway, a placement group).
    pub parts: BTreeMap<String, Id>,
    /// The members of a fleet, oldest first; empty for everything else.
    pub members: Vec<Member>,
    /// Which of its parts nothing uses any more (the configuration that an endpoint had before): an update removes them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_over: BTreeSet<String>,
    /// Where it is in its life.
    pub state: State,
    /// Its tags as AWS returns them.
    pub tags: Tags,
    /// The spec as read back.
    pub spec: S,
    /// Output attributes by name.
    pub outputs: Packed<Value>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What it is like at the moment, which no blueprint says: an alarm that is in ALARM, how many machines serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// How many machines of each of its variants run at the moment, where AWS decides how many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub running: BTreeMap<String, u32>,
    /// Fields with a value that this dlinfra does not know, in AWS's words. In the spec something known stands in their
    /// place, so that the object can be handled; nobody compares it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub novel: BTreeMap<String, String>,
}

impl<S> Live<S> {
    /// A ready object with nothing but an address, id, tags and spec; the rest is set by field.
    pub fn new(address: Address, id: impl Into<Id>, tags: impl Into<Tags>, spec: S) -> Self {
        Self {
            address,
            id: id.into(),
            ids: Vec::new(),
            parts: BTreeMap::new(),
            members: Vec::new(),
            left_over: BTreeSet::new(),
            state: State::Ready,
            tags: tags.into(),
            spec,
            outputs: Packed::new(),
            created: None,
            now: None,
            running: BTreeMap::new(),
            novel: BTreeMap::new(),
        }
    }

    /// The same object with another form of its spec.
    pub fn with_spec<T>(&self, spec: T) -> Live<T> {
        Live {
            address: self.address.clone(),
            id: self.id.clone(),
            ids: self.ids.clone(),
            parts: self.parts.clone(),
            members: self.members.clone(),
            left_over: self.left_over.clone(),
            now: self.now.clone(),
            running: self.running.clone(),
            state: self.state.clone(),
            tags: self.tags.clone(),
            spec,
            outputs: self.outputs.clone(),
            created: self.created,
            novel: self.novel.clone(),
        }
    }
}
