//! What AWS allows a Lustre file system to be.

use serde::{Deserialize, Serialize};

use super::bad;
use crate::error::ApiError;
use crate::wire::params::Params;

/// The Lustre side of a file system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lustre {
    pub(super) deployment: String,
    pub(super) throughput_per_unit: Option<i64>,
    pub(super) throughput: Option<i64>,
    pub(super) compression: String,
    pub(super) drive_cache: Option<String>,
    pub(super) efa: bool,
    pub(super) metadata: Option<Metadata>,
    pub(super) read_cache: Option<ReadCache>,
    pub(super) import: Option<Import>,
    pub(super) maintenance: String,
    pub(super) backup_time: Option<String>,
    pub(super) backup_days: i64,
    pub(super) copy_tags: bool,
    pub(super) log: Option<Log>,
    pub(super) squash: Option<Squash>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) mode: String,
    pub(super) iops: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadCache {
    pub(super) mode: String,
    pub(super) gib: Option<i64>,
}

/// The old link to a bucket, for file systems before PERSISTENT_2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Import {
    pub(super) path: String,
    pub(super) export: Option<String>,
    pub(super) chunk_mib: i64,
    pub(super) policy: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) destination: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Squash {
    pub(super) ids: Option<String>,
    pub(super) exempt: Vec<String>,
}

impl Lustre {
    pub(super) fn is_persistent(&self) -> bool {
        self.deployment.starts_with("PERSISTENT")
    }

    pub(super) fn is_newest(&self) -> bool {
        self.deployment == "PERSISTENT_2"
    }
}

fn one_of(params: &Params, field: &str, value: &str, allowed: &[&str]) -> Result<(), ApiError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(params.invalid(field, value, format!("Expecting one of {}.", allowed.join(", "))))
}

pub(super) fn take_metadata(params: &mut Params) -> Result<Option<Metadata>, ApiError> {
    let Some(mut config) = params.child_opt("MetadataConfiguration")? else { return Ok(None) };
    let iops = config.int_opt("Iops")?;
    // Given with Iops alone, as UpdateFileSystem may be, the mode is the one that has a number.
    let mode = config.text_opt("Mode")?.unwrap_or_else(|| "USER_PROVISIONED".to_owned());
    one_of(&config, "Mode", &mode, &["AUTOMATIC", "USER_PROVISIONED"])?;
    match (mode.as_str(), iops) {
        ("AUTOMATIC", Some(_)) => Err(bad("MetadataConfiguration.Iops cannot be given with the mode AUTOMATIC")),
        ("USER_PROVISIONED", None) => Err(bad("MetadataConfiguration.Iops is needed with the mode USER_PROVISIONED")),
        _ => Ok(Some(Metadata { mode, iops })),
    }
}

pub(super) fn take_read_cache(params: &mut Params) -> Result<Option<ReadCache>, ApiError> {
    let Some(mut config) = params.child_opt("DataReadCacheConfiguration")? else { return Ok(None) };
    let mode = config.text("SizingMode")?;
    let gib = config.int_opt("SizeGiB")?;
    let modes = ["NO_CACHE", "USER_PROVISIONED", "PROPORTIONAL_TO_THROUGHPUT_CAPACITY"];
    one_of(&config, "SizingMode", &mode, &modes)?;
    if (mode == "USER_PROVISIONED") != gib.is_some() {
        return Err(bad("DataReadCacheConfiguration.SizeGiB belongs to the mode USER_PROVISIONED"));
    }
    Ok(Some(ReadCache { mode, gib }))
}

pub(super) fn take_log(params: &mut Params) -> Result<Option<Log>, ApiError> {
    let Some(mut config) = params.child_opt("LogConfiguration")? else { return Ok(None) };
    let level = config.text("Level")?;
    one_of(&config, "Level", &level, &["DISABLED", "WARN_ONLY", "ERROR_ONLY", "WARN_ERROR"])?;
    let destination = config.text_opt("Destination")?;
    Ok(Some(Log { level, destination }))
}

