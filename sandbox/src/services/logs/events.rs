//! Log streams and what is written to them.

use super::patterns::Pattern;
use super::{LogGroup, filters};
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateLogStream", create),
    write("PutLogEvents", put),
    read("DescribeLogStreams", describe),
    read("GetLogEvents", get),
    read("FilterLogEvents", filter),
];

/// So many events are kept of each stream.
const KEPT: usize = 10_000;
/// So many an answer holds at most.
const PAGE: usize = 10_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stream {
    /// The group's name and its own: those of a group stand together.
    id: String,
    created: Timestamp,
    group: String,
    name: String,
    /// How many were written before those that are kept.
    gone: usize,
    events: Vec<Event>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Event {
    /// Milliseconds.
    at: i64,
    ingested: i64,
    message: String,
}

object!(Stream, "logs/stream", id);

fn id(group: &str, stream: &str) -> String {
    format!("{group}\0{stream}")
}

fn no_stream() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "The specified log stream does not exist.")
}

/// The streams of a group, by name.
fn streams<'w>(world: &'w World, region: &str, group: &str) -> impl Iterator<Item = &'w Stream> + use<'w> {
    let start = id(group, "");
    world.all_from::<Stream>(region, start.clone()).take_while(move |it| it.id.starts_with(&start))
}

