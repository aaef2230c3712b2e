//! What a hold on the stack is for: no change without it up to the last byte, and no proof without it.
use crate::stage::{
    Stage,
    asked::{Asked, Fate},
    never, text, wanted,
    wire::wire,
};
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use dlinfra::{
    diagnostic::Diagnostics,
    engine::{Execution, Removed},
    journal::{JournalError, Lease, Request, lock, lock::Holder},
    plan::Wanted,
};
use dlinfra_sandbox::{FaultAction, FaultRule};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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

/// The same of a change without a body, which goes out whole as soon as there is a connection.
#[tokio::test(start_paused = true)]
async fn a_change_without_a_body_that_waited_too_long_is_not_sent() {
    let mut stage = Stage::new().await;
    stage.settle(&[wanted("data", "bucket", json!({}))]).await;
    let (sandbox, asleep) = (stage.sandbox.clone(), Arc::new(AtomicBool::new(true)));
    stage.http = Some(wire(move |request: HttpRequest| {
        let (inner, first) = (SharedHttpConnector::new(sandbox.clone()), asleep.clone());
        async move {
            if request.method() == "DELETE" && first.swap(false, Ordering::SeqCst) {
                tokio::time::advance(Duration::from_secs(80)).await;
            }
            inner.call(request).await
        }
    }));
    let removed = destroy(&stage).await;
    let words = format!("{removed:?}");
    assert!(words.contains("the lease was lost"), "{words}");
    assert!(stage.sandbox.objects().iter().any(|o| o.kind == "s3/bucket" && o.is_live()), "nothing left this process");
    stage.http = None;
    stage.resume(&[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_in_the_middle_leaves_the_rest_for_the_next_run() {
    let mut stage = Stage::new().await;
    let (sandbox, seen) = (stage.sandbox.clone(), Arc::new(AtomicUsize::new(0)));
    stage.http = Some(wire(move |request| {
        let (inner, seen) = (SharedHttpConnector::new(sandbox.clone()), seen.clone());
        async move {
            if changes(&request) && seen.fetch_add(1, Ordering::SeqCst) == 1 {
                tokio::time::advance(Duration::from_secs(80)).await;
            }
            inner.call(request).await
        }
    }));
    let outcome = stage.try_apply(&network()).await;
    let [(_, why)] = &outcome.pending[..] else { panic!("{outcome:?}") };
    assert!(why.contains("the lease was lost") && outcome.failed.is_empty(), "{outcome:?}");
    assert_eq!(stage.sandbox.requests().mutating, 1);
    stage.http = None;
    stage.resume(&network()).await.unwrap();
}

/// What was made is told, whatever became of the lock.
#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_given_back_is_told_beside_what_was_made() {
    let mut stage = Stage::new().await;
    let whole = stage.backend.clone();
    stage.backend = Arc::new(Asked::new(whole.clone(), |key, bytes| {
        let end = key == "lock.json" && String::from_utf8_lossy(bytes).contains("\"held\":false");
        let why = JournalError::DiskFull { path: "disk".into() };
        if end { Fate::Refused(why) } else { Fate::Written }
    }));
    let outcome = stage.try_apply(&network()).await;
    assert_eq!((outcome.done, outcome.failed.len(), outcome.pending.len()), (1, 0, 0), "{outcome:?}");
    assert!(outcome.trouble.as_ref().is_some_and(|d| d.code == "DL0503") && !outcome.complete(), "{outcome:?}");
    stage.backend = whole;
    assert!(stage.resume(&network()).await.is_ok());
    assert!(stage.plan(&network()).await.is_empty());
}

/// AWS shows something new only when a part of what the plan knew could not be removed.
#[tokio::test(start_paused = true)]
async fn what_the_first_round_of_a_removal_could_not_do_is_told_after_the_second() {
    let mut stage = Stage::new().await;
    let mut all = network();
    let to = |address: &str| json!({ "$ref": address });
    all.push(wanted("gate", "internet-gateway", json!({ "vpc": to("vpc") })));
    let spec = json!({ "vpc": to("vpc"), "cidr": "10.0.2.0/24", "zone": "us-east-1a" });
    all.push(wanted("public", "subnet", spec));
    all.push(wanted("nat", "nat-gateway", json!({ "subnet": to("public"), "internet_gateway": to("gate") })));
    stage.settle(&all).await;
    let tags = stage.look(&all).await.1.tags;
    // Somebody took the tags off the gateway's address.
    let address = stage.sandbox.objects().into_iter().find(|o| o.kind == "ec2/elastic-ip").unwrap();
    let keys: Vec<String> = address.tags.keys().cloned().collect();
    let carrier = dlinfra::aws::tags::Carrier::own(&dlinfra::aws::tags::EC2, &address.id);
    carrier.retag(&stage.aws().await, &Default::default(), &keys).await.unwrap();
    stage.clock.sleep(Duration::from_secs(90)).await;
    let (sandbox, other, first) = (stage.sandbox.clone(), stage.aws().await, Arc::new(AtomicBool::new(true)));
    stage.http = Some(wire(move |request| {
        let (inner, other) = (SharedHttpConnector::new(sandbox.clone()), other.clone());
        let (tags, first) = (tags.clone(), first.clone());
        async move {
            if changes(&request) && first.swap(false, Ordering::SeqCst) {
                let mut spec = TagSpecification::builder().resource_type(ResourceType::Vpc);
                for (key, value) in tags.iter().chain([(&"dlinfra:address".to_owned(), &"late".to_owned())]) {
                    spec = spec.tags(Tag::builder().key(key).value(value).build());
                }
                let create = other.ec2().create_vpc().cidr_block("10.7.0.0/16");
                create.tag_specifications(spec.build()).send().await.unwrap();
            }
            inner.call(request).await
        }
    }));
    let removed = destroy(&stage).await.unwrap();
    assert_eq!(removed.later, 1, "{removed:?}");
    let left: Vec<&str> = removed.proof.iter().flat_map(|p| &p.left).map(|(_, id, ..)| id.as_str()).collect();
    assert_eq!(left, [address.id.as_str()], "{removed:?}");
    let failed: Vec<&str> = removed.outcome.failed.iter().map(|(a, _)| a.as_str()).collect();
    assert_eq!(failed, ["nat"], "{removed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_whose_end_nobody_can_see_says_what_it_did() {
    let mut stage = Stage::new().await;
    stage.settle(&network()).await;
    let sandbox = stage.sandbox.clone();
    stage.http = Some(wire(move |request| {
        let sandbox = sandbox.clone();
        async move {
            if changes(&request) {
                sandbox.set_faults(vec![FaultRule::new("ec2:DescribeVpcs", FaultAction::AccessDenied)]);
            }
            SharedHttpConnector::new(sandbox).call(request).await
        }
    }));
    let removed = destroy(&stage).await.unwrap();
    assert!(removed.proof.is_none(), "{removed:?}");
    assert_eq!(removed.outcome.done, 1, "{removed:?}");
    assert!(removed.outcome.trouble.is_some_and(|d| d.code == "DL0401"));
    // With nothing to do, nothing but the refusal is told.
    stage.http = None;
    stage.sandbox.set_faults(Vec::new());
    let (engine, view, plan) = stage.look(&[]).await;
    assert!(plan.is_empty());
    let denied = FaultRule::new("ec2:DescribeVpcs", FaultAction::AccessDenied);
    stage.sandbox.set_faults(vec![denied]);
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
    // A gap: the journal remembers nothing of the kind any more.
    let removed = engine.destroy(&plan, &view, &[], run).await.unwrap();
    assert!(removed.outcome.trouble.is_none() && removed.proof.is_some_and(|p| p.gaps.len() == 1));
}
