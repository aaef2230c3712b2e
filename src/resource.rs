//! The vocabulary of a resource: live object, state, and what a kind states about itself.
mod about;

pub use about::{About, Advised, MEMBERS};

use crate::{
    address::Address,
    aws::{
        Error,
        tags::{Carrier, Tags},
    },
    call::{Ctx, SweepCtx},
    diagnostic::Code,
    price::{PriceContext, PriceLine},
    spec::Difference,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

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
    pub tags: BTreeMap<String, String>,
}

/// One object found in the account, described with the same struct that a blueprint uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live<S = Value> {
    /// Where it belongs; for `lookup` results without our tags, an empty placeholder set by the engine.
    pub address: Address,
    /// The id that pointers to it resolve to.
    pub id: Id,
    /// Other ids under which it appears in other objects (an ARN, the ids of its parts).
    pub ids: Vec<Id>,
    /// Secondary objects by `dlinfra:part` (an address behind a NAT gateway, a placement group).
    pub parts: BTreeMap<String, Id>,
    /// The members of a fleet, oldest first; empty for everything else.
    pub members: Vec<Member>,
    /// Where it is in its life.
    pub state: State,
    /// Its tags as AWS returns them.
    pub tags: BTreeMap<String, String>,
    /// The spec as read back.
    pub spec: S,
    /// Output attributes by name.
    pub outputs: Map<String, Value>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Fields with a value that this dlinfra does not know, in AWS's words. In the spec something known stands in their
    /// place, so that the object can be handled; nobody compares it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub novel: BTreeMap<String, String>,
}

impl<S> Live<S> {
    /// A ready object with nothing but an address, id, tags and spec; the rest is set by field.
    pub fn new(address: Address, id: impl Into<Id>, tags: BTreeMap<String, String>, spec: S) -> Self {
        Self {
            address,
            id: id.into(),
            ids: Vec::new(),
            parts: BTreeMap::new(),
            members: Vec::new(),
            state: State::Ready,
            tags,
            spec,
            outputs: Map::new(),
            created: None,
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
            state: self.state.clone(),
            tags: self.tags.clone(),
            spec,
            outputs: self.outputs.clone(),
            created: self.created,
            novel: self.novel.clone(),
        }
    }
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

/// A field that no sweep returns: its name, what is live, and what is wanted.
pub type Revealed = (&'static str, String, String);

/// How owned objects are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// The API filters by tag.
    Filter,
    /// Everything is listed and matched by the tags in the reply.
    ListAndMatch,
    /// Names start with a prefix of the stack.
    Prefix,
    /// Each name that is wanted or journaled is read.
    Names,
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

/// A machine image by a name whose meaning AWS moves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// The name and the processor: `al2023/arm64`; a parameter is its own name.
    pub name: String,
    /// The public parameters that may hold its id, in the order to try.
    pub parameters: Vec<String>,
}

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
    Tags(BTreeMap<String, String>),
}

