//! Reading Lustre file systems back: one list of file systems, one of links, one of network interfaces.
use super::{
    Compression, Deployment, FsxLustre, ReadCache, RootSquash, Storage, Version,
    repository::{Link, links},
    request,
};
use crate::{
    address::Address,
    aws::{Error, optional, ownership::Ownership, tags::Tags},
    call::SweepCtx,
    field::{Field, Ref},
    resource::{Live, Lookup, State},
    units::{PerTib, Size},
};
use aws_sdk_fsx::types::{
    AdministrativeActionType, DataRepositoryLifecycle, DriveCacheType, FileSystem, FileSystemLifecycle, FileSystemType,
    LustreFileSystemConfiguration, LustreReadCacheSizingMode, MetadataConfigurationMode, Status,
};
use futures_util::future::try_join;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

/// EC2 takes so many values in a filter.
const FILTER_VALUES: usize = 200;

pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<FsxLustre>>, Error> {
    let tagged = |fs: FileSystem| {
        let tags = request::from_tags(fs.tags());
        ctx.takes(&tags).then(|| addressed(ctx, fs, tags))
    };
    let found: Vec<_> = list(ctx).await?.into_iter().filter_map(tagged).collect();
    describe(ctx, found, false).await
}

/// File systems with these ids, whoever owns them.
pub(super) async fn with_ids(ctx: &SweepCtx, ids: &[String]) -> Result<Vec<Live<FsxLustre>>, Error> {
    let asked = |fs: &FileSystem| fs.file_system_id.as_ref().is_some_and(|id| ids.contains(id));
    let found = list(ctx).await?.into_iter().filter(asked).map(|fs| {
        let tags = request::from_tags(fs.tags());
        addressed(ctx, fs, tags)
    });
    describe(ctx, found.collect(), true).await
}

/// A file system with its address.
fn addressed(ctx: &SweepCtx, fs: FileSystem, tags: Tags) -> (FileSystem, Address, Tags) {
    let address = ctx.address(fs.file_system_id().unwrap_or_default(), &tags);
    (fs, address, tags)
}

pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<FsxLustre>>, Error> {
    let all = match by {
        Lookup::Id(id) => {
            let read = ctx.aws.fsx().describe_file_systems().file_system_ids(id).send().await.map_err(Error::from);
            optional(read)?.and_then(|out| out.file_systems).unwrap_or_default()
        }
        _ => list(ctx).await?,
    };
    let matches = |tags: &Tags| match by {
        Lookup::Id(_) => true,
        Lookup::Name(name) => tags.get("Name") == Some(name),
        Lookup::Tags(wanted) => wanted.iter().all(|(k, v)| tags.get(k) == Some(v)),
    };
    let mut found = Vec::new();
    for fs in all.into_iter().filter(is_lustre) {
        let tags = request::from_tags(fs.tags());
        if matches(&tags) {
            found.push(addressed(ctx, fs, tags));
        }
    }
    describe(ctx, found, true).await
}

fn is_lustre(fs: &FileSystem) -> bool {
    fs.file_system_type == Some(FileSystemType::Lustre)
}

async fn list(ctx: &SweepCtx) -> Result<Vec<FileSystem>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.fsx().describe_file_systems().into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.file_systems.unwrap_or_default().into_iter().filter(is_lustre));
    }
    Ok(out)
}

/// Adds what DescribeFileSystems does not return: links and security groups.
async fn describe(
    ctx: &SweepCtx,
    found: Vec<(FileSystem, Address, Tags)>,
    everybodys_links: bool,
) -> Result<Vec<Live<FsxLustre>>, Error> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // Who polls one that is being made, for minutes, learns nothing from links and interfaces.
    let made = |fs: &FileSystem| fs.lifecycle != Some(FileSystemLifecycle::Creating);
    if ctx.answers.is_none() && !everybodys_links && !found.iter().any(|(fs, ..)| made(fs)) {
        let now = ctx.aws.clock().now();
        return found.into_iter().map(|(fs, address, tags)| live(&fs, address, tags, &[], Vec::new(), now)).collect();
    }
    let (all_links, groups) = try_join(links(ctx, None), groups(ctx, &found)).await?;
    let now = ctx.aws.clock().now();
    let live = |(fs, address, tags): (FileSystem, Address, Tags)| {
        let owner = ctx.owner(fs.file_system_id().unwrap_or_default(), &tags);
        let its = |l: &&Link| Some(&l.file_system) == fs.file_system_id.as_ref();
        let same = |l: &Ownership| owner.as_ref().is_some_and(|o| (&o.stack, &o.stack_id) == (&l.stack, &l.stack_id));
        let ours = |l: &&Link| everybodys_links || Ownership::read(&l.tags).as_ref().is_some_and(same);
        let links: Vec<&Link> = all_links.iter().filter(its).filter(ours).collect();
        // All interfaces of a file system have the same groups.
        let groups = fs.network_interface_ids().iter().find_map(|i| groups.get(i)).cloned().unwrap_or_default();
        live(&fs, address, tags, &links, groups, now)
    };
    found.into_iter().map(live).collect()
}

