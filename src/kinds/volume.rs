//! volume: an EBS volume of its own, which outlives the machines that use it.
mod attachment;
mod check;
mod fields;
mod modify;
mod read;

use fields::{Attach, VolumeType};

use crate::{
    aws::{Error, ErrorClass, gone},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::ec2,
    price::{PriceContext, PriceLine, storage},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Durations, Expected, HoldsData, Id, Live, Lookup, Output,
        Problem, Quota, Resource,
    },
    spec::Difference,
    units::{Bandwidth, Size},
};
use aws_sdk_ec2::types::ResourceType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An EBS volume that stays when the machine that uses it is replaced: what a person works on, what a server has written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// The availability zone, which is that of the machine: `us-east-1a`, or `${subnet.zone}`.
    pub zone: Field<String>,
    /// Its size in whole GiB. It can grow in place, never shrink; the file system on it is then to be grown on the machine.
    pub size: Size,
    /// What it is made of.
    #[serde(rename = "type", default)]
    pub volume_type: VolumeType,
    /// Operations per second: 3000 to 80000 for `gp3`, of which 3000 are free; 100 to 256000 for `io2`, always paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 256_000))]
    pub iops: Option<u32>,
    /// Throughput of `gp3`: 125 to 2000 MiB/s, of which 125 MiB/s are free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Bandwidth>,
    /// Encrypted at rest.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The ARN of the KMS key; without it AWS's own key for EBS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// The snapshot that it is made from: `snap-…`. It is not larger than `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The machine that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Attach>,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("ec2:CreateVolume", Class::Token);
const ATTACH: Call = Call::new("ec2:AttachVolume", Class::Parent);

impl Resource for Volume {
    const KIND: &'static str = "volume";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "vol-…" },
            Output { name: "arn", ty: "string", doc: "its ARN" },
            Output { name: "zone", ty: "string", doc: "the availability zone" },
        ],
        fixed: &["zone", "encrypted", "kms_key", "snapshot"],
        id_prefix: "vol-",
        terraform: "aws_ebs_volume",
        calls: &[CREATE, ATTACH],
        iam: &[
            "ec2:CreateVolume",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
            "ec2:ModifyVolume",
            "ec2:AttachVolume",
            "ec2:DetachVolume",
            "ec2:DeleteVolume",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-7A658B76", name: "Storage for General Purpose SSD (gp3) volumes, in TiB" },
            Quota { code: "L-09BD8365", name: "Storage for Provisioned IOPS SSD (io2) volumes, in TiB" },
        ],
        codes: check::CODES,
        spends: true,
        prices: "ebs",
        defaults: &[
            ("attach", DefaultValue::Nothing),
            ("iops", DefaultValue::Nothing),
            ("throughput", DefaultValue::Nothing),
        ],
        durations: Some(Durations {
            create: Expected::secs(6, 300),
            update: Expected::secs(15, 900),
            // It goes when the machine that has it has let go of it.
            delete: Expected::secs(10, 1200),
        }),
        stand_in: r#"{"zone":"@zone","size":"1 GiB"}"#,
        ..About::new("An EBS volume of its own, which outlives the machines that use it")
    };

    fn summary(&self) -> String {
        let rate = self.iops.filter(|_| self.volume_type == VolumeType::Io2);
        let rate = rate.map(|iops| format!(", {iops} IOPS")).unwrap_or_default();
        format!("{} {}{rate}", self.size, self.volume_type.aws().as_str())
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if self.volume_type == VolumeType::Gp3 {
            self.iops.get_or_insert(3000);
            self.throughput.get_or_insert(Bandwidth::new(125));
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        storage::volumes(
            ctx,
            &storage::Volume {
                volume_type: self.volume_type.aws().as_str(),
                size_gib: self.size.gib_rounded_up(),
                iops: self.iops.map(u64::from),
                throughput: self.throughput.map(Bandwidth::mib_per_second),
                count: 1,
            },
        )
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::owned(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let zone = self.zone.get()?;
        let key = self.kms_key.as_ref().map(Field::get).transpose()?;
        // Where it is attached is no part of what is made.
        let params = json!({ "spec": Self { attach: None, ..self.clone() } });
        let ids = ctx
            .call(&CREATE, "", &params, |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::Volume, &attempt.tags);
                let call = ctx.aws.ec2_once().create_volume().availability_zone(zone).tag_specifications(tags);
                let call = call.client_token(attempt.token).size(self.gib()).volume_type(self.volume_type.aws());
                let call = call.set_iops(self.iops.map(int)).set_throughput(self.mib_per_second());
                let call = call.encrypted(self.encrypted).set_kms_key_id(key.cloned());
                let made = call.set_snapshot_id(self.snapshot.clone()).send().await?;
                Ok(vec![made.volume_id.ok_or_else(|| Error::missing("the volume's id"))?])
            })
            .await?;
        ec2::only(ids, "the volume's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if ["size", "type", "iops", "throughput"].iter().any(|field| changes.touches(field)) {
            modify::modify(want, ctx, &live.id).await?;
        }
        if changes.touches("attach") { attachment::bring(want, ctx, &live.id).await } else { Ok(()) }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        if let Some(instance) = attachment::detach(ctx, &live.id).await? {
            let text = format!("{} is still attached to {instance}", live.id);
            let help = "AWS detaches it when nothing on the machine has it mounted, or when the machine ends";
            return Err(Error::new(ErrorClass::InUse, text).help(help));
        }
        gone(ctx.aws.ec2().delete_volume().volume_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::find(ctx, ec2::lookup_filters("volume-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("volume-id", ids, |filters| read::find(ctx, filters)).await
    }
}

impl Volume {
    fn gib(&self) -> i32 {
        i32::try_from(self.size.gib_rounded_up()).unwrap_or(i32::MAX)
    }

    fn mib_per_second(&self) -> Option<i32> {
        self.throughput.and_then(|rate| i32::try_from(rate.mib_per_second()).ok())
    }
}

fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl HoldsData for Volume {
    fn holds_data(&self) -> bool {
        true
    }

    async fn contents(_: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        // EBS does not say what is on it, so nothing counts as empty.
        Ok(Some(format!("up to {}", live.spec.size)))
    }
}

impl Compares for Volume {
    /// A list of nobody is what a volume has that is attached to nobody.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let attach = want.get("attach").filter(|attach| attach["instances"].as_array().is_some_and(Vec::is_empty))?;
        let mut seen = found.as_object().filter(|found| !found.contains_key("attach"))?.clone();
        seen.insert("attach".to_owned(), attach.clone());
        Some(Value::Object(seen))
    }

    fn must_replace(&self, change: &Difference) -> bool {
        let size = |value: &Value| value.as_str()?.parse::<Size>().ok();
        change.path == "size" && size(&change.before).zip(size(&change.after)).is_some_and(|(has, wants)| wants < has)
    }
}
