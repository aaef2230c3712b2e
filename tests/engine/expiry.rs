//! The moment at which a stack may be removed: settled with the `ttl` that it follows from, wherever a run is killed.
use crate::stage::{Stage, filling, never, text, wanted};
use dlinfra::{
    journal::{JournalError, MemoryBackend},
    plan::Wanted,
    units::Span,
};
use dlinfra_sandbox::StoredObject;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

fn network() -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("subnet", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.0.0/24", "zone": "us-east-1a" })),
    ]
}

/// What the tags of everything live say; one moment, or none.
fn expires(stage: &Stage) -> Option<Timestamp> {
    let live = stage.sandbox.objects().into_iter().filter(StoredObject::is_live);
    let ours = live.filter(|o| o.tags.contains_key("dlinfra:address"));
    let all: BTreeSet<Option<String>> = ours.map(|o| o.tags.get("dlinfra:expires").cloned()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next()?.map(|t| t.parse().unwrap())
}

/// A run that may write so many records, and the one after it, which must leave nothing to do, also a day later.
async fn cut_off(stage: &mut Stage, journal: &Arc<MemoryBackend>, records: usize) -> bool {
    let full = JournalError::Unreachable { place: "memory".into(), why: "cut".into() };
    stage.backend = filling(journal.clone(), records, full);
    let (_keep, cancel) = never();
    let whole = stage.command(&network(), cancel).await.is_ok_and(|o| o.complete());
    stage.backend = journal.clone();
    stage.clock.sleep(Duration::from_secs(3600)).await;
    stage.resume(&network()).await.unwrap();
    for _ in 0..2 {
        let plan = stage.plan(&network()).await;
        assert!(plan.is_empty(), "after {records} records: {}", text(&plan));
        stage.clock.sleep(Duration::from_secs(86_400)).await;
    }
    whole
}

#[tokio::test(start_paused = true)]
async fn a_ttl_and_its_end_are_settled_together_wherever_a_run_is_cut_off() {
    for records in 0.. {
        let journal = Arc::new(MemoryBackend::new());
        let mut stage = Stage::new().await;
        stage.target.ttl = Some(Span::from_hours(240));
        let began = stage.clock.now();
        let first = cut_off(&mut stage, &journal, records).await;
        let end = expires(&stage).unwrap();
        let left = end.duration_since(began) - SignedDuration::from_hours(240);
        assert!(left.abs() < SignedDuration::from_hours(2), "after {records} records: {left:?}");
        // Changed: counted anew, and kept from then on.
        stage.target.ttl = Some(Span::from_hours(480));
        let began = stage.clock.now();
        let second = cut_off(&mut stage, &journal, records).await;
        let end = expires(&stage).unwrap();
        let left = end.duration_since(began) - SignedDuration::from_hours(480);
        assert!(left.abs() < SignedDuration::from_hours(2), "after {records} records: {left:?}");
        if first && second {
            assert!(records > 4, "{records}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ttl_that_was_taken_out_and_comes_back_counts_anew() {
    let mut stage = Stage::new().await;
    stage.target.ttl = Some(Span::from_hours(24));
    stage.settle(&network()).await;
    let first = expires(&stage).unwrap();
    stage.target.ttl = None;
    stage.settle(&network()).await;
    assert_eq!(expires(&stage), None);
    stage.clock.sleep(Duration::from_secs(7200)).await;
    stage.target.ttl = Some(Span::from_hours(24));
    stage.settle(&network()).await;
    assert!(expires(&stage).unwrap() > first + SignedDuration::from_hours(1));
}
