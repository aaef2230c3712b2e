//! What a kind states about itself, once, for everybody who asks.
use super::{Call, Claim, Discovery, Durations, Gone, NameRule, Output, Quota};
use crate::{
    aws::tags::{self, Tagger},
    diagnostic::Code,
};
use serde_json::Value;

/// Stands among fields for the members of a fleet (see [`About::unsettled`]).
pub const MEMBERS: &str = "members";

/// Stands among changes for parts that are left over (see [`Live::left_over`](super::Live::left_over)).
pub const PARTS: &str = "parts";

/// What advice on money can look over in a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advised {
    /// A group of equal machines: `instance_type`, `count`, `market`, `reservation`.
    Machines,
    /// A file system that machines read from: `size`, `throughput`.
    Cache,
    /// A NAT gateway: `processed_gb` of its use.
    Nat,
}

/// What AWS has in a field that an author does not set.
#[derive(Debug, Clone, Copy)]
pub enum DefaultValue {
    /// Nothing at all: a role without a boundary.
    Nothing,
    /// A flag.
    Flag(bool),
    /// A list without elements.
    EmptyList,
    /// Anything else.
    Other(fn() -> Value),
}

impl DefaultValue {
    /// As it stands in a canonical spec.
    fn value(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Flag(flag) => Value::Bool(flag),
            Self::EmptyList => Value::Array(Vec::new()),
            Self::Other(value) => value(),
        }
    }
}

/// What a kind states about itself; the docs, the planner and the conformance tests read it.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// One line for the list of kinds.
    pub doc: &'static str,
    /// Output attributes.
    pub outputs: &'static [Output],
    /// Top-level fields or dotted paths that AWS cannot change: a difference means replace.
    pub fixed: &'static [&'static str],
    /// What AWS has where a field was removed or set to null, by path; for what is not here AWS has no such state.
    pub defaults: &'static [(&'static str, DefaultValue)],
    /// Fields whose change replaces members one after the other.
    pub rolling: &'static [&'static str],
    /// Outputs that an update may change, each with the fields whose change does that; [`MEMBERS`] = the replacement of
    /// members. While such a change is planned, what depends on the output is known only after the apply.
    pub unsettled: &'static [(&'static str, &'static [&'static str])],
    /// Can a new one stand beside the one that it replaces? Then it is made first, whoever points at the old one moves, and
    /// the old one goes last. Its AWS name or id must differ where a fixed field does.
    pub successors: bool,
    /// Fields that make no edge at creation: the update pass applies them, teardown clears them first.
    pub late: &'static [&'static str],
    /// Fields that can be changed in place, but through which the object keeps what it points at from being removed:
    /// when that is replaced, so is this.
    pub holds: &'static [&'static str],
    /// Top-level fields that AWS does not return; compared by the digest in `dlinfra:spec`.
    pub unreadable: &'static [&'static str],
    /// What only one object may have at a time, so that whoever has it must go before another one can be made.
    pub claims: &'static [Claim],
    /// Fields that AWS is asked about before anything is made (`foresee`).
    pub asked: &'static [&'static str],
    /// Top-level fields that steer dlinfra and are no property of the object (the size of a batch): never compared.
    pub local: &'static [&'static str],
    /// How owned objects are found.
    pub discovery: Discovery,
    /// How its tags are read and changed.
    pub tagger: &'static dyn Tagger,
    /// What AWS's ids of it start with (`vpc-`); empty = it goes by its name, and reads ARNs itself.
    pub id_prefix: &'static str,
    /// Terraform's type for it (`aws_vpc`); empty = none is known.
    pub terraform: &'static str,
    /// The calls that make something.
    pub calls: &'static [Call],
    /// The limits of its AWS name, if it has one.
    pub name: Option<NameRule>,
    /// IAM actions that its life needs.
    pub iam: &'static [&'static str],
    /// Quotas that it counts against.
    pub quotas: &'static [Quota],
    /// Fields whose targets work as they should only once this is made: a subnet without its route table leads nowhere.
    pub completes: &'static [&'static str],
    /// Does it start work at once, so that it must wait for what completes the things that it points at?
    pub starts: bool,
    /// What its field checks find, for `dlinfra explain`.
    pub codes: &'static [&'static Code],
    /// Expected times; none = they depend on the fields, and the method
    /// [`durations`](super::Resource::durations) tells them.
    pub durations: Option<Durations>,
    /// When nothing is left of an object that was deleted.
    pub gone: Gone,
    /// Teardown order among what edges allow: true = it costs money by the hour, so it goes first.
    pub spends: bool,
    /// Does AWS never take money for it? Then nobody asks for its price.
    pub free: bool,
    /// Is what exists looked at before it is changed, together with others, so that `update` need not read it by itself where
    /// [`Ctx::fresh`](crate::call::Ctx::fresh) says so?
    pub looked_at_first: bool,
    /// The service of the price book that has its prices; empty = one of the kind's own name, or none.
    pub prices: &'static str,
    /// Fields of one that stands, in a rehearsal, for an object that exists (JSON). In their texts `@vpc` and `@subnet` are
    /// others that do, `@zone` a zone, `@net` a range of its own in the VPC, and `@name` the name that it is known by; empty =
    /// nothing can stand for it.
    pub stand_in: &'static str,
    /// What advice on money can look over in it.
    pub advised: Option<Advised>,
}

impl About {
    /// The starting point: a kind of EC2, found by tag filter, with nothing special.
    pub const fn new(doc: &'static str) -> Self {
        Self {
            doc,
            outputs: &[],
            fixed: &[],
            defaults: &[],
            rolling: &[],
            unsettled: &[],
            successors: false,
            late: &[],
            holds: &[],
            unreadable: &[],
            claims: &[],
            asked: &[],
            local: &[],
            discovery: Discovery::Filter,
            tagger: &tags::EC2,
            id_prefix: "",
            terraform: "",
            calls: &[],
            name: None,
            iam: &[],
            quotas: &[],
            completes: &[],
            starts: false,
            codes: &[],
            durations: None,
            gone: Gone::Later,
            spends: false,
            free: false,
            looked_at_first: false,
            prices: "",
            stand_in: "",
            advised: None,
        }
    }

    /// AWS's default of a field that was removed or set to null; `None` = AWS has no such state.
    pub fn default_of(&self, path: &str) -> Option<Value> {
        self.defaults.iter().find(|(field, _)| *field == path).map(|(_, default)| default.value())
    }
}
