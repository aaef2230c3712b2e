//! What a Lustre file system looks like in AWS's requests, and AWS's words for our enums.
use super::{Deployment, FsxLustre, ReadCache, RootSquash, Storage, Version};
use crate::{
    aws::{Error, ErrorClass, tags::Tags},
    call::Ctx,
    field::Field,
    resource::{Changes, Live, State},
    units::Size,
};
use aws_sdk_fsx::{
    operation::{
        create_file_system::builders::CreateFileSystemFluentBuilder,
        update_file_system::builders::UpdateFileSystemFluentBuilder,
    },
    types::{
        CreateFileSystemLustreConfiguration, CreateFileSystemLustreMetadataConfiguration, DriveCacheType,
        FileSystemType, LustreReadCacheConfiguration, LustreReadCacheSizingMode, LustreRootSquashConfiguration,
        MetadataConfigurationMode, Tag, UpdateFileSystemLustreConfiguration,
        UpdateFileSystemLustreMetadataConfiguration,
    },
};

/// One UpdateFileSystem.
pub(super) struct Update {
    pub(super) request: UpdateFileSystemFluentBuilder,
    /// More than a setting: servers or disks change.
    pub(super) moves_data: bool,
}

impl FsxLustre {
    pub(super) fn create_request(
        &self,
        call: CreateFileSystemFluentBuilder,
    ) -> Result<CreateFileSystemFluentBuilder, Error> {
        let mut lustre = CreateFileSystemLustreConfiguration::builder()
            .deployment_type(self.deployment.to_aws())
            .data_compression_type(self.compression.to_aws())
            .set_per_unit_storage_throughput(self.throughput.map(|t| int(t.mb_per_second())))
            .set_throughput_capacity(self.throughput_capacity.map(|t| int(t.into())))
            .set_metadata_configuration(self.metadata())
            .set_weekly_maintenance_start_time(self.maintenance.clone())
            .set_root_squash_configuration(self.root_squash.as_ref().map(RootSquash::to_aws));
        if self.efa {
            lustre = lustre.efa_enabled(true);
        }
        match self.storage {
            Storage::Hdd => lustre = lustre.drive_cache_type(self.drive_cache()),
            Storage::IntelligentTiering => lustre = lustre.set_data_read_cache_configuration(self.cache()),
            Storage::Ssd => {}
        }
        if self.backup_days > 0 {
            lustre = lustre
                .automatic_backup_retention_days(int(self.backup_days.into()))
                .set_daily_automatic_backup_start_time(self.backup_time.clone());
        }
        let mut call = call
            .file_system_type(FileSystemType::Lustre)
            .file_system_type_version(self.version.to_string())
            .subnet_ids(self.subnet.id()?)
            .storage_type(self.storage.to_aws())
            .set_storage_capacity(self.size.map(gib))
            .set_kms_key_id(self.kms_key.as_ref().map(Field::get).transpose()?.cloned())
            .lustre_configuration(lustre.build());
        for group in &self.security_groups {
            call = call.security_group_ids(group.id()?);
        }
        Ok(call)
    }

    /// A metadata rate that can grow later must be there from the start, so every file system that can have one does.
    fn metadata(&self) -> Option<CreateFileSystemLustreMetadataConfiguration> {
        if self.deployment != Deployment::Persistent2 || self.version != Version::V2_15 {
            return None;
        }
        let builder = CreateFileSystemLustreMetadataConfiguration::builder();
        Some(match self.metadata_iops {
            Some(iops) => builder.mode(MetadataConfigurationMode::UserProvisioned).iops(int(iops.into())).build(),
            None => builder.mode(MetadataConfigurationMode::Automatic).build(),
        })
    }

    fn drive_cache(&self) -> DriveCacheType {
        if self.read_cache == Some(ReadCache::Proportional) { DriveCacheType::Read } else { DriveCacheType::None }
    }

    fn cache(&self) -> Option<LustreReadCacheConfiguration> {
        let mode = match self.read_cache? {
            ReadCache::None => LustreReadCacheSizingMode::NoCache,
            ReadCache::Proportional => LustreReadCacheSizingMode::ProportionalToThroughputCapacity,
            ReadCache::Fixed => LustreReadCacheSizingMode::UserProvisioned,
        };
        let size = self.read_cache_size.map(gib);
        Some(LustreReadCacheConfiguration::builder().sizing_mode(mode).set_size_gib(size).build())
    }

