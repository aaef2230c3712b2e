//! One AWS resource kind: what every kind does. What some do besides is in `capability`, and the words for it beside it.
mod about;
mod capability;
mod fact;
mod live;
mod request;

pub use about::{About, Advised, DefaultValue, MEMBERS, PARTS};
pub use capability::{
    Answers, Asks, Compares, Drains, Fleet, HoldsData, Logs, Machine, Released, Runs, Served, Serves, Teardown,
};
pub use fact::{Call, Claim, Class, Discovery, Durations, Expected, Gone, NameRule, Need, Output, Quota};
pub use live::{Id, Live, Member, State};
pub use request::{Changes, Foreseen, Lookup, NamedImage, Problem, Revealed};

use crate::{
    aws::{Error, tags::Carrier},
    call::{Ctx, SweepCtx},
    price::{PriceContext, PriceLine},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::future::Future;

/// One AWS resource kind. The struct is the blueprint schema, what the sweep reads back, and the source of the docs.
///
/// A kind that does more than this implements a trait of `capability` too, and its line in the table of kinds says so.
///
/// # Guarantees
/// What the engine may build on, tried on every kind by `tests/engine/conformance.rs`:
/// - `create` makes the primary object with one call, tags in it; everything else is `update`.
/// - `create → sweep` gives, after `normalize` on both sides, no difference, or one that `update` removes.
/// - `update` may be repeated at any time, and `delete` until the sweep no longer finds the object. An object that is
///   gone already is a success of `delete`.
/// - `sweep` never skips an owned object, nor one without an address: a field that it cannot read is an error, or said
///   in [`SweepCtx::unread`] where the object can be read without it.
///
/// # Assumptions
/// What a kind may build on:
/// - What is passed to a call has been checked and normalised, every pointer in it has its id, and no field waits for
///   another resource. `summary`, `check` and `price` also see what is not known yet.
/// - The engine writes to one object from one task at a time, and only while the stack's lease is held.
///
/// # Errors
/// Those of AWS go up as they are, with their class: the engine decides what is tried again. Only what says that the goal is
/// reached (gone, or there already and ours) is a success.
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

    /// Price lines; none = free.
    fn price(&self, _ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        Vec::new()
    }

    /// What it takes of the account's quotas, as far as that can be counted.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Expected times, asked for where [`About::durations`] does not have them because they depend on the fields.
    fn durations(&self) -> Durations {
        Self::ABOUT.durations.unwrap_or(Durations::SECONDS)
    }

    /// Every object of this kind that the stack in `ctx` owns, in paginated requests whose number does not grow with
    /// the size of a fleet.
    fn sweep(ctx: &SweepCtx) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send;

    /// Makes the primary object and returns its id. `found` is what exists of it in state [`State::Partial`].
    fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> impl Future<Output = Result<Id, Error>> + Send;

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

    /// What carries this object's tags: itself and its parts, as [`About::tagger`] knows them.
    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let tagger = Self::ABOUT.tagger;
        let arn = live.outputs.get("arn").and_then(Value::as_str);
        let own = if tagger.by_arn() { arn } else { Some(live.id.as_str()) };
        let parts = live.parts.iter().map(|(part, id)| Carrier::part(part, tagger, id));
        own.map(|id| Carrier::own(tagger, id)).into_iter().chain(parts).collect()
    }
}
