//! capacity-block: accelerated machines bought for some days to come, for a price that is paid before and cannot be had back.
mod check;
mod offers;
mod read;

use crate::{
    aws::{Error, ErrorClass, tags},
    call::{Ctx, SweepCtx},
    kinds::{
        capacity_reservation::{self, LINUX, PLATFORMS, linux},
        ec2,
    },
    price::{PriceContext, PriceLine, compute},
    resource::{
        About, Buys, Call, Changes, Class, Compares, Discovery, Durations, Expected, Foreseen, Id, Live, Lookup,
        Offered, Output, Problem, Resource,
    },
    units::{Money, Span},
};
use aws_sdk_ec2::types::{CapacityReservationInstancePlatform, ResourceType};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A Capacity Block for ML: machines with accelerators for some days, in a window of time, bought before. **The purchase is
/// for good**: AWS takes no Capacity Block back. A plan asks AWS for the cheapest that fits and shows it with its exact
/// price; `apply` buys that one, and only with `--buy ADDRESS`. Nothing can remove a block: it ends by itself, half an hour
/// after its machines are taken away, and `destroy` leaves it and says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityBlock {
    /// EC2 instance type, such as `p5.48xlarge`.
    pub instance_type: String,
    /// How many machines, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub count: u32,
    /// How long it lasts: 1 to 14 whole days (`3d`, `72h`), or whole weeks up to 26.
    pub duration: Span,
    /// The availability zone by name; without one, the cheapest offer of any zone. Machines run in a block only if their
    /// subnet is in its zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The operating system of the machines, in EC2's words. Deep Learning AMIs and Amazon Linux are `Linux/UNIX`.
    #[serde(default = "linux")]
    #[schemars(extend("enum" = PLATFORMS))]
    pub platform: String,
    /// It begins at this time or later, in UTC: `2027-01-31T00:00:00Z`; without it, from now on. What is bought keeps its
    /// time, whatever is written here then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<String>,
    /// It begins at this time or before, in UTC.
    pub latest: String,
    /// No block is bought that costs more than this, in US dollars: `70000 USD`.
    pub max_price: Money,
}

const PURCHASE: Call = Call::new("ec2:PurchaseCapacityBlock", Class::Money);

impl CapacityBlock {
    fn instances(&self) -> i32 {
        i32::try_from(self.count).unwrap_or(i32::MAX)
    }

    fn hours(&self) -> u32 {
        u32::try_from(self.duration.seconds() / 3600).unwrap_or(u32::MAX)
    }
}

