//! What a hold on the stack is for: no change without it up to the last byte, and no proof without it.
use crate::stage::{Stage, never, text, wanted, wire::wire};
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use dlinfra::{
    diagnostic::Diagnostics,
    engine::{Execution, Removed},
    journal::{Lease, Request, lock, lock::Holder},
    plan::Wanted,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn network() -> Vec<Wanted> {
    vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))]
}

/// The body of a change under the lease is given only to the connection.
fn changes(request: &HttpRequest) -> bool {
    request.body().bytes().is_none() && request.method() == "POST"
}

async fn destroy(stage: &Stage) -> Result<Removed, Diagnostics> {
    let (engine, view, plan) = stage.look(&[]).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
    engine.destroy(&plan, &view, &[], run).await
}

async fn held(stage: &Stage) -> Lease {
    let holder = Holder { name: "eve@far".into(), host: "far".into(), command: "apply".into(), ci: None };
    Lease::acquire(Request::new(stage.backend.clone(), stage.clock.clone(), holder)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_to_remove_is_proven_only_under_the_lease() {
    let stage = Stage::new().await;
    // Nobody has ever worked here: the proof leaves no journal behind.
    let removed = destroy(&stage).await.unwrap();
    assert!(removed.proof.is_some_and(|p| p.left.is_empty()));
    assert!(stage.engine().await.memory().is_empty());
    let lease = held(&stage).await;
    for _ in 0..2 {
        let refused = destroy(&stage).await.unwrap_err();
        assert!(refused.iter().all(|d| d.code == "DL0510"), "{refused}");
    }
    lease.release().await.unwrap();
    // The same with a journal that knows of a stack that is gone.
    stage.settle(&network()).await;
    assert!(destroy(&stage).await.unwrap().proof.is_some_and(|p| p.left.is_empty()));
    let lease = held(&stage).await;
    let refused = destroy(&stage).await.unwrap_err();
    assert!(refused.iter().all(|d| d.code == "DL0510"), "{refused}");
    lease.release().await.unwrap();
    assert!(destroy(&stage).await.unwrap().proof.is_some_and(|p| p.left.is_empty()));
    assert!(!lock::status(&*stage.backend).await.unwrap().unwrap().held, "given back");
}

#[tokio::test(start_paused = true)]
async fn a_plan_from_before_a_journal_began_proves_nothing() {
    let stage = Stage::new().await;
    let (engine, view, plan) = stage.look(&[]).await;
    stage.settle(&network()).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
    let refused = engine.destroy(&plan, &view, &[], run).await.unwrap_err();
    assert!(refused.iter().all(|d| d.code == "DL0518"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_gives_no_proof() {
    let stage = Stage::new().await;
    stage.settle(&network()).await;
    let (engine, view, plan) = stage.look(&[]).await;
    let (stop, cancel) = never();
    stop.send(true).unwrap();
    let run = Execution { command: "destroy", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
    let removed = engine.destroy(&plan, &view, &[], run).await.unwrap();
    assert!(removed.outcome.cancelled && removed.proof.is_none(), "{removed:?}");
}

/// AWS shows an object of the stack only while its parent is being deleted.
#[tokio::test(start_paused = true)]
async fn what_comes_into_sight_during_a_removal_is_removed_too() {
    let mut stage = Stage::new().await;
    stage.settle(&network()).await;
    let tags = stage.look(&network()).await.1.tags;
    let hidden = Arc::new(AtomicBool::new(true));
    let (sandbox, other) = (stage.sandbox.clone(), stage.aws().await);
    stage.http = Some(wire(move |request| {
        let (inner, other, tags, first) =
            (SharedHttpConnector::new(sandbox.clone()), other.clone(), tags.clone(), hidden.clone());
        async move {
            if changes(&request) && first.swap(false, Ordering::SeqCst) {
                let vpc = other.ec2().describe_vpcs().send().await.unwrap();
                let vpc = vpc.vpcs().iter().find(|v| v.cidr_block() == Some("10.0.0.0/16")).unwrap();
                let mut spec = TagSpecification::builder().resource_type(ResourceType::Subnet);
                for (key, value) in tags.iter().chain([(&"dlinfra:address".to_owned(), &"late".to_owned())]) {
                    spec = spec.tags(Tag::builder().key(key).value(value).build());
                }
                let create = other.ec2().create_subnet().vpc_id(vpc.vpc_id().unwrap()).cidr_block("10.0.1.0/24");
                create.tag_specifications(spec.build()).send().await.unwrap();
            }
            inner.call(request).await
        }
    }));
    let began = stage.clock.now();
    let removed = destroy(&stage).await.unwrap();
    assert_eq!(removed.proof.unwrap().left, []);
    assert!(removed.outcome.failed.is_empty() && removed.outcome.pending.is_empty(), "{:?}", removed.outcome);
    assert_eq!(removed.later, 1);
    let took = stage.clock.now().duration_since(began);
    assert!(took.as_secs() < 180, "it did not wait for what it could remove: {took:?}");
}

/// Stopped between the last look at the lease and the bytes on the wire, and woken when the lease is over.
#[tokio::test(start_paused = true)]
async fn a_request_that_waited_too_long_on_its_way_is_not_sent() {
    let mut stage = Stage::new().await;
    let (sandbox, asleep) = (stage.sandbox.clone(), Arc::new(AtomicBool::new(true)));
    stage.http = Some(wire(move |request| {
        let (inner, first) = (SharedHttpConnector::new(sandbox.clone()), asleep.clone());
        async move {
            if changes(&request) && first.swap(false, Ordering::SeqCst) {
                tokio::time::advance(Duration::from_secs(80)).await;
            }
            inner.call(request).await
        }
    }));
    let outcome = {
        let (engine, view, plan) = stage.look(&network()).await;
        let (_keep, cancel) = never();
        let run = Execution { command: "apply", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
        engine.execute(&plan, &view, &network(), run).await
    };
    let words = format!("{outcome:?}");
    assert!(words.contains("the lease was lost"), "{words}");
    assert_eq!(stage.sandbox.requests().mutating, 0, "nothing left this process");
    stage.http = None;
    stage.resume(&network()).await.unwrap();
    let plan = stage.engine().await;
    let view = plan.look(&network()).await.unwrap();
    let plan = plan.plan(&network(), &view, &BTreeSet::new()).unwrap();
    assert!(plan.is_empty(), "{}", text(&plan));
}
