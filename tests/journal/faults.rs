//! A backend that fails when told to, and the errors that people then read.
use crate::{
    asked::{Asked, Fate},
    samples::*,
};
use dlinfra::{
    aws,
    journal::{self, Backend, Journal, JournalError, LocalBackend, MemoryBackend},
};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// A journal whose writes fail from the `at`-th on (counted from 0), `times` times; `fate` is told why.
pub(crate) fn faulty(inner: MemoryBackend, at: i64, times: i64, fate: fn(JournalError) -> Fate) -> Asked {
    let why = JournalError::Unreachable { place: "memory".into(), why: "cut".into() };
    let (left, times) = (AtomicI64::new(at), AtomicI64::new(times));
    let strikes = move || left.fetch_sub(1, Ordering::SeqCst) <= 0 && times.fetch_sub(1, Ordering::SeqCst) > 0;
    Asked::new(Arc::new(inner), move |_, _| if strikes() { fate(why.clone()) } else { Fate::Written })
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_before_the_call_and_goes_on_later() {
    let memory = MemoryBackend::new();
    let full = |_| Fate::Refused(JournalError::DiskFull { path: ".dlinfra/state".into() });
    let faulty = faulty(memory.clone(), 1, 1, full);
    let journal = Journal::open(Arc::new(faulty), clock()).await.unwrap();
    journal.append(claim()).await.unwrap();
    let error = journal.append(run()).await.unwrap_err();
    assert_eq!(
        (error.code().code, error.to_string().as_str()),
        ("DL0503", "no space is left for the journal in .dlinfra/state")
    );
    assert!(error.help().contains("free some space"));
    assert_eq!(aws::Error::from(error).class, aws::ErrorClass::Journal);
    assert!(journal.memory().run.is_none());
    journal.append(run()).await.unwrap();
    assert_eq!(journal::read(&memory).await.unwrap(), journal.memory());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_conflict() {
    let memory = MemoryBackend::new();
    let faulty = faulty(memory.clone(), 1, 1, Fate::Unanswered);
    let journal = Journal::open(Arc::new(faulty), clock()).await.unwrap();
    journal.append(claim()).await.unwrap();
    assert!(journal.append(run()).await.is_err());
    journal.append(end("ok")).await.unwrap();
    let read = journal::read(&memory).await.unwrap();
    assert_eq!(read, journal.memory());
    assert_eq!(read.run.unwrap().ended.unwrap().outcome, "ok");
}

#[test]
fn file_errors_say_who_is_to_blame() {
    let of = |code: i32| JournalError::io("write", Path::new("/x"), &io::Error::from_raw_os_error(code)).code().code;
    assert_eq!((of(28), of(122), of(30), of(13), of(5)), ("DL0503", "DL0503", "DL0502", "DL0502", "DL0501"));
    let read = JournalError::io("read", Path::new("/x"), &io::Error::from_raw_os_error(13));
    assert_eq!(read.code().code, "DL0501", "a refusal to read is not an absence");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_found_out_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    std::fs::write(&file, b"").unwrap();
    let backend = LocalBackend::new(&file, ACCOUNT, REGION, STACK);
    let error = backend.prepare().await.unwrap_err();
    assert!(error.to_string().contains("plain"), "{error}");
    // Root may write everywhere, so that case needs another user.
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    let mut rights = std::fs::metadata(&locked).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&locked, rights).unwrap();
    if std::fs::write(locked.join("probe"), b"").is_err() {
        let backend = LocalBackend::new(&locked, ACCOUNT, REGION, STACK);
        let error = backend.prepare().await.unwrap_err();
        assert_eq!(error.code().code, "DL0502");
        assert!(journal::read(&backend).await.unwrap().is_empty(), "reading works all the same");
    }
}

#[test]
fn every_error_has_a_code_that_can_be_explained() {
    let text = String::new;
    let all = [
        JournalError::Io { doing: "read", path: text(), why: text() },
        JournalError::ReadOnly { path: text() },
        JournalError::DiskFull { path: text() },
        JournalError::Denied { place: text(), why: text(), help: None },
        JournalError::Credentials { place: text(), why: text() },
        JournalError::Unreachable { place: text(), why: text() },
        JournalError::Conflict { at: text() },
        JournalError::Damaged { at: text(), line: None, why: text() },
        JournalError::NewerVersion { at: text(), found: 2, known: 1 },
        JournalError::ForeignOwner { bucket: text(), account: text() },
        JournalError::OtherStack { place: text(), found: text(), wanted: text() },
        JournalError::NoBucket { bucket: text() },
        JournalError::Locked {
            holder: text(),
            command: text(),
            since: text(),
            renewed: text(),
            silent: text(),
            ci: None,
        },
        JournalError::Lost { why: text() },
        JournalError::SeveralOwners { ids: vec![] },
        JournalError::NothingLive { stack: text() },
        JournalError::Refused { why: text() },
        JournalError::Changed { by: text() },
        JournalError::Elsewhere { stack: text(), found: text(), wanted: text() },
        JournalError::NoMemory { stack: text(), count: 1, theirs: text(), ours: text(), place: text() },
        JournalError::LockChanged { stack: text() },
    ];
    let mut codes: Vec<_> = all.iter().map(|e| e.code().code).collect();
    codes.sort_unstable();
    let table: Vec<_> = journal::CODES.iter().map(|c| c.code).collect();
    assert_eq!(codes, table);
    assert!(all.iter().all(|e| !e.help().is_empty() && e.diagnostic().code == e.code().code));
}
