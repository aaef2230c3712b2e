//! Commands: sent, cancelled, listed.

use std::collections::BTreeMap;

use super::instances;
use super::model::{Command, Invocation, Status, invocation_id};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("SendCommand", send), write("CancelCommand", cancel), read("ListCommands", list)];

pub(super) const DOCUMENT: &str = "AWS-RunShellScript";
/// The longest that a command may take, in seconds.
const LONGEST: u64 = 172_800;

pub(super) fn no_command() -> ApiError {
    ApiError::bad("InvalidCommandId", "The specified command ID is not valid.")
}

/// Refuses machines that cannot be sent anything.
fn invalid(call: &Call<'_>, ids: &[&str]) -> ApiError {
    let message = format!("Instances [[{}]] not in a valid state for account {}", ids.join(", "), call.account());
    ApiError::bad("InvalidInstanceId", message)
}

fn send(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    if call.world.config.commands.is_none() {
        let what =
            "running commands here: it was opened without them (`dlinfra sandbox serve --run-commands` has them)";
        return Err(ApiError::not_implemented(what));
    }
    let document = call.params.text("DocumentName")?;
    if document.rsplit('/').next() != Some(DOCUMENT) {
        return Err(ApiError::not_implemented(format!("ssm:SendCommand of the document {document}")));
    }
    let version = call.params.text_opt("DocumentVersion")?;
    if version.is_some_and(|version| !matches!(version.as_str(), "$DEFAULT" | "$LATEST" | "1")) {
        return Err(ApiError::bad("InvalidDocumentVersion", "The document version is not valid or does not exist."));
    }
    let ids = call.params.texts("InstanceIds")?;
    if ids.is_empty() {
        return Err(call.invalid("InstanceIds or Targets must be given."));
    }
    for (at, id) in ids.iter().enumerate() {
        if ids.iter().take(at).any(|before| before == id) {
            return Err(ApiError::bad("DuplicateInstanceId", format!("The instance ID {id} is there twice.")));
        }
    }
    let online = instances::online(call.world, call.region, call.now);
    let strange: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !online.contains(*id)).collect();
    if !strange.is_empty() {
        return Err(invalid(call, &strange));
    }
    let id = call.world.new_uuid();
    let mut command = Command::new(id, call.now, ids);
    command.parameters = parameters(call)?;
    command.comment = call.params.text_opt("Comment")?.unwrap_or_default();
    if let Some(seconds) = call.params.int_opt("TimeoutSeconds")? {
        command.patience = seconds;
    }
    // All machines run at the same time: a command has no more than AWS's own number.
    if let Some(most) = call.params.text_opt("MaxConcurrency")? {
        command.max_concurrency = most;
    }
    if let Some(most) = call.params.text_opt("MaxErrors")? {
        command.max_errors = most;
    }
    let command = command.send(call);
    Ok(Reply::json(json!({ "Command": shown(call, &command) })))
}

/// The parameters of the document.
fn parameters(call: &mut Call<'_>) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
    let refused = |why: String| ApiError::bad("InvalidParameters", why);
    let mut out = BTreeMap::new();
    for (name, value) in call.params.raw("Parameters").as_ref().and_then(Value::as_object).into_iter().flatten() {
        let texts: Option<Vec<String>> =
            value.as_array().map(|items| items.iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect());
        if !["commands", "workingDirectory", "executionTimeout"].contains(&name.as_str()) {
            return Err(refused(format!("Parameter {name} is not defined in the document {DOCUMENT}.")));
        }
        out.insert(name.clone(), texts.unwrap_or_default());
    }
    if out.get("commands").is_none_or(Vec::is_empty) {
        return Err(refused(format!("Parameter commands is required by the document {DOCUMENT}.")));
    }
    for name in ["workingDirectory", "executionTimeout"] {
        if out.get(name).is_some_and(|values| values.len() != 1) {
            return Err(refused(format!("Parameter {name} takes one value.")));
        }
    }
    let timeout = out.get("executionTimeout").and_then(|values| values.first());
    let in_range = |text: &String| text.parse().is_ok_and(|seconds| (1..=LONGEST).contains(&seconds));
    if !timeout.is_none_or(in_range) {
        return Err(refused(format!("Parameter executionTimeout must be from 1 to {LONGEST}.")));
    }
    Ok(out)
}