pub(super) fn take_squash(params: &mut Params) -> Result<Option<Squash>, ApiError> {
    let Some(mut config) = params.child_opt("RootSquashConfiguration")? else { return Ok(None) };
    let ids = config.text_opt("RootSquash")?;
    let is_pair = |text: &str| {
        text.split_once(':').is_some_and(|(user, group)| user.parse::<u32>().is_ok() && group.parse::<u32>().is_ok())
    };
    if let Some(ids) = ids.as_deref().filter(|ids| !is_pair(ids)) {
        return Err(config.invalid("RootSquash", ids, "Expecting UID:GID."));
    }
    let exempt = config.texts("NoSquashNids")?;
    Ok(Some(Squash { ids, exempt }))
}

/// `HH:MM`.
pub(super) fn check_time(params: &Params, field: &str, text: &str) -> Result<(), ApiError> {
    let part = |text: &str, below: u32| text.len() == 2 && text.parse::<u32>().is_ok_and(|number| number < below);
    if text.split_once(':').is_some_and(|(hours, minutes)| part(hours, 24) && part(minutes, 60)) {
        return Ok(());
    }
    Err(params.invalid(field, text, "Expecting HH:MM."))
}

/// `d:HH:MM`, with days from 1 (Monday) to 7.
pub(super) fn check_weekly(params: &Params, field: &str, text: &str) -> Result<(), ApiError> {
    match text.split_once(':') {
        Some((day, time)) if day.len() == 1 && ("1"..="7").contains(&day) => check_time(params, field, time),
        _ => Err(params.invalid(field, text, "Expecting d:HH:MM.")),
    }
}

pub(super) fn check_backup_days(params: &Params, days: i64) -> Result<(), ApiError> {
    if (0..=90).contains(&days) {
        return Ok(());
    }
    Err(params.invalid("AutomaticBackupRetentionDays", days, "Expecting 0 to 90."))
}

/// Reads `LustreConfiguration` of a create call and checks what can be checked without the size.
pub(super) fn take(params: &mut Params, storage_type: &str) -> Result<Lustre, ApiError> {
    let deployment = params.text_opt("DeploymentType")?.unwrap_or_else(|| "SCRATCH_1".to_owned());
    one_of(params, "DeploymentType", &deployment, &["SCRATCH_1", "SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"])?;
    let import_path = params.text_opt("ImportPath")?;
    let export = params.text_opt("ExportPath")?;
    let chunk = params.int_opt("ImportedFileChunkSize")?;
    let policy = params.text_opt("AutoImportPolicy")?;
    let compression = params.text_opt("DataCompressionType")?.unwrap_or_else(|| "NONE".to_owned());
    one_of(params, "DataCompressionType", &compression, &["NONE", "LZ4"])?;
    let drive_cache = params.text_opt("DriveCacheType")?;
    if let Some(cache) = &drive_cache {
        one_of(params, "DriveCacheType", cache, &["NONE", "READ"])?;
    }
    let maintenance = params.text_opt("WeeklyMaintenanceStartTime")?;
    if let Some(time) = &maintenance {
        check_weekly(params, "WeeklyMaintenanceStartTime", time)?;
    }
    let backup_time = params.text_opt("DailyAutomaticBackupStartTime")?;
    if let Some(time) = &backup_time {
        check_time(params, "DailyAutomaticBackupStartTime", time)?;
    }
    let backup_days = params.int_opt("AutomaticBackupRetentionDays")?;
    check_backup_days(params, backup_days.unwrap_or(0))?;
    let copy_tags = params.flag_opt("CopyTagsToBackups")?;
    let lustre = Lustre {
        throughput_per_unit: params.int_opt("PerUnitStorageThroughput")?,
        throughput: params.int_opt("ThroughputCapacity")?,
        efa: params.flag("EfaEnabled")?,
        metadata: take_metadata(params)?,
        read_cache: take_read_cache(params)?,
        log: take_log(params)?,
        squash: take_squash(params)?,
        import: import_path.map(|path| Import {
            path,
            export: export.clone(),
            chunk_mib: chunk.unwrap_or(1024),
            policy: policy.clone().unwrap_or_else(|| "NONE".to_owned()),
        }),
        deployment,
        compression,
        drive_cache,
        maintenance: maintenance.unwrap_or_else(|| "1:05:00".to_owned()),
        backup_time: backup_time.clone(),
        backup_days: backup_days.unwrap_or(0),
        copy_tags: copy_tags.unwrap_or(false),
    };
    if lustre.import.is_none() && (export.is_some() || chunk.is_some() || policy.is_some()) {
        return Err(bad("ExportPath, ImportedFileChunkSize and AutoImportPolicy need an ImportPath"));
    }
    if let Some(import) = &lustre.import {
        if lustre.is_newest() {
            return Err(bad("PERSISTENT_2 file systems take no ImportPath: create data repository associations"));
        }
        if !import.path.starts_with("s3://") || !(1..=512_000).contains(&import.chunk_mib) {
            return Err(bad("ImportPath is s3://BUCKET/PREFIX, and ImportedFileChunkSize 1 to 512000 MiB"));
        }
        let policies = ["NONE", "NEW", "NEW_CHANGED", "NEW_CHANGED_DELETED"];
        one_of(params, "AutoImportPolicy", &import.policy, &policies)?;
    }
    if !lustre.is_persistent() && (backup_days.unwrap_or(0) > 0 || backup_time.is_some() || copy_tags.is_some()) {
        return Err(bad(format!("Backups are not supported for {} file systems", lustre.deployment)));
    }
    if backup_time.is_some() && lustre.backup_days == 0 {
        return Err(bad("DailyAutomaticBackupStartTime needs AutomaticBackupRetentionDays above 0"));
    }
    check_kind(&lustre, storage_type)?;
    Ok(lustre)
}

