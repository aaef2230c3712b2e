//! UpdateFileSystem: what may change, and how long it takes.

use std::time::Duration;

use serde_json::{Value, json};

use super::bad;
use super::describe::lustre_json;
use super::file_systems::{Action, FileSystem, Next, missing, show};
use super::lustre::{self, Lustre};
use crate::call::Call;
use crate::error::ApiError;
use crate::life::durations;
use crate::service::{Operation, create};
use crate::wire::params::Params;

pub(super) const OPERATIONS: &[Operation] = &[create("UpdateFileSystem", update, show)];

/// Storage may grow again after this long.
const GROWTH_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// Settings that move no data.
const QUICK: Duration = Duration::from_secs(60);
/// How long data moves to new disks after they are there.
const OPTIMIZATION: Duration = Duration::from_secs(30 * 60);

/// The changed Lustre settings of a request.
fn take_lustre(config: &mut Params, old: &Lustre, storage_type: &str) -> Result<Lustre, ApiError> {
    let mut new = old.clone();
    if let Some(time) = config.text_opt("WeeklyMaintenanceStartTime")? {
        lustre::check_weekly(config, "WeeklyMaintenanceStartTime", &time)?;
        new.maintenance = time;
    }
    if let Some(time) = config.text_opt("DailyAutomaticBackupStartTime")? {
        lustre::check_time(config, "DailyAutomaticBackupStartTime", &time)?;
        new.backup_time = Some(time);
    }
    if let Some(days) = config.int_opt("AutomaticBackupRetentionDays")? {
        lustre::check_backup_days(config, days)?;
        if days > 0 && !old.is_persistent() {
            return Err(bad(format!("Backups are not supported for {} file systems", old.deployment)));
        }
        new.backup_days = days;
        if days == 0 {
            new.backup_time = None;
        }
    }
    if let Some(policy) = config.text_opt("AutoImportPolicy")? {
        match &mut new.import {
            Some(import) => import.policy = policy,
            None => return Err(bad("AutoImportPolicy needs a file system with an ImportPath")),
        }
    }
    if let Some(compression) = config.text_opt("DataCompressionType")? {
        if !["NONE", "LZ4"].contains(&compression.as_str()) {
            return Err(config.invalid("DataCompressionType", compression, "Expecting NONE or LZ4."));
        }
        new.compression = compression;
    }
    if let Some(log) = lustre::take_log(config)? {
        new.log = Some(log);
    }
    if let Some(squash) = lustre::take_squash(config)? {
        new.squash = Some(squash);
    }
    if let Some(throughput) = config.int_opt("PerUnitStorageThroughput")? {
        if !old.is_persistent() || storage_type != "SSD" {
            return Err(bad("PerUnitStorageThroughput can be changed for persistent SSD file systems only"));
        }
        if old.efa && Some(throughput) != old.throughput_per_unit {
            return Err(bad("PerUnitStorageThroughput of a file system with EFA cannot be changed"));
        }
        lustre::check_throughput(old, storage_type, Some(throughput))?;
        new.throughput_per_unit = Some(throughput);
    }
    if let Some(metadata) = lustre::take_metadata(config)? {
        let Some(before) = &old.metadata else {
            return Err(bad("MetadataConfiguration cannot be added to a file system that was created without it"));
        };
        lustre::check_metadata(old, &metadata)?;
        if metadata.iops < before.iops && metadata.mode == "USER_PROVISIONED" {
            return Err(bad("Metadata IOPS cannot be decreased"));
        }
        new.metadata = Some(metadata);
    }
    if let Some(throughput) = config.int_opt("ThroughputCapacity")? {
        if old.throughput.is_none() || throughput % 4000 != 0 || Some(throughput) < old.throughput {
            return Err(bad("ThroughputCapacity belongs to INTELLIGENT_TIERING and grows in steps of 4000"));
        }
        new.throughput = Some(throughput);
    }
    if let Some(cache) = lustre::take_read_cache(config)? {
        if old.read_cache.is_none() {
            return Err(bad("DataReadCacheConfiguration belongs to INTELLIGENT_TIERING"));
        }
        new.read_cache = Some(cache);
    }
    Ok(new)
}

