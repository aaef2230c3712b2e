//! What some kinds do beside what every kind does. The table of kinds says which kind has which of these.
use super::{Expected, Foreseen, Id, Live, NamedImage, Problem, Resource, Revealed};
use crate::{
    aws::{Error, log_events::LogLine, tags::Tags},
    call::{Ctx, SweepCtx},
    packed::Packed,
    spec::Difference,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, future::Future, time::Duration};

/// Many equal members that are one resource.
///
/// # Guarantees
/// [`Live::members`] has all of them, oldest first, and requests do not grow with their number.
pub trait Fleet: Resource {
    /// Is the wanted state "nothing exists" (a fleet of 0)?
    fn is_empty(&self) -> bool;

    /// The image that its machines start from, if that is a name whose meaning AWS moves on.
    fn image(&self) -> Option<NamedImage> {
        None
    }

    /// How long members may need for what AWS does not see, such as their first start.
    fn booting(&self) -> Duration {
        Duration::ZERO
    }

    /// Members of the live fleet that end because fewer are wanted.
    fn leaving(want: &Self, live: &Live<Self>) -> Vec<Id>;

    /// How long this change takes. What changes tags only, or replaces members, is not asked for here.
    fn changing(&self, _live: &Live<Self>, _changes: &[Difference]) -> Expected {
        self.durations().update
    }

    /// The ids by which a fleet that was applied can be asked for: those of its members, where AWS knows no other.
    fn ids_of(id: &Id, _outputs: &Packed<Value>) -> Vec<Id> {
        vec![id.clone()]
    }
}

/// Holds what is lost with the object.
///
/// # Assumptions
/// What cannot be read is treated as if it held data.
pub trait HoldsData: Resource {
    /// Does it hold data that nobody can make again?
    fn holds_data(&self) -> bool;

    /// How much data a delete would destroy, for people ("3 objects, 12 GiB"); `None` = empty.
    fn contents(ctx: &SweepCtx, live: &Live<Self>) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

/// AWS's answers to its calls say what the object is then, so that it need not be looked at.
///
/// # Assumptions
/// Asked only of what the same step has made, and not when a call was in doubt ([`Ctx::doubtful`]).
pub trait Answers: Resource {
    /// The object that `create` has just made, where AWS's answers and what AWS states of every new object of the kind
    /// say all of it; nothing = it is looked at.
    fn made(&self, _ctx: &Ctx, _id: &Id) -> Option<Live<Self>> {
        None
    }

    /// What the object is after `update`, where each of its calls is in force with its answer; nothing = it is looked
    /// at.
    fn updated(want: &Self, ctx: &Ctx, live: &Live<Self>) -> Option<Live<Self>>;
}

/// Compares what is live with what is wanted by more than its fields say.
pub trait Compares: Resource {
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
}

/// Asks AWS for what neither the blueprint nor a sweep tells; read only.
pub trait Asks: Resource {
    /// What AWS would refuse of objects that are to be made, where only AWS can tell: each with the number of the object.
    /// The number of requests does not grow with that of the objects. [`About::asked`](super::About::asked) names the
    /// fields.
    fn foresee(
        ctx: &SweepCtx,
        made: &[Foreseen<Self>],
    ) -> impl Future<Output = Result<Vec<(usize, Problem)>, Error>> + Send;

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
}

/// What it, or what runs on it, writes can be read.
pub trait Logs: Resource {
    /// Everything that was written since then, the oldest first; read only.
    fn lines(
        ctx: &SweepCtx,
        live: &Live<Self>,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<LogLine>, Error>> + Send;
}

/// A machine on which commands can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `i-…`.
    pub id: Id,
    /// Its address for the others.
    pub ip: String,
    /// How many GPUs, or other accelerators, it has.
    pub accelerators: u32,
    /// Is it spare capacity that AWS may take back? Older journals do not say.
    #[serde(default)]
    pub spot: bool,
}

/// Has machines with an agent of Systems Manager, which runs commands on them.
pub trait Runs: Resource {
    /// Those that are running, in the order of their ranks.
    fn machines(live: &Live<Self>) -> Vec<Machine>;

    /// Their type: `p5.48xlarge`.
    fn machine_type(&self) -> &str;
}

/// An answer to a request of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// As it came.
    pub body: Vec<u8>,
    /// What it says that it is.
    pub content_type: String,
    /// Who answered, in AWS's words: a variant.
    pub by: String,
}

/// Answers requests of its own.
pub trait Serves: Resource {
    /// Asks it what its users ask.
    fn invoke(
        ctx: &SweepCtx,
        live: &Live<Self>,
        content_type: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Served, Error>> + Send;
}

/// Whether members of a fleet may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// Nobody sends them anything.
    Free,
    /// Not yet.
    Waits {
        /// Why.
        why: String,
        /// After so long nothing will come of it.
        at_most: Duration,
    },
}

/// Sends requests to members of fleets.
///
/// # Guarantees
/// `release` does what can be done now and says what is to be waited for: it is asked again until nothing is, and may be
/// begun anew after a kill. It looks at AWS alone, since a run that was killed may have begun it.
pub trait Drains: Resource {
    /// Lets members go that are about to end: those that stay are taken on first, and what those that go have begun may
    /// be finished. It concerns every object of the stack that the sweep is for.
    fn release(ctx: &SweepCtx, ending: &[Id], staying: &[Id]) -> impl Future<Output = Result<Released, Error>> + Send;
}

/// A teardown asks what is around the object; read only.
pub trait Teardown: Resource {
    /// What of others holds the object, each with its id: asked when AWS refuses a delete because it is in use.
    fn held_by(_ctx: &SweepCtx, _live: &Live<Self>) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Which secondary objects with these ids are there, whoever owns them, each with its tags. Ids of anything else are
    /// passed over.
    fn parts_there(_: &SweepCtx, _: &BTreeSet<Id>) -> impl Future<Output = Result<Vec<(Id, Tags)>, Error>> + Send {
        async { Ok(Vec::new()) }
    }
}