/// Deployment type, storage type, throughput, metadata and EFA against each other.
fn check_kind(lustre: &Lustre, storage_type: &str) -> Result<(), ApiError> {
    let Lustre { deployment, .. } = lustre;
    let fits = match storage_type {
        "SSD" => true,
        "HDD" => deployment == "PERSISTENT_1",
        "INTELLIGENT_TIERING" => deployment == "PERSISTENT_2",
        other => return Err(bad(format!("StorageType {other} is not valid for Lustre"))),
    };
    if !fits {
        return Err(bad(format!("StorageType {storage_type} is not supported for {deployment}")));
    }
    if storage_type == "INTELLIGENT_TIERING" {
        if lustre.throughput_per_unit.is_some() {
            return Err(bad("PerUnitStorageThroughput is not supported for INTELLIGENT_TIERING"));
        }
        if !lustre.throughput.is_some_and(|value| value > 0 && value % 4000 == 0) {
            return Err(bad("INTELLIGENT_TIERING needs a ThroughputCapacity that is a multiple of 4000"));
        }
        if lustre.read_cache.is_none() {
            return Err(bad("INTELLIGENT_TIERING needs a DataReadCacheConfiguration"));
        }
        let iops = lustre.metadata.as_ref().and_then(|metadata| metadata.iops);
        if !matches!(iops, Some(6000 | 12000)) {
            return Err(bad("INTELLIGENT_TIERING needs USER_PROVISIONED metadata with 6000 or 12000 IOPS"));
        }
        return Ok(());
    }
    if lustre.throughput.is_some() || lustre.read_cache.is_some() {
        return Err(bad("ThroughputCapacity and DataReadCacheConfiguration belong to INTELLIGENT_TIERING"));
    }
    check_throughput(lustre, storage_type, lustre.throughput_per_unit)?;
    if (storage_type == "HDD") != lustre.drive_cache.is_some() {
        return Err(bad("DriveCacheType is required for the storage type HDD, and not supported for others"));
    }
    if let Some(metadata) = &lustre.metadata {
        check_metadata(lustre, metadata)?;
    }
    if lustre.efa {
        if !lustre.is_newest() {
            return Err(bad("EfaEnabled is supported for PERSISTENT_2 file systems only"));
        }
        if lustre.metadata.is_none() {
            return Err(bad("EfaEnabled needs a MetadataConfiguration"));
        }
    }
    Ok(())
}

