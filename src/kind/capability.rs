//! The erased form of what some kinds do besides, and what holds for a kind that does not.
mod asked;

use super::{Boxed, Kind, Of};
use crate::{
    aws::{Error, log_events::LogLine, tags::Tags},
    call::{Ctx, SweepCtx},
    packed::Packed,
    resource::{
        Answers, Asks, Compares, Drains, Expected, Fleet, Foreseen, HoldsData, Id, Live, Logs, Machine, NamedImage,
        Problem, Released, Revealed, Runs, Served, Serves, Teardown,
    },
    spec::Difference,
};
use asked::{ErasedDrains, ErasedLogs, ErasedRuns, ErasedServes};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeSet, future::ready, time::Duration};

/// What a kind does besides: one for each trait of `resource::capability` that its line in the table of kinds names.
#[derive(Clone, Copy)]
pub struct Capabilities {
    fleet: Option<&'static dyn ErasedFleet>,
    data: Option<&'static dyn ErasedData>,
    answers: Option<&'static dyn ErasedAnswers>,
    compares: Option<&'static dyn ErasedCompares>,
    asks: Option<&'static dyn ErasedAsks>,
    teardown: Option<&'static dyn ErasedTeardown>,
    logs: Option<&'static dyn ErasedLogs>,
    serves: Option<&'static dyn ErasedServes>,
    drains: Option<&'static dyn ErasedDrains>,
    runs: Option<&'static dyn ErasedRuns>,
}

impl Capabilities {
    pub(super) const NONE: Self = Self {
        fleet: None,
        data: None,
        answers: None,
        compares: None,
        asks: None,
        teardown: None,
        logs: None,
        serves: None,
        drains: None,
        runs: None,
    };
}

