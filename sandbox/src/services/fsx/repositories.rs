//! Data repository associations: file systems linked to S3.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_systems::{self, FileSystem};
use super::{bad, seconds};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::{Life, durations};
use crate::page::Page;
use crate::service::{Operation, create, read, write};
use crate::store::{Object, Tags, World};
use crate::tagged;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[
    create("CreateDataRepositoryAssociation", make, show),
    read("DescribeDataRepositoryAssociations", describe),
    write("UpdateDataRepositoryAssociation", update),
    write("DeleteDataRepositoryAssociation", delete),
];

/// AWS allows so many per file system.
const MAX_PER_FILE_SYSTEM: usize = 8;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Association {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) arn: String,
    pub(super) file_system: String,
    pub(super) path: String,
    pub(super) repository: String,
    pub(super) batch_import: bool,
    pub(super) chunk_mib: i64,
    /// Events of the automatic import, if there is one.
    pub(super) import: Option<Vec<String>>,
    pub(super) export: Option<Vec<String>>,
    pub(super) tags: Tags,
    pub(super) life: Life,
    pub(super) deletes_data: Option<bool>,
    pub(super) timer: Option<Timestamp>,
}

impl Object for Association {
    const KIND: &'static str = "fsx/data-repository-association";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
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
        Some(("fsx".to_owned(), format!("association/{}/{}", self.file_system, self.id)))
    }
}

fn missing(id: &str) -> ApiError {
    let message = format!("The data repository association {id} does not exist");
    ApiError::bad("DataRepositoryAssociationNotFound", message)
}

fn association_json(call: &Call<'_>, it: &Association) -> Value {
    let policy = |events: &Option<Vec<String>>| events.as_ref().map(|events| json!({"Events": events}));
    let s3 = json!({"AutoImportPolicy": policy(&it.import), "AutoExportPolicy": policy(&it.export)});
    json!({
        "AssociationId": it.id,
        "ResourceARN": it.arn,
        "FileSystemId": it.file_system,
        "Lifecycle": it.life.state(call.now),
        "FileSystemPath": it.path,
        "DataRepositoryPath": it.repository,
        "BatchImportMetaDataOnCreate": it.batch_import,
        "ImportedFileChunkSize": it.chunk_mib,
        "S3": s3,
        "Tags": tagged::pairs(&it.tags),
        "CreationTime": seconds(it.created),
    })
}

type Policies = (Option<Vec<String>>, Option<Vec<String>>);

/// The import and export events of a request; none where the request says nothing.
fn take_policies(call: &mut Call<'_>) -> Result<Policies, ApiError> {
    let Some(mut s3) = call.params.child_opt("S3")? else { return Ok((None, None)) };
    let mut out = [None, None];
    for (slot, field) in out.iter_mut().zip(["AutoImportPolicy", "AutoExportPolicy"]) {
        let Some(mut policy) = s3.child_opt(field)? else { continue };
        let mut events = policy.texts("Events")?;
        if let Some(event) = events.iter().find(|event| !["NEW", "CHANGED", "DELETED"].contains(&event.as_str())) {
            return Err(policy.invalid("Events", event, "Expecting NEW, CHANGED or DELETED."));
        }
        events.sort();
        events.dedup();
        *slot = Some(events);
    }
    let [import, export] = out;
    Ok((import, export))
}

fn check_chunk(chunk_mib: i64) -> Result<(), ApiError> {
    if (1..=512_000).contains(&chunk_mib) {
        return Ok(());
    }
    Err(bad(format!("ImportedFileChunkSize {chunk_mib} is not valid: 1 to 512000 MiB")))
}