pub(super) fn check_throughput(lustre: &Lustre, storage_type: &str, value: Option<i64>) -> Result<(), ApiError> {
    let allowed: &[i64] = match (lustre.deployment.as_str(), storage_type) {
        ("PERSISTENT_1", "HDD") => &[12, 40],
        ("PERSISTENT_1", _) => &[50, 100, 200],
        ("PERSISTENT_2", _) => &[125, 250, 500, 1000],
        _ => &[],
    };
    match value {
        None if allowed.is_empty() => Ok(()),
        Some(value) if allowed.contains(&value) => Ok(()),
        _ => {
            let message = if allowed.is_empty() {
                format!("PerUnitStorageThroughput is not supported for {}", lustre.deployment)
            } else {
                format!("PerUnitStorageThroughput for {} {storage_type} is one of {allowed:?}", lustre.deployment)
            };
            Err(ApiError::bad("InvalidPerUnitStorageThroughput", message))
        }
    }
}

pub(super) fn check_metadata(lustre: &Lustre, metadata: &Metadata) -> Result<(), ApiError> {
    if !lustre.is_newest() {
        return Err(bad("MetadataConfiguration is supported for PERSISTENT_2 file systems only"));
    }
    match metadata.iops {
        Some(iops) if !is_metadata_iops(iops) => Err(bad(format!(
            "Metadata IOPS of {iops} are not valid: 1500, 3000, 6000, 12000, or a multiple of 12000 up to 192000"
        ))),
        _ => Ok(()),
    }
}

/// A file system whose metadata rate was bought grows only to a size that comes with no higher rate.
pub(super) fn check_rate(lustre: &Lustre, gib: i64) -> Result<(), ApiError> {
    let least = match gib {
        ..2400 => 1500,
        2400..4800 => 3000,
        4800..12_000 => 6000,
        12_000..48_000 => 12_000,
        _ => (gib + 23_999) / 24_000 * 12_000,
    };
    match lustre.metadata.as_ref().filter(|it| it.mode == "USER_PROVISIONED").and_then(|it| it.iops) {
        Some(iops) if iops < least => Err(bad(format!(
            "Unable to increase the storage capacity to {gib} GiB with {iops} Metadata IOPS: increase them to at least \
             {least} first"
        ))),
        _ => Ok(()),
    }
}

fn is_metadata_iops(iops: i64) -> bool {
    matches!(iops, 1500 | 3000 | 6000) || (iops > 0 && iops <= 192_000 && iops % 12_000 == 0)
}

/// The step in which a file system with EFA grows, by its throughput per TiB.
fn efa_step(throughput: i64) -> i64 {
    match throughput {
        125 => 38_400,
        250 => 19_200,
        500 => 9_600,
        _ => 4_800,
    }
}

/// Checks a size in GiB; `growing` when the file system exists already.
pub(super) fn check_size(lustre: &Lustre, storage_type: &str, gib: i64, growing: bool) -> Result<(), ApiError> {
    let throughput = lustre.throughput_per_unit.unwrap_or(0);
    let multiple = |step: i64| gib > 0 && gib % step == 0;
    let (valid, rule) = if lustre.efa {
        let step = efa_step(throughput);
        (multiple(step), format!("a multiple of {step} with EFA at {throughput} MB/s/TiB"))
    } else if storage_type == "HDD" {
        let step = if throughput == 12 { 6000 } else { 1800 };
        (multiple(step), format!("a multiple of {step}"))
    } else if lustre.deployment == "SCRATCH_1" {
        if growing {
            return Err(bad("The storage capacity of SCRATCH_1 file systems cannot be changed"));
        }
        (gib == 1200 || gib == 2400 || multiple(3600), "1200, 2400 or a multiple of 3600".to_owned())
    } else if growing {
        (multiple(2400), "a multiple of 2400".to_owned())
    } else {
        (gib == 1200 || multiple(2400), "1200 or a multiple of 2400".to_owned())
    };
    if valid {
        return Ok(());
    }
    Err(bad(format!("StorageCapacity {gib} is not valid for {} {storage_type}: it is {rule}", lustre.deployment)))
}

