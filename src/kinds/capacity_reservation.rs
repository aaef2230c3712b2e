//! capacity-reservation: machines of one type that EC2 keeps free in a zone, paid whether they run or not.
mod check;
mod read;

pub(super) use check::moment;
pub(super) use read::{Reservation, all, in_use, named, state};

use crate::{
    aws::{Error, ErrorClass, gone},
    call::{Ctx, SweepCtx},
    catalog,
    kinds::ec2,
    price::{PriceContext, PriceLine, compute::kept_free},
    resource::{
        About, Asks, Call, Changes, Class, DefaultValue, Discovery, Durations, Foreseen, Gone, Id, Live, Lookup, Need,
        Output, Problem, Quota, Resource,
    },
};
use aws_sdk_ec2::types::{
    CapacityReservationInstancePlatform, CapacityReservationTenancy, EndDateType, InstanceMatchCriteria, ResourceType,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Machines of one type that EC2 keeps free in a zone: whoever launches into the reservation finds room. It costs what the
/// machines would cost on demand, from the first minute to its end, whether they run or not; machines that run in it
/// cost nothing more. When it goes, they run on, at the ordinary price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityReservation {
    /// EC2 instance type, such as `p5.48xlarge`.
    pub instance_type: String,
    /// How many machines.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// The availability zone by name: `us-east-1a`.
    pub zone: String,
    /// The operating system of the machines, in EC2's words. Deep Learning AMIs and Amazon Linux are `Linux/UNIX`.
    #[serde(default = "linux")]
    #[schemars(extend("enum" = PLATFORMS))]
    pub platform: String,
    /// Who runs in it: `targeted` = only who names it; `open` = every machine of the account that fits, also those of others.
    #[serde(default, rename = "match")]
    pub matching: Matching,
    /// Whether the hardware is shared with other accounts.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// When it ends by itself, in UTC: `2027-01-31T18:00:00Z`. EC2 ends it within an hour of that. Without it, it stays until
    /// it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// Who runs in a reservation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// Only who names it.
    #[default]
    Targeted,
    /// Every machine of the account that fits.
    Open,
}

/// Whether hardware is shared with other accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tenancy {
    /// It is.
    #[default]
    Default,
    /// It is not.
    Dedicated,
}

const CREATE: Call = Call::new("ec2:CreateCapacityReservation", Class::Token);

/// The operating systems that reservations know.
pub(super) const PLATFORMS: [&str; 18] = [
    LINUX,
    "Red Hat Enterprise Linux",
    "SUSE Linux",
    "Windows",
    "Windows with SQL Server",
    "Windows with SQL Server Enterprise",
    "Windows with SQL Server Standard",
    "Windows with SQL Server Web",
    "Linux with SQL Server Standard",
    "Linux with SQL Server Web",
    "Linux with SQL Server Enterprise",
    "RHEL with SQL Server Standard",
    "RHEL with SQL Server Enterprise",
    "RHEL with SQL Server Web",
    "RHEL with HA",
    "RHEL with HA and SQL Server Standard",
    "RHEL with HA and SQL Server Enterprise",
    "Ubuntu Pro",
];
pub(super) const LINUX: &str = "Linux/UNIX";

pub(super) fn linux() -> String {
    LINUX.to_owned()
}

impl CapacityReservation {
    /// When it ends by itself, where that is a time.
    fn ends(&self) -> Option<Timestamp> {
        check::moment(self.end.as_deref()?)
    }

    /// How EC2 is told when it ends.
    fn end(&self) -> (EndDateType, Option<DateTime>) {
        match self.ends() {
            Some(end) => (EndDateType::Limited, Some(DateTime::from_secs(end.as_second()))),
            None => (EndDateType::Unlimited, None),
        }
    }

    fn instances(&self) -> i32 {
        i32::try_from(self.count).unwrap_or(i32::MAX)
    }
}