/// One AWS resource kind. The struct is the blueprint schema, what the sweep reads back, and the source of the docs.
///
/// # Contract (checked by `tests/conformance.rs`)
/// - `create` makes the primary object with one call, tags in it; everything else is `update`.
/// - `create → sweep` gives, after `normalize` on both sides, no difference, or one that `update` removes.
/// - `delete` of an object that is gone is a success; it may be called again until the sweep no longer finds it.
/// - `sweep` never skips an owned object, nor one without an address: a field that it cannot read is an error, or said
///   in [`SweepCtx::unread`] where the object can be read without it.
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + Sized + 'static {
    /// The kind's name in a blueprint.
    const KIND: &'static str;
    /// What the kind states about itself.
    const ABOUT: About;

    /// One line for a plan (`4 x p5.48xlarge`); unknown fields must not make it fail.
    fn summary(&self) -> String;

    /// Checks of single fields and of fields against each other; unknown fields are "cannot tell yet".
    fn check(&self, _problems: &mut Vec<Problem>) {}

    /// Puts both sides of a diff into one form: sets sorted, policies parsed, defaults filled in.
    /// Nested objects are compared whole, so their optional fields must be filled in here or left out by the sweep.
    fn normalize(&mut self) {}

    /// AWS's default of a field that was removed or set to null; `None` = AWS has no such state.
    fn default_of(_path: &str) -> Option<Value> {
        None
    }

    /// Does it hold data that nobody can make again?
    fn holds_data(&self) -> bool {
        false
    }

    /// Is the wanted state "nothing exists" (a fleet of 0)?
    fn is_empty(&self) -> bool {
        false
    }

    /// The image that its machines start from, if that is a name whose meaning AWS moves on.
    fn image(&self) -> Option<NamedImage> {
        None
    }

    /// What is found, of an object or of one member of a fleet, may be one of several things that `want` takes: then this
    /// is how it shall be seen, namely as what `want` says first. Nothing = it is compared as it is. Both by top-level
    /// field.
    fn accept(_want: &Value, _found: &Value) -> Option<Value> {
        None
    }

    /// Must this change of a live object (`self`) be a replace although the field is not always fixed (a file system
    /// grows, but never shrinks)?
    fn must_replace(&self, _change: &Difference) -> bool {
        false
    }

    /// Members of the live fleet that end because fewer are wanted.
    fn leaving(_want: &Self, _live: &Live<Self>) -> Vec<Id> {
        Vec::new()
    }

    /// Expected times.
    fn durations(&self) -> Durations;

    /// How long this change takes. What changes tags only, or replaces members, is not asked for here.
    fn changing(&self, _live: &Live<Self>, _changes: &[Difference]) -> Expected {
        self.durations().update
    }

    /// Price lines; none = free.
    fn price(&self, _ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        Vec::new()
    }

    /// Every object of this kind that the stack in `ctx` owns, in paginated requests whose number does not grow with
    /// the size of a fleet.
    fn sweep(ctx: &SweepCtx) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send;

    /// Makes the primary object and returns its id. `found` is what exists of it in state [`State::Partial`].
    fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> impl Future<Output = Result<Id, Error>> + Send;

    /// The object that `create` has just made, where AWS's answers and what AWS states of every new object of the kind
    /// say all of it; nothing = it is looked at. Not asked when the call was in doubt ([`Ctx::doubtful`]).
    fn made(&self, _ctx: &Ctx, _id: &Id) -> Option<Live<Self>> {
        None
    }

    /// What the object is after `update`, where each of its calls is in force with its answer; nothing = it is looked
    /// at. Asked only of what the same step has made, and not when a call was in doubt ([`Ctx::doubtful`]).
    fn updated(_want: &Self, _ctx: &Ctx, _live: &Live<Self>) -> Option<Live<Self>> {
        None
    }

    /// Is nothing left of this object as soon as `delete` has succeeded? AWS goes on removing others for a while.
    fn goes_at_once(_live: &Live<Self>) -> bool {
        false
    }

    /// Brings the live object nearer to what is wanted; the engine repeats it until no difference is left.
    fn update(
        want: &Self,
        ctx: &Ctx,
        live: &Live<Self>,
        changes: &Changes,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Asks AWS to remove it, parts included; repeated until the sweep no longer finds it.
    fn delete(ctx: &Ctx, live: &Live<Self>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Objects that match, whoever owns them; read only.
    fn lookup(ctx: &SweepCtx, by: &Lookup) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send;

    /// Objects with these ids, whoever owns them; read only. A fleet answers with one object for all its members.
    fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send {
        async move {
            let mut out = Vec::new();
            for id in ids {
                out.extend(Self::lookup(ctx, &Lookup::Id(id.clone())).await?);
            }
            Ok(out)
        }
    }

    /// The ids by which something that was applied can be asked for.
    fn ids_of(id: &Id, _outputs: &Map<String, Value>) -> Vec<Id> {
        vec![id.clone()]
    }

    /// Which secondary objects with these ids are there, whoever owns them, each with its tags; read only. Ids of
    /// anything else are passed over.
    fn parts_there(_: &SweepCtx, _: &BTreeSet<Id>) -> impl Future<Output = Result<Vec<(Id, Tags)>, Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Fields that no sweep returns but that can be asked object by object, when something is imported: each with
    /// whether it is as wanted. What is not named here is believed.
    fn inspect(
        _ctx: &SweepCtx,
        _want: &Self,
        _live: &Live<Self>,
    ) -> impl Future<Output = Result<Vec<(&'static str, bool)>, Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Fields that no sweep returns, as text for people: each with what is live and what is wanted.
    fn reveal(
        _ctx: &SweepCtx,
        _want: &Self,
        _live: &Live<Self>,
    ) -> impl Future<Output = Result<Vec<Revealed>, Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What AWS would refuse of objects that are to be made, where only AWS can tell: each with the number of the object.
    /// The number of requests does not grow with that of the objects.
    fn foresee(
        _ctx: &SweepCtx,
        _made: &[Foreseen<Self>],
    ) -> impl Future<Output = Result<Vec<(usize, Problem)>, Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What carries this object's tags: itself and its parts, as [`About::tagger`] knows them.
    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let tagger = Self::ABOUT.tagger;
        let arn = live.outputs.get("arn").and_then(Value::as_str);
        let own = if tagger.by_arn() { arn } else { Some(live.id.as_str()) };
        let parts = live.parts.iter().map(|(part, id)| Carrier::part(part, tagger, id));
        own.map(|id| Carrier::own(tagger, id)).into_iter().chain(parts).collect()
    }

    /// How much data a delete would destroy, for people ("3 objects, 12 GiB"); `None` = empty.
    fn contents(_ctx: &SweepCtx, _live: &Live<Self>) -> impl Future<Output = Result<Option<String>, Error>> + Send {
        async { Ok(None) }
    }

    /// What of others holds the object, each with its id: asked when AWS refuses a delete because it is in use.
    fn held_by(_ctx: &SweepCtx, _live: &Live<Self>) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        async { Ok(Vec::new()) }
    }
}
