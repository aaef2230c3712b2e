//! fsx-lustre: the file system that training reads from and writes checkpoints to, with its links to buckets.
mod check;
mod choices;
mod codes;
mod limits;
mod read;
mod repository;
mod request;

use choices::{Compression, Deployment, ReadCache, Storage, Version};
use codes::CODES;
use repository::Repository;

use crate::{
    aws::{
        Error, ErrorClass, gone,
        tags::{self, Carrier},
    },
    call::{Ctx, SweepCtx},
    catalog::{durations, quota},
    field::{Field, Ref},
    kinds::{SecurityGroup, Subnet},
    price::{PriceContext, PriceLine, storage},
    resource::{
        About, Advised, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Expected, HoldsData, Id,
        Live, Lookup, Need, Output, Problem, Quota, Resource, State,
    },
    spec::Difference,
    units::{PerTib, Size},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{str::FromStr, time::Duration};

/// A Lustre file system managed by FSx, in one subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FsxLustre {
    /// The subnet that it lies in; its clients should be in the same zone.
    pub subnet: Ref<Subnet>,
    /// Security groups of its network interfaces: they must let Lustre in (TCP 988 and 1018-1023), and everything from
    /// each other with `efa`. Another set means another file system.
    // AWS returns them only through the network interfaces, which a file system that is being made may not have yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Scratch (cheap, no replication, lost with a server) or persistent.
    #[serde(default)]
    pub deployment: Deployment,
    /// What the data lies on.
    #[serde(default)]
    pub storage: Storage,
    /// Capacity: 1200 GiB, 2400 GiB or a multiple of 2400 GiB for most types. It can grow in place, never shrink.
    /// Not for intelligent tiering, whose capacity is elastic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Throughput per TiB of a persistent file system: 125, 250, 500 or 1000 MB/s/TiB with `persistent-2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<PerTib>,
    /// Throughput of a whole file system with intelligent tiering, in MB/s: multiples of 4000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_capacity: Option<u32>,
    /// SSD cache for reading, for `hdd` (20 % of the size) and `intelligent-tiering` (by throughput).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_cache: Option<ReadCache>,
    /// The size of a `fixed` read cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_cache_size: Option<Size>,
    /// Metadata operations per second beyond what comes with the size (`persistent-2` only): 1500, 3000, 6000, 12000,
    /// then multiples of 12000 up to 192000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_iops: Option<u32>,
    /// Clients may use EFA and GPUDirect Storage; decided at creation.
    #[serde(default)]
    pub efa: bool,
    /// Compresses data as it is written.
    #[serde(default)]
    pub compression: Compression,
    /// The ARN of the KMS key of a persistent file system; AWS's own one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// The Lustre version; it can only go up.
    #[serde(default)]
    pub version: Version,
    /// When AWS may do its weekly maintenance: day (1 = Monday) and UTC time, `7:03:30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// Days for which daily backups are kept, up to 90; 0 = no backups. Not with `repositories`.
    #[serde(default)]
    pub backup_days: u32,
    /// When the daily backup starts, UTC: `04:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_time: Option<String>,
    /// Root on the clients becomes an ordinary user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_squash: Option<RootSquash>,
    /// Directories that mirror buckets. Removing one leaves the data where it is.
    #[serde(default)]
    pub repositories: Vec<Repository>,
}

/// Root on the clients becomes an ordinary user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootSquash {
    /// User and group that root becomes: `65534:65534`.
    pub to: String,
    /// Clients that keep root, as Lustre writes them: `10.0.1.6@tcp`, `10.0.[2-10].[1-255]@tcp`.
    #[serde(default)]
    pub except: Vec<String>,
}

const CREATE: Call = Call::new("fsx:CreateFileSystem", Class::Token);
const LINK: Call = Call::new("fsx:CreateDataRepositoryAssociation", Class::Token);