/// The security groups of each file system's first interfaces, in one request for all.
async fn groups(ctx: &SweepCtx, found: &[(FileSystem, Address, Tags)]) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let ids: Vec<String> = found.iter().filter_map(|(fs, ..)| fs.network_interface_ids().first().cloned()).collect();
    let mut out = BTreeMap::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let filter = aws_sdk_ec2::types::Filter::builder().name("network-interface-id").set_values(Some(ids.to_vec()));
        let call = ctx.aws.ec2().describe_network_interfaces().filters(filter.build());
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            for interface in page?.network_interfaces.unwrap_or_default() {
                let groups = interface.groups().iter().filter_map(|g| g.group_id().map(str::to_owned)).collect();
                out.insert(interface.network_interface_id.unwrap_or_default(), groups);
            }
        }
    }
    Ok(out)
}

fn live(
    fs: &FileSystem,
    address: Address,
    tags: Tags,
    links: &[&Link],
    groups: Vec<String>,
    now: Timestamp,
) -> Result<Live<FsxLustre>, Error> {
    let id = fs.file_system_id.clone().ok_or_else(|| Error::missing("the file system's id"))?;
    let lustre = fs.lustre_configuration.as_ref().ok_or_else(|| Error::missing("the Lustre configuration"))?;
    let staying: Vec<&&Link> = links.iter().filter(|l| l.state != DataRepositoryLifecycle::Deleting).collect();
    let mut novel = BTreeMap::new();
    let mut spec = spec(fs, lustre, groups, &mut novel)?;
    spec.repositories = staying.iter().map(|l| l.repository.clone()).collect();
    let mut live = Live::new(address, &id, tags, spec);
    live.novel = novel;
    live.state = state(fs, links, now);
    live.parts = staying.iter().map(|l| (l.repository.part(), l.id.clone())).collect();
    live.created = fs.creation_time.and_then(|t| Timestamp::from_second(t.secs()).ok());
    live.ids = fs.resource_arn.iter().cloned().collect();
    let mount = fs.dns_name.as_ref().zip(lustre.mount_name.as_ref()).map(|(dns, name)| format!("{dns}@tcp:/{name}"));
    live.outputs = json!({
        "id": id, "arn": fs.resource_arn, "dns": fs.dns_name, "mount_name": lustre.mount_name, "mount": mount,
    })
    .into();
    Ok(live)
}

/// What AWS has begun to offer since goes to `novel`.
fn spec(
    fs: &FileSystem,
    lustre: &LustreFileSystemConfiguration,
    groups: Vec<String>,
    novel: &mut BTreeMap<String, String>,
) -> Result<FsxLustre, Error> {
    let number = |n: i32| u32::try_from(n).ok();
    let deployment = lustre.deployment_type.as_ref();
    let words = deployment.map_or("nothing", |d| d.as_str());
    let deployment = known(novel, "deployment", words, deployment.and_then(Deployment::from_aws));
    let storage = fs.storage_type.as_ref();
    let read = storage.map_or(Some(Storage::Ssd), Storage::from_aws);
    let storage = known(novel, "storage", storage.map_or("", |s| s.as_str()), read);
    let compression = lustre.data_compression_type.as_ref();
    let read = compression.map_or(Some(Compression::None), Compression::from_aws);
    let compression = known(novel, "compression", compression.map_or("", |c| c.as_str()), read);
    // Before versions could be chosen there was 2.10.
    let version = fs.file_system_type_version.as_deref().unwrap_or("2.10");
    let version = known(novel, "version", version, version.parse::<Version>().ok());
    let metadata = lustre.metadata_configuration.as_ref();
    let stated = metadata.filter(|m| m.mode == Some(MetadataConfigurationMode::UserProvisioned));
    let (read_cache, read_cache_size) = cache(lustre, storage);
    let squash = lustre.root_squash_configuration.as_ref();
    let backup_days = lustre.automatic_backup_retention_days.and_then(number).unwrap_or(0);
    Ok(FsxLustre {
        subnet: Ref::to_id(fs.subnet_ids().first().ok_or_else(|| Error::missing("the file system's subnet"))?),
        security_groups: groups.into_iter().map(Ref::to_id).collect(),
        deployment,
        storage,
        size: fs.storage_capacity.and_then(number).filter(|g| *g > 0).map(|g| Size::from_gib(g.into())),
        throughput: lustre.per_unit_storage_throughput.and_then(number).map(|t| PerTib::new(t.into())),
        throughput_capacity: lustre.throughput_capacity.and_then(number),
        read_cache,
        read_cache_size,
        metadata_iops: stated.and_then(|m| m.iops).and_then(number),
        efa: lustre.efa_enabled.unwrap_or(false),
        compression,
        kms_key: fs.kms_key_id.clone().map(Field::Known),
        version,
        maintenance: lustre.weekly_maintenance_start_time.clone(),
        backup_days,
        backup_time: lustre.daily_automatic_backup_start_time.clone().filter(|_| backup_days > 0),
        root_squash: squash
            .and_then(|s| Some((s.root_squash.clone()?, s.no_squash_nids.clone().unwrap_or_default())))
            .filter(|(to, _)| to != "0:0")
            .map(|(to, except)| RootSquash { to, except }),
        repositories: Vec::new(),
    })
}

