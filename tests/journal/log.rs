//! Appending, reading, numbering, group commit, the stored fold.
use crate::samples::*;
use dlinfra::{
    journal::{self, Backend, Journal, JournalError, JournalRecorder, LocalBackend, MemoryBackend},
    record::{Record, Recorder},
    resource::Class,
};
use serde_json::json;
use std::{fs, sync::Arc};

pub(crate) async fn tell(backend: Arc<dyn Backend>) -> Journal {
    let journal = Journal::open_as(backend, clock(), "w").await.unwrap();
    for batch in story() {
        journal.append_all(batch).await.unwrap();
    }
    journal
}

#[tokio::test(start_paused = true)]
async fn the_memory_is_what_was_told() {
    let backend = Arc::new(MemoryBackend::new());
    let journal = tell(backend.clone()).await;
    let memory = journal::read(&*backend).await.unwrap();
    assert_eq!(memory, journal.memory());
    assert_eq!(memory.claim.as_ref().unwrap().stack, STACK);
    assert_eq!(memory.applied.keys().map(ToString::to_string).collect::<Vec<_>>(), ["net.vpc"]);
    assert_eq!(memory.open_at(&address("net.subnet"))[0].id, "I3");
    assert_eq!(memory.accepted[&address("data.bucket")][0].ids, ["acme-corpus-x"]);
    assert_eq!(memory.names().into_iter().collect::<Vec<_>>(), ["acme-corpus-x"]);
    assert_eq!(memory.run.as_ref().unwrap().ended.as_ref().unwrap().outcome, "partial");
    assert!(memory.interrupted().is_none() && memory.expects_objects());
    assert_eq!(memory.next.number, 10);
}