/// Each says that the kind has the trait of that name.
impl<R> Of<R> {
    /// It is many equal members.
    #[must_use]
    pub const fn fleet(self) -> Self
    where
        R: Fleet,
    {
        Self { has: Capabilities { fleet: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// It holds data.
    #[must_use]
    pub const fn data(self) -> Self
    where
        R: HoldsData,
    {
        Self { has: Capabilities { data: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// AWS's answers say what it is.
    #[must_use]
    pub const fn answers(self) -> Self
    where
        R: Answers,
    {
        Self { has: Capabilities { answers: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// It compares by more than its fields say.
    #[must_use]
    pub const fn compares(self) -> Self
    where
        R: Compares,
    {
        Self { has: Capabilities { compares: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// It asks AWS for what a sweep does not tell.
    #[must_use]
    pub const fn asks(self) -> Self
    where
        R: Asks,
    {
        Self { has: Capabilities { asks: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// Its teardown asks what is around it.
    #[must_use]
    pub const fn teardown(self) -> Self
    where
        R: Teardown,
    {
        Self { has: Capabilities { teardown: Some(&Self::KIND), ..self.has }, ..self }
    }
}

/// The same of what people read and ask.
impl<R> Of<R> {
    /// Its logs can be read.
    #[must_use]
    pub const fn logs(self) -> Self
    where
        R: Logs,
    {
        Self { has: Capabilities { logs: Some(&Self::KIND), ..self.has }, ..self }
    }
    /// It answers requests.
    #[must_use]
    pub const fn serves(self) -> Self
    where
        R: Serves,
    {
        Self { has: Capabilities { serves: Some(&Self::KIND), ..self.has }, ..self }
    }
}

/// The same of what sends something to others.
impl<R> Of<R> {
    /// It sends requests to members of fleets.
    #[must_use]
    pub const fn drains(self) -> Self
    where
        R: Drains,
    {
        Self { has: Capabilities { drains: Some(&Self::KIND), ..self.has }, ..self }
    }
}

/// The same of what runs commands.
impl<R> Of<R> {
    /// It has machines on which commands can be run.
    #[must_use]
    pub const fn runs(self) -> Self
    where
        R: Runs,
    {
        Self { has: Capabilities { runs: Some(&Self::KIND), ..self.has }, ..self }
    }
}

/// The questions to a kind that only some can answer, each with what holds for all others.
impl dyn Kind + '_ {
    /// Is the wanted state "nothing exists"?
    pub fn is_empty(&self, spec: &Value) -> bool {
        self.has().fleet.is_some_and(|fleet| fleet.is_empty(spec))
    }
    /// An output of a fleet of nobody: its lists are empty and its counts 0; nobody has an address.
    pub fn output_of_nobody(&self, name: &str) -> Option<Value> {
        match self.about().outputs.iter().find(|output| output.name == name)?.ty {
            "int" => Some(json!(0)),
            ty => ty.starts_with("list").then(|| json!([])),
        }
    }
    /// The image that its machines start from, if that is a name whose meaning AWS moves on.
    pub fn image(&self, spec: &Value) -> Option<NamedImage> {
        self.has().fleet?.image(spec)
    }
    /// How long members of a fleet may need for what AWS does not see.
    pub fn booting(&self, spec: &Value) -> Duration {
        self.has().fleet.map_or(Duration::ZERO, |fleet| fleet.booting(spec))
    }
    /// Members of the live fleet that end because fewer are wanted.
    pub fn leaving(&self, want: &Value, live: &Live) -> Vec<Id> {
        let fleet = self.has().fleet.filter(|_| !live.members.is_empty());
        fleet.map(|fleet| fleet.leaving(want, live)).unwrap_or_default()
    }
    /// How long this change takes.
    pub fn changing(&self, want: &Value, live: &Live, changes: &[Difference]) -> Expected {
        let told = self.has().fleet.and_then(|fleet| fleet.changing(want, live, changes));
        told.unwrap_or_else(|| self.durations(want).update)
    }
    /// The ids by which something that was applied can be asked for.
    pub fn ids_of(&self, id: &Id, outputs: &Packed<Value>) -> Vec<Id> {
        self.has().fleet.map_or_else(|| vec![id.clone()], |fleet| fleet.ids_of(id, outputs))
    }
    /// Does it hold data that nobody can make again?
    pub fn holds_data(&self, spec: &Value) -> bool {
        self.has().data.is_some_and(|data| data.holds_data(spec))
    }
    /// How much data a delete would destroy.
    pub fn contents<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Option<String>> {
        self.has().data.map_or_else(|| Box::pin(ready(Ok(None))) as _, |data| data.contents(ctx, live))
    }
    /// What `create` has made, where its answers say all of it.
    ///
    /// # Errors
    /// A spec that does not have the shape of its kind.
    pub fn made(&self, ctx: &Ctx, want: &Value, id: &Id) -> Result<Option<Live>, Error> {
        self.has().answers.map_or(Ok(None), |answers| answers.made(ctx, want, id))
    }
    /// What the object is after `update`, where the answers of its calls say so.
    ///
    /// # Errors
    /// A spec that does not have the shape of its kind.
    pub fn updated(&self, ctx: &Ctx, want: &Value, live: &Live) -> Result<Option<Live>, Error> {
        self.has().answers.map_or(Ok(None), |answers| answers.updated(ctx, want, live))
    }
    /// How something found shall be seen that is one of several things that `want` takes; nothing = as it is.
    pub fn accept(&self, want: &Value, found: &Value) -> Option<Value> {
        self.has().compares?.accept(want, found)
    }
    /// Must this change of a live object be a replace although the field is not always fixed?
    pub fn must_replace(&self, live: &Value, change: &Difference) -> bool {
        self.has().compares.is_some_and(|compares| compares.must_replace(live, change))
    }
    /// What AWS would refuse of objects that are to be made, each with the number of the object.
    pub fn foresee<'a>(&self, ctx: &'a SweepCtx, made: &'a [Foreseen]) -> Boxed<'a, Vec<(usize, Problem)>> {
        self.has().asks.map_or_else(nothing, |asks| asks.foresee(ctx, made))
    }
    /// Fields that no sweep returns, asked for one object: each with whether it is as wanted.
    pub fn inspect<'a>(
        &self,
        ctx: &'a SweepCtx,
        want: &'a Value,
        live: &'a Live,
    ) -> Boxed<'a, Vec<(&'static str, bool)>> {
        self.has().asks.map_or_else(nothing, |asks| asks.inspect(ctx, want, live))
    }
    /// Fields that no sweep returns, as text for people.
    pub fn reveal<'a>(&self, ctx: &'a SweepCtx, want: &'a Value, live: &'a Live) -> Boxed<'a, Vec<Revealed>> {
        self.has().asks.map_or_else(nothing, |asks| asks.reveal(ctx, want, live))
    }
    /// What of others holds it, each with its id.
    pub fn held_by<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Vec<String>> {
        self.has().teardown.map_or_else(nothing, |teardown| teardown.held_by(ctx, live))
    }
    /// What it wrote since then; nothing = it writes no logs.
    pub fn lines<'a>(&self, ctx: &'a SweepCtx, live: &'a Live, since: Timestamp) -> Option<Boxed<'a, Vec<LogLine>>> {
        Some(self.has().logs?.lines(ctx, live, since))
    }
    /// Asks it what its users ask; nothing = it answers nobody.
    pub fn invoke<'a>(
        &self,
        ctx: &'a SweepCtx,
        live: &'a Live,
        content_type: &'a str,
        body: Vec<u8>,
    ) -> Option<Boxed<'a, Served>> {
        Some(self.has().serves?.invoke(ctx, live, content_type, body))
    }
    /// Does it write logs?
    pub fn writes_logs(&self) -> bool {
        self.has().logs.is_some()
    }
    /// Does it answer requests?
    pub fn answers_requests(&self) -> bool {
        self.has().serves.is_some()
    }
    /// Does it send requests to members of fleets?
    pub fn drains(&self) -> bool {
        self.has().drains.is_some()
    }
    /// Lets members of a fleet go that are about to end.
    pub fn release<'a>(&self, ctx: &'a SweepCtx, ending: &'a [Id], staying: &'a [Id]) -> Boxed<'a, Released> {
        let free = || Box::pin(ready(Ok(Released::Free))) as _;
        self.has().drains.map_or_else(free, |drains| drains.release(ctx, ending, staying))
    }
    /// Has it machines on which commands can be run?
    pub fn runs_commands(&self) -> bool {
        self.has().runs.is_some()
    }
    /// Its machines that are running, in the order of their ranks.
    pub fn machines(&self, live: &Live) -> Vec<Machine> {
        self.has().runs.map(|runs| runs.machines(live)).unwrap_or_default()
    }
    /// The type of its machines, where it has some.
    pub fn machine_type(&self, spec: &Value) -> Option<String> {
        self.has().runs.and_then(|runs| runs.machine_type(spec))
    }
    /// Which secondary objects with these ids are there, whoever owns them.
    pub fn parts_there<'a>(&self, ctx: &'a SweepCtx, ids: &'a BTreeSet<Id>) -> Boxed<'a, Vec<(Id, Tags)>> {
        self.has().teardown.map_or_else(nothing, |teardown| teardown.parts_there(ctx, ids))
    }
}

fn nothing<'a, T: Send + 'a>() -> Boxed<'a, Vec<T>> {
    Box::pin(ready(Ok(Vec::new())))
}

trait ErasedFleet: Send + Sync {
    fn is_empty(&self, spec: &Value) -> bool;
    fn image(&self, spec: &Value) -> Option<NamedImage>;
    fn booting(&self, spec: &Value) -> Duration;
    fn leaving(&self, want: &Value, live: &Live) -> Vec<Id>;
    fn changing(&self, want: &Value, live: &Live, changes: &[Difference]) -> Option<Expected>;
    fn ids_of(&self, id: &Id, outputs: &Packed<Value>) -> Vec<Id>;
}

impl<R: Fleet> ErasedFleet for Of<R> {
    fn is_empty(&self, spec: &Value) -> bool {
        Self::typed(spec).is_ok_and(|r| r.is_empty())
    }
    fn image(&self, spec: &Value) -> Option<NamedImage> {
        Self::typed(spec).ok()?.image()
    }
    fn booting(&self, spec: &Value) -> Duration {
        Self::typed(spec).map_or(Duration::ZERO, |r| r.booting())
    }
    fn leaving(&self, want: &Value, live: &Live) -> Vec<Id> {
        match (Self::typed(want), Self::typed_live(live)) {
            (Ok(want), Ok(live)) => R::leaving(&want, &live),
            _ => Vec::new(),
        }
    }
    fn changing(&self, want: &Value, live: &Live, changes: &[Difference]) -> Option<Expected> {
        Some(Self::typed(want).ok()?.changing(&Self::typed_live(live).ok()?, changes))
    }
    fn ids_of(&self, id: &Id, outputs: &Packed<Value>) -> Vec<Id> {
        R::ids_of(id, outputs)
    }
}

trait ErasedData: Send + Sync {
    fn holds_data(&self, spec: &Value) -> bool;
    fn contents<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Option<String>>;
}

impl<R: HoldsData> ErasedData for Of<R> {
    fn holds_data(&self, spec: &Value) -> bool {
        // What cannot be read is treated as if it held data.
        Self::typed(spec).map_or(true, |r| r.holds_data())
    }
    fn contents<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Option<String>> {
        Box::pin(async move { R::contents(ctx, &Self::typed_live(live)?).await })
    }
}

trait ErasedAnswers: Send + Sync {
    fn made(&self, ctx: &Ctx, want: &Value, id: &Id) -> Result<Option<Live>, Error>;
    fn updated(&self, ctx: &Ctx, want: &Value, live: &Live) -> Result<Option<Live>, Error>;
}

impl<R: Answers> ErasedAnswers for Of<R> {
    fn made(&self, ctx: &Ctx, want: &Value, id: &Id) -> Result<Option<Live>, Error> {
        Self::typed(want)?.made(ctx, id).map(|live| Self::erase(&live)).transpose()
    }
    fn updated(&self, ctx: &Ctx, want: &Value, live: &Live) -> Result<Option<Live>, Error> {
        R::updated(&Self::typed(want)?, ctx, &Self::typed_live(live)?).map(|live| Self::erase(&live)).transpose()
    }
}

trait ErasedCompares: Send + Sync {
    fn accept(&self, want: &Value, found: &Value) -> Option<Value>;
    fn must_replace(&self, live: &Value, change: &Difference) -> bool;
}

impl<R: Compares> ErasedCompares for Of<R> {
    fn accept(&self, want: &Value, found: &Value) -> Option<Value> {
        R::accept(want, found)
    }
    fn must_replace(&self, live: &Value, change: &Difference) -> bool {
        Self::typed(live).is_ok_and(|r| r.must_replace(change))
    }
}

trait ErasedAsks: Send + Sync {
    fn foresee<'a>(&self, ctx: &'a SweepCtx, made: &'a [Foreseen]) -> Boxed<'a, Vec<(usize, Problem)>>;
    fn inspect<'a>(&self, ctx: &'a SweepCtx, want: &'a Value, live: &'a Live) -> Boxed<'a, Vec<(&'static str, bool)>>;
    fn reveal<'a>(&self, ctx: &'a SweepCtx, want: &'a Value, live: &'a Live) -> Boxed<'a, Vec<Revealed>>;
}

impl<R: Asks> ErasedAsks for Of<R> {
    fn foresee<'a>(&self, ctx: &'a SweepCtx, made: &'a [Foreseen]) -> Boxed<'a, Vec<(usize, Problem)>> {
        Box::pin(async move {
            let typed = |one: &Foreseen| {
                let (want, targets) = (Self::typed(&one.want)?, one.targets.clone());
                Ok(Foreseen { want, targets, rehearsed: one.rehearsed })
            };
            R::foresee(ctx, &made.iter().map(typed).collect::<Result<Vec<_>, Error>>()?).await
        })
    }
    fn inspect<'a>(&self, ctx: &'a SweepCtx, want: &'a Value, live: &'a Live) -> Boxed<'a, Vec<(&'static str, bool)>> {
        Box::pin(async move { R::inspect(ctx, &Self::typed(want)?, &Self::typed_live(live)?).await })
    }
    fn reveal<'a>(&self, ctx: &'a SweepCtx, want: &'a Value, live: &'a Live) -> Boxed<'a, Vec<Revealed>> {
        Box::pin(async move { R::reveal(ctx, &Self::typed(want)?, &Self::typed_live(live)?).await })
    }
}

trait ErasedTeardown: Send + Sync {
    fn held_by<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Vec<String>>;
    fn parts_there<'a>(&self, ctx: &'a SweepCtx, ids: &'a BTreeSet<Id>) -> Boxed<'a, Vec<(Id, Tags)>>;
}

impl<R: Teardown> ErasedTeardown for Of<R> {
    fn held_by<'a>(&self, ctx: &'a SweepCtx, live: &'a Live) -> Boxed<'a, Vec<String>> {
        Box::pin(async move { R::held_by(ctx, &Self::typed_live(live)?).await })
    }
    fn parts_there<'a>(&self, ctx: &'a SweepCtx, ids: &'a BTreeSet<Id>) -> Boxed<'a, Vec<(Id, Tags)>> {
        Box::pin(R::parts_there(ctx, ids))
    }
}