    /// The requests that bring the live file system nearer, those that are done at once first.
    pub(super) fn update_requests(&self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Vec<Update> {
        let call = || ctx.aws.fsx().update_file_system().file_system_id(&live.id);
        let lustre = UpdateFileSystemLustreConfiguration::builder;
        let mut out = Vec::new();
        let settings = ["maintenance", "backup_days", "backup_time", "compression", "root_squash"];
        if settings.iter().any(|s| changes.touches(s)) {
            let mut to = lustre();
            if changes.touches("maintenance") {
                to = to.set_weekly_maintenance_start_time(self.maintenance.clone());
            }
            if changes.touches("backup_days") || changes.touches("backup_time") {
                to = to
                    .automatic_backup_retention_days(int(self.backup_days.into()))
                    .set_daily_automatic_backup_start_time(self.backup_time.clone());
            }
            if changes.touches("compression") {
                to = to.data_compression_type(self.compression.to_aws());
            }
            if changes.touches("root_squash") {
                let off = || LustreRootSquashConfiguration::builder().root_squash("0:0").build();
                to = to.root_squash_configuration(self.root_squash.as_ref().map_or_else(off, RootSquash::to_aws));
            }
            out.push(Update { request: call().lustre_configuration(to.build()), moves_data: false });
        }
        if live.state == State::Pending {
            return out;
        }
        let mut slow = |request| out.push(Update { request, moves_data: true });
        if changes.touches("version") {
            slow(call().file_system_type_version(self.version.to_string()));
        }
        // FSx refuses a larger size while the metadata rate that was bought is below the one of that size.
        if changes.touches("metadata_iops")
            && let Some(iops) = self.metadata_iops
        {
            let builder = UpdateFileSystemLustreMetadataConfiguration::builder();
            let to = builder.mode(MetadataConfigurationMode::UserProvisioned).iops(int(iops.into())).build();
            slow(call().lustre_configuration(lustre().metadata_configuration(to).build()));
        }
        if changes.touches("size") {
            slow(call().set_storage_capacity(self.size.map(gib)));
        }
        if changes.touches("throughput") {
            let to = lustre().set_per_unit_storage_throughput(self.throughput.map(|t| int(t.mb_per_second())));
            slow(call().lustre_configuration(to.build()));
        }
        if changes.touches("throughput_capacity") {
            let to = lustre().set_throughput_capacity(self.throughput_capacity.map(|t| int(t.into())));
            slow(call().lustre_configuration(to.build()));
        }
        if changes.touches("read_cache") || changes.touches("read_cache_size") {
            slow(call().lustre_configuration(lustre().set_data_read_cache_configuration(self.cache()).build()));
        }
        // And the rate that comes with a size once there is that size.
        if changes.touches("metadata_iops") && self.metadata_iops.is_none() {
            let to = UpdateFileSystemLustreMetadataConfiguration::builder().mode(MetadataConfigurationMode::Automatic);
            slow(call().lustre_configuration(lustre().metadata_configuration(to.build()).build()));
        }
        out
    }
}

impl RootSquash {
    fn to_aws(&self) -> LustreRootSquashConfiguration {
        LustreRootSquashConfiguration::builder()
            .root_squash(&self.to)
            .set_no_squash_nids(Some(self.except.clone()))
            .build()
    }
}

/// FSx has one code for everything that is wrong; what will be right in a while is told by the words.
pub(super) fn busy<E: Into<Error>>(error: E) -> Error {
    let mut error: Error = error.into();
    let later = ["in progress", "AVAILABLE", "being updated", "another update"];
    if error.class == ErrorClass::Invalid && later.iter().any(|words| error.message.contains(words)) {
        error.class = ErrorClass::WrongState;
    }
    error
}

pub(super) fn to_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

pub(super) fn from_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or("").to_owned()))).collect()
}

fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn gib(size: Size) -> i32 {
    int(size.gib_rounded_up())
}