/// The Lustre version, as asked for or as AWS chooses.
pub(super) fn version(lustre: &Lustre, wanted: Option<String>) -> Result<String, ApiError> {
    let default = match (lustre.is_newest(), lustre.metadata.is_some()) {
        (true, true) => "2.15",
        (true, false) => "2.12",
        (false, _) => "2.10",
    };
    let version = wanted.unwrap_or_else(|| default.to_owned());
    let known: &[&str] = if lustre.is_newest() { &["2.12", "2.15"] } else { &["2.10", "2.12", "2.15"] };
    if !known.contains(&version.as_str()) {
        return Err(bad(format!("FileSystemTypeVersion {version} is not valid for {}", lustre.deployment)));
    }
    if lustre.metadata.is_some() && version != "2.15" {
        return Err(bad("MetadataConfiguration needs FileSystemTypeVersion 2.15"));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::params::InputErrors;
    use serde_json::{Value, json};

    fn lustre(config: &Value, storage_type: &str) -> Result<Lustre, ApiError> {
        let words = InputErrors { missing: "BadRequest", invalid: "BadRequest" };
        let mut params = Params::new(config.as_object().unwrap().clone(), words);
        take(&mut params, storage_type)
    }

    fn size(config: &Value, storage_type: &str, gib: i64, growing: bool) -> bool {
        check_size(&lustre(config, storage_type).unwrap(), storage_type, gib, growing).is_ok()
    }

    #[test]
    fn sizes_follow_deployment_throughput_and_efa() {
        let scratch = json!({"DeploymentType": "SCRATCH_2"});
        assert!(size(&scratch, "SSD", 1200, false) && size(&scratch, "SSD", 4800, false));
        assert!(!size(&scratch, "SSD", 3600, false) && !size(&scratch, "SSD", 1200, true));
        assert!(size(&json!({}), "SSD", 3600, false) && !size(&json!({}), "SSD", 7200, true));
        let hdd = json!({"DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 40, "DriveCacheType": "NONE"});
        assert!(size(&hdd, "HDD", 1800, false) && !size(&hdd, "HDD", 6000, false));
        let efa = json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 500, "EfaEnabled": true,
            "MetadataConfiguration": {"Mode": "AUTOMATIC"}});
        assert!(size(&efa, "SSD", 9600, false) && !size(&efa, "SSD", 4800, false));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (config, storage_type) in [
            (json!({"DeploymentType": "PERSISTENT_2"}), "SSD"),
            (json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 200}), "SSD"),
            (json!({"DeploymentType": "SCRATCH_2", "PerUnitStorageThroughput": 200}), "SSD"),
            (json!({"DeploymentType": "SCRATCH_2"}), "HDD"),
            (json!({"DeploymentType": "SCRATCH_2", "AutomaticBackupRetentionDays": 7}), "SSD"),
            (json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125, "ImportPath": "s3://b"}), "SSD"),
            (json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125, "EfaEnabled": true}), "SSD"),
            (
                json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125,
                "MetadataConfiguration": {"Mode": "USER_PROVISIONED", "Iops": 1000}}),
                "SSD",
            ),
            (json!({"DeploymentType": "PERSISTENT_2", "ThroughputCapacity": 4000}), "INTELLIGENT_TIERING"),
        ] {
            assert!(lustre(&config, storage_type).is_err(), "{config}");
        }
    }

    #[test]
    fn versions_have_defaults() {
        let plain = lustre(&json!({"DeploymentType": "SCRATCH_2"}), "SSD").unwrap();
        assert_eq!(version(&plain, None).unwrap(), "2.10");
        let newest = json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125});
        let newest = lustre(&newest, "SSD").unwrap();
        assert_eq!(version(&newest, None).unwrap(), "2.12");
        assert!(version(&newest, Some("2.10".to_owned())).is_err());
    }
}
