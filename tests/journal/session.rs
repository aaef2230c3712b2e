//! A whole mutating command: begin, work, end; and what a second one sees.
use crate::samples::*;
use dlinfra::journal::{
    self, Backend, Begin, JournalError, Memory, MemoryBackend, Request, Session,
    lock::{self, Holder},
};
use std::{sync::Arc, time::Duration};

fn begin(backend: &Arc<dyn Backend>, who: &str, memory: &Memory) -> Begin {
    let holder = Holder { name: who.into(), host: who.into(), command: "apply".into(), ci: None };
    Begin {
        lease: Request::new(backend.clone(), clock(), holder),
        stack: STACK.into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        stack_id: None,
        seen: memory.next,
        waiting: Arc::new(|_, _| ()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_recorded_and_leaves_the_lock_free() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let nothing = journal::read(&*backend).await.unwrap();
    let session = Session::begin(begin(&backend, "ada", &nothing)).await.unwrap();
    assert_eq!((session.guard()(), session.lost()), (None, None));
    let during = journal::read(&*backend).await.unwrap();
    assert_eq!(during.claim.as_ref().unwrap().stack, STACK);
    assert_eq!(during.interrupted().unwrap().holder, "ada");
    assert!(matches!(Session::begin(begin(&backend, "bob", &during)).await, Err(JournalError::Locked { .. })));
    session.end("ok").await.unwrap();
    let after = journal::read(&*backend).await.unwrap();
    assert!(after.interrupted().is_none());
    assert!(!lock::status(&*backend).await.unwrap().unwrap().held);
    // A plan made before that run is a plan for another stack; the lock is free again.
    let error = Session::begin(begin(&backend, "bob", &nothing)).await.unwrap_err();
    assert!(matches!(&error, JournalError::Changed { by } if by.contains("ada")), "{error}");
    let session = Session::begin(begin(&backend, "bob", &after)).await.unwrap();
    assert_eq!(journal::read(&*backend).await.unwrap().claim, after.claim);
    session.end("interrupted").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_seen_and_waited_for() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    drop(Session::begin(begin(&backend, "ada", &Memory::default())).await.unwrap());
    tokio::time::sleep(Duration::from_secs(200)).await;
    let found = journal::read(&*backend).await.unwrap();
    assert_eq!(found.interrupted().unwrap().command, "apply");
    let mut again = begin(&backend, "bob", &found);
    again.lease.clock = dlinfra::clock::Clock::scaled(time(200), 1);
    Session::begin(again).await.unwrap().end("ok").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_died_on_this_machine_is_not_waited_for() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    drop(Session::begin(begin(&backend, "ada", &Memory::default())).await.unwrap());
    let found = journal::read(&*backend).await.unwrap();
    Session::begin(begin(&backend, "ada", &found)).await.unwrap().end("ok").await.unwrap();
}
