//! Schedules: made, replaced as a whole, shown and deleted.

use serde_json::Map;

use super::expression::Expression;
use super::groups::{self, DEFAULT};
use super::{conflict, missing, seconds};
use crate::iam_model::trusts;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateSchedule", create),
    write("UpdateSchedule", update),
    read("GetSchedule", get),
    read("ListSchedules", list),
    write("DeleteSchedule", delete),
];

/// What targets of other kinds are described by; recorded only.
const PARAMETERS: [&str; 5] =
    ["EcsParameters", "EventBridgeParameters", "KinesisParameters", "SageMakerPipelineParameters", "SqsParameters"];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Schedule {
    /// Group and name.
    id: String,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) arn: String,
    created: Timestamp,
    modified: Timestamp,
    description: Option<String>,
    pub(super) expression: String,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    enabled: bool,
    /// As it was given, with AWS's default of how often is tried again.
    pub(super) target: Value,
    pub(super) delete_after: bool,
    /// How many minutes late a call may come. It comes at once here, which is within that.
    window: Option<i64>,
    /// What `rate` counts from.
    pub(super) anchor: Timestamp,
    /// When it is due next.
    pub(super) next: Option<Timestamp>,
}

impl Object for Schedule {
    const KIND: &'static str = "scheduler/schedule";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.next
    }
    fn state(&self, _now: Timestamp) -> &str {
        if self.enabled { "ENABLED" } else { "DISABLED" }
    }
}

/// Group and name in a request.
fn asked(call: &mut Call<'_>) -> Result<(String, String), ApiError> {
    let name = call.params.text("Name")?;
    Ok((call.params.text_opt("GroupName")?.unwrap_or_else(|| DEFAULT.to_owned()), name))
}

fn no_schedule(name: &str) -> ApiError {
    missing(format!("Schedule {name} does not exist."))
}

/// The schedule that a request describes as a whole.
fn read_whole(call: &mut Call<'_>, group: String, name: String) -> Result<Schedule, ApiError> {
    let expression = call.params.text("ScheduleExpression")?;
    let (start, end) = (call.params.time_opt("StartDate")?, call.params.time_opt("EndDate")?);
    let description = call.params.text_opt("Description")?;
    let zone = call.params.text_opt("ScheduleExpressionTimezone")?;
    let enabled = call.params.text_opt("State")?.is_none_or(|state| state == "ENABLED");
    let delete_after = call.params.text_opt("ActionAfterCompletion")?.is_some_and(|action| action == "DELETE");
    let window = window(call)?;
    let target = target(call)?;
    if let Some(zone) = zone.filter(|zone| zone != "UTC") {
        return Err(ApiError::not_implemented(format!("schedules in the time zone {zone}")));
    }
    let parsed = Expression::parse(&expression)?;
    if let Expression::At(at) = parsed {
        if at <= call.now {
            return Err(call.invalid(format!("Invalid Schedule Expression {expression}.")));
        }
    } else {
        if start.is_some_and(|start| call.now.duration_since(start).as_secs() > 300) {
            return Err(call.invalid("The StartDate you specify cannot be earlier than 5 minutes ago."));
        }
        if end.is_some_and(|end| end <= call.now || start.is_some_and(|start| end <= start)) {
            return Err(call.invalid("The EndDate you specify must be in the future and after the StartDate."));
        }
    }
    let (id, arn) = (format!("{group}/{name}"), call.arn(format_args!("schedule/{group}/{name}")));
    Ok(Schedule {
        window,
        id,
        group,
        name,
        arn,
        created: call.now,
        modified: call.now,
        description,
        expression,
        start,
        end,
        enabled,
        target,
        delete_after,
        anchor: start.unwrap_or(call.now),
        next: None,
    })
}

/// How many minutes late a call may come.
fn window(call: &mut Call<'_>) -> Result<Option<i64>, ApiError> {
    let mut given = call.params.child("FlexibleTimeWindow")?;
    let (mode, minutes) = (given.text("Mode")?, given.int_opt("MaximumWindowInMinutes")?);
    drop(given);
    match (mode.as_str(), minutes) {
        ("OFF", None) => Ok(None),
        ("OFF", Some(_)) => Err(call.invalid("MaximumWindowInMinutes must not be set when Mode is OFF.")),
        (_, Some(minutes)) => Ok(Some(minutes)),
        (_, None) => Err(call.invalid("MaximumWindowInMinutes must be set when Mode is FLEXIBLE.")),
    }
}

