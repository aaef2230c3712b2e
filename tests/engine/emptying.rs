//! A bucket with more objects than one request deletes: counted before, told while it goes, resumed after a stop.
use crate::stage::{Stage, wanted};
use bytes::Bytes;
use dlinfra::{
    apply::{Event, What},
    engine::Execution,
    plan::Wanted,
};
use dlinfra_sandbox::{FaultAction, FaultRule};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Enough for many requests of 1,000, few enough for every run of the tests; `DLINFRA_BUCKET_OBJECTS=1000000` by hand.
fn objects() -> usize {
    std::env::var("DLINFRA_BUCKET_OBJECTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

fn bucket() -> Vec<Wanted> {
    vec![wanted("data", "bucket", json!({ "name": "acme-emptied" }))]
}

/// Puts objects as fast as the sandbox takes them; every hundredth twice, so that there are old versions.
async fn fill(stage: &Stage, count: usize) {
    let body = Bytes::from_static(b"0123456789");
    for number in 0..count {
        // S3 takes 3,500 writes a second.
        if number % 2_000 == 0 {
            stage.clock.sleep(Duration::from_secs(10)).await;
        }
        for _ in 0..1 + usize::from(number % 100 == 0) {
            let request = http::Request::builder()
                .method("PUT")
                .uri(format!("https://s3.us-east-1.amazonaws.com/acme-emptied/shard-{number:07}"))
                .header("host", "s3.us-east-1.amazonaws.com")
                .header("authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request")
                .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
                .body(body.clone())
                .unwrap();
            match stage.sandbox.handle(request).await {
                dlinfra_sandbox::HandleOutcome::Response(answer) => {
                    assert_eq!(answer.status(), 200, "{:?}", answer.body());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_is_counted_told_of_and_resumed() {
    let stage = Stage::new().await;
    stage.apply(&bucket()).await;
    let objects = objects();
    let began = std::time::Instant::now();
    fill(&stage, objects).await;
    eprintln!("{objects} objects put in {:?}", began.elapsed());

    // Before: how much would be lost, without listing all of it.
    let before = stage.sandbox.requests();
    let (engine, view, plan) = stage.look(&[]).await;
    let contents = engine.contents(&plan, &view).await.unwrap();
    let words = contents.values().next().unwrap();
    assert!(words.starts_with("more than 19,"), "{words}");
    let listed = stage.sandbox.requests().count("s3:ListObjectVersions") - before.count("s3:ListObjectVersions");
    assert_eq!(listed, 20);

    // Stopped in the middle.
    let told: Arc<Mutex<Vec<(u64, u64, bool)>>> = Arc::default();
    let (stop, cancel) = tokio::sync::watch::channel(false);
    let (sink, stop) = (told.clone(), Arc::new(stop));
    let signal = stop.clone();
    let run = Execution {
        command: "destroy",
        presence: None,
        delete_data: true,
        sink: Arc::new(move |event: Event| {
            if let What::Progress { count, bytes, complete } = event.what {
                sink.lock().unwrap().push((count, bytes, complete));
                if count >= 5_000 {
                    let _ = signal.send(true);
                }
            }
        }),
        cancel,
    };
    // Here everything takes no time: without a delay it would be over before anybody could stop it.
    stage.sandbox.add_fault(FaultRule::new("s3:DeleteObjects", FaultAction::Latency { milliseconds: 2000 }));
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert!(outcome.cancelled && !outcome.complete(), "{outcome:?}");
    let first = told.lock().unwrap().clone();
    let counts: Vec<u64> = first.iter().map(|(count, ..)| *count).collect();
    assert!(counts.is_sorted() && counts.iter().collect::<BTreeSet<_>>().len() >= 5, "{counts:?}");
    assert!(first.iter().all(|(count, bytes, _)| *bytes == count * 10), "{first:?}");
    let deleted = *counts.last().unwrap();
    assert!((5_000..objects as u64).contains(&deleted), "{deleted}");
    stage.sandbox.set_faults(Vec::new());
    stage.clock.sleep(Duration::from_secs(5)).await;

    // Run again: it goes on with what is left, and nothing is asked for twice.
    let (engine, view, plan) = stage.look(&[]).await;
    let told: Arc<Mutex<Vec<(u64, bool)>>> = Arc::default();
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let sink = told.clone();
    let run = Execution {
        command: "destroy",
        presence: None,
        delete_data: true,
        sink: Arc::new(move |event: Event| {
            if let What::Progress { count, complete, .. } = event.what {
                sink.lock().unwrap().push((count, complete));
            }
        }),
        cancel,
    };
    let began = std::time::Instant::now();
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert!(outcome.complete(), "{outcome:?}");
    let took = began.elapsed();
    let rest = *told.lock().unwrap().last().unwrap();
    assert!(rest.1, "the last one says that nothing is left");
    let versions = (objects + objects / 100) as u64;
    assert!(rest.0 <= versions - deleted, "{} of {versions}, {deleted} were deleted before", rest.0);
    assert_eq!(stage.left().await, Vec::<String>::new());
    eprintln!("{deleted} deleted before the stop, {} after it in {took:?}", rest.0);
}