impl Resource for FsxLustre {
    const KIND: &'static str = "fsx-lustre";
    const ABOUT: About = About {
        codes: CODES,
        outputs: &[
            Output { name: "id", ty: "string", doc: "fs-…" },
            Output { name: "arn", ty: "string", doc: "its ARN" },
            Output { name: "dns", ty: "string", doc: "the name under which clients reach it" },
            Output { name: "mount_name", ty: "string", doc: "the Lustre name in the mount command" },
            Output { name: "mount", ty: "string", doc: "what to mount: `DNS@tcp:/NAME`" },
        ],
        fixed: &["subnet", "deployment", "storage", "efa", "kms_key"],
        tagger: &tags::FSX,
        discovery: Discovery::ListAndMatch,
        id_prefix: "fs-",
        terraform: "aws_fsx_lustre_file_system",
        calls: &[CREATE, LINK],
        iam: &[
            "fsx:CreateFileSystem",
            "fsx:DescribeFileSystems",
            "fsx:UpdateFileSystem",
            "fsx:DeleteFileSystem",
            "fsx:TagResource",
            "fsx:UntagResource",
            "fsx:CreateDataRepositoryAssociation",
            "fsx:DescribeDataRepositoryAssociations",
            "fsx:UpdateDataRepositoryAssociation",
            "fsx:DeleteDataRepositoryAssociation",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "iam:CreateServiceLinkedRole",
            "iam:AttachRolePolicy",
            "iam:PutRolePolicy",
            "s3:Get*",
            "s3:List*",
            "s3:PutBucketNotification",
        ],
        quotas: &[
            Quota { code: "L-AD2FC696", name: "Lustre Scratch storage capacity" },
            Quota { code: "L-C48231E5", name: "Lustre Scratch file systems" },
            Quota { code: "L-C8640C82", name: "Lustre Persistent_1 storage capacity" },
            Quota { code: "L-9AFA1F09", name: "Lustre Persistent_1 file systems" },
            Quota { code: "L-8F1B9C74", name: "Lustre Persistent_2 storage capacity" },
            Quota { code: "L-FD6F2F22", name: "Lustre Persistent_2 file systems" },
            Quota { code: "L-736F3D6F", name: "Lustre Persistent HDD storage capacity (per file system)" },
        ],
        spends: true,
        advised: Some(Advised::Cache),
        defaults: &[("root_squash", DefaultValue::Nothing), ("metadata_iops", DefaultValue::Nothing)],
        stand_in: r#"{"subnet":"@subnet","deployment":"scratch-2","size":"1200 GiB"}"#,
        ..About::new("A Lustre file system of FSx: scratch or persistent, linked to buckets, with EFA if wanted")
    };

    fn summary(&self) -> String {
        let mut parts = vec![self.size.map_or("elastic".to_owned(), |s| s.to_string())];
        parts.push(self.deployment.to_string());
        if self.storage != Storage::Ssd {
            parts.push(self.storage.to_string());
        }
        parts.extend(self.throughput.map(|t| t.to_string()));
        parts.extend(self.throughput_capacity.map(|t| format!("{t} MB/s")));
        if self.efa {
            parts.push("EFA".to_owned());
        }
        match self.repositories.len() {
            0 => {}
            1 => parts.push("1 repository".to_owned()),
            more => parts.push(format!("{more} repositories")),
        }
        parts.join(", ")
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.security_groups.sort();
        self.security_groups.dedup();
        match self.storage {
            Storage::IntelligentTiering => {
                // There is no automatic mode, and the read cache must be stated.
                self.metadata_iops.get_or_insert(6000);
                self.read_cache.get_or_insert(ReadCache::Proportional);
            }
            Storage::Hdd => {
                self.read_cache.get_or_insert(ReadCache::None);
            }
            Storage::Ssd => {}
        }
        if let Some(squash) = &mut self.root_squash {
            squash.except.sort();
            squash.except.dedup();
            let number = |text: &str| Some(text.trim()).filter(|t| check::digits(t))?.parse::<u32>().ok();
            let ids = squash.to.split_once(':').and_then(|(uid, gid)| Some((number(uid)?, number(gid)?)));
            if let Some((uid, gid)) = ids {
                squash.to = format!("{uid}:{gid}");
            }
        }
        self.repositories.iter_mut().for_each(Repository::normalize);
        self.repositories.sort_by(|a, b| a.path.cmp(&b.path));
    }

    fn durations(&self) -> Durations {
        // 1.2 TiB take 8 minutes, 72 TiB about 12.
        let more = Duration::from_secs(self.size.map_or(0, |s| s.gib_rounded_up() / 300).min(3600));
        let later = |e: Expected| Expected { typical: e.typical + more, worst: e.worst + more };
        let (create, mut update) = (later(durations::LUSTRE_CREATE), later(durations::LUSTRE_UPDATE));
        let mut whole = create;
        if !self.repositories.is_empty() {
            let link = durations::LUSTRE_ASSOCIATION_CREATE;
            // An import of millions of names takes an hour and more.
            let import = self.repositories.iter().any(|r| r.import_metadata_on_create);
            let worst = if import { Duration::from_secs(3 * 3600) } else { link.worst };
            whole = Expected { typical: create.typical + link.typical, worst: create.worst + worst };
            update.worst = update.worst.max(worst);
        }
        Durations { create: whole, update, delete: durations::LUSTRE_DELETE }
    }

