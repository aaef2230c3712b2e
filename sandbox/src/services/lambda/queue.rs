//! Calls that nobody waits for: run in their order, and again after a failure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::model::Function;
use super::run::{self, Job};
use crate::life::after;
use crate::services::prelude::*;
use crate::session;
use crate::store::{Object, World};

/// How long Lambda waits before it tries again, the first and the second time.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// How long Lambda waits when a function may not run any oftener.
const THROTTLED: Duration = Duration::from_secs(60);
/// A call that was not run by then is forgotten.
const OLDEST: Duration = Duration::from_secs(6 * 3600);

/// A call in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// A number, so that calls are in the order in which they came.
    id: String,
    created: Timestamp,
    function: String,
    request_id: String,
    payload: String,
    /// From when on it may be run.
    ready: Timestamp,
    /// How often it was tried.
    tries: usize,
}

object!(Waiting, "token/function-call", id);

/// A function is to be called with this; false where there is none. Where functions do not run, that is recorded.
pub(crate) fn add(world: &mut World, region: &str, function: &str, payload: String, now: Timestamp) -> bool {
    let Some(it) = world.get::<Function>(region, function).cloned() else { return false };
    let request_id = world.new_uuid();
    if world.config.functions.is_none() {
        let job = run::begin(world, region, &it, (request_id, payload), now, false);
        run::not_run(world, &job, now);
        return true;
    }
    let (id, function) = (format!("{:016x}", world.counter()), it.name);
    world.put(region, Waiting { id, created: now, function, request_id, payload, ready: now, tries: 0 });
    true
}

/// A call of the queue that has begun.
pub(crate) struct Begun {
    pub(crate) region: String,
    pub(crate) function: String,
    /// The call in the queue.
    id: String,
    pub(crate) job: Job,
}

/// Begins the next call that may be run now. `busy` are region and name of functions that are running already.
pub(crate) fn next(world: &mut World, now: Timestamp, busy: &BTreeSet<(String, String)>) -> Option<Begun> {
    let ready = |it: &&Waiting| it.ready <= now;
    let all: Vec<(String, Waiting)> = world
        .places::<Waiting>()
        .into_iter()
        .flat_map(|region| {
            let found: Vec<Waiting> = world.all::<Waiting>(&region).filter(ready).cloned().collect();
            found.into_iter().map(move |it| (region.clone(), it))
        })
        .collect();
    all.into_iter().find_map(|(region, it)| begin(world, now, busy, region, it))
}

fn begin(
    world: &mut World,
    now: Timestamp,
    busy: &BTreeSet<(String, String)>,
    region: String,
    it: Waiting,
) -> Option<Begun> {
    if busy.contains(&(region.clone(), it.function.clone())) {
        return None;
    }
    let Some(function) = world.get::<Function>(&region, &it.function).cloned() else {
        world.remove::<Waiting>(&region, &it.id);
        return None;
    };
    if now >= after(it.created, OLDEST) {
        world.remove::<Waiting>(&region, &it.id);
        return None;
    }
    let running = i64::try_from(session::count(world, &function.arn)).unwrap_or(i64::MAX);
    let later = match function.state(now) {
        "Pending" => Some(function.active),
        _ => function.reserved.filter(|reserved| running >= *reserved).map(|_| after(now, THROTTLED)),
    };
    if let Some(ready) = later {
        world.update::<Waiting>(&region, &it.id, |it| it.ready = ready);
        return None;
    }
    let job = run::begin(world, &region, &function, (it.request_id, it.payload), now, false);
    Some(Begun { region, function: it.function, id: it.id, job })
}

/// When the next call may be run that cannot be run now.
pub(crate) fn next_time(world: &World, now: Timestamp) -> Option<Timestamp> {
    let times = |region: String| world.all::<Waiting>(&region).map(|it| it.ready).filter(|at| *at > now).min();
    world.places::<Waiting>().into_iter().filter_map(times).min()
}

/// A call of the queue was run: after a failure it is run again, twice.
pub(crate) fn answered(world: &mut World, begun: &Begun, failed: bool, now: Timestamp) {
    let Some(it) = world.get::<Waiting>(&begun.region, &begun.id).cloned() else { return };
    match RETRIES.get(it.tries).filter(|_| failed) {
        Some(wait) => {
            let wait = world.scaled(*wait);
            world.put(&begun.region, Waiting { tries: it.tries + 1, ready: after(now, wait), ..it });
        }
        None => world.remove::<Waiting>(&begun.region, &begun.id),
    }
}

/// A function goes with its queue.
pub(super) fn forget(call: &mut Call<'_>, function: &str) {
    let of = |it: &&Waiting| it.function == function;
    let ids: Vec<String> = call.all::<Waiting>().filter(of).map(|it| it.id.clone()).collect();
    ids.iter().for_each(|id| call.remove::<Waiting>(id));
}
