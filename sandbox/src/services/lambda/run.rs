//! A run of a function: what it is given, and what it leaves behind: lines in its log, and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::code;
use super::model::Function;
use crate::authorize;
use crate::functions::{Answer, Invocation};
use crate::regions;
use crate::services::prelude::*;
use crate::services::{logs, monitoring};
use crate::session;
use crate::store::World;

/// So much of a log goes into an answer.
const TAIL: usize = 4096;
/// A function may answer with so much.
const LARGEST: usize = 6_291_556;

/// The stream for what was not run: all of it, so that a schedule that nobody keeps up does not fill the account.
const NOT_RUN: &str = "not-run";

/// A run that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) invocation: Invocation,
    /// The ARN of the function's role.
    role: String,
    begun: Timestamp,
    /// Whether the caller wants to see the end of the log.
    tail: bool,
}

/// Begins to run a function: it gets credentials of its own.
pub(super) fn begin(
    world: &mut World,
    region: &str,
    it: &Function,
    (request_id, payload): (String, String),
    now: Timestamp,
    tail: bool,
) -> Job {
    let credentials = session::begin(world, now, &it.settings.role, &it.name, &it.arn);
    let log_stream = format!("{}/[$LATEST]{}", now.strftime("%Y/%m/%d"), world.new_hex(32));
    let seconds = u64::try_from(it.settings.timeout).unwrap_or_default();
    let invocation = Invocation {
        function: it.name.clone(),
        arn: it.arn.clone(),
        request_id,
        region: region.to_owned(),
        code: code::of(world, region, &it.code),
        code_sha256: it.code.clone(),
        handler: it.settings.handler.clone(),
        memory: u32::try_from(it.settings.memory).unwrap_or_default(),
        environment: it.settings.environment.clone(),
        timeout: Duration::from_secs(seconds),
        credentials,
        log_group: it.log_group(),
        log_stream,
        payload: payload.into(),
    };
    Job { invocation, role: it.settings.role.clone(), begun: now, tail }
}

/// What remains when a function has run.
pub(crate) fn finish(world: &mut World, job: &Job, answer: &mut Answer, now: Timestamp) {
    let it = &job.invocation;
    if !session::is_live(world, &it.credentials.access_key) {
        // The account was emptied meanwhile.
        return;
    }
    if answer.payload.len() > LARGEST {
        let message = format!("Response payload size exceeded maximum allowed payload size ({LARGEST} bytes).");
        let log = std::mem::take(&mut answer.log);
        *answer = Answer { log, ..Answer::failed("Function.ResponseSizeTooLarge", &message) };
    }
    let taken = now.duration_since(job.begun).as_secs_f64().max(0.0) * 1e3;
    if may_log(world, job) {
        let it = &job.invocation;
        let lines = lines(job, answer, taken, now);
        logs::record_all(world, &it.region, (&it.log_group, &it.log_stream), &lines);
    }
    let dimensions = BTreeMap::from([("FunctionName".to_owned(), it.function.clone())]);
    let errors = if answer.error.is_some() { 1.0 } else { 0.0 };
    for (name, value) in [("Invocations", 1.0), ("Errors", errors), ("Duration", taken)] {
        let id = monitoring::id("AWS/Lambda", name, &dimensions);
        monitoring::record(world, &it.region, now, id, vec![(now.as_second(), value)]);
    }
    // The last thing: what is written is written in the name of the role.
    session::end(world, &it.credentials.access_key);
}

/// What remains where functions do not run.
pub(crate) fn not_run(world: &mut World, job: &Job, now: Timestamp) {
    let id = &job.invocation.request_id;
    let payload = String::from_utf8_lossy(&job.invocation.payload);
    let line = format!("RequestId: {id} was not run: this sandbox runs no functions. Payload: {payload}");
    let it = &job.invocation;
    logs::record_all(world, &it.region, (&it.log_group, NOT_RUN), &[(now, line)]);
    session::end(world, &it.credentials.access_key);
}

/// Whether the role of a function lets it log: Lambda writes in its name.
fn may_log(world: &World, job: &Job) -> bool {
    let it = &job.invocation;
    let (partition, account) = (regions::partition(&it.region), &world.config.account);
    let group = format!("arn:{partition}:logs:{}:{account}:log-group:{}", it.region, it.log_group);
    let stream = [format!("{group}:log-stream:{}", it.log_stream)];
    let may = |action: &str, resource: &[String]| authorize::may(world, &job.role, action, resource);
    let has_group = logs::has_group(world, &it.region, &it.log_group)
        || may("logs:CreateLogGroup", &[format!("{group}:log-stream:"), group.clone()]);
    has_group && may("logs:CreateLogStream", &stream) && may("logs:PutLogEvents", &stream)
}

/// The lines of a run, as Lambda writes them.
fn lines(job: &Job, answer: &Answer, taken: f64, now: Timestamp) -> Vec<(Timestamp, String)> {
    let (id, memory) = (&job.invocation.request_id, job.invocation.memory);
    let start = (job.begun, format!("START RequestId: {id} Version: $LATEST"));
    let said = answer.log.lines().map(|line| (now, line.to_owned()));
    let report = format!(
        "REPORT RequestId: {id}\tDuration: {taken:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {memory} MB\tMax Memory \
         Used: {memory} MB",
        taken.ceil()
    );
    let end = [(now, format!("END RequestId: {id}")), (now, report)];
    std::iter::once(start).chain(said).chain(end).collect()
}

/// The answer to who waited for a function.
pub(crate) fn reply(job: &Job, answer: Answer, now: Timestamp) -> Reply {
    let taken = now.duration_since(job.begun).as_secs_f64().max(0.0) * 1e3;
    let tail = job.tail.then(|| {
        let lines: Vec<String> = lines(job, &answer, taken, now).into_iter().map(|(_, line)| line).collect();
        let text = lines.join("\n") + "\n";
        STANDARD.encode(&text.as_bytes()[text.len().saturating_sub(TAIL)..])
    });
    let mut reply = Reply::raw(200, answer.payload)
        .header("content-type", "application/json")
        .header("x-amz-executed-version", "$LATEST");
    if let Some(error) = answer.error {
        reply = reply.header("x-amz-function-error", error);
    }
    match tail {
        Some(tail) => reply.header("x-amz-log-result", tail),
        None => reply,
    }
}