    fn needs(&self) -> Vec<Need> {
        let quota = match self.deployment {
            Deployment::Scratch1 | Deployment::Scratch2 => &quota::LUSTRE_SCRATCH,
            Deployment::Persistent1 => &quota::LUSTRE_PERSISTENT_1,
            Deployment::Persistent2 => &quota::LUSTRE_PERSISTENT_2,
        };
        self.size.map(|size| Need { quota, amount: size.gib_rounded_up() }).into_iter().collect()
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let tiering = self.storage == Storage::IntelligentTiering;
        storage::lustre(
            ctx,
            &storage::Lustre {
                deployment: self.deployment.to_aws().as_str(),
                storage: self.storage.to_aws().as_str(),
                size_gib: self.size.map_or(0, Size::gib_rounded_up),
                throughput_per_tib: self.throughput.map(PerTib::mb_per_second),
                throughput_capacity: self.throughput_capacity.map(u64::from),
                metadata_iops: self.metadata_iops.map(u64::from).filter(|_| !tiering),
                read_cache: self.read_cache.is_some_and(|c| c != ReadCache::None),
                backups: self.backup_days > 0,
            },
        )
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&CREATE, "", self, |attempt| async move {
                let call = self.create_request(ctx.aws.fsx_once().create_file_system())?;
                let call = call.client_request_token(attempt.token).set_tags(Some(request::to_tags(&attempt.tags)));
                let made = call.send().await?.file_system.and_then(|fs| fs.file_system_id);
                Ok(vec![made.ok_or_else(|| Error::missing("the file system's id"))?])
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the file system's id"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if changes.touches("repositories") {
            repository::update(ctx, live, &want.repositories).await?;
        }
        // AWS takes one update at a time: the next round brings the next one.
        let Some(call) = want.update_requests(ctx, live, changes).into_iter().next() else { return Ok(()) };
        if let (true, State::Degraded(why)) = (call.moves_data, &live.state) {
            // The sweep reports a recent failure; asking for the same again would only fail again.
            return Err(Error::new(ErrorClass::Other, format!("{} cannot be changed: {why}", live.id))
                .help("wait for AWS to repair it, or ask for another value"));
        }
        call.request.send().await.map_err(request::busy)?;
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        // Its links to buckets go with it; what was not exported yet is lost, which `contents` says.
        gone(ctx.aws.fsx().delete_file_system().file_system_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::lookup(ctx, by).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        read::with_ids(ctx, ids).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let Some(arn) = live.outputs.get("arn").and_then(Value::as_str) else { return Vec::new() };
        let link =
            |(part, id): (&String, &Id)| Some(Carrier::part(part, &tags::FSX, repository::arn(arn, &live.id, id)?));
        [Carrier::own(&tags::FSX, arn)].into_iter().chain(live.parts.iter().filter_map(link)).collect()
    }
}

impl HoldsData for FsxLustre {
    fn holds_data(&self) -> bool {
        self.deployment.is_persistent()
    }

    async fn contents(_: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        // FSx does not say how full it is, so nothing counts as empty.
        let size = live.spec.size.map_or("an elastic file system".to_owned(), |s| format!("up to {s}"));
        let unsaved = if live.spec.repositories.is_empty() { "" } else { " and what was not exported to its buckets" };
        Ok(Some(format!("{size}{unsaved}")))
    }
}

impl Compares for FsxLustre {
    fn must_replace(&self, change: &Difference) -> bool {
        fn both<T: FromStr + PartialOrd>(change: &Difference) -> Option<(T, T)> {
            let read = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned).parse().ok();
            Some((read(&change.before)?, read(&change.after)?))
        }
        let lower = |pair: Option<(u64, u64)>| pair.is_some_and(|(before, after)| after < before);
        match change.path.as_str() {
            // While they are not readable nothing is known to differ.
            "security_groups" => !change.before.is_null(),
            "size" => {
                self.deployment == Deployment::Scratch1
                    || both::<Size>(change).is_some_and(|(before, after)| after < before)
            }
            "throughput" => self.efa || self.storage == Storage::Hdd,
            "throughput_capacity" => lower(both(change)),
            "read_cache" | "read_cache_size" => self.storage == Storage::Hdd,
            "metadata_iops" => match (change.before.as_u64(), change.after.as_u64()) {
                // Back to the automatic mode, which does not scale down either.
                (Some(before), None) => {
                    self.size.is_none_or(|s| before > storage::included_metadata_iops(s.gib_rounded_up()))
                }
                _ => lower(both(change)),
            },
            "version" => both::<Version>(change).is_some_and(|(before, after)| after < before),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
