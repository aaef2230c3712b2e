//! What a role is allowed, generated from what the kinds state: for the reaper, and for whoever applies one blueprint.
//! What AWS lets a condition bound is bound to objects with dlinfra's tags, everything else to where it is.
mod arns;
mod bound;
mod life;
mod parts;

pub use bound::boundary;
pub(crate) use life::ASK;
pub use life::{Item, Life, life};
pub use parts::{MOST, Part, parts};

use crate::{aws::simulate::Question, kind::Kind};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Verbs of actions that only look.
pub(crate) const LOOKING: [&str; 4] = ["Describe", "Get", "Head", "List"];
/// Verbs of actions that a teardown needs.
pub(crate) const REMOVING: [&str; 10] = [
    "Cancel",
    "Delete",
    "Deregister",
    "Detach",
    "Disassociate",
    "Release",
    "Remove",
    "Revoke",
    "ScheduleKeyDeletion",
    "Terminate",
];

/// Where a role works.
#[derive(Debug, Clone)]
pub struct Ground {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits, or `*` where nobody says which account it is.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The bucket with the journals.
    pub bucket: String,
    /// May what holds data be emptied? For the reaper: some stack says `ttl_data: delete`.
    pub data: bool,
}

impl Ground {
    pub(crate) fn fill(&self, arn: &str) -> String {
        let parts = [("{partition}", &self.partition), ("{region}", &self.region), ("{account}", &self.account)];
        parts.iter().fold(arn.to_owned(), |arn, (from, to)| arn.replace(from, to))
    }
}

/// When a statement holds: an operator of IAM, a key and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// `StringEquals`
    pub operator: &'static str,
    /// `aws:ResourceTag/dlinfra:v`
    pub key: String,
    /// What it must be.
    pub value: String,
}

impl Condition {
    pub(crate) fn new(operator: &'static str, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { operator, key: key.into(), value: value.into() }
    }

    /// A value with which the condition holds.
    fn example(&self) -> (String, String) {
        let value = match self.operator {
            "Null" => "any".to_owned(),
            _ => self.value.replace('*', "1"),
        };
        (self.key.clone(), value)
    }
}

/// Actions that are allowed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What the statement is called.
    pub sid: String,
    /// `ec2:DeleteVpc`.
    pub actions: BTreeSet<String>,
    /// The ARNs that they are for.
    pub resources: Vec<String>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

impl Grant {
    pub(crate) fn new(sid: &str, actions: impl IntoIterator<Item = impl Into<String>>, resources: Vec<String>) -> Self {
        let actions = actions.into_iter().map(Into::into).collect();
        Self { sid: sid.to_owned(), actions, resources, conditions: Vec::new() }
    }

    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// As a statement of a policy.
    pub(crate) fn statement(&self) -> Value {
        let mut out = json!({ "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": self.resources });
        let mut conditions: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for condition in &self.conditions {
            conditions.entry(condition.operator).or_default().insert(condition.key.clone(), json!(condition.value));
        }
        if !conditions.is_empty() {
            out["Condition"] = json!(conditions);
        }
        out
    }

    /// What IAM is asked to find out whether a caller has all of it: something of each place, with tags as they would be.
    pub(crate) fn asked(&self) -> Asked {
        let everywhere = self.resources.iter().any(|arn| arn == "*");
        Asked {
            actions: self.actions.iter().cloned().collect(),
            resources: self
                .resources
                .iter()
                .filter(|_| !everywhere)
                .map(|arn| arn.replace(":*:", ":000000000000:").replace('*', "any"))
                .collect(),
            context: self.conditions.iter().map(Condition::example).collect(),
        }
    }
}

/// A question to IAM that is not asked of anybody yet.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) actions: Vec<String>,
    resources: Vec<String>,
    context: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn of<'a>(&'a self, role: &'a str, actions: &'a [String]) -> Question<'a> {
        Question { role, actions, resources: &self.resources, context: &self.context }
    }
}

fn verb(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, verb)| verb)
}

/// Does what an action is called begin so?
pub(crate) fn is(action: &str, verbs: &[&str]) -> bool {
    verbs.iter().any(|v| verb(action).starts_with(v))
}

/// The ARN of what an action is for where no tag bounds it; `{name}` stands for its name.
pub(crate) fn untagged(action: &str) -> Option<&'static str> {
    arns::UNTAGGED.iter().find(|(known, _)| *known == action).map(|(_, arn)| *arn)
}

/// A policy document of these.
pub(crate) fn document(grants: &[Grant]) -> Value {
    let statements: Vec<Value> =
        grants.iter().filter(|grant| !grant.actions.is_empty()).map(Grant::statement).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Every action that kinds state. Patterns, which only tell AWS what a service does for itself, are left out.
pub(crate) fn stated(kinds: &[&'static dyn Kind]) -> BTreeSet<&'static str> {
    kinds.iter().flat_map(|k| k.about().iam.iter().copied()).filter(|action| !action.contains('*')).collect()
}
