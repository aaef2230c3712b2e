//! Requests that wait for an endpoint: its instances work them off, and it is measured how many wait.

use std::time::Duration;

use super::endpoints::{Endpoint, Status};
use crate::life::after;
use crate::services::prelude::*;
use crate::services::{application_autoscaling, monitoring, s3};
use crate::store::World;

const MINUTE: Duration = Duration::from_secs(60);
/// So many requests an instance works off in a minute.
const PACE: i64 = 5;
/// Once nothing waits, that is told for so many minutes more: long enough for policies to take the last instance away.
const CALM: u32 = 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    /// Its endpoint.
    id: String,
    created: Timestamp,
    /// What waits, the oldest first.
    waiting: Vec<Waiting>,
    /// For how many minutes nothing has waited.
    calm: u32,
    timer: Option<Timestamp>,
}

object!(Queue, "sagemaker/async-queue", id, due timer);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    /// Where the request is; nothing of one that came with its content.
    input: Option<String>,
    output: String,
    failure: Option<String>,
}

/// Puts a request into the queue of an endpoint; gives the places of its response and of an error.
pub(crate) fn wait(call: &mut Call<'_>, endpoint: &Endpoint, input: Option<String>) -> (String, Option<String>) {
    let uuid = call.world.new_uuid();
    let at = |place: &str, end: &str| format!("{}/{uuid}{end}", place.trim_end_matches('/'));
    let (output, failure) = &endpoint.output;
    let (output, failure) = (at(output, ".out"), failure.as_ref().map(|place| at(place, "-error.out")));
    let mut queue = call.get::<Queue>(&endpoint.name).cloned().unwrap_or(Queue {
        id: endpoint.name.clone(),
        created: call.now,
        waiting: Vec::new(),
        calm: 0,
        timer: None,
    });
    queue.waiting.push(Waiting { input, output: output.clone(), failure: failure.clone() });
    (queue.calm, queue.timer) = (0, queue.timer.or(Some(after(call.now, MINUTE))));
    call.put(queue);
    (output, failure)
}

/// A minute has passed: what could be worked off is, and the rest is measured.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let Some(mut it) = world.get::<Queue>(region, id).cloned() else { return };
    let Some(endpoint) = world.get::<Endpoint>(region, id).filter(|one| one.status != Status::Deleting).cloned() else {
        world.remove::<Queue>(region, id);
        return;
    };
    let instances: i64 = endpoint.variants.iter().map(|one| one.count).sum();
    let works = usize::try_from(instances * PACE).unwrap_or_default().min(it.waiting.len());
    for done in it.waiting.drain(..works) {
        answer(world, at, &endpoint, &done);
    }
    let backlog = it.waiting.len() as f64;
    let stuck = if instances == 0 && backlog > 0.0 { 1.0 } else { 0.0 };
    let seen = [
        ("ApproximateBacklogSize", backlog),
        ("ApproximateBacklogSizePerInstance", backlog / instances.max(1) as f64),
        ("HasBacklogWithoutCapacity", stuck),
    ];
    monitoring::note((world, region, at), "AWS/SageMaker", &[("EndpointName", id)], &seen);
    for variant in &endpoint.variants {
        let resource = format!("endpoint/{id}/variant/{}", variant.name);
        application_autoscaling::asked(world, region, at, &resource);
    }
    it.calm = if it.waiting.is_empty() { it.calm + 1 } else { 0 };
    it.timer = (it.calm < CALM).then(|| after(at, MINUTE));
    world.put(region, it);
}

/// Writes a response, or why there is none.
fn answer(world: &mut World, at: Timestamp, endpoint: &Endpoint, done: &Waiting) {
    let split = |uri: &str| {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        Some((bucket.to_owned(), key.to_owned()))
    };
    let there = |uri: &String| {
        split(uri).is_some_and(|(bucket, key)| s3::holds(world, &bucket, &key, false).unwrap_or_default())
    };
    let failed = done.input.as_ref().is_some_and(|input| !there(input));
    let place = if failed { done.failure.as_deref() } else { Some(done.output.as_str()) };
    let model = endpoint.variants.first().map(|one| one.model.clone());
    let text = if failed {
        json!({"error": "The request was not found.", "input": done.input})
    } else {
        json!({"endpoint": endpoint.name, "model": model, "input": done.input})
    };
    if let Some((bucket, key)) = place.and_then(split) {
        s3::write(world, at, &bucket, &key, text.to_string().into_bytes());
    }
}