/// What is read, or the default in its place.
fn known<T: Default>(novel: &mut BTreeMap<String, String>, field: &str, text: &str, read: Option<T>) -> T {
    read.unwrap_or_else(|| {
        novel.insert(field.to_owned(), text.to_owned());
        T::default()
    })
}

fn cache(lustre: &LustreFileSystemConfiguration, storage: Storage) -> (Option<ReadCache>, Option<Size>) {
    match storage {
        Storage::Ssd => (None, None),
        Storage::Hdd if lustre.drive_cache_type == Some(DriveCacheType::Read) => (Some(ReadCache::Proportional), None),
        Storage::Hdd => (Some(ReadCache::None), None),
        Storage::IntelligentTiering => {
            let found = lustre.data_read_cache_configuration.as_ref();
            match found.and_then(|c| c.sizing_mode.as_ref()) {
                Some(LustreReadCacheSizingMode::UserProvisioned) => {
                    let size = found.and_then(|c| c.size_gib).and_then(|g| u64::try_from(g).ok());
                    (Some(ReadCache::Fixed), size.map(Size::from_gib))
                }
                Some(LustreReadCacheSizingMode::ProportionalToThroughputCapacity) => {
                    (Some(ReadCache::Proportional), None)
                }
                _ => (Some(ReadCache::None), None),
            }
        }
    }
}

fn state(fs: &FileSystem, links: &[&Link], now: Timestamp) -> State {
    use FileSystemLifecycle as Life;
    let why = || {
        let text = fs.failure_details.as_ref().and_then(|d| d.message.clone());
        text.unwrap_or_else(|| "AWS gives no reason".to_owned())
    };
    match &fs.lifecycle {
        Some(Life::Creating) => return State::Pending,
        Some(Life::Deleting) => return State::Deleting,
        Some(Life::Failed) => return State::Failed(why()),
        Some(Life::Misconfigured | Life::MisconfiguredUnavailable) => return State::Degraded(why()),
        Some(Life::Available | Life::Updating) => {}
        other => {
            let name = other.as_ref().map_or("no state", Life::as_str);
            return State::Degraded(format!("AWS shows the state {name}"));
        }
    }
    if let Some(busy) = updating(fs, now) {
        return busy;
    }
    use DataRepositoryLifecycle as Link;
    if links.iter().any(|l| matches!(l.state, Link::Creating | Link::Updating | Link::Deleting)) {
        return State::Pending;
    }
    let broken = links.iter().find(|l| matches!(l.state, Link::Failed | Link::Misconfigured));
    match broken {
        Some(link) => {
            let how = if link.state == Link::Failed { "failed" } else { "is misconfigured" };
            State::Degraded(format!("the link of {} to a bucket {how}: {}", link.repository.path, link.why))
        }
        None => State::Ready,
    }
}

/// What AWS does to the file system now, or failed to do a short while ago. Rebalancing data over new servers goes on
/// behind a file system that has its new size already.
fn updating(fs: &FileSystem, now: Timestamp) -> Option<State> {
    let updates = fs.administrative_actions().iter();
    let updates = updates.filter(|a| a.administrative_action_type == Some(AdministrativeActionType::FileSystemUpdate));
    let latest = updates.max_by_key(|a| a.request_time.map(|t| (t.secs(), t.subsec_nanos())))?;
    match latest.status {
        Some(Status::Pending | Status::InProgress) => Some(State::Pending),
        Some(Status::Failed) => {
            let at = latest.request_time.and_then(|t| Timestamp::from_second(t.secs()).ok())?;
            // Tried again after that: FSx takes one change of size in six hours.
            if now.duration_since(at) > SignedDuration::from_hours(6) {
                return None;
            }
            let why = latest.failure_details.as_ref().and_then(|d| d.message.as_deref()).unwrap_or("no reason given");
            Some(State::Degraded(format!("the last update failed: {why}")))
        }
        _ => None,
    }
}
