//! Killed at every write: what was acknowledged is there, and the next process goes on.
use crate::{asked::Fate, faults::faulty, samples::*};
use dlinfra::{
    journal::{self, Backend, Journal, JournalError, Lease, LocalBackend, MemoryBackend, Request, fold, lock::Holder},
    record::Record,
};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

fn holder(name: &str) -> Holder {
    Holder { name: name.into(), host: "host".into(), command: "apply".into(), ci: None }
}

/// A process: takes the lease, tells its story from where the journal ends, releases. Stops at the first failure, as a
/// killed one would; returns how many batches were acknowledged.
async fn process(backend: Arc<dyn Backend>) -> Result<usize, usize> {
    let mut request = Request::new(backend.clone(), clock(), holder("p"));
    request.wait = std::time::Duration::from_secs(600);
    let Ok(lease) = Lease::acquire(request).await else { return Err(0) };
    let Ok(journal) = Journal::open(backend, clock()).await else { return Err(0) };
    let start = usize::try_from(journal.memory().next.number).unwrap() - 1;
    for (done, batch) in story().into_iter().enumerate().skip(start) {
        if journal.append_all(batch).await.is_err() {
            return Err(done);
        }
    }
    lease.release().await.map_err(|_| story().len())?;
    Ok(story().len())
}

#[tokio::test(start_paused = true)]
async fn at_every_write_before_and_after() {
    let whole: Vec<Record> = story().into_iter().flatten().collect();
    let writes = 1 + story().len() as i64 + 1;
    for last_is_written in [false, true] {
        let fate: fn(JournalError) -> Fate = if last_is_written { Fate::Unanswered } else { Fate::Refused };
        for at in 0..writes {
            let memory = MemoryBackend::new();
            let dead = process(Arc::new(faulty(memory.clone(), at, i64::MAX, fate))).await;
            let acknowledged = dead.expect_err("it was killed");
            let found = journal::read(&memory).await.unwrap();
            let written = usize::try_from(found.next.number).unwrap() - 1;
            let extra = usize::from(last_is_written && (1..=story().len() as i64).contains(&at));
            assert_eq!(written, acknowledged + extra, "write {at}, {last_is_written}");
            let prefix: Vec<Record> = story().into_iter().take(written).flatten().collect();
            assert_eq!(journal::Memory { next: journal::Memory::default().next, ..found }, fold(&prefix));
            // The next process waits for the lease of the dead one and finishes the story.
            assert_eq!(process(Arc::new(memory.clone())).await, Ok(story().len()), "write {at}, {last_is_written}");
            let found = journal::read(&memory).await.unwrap();
            assert_eq!(found.next.number as usize, story().len() + 1);
            assert_eq!(journal::Memory { next: journal::Memory::default().next, ..found }, fold(&whole));
        }
    }
}

/// The child of the next test: appends as fast as it can and tells what is durable.
#[tokio::test]
#[ignore = "runs as a child process of `a_real_process_killed_at_any_time`"]
async fn child() {
    let Ok(root) = std::env::var("DLINFRA_TEST_JOURNAL") else { return };
    let backend = Arc::new(LocalBackend::new(root, ACCOUNT, REGION, STACK));
    backend.prepare().await.unwrap();
    let journal = Journal::open(backend, dlinfra::clock::Clock::system()).await.unwrap();
    journal.claim(STACK, ACCOUNT, REGION).await.unwrap();
    for number in journal.memory().pins.len().. {
        journal.append(pin(&format!("{number:06}"), "x".repeat(3000).into())).await.unwrap();
        println!("durable {number}");
    }
}

#[test]
fn a_real_process_killed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let backend = LocalBackend::new(folder.path(), ACCOUNT, REGION, STACK);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut durable = 0;
    for round in 0..8u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--ignored", "--nocapture", "--quiet"])
            .env("DLINFRA_TEST_JOURNAL", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at another moment of its work each time.
        let mut heard = 0;
        while heard < 3 + round {
            let Some(Ok(line)) = lines.next() else { break };
            if let Some((_, number)) = line.rsplit_once("durable ") {
                durable = number.parse::<usize>().unwrap();
                heard += 1;
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some((_, number)) = line.rsplit_once("durable ") {
                durable = number.parse::<usize>().unwrap();
            }
        }
        let memory = runtime.block_on(journal::read(&backend)).unwrap();
        let pins = memory.pins.len();
        assert!(pins == durable + 1 || pins == durable + 2, "{pins} records, {} acknowledged", durable + 1);
        assert!(memory.pins.keys().enumerate().all(|(i, k)| *k == format!("{i:06}")));
    }
}
