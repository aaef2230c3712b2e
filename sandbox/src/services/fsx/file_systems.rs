//! File systems: creating, deleting and what happens in between.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bad;
use super::describe::file_system_json;
use super::lustre::{self, Lustre};
use super::repositories::Association;
use crate::call::Call;
use crate::error::ApiError;
use crate::history::{MONTH, Meter};
use crate::life::{Life, durations};
use crate::service::{Operation, create, write};
use crate::services::ec2::groups::{allows_lustre, check_groups, default_group};
use crate::services::ec2::interfaces::{ManagedInterface, create_managed, release};
use crate::services::ec2::subnets::Subnet;
use crate::store::{Object, Tags, World};
use crate::tagged;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] =
    &[create("CreateFileSystem", make, show), write("DeleteFileSystem", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FileSystem {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) arn: String,
    /// Grows by itself when there is none.
    pub(super) gib: Option<i64>,
    pub(super) storage_type: String,
    pub(super) version: String,
    pub(super) subnet: String,
    pub(super) vpc: String,
    pub(super) interfaces: Vec<String>,
    pub(super) kms_key: Option<String>,
    pub(super) mount_name: String,
    pub(super) lustre: Lustre,
    pub(super) tags: Tags,
    pub(super) life: Life,
    /// Values that come into force when the running update is done.
    pub(super) next: Option<Next>,
    pub(super) actions: Vec<Action>,
    pub(super) deleting: bool,
    pub(super) timer: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Next {
    pub(super) gib: Option<i64>,
    pub(super) lustre: Lustre,
    #[serde(default)]
    pub(super) version: Option<String>,
}

/// An entry of `AdministrativeActions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Action {
    pub(super) kind: String,
    pub(super) requested: Timestamp,
    /// When the change is in force.
    pub(super) updated: Timestamp,
    /// When data has been moved to the new disks too.
    pub(super) optimized: Timestamp,
    /// Such updates come one at a time; settings may change beside them.
    pub(super) moves_data: bool,
    pub(super) target: Value,
}

impl Object for FileSystem {
    const KIND: &'static str = "fsx/file-system";
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
    fn meters(&self) -> Vec<Meter> {
        let (Some((from, to)), Some(gib)) = (self.life.between("AVAILABLE", "DELETING"), self.gib) else {
            return Vec::new();
        };
        let item = self.lustre.deployment.to_lowercase().replace('_', "-");
        let throughput = self.lustre.throughput_per_unit.map(|value| format!("-{value}")).unwrap_or_default();
        let usage = format!("Lustre.{item}-{}{throughput}-ByteHrs", self.storage_type.to_lowercase());
        vec![Meter::new("Amazon FSx", usage, from, to).times(gib as f64 / MONTH)]
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("fsx".to_owned(), format!("file-system/{}", self.id)))
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::bad("FileSystemNotFound", format!("File system '{id}' does not exist."))
}

fn network_error(message: String) -> ApiError {
    ApiError::bad("InvalidNetworkSettings", message)
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let kind = call.params.text("FileSystemType")?;
    if kind != "LUSTRE" {
        return Err(ApiError::not_implemented(format!("file systems of type {kind}")));
    }
    let gib = call.params.int_opt("StorageCapacity")?;
    let storage_type = call.params.text_opt("StorageType")?.unwrap_or_else(|| "SSD".to_owned());
    let subnets = call.params.texts("SubnetIds")?;
    let groups = call.params.texts("SecurityGroupIds")?;
    let tags = tagged::take(call)?;
    let kms_key = call.params.text_opt("KmsKeyId")?;
    let version = call.params.text_opt("FileSystemTypeVersion")?;
    let Some(mut config) = call.params.child_opt("LustreConfiguration")? else {
        let message = "LustreConfiguration is required for Lustre file systems";
        return Err(ApiError::bad("MissingFileSystemConfiguration", message));
    };
    let lustre = lustre::take(&mut config, &storage_type)?;
    drop(config);
    match gib {
        Some(_) if storage_type == "INTELLIGENT_TIERING" => {
            return Err(bad("StorageCapacity is not supported for INTELLIGENT_TIERING"));
        }
        Some(gib) => lustre::check_size(&lustre, &storage_type, gib, false)?,
        None if storage_type == "INTELLIGENT_TIERING" => {}
        None => return Err(call.params.missing("StorageCapacity")),
    }
    let version = lustre::version(&lustre, version)?;
    if kms_key.is_some() && !lustre.is_persistent() {
        return Err(bad("KmsKeyId is supported for persistent file systems only"));
    }
    let [subnet_id] = subnets.as_slice() else {
        return Err(bad("Lustre file systems take exactly one subnet"));
    };
    let subnet = call.find::<Subnet>(subnet_id).cloned().ok_or_else(|| {
        network_error(format!("The subnet ID '{subnet_id}' does not exist")).with("InvalidSubnetId", subnet_id.clone())
    })?;
    let groups = settle_groups(call, groups, &subnet, lustre.efa)?;
    check_quota(call, &lustre, gib.unwrap_or(0))?;

    let id = call.world.new_id("fs-");
    // One metadata server and a server for every 2.4 TiB: each has an interface, as many as are worth simulating.
    let servers = 1 + usize::try_from(gib.unwrap_or(2400) / 2400).unwrap_or(1).clamp(1, 15);
    let mut interfaces = Vec::new();
    for _ in 0..servers {
        let wanted = ManagedInterface {
            subnet: &subnet.id,
            groups: groups.clone(),
            interface_type: "interface",
            description: format!("Created for FSx Lustre File system {id}"),
            requester: "amazon-fsx",
        };
        let eni = create_managed(call.world, call.region, call.now, wanted);
        interfaces.push(eni.map_err(|error| network_error(error.message))?);
    }
    let mount_name = if lustre.deployment == "SCRATCH_1" { "fsx".to_owned() } else { call.world.new_hex(8) };
    let created = FileSystem {
        arn: call.arn(format!("file-system/{id}")),
        created: call.now,
        gib,
        version,
        subnet: subnet.id,
        vpc: subnet.vpc,
        interfaces,
        kms_key,
        mount_name,
        life: Life::begin(call.now, "CREATING").then(call.done_after(durations::FSX_CREATE), "AVAILABLE"),
        lustre,
        tags,
        next: None,
        actions: Vec::new(),
        deleting: false,
        timer: None,
        storage_type,
        id: id.clone(),
    };
    call.put(created);
    Ok(id)
}

pub(super) fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    Some(Reply::json(json!({"FileSystem": file_system_json(call, call.get::<FileSystem>(id)?)})))
}

