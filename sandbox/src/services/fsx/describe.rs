//! How file systems are shown.

use serde_json::{Value, json};

use super::file_systems::{Action, FileSystem, missing};
use super::lustre::Lustre;
use super::seconds;
use crate::call::Call;
use crate::error::ApiError;
use crate::page::Page;
use crate::service::{Operation, read};
use crate::tagged;
use crate::wire::reply::Reply;

pub(super) const OPERATIONS: &[Operation] = &[read("DescribeFileSystems", describe)];

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("FileSystemIds")?;
    if let Some(id) = ids.iter().find(|id| call.see::<FileSystem>(id).is_none()) {
        return Err(missing(id));
    }
    let page = Page::take(call, usize::MAX)?;
    let found = call.seen::<FileSystem>().filter(|it| ids.is_empty() || ids.contains(&it.id));
    Ok(page.reply(found, |it| &it.id, |it| file_system_json(call, it)))
}

/// A file system without its security groups: those stand on its interfaces only.
pub(super) fn file_system_json(call: &Call<'_>, it: &FileSystem) -> Value {
    let region = call.region;
    json!({
        "OwnerId": call.account(),
        "CreationTime": seconds(it.created),
        "FileSystemId": it.id,
        "FileSystemType": "LUSTRE",
        "FileSystemTypeVersion": it.version,
        "Lifecycle": it.life.state(call.now),
        "StorageCapacity": it.gib,
        "StorageType": it.storage_type,
        "VpcId": it.vpc,
        "SubnetIds": [it.subnet],
        "NetworkInterfaceIds": it.interfaces,
        "DNSName": format!("{}.fsx.{region}.amazonaws.com", it.id),
        "KmsKeyId": it.kms_key.clone().or_else(|| it.lustre.is_persistent().then(|| managed_key(call))),
        "ResourceARN": it.arn,
        "Tags": tagged::pairs(&it.tags),
        "LustreConfiguration": lustre_json(&it.lustre, Some(&it.mount_name)),
        "AdministrativeActions": (!it.actions.is_empty()).then(|| actions_json(call, &it.actions)),
    })
}

/// AWS's own key for FSx in this account and region, which persistent file systems have when none is named.
fn managed_key(call: &Call<'_>) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{}/{}/aws/fsx", call.account(), call.region));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to).unwrap_or_default());
    call.arn_of("kms", format!("key/{}", parts.join("-")))
}

pub(super) fn lustre_json(lustre: &Lustre, mount_name: Option<&str>) -> Value {
    let import = lustre.import.as_ref().map(|import| {
        json!({
            "Lifecycle": "AVAILABLE",
            "ImportPath": import.path,
            "ExportPath": import.export,
            "ImportedFileChunkSize": import.chunk_mib,
            "AutoImportPolicy": import.policy,
        })
    });
    let metadata = lustre.metadata.as_ref().map(|it| json!({"Mode": it.mode, "Iops": it.iops}));
    let cache = lustre.read_cache.as_ref().map(|it| json!({"SizingMode": it.mode, "SizeGiB": it.gib}));
    let log = lustre.log.as_ref().map(|it| json!({"Level": it.level, "Destination": it.destination}));
    let squash = lustre.squash.as_ref().map(|it| json!({"RootSquash": it.ids, "NoSquashNids": it.exempt}));
    let backups = lustre.is_persistent();
    json!({
        "DeploymentType": lustre.deployment,
        "PerUnitStorageThroughput": lustre.throughput_per_unit,
        "ThroughputCapacity": lustre.throughput,
        "MountName": mount_name,
        "WeeklyMaintenanceStartTime": lustre.maintenance,
        "DataRepositoryConfiguration": import,
        "DailyAutomaticBackupStartTime": lustre.backup_time,
        "AutomaticBackupRetentionDays": backups.then_some(lustre.backup_days),
        "CopyTagsToBackups": backups.then_some(lustre.copy_tags),
        "DriveCacheType": lustre.drive_cache,
        "DataCompressionType": lustre.compression,
        "EfaEnabled": lustre.efa,
        "MetadataConfiguration": metadata,
        "DataReadCacheConfiguration": cache,
        "LogConfiguration": log,
        "RootSquashConfiguration": squash,
    })
}

fn actions_json(call: &Call<'_>, actions: &[Action]) -> Vec<Value> {
    let show = |action: &Action| {
        let length = action.optimized.duration_since(action.requested).as_secs_f64();
        let passed = call.now.duration_since(action.requested).as_secs_f64();
        let percent = if length > 0.0 { (passed / length * 100.0).clamp(0.0, 100.0) as i64 } else { 100 };
        let status = if call.now >= action.optimized {
            "COMPLETED"
        } else if call.now >= action.updated {
            if action.kind == "STORAGE_OPTIMIZATION" { "IN_PROGRESS" } else { "UPDATED_OPTIMIZING" }
        } else if action.kind == "STORAGE_OPTIMIZATION" {
            "PENDING"
        } else {
            "IN_PROGRESS"
        };
        let is_update = action.kind == "FILE_SYSTEM_UPDATE";
        json!({
            "AdministrativeActionType": action.kind,
            "ProgressPercent": percent,
            "RequestTime": seconds(action.requested),
            "Status": status,
            "TargetFileSystemValues": is_update.then(|| action.target.clone()),
        })
    };
    actions.iter().map(show).collect()
}
