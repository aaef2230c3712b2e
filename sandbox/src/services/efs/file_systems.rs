//! File systems: made, shown, changed, deleted.

use jiff::SignedDuration;

use super::access_points::AccessPoint;
use super::mount_targets::MountTarget;
use super::{bad, id_in, refused, seconds};
use crate::life::{Life, durations};
use crate::services::ec2::is_zone;
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateFileSystem", create),
    read("DescribeFileSystems", describe),
    write("UpdateFileSystem", update),
    write("DeleteFileSystem", delete),
];

/// What EFS counts of an empty file system.
const EMPTY: i64 = 6144;
/// The throughput mode is changed, and provisioned throughput lowered, once in this time.
const CHANGED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FileSystem {
    pub(super) id: String,
    created: Timestamp,
    token: String,
    /// Of a One Zone file system.
    pub(super) zone: Option<String>,
    mode: String,
    provisioned: Option<f64>,
    encrypted: bool,
    kms_key: Option<String>,
    /// Nothing was ever said of it.
    pub(super) backup: Option<bool>,
    pub(super) lifecycle: Vec<Value>,
    /// When the throughput mode was changed, or the throughput lowered.
    changed: Option<Timestamp>,
    life: Life,
    gone: Option<Timestamp>,
    tags: Tags,
}

impl Object for FileSystem {
    const KIND: &'static str = "elasticfilesystem/file-system";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.gone
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
        Some(("elasticfilesystem".to_owned(), format!("file-system/{}", self.id)))
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    refused(404, "FileSystemNotFound", format!("File system '{id}' does not exist."))
}

/// The file system that a request names, for a change.
pub(super) fn named(call: &mut Call<'_>) -> Result<FileSystem, ApiError> {
    let text = call.params.text("FileSystemId")?;
    call.find::<FileSystem>(id_in(&text)).cloned().ok_or_else(|| missing(&text))
}

/// As `named`, where it must not be in the middle of something.
pub(super) fn available(call: &mut Call<'_>) -> Result<FileSystem, ApiError> {
    let found = named(call)?;
    match found.state(call.now) {
        "available" => Ok(found),
        state => Err(refused(
            409,
            "IncorrectFileSystemLifeCycleState",
            format!("File system '{}' is {state}, and must be available.", found.id),
        )),
    }
}

