//! A journal that is lost or damaged is begun again from tags.
use crate::{log::tell, samples::*};
use dlinfra::{
    aws::tags,
    journal::{self, ByKind, Journal, JournalError, Lost, MemoryBackend, Recovered, recover},
    resource::{Live, State},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const STACK_ID: &str = "11111111-2222-4333-8444-555555555555";

fn live(at: &str, id: &str, stack_id: &str, owner: &str, spec: serde_json::Value) -> Live {
    let tags = [
        (tags::STACK, STACK),
        (tags::STACK_ID, stack_id),
        (tags::ADDRESS, at),
        (tags::OWNER, owner),
        (tags::INTENT, "I9"),
        ("team", "ml"),
    ];
    Live::new(address(at), id, tags.map(|(k, v)| (k, v.to_owned())), spec)
}

fn account() -> ByKind {
    let mut pending = live("net.subnet", "subnet-1", STACK_ID, "ada", json!({"vpc": {"$id": "vpc-1"}}));
    let ready = pending.clone();
    pending.address = address("net.other");
    pending.id = "subnet-2".into();
    pending.state = State::Pending;
    BTreeMap::from([
        ("vpc".to_owned(), vec![live("net.vpc", "vpc-1", STACK_ID, "ada", json!({"cidr": "10.0.0.0/16"}))]),
        ("subnet".to_owned(), vec![ready, pending]),
    ])
}

fn lost(live: &ByKind) -> Lost<'_> {
    let fields = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    Lost {
        stack: STACK,
        account: ACCOUNT,
        region: REGION,
        holder: "ada@host",
        live,
        pins: BTreeMap::new(),
        written: [(address("net.subnet"), fields(&["vpc"])), (address("net.vpc"), fields(&[]))].into(),
        tags: BTreeSet::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_journal_is_left_alone() {
    let backend = MemoryBackend::new();
    let memory = tell(Arc::new(backend.clone())).await.memory();
    let before = backend.objects();
    let live = account();
    assert_eq!(recover(&backend, &clock(), &lost(&live)).await, Ok(Recovered::Whole(memory)));
    assert_eq!(backend.objects(), before);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_begun_again_beside_the_old_one() {
    let backend = MemoryBackend::new();
    let old = tell(Arc::new(backend.clone())).await;
    backend.set("log/0001-000000000004.jsonl", b"{\"v\":1,\"x\"");
    let before = backend.objects();
    let live = account();
    let Recovered::Rebuilt { memory, damage } = recover(&backend, &clock(), &lost(&live)).await.unwrap() else {
        panic!("not rebuilt")
    };
    assert!(matches!(damage, Some(JournalError::Damaged { .. })));
    assert_eq!(memory.claim.as_ref().unwrap().stack_id, STACK_ID);
    assert_eq!(memory.applied[&address("net.subnet")].spec, json!({"vpc": {"$ref": "net.vpc"}}));
    assert_eq!(memory.applied[&address("net.vpc")].spec, json!({}), "of a field that nobody writes nobody knows");
    assert!(!memory.applied[&address("net.vpc")].tags.contains_key("team"), "nobody knows who set it");
    assert_eq!(memory.accepted[&address("net.other")][0].ids, ["subnet-2"]);
    assert_eq!(memory.run.as_ref().unwrap().command, "recover");
    assert!(memory.interrupted().is_none());
    let after = backend.objects();
    assert!(before.iter().all(|(k, b)| after[k] == *b), "the old records stay");
    // A writer of the old journal that is still there meets a taken number.
    assert!(matches!(old.append(run()).await, Err(JournalError::Conflict { .. })));
    // The new one goes on.
    let journal = Journal::open(Arc::new(backend.clone()), clock()).await.unwrap();
    assert_eq!(journal.claim(STACK, ACCOUNT, REGION).await.unwrap().stack_id, STACK_ID);
    journal.append(run()).await.unwrap();
    assert_eq!(journal::read(&backend).await.unwrap(), journal.memory());
    // And may be damaged in its turn.
    backend.set("log/0002-000000000002.jsonl", b"x\n");
    assert!(matches!(recover(&backend, &clock(), &lost(&live)).await, Ok(Recovered::Rebuilt { .. })));
    assert_eq!(journal::read(&backend).await.unwrap().next.generation, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stored_fold_of_the_old_journal_does_not_survive() {
    let backend = MemoryBackend::new();
    let journal = tell(Arc::new(backend.clone())).await;
    for i in 0..40 {
        journal.append(stable(&format!("worker/{i}.group"), "i-1")).await.unwrap();
    }
    journal.compact().await;
    journal.append(run()).await.unwrap();
    let last = backend.objects().into_keys().rfind(|k| k.starts_with("log/")).unwrap();
    backend.set(&last, b"x\n");
    let live = account();
    let Recovered::Rebuilt { memory, .. } = recover(&backend, &clock(), &lost(&live)).await.unwrap() else {
        panic!("not rebuilt")
    };
    assert_eq!(memory.applied.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_journal_takes_the_stack_id_of_the_tags() {
    let backend = MemoryBackend::new();
    let live = account();
    let found = recover(&backend, &clock(), &lost(&live)).await.unwrap();
    assert!(matches!(found, Recovered::Rebuilt { damage: None, .. }));
    let memory = journal::read(&backend).await.unwrap();
    assert_eq!((memory.claim.unwrap().stack_id.as_str(), memory.next.generation), (STACK_ID, 1));
}

#[tokio::test(start_paused = true)]
async fn two_owners_are_both_named_and_nothing_is_an_error() {
    let backend = MemoryBackend::new();
    let mut live = account();
    live.get_mut("vpc").unwrap().push(live_of_another());
    let error = recover(&backend, &clock(), &lost(&live)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("{STACK_ID} (owner ada)")) && text.contains("99999999 (owner bob)"), "{text}");
    let error = recover(&backend, &clock(), &lost(&ByKind::new())).await.unwrap_err();
    assert_eq!(error.code().code, "DL0516");
    assert!(backend.objects().is_empty());
}

fn live_of_another() -> Live {
    live("x", "vpc-2", "99999999", "bob", json!({}))
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_moved_whole_or_seen_as_damaged() {
    let from = MemoryBackend::new();
    let memory = tell(Arc::new(from.clone())).await.memory();
    let whole = MemoryBackend::new();
    assert_eq!(journal::transfer(&from, &whole).await, Ok(memory.clone()));
    let log: Vec<String> = whole.objects().into_keys().filter(|k| k.starts_with("log/")).collect();
    // Killed after any number of records: damaged, and finished by doing it again.
    for written in 1..log.len() {
        let to = MemoryBackend::new();
        for key in log.iter().rev().take(written) {
            to.set(key, &whole.objects()[key]);
        }
        assert!(matches!(journal::read(&to).await, Err(JournalError::Damaged { .. })), "{written}");
        assert_eq!(journal::transfer(&from, &to).await, Ok(memory.clone()), "{written}");
    }
    // Another journal there is not touched.
    let other = MemoryBackend::new();
    other.set("log/0001-000000000099.jsonl", b"x");
    let before = other.objects();
    assert!(matches!(journal::transfer(&from, &other).await, Err(JournalError::Conflict { .. })));
    assert_eq!(other.objects(), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_keeps_its_claim() {
    let backend = MemoryBackend::new();
    let old = tell(Arc::new(backend.clone())).await;
    let claim = old.memory().claim.unwrap();
    let memory = journal::forget(&backend, &clock(), &claim, "ada@host").await.unwrap();
    assert_eq!(memory.claim.unwrap().stack_id, claim.stack_id);
    assert!(memory.applied.is_empty() && memory.open.is_empty() && memory.accepted.is_empty());
    assert_eq!(memory.next.generation, 2);
    assert!(matches!(old.append(run()).await, Err(JournalError::Conflict { .. })));
}
