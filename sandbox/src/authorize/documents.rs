//! The documents that say what a role may: its inline policies, those of AWS that it has, and its boundary.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::Verdict;
use crate::iam_model::Role;
use crate::policy::decide::{Asked, Decision, decide};
use crate::store::{GLOBAL, World};

/// The documents of AWS's policies that are known, by name. One that is not known allows nothing.
static MANAGED: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    // A file of this crate, which its tests read.
    serde_json::from_str(include_str!("../../data/managed-documents.json")).unwrap_or_default()
});

/// What a role may.
pub(crate) struct Policies {
    own: Vec<Value>,
    boundary: Option<Vec<Value>>,
}

fn managed(arn: &str) -> Option<Value> {
    let name = arn.split(":iam::aws:policy/").nth(1)?;
    MANAGED.get(name).cloned()
}

impl Policies {
    /// The policies of the role with this ARN; none where there is no such role.
    pub(crate) fn of(world: &World, arn: &str) -> Self {
        let Some(role) = world.all::<Role>(GLOBAL).find(|role| role.arn == arn) else {
            return Self { own: Vec::new(), boundary: None };
        };
        let inline = role.inline.values().filter_map(|text| serde_json::from_str(text).ok());
        let own = inline.chain(role.attached.iter().filter_map(|arn| managed(arn))).collect();
        let boundary = role.boundary.as_ref().map(|arn| managed(arn).into_iter().collect());
        Self { own, boundary }
    }

    /// A role that has these documents instead, or besides.
    pub(crate) fn with(mut self, more: Vec<Value>, boundary: Vec<Value>) -> Self {
        self.own.extend(more);
        if !boundary.is_empty() {
            self.boundary = Some(boundary);
        }
        self
    }

    /// What they say of a request: both the policies and the boundary must allow it.
    pub(crate) fn judge(&self, asked: Asked<'_>) -> Verdict {
        let own = decide(&self.own, asked);
        let mut verdict =
            Verdict { decision: own.decision, bounded: false, missing: own.missing, unknown: own.unknown };
        let Some(boundary) = self.boundary.as_ref().filter(|_| own.decision != Decision::ExplicitDeny) else {
            return verdict;
        };
        let bound = decide(boundary, asked);
        verdict.missing.extend(bound.missing);
        verdict.unknown.extend(bound.unknown);
        if bound.decision == Decision::ExplicitDeny || own.decision == Decision::Allowed {
            verdict.bounded = bound.decision != Decision::Allowed;
            verdict.decision = bound.decision;
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_that_are_known_can_be_read() {
        assert!(MANAGED.contains_key("AdministratorAccess"));
        for (name, document) in MANAGED.iter() {
            crate::policy::check(&document.to_string(), crate::policy::Use::Identity).unwrap();
            assert!(managed(&format!("arn:aws:iam::aws:policy/{name}")).is_some());
        }
    }
}