impl Resource for CapacityReservation {
    const KIND: &'static str = "capacity-reservation";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "cr-…" },
            Output { name: "arn", ty: "string", doc: "the ARN, by which it is shared and put into groups" },
            Output { name: "zone", ty: "string", doc: "the availability zone" },
            Output { name: "count", ty: "int", doc: "how many machines it keeps" },
        ],
        fixed: &["instance_type", "zone", "platform", "tenancy"],
        unsettled: &[("count", &["count"])],
        asked: &["instance_type", "zone", "end"],
        // No filter of EC2's goes by their tags.
        discovery: Discovery::ListAndMatch,
        id_prefix: "cr-",
        terraform: "aws_ec2_capacity_reservation",
        calls: &[CREATE],
        iam: &[
            "ec2:CreateCapacityReservation",
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:ModifyCapacityReservation",
            "ec2:CancelCapacityReservation",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-417A185B", name: "Running On-Demand P instances" },
            Quota { code: "L-DB2E81BA", name: "Running On-Demand G and VT instances" },
            Quota { code: "L-2C3B7624", name: "Running On-Demand Trn instances" },
            Quota { code: "L-1216C47A", name: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" },
        ],
        codes: check::CODES,
        spends: true,
        prices: "ec2-on-demand",
        defaults: &[("end", DefaultValue::Nothing)],
        durations: Some(Durations::quick(5, 5, 5)),
        gone: Gone::AtOnce,
        stand_in: r#"{"instance_type":"m5.large","count":1,"zone":"@zone"}"#,
        ..About::new("Machines that EC2 keeps free for you in a zone, paid whether they run or not")
    };

    fn summary(&self) -> String {
        let open = if self.matching == Matching::Open { ", open to all" } else { "" };
        let until = self.end.as_ref().map(|end| format!(", until {end}")).unwrap_or_default();
        format!("{} x {} in {}{open}{until}", self.count, self.instance_type, self.zone)
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(end) = self.ends() {
            self.end = Some(end.to_string());
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let plain = self.platform == LINUX && self.tenancy == Tenancy::Default;
        let other = (!plain).then(|| format!("no price of {} on {} hardware", self.platform, self.tenancy.words()));
        vec![kept_free(ctx, &self.instance_type, self.count, other)]
    }

    fn needs(&self) -> Vec<Need> {
        let facts = catalog::instance_type(&self.instance_type).ok();
        let need = |facts: &catalog::InstanceType| {
            let amount = u64::from(facts.vcpus.saturating_mul(self.count));
            Some(Need { quota: facts.on_demand_quota()?, amount })
        };
        facts.and_then(need).into_iter().collect()
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let ours = read::all(ctx).await?;
        ours.iter().filter(|one| read::is_ours(ctx, one)).map(|one| read::read(ctx, one)).collect()
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&CREATE, "", self, |attempt| async move {
                let (end_type, end) = self.end();
                let call = ctx.aws.ec2_once().create_capacity_reservation().client_token(&attempt.token);
                let call = call.instance_type(&self.instance_type).instance_count(self.instances());
                let call = call.instance_platform(CapacityReservationInstancePlatform::from(self.platform.as_str()));
                let call = call.availability_zone(&self.zone).instance_match_criteria(self.matching.criteria());
                let call = call.tenancy(self.tenancy.of_aws()).end_date_type(end_type).set_end_date(end);
                let tags = ec2::tag_specification(ResourceType::CapacityReservation, &attempt.tags);
                let made = call.tag_specifications(tags).send().await?.capacity_reservation;
                let id = made.and_then(|made| made.capacity_reservation_id);
                Ok(vec![id.ok_or_else(|| Error::missing("the capacity reservation's id"))?])
            })
            .await?;
        ec2::only(ids, "the capacity reservation's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let mut call = ctx.aws.ec2().modify_capacity_reservation().capacity_reservation_id(&live.id);
        if !["count", "end", "match"].iter().any(|field| changes.touches(field)) {
            return Ok(());
        }
        if changes.touches("count") {
            call = call.instance_count(want.instances());
        }
        if changes.touches("end") {
            let (end_type, end) = want.end();
            call = call.end_date_type(end_type).set_end_date(end);
        }
        if changes.touches("match") {
            call = call.instance_match_criteria(want.matching.criteria());
        }
        call.send().await?;
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let call = ctx.aws.ec2().cancel_capacity_reservation().capacity_reservation_id(&live.id);
        match gone(call.send().await.map_err(Error::from)) {
            // One that is cancelled already, or has ended meanwhile.
            Err(e) if e.class == ErrorClass::WrongState => {
                let there = read::all(&ctx.sweep()).await?.iter().any(|one| one.is(&live.id));
                if there { Err(e) } else { Ok(()) }
            }
            other => other,
        }
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let found = read::all(ctx).await?;
        found.iter().filter(|one| read::matches(one, by)).map(|one| read::read(ctx, one)).collect()
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        let found = read::all(ctx).await?;
        let asked = |one: &&read::Reservation| read::is_plain(one) && ids.iter().any(|id| one.is(id));
        found.iter().filter(asked).map(|one| read::read(ctx, one)).collect()
    }
}

impl Asks for CapacityReservation {
    async fn foresee(ctx: &SweepCtx, made: &[Foreseen<Self>]) -> Result<Vec<(usize, Problem)>, Error> {
        check::foresee(ctx, made).await
    }
}

impl Matching {
    fn criteria(self) -> InstanceMatchCriteria {
        match self {
            Self::Targeted => InstanceMatchCriteria::Targeted,
            Self::Open => InstanceMatchCriteria::Open,
        }
    }
}

impl Tenancy {
    fn of_aws(self) -> CapacityReservationTenancy {
        match self {
            Self::Default => CapacityReservationTenancy::Default,
            Self::Dedicated => CapacityReservationTenancy::Dedicated,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Default => "shared",
            Self::Dedicated => "dedicated",
        }
    }
}