/// The group of a request, which must be there.
fn group(call: &mut Call<'_>) -> Result<String, ApiError> {
    super::named(call).map(|group| group.name)
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = (group(call)?, call.params.text("logStreamName")?);
    if call.get::<Stream>(&id(&group, &name)).is_some() {
        return Err(ApiError::bad("ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    let id = id(&group, &name);
    call.put(Stream { id, created: call.now, group, name, gone: 0, events: Vec::new() });
    Ok(Reply::empty())
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = (group(call)?, call.params.text("logStreamName")?);
    call.params.text_opt("sequenceToken")?;
    let ingested = call.now.as_millisecond();
    let mut events = Vec::new();
    for mut one in call.params.structs("logEvents")? {
        events.push(Event { at: one.int("timestamp")?, ingested, message: one.text("message")? });
    }
    if !events.is_sorted_by_key(|event| event.at) {
        return Err(call.invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let new = events.clone();
    if !call.update::<Stream>(&id(&group, &name), |stream| stream.add(new)) {
        return Err(no_stream());
    }
    let lines: Vec<(i64, &str)> = events.iter().map(|event| (event.at, event.message.as_str())).collect();
    filters::act(call.world, call.region, call.now, &group, &lines);
    Ok(Reply::json(json!({"nextSequenceToken": format!("{ingested:056}")})))
}

impl Stream {
    fn add(&mut self, events: Vec<Event>) {
        self.events.extend(events);
        self.events.sort_by_key(|event| event.at);
        let more = self.events.len().saturating_sub(KEPT);
        self.gone += more;
        self.events.drain(..more);
    }
}

/// A service writes a line; group and stream are made where they are not there.
pub(crate) fn record(world: &mut World, region: &str, group: &str, stream: &str, at: Timestamp, line: &str) {
    record_all(world, region, (group, stream), &[(at, line.to_owned())]);
}

/// As `record`, for lines in the order of their times.
pub(crate) fn record_all(
    world: &mut World,
    region: &str,
    (group, stream): (&str, &str),
    lines: &[(Timestamp, String)],
) {
    let Some((at, _)) = lines.last() else { return };
    if world.get::<LogGroup>(region, group).is_none() {
        world.put(region, LogGroup::new(group, *at));
    }
    let id = id(group, stream);
    let old = world.get::<Stream>(region, &id).cloned();
    let name = stream.to_owned();
    let mut stream =
        old.unwrap_or(Stream { id, created: *at, group: group.to_owned(), name, gone: 0, events: Vec::new() });
    let ingested = at.as_millisecond();
    let event = |(at, line): &(Timestamp, String)| Event { at: at.as_millisecond(), ingested, message: line.clone() };
    stream.add(lines.iter().map(event).collect());
    world.put(region, stream);
    let lines: Vec<(i64, &str)> = lines.iter().map(|(at, line)| (at.as_millisecond(), line.as_str())).collect();
    filters::act(world, region, *at, group, &lines);
}

/// A group goes with its streams.
pub(super) fn forget(world: &mut World, region: &str, group: &str) {
    let ids: Vec<String> = streams(world, region, group).map(|it| it.id.clone()).collect();
    ids.iter().for_each(|id| world.remove::<Stream>(region, id));
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, prefix) = (group(call)?, call.params.text_opt("logStreamNamePrefix")?.unwrap_or_default());
    let by_time = call.params.text_opt("orderBy")?.as_deref() == Some("LastEventTime");
    let falling = call.params.flag("descending")?;
    let page = Page::take(call, 50)?;
    let mut found: Vec<&Stream> =
        streams(call.world, call.region, &group).filter(|it| it.name.starts_with(&prefix)).collect();
    if by_time {
        found.sort_by_key(|it| it.events.last().map(|event| event.at));
    }
    if falling {
        found.reverse();
    }
    // The order is that of a place in it.
    let placed = found.into_iter().enumerate().map(|(i, it)| (format!("{i:08}"), it));
    let shown = |(_, it): &(String, &Stream)| {
        let arn = call.arn(format_args!("log-group:{group}:log-stream:{}", it.name));
        let (first, last) = (it.events.first().map(|event| event.at), it.events.last());
        json!({
            "logStreamName": it.name, "creationTime": it.created.as_millisecond(), "arn": arn,
            "firstEventTimestamp": first, "lastEventTimestamp": last.map(|event| event.at),
            "lastIngestionTime": last.map(|event| event.ingested), "storedBytes": 0,
        })
    };
    Ok(page.reply(placed, |(place, _)| place, shown))
}

/// From when to when events are asked for, in milliseconds; the end is not part of it.
fn span(call: &mut Call<'_>) -> Result<(i64, i64), ApiError> {
    let (from, to) = (call.params.int_opt("startTime")?, call.params.int_opt("endTime")?);
    Ok((from.unwrap_or(0), to.unwrap_or(i64::MAX)))
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = (group(call)?, call.params.text("logStreamName")?);
    let ((from, to), limit) = (span(call)?, call.params.int_opt("limit")?);
    let (forwards, token) = (call.params.flag("startFromHead")?, call.params.text_opt("nextToken")?);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let stream = call.see::<Stream>(&id(&group, &name)).ok_or_else(no_stream)?;
    let all: Vec<&Event> = stream.events.iter().filter(|event| (from..to).contains(&event.at)).collect();
    // A token is a direction and a place.
    let place = |token: &str| token.get(2..)?.parse::<usize>().ok();
    let (start, end) = match token.as_deref() {
        None if forwards => (0, limit.min(all.len())),
        None => (all.len().saturating_sub(limit), all.len()),
        Some(token) => {
            let at = place(token).ok_or_else(|| call.invalid("The specified nextToken is invalid."))?.min(all.len());
            if token.starts_with('f') { (at, (at + limit).min(all.len())) } else { (at.saturating_sub(limit), at) }
        }
    };
    let shown: Vec<Value> = all[start..end]
        .iter()
        .map(|event| json!({"timestamp": event.at, "message": event.message, "ingestionTime": event.ingested}))
        .collect();
    Ok(Reply::json(json!({
        "events": shown, "nextForwardToken": format!("f/{end}"), "nextBackwardToken": format!("b/{start}"),
    })))
}

fn filter(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let group = group(call)?;
    let (names, prefix) = (call.params.texts("logStreamNames")?, call.params.text_opt("logStreamNamePrefix")?);
    let ((from, to), wanted) = (span(call)?, call.params.text_opt("filterPattern")?.unwrap_or_default());
    let (limit, token) = (call.params.int_opt("limit")?, call.params.text_opt("nextToken")?);
    let pattern = Pattern::parse(&wanted)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let skip = match token {
        Some(token) => token.parse().map_err(|_| call.invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let taken = |it: &&Stream| {
        (names.is_empty() || names.contains(&it.name)) && prefix.as_ref().is_none_or(|one| it.name.starts_with(one))
    };
    let mut all: Vec<(&Stream, usize, &Event)> = streams(call.world, call.region, &group)
        .filter(taken)
        .flat_map(|it| it.events.iter().enumerate().map(move |(i, event)| (it, it.gone + i, event)))
        .filter(|(_, _, event)| (from..to).contains(&event.at) && pattern.fits(&event.message))
        .collect();
    all.sort_by_key(|(_, _, event)| event.at);
    let shown: Vec<Value> = all
        .iter()
        .skip(skip)
        .take(limit)
        .map(|(it, number, event)| {
            json!({
                "logStreamName": it.name, "timestamp": event.at, "message": event.message,
                "ingestionTime": event.ingested, "eventId": format!("{}:{number}", it.name),
            })
        })
        .collect();
    let next = (all.len() > skip + limit).then(|| (skip + limit).to_string());
    Ok(Reply::json(json!({"events": shown, "searchedLogStreams": [], "nextToken": next})))
}