fn cancel(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("CommandId")?;
    let wanted = call.params.texts("InstanceIds")?;
    let command = call.find::<Command>(&id).cloned().ok_or_else(no_command)?;
    let strange: Vec<&str> = wanted.iter().filter(|id| !command.instances.contains(id)).map(String::as_str).collect();
    if !strange.is_empty() {
        return Err(invalid(call, &strange));
    }
    let now = call.now;
    for instance in command.instances.iter().filter(|id| wanted.is_empty() || wanted.contains(id)) {
        call.update::<Invocation>(&invocation_id(&id, instance), |it| match it.status {
            Status::Pending => it.finish(Status::Cancelled, now),
            // Its machine is told of it.
            Status::InProgress => it.status = Status::Cancelling,
            _ => {}
        });
    }
    Ok(Reply::json(json!({})))
}

/// The invocations of a command.
pub(super) fn of<'c>(call: &'c Call<'_>, command: &'c Command) -> impl Iterator<Item = &'c Invocation> {
    command.instances.iter().filter_map(|instance| call.get::<Invocation>(&invocation_id(&command.id, instance)))
}

fn shown(call: &Call<'_>, it: &Command) -> Value {
    let all: Vec<Status> = of(call, it).map(|invocation| invocation.status).collect();
    let count = |is: fn(&Status) -> bool| all.iter().filter(|status| is(status)).count();
    let status = Status::of_all(&all);
    json!({
        "CommandId": it.id,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "Comment": it.comment,
        "ExpiresAfter": it.expires().as_second(),
        "Parameters": it.parameters,
        "InstanceIds": it.instances,
        "Targets": [],
        "RequestedDateTime": it.created.as_millisecond() as f64 / 1e3,
        "Status": status.name(),
        "StatusDetails": status.details(),
        "OutputS3Region": call.region,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "MaxConcurrency": it.max_concurrency,
        "MaxErrors": it.max_errors,
        "TargetCount": all.len(),
        "CompletedCount": count(|status| status.is_final()),
        "ErrorCount": count(|status| matches!(status, Status::Failed | Status::ExecutionTimedOut)),
        "DeliveryTimedOutCount": count(|status| *status == Status::DeliveryTimedOut),
        "ServiceRole": "",
        "TimeoutSeconds": it.patience,
    })
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let wanted = Wanted::take(call)?;
    let page = Page::take(call, 50)?;
    if wanted.command.as_deref().is_some_and(|id| call.see::<Command>(id).is_none()) {
        return Err(no_command());
    }
    let fits = |it: &&Command| {
        let status = Status::of_all(&of(call, it).map(|invocation| invocation.status).collect::<Vec<_>>());
        wanted.instance.as_ref().is_none_or(|id| it.instances.contains(id)) && wanted.fits(&it.id, it.created, status)
    };
    // The latest first.
    let mut found: Vec<(String, &Command)> =
        call.seen::<Command>().filter(fits).map(|it| (newest_first(it.created, &it.id), it)).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(page.reply(found, |(key, _)| key, |(_, it)| shown(call, it)))
}

/// A key by which what is newer comes before what is older.
pub(super) fn newest_first(at: Timestamp, id: &str) -> String {
    format!("{:016x}{id}", i64::MAX - at.as_microsecond())
}

/// What a list is asked for.
pub(super) struct Wanted {
    pub(super) command: Option<String>,
    pub(super) instance: Option<String>,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
    status: Option<String>,
    /// `Executing` or `Complete`.
    stage: Option<String>,
}

impl Wanted {
    pub(super) fn take(call: &mut Call<'_>) -> Result<Self, ApiError> {
        let (command, instance) = (call.params.text_opt("CommandId")?, call.params.text_opt("InstanceId")?);
        let mut out = Self { command, instance, since: None, before: None, status: None, stage: None };
        for mut filter in call.params.structs("Filters")? {
            let (key, value) = (filter.text("key")?, filter.text("value")?);
            let time = || {
                let message = format!("The value {value} of the filter {key} is no time.");
                value.parse::<Timestamp>().map_err(|_| ApiError::bad("ValidationException", message))
            };
            match key.as_str() {
                "InvokedAfter" => out.since = Some(time()?),
                "InvokedBefore" => out.before = Some(time()?),
                "Status" => out.status = Some(value),
                "ExecutionStage" => out.stage = Some(value),
                _ if value == DOCUMENT => {}
                // Nothing else was ever sent.
                _ => out.status = Some(String::new()),
            }
        }
        Ok(out)
    }

    pub(super) fn fits(&self, command: &str, created: Timestamp, status: Status) -> bool {
        let stage = if status.is_final() { "Complete" } else { "Executing" };
        self.command.as_ref().is_none_or(|id| id == command)
            && self.since.is_none_or(|at| created > at)
            && self.before.is_none_or(|at| created < at)
            && self.status.as_ref().is_none_or(|wanted| wanted == status.name())
            && self.stage.as_ref().is_none_or(|wanted| wanted == stage)
    }
}