/// Checks the throughput of a file system in this mode.
fn check_throughput(mode: &str, provisioned: Option<f64>) -> Result<(), ApiError> {
    match (mode, provisioned) {
        ("provisioned", None) => Err(bad("ProvisionedThroughputInMibps is required for the mode provisioned")),
        ("provisioned", Some(rate)) if rate > 3414.0 => {
            Err(refused(400, "ThroughputLimitExceeded", "Throughput is up to 3414 MiB/s"))
        }
        ("provisioned", Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(bad(format!("ProvisionedThroughputInMibps is not for the mode {mode}"))),
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let token = call.params.text("CreationToken")?;
    let mode = call.params.text_opt("ThroughputMode")?.unwrap_or_else(|| "bursting".to_owned());
    let provisioned = call.params.number_opt("ProvisionedThroughputInMibps")?;
    let encrypted = call.params.flag_opt("Encrypted")?.unwrap_or(false);
    let kms_key = call.params.text_opt("KmsKeyId")?;
    let zone = call.params.text_opt("AvailabilityZoneName")?;
    let backup = call.params.flag_opt("Backup")?;
    let tags = tagged::take(call)?;
    check_throughput(&mode, provisioned)?;
    if kms_key.is_some() && !encrypted {
        return Err(bad("KmsKeyId is for encrypted file systems"));
    }
    if zone.as_deref().is_some_and(|zone| !is_zone(call.region, zone)) {
        return Err(refused(400, "UnsupportedAvailabilityZone", "The availability zone is not supported"));
    }
    if let Some(there) = call.all::<FileSystem>().find(|it| it.token == token) {
        let message = format!("File system '{}' already exists with creation token '{token}'", there.id);
        return Err(refused(409, "FileSystemAlreadyExists", message).with("FileSystemId", there.id.clone()));
    }
    let ready = call.done_after(durations::EFS_CREATE);
    let it = FileSystem {
        id: call.world.new_id("fs-"),
        created: call.now,
        token,
        backup: backup.or(zone.as_ref().map(|_| true)),
        zone,
        mode,
        provisioned,
        kms_key: kms_key.or_else(|| encrypted.then(|| call.arn_of("kms", "key/00000000-0000-0000-0000-00000000000e"))),
        encrypted,
        lifecycle: Vec::new(),
        changed: None,
        life: Life::begin(call.now, "creating").then(ready, "available"),
        gone: None,
        tags,
    };
    let reply = shown(call, &it);
    call.put(it);
    Ok(Reply::json(reply))
}

fn shown(call: &Call<'_>, it: &FileSystem) -> Value {
    let targets = call.all::<MountTarget>().filter(|target| target.file_system == it.id).count();
    let mut value = json!({
        "OwnerId": call.account(), "CreationToken": it.token, "FileSystemId": it.id,
        "FileSystemArn": call.arn(format_args!("file-system/{}", it.id)), "CreationTime": seconds(it.created),
        "LifeCycleState": it.state(call.now), "NumberOfMountTargets": targets,
        "SizeInBytes": {"Value": EMPTY, "ValueInIA": 0, "ValueInStandard": EMPTY, "ValueInArchive": 0},
        "PerformanceMode": "generalPurpose", "Encrypted": it.encrypted, "ThroughputMode": it.mode,
        "Tags": tagged::pairs(&it.tags), "FileSystemProtection": {"ReplicationOverwriteProtection": "ENABLED"},
    });
    let more = [
        ("Name", it.tags.get("Name").map(|name| json!(name))),
        ("KmsKeyId", it.kms_key.as_ref().map(|key| json!(key))),
        ("ProvisionedThroughputInMibps", it.provisioned.map(|rate| json!(rate))),
        ("AvailabilityZoneName", it.zone.as_ref().map(|zone| json!(zone))),
    ];
    if let Value::Object(fields) = &mut value {
        fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    value
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let token = call.params.text_opt("CreationToken")?;
    let id = call.params.text_opt("FileSystemId")?;
    if let Some(id) = &id
        && call.see::<FileSystem>(id_in(id)).is_none()
    {
        return Err(missing(id));
    }
    let is_asked = |it: &&FileSystem| {
        id.as_deref().is_none_or(|id| id_in(id) == it.id) && token.as_ref().is_none_or(|token| *token == it.token)
    };
    let found: Vec<&FileSystem> = call.seen::<FileSystem>().filter(is_asked).collect();
    Ok(page.reply(found, |it| &it.id, |it| shown(call, it)))
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = available(call)?;
    let mode = call.params.text_opt("ThroughputMode")?.unwrap_or_else(|| it.mode.clone());
    let provisioned = call.params.number_opt("ProvisionedThroughputInMibps")?;
    let kept = if mode == "provisioned" { provisioned.or(it.provisioned) } else { provisioned };
    check_throughput(&mode, kept)?;
    let lowered = it.provisioned.zip(kept).is_some_and(|(has, wants)| wants < has);
    if mode != it.mode || lowered {
        if it.changed.is_some_and(|at| call.now.duration_since(at) < CHANGED_WITHIN) {
            let message = "Throughput mode can be changed, or provisioned throughput decreased, once in 24 hours";
            return Err(refused(429, "TooManyRequests", message));
        }
        it.changed = Some(call.now);
    }
    (it.mode, it.provisioned) = (mode, kept);
    it.life.enter(call.now, "updating");
    it.life.plan(call.done_after(durations::EFS_UPDATE), "available");
    let reply = shown(call, &it);
    call.put(it);
    Ok(Reply::json(reply))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = named(call)?;
    if it.gone.is_some() {
        return Err(missing(&it.id));
    }
    if call.all::<MountTarget>().any(|target| target.file_system == it.id) {
        let message = format!("File system '{}' has one or more mount targets, and cannot be deleted.", it.id);
        return Err(refused(409, "FileSystemInUse", message));
    }
    // Its access points go with it.
    let of = |point: &&AccessPoint| point.file_system == it.id;
    let points: Vec<String> = call.all::<AccessPoint>().filter(of).map(|point| point.id().to_owned()).collect();
    points.iter().for_each(|id| call.remove::<AccessPoint>(id));
    it.life.enter(call.now, "deleting");
    it.gone = Some(call.done_after(durations::EFS_DELETE));
    call.put(it);
    Ok(Reply::empty())
}