/// A path with one slash at its end, so that a prefix is a parent.
fn with_slash(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (with_slash(one), with_slash(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let file_system = call.params.text("FileSystemId")?;
    let path = call.params.text("FileSystemPath")?;
    let repository = call.params.text("DataRepositoryPath")?;
    let batch_import = call.params.flag("BatchImportMetaDataOnCreate")?;
    let chunk_mib = call.params.int_opt("ImportedFileChunkSize")?.unwrap_or(1024);
    let (import, export) = take_policies(call)?;
    let tags = tagged::take(call)?;
    check_chunk(chunk_mib)?;
    if !path.starts_with('/') || path.len() > 4096 {
        return Err(bad(format!("FileSystemPath {path} has to start with /")));
    }
    let bucket = repository.strip_prefix("s3://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if bucket.len() < 3 {
        return Err(bad(format!("DataRepositoryPath {repository} has to be s3://BUCKET/PREFIX")));
    }
    let owner = call.find::<FileSystem>(&file_system).ok_or_else(|| file_systems::missing(&file_system))?;
    if owner.lustre.deployment == "SCRATCH_1" || owner.version == "2.10" {
        return Err(ApiError::bad(
            "UnsupportedOperation",
            "Data repository associations need Lustre 2.12 or later, and not SCRATCH_1",
        ));
    }
    let state = owner.life.state(call.now);
    if state != "AVAILABLE" && state != "UPDATING" {
        return Err(bad(format!("File system '{file_system}' is {state}: it has to be AVAILABLE")));
    }
    let mut count = 0;
    for other in call.all::<Association>().filter(|other| other.file_system == file_system) {
        count += 1;
        if overlap(&path, &other.path) {
            return Err(bad(format!("FileSystemPath {path} overlaps that of {}: {}", other.id, other.path)));
        }
        if overlap(&repository, &other.repository) {
            return Err(bad(format!(
                "DataRepositoryPath {repository} overlaps that of {}: {}",
                other.id, other.repository
            )));
        }
    }
    if count >= MAX_PER_FILE_SYSTEM {
        let message = format!("A file system has at most {MAX_PER_FILE_SYSTEM} data repository associations");
        return Err(ApiError::bad("ServiceLimitExceeded", message).with("Limit", "DATA_REPOSITORY_ASSOCIATION_COUNT"));
    }
    let id = call.world.new_id("dra-");
    let association = Association {
        arn: call.arn(format!("association/{file_system}/{id}")),
        created: call.now,
        life: Life::begin(call.now, "CREATING").then(call.done_after(durations::FSX_REPOSITORY), "AVAILABLE"),
        file_system,
        path,
        repository,
        batch_import,
        chunk_mib,
        import,
        export,
        tags,
        deletes_data: None,
        timer: None,
        id: id.clone(),
    };
    call.put(association);
    Ok(id)
}

fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::json(json!({"Association": association_json(call, call.get::<Association>(id)?)})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("AssociationIds")?;
    let mut file_systems = Vec::new();
    let mut filtered = false;
    for mut filter in call.params.structs("Filters")? {
        let name = filter.text("Name")?;
        let values = filter.texts("Values")?;
        match name.as_str() {
            "file-system-id" => {
                filtered = true;
                file_systems.extend(values);
            }
            "data-repository-type" if values.iter().any(|value| value == "S3") => {}
            other => return Err(ApiError::not_implemented(format!("the filter '{other}' here"))),
        }
    }
    if let Some(id) = ids.iter().find(|id| call.see::<Association>(id).is_none()) {
        return Err(missing(id));
    }
    let page = Page::take(call, usize::MAX)?;
    let found = call
        .seen::<Association>()
        .filter(|it| ids.is_empty() || ids.contains(&it.id))
        .filter(|it| !filtered || file_systems.contains(&it.file_system));
    Ok(page.reply(found, |it| &it.id, |it| association_json(call, it)))
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AssociationId")?;
    // The same update twice is the same update.
    let chunk_mib = call.params.int_opt("ImportedFileChunkSize")?;
    let (import, export) = take_policies(call)?;
    let mut association = call.find::<Association>(&id).cloned().ok_or_else(|| missing(&id))?;
    let state = association.life.state(call.now);
    if state != "AVAILABLE" {
        return Err(bad(format!("The data repository association {id} is {state}: it has to be AVAILABLE")));
    }
    if let Some(chunk_mib) = chunk_mib {
        check_chunk(chunk_mib)?;
        association.chunk_mib = chunk_mib;
    }
    association.import = import.or(association.import);
    association.export = export.or(association.export);
    let done = call.done_after(std::time::Duration::from_secs(60));
    association.life.enter(call.now, "UPDATING");
    association.life.plan(done, "AVAILABLE");
    let reply = Reply::json(json!({"Association": association_json(call, &association)}));
    call.put(association);
    Ok(reply)
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AssociationId")?;
    let deletes_data = call.params.flag("DeleteDataInFileSystem")?;
    let mut association = call.find::<Association>(&id).cloned().ok_or_else(|| missing(&id))?;
    if association.deletes_data.is_none() {
        association.life.enter(call.now, "DELETING");
        association.deletes_data = Some(deletes_data);
        association.timer = Some(call.done_after(std::time::Duration::from_secs(120)));
        call.put(association);
    }
    Ok(Reply::json(json!({
        "AssociationId": id,
        "Lifecycle": "DELETING",
        "DeleteDataInFileSystem": deletes_data,
    })))
}

pub(super) fn settle(world: &mut World, region: &str, id: &str) {
    world.remove::<Association>(region, id);
}