/// The target of a request, whose role the scheduler must be able to take.
fn target(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let mut given = call.params.child("Target")?;
    let (arn, role) = (given.text("Arn")?, given.text("RoleArn")?);
    let mut out = Map::from_iter([("Arn".to_owned(), json!(arn)), ("RoleArn".to_owned(), json!(role))]);
    out.extend(given.text_opt("Input")?.map(|text| ("Input".to_owned(), json!(text))));
    let mut retries = given.child_opt("RetryPolicy")?;
    let mut number = |name: &str, usual: i64| match &mut retries {
        Some(retries) => retries.int_opt(name).map(|count| count.unwrap_or(usual)),
        None => Ok(usual),
    };
    let (age, count) = (number("MaximumEventAgeInSeconds", 86_400)?, number("MaximumRetryAttempts", 185)?);
    let retries = json!({"MaximumEventAgeInSeconds": age, "MaximumRetryAttempts": count});
    out.insert("RetryPolicy".to_owned(), retries);
    if let Some(mut letters) = given.child_opt("DeadLetterConfig")? {
        let arn = letters.text_opt("Arn")?;
        if arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo")) {
            return Err(call.invalid("A dead-letter queue must be a standard queue."));
        }
        out.insert("DeadLetterConfig".to_owned(), json!({"Arn": arn}));
    }
    for name in PARAMETERS {
        out.extend(given.raw(name).map(|value| (name.to_owned(), value)));
    }
    if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
        return Err(call.invalid(format!("Provided Arn is not in correct format: {arn}")));
    }
    // The scheduler, too, learns of a new role some seconds later.
    if !trusts(call.world, &role, "scheduler.amazonaws.com", call.now) {
        let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        return Err(call.invalid(message));
    }
    Ok(Value::Object(out))
}

impl Schedule {
    /// When it is due for the first time from `from` on.
    pub(super) fn due_from(&self, from: Timestamp) -> Option<Timestamp> {
        let expression = Expression::parse(&self.expression).ok()?;
        if let Expression::At(at) = expression {
            // Begin and end are for what comes again.
            return Some(at).filter(|at| *at >= from && self.enabled);
        }
        let from = self.start.map_or(from, |start| start.max(from));
        let next = expression.next(from, self.anchor)?;
        Some(next).filter(|next| self.enabled && self.end.is_none_or(|end| *next <= end))
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = asked(call)?;
    let mut it = read_whole(call, group, name)?;
    groups::must_be(call, &it.group)?;
    if call.get::<Schedule>(&it.id).is_some() {
        return Err(conflict(format!("Schedule {} already exists.", it.name)));
    }
    it.next = it.due_from(call.now);
    let arn = it.arn.clone();
    call.put(it);
    Ok(Reply::json(json!({"ScheduleArn": arn})))
}

/// Replaces everything: what is left out is as if the schedule were new.
fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = asked(call)?;
    let mut it = read_whole(call, group, name)?;
    let old = call.find::<Schedule>(&it.id).cloned().ok_or_else(|| no_schedule(&it.name))?;
    it.created = old.created;
    if it.expression == old.expression && it.start == old.start {
        it.anchor = old.anchor;
    }
    it.next = it.due_from(call.now);
    let arn = it.arn.clone();
    call.put(it);
    Ok(Reply::json(json!({"ScheduleArn": arn})))
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = asked(call)?;
    let it = call.see::<Schedule>(&format!("{group}/{name}")).ok_or_else(|| no_schedule(&name))?;
    Ok(Reply::json(json!({
        "Arn": it.arn, "GroupName": it.group, "Name": it.name, "ScheduleExpression": it.expression,
        "ScheduleExpressionTimezone": "UTC", "StartDate": it.start.map(seconds), "EndDate": it.end.map(seconds),
        "Description": it.description, "State": it.state(call.now), "CreationDate": seconds(it.created),
        "LastModificationDate": seconds(it.modified), "Target": it.target, "FlexibleTimeWindow": it.window.map_or_else(
            || json!({"Mode": "OFF"}), |minutes| json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes})),
        "ActionAfterCompletion": if it.delete_after { "DELETE" } else { "NONE" },
    })))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, prefix) = (call.params.text_opt("GroupName")?, call.params.text_opt("NamePrefix")?);
    let state = call.params.text_opt("State")?;
    let page = Page::take(call, 100)?;
    if let Some(group) = &group {
        groups::must_be(call, group).or_else(|error| if error.status == 409 { Ok(()) } else { Err(error) })?;
    }
    let wanted = |it: &&Schedule| {
        group.as_ref().is_none_or(|group| it.group == *group)
            && prefix.as_ref().is_none_or(|prefix| it.name.starts_with(prefix))
            && state.as_ref().is_none_or(|state| it.state(call.now) == state)
    };
    let shown = |it: &&Schedule| {
        json!({
            "Arn": it.arn, "Name": it.name, "GroupName": it.group, "State": it.state(call.now),
            "CreationDate": seconds(it.created), "LastModificationDate": seconds(it.modified),
            "Target": {"Arn": it.target["Arn"]},
        })
    };
    Ok(page.reply(call.seen::<Schedule>().filter(wanted), |it| &it.id, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (group, name) = asked(call)?;
    let id = format!("{group}/{name}");
    call.find::<Schedule>(&id).ok_or_else(|| no_schedule(&name))?;
    call.remove::<Schedule>(&id);
    Ok(Reply::empty())
}
