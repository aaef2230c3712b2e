//! Data repository tasks: data moved between a file system and its repository, or released from it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_systems::{self, FileSystem};
use super::repositories::Association;
use super::{bad, seconds};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::{Life, after};
use crate::page::Page;
use crate::service::{Operation, create, read, write};
use crate::store::{Object, Tags};
use crate::tagged;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateDataRepositoryTask", make, show),
    read("DescribeDataRepositoryTasks", describe),
    write("CancelDataRepositoryTask", cancel),
];

/// How long a task waits for its start, and how long it takes: nothing is moved here, so it takes no longer.
const START: Duration = Duration::from_secs(30);
const WORK: Duration = Duration::from_secs(120);
const CANCEL: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) arn: String,
    pub(super) tags: Tags,
    kind: String,
    file_system: String,
    paths: Vec<String>,
    /// As the request gave them.
    report: Value,
    release: Option<Value>,
    life: Life,
}

impl Object for Task {
    const KIND: &'static str = "fsx/data-repository-task";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn state(&self, now: Timestamp) -> &str {
        self.life.state(now)
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("fsx".to_owned(), format!("task/{}", self.id)))
    }
}

impl Task {
    /// When it ends, or ended.
    fn end(&self) -> Option<Timestamp> {
        ["SUCCEEDED", "CANCELED"].iter().filter_map(|state| self.life.since(state)).min()
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::bad("DataRepositoryTaskNotFound", format!("The data repository task {id} does not exist"))
}

fn task_json(call: &Call<'_>, it: &Task) -> Value {
    let (state, done) = (it.life.state(call.now), it.end().filter(|end| *end <= call.now));
    let started = it.life.last("EXECUTING", call.now);
    let status = started.map(|at| {
        json!({
            "TotalCount": 0, "SucceededCount": 0, "FailedCount": 0, "LastUpdatedTime": seconds(done.unwrap_or(at)),
        })
    });
    json!({
        "TaskId": it.id,
        "Lifecycle": state,
        "Type": it.kind,
        "CreationTime": seconds(it.created),
        "StartTime": started.map(seconds),
        "EndTime": done.map(seconds),
        "ResourceARN": it.arn,
        "Tags": tagged::pairs(&it.tags),
        "FileSystemId": it.file_system,
        "Paths": it.paths,
        "Report": it.report,
        "ReleaseConfiguration": it.release,
        "Status": status,
    })
}

/// The report that a request asks for.
fn take_report(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let mut report = call.params.child("Report")?;
    let enabled = report.flag("Enabled")?;
    let (path, format, scope) = (report.text_opt("Path")?, report.text_opt("Format")?, report.text_opt("Scope")?);
    let complete = path.is_some() && format.is_some() && scope.is_some();
    if enabled != complete || (!enabled && (path.is_some() || format.is_some() || scope.is_some())) {
        return Err(bad("Path, Format and Scope of a report are given when it is enabled, and only then"));
    }
    if path.as_ref().is_some_and(|path| !path.starts_with("s3://")) {
        return Err(bad("The path of a report has to be s3://BUCKET/PREFIX"));
    }
    Ok(json!({"Enabled": enabled, "Path": path, "Format": format, "Scope": scope}))
}

fn take_release(call: &mut Call<'_>, kind: &str) -> Result<Option<Value>, ApiError> {
    let Some(mut release) = call.params.child_opt("ReleaseConfiguration")? else { return Ok(None) };
    if kind != "RELEASE_DATA_FROM_FILESYSTEM" {
        return Err(bad("ReleaseConfiguration is for tasks of the type RELEASE_DATA_FROM_FILESYSTEM only"));
    }
    let Some(mut since) = release.child_opt("DurationSinceLastAccess")? else { return Ok(Some(json!({}))) };
    let (unit, value) = (since.text_opt("Unit")?, since.int_opt("Value")?);
    Ok(Some(json!({"DurationSinceLastAccess": json!({"Unit": unit, "Value": value})})))
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let kind = call.params.text("Type")?;
    let file_system = call.params.text("FileSystemId")?;
    let paths = call.params.texts("Paths")?;
    let report = take_report(call)?;
    let release = take_release(call, &kind)?;
    let tags = tagged::take(call)?;
    if call.params.int_opt("CapacityToRelease")?.is_some() || kind == "AUTO_RELEASE_DATA" {
        return Err(bad("Data is released automatically from file caches only, and this is a file system"));
    }
    let owner = call.find::<FileSystem>(&file_system).ok_or_else(|| file_systems::missing(&file_system))?;
    let state = owner.life.state(call.now);
    if state != "AVAILABLE" && state != "UPDATING" {
        return Err(bad(format!("File system '{file_system}' is {state}: it has to be AVAILABLE")));
    }
    let linked = call.all::<Association>().any(|link| link.file_system == file_system);
    if !linked && owner.lustre.import.is_none() {
        return Err(bad(format!("File system '{file_system}' is not linked to a data repository")));
    }
    // One after the other.
    let busy = call.all::<Task>().filter(|task| task.file_system == file_system).filter_map(Task::end).max();
    let start = call.done_after(START).max(busy.unwrap_or(call.now));
    let id = call.world.new_id("task-");
    let task = Task {
        arn: call.arn(format!("task/{id}")),
        created: call.now,
        life: Life::begin(call.now, "PENDING")
            .then(start, "EXECUTING")
            .then(after(start, call.world.scaled(WORK)), "SUCCEEDED"),
        id: id.clone(),
        tags,
        kind,
        file_system,
        paths,
        report,
        release,
    };
    call.put(task);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::json(json!({"DataRepositoryTask": task_json(call, call.get::<Task>(id)?)})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("TaskIds")?;
    let (mut file_systems, mut states) = (None::<Vec<String>>, None::<Vec<String>>);
    for mut filter in call.params.structs("Filters")? {
        let (name, values) = (filter.text("Name")?, filter.texts("Values")?);
        match name.as_str() {
            "file-system-id" => file_systems.get_or_insert_default().extend(values),
            "task-lifecycle" => states.get_or_insert_default().extend(values),
            other => return Err(ApiError::not_implemented(format!("the filter '{other}' here"))),
        }
    }
    if let Some(id) = ids.iter().find(|id| call.see::<Task>(id).is_none()) {
        return Err(missing(id));
    }
    let fits = |wanted: &Option<Vec<String>>, value: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == value))
    };
    let page = Page::take(call, usize::MAX)?;
    let found = call
        .seen::<Task>()
        .filter(|task| ids.is_empty() || ids.contains(&task.id))
        .filter(|task| fits(&file_systems, &task.file_system) && fits(&states, task.life.state(call.now)));
    Ok(page.reply(found, |task| &task.id, |task| task_json(call, task)))
}

fn cancel(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("TaskId")?;
    let mut task = call.find::<Task>(&id).cloned().ok_or_else(|| missing(&id))?;
    match task.life.state(call.now) {
        "PENDING" => task.life.enter(call.now, "CANCELED"),
        "EXECUTING" => {
            task.life.enter(call.now, "CANCELING");
            task.life.plan(call.done_after(CANCEL), "CANCELED");
        }
        "CANCELING" => {}
        state => {
            let message = format!("The data repository task {id} has ended: {state}");
            return Err(ApiError::bad("DataRepositoryTaskEnded", message));
        }
    }
    let state = task.life.state(call.now).to_owned();
    call.put(task);
    Ok(Reply::json(json!({"TaskId": id, "Lifecycle": state})))
}
