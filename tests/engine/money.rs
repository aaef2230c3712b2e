//! Calls that spend money are never repeated by themselves: purchases of Capacity Blocks, killed and cut.
use crate::{
    crash_matrix::{config, in_virtual_time},
    crash_tape::{Act, Moment, Store, Tape},
    kinds::capacity_block::spec,
    stage::{Stage, never, text, wanted},
};
use dlinfra::{
    address::Address,
    aws::{Error, ErrorClass},
    journal::MemoryBackend,
    plan::{Action, Wanted},
};
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox};
use serde_json::{Value, json};
use std::sync::Arc;

fn block() -> Wanted {
    wanted("block", "capacity-block", spec(&json!({})))
}

fn stage() -> Stage {
    Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()))
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
    let mut stage = Stage::on(Sandbox::open(config()).unwrap(), journal.clone());
    let tape = Tape::record(&mut stage, &journal, Store::Memory, &[block()]).await;
    let buys = |a: &Act| matches!(a, Act::Request { operation, .. } if operation == "ec2:PurchaseCapacityBlock");
    let event = tape.events.iter().find(|e| buys(&e.act)).unwrap();
    let moment: &Moment = &tape.moments[if executed { event.after } else { event.before }];
    moment.stage().await
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
        assert_eq!(stage.left().await.len(), 0, "the block itself is not to be removed");
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
