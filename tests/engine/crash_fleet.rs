//! An apply of an instance group dies at each of its changing requests, before or after AWS executed it; the next apply
//! makes it whole: no member twice, nothing left behind.

use crate::stage::{Stage, wanted};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use dlinfra::{
    apply::Outcome,
    aws::{Aws, Options},
    engine::{Engine, Execution, Target},
    kinds::KINDS,
    plan::Wanted,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// Lets requests through until one of them is the last.
#[derive(Debug, Clone)]
struct Mortal {
    inner: SharedHttpConnector,
    seen: Arc<AtomicU64>,
    last: u64,
    executes: bool,
    died: Arc<Notify>,
}

impl HttpConnector for Mortal {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let number = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if number < this.last {
                return this.inner.call(request).await;
            }
            if number == this.last && this.executes {
                let _unanswered = this.inner.call(request).await;
            }
            this.died.notify_one();
            std::future::pending().await
        })
    }
}

#[derive(Debug, Clone)]
struct Client(Mortal);

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.0.clone())
    }
}

impl Stage {
    /// Applies with a client that dies at a request; `None` = it died.
    async fn apply_until(&self, wanted: &[Wanted], last: u64, executes: bool) -> Option<Outcome> {
        let died = Arc::new(Notify::new());
        let mortal = Mortal {
            inner: SharedHttpConnector::new(self.sandbox.clone()),
            seen: Arc::default(),
            last,
            executes,
            died: died.clone(),
        };
        let aws = Aws::connect(Options {
            region: "us-east-1".to_owned(),
            profile: None,
            endpoint_url: None,
            http: Some(SharedHttpClient::new(Client(mortal))),
            clock: self.clock.clone(),
        })
        .await;
        let target = Target { stack: "test".to_owned(), owner: Some("tests".to_owned()), ..Target::default() };
        let (_keep, cancel) = tokio::sync::watch::channel(false);
        let work = async {
            let engine = Engine::connect(aws, KINDS, target, self.backend.clone(), true).await.unwrap();
            let view = engine.look(wanted).await.unwrap();
            let plan = engine.plan(wanted, &view, &BTreeSet::new()).unwrap();
            let run = Execution { command: "apply", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
            engine.execute(&plan, &view, wanted, run).await.unwrap()
        };
        tokio::select! {
            outcome = work => Some(outcome),
            () = died.notified() => None,
        }
    }

    /// The apply after a death: it takes the lock over, and where that took time it is asked to plan again.
    async fn resume(&self, wanted: &[Wanted]) {
        for _ in 0..3 {
            let (engine, view, plan) = self.look(wanted).await;
            let (_keep, cancel) = tokio::sync::watch::channel(false);
            let run = Execution { command: "apply", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
            match engine.execute(&plan, &view, wanted, run).await {
                Ok(outcome) => {
                    assert!(outcome.complete(), "{outcome:?}");
                    return;
                }
                Err(problems) => assert!(problems.iter().all(|d| d.code == "DL0518"), "{problems}"),
            }
        }
        panic!("the lock was not taken over");
    }

    /// Live objects of the stack by kind.
    fn objects(&self) -> BTreeMap<String, usize> {
        let mut out = BTreeMap::new();
        let all = self.sandbox.objects().into_iter();
        for object in all.filter(|o| o.is_live() && o.tags.contains_key("dlinfra:stack")) {
            *out.entry(object.kind).or_default() += 1;
        }
        out
    }
}

fn stack(count: u32, script: &str) -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.1.0/24", "zone": "us-east-1a" })),
        wanted("nodes", "security-group", json!({ "vpc": { "$ref": "vpc" } })),
        wanted("role", "iam-role", json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": true })),
        wanted(
            "group",
            "instance-group",
            json!({
                "instance_type": "m5.large", "count": count, "subnet": { "$ref": "a" }, "image": "al2023",
                "interfaces": { "security_groups": [{ "$ref": "nodes" }] }, "role": { "$ref": "role" },
                "placement": "cluster", "boot": { "script": script }
            }),
        ),
    ]
}

/// The numbers of the changing requests of an apply from one stack to another.
async fn changing(before: &[Wanted], after: &[Wanted]) -> Vec<u64> {
    let stage = Stage::new().await;
    stage.apply(before).await;
    let first = stage.sandbox.requests().total;
    stage.apply(after).await;
    let log = stage.sandbox.requests();
    let entries = log.entries.iter().filter(|e| e.number > first && e.mutating);
    entries.map(|e| e.number - first).collect()
}

async fn die_everywhere(before: &[Wanted], after: &[Wanted], members: usize) {
    let requests = changing(before, after).await;
    assert!(!requests.is_empty());
    for number in requests {
        for executes in [false, true] {
            let stage = Stage::new().await;
            stage.apply(before).await;
            let outcome = stage.apply_until(after, number, executes).await;
            assert!(outcome.is_none(), "the run must die at request {number}");
            stage.resume(after).await;
            let objects = stage.objects();
            let count = |kind: &str| objects.get(kind).copied().unwrap_or(0);
            let what = format!("died at request {number}, executed: {executes}: {objects:?}");
            assert_eq!(count("ec2/instance"), members, "{what}");
            assert_eq!(count("ec2/volume"), members, "{what}");
            assert_eq!(count("ec2/placement-group"), usize::from(members > 0), "{what}");
            assert!(stage.plan(after).await.is_empty(), "{what}");
            stage.apply(&[]).await;
            assert_eq!(stage.objects(), BTreeMap::new(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_launch_survives_every_death() {
    die_everywhere(&[], &stack(3, "#!/bin/sh\n"), 3).await;
}

#[tokio::test(start_paused = true)]
async fn growing_survives_every_death() {
    die_everywhere(&stack(2, "#!/bin/sh\n"), &stack(5, "#!/bin/sh\n"), 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_rolling_change_survives_every_death() {
    die_everywhere(&stack(2, "#!/bin/sh\n"), &stack(2, "#!/bin/sh\necho new\n"), 2).await;
}

#[tokio::test(start_paused = true)]
async fn emptying_survives_every_death() {
    die_everywhere(&stack(2, "#!/bin/sh\n"), &stack(0, "#!/bin/sh\n"), 0).await;
}
