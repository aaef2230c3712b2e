//! Calls that spend money are never repeated by themselves: a kind of the tests buys Capacity Blocks.
use crate::{
    crash_matrix::{config, in_virtual_time},
    crash_tape::{Act, Moment, Store, Tape},
    stage::{Stage, never, text},
};
use aws_sdk_ec2::types::{CapacityReservationInstancePlatform, Filter, ResourceType, Tag, TagSpecification};
use dlinfra::{
    address::Address,
    aws::{Error, ErrorClass, tags::Tags},
    call::{Ctx, SweepCtx},
    journal::MemoryBackend,
    kind::{Kind, Of},
    plan::{Action, Wanted},
    resource::{About, Call, Changes, Class, Durations, Id, Live, Lookup, Output, Resource},
};
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// One node of a Capacity Block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Block {
    /// The type of its node.
    instance_type: String,
}

const PURCHASE: Call = Call::new("ec2:PurchaseCapacityBlock", Class::Money);

impl Resource for Block {
    const KIND: &'static str = "capacity-block";
    const ABOUT: About = About {
        outputs: &[Output { name: "id", ty: "string", doc: "cr-…" }],
        fixed: &["instance_type"],
        calls: &[PURCHASE],
        ..About::new("A Capacity Block, for tests")
    };

    fn summary(&self) -> String {
        self.instance_type.clone()
    }

    fn durations(&self) -> Durations {
        Durations::quick(2, 2, 2)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let filter = Filter::builder().name("tag:dlinfra:stack").values(ctx.stack_filter()).build();
        let out = ctx.aws.ec2().describe_capacity_reservations().filters(filter).send().await?;
        let found = out.capacity_reservations.unwrap_or_default().into_iter().map(|r| {
            let tags: Tags = r
                .tags()
                .iter()
                .map(|t| (t.key().unwrap_or_default().to_owned(), t.value().unwrap_or_default().to_owned()))
                .collect();
            let id = r.capacity_reservation_id.unwrap_or_default();
            let spec = Self { instance_type: r.instance_type.unwrap_or_default() };
            let mut live = Live::new(ctx.owned(&tags).unwrap_or_else(Address::unowned), &id, tags, spec);
            live.outputs.insert("id", json!(id));
            live
        });
        Ok(found.collect())
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&PURCHASE, "", self, |attempt| async move {
                let ec2 = ctx.aws.ec2_once();
                let offers = ec2.describe_capacity_block_offerings().instance_type(&self.instance_type);
                let offers = offers.instance_count(1).capacity_duration_hours(24).send().await?;
                let offer = offers.capacity_block_offerings().first().and_then(|o| o.capacity_block_offering_id());
                let tags = attempt.tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
                let tags = TagSpecification::builder()
                    .resource_type(ResourceType::CapacityReservation)
                    .set_tags(Some(tags))
                    .build();
                let buy = ec2.purchase_capacity_block().capacity_block_offering_id(offer.unwrap_or_default());
                let buy =
                    buy.instance_platform(CapacityReservationInstancePlatform::LinuxUnix).tag_specifications(tags);
                let bought = buy.send().await?.capacity_reservation.and_then(|r| r.capacity_reservation_id);
                Ok(vec![bought.ok_or_else(|| Error::missing("the reservation's id"))?])
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the reservation's id"))
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(_: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        Err(Error::new(ErrorClass::Invalid, format!("{} cannot be given back", live.id)))
    }

    async fn lookup(_: &SweepCtx, _: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        Ok(Vec::new())
    }
}

static KINDS: &[&dyn Kind] = &[&Of::<Block>::KIND];

fn block() -> Wanted {
    Wanted {
        address: Address::parse("block").unwrap(),
        kind: KINDS[0],
        spec: json!({ "instance_type": "p5.48xlarge" }).into(),
        depends_on: Vec::new(),
        protect: None,
        existing: None,
        moved: Vec::new(),
    }
}

fn stage() -> Stage {
    Stage { kinds: KINDS, ..Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new())) }
}

/// Blocks that were bought, by the sandbox's own books, and the times that somebody tried to.
fn bought(stage: &Stage) -> (usize, u64) {
    let objects = stage.sandbox.objects();
    let blocks = objects.iter().filter(|o| o.value.get("is_block") == Some(&Value::Bool(true)));
    (blocks.count(), stage.sandbox.requests().count("ec2:PurchaseCapacityBlock"))
}