fn update(call: &mut Call<'_>) -> Result<String, ApiError> {
    let id = call.params.text("FileSystemId")?;
    let gib = call.params.int_opt("StorageCapacity")?;
    let storage_type = call.params.text_opt("StorageType")?;
    let version = call.params.text_opt("FileSystemTypeVersion")?;
    let config = call.params.child_opt("LustreConfiguration")?;
    let old = call.find::<FileSystem>(&id).cloned().ok_or_else(|| missing(&id))?;
    if storage_type.as_ref().is_some_and(|wanted| *wanted != old.storage_type) {
        return Err(bad("The StorageType of a Lustre file system cannot be changed"));
    }
    // What is asked for comes on top of what is under way.
    let current = old.next.as_ref().map_or(&old.lustre, |next| &next.lustre);
    let next = match config {
        Some(mut config) => take_lustre(&mut config, current, &old.storage_type)?,
        None => current.clone(),
    };
    let state = old.life.state(call.now);
    if !matches!(state, "AVAILABLE" | "UPDATING") {
        return Err(bad(format!("File system '{id}' is {state}: it can be updated when it is AVAILABLE")));
    }
    let grows = gib.is_some_and(|gib| Some(gib) != old.gib);
    if let Some(wanted) = gib {
        check_growth(call, &old, &next, wanted)?;
    }
    if let Some(wanted) = &version {
        check_version(&old.version, wanted)?;
    }
    if !grows && version.is_none() && next == *current {
        return Err(bad("No updates to be performed: the values are those that are in force"));
    }
    let moves_data = grows
        || version.is_some()
        || next.throughput_per_unit != current.throughput_per_unit
        || next.metadata != current.metadata
        || next.throughput != current.throughput;
    if moves_data && old.actions.iter().any(|action| action.moves_data && call.now < action.updated) {
        return Err(bad(format!("File system '{id}' is being updated: one such update at a time")));
    }
    let updated = call.done_after(if moves_data { durations::FSX_UPDATE } else { QUICK });
    let optimized = if grows { call.done_after(durations::FSX_UPDATE + OPTIMIZATION) } else { updated };

    let target = target_json(gib.filter(|_| grows), current, &next);
    let mut actions = vec![Action {
        kind: "FILE_SYSTEM_UPDATE".to_owned(),
        requested: call.now,
        updated,
        optimized,
        moves_data,
        target,
    }];
    if grows {
        actions.push(Action { kind: "STORAGE_OPTIMIZATION".to_owned(), target: Value::Null, ..actions[0].clone() });
    }
    let mut new = old;
    actions.append(&mut new.actions);
    // AWS shows the recent ones.
    actions.truncate(10);
    new.actions = actions;
    let done = new.timer.map_or(updated, |timer| timer.max(updated));
    new.life.enter(call.now, "UPDATING");
    new.life.plan(done, "AVAILABLE");
    let under_way = new.next.as_ref().map_or(new.gib, |next| next.gib);
    let version = version.or_else(|| new.next.take().and_then(|next| next.version));
    new.next = Some(Next { gib: gib.or(under_way), lustre: next, version });
    new.timer = Some(done);
    call.put(new);
    Ok(id)
}

/// Versions only go up.
fn check_version(current: &str, wanted: &str) -> Result<(), ApiError> {
    if !["2.12", "2.15"].contains(&wanted) || wanted <= current {
        return Err(bad(format!("FileSystemTypeVersion {wanted} has to be 2.12 or 2.15, and above {current}")));
    }
    Ok(())
}

fn check_growth(call: &Call<'_>, old: &FileSystem, next: &Lustre, wanted: i64) -> Result<(), ApiError> {
    let Some(current) = old.gib else {
        return Err(bad("The storage of an INTELLIGENT_TIERING file system grows by itself"));
    };
    if wanted <= current {
        return Err(bad(format!(
            "StorageCapacity {wanted} has to be greater than the current {current}: it cannot shrink"
        )));
    }
    if next.throughput_per_unit != old.lustre.throughput_per_unit {
        return Err(bad("StorageCapacity and PerUnitStorageThroughput cannot be changed in one request"));
    }
    lustre::check_size(&old.lustre, &old.storage_type, wanted, true)?;
    lustre::check_rate(&old.lustre, wanted)?;
    let recent = old.actions.iter().find(|action| {
        let pause = call.world.scaled(GROWTH_PAUSE).as_secs_f64();
        action.kind == "STORAGE_OPTIMIZATION" && call.now.duration_since(action.requested).as_secs_f64() < pause
    });
    if recent.is_some() {
        return Err(bad("The storage capacity can be increased once in 6 hours"));
    }
    Ok(())
}

/// Only what changes.
fn target_json(gib: Option<i64>, old: &Lustre, next: &Lustre) -> Value {
    let (Value::Object(before), Value::Object(mut after)) = (lustre_json(old, None), lustre_json(next, None)) else {
        return Value::Null;
    };
    after.retain(|name, value| before.get(name) != Some(value));
    let lustre = (!after.is_empty()).then_some(after);
    json!({"StorageCapacity": gib, "LustreConfiguration": lustre})
}
