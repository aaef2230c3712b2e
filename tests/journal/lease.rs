//! The lease on paused time: who may, who must wait, and who must know that it may not any more.
use crate::{asked::Fate, faults::faulty, samples::*};
use dlinfra::{
    clock::Clock,
    journal::{
        Backend, Journal, JournalError, Lease, LocalBackend, MemoryBackend, Presence, Request,
        lock::{self, Holder},
    },
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn request(backend: &Arc<dyn Backend>, clock: &Clock, who: &str) -> Request {
    let holder = Holder {
        name: format!("{who}@{who}-host pid 1"),
        host: format!("{who}-host"),
        command: "apply".into(),
        ci: Some(format!("https://ci/{who}")),
    };
    Request::new(backend.clone(), clock.clone(), holder)
}

fn place() -> (Arc<dyn Backend>, Clock) {
    (Arc::new(MemoryBackend::new()), clock())
}

/// What a killed process leaves: a lock that nobody renews.
async fn die(lease: Lease) {
    drop(lease);
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn one_wins_the_other_is_refused_at_once_and_told_by_whom() {
    let (backend, clock) = place();
    let (a, b) = tokio::join!(
        Lease::acquire(request(&backend, &clock, "ada")),
        Lease::acquire(request(&backend, &clock, "bob"))
    );
    let (lease, error) = match (a, b) {
        (Ok(lease), Err(error)) | (Err(error), Ok(lease)) => (lease, error),
        other => panic!("{other:?}"),
    };
    assert_eq!(clock.now(), time(0), "at once");
    let JournalError::Locked { holder, since, ci, .. } = &error else { panic!("{error}") };
    assert_eq!((holder.as_str(), since.as_str()), ("ada@ada-host pid 1", "2026-01-01T00:00:00Z"));
    assert_eq!(ci.as_deref(), Some("https://ci/ada"));
    assert!(error.diagnostic().detail.unwrap().contains("https://ci/ada"));
    // It stays held as long as the process lives.
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(lease.lost(), None);
    assert!(Lease::acquire(request(&backend, &clock, "bob")).await.is_err());
    lease.release().await.unwrap();
    let status = lock::status(&*backend).await.unwrap().unwrap();
    assert!(!status.held && status.holder.unwrap().name.starts_with("ada"));
    Lease::acquire(request(&backend, &clock, "bob")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_holder_is_watched_for_90_seconds() {
    let (backend, clock) = place();
    die(Lease::acquire(request(&backend, &clock, "ada")).await.unwrap()).await;
    // Fresh by its own account: refused at once.
    assert!(matches!(Lease::acquire(request(&backend, &clock, "bob")).await, Err(JournalError::Locked { .. })));
    tokio::time::sleep(seconds(120)).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut asks = request(&backend, &clock, "bob");
    let heard = told.clone();
    asks.watching = Arc::new(move |status| heard.lock().unwrap().push(status.clone()));
    let before = clock.now();
    let lease = Lease::acquire(asks).await.unwrap();
    let waited = clock.now().duration_since(before).as_secs();
    assert!((90..=95).contains(&waited), "{waited}");
    assert_eq!(told.lock().unwrap().len(), 1);
    assert_eq!(lease.lost(), None);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_clock_is_wrong_is_alive_all_the_same() {
    let (backend, here) = place();
    let lease = Lease::acquire(request(&backend, &here, "ada")).await.unwrap();
    // By this clock ada was last heard an hour ago, so it is watched, and seen to live.
    let ahead = Clock::scaled(time(3600), 1);
    let error = Lease::acquire(request(&backend, &ahead, "bob")).await.unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert_eq!(lease.lost(), None);
}

#[tokio::test(start_paused = true)]
async fn of_two_takers_one_wins() {
    let (backend, clock) = place();
    die(Lease::acquire(request(&backend, &clock, "ada")).await.unwrap()).await;
    tokio::time::sleep(seconds(100)).await;
    let (b, c) = tokio::join!(
        Lease::acquire(request(&backend, &clock, "bob")),
        Lease::acquire(request(&backend, &clock, "cyd"))
    );
    assert!(b.is_ok() != c.is_ok());
    let loser = b.err().or(c.err()).unwrap();
    assert!(matches!(loser, JournalError::Locked { .. }), "{loser}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_process_knows_it_before_its_next_change() {
    let (backend, clock) = place();
    let lease = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    let journal = Journal::open(backend.clone(), clock.clone()).await.unwrap();
    let guard = lease.guard(&journal);
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(guard(), None);
    // Stopped for an hour: no task ran; the first thing it does is a change.
    tokio::time::advance(seconds(3600)).await;
    let why = guard().unwrap();
    assert!(why.starts_with("the lease was lost: it was not renewed for"), "{why}");
    // It does not come back to life, though nobody took the lock.
    tokio::time::sleep(seconds(60)).await;
    assert!(lease.lost().is_some());
    lease.release().await.unwrap();
    Lease::acquire(request(&backend, &clock, "bob")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_counts_the_time_it_slept() {
    let (backend, clock) = place();
    let slept = Arc::new(AtomicU64::new(0));
    let mut asks = request(&backend, &clock, "ada");
    let (time, jump) = (clock.clone(), slept.clone());
    asks.uptime = Arc::new(move || time.uptime() + seconds(jump.load(Ordering::SeqCst)));
    let lease = Lease::acquire(asks).await.unwrap();
    tokio::time::sleep(seconds(50)).await;
    assert_eq!(lease.lost(), None);
    slept.store(3600, Ordering::SeqCst);
    assert!(lease.lost().is_some());
}

#[tokio::test(start_paused = true)]
async fn after_a_takeover_the_old_process_stops_within_a_heartbeat() {
    let (backend, clock) = place();
    let old = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    let seen = lock::status(&*backend).await.unwrap().unwrap();
    assert!(lock::break_lock(&*backend, &seen, clock.now()).await.unwrap());
    assert!(!lock::break_lock(&*backend, &seen, clock.now()).await.unwrap(), "it has changed since");
    let new = Lease::acquire(request(&backend, &clock, "bob")).await.unwrap();
    tokio::time::sleep(seconds(21)).await;
    let why = old.lost().unwrap();
    assert_eq!(why, "it was taken over by bob@bob-host pid 1");
    assert!(matches!(old.release().await, Err(JournalError::Lost { .. })));
    assert_eq!(new.lost(), None);
    assert!(lock::status(&*backend).await.unwrap().unwrap().held, "the release of the old one changed nothing");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_ours() {
    let clock = clock();
    for at in 0..4 {
        let memory = MemoryBackend::new();
        let backend: Arc<dyn Backend> = Arc::new(faulty(memory, at, 1, Fate::Unanswered));
        let lease = Lease::acquire(request(&backend, &clock, "ada")).await;
        let lease = match lease {
            Ok(lease) => lease,
            // The very first write: the caller is told that it failed.
            Err(error) => {
                assert!(at == 0 && matches!(error, JournalError::Unreachable { .. }));
                continue;
            }
        };
        tokio::time::sleep(seconds(200)).await;
        assert_eq!(lease.lost(), None, "write {at}");
        lease.release().await.unwrap();
        assert!(!lock::status(&*backend).await.unwrap().unwrap().held);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_does_not_answer_costs_the_lease_after_75_seconds() {
    let clock = clock();
    let backend: Arc<dyn Backend> = Arc::new(faulty(MemoryBackend::new(), 2, i64::MAX, Fate::Refused));
    let lease = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    tokio::time::sleep(seconds(90)).await;
    assert_eq!(lease.lost(), None, "renewed once, 70 s ago");
    tokio::time::sleep(seconds(6)).await;
    assert!(lease.lost().is_some());
    let before = clock.now();
    assert!(lease.release().await.is_err());
    assert!(clock.now().duration_since(before).as_secs() <= 5);
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_costs_nothing() {
    let clock = clock();
    let backend: Arc<dyn Backend> = Arc::new(faulty(MemoryBackend::new(), 1, 8, Fate::Refused));
    let lease = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    tokio::time::sleep(seconds(300)).await;
    assert_eq!(lease.lost(), None);
}

#[tokio::test]
async fn a_process_that_died_here_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let local = LocalBackend::new(folder.path(), ACCOUNT, REGION, STACK);
    local.prepare().await.unwrap();
    let backend: Arc<dyn Backend> = Arc::new(local);
    let with_presence = |who: &str| {
        let mut request = request(&backend, &clock, who);
        request.holder.host = "laptop".into();
        request.presence = Some(Presence::new(folder.path()));
        request
    };
    let lease = Lease::acquire(with_presence("ada")).await.unwrap();
    let error = Lease::acquire(with_presence("bob")).await.unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    // Killed: the file stays, its lock is free.
    let file = std::fs::read_dir(folder.path().join("run")).unwrap().next().unwrap().unwrap().path();
    drop(lease);
    assert!(file.exists(), "bob, who was refused, has left nothing, and ada has");
    let lease = Lease::acquire(with_presence("bob")).await.unwrap();
    assert!(!file.exists(), "what the dead one left is cleared away");
    // On another machine such a file proves nothing.
    let mut elsewhere = with_presence("cyd");
    elsewhere.holder.host = "desktop".into();
    drop(lease);
    assert!(Lease::acquire(elsewhere).await.is_err());
}

/// Its token expired, or its disk is full: it ends by itself, and its own machine need not wait for what it left.
#[tokio::test(start_paused = true)]
async fn a_lock_that_could_not_be_given_back_is_known_here_as_a_dead_ones() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let memory = MemoryBackend::new();
    let backend: Arc<dyn Backend> = Arc::new(faulty(memory.clone(), 1, i64::MAX, Fate::Refused));
    let with_presence = |backend: &Arc<dyn Backend>, who: &str| {
        let mut request = request(backend, &clock, who);
        request.holder.host = "laptop".into();
        request.presence = Some(Presence::new(folder.path()));
        request
    };
    let lease = Lease::acquire(with_presence(&backend, "ada")).await.unwrap();
    assert!(lease.release().await.is_err());
    let whole: Arc<dyn Backend> = Arc::new(memory);
    let mut elsewhere = with_presence(&whole, "eve");
    elsewhere.holder.host = "desktop".into();
    let error = Lease::acquire(elsewhere).await.unwrap_err();
    assert!(error.help().contains("until 2026-01-01T00:01:30Z"), "{}", error.help());
    let before = clock.now();
    let lease = Lease::acquire(with_presence(&whole, "bob")).await.unwrap();
    assert_eq!(clock.now(), before, "at once");
    lease.release().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("run")).unwrap().count(), 0, "nothing is left of both");
}

#[tokio::test(start_paused = true)]
async fn whoever_can_wait_gets_it_when_it_is_free() {
    let (backend, clock) = place();
    let lease = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    let mut patient = request(&backend, &clock, "bob");
    patient.wait = seconds(600);
    let waiting = tokio::spawn(Lease::acquire(patient));
    tokio::time::sleep(seconds(200)).await;
    assert!(!waiting.is_finished());
    lease.release().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(clock.now().duration_since(time(200)).as_secs() <= 6);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_read_is_held_until_broken() {
    let memory = MemoryBackend::new();
    memory.set("lock.json", b"rubbish");
    let backend: Arc<dyn Backend> = Arc::new(memory);
    let clock = clock();
    let error = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    let seen = lock::status(&*backend).await.unwrap().unwrap();
    assert!(seen.held && seen.holder.is_none());
    assert!(lock::break_lock(&*backend, &seen, clock.now()).await.unwrap());
    Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
}

/// A sandbox at the highest speed jumps from event to event; writing to a disk must not look like hours of silence.
#[tokio::test(start_paused = true)]
async fn a_folder_keeps_its_lease_while_time_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalBackend::new(folder.path(), ACCOUNT, REGION, STACK);
    local.prepare().await.unwrap();
    let backend: Arc<dyn Backend> = Arc::new(local);
    let clock = clock();
    let lease = Lease::acquire(request(&backend, &clock, "ada")).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(seconds(600)).await;
        assert_eq!(lease.lost(), None);
    }
    lease.release().await.unwrap();
}