/// What is left of a run that died right before or right after the purchase.
async fn died(executed: bool) -> Stage {
    let journal = Arc::new(MemoryBackend::new());
    let mut stage = Stage { kinds: KINDS, ..Stage::on(Sandbox::open(config()).unwrap(), journal.clone()) };
    let tape = Tape::record(&mut stage, &journal, Store::Memory, &[block()]).await;
    let buys = |a: &Act| matches!(a, Act::Request { operation, .. } if operation == "ec2:PurchaseCapacityBlock");
    let event = tape.events.iter().find(|e| buys(&e.act)).unwrap();
    let moment: &Moment = &tape.moments[if executed { event.after } else { event.before }];
    Stage { kinds: KINDS, ..moment.stage().await }
}

async fn refusal(stage: &Stage) -> Error {
    let (_keep, cancel) = never();
    let outcome = stage.command(&[block()], cancel).await.unwrap();
    assert_eq!((outcome.done, outcome.failed.len()), (0, 1), "{outcome:?}");
    outcome.failed[0].1.clone()
}

#[test]
fn a_purchase_is_made_once() {
    in_virtual_time(async {
        let stage = stage();
        stage.settle(&[block()]).await;
        assert_eq!(bought(&stage), (1, 1));
    });
}

#[test]
fn a_purchase_that_was_not_sent_is_refused_until_a_person_decides() {
    in_virtual_time(async {
        let stage = died(false).await;
        let plan = stage.plan(&[block()]).await;
        assert_eq!(plan.steps[0].action, Action::Create);
        assert!(plan.steps[0].reason.contains("nobody knows whether AWS executed it"), "{}", text(&plan));
        // However often, and however long after.
        for _ in 0..2 {
            let error = refusal(&stage).await;
            assert_eq!((error.class, error.diagnostic_code().code), (ErrorClass::Purchase, "DL0411"));
            assert!(error.help.unwrap().contains("--not-bought block"));
            assert_eq!(bought(&stage), (0, 0));
            stage.clock.sleep(std::time::Duration::from_secs(24 * 3600)).await;
        }
        // Nothing is there, and yet emptiness is not proven.
        assert_eq!(stage.left().await.len(), 1);

        let mut engine = stage.engine().await;
        engine.not_bought(&Address::parse("block").unwrap(), None).await.unwrap();
        assert!(
            engine.not_bought(&Address::parse("block").unwrap(), None).await.is_err(),
            "nothing is in doubt any more"
        );
        stage.settle(&[block()]).await;
        assert_eq!(bought(&stage), (1, 1));
        assert_eq!(stage.left().await.len(), 1, "the block itself");
    });
}

#[test]
fn a_purchase_that_was_executed_is_taken_over() {
    in_virtual_time(async {
        let stage = died(true).await;
        assert_eq!(bought(&stage), (1, 0));
        stage.settle(&[block()]).await;
        assert_eq!(bought(&stage), (1, 0));
        let memory = stage.engine().await.memory().clone();
        assert!(memory.open.is_empty(), "the object is the answer: {:?}", memory.open);
    });
}

#[test]
fn a_lost_answer_in_the_same_run_is_no_reason_to_buy_again() {
    in_virtual_time(async {
        let stage = stage();
        stage.sandbox.set_faults(vec![FaultRule::new("ec2:PurchaseCapacityBlock", FaultAction::CutAfter)]);
        stage.settle(&[block()]).await;
        assert_eq!(bought(&stage), (1, 1), "found by its tags");
    });
    in_virtual_time(async {
        let stage = stage();
        stage.sandbox.set_faults(vec![FaultRule::new("ec2:PurchaseCapacityBlock", FaultAction::CutBefore)]);
        assert_eq!(refusal(&stage).await.class, ErrorClass::Purchase);
        stage.sandbox.set_faults(Vec::new());
        assert_eq!(refusal(&stage).await.class, ErrorClass::Purchase);
        assert_eq!(bought(&stage), (0, 1));
    });
}

#[test]
fn a_refused_purchase_is_no_purchase() {
    in_virtual_time(async {
        let stage = stage();
        let refused = FaultAction::ErrorBefore { code: "InsufficientInstanceCapacity".to_owned(), status: 500 };
        stage.sandbox.set_faults(vec![FaultRule::new("ec2:PurchaseCapacityBlock", refused).times(1)]);
        assert_eq!(refusal(&stage).await.class, ErrorClass::Capacity);
        stage.settle(&[block()]).await;
        assert_eq!(bought(&stage), (1, 2));
    });
}
