//! What came of a command on each of its machines.

use std::time::Duration;

use super::commands::{DOCUMENT, Wanted, newest_first, no_command};
use super::model::{Command, Invocation, Status, cut, invocation_id};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[read("GetCommandInvocation", get), read("ListCommandInvocations", list)];

const PLUGIN: &str = "aws:runShellScript";
/// A list shows so much of an output.
const LISTED: usize = 2500;
/// How long a new invocation is not found.
const NEW: Duration = Duration::from_secs(1);

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (command, instance) = (call.params.text("CommandId")?, call.params.text("InstanceId")?);
    let plugin = call.params.text_opt("PluginName")?;
    if plugin.is_some_and(|name| !matches!(name.as_str(), PLUGIN | "runShellScript")) {
        return Err(ApiError::bad("InvalidPluginName", "The plugin name is not valid."));
    }
    let new = call.world.scaled(NEW).as_secs_f64();
    let found = call.see::<Invocation>(&invocation_id(&command, &instance));
    let found = found.filter(|it| call.is_old_enough(it.created, new)).zip(call.get::<Command>(&command));
    let Some((it, command)) = found else {
        return Err(ApiError::bad("InvocationDoesNotExist", ""));
    };
    let time = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
    let elapsed = it.began.zip(it.ended).map(|(from, to)| to.duration_since(from).as_secs_f64());
    Ok(Reply::json(json!({
        "CommandId": it.command,
        "InstanceId": it.instance,
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": it.code,
        "ExecutionStartDateTime": time(it.began).unwrap_or_default(),
        "ExecutionElapsedTime": elapsed.map(|seconds| format!("PT{seconds:.3}S")).unwrap_or_default(),
        "ExecutionEndDateTime": time(it.ended.filter(|_| it.began.is_some())).unwrap_or_default(),
        "Status": it.status.name(),
        "StatusDetails": it.status.details(),
        "StandardOutputContent": it.stdout,
        "StandardOutputUrl": "",
        "StandardErrorContent": it.stderr,
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": { "CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": false },
    })))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let wanted = Wanted::take(call)?;
    let details = call.params.flag("Details")?;
    let page = Page::take(call, 50)?;
    if wanted.command.as_deref().is_some_and(|id| call.see::<Command>(id).is_none()) {
        return Err(no_command());
    }
    let fits = |it: &&Invocation| {
        wanted.instance.as_ref().is_none_or(|id| *id == it.instance) && wanted.fits(&it.command, it.created, it.status)
    };
    let mut found: Vec<(String, &Invocation)> =
        call.seen::<Invocation>().filter(fits).map(|it| (newest_first(it.created, &it.id), it)).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(page.reply(found, |(key, _)| key, |(_, it)| shown(call, it, details)))
}

fn shown(call: &Call<'_>, it: &Invocation, details: bool) -> Value {
    let comment = call.get::<Command>(&it.command).map(|command| command.comment.as_str()).unwrap_or_default();
    let plugins = if details { vec![plugin(call, it)] } else { Vec::new() };
    json!({
        "CommandId": it.command,
        "InstanceId": it.instance,
        "InstanceName": "",
        "Comment": comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": seconds(it.created),
        "Status": it.status.name(),
        "StatusDetails": it.status.details(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": plugins,
        "ServiceRole": "",
    })
}

fn plugin(call: &Call<'_>, it: &Invocation) -> Value {
    let both = match it.stderr.as_str() {
        "" => it.stdout.clone(),
        stderr => format!("{}\n----------ERROR-------\n{stderr}", it.stdout),
    };
    // A step is not being cancelled: it runs until it does not.
    let status = if it.status == Status::Cancelling { Status::InProgress } else { it.status };
    let mut out = json!({
        "Name": PLUGIN,
        "Status": status.name(),
        "StatusDetails": status.details(),
        "ResponseCode": it.code,
        "Output": cut(&both, LISTED),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": call.region,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    });
    for (name, at) in [("ResponseStartDateTime", it.began), ("ResponseFinishDateTime", it.ended)] {
        if let Some(at) = at {
            out[name] = json!(seconds(at));
        }
    }
    out
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}
