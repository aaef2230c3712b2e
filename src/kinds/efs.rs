//! efs: an elastic file system, with mount targets in subnets and access points.
mod check;
mod create;
mod points;
mod read;
mod settings;
mod targets;

use points::AccessPoint;
use settings::{Lifecycle, Throughput};

use crate::{
    aws::{
        Error, gone,
        json::rest::{Rest, segment},
        tags::{self, Carrier},
    },
    call::{Ctx, SweepCtx},
    catalog::durations,
    field::{Field, Ref},
    kinds::{SecurityGroup, Subnet},
    price::{PriceContext, PriceLine, storage},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, HoldsData, Id, Live, Lookup, Output, PARTS,
        Problem, Quota, Resource,
    },
    units::{Bandwidth, Size},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A file system of EFS, which grows with what is in it and is reached over NFS from every zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Efs {
    /// Where machines reach it: one subnet of each zone, all of one VPC.
    #[serde(default)]
    pub subnets: Vec<Ref<Subnet>>,
    /// Security groups of its addresses: they must let NFS in (TCP 2049).
    #[serde(default)]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Keeps it in this zone only, for half the price: `us-east-1a`. Without it what is written is in three zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How fast it is, and how that is paid for. AWS changes it once in 24 hours.
    #[serde(default)]
    pub throughput: Throughput,
    /// The rate of `provisioned` throughput: 1 to 3414 MiB/s. AWS lowers it once in 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<Bandwidth>,
    /// When files that nobody reads become cheaper to keep and dearer to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Backs it up every day with AWS Backup, which takes its own price and keeps what it has when the file system goes.
    #[serde(default)]
    pub backup: bool,
    /// Encrypted at rest.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The ARN of the KMS key; without it AWS's own key for EFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// Directories that are mounted as if they were the whole, by name. One that changes is made anew.
    #[serde(default)]
    pub access_points: BTreeMap<String, AccessPoint>,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("elasticfilesystem:CreateFileSystem", Class::Token);
const POINT: Call = Call::new("elasticfilesystem:CreateAccessPoint", Class::Token);
const MOUNT: Call = Call::new("elasticfilesystem:CreateMountTarget", Class::Parent);
const FILE_SYSTEMS: &str = "/2015-02-01/file-systems";

impl Resource for Efs {
    const KIND: &'static str = "efs";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "id", ty: "string", doc: "fs-…" },
            Output { name: "arn", ty: "string", doc: "its ARN" },
            Output { name: "dns_name", ty: "string", doc: "the name under which machines mount it" },
            Output { name: "access_points", ty: "list(string)", doc: "fsap-…, by the names of the access points" },
        ],
        fixed: &["zone", "encrypted", "kms_key"],
        unsettled: &[("access_points", &["access_points"])],
        discovery: Discovery::ListAndMatch,
        tagger: &tags::FILE_SYSTEMS,
        id_prefix: "fs-",
        terraform: "aws_efs_file_system",
        calls: &[CREATE, POINT, MOUNT],
        iam: &[
            "elasticfilesystem:CreateFileSystem",
            "elasticfilesystem:DescribeFileSystems",
            "elasticfilesystem:UpdateFileSystem",
            "elasticfilesystem:DeleteFileSystem",
            "elasticfilesystem:CreateMountTarget",
            "elasticfilesystem:DescribeMountTargets",
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            "elasticfilesystem:DeleteMountTarget",
            "elasticfilesystem:CreateAccessPoint",
            "elasticfilesystem:DescribeAccessPoints",
            "elasticfilesystem:DeleteAccessPoint",
            "elasticfilesystem:PutLifecycleConfiguration",
            "elasticfilesystem:DescribeLifecycleConfiguration",
            "elasticfilesystem:PutBackupPolicy",
            "elasticfilesystem:DescribeBackupPolicy",
            "elasticfilesystem:ListTagsForResource",
            "elasticfilesystem:TagResource",
            "elasticfilesystem:UntagResource",
            "ec2:DescribeSubnets",
            "ec2:DescribeNetworkInterfaces",
            "ec2:CreateNetworkInterface",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:DeleteNetworkInterface",
            "iam:CreateServiceLinkedRole",
        ],
        quotas: &[Quota { code: "L-848C634D", name: "File systems per account" }],
        spends: true,
        defaults: &[
            ("provisioned", DefaultValue::Nothing),
            ("lifecycle", DefaultValue::Nothing),
            ("backup", DefaultValue::Flag(false)),
            ("access_points", DefaultValue::Other(|| json!({}))),
        ],
        durations: Some(Durations {
            create: durations::EFS_CREATE,
            update: durations::EFS_UPDATE,
            delete: durations::EFS_DELETE,
        }),
        stand_in: "{}",
        ..About::new("An elastic file system: it grows with what is in it, and is reached over NFS from every zone")
    };

    fn summary(&self) -> String {
        let places = match self.subnets.len() {
            1 => "1 subnet".to_owned(),
            more => format!("{more} subnets"),
        };
        let rate = self.provisioned.map(|rate| format!(", {rate}")).unwrap_or_default();
        format!("{}{rate}, in {places}", self.throughput.name())
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.subnets.sort();
        self.subnets.dedup();
        self.security_groups.sort();
        self.security_groups.dedup();
        self.lifecycle.take_if(|it| it.is_empty());
        self.access_points.values_mut().for_each(AccessPoint::normalize);
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        storage::elastic(
            ctx,
            storage::Elastic {
                one_zone: self.zone.is_some(),
                provisioned: self.provisioned.map(Bandwidth::mib_per_second),
                by_traffic: self.throughput == Throughput::Elastic,
            },
        )
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let mut found = read::list(ctx, "").await?;
        found.retain(|one| ctx.takes(&one.tags()));
        read::describe(ctx, found).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        create::create(self, ctx).await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if changes.touches("subnets") || changes.touches("security_groups") {
            targets::bring(want, ctx, &live.id).await?;
        }
        if changes.touches("access_points") || changes.touches(PARTS) {
            points::bring(want, ctx, &live.id).await?;
        }
        settings::bring(want, ctx, &live.id, changes).await
    }

    /// Access points, then mount targets, and when those are gone the file system.
    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        points::remove_all(ctx, &live.id).await?;
        if targets::remove_all(ctx, &live.id).await? {
            return Ok(());
        }
        let ask = Rest::delete(format!("{FILE_SYSTEMS}/{}", segment(&live.id)));
        gone(ctx.aws.efs().rest::<IgnoredAny>("DeleteFileSystem", ask).await.map(drop))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::lookup(ctx, by).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let Some(arn) = live.outputs.get("arn").and_then(Value::as_str) else { return Vec::new() };
        let point = |(part, id): (&String, &Id)| Some(Carrier::part(part, &tags::FILE_SYSTEMS, points::arn(arn, id)?));
        [Carrier::own(&tags::FILE_SYSTEMS, arn)].into_iter().chain(live.parts.iter().filter_map(point)).collect()
    }
}

impl HoldsData for Efs {
    fn holds_data(&self) -> bool {
        true
    }

    async fn contents(ctx: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        let found = read::list(ctx, &format!("?FileSystemId={}", segment(&live.id))).await?;
        let bytes = found.first().map_or(0, read::Found::bytes);
        // EFS counts now and then: new files are not in it.
        Ok(Some(format!("files, {} as EFS counts them", Size::from_bytes(bytes).rough())))
    }
}