impl Resource for CapacityBlock {
    const KIND: &'static str = "capacity-block";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "cr-…: a block is a capacity reservation" },
            Output { name: "zone", ty: "string", doc: "the availability zone" },
            Output { name: "start", ty: "string", doc: "when it begins, in UTC" },
            Output { name: "end", ty: "string", doc: "when it ends; its machines are taken away half an hour before" },
            Output {
                name: "paid",
                ty: "string",
                doc: "what was paid for it, in US dollars; nothing if dlinfra did not buy it",
            },
        ],
        fixed: &["instance_type", "count", "duration", "zone", "platform"],
        // Whoever wants another one buys it beside the first, which stays until its end.
        successors: true,
        asked: &["instance_type", "count", "duration", "zone", "earliest", "latest", "max_price"],
        local: &["earliest", "latest", "max_price"],
        // No filter of EC2's goes by their tags.
        discovery: Discovery::ListAndMatch,
        id_prefix: "cr-",
        terraform: "aws_ec2_capacity_block_reservation",
        calls: &[PURCHASE],
        iam: &[
            "ec2:DescribeCapacityBlockOfferings",
            "ec2:PurchaseCapacityBlock",
            "ec2:DescribeCapacityReservations",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        codes: check::CODES,
        spends: true,
        prices: "ec2-capacity-block",
        // Its payment may take a while.
        durations: Some(Durations { create: Expected::secs(30, 900), ..Durations::quick(30, 5, 5) }),
        ..About::new("Accelerated machines bought for some days to come; bought only with --buy, and never taken back")
    };

    fn summary(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
        format!("{} x {}{zone} for {}", self.count, self.instance_type, self.duration)
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        for at in self.earliest.iter_mut().chain([&mut self.latest]) {
            if let Some(moment) = capacity_reservation::moment(at) {
                *at = moment.to_string();
            }
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        // Rates of the book are for Linux; an offer has its own price.
        if self.platform != LINUX && ctx.fee.is_none() {
            return vec![PriceLine::unpriced(
                self.summary(),
                Decimal::ONE,
                crate::price::Unit::Once,
                format!("no price of {}", self.platform),
            )];
        }
        vec![compute::capacity_block(ctx, &self.instance_type, self.count, self.hours(), ctx.fee)]
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let all = capacity_reservation::all(ctx).await?;
        all.iter().filter(|one| one.is_block() && ctx.takes(&one.tags)).map(|one| read::read(ctx, one)).collect()
    }

    /// Buys what the plan has shown. There is no token: the intent is in the journal before, and in the tags of the call, by
    /// which the block is found after a kill.
    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let offer = ctx.offer.as_ref();
        let params =
            json!({ "offering": offer.map(|offer| &offer.id), "price": offer.map(|offer| offer.price), "spec": self });
        let ids = ctx.call(&PURCHASE, "", &params, |attempt| async move {
            let offer = offer.ok_or_else(|| Error::bug("a purchase that nobody has agreed to"))?;
            let mut tags = attempt.tags.clone();
            tags.insert(tags::PAID, read::paid_tag(offer.price, self.duration));
            let tags = ec2::tag_specification(ResourceType::CapacityReservation, &tags);
            let call = ctx.aws.ec2_once().purchase_capacity_block().capacity_block_offering_id(&offer.id);
            let call = call.instance_platform(CapacityReservationInstancePlatform::from(self.platform.as_str()));
            let bought = call.tag_specifications(tags).send().await.map_err(|e| sold(e.into()))?.capacity_reservation;
            let id = bought.and_then(|bought| bought.capacity_reservation_id);
            Ok(vec![id.ok_or_else(|| Error::missing("the Capacity Block's id"))?])
        });
        ec2::only(ids.await?, "the Capacity Block's id")
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    /// A plan never asks for this.
    async fn delete(_: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        Err(Error::new(ErrorClass::Invalid, format!("{}: {}", live.id, Self::stays(live))))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let all = capacity_reservation::all(ctx).await?;
        let asked = |one: &&capacity_reservation::Reservation| one.is_block() && capacity_reservation::named(one, by);
        all.iter().filter(asked).map(|one| read::read(ctx, one)).collect()
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        let all = capacity_reservation::all(ctx).await?;
        let asked = |one: &&capacity_reservation::Reservation| one.is_block() && ids.iter().any(|id| one.is(id));
        all.iter().filter(asked).map(|one| read::read(ctx, one)).collect()
    }
}

/// What was offered may be gone between plan and purchase.
fn sold(error: Error) -> Error {
    match error.code.as_deref() {
        Some(code) if code.starts_with("InvalidCapacityBlockOffering") => {
            error.help("nothing was bought: apply again to see what AWS offers now, and at what price")
        }
        _ => error,
    }
}

impl Buys for CapacityBlock {
    async fn offered(ctx: &SweepCtx, made: &[Foreseen<Self>]) -> Result<Offered, Error> {
        offers::ask(ctx, made).await
    }

    fn paid(live: &Live<Self>) -> Option<Decimal> {
        read::paid(&live.tags).map(|(paid, _)| paid)
    }

    fn stays(live: &Live<Self>) -> String {
        read::stays(live)
    }
}

impl Compares for CapacityBlock {
    /// Where no zone is wanted, the one that it has is as good as any.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        want.get("zone").is_none_or(Value::is_null).then(|| {
            let mut seen = found.clone();
            seen.as_object_mut().map(|fields| fields.remove("zone"));
            seen
        })
    }
}
