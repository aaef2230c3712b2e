//! What single facts that a kind states about itself are made of: calls, outputs, names, quotas, claims, times.
use crate::catalog;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An output attribute that other resources can use.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Its name in `${resource.name}`.
    pub name: &'static str,
    /// Its type, as written in module inputs (`string`, `list(string)`).
    pub ty: &'static str,
    /// What it is.
    pub doc: &'static str,
}

/// How a call is recovered when nobody knows whether it happened (see the crate docs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Takes a token and tags: the same token with the same parameters gives the same object.
    Token,
    /// Takes tags only: look by intent tag through the consistency window before a second call.
    Tags,
    /// Has a unique name: read by name, ours or refuse.
    Name,
    /// Answers success for a name that exists: always read first.
    NameIdempotent,
    /// Derived from its parent: describing the parent shows it.
    Parent,
    /// Spends money that cannot be had back: never automatic.
    Money,
}

/// One call of the AWS API that makes something.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// `ec2:CreateVpc`.
    pub api: &'static str,
    /// How it is recovered.
    pub class: Class,
    /// How long AWS may hide what the call made (longest seen).
    pub visible_within: Duration,
}

impl Call {
    /// A call of this class whose effect AWS may hide for up to a minute.
    pub const fn new(api: &'static str, class: Class) -> Self {
        Self { api, class, visible_within: Duration::from_secs(60) }
    }
}

/// How owned objects are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// The API filters by tag.
    Filter,
    /// Everything is listed and matched by the tags in the reply.
    ListAndMatch,
    /// Names start with a prefix of the stack.
    Prefix,
}

/// When nothing is left of an object that was deleted. AWS goes on removing some for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// As soon as `delete` has succeeded.
    AtOnce,
    /// The same where only parts of it exist ([`State::Partial`](super::State::Partial)); the object itself takes a while.
    PartsAtOnce,
    /// A sweep tells.
    Later,
}

/// Typical and worst expected time of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// What a plan shows.
    pub typical: Duration,
    /// After this the wait is reported as pending; it is never a failure.
    pub worst: Duration,
}

impl Expected {
    /// In seconds.
    pub const fn secs(typical: u64, worst: u64) -> Self {
        Self { typical: Duration::from_secs(typical), worst: Duration::from_secs(worst) }
    }
}

/// The times of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Until dependants may proceed.
    pub create: Expected,
    /// Until an update has settled.
    pub update: Expected,
    /// Until it is gone.
    pub delete: Expected,
}

impl Durations {
    /// Where nothing more is known.
    pub const SECONDS: Self = Self::quick(5, 5, 5);

    /// Seconds for each operation; the worst case is five minutes.
    pub const fn quick(create: u64, update: u64, delete: u64) -> Self {
        Self {
            create: Expected::secs(create, 300),
            update: Expected::secs(update, 300),
            delete: Expected::secs(delete, 300),
        }
    }
}

/// An AWS name's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// The longest name.
    pub max: usize,
    /// The characters beside letters and digits.
    pub extra: &'static str,
    /// Lower case only.
    pub lower: bool,
}

/// A quota that an object counts against.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// `L-417A185B`.
    pub code: &'static str,
    /// AWS's name of it.
    pub name: &'static str,
}

/// So much of a quota an object takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Of which.
    pub quota: &'static catalog::quota::Quota,
    /// In its unit.
    pub amount: u64,
}

/// What only one object may have at a time: an address range of a VPC, a name, the room of a reservation.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The field that says what is claimed: ranges exclude each other where they overlap, other values where they are
    /// equal.
    pub field: &'static str,
    /// The field that says where; empty = in the whole account.
    pub within: &'static str,
    /// The field with others that would do as well; empty = nothing else would.
    pub choices: &'static str,
}

impl Claim {
    /// A value of this field, anywhere in the account.
    pub const fn of(field: &'static str) -> Self {
        Self { field, within: "", choices: "" }
    }
}