/// The groups of the file system's interfaces; they have to let Lustre through.
fn settle_groups(call: &Call<'_>, groups: Vec<String>, subnet: &Subnet, efa: bool) -> Result<Vec<String>, ApiError> {
    let groups = if groups.is_empty() {
        default_group(call.world, call.region, &subnet.vpc).into_iter().collect()
    } else {
        groups
    };
    for group in &groups {
        check_groups(call.world, call.region, std::slice::from_ref(group), &subnet.vpc)
            .map_err(|error| network_error(error.message).with("InvalidSecurityGroupId", group.clone()))?;
    }
    if !allows_lustre(call.world, call.region, &groups, efa) {
        let what = if efa {
            "all traffic from and to the group itself, which EFA needs"
        } else {
            "Lustre LNET network traffic on the TCP ports 988 and 1018 to 1023"
        };
        return Err(network_error(format!(
            "The file system cannot be created because the provided security group(s) do not permit {what}"
        )));
    }
    Ok(groups)
}

fn check_quota(call: &Call<'_>, lustre: &Lustre, gib: i64) -> Result<(), ApiError> {
    let (storage, count) = match lustre.deployment.as_str() {
        "PERSISTENT_1" => ("L-C8640C82", "L-9AFA1F09"),
        "PERSISTENT_2" => ("L-8F1B9C74", "L-FD6F2F22"),
        _ => ("L-AD2FC696", "L-C48231E5"),
    };
    let group = |lustre: &Lustre| if lustre.is_persistent() { lustre.deployment.clone() } else { "SCRATCH".to_owned() };
    let same: Vec<&FileSystem> = call.all::<FileSystem>().filter(|it| group(&it.lustre) == group(lustre)).collect();
    let used = same.iter().filter_map(|it| it.gib).sum::<i64>() + gib;
    let limit = |code: &str| call.world.config.behaviour.quotas.get(code).copied();
    let exceeded = |name: &str, limit: u64| {
        let message = format!("The request exceeds the limit of {limit} ({name})");
        ApiError::bad("ServiceLimitExceeded", message).with("Limit", name)
    };
    if let Some(limit) = limit(storage).filter(|limit| u64::try_from(used).is_ok_and(|used| used > *limit)) {
        return Err(exceeded("TOTAL_STORAGE", limit));
    }
    if let Some(limit) = limit(count).filter(|limit| same.len() as u64 >= *limit) {
        return Err(exceeded("FILE_SYSTEM_COUNT", limit));
    }
    Ok(())
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("FileSystemId")?;
    let mut keep_backup = false;
    let mut backup_tags = Vec::new();
    let configured = match call.params.child_opt("LustreConfiguration")? {
        Some(mut config) => {
            keep_backup = config.flag_opt("SkipFinalBackup")? == Some(false);
            backup_tags = config.structs("FinalBackupTags")?;
            true
        }
        None => false,
    };
    tagged::checked(call, tagged::read_pairs(backup_tags, "Key", "Value")?)?;
    let file_system = call.find::<FileSystem>(&id).ok_or_else(|| missing(&id))?;
    if keep_backup && !file_system.lustre.is_persistent() {
        return Err(bad("Backups are not supported for scratch file systems"));
    }
    if !file_system.deleting {
        let (now, gone) = (call.now, call.done_after(durations::FSX_DELETE));
        call.update::<FileSystem>(&id, |it| {
            it.life.enter(now, "DELETING");
            it.deleting = true;
            it.next = None;
            it.timer = Some(gone);
        });
    }
    let mut answer = json!({"FileSystemId": id, "Lifecycle": "DELETING"});
    if keep_backup {
        let backup = call.world.new_id("backup-");
        answer["LustreResponse"] = json!({"FinalBackupId": backup, "FinalBackupTags": []});
    } else if configured {
        answer["LustreResponse"] = json!({});
    }
    Ok(Reply::json(answer))
}

/// An update comes into force; a deleted file system goes, with its interfaces and associations.
pub(super) fn settle(world: &mut World, region: &str, id: &str, _at: Timestamp) {
    let Some(mut file_system) = world.get::<FileSystem>(region, id).cloned() else { return };
    if !file_system.deleting {
        if let Some(next) = file_system.next.take() {
            file_system.gib = next.gib;
            file_system.lustre = next.lustre;
            file_system.version = next.version.unwrap_or(file_system.version);
        }
        file_system.timer = None;
        world.put(region, file_system);
        return;
    }
    for interface in &file_system.interfaces {
        release(world, region, interface);
    }
    let associations: Vec<String> = world
        .all::<Association>(region)
        .filter(|association| association.file_system == id)
        .map(|association| association.id.clone())
        .collect();
    for association in associations {
        world.remove::<Association>(region, &association);
    }
    world.remove::<FileSystem>(region, id);
}
