//! A journal that stops to take records in the middle of a run: no object without a recorded intent, and the next run
//! with a journal finishes.
use crate::stage::{Stage, filling, text, wanted};
use dlinfra::{
    engine::Execution,
    journal::{JournalError, MemoryBackend},
    plan::Wanted,
};
use dlinfra_sandbox::StoredObject;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

fn network() -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("subnet", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.0.0/24", "zone": "us-east-1a" })),
        wanted("gateway", "internet-gateway", json!({ "vpc": { "$ref": "vpc" } })),
        wanted("data", "bucket", json!({})),
    ]
}

/// The journal takes `records` writes and then no more. Did the run come to its end?
async fn fill(records: usize, error: JournalError) -> bool {
    let what = format!("{records} writes, then {error}");
    let wanted = network();
    let mut stage = Stage::new().await;
    let journal = MemoryBackend::new();
    stage.backend = filling(Arc::new(journal.clone()), records, error);
    let (engine, view, plan) = stage.look(&wanted).await;
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let run = Execution { command: "apply", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let ended = engine.execute(&plan, &view, &wanted, run).await;
    let done = ended.as_ref().is_ok_and(dlinfra::apply::Outcome::complete);
    let written: String =
        journal.objects().into_values().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let mut objects: BTreeMap<(String, String), usize> = BTreeMap::new();
    for object in stage.sandbox.objects().into_iter().filter(StoredObject::is_live) {
        if let Some(intent) = object.tags.get("dlinfra:intent") {
            assert!(written.contains(intent), "{what}: {} {} was made without a record", object.kind, object.id);
            *objects.entry((object.kind.clone(), object.tags["dlinfra:address"].clone())).or_default() += 1;
        }
    }
    // The lock was given back although the end could not be written.
    stage.backend = Arc::new(journal);
    let again = stage.apply(&wanted).await;
    assert!(again.complete(), "{what}");
    let plan = stage.plan(&wanted).await;
    assert!(plan.is_empty(), "{what}: {}", text(&plan));
    for object in stage.sandbox.objects().into_iter().filter(StoredObject::is_live) {
        if let Some(address) = object.tags.get("dlinfra:address") {
            let twins = stage
                .sandbox
                .objects()
                .into_iter()
                .filter(|o| o.is_live() && o.kind == object.kind && o.tags.get("dlinfra:address") == Some(address));
            assert_eq!(twins.count(), 1, "{what}: {} {address}", object.kind);
        }
    }
    done
}

#[tokio::test(start_paused = true)]
async fn no_call_without_its_record_wherever_the_journal_ends() {
    let errors = [
        JournalError::DiskFull { path: "disk".into() },
        JournalError::Unreachable { place: "bucket".into(), why: "cut".into() },
    ];
    let mut records = 0;
    while !fill(records, errors[records % 2].clone()).await {
        records += 1;
        assert!(records < 100, "the run never comes to its end");
    }
    assert!(records >= 6, "only {records} writes: the test has lost its subject");
}