#[tokio::test]
async fn a_folder_holds_the_same() {
    let root = tempfile::tempdir().unwrap();
    let dot = root.path().join(".dlinfra");
    let local = Arc::new(LocalBackend::new(&dot, ACCOUNT, REGION, STACK));
    assert!(journal::read(&*local).await.unwrap().is_empty());
    assert!(!dot.exists(), "reading makes nothing");
    local.prepare().await.unwrap();
    let journal = tell(local.clone()).await;
    let there = journal::read(&*local).await.unwrap();
    assert_eq!(there, journal.memory());
    let memory = MemoryBackend::new();
    assert_eq!(tell(Arc::new(memory.clone())).await.memory(), there);
    for (key, bytes) in memory.objects() {
        assert_eq!(fs::read(local.folder().join(&key)).unwrap(), bytes, "{key}");
    }
    assert_eq!(fs::read_to_string(dot.join(".gitignore")).unwrap(), "*\n");
    let folder = dot.join("state").join(ACCOUNT).join(REGION).join(STACK);
    assert_eq!(local.folder(), folder);
    // What a killed writer leaves is never under a name that is read, so a torn file cannot be the last one.
    fs::write(folder.join("log/.new-0123"), b"{\"v\":1,\"addr").unwrap();
    assert_eq!(journal::read(&*local).await.unwrap(), there);
    journal.append(run()).await.unwrap();
    assert_eq!(journal::read(&*local).await.unwrap(), journal.memory());
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_is_written_together() {
    let backend = MemoryBackend::new();
    let journal = Journal::open(Arc::new(backend.clone()), clock()).await.unwrap();
    journal.claim(STACK, ACCOUNT, REGION).await.unwrap();
    let recorder = JournalRecorder::new(journal.clone(), Arc::new(|_, _| ()));
    let intents = (0..200).map(|i| {
        let Record::Intent(intent) = intent(&format!("worker/{i}.group"), &format!("I{i}"), Class::Token, json!({}))
        else {
            unreachable!()
        };
        recorder.intent(intent)
    });
    for result in futures_util::future::join_all(intents).await {
        result.unwrap();
    }
    assert_eq!(backend.objects().len(), 2, "one claim, one tick");
    assert_eq!(journal::read(&backend).await.unwrap().open.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn of_two_writers_the_second_stops_for_ever() {
    let backend = Arc::new(MemoryBackend::new());
    let first = Journal::open(backend.clone(), clock()).await.unwrap();
    first.claim(STACK, ACCOUNT, REGION).await.unwrap();
    let second = Journal::open(backend.clone(), clock()).await.unwrap();
    first.append(run()).await.unwrap();
    let error = second.append(run()).await.unwrap_err();
    assert!(matches!(error, JournalError::Conflict { .. }), "{error}");
    assert_eq!(second.broken(), Some(error.clone()));
    assert_eq!(second.append(end("ok")).await, Err(error));
    first.append(end("ok")).await.unwrap();
    assert_eq!(journal::read(&*backend).await.unwrap(), first.memory());
}

#[tokio::test(start_paused = true)]
async fn two_laptops_get_one_claim_and_strangers_none() {
    let backend = Arc::new(MemoryBackend::new());
    let one = Journal::open(backend.clone(), clock()).await.unwrap();
    let two = Journal::open(backend.clone(), clock()).await.unwrap();
    let (a, b) = tokio::join!(one.claim(STACK, ACCOUNT, REGION), two.claim(STACK, ACCOUNT, REGION));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(backend.objects().len(), 1);
    two.append(run()).await.unwrap();
    let error = one.claim(STACK, "999999999999", REGION).await.unwrap_err();
    assert!(
        error.to_string().contains("account 123456789012") && error.to_string().contains("999999999999"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn damage_names_file_and_line() {
    let backend = MemoryBackend::new();
    tell(Arc::new(backend.clone())).await;
    let key = "log/0001-000000000003.jsonl";
    let whole = backend.objects()[key].clone();
    let text = String::from_utf8(whole.clone()).unwrap();
    backend.set(key, text.replace("acme-corpus-x", "acme-corpus-y").as_bytes());
    let error = journal::read(&backend).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the journal is damaged at memory/{key} line 2: its check sum is wrong"));
    assert!(error.help().contains("dlinfra recover"));
    backend.set(key, text.lines().next().map(|l| format!("{l}\n")).unwrap().as_bytes());
    assert!(journal::read(&backend).await.unwrap_err().to_string().contains("lines are missing"));
    backend.lose(key);
    let error = journal::read(&backend).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the journal is damaged at memory/{key}: it is missing"));
    backend.set(key, text.replace("{\"v\":1,", "{\"v\":7,").as_bytes());
    assert_eq!(journal::read(&backend).await.unwrap_err().code().code, "DL0508");
    backend.set(key, &whole);
    assert!(journal::read(&backend).await.is_ok());
    backend.set("log/.DS_Store", b"x");
    backend.set("log/notes.txt", b"x");
    assert!(journal::read(&backend).await.is_ok(), "strangers' files are no records");
}

#[tokio::test(start_paused = true)]
async fn the_stored_fold_is_only_a_cache() {
    let backend = MemoryBackend::new();
    let journal = tell(Arc::new(backend.clone())).await;
    let recorder = JournalRecorder::new(journal.clone(), Arc::new(|_, _| ()));
    for round in 0..4 {
        recorder.begin("apply", "me").await.unwrap();
        for i in 0..40 {
            journal.append(stable(&format!("worker/{round}-{i}.group"), "i-1")).await.unwrap();
        }
        recorder.end("ok").await.unwrap();
    }
    let folds: Vec<_> = backend.objects().into_keys().filter(|k| k.starts_with("fold/")).collect();
    assert_eq!(folds.len(), 2, "the newest and the one before: {folds:?}");
    let whole = journal.memory();
    assert_eq!(journal::read(&backend).await.unwrap(), whole);
    // It is really read: the log before it is not needed.
    let kept = backend.objects();
    backend.lose("log/0001-000000000002.jsonl");
    assert_eq!(journal::read(&backend).await.unwrap(), whole);
    backend.set("log/0001-000000000002.jsonl", &kept["log/0001-000000000002.jsonl"]);
    // Damaged, the one before is taken; both damaged, the log alone.
    for fold in folds.iter().rev() {
        let text = String::from_utf8(kept[fold].clone()).unwrap();
        backend.set(fold, text.replace("10.0.0.0/16", "10.9.0.0/16").as_bytes());
        assert_eq!(journal::read(&backend).await.unwrap(), whole);
        backend.set(fold, &text.as_bytes()[..100]);
        assert_eq!(journal::read(&backend).await.unwrap(), whole);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_refused_and_harms_nobody_else() {
    let backend = MemoryBackend::new();
    let journal = Journal::open(Arc::new(backend.clone()), clock()).await.unwrap();
    journal.append(claim()).await.unwrap();
    let bad = pin("k", json!({"$secret": "arn:aws:x", "text": "hunter2"}));
    let (bad, good) = tokio::join!(journal.append(bad), journal.append(run()));
    assert!(matches!(bad, Err(JournalError::Refused { .. })));
    good.unwrap();
    assert!(backend.objects().values().all(|b| !String::from_utf8_lossy(b).contains("hunter2")));
}

#[test]
fn money_that_may_have_been_spent_stays_open() {
    let bought = intent("reserved.block", "I1", Class::Money, json!({"offering": "cb-1"}));
    let records = [claim(), bought, stable("reserved.block", "x"), gone("reserved.block")];
    assert_eq!(journal::fold(&records).open_at(&address("reserved.block")).len(), 1);
    assert!(journal::fold(records.iter().chain([&failed("reserved.block", "I1")])).open.is_empty());
}
