//! What grows, and how: depth of a stack, bytes of the journal, requests of a life. Counts only; `benches/goals` times.
use crate::{
    ownership::used,
    stage::{
        Stage,
        asked::{Asked, Fate},
        wanted,
        wire::wire,
    },
};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    address::Address,
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    kinds::dialect,
    plan::{Input, Wanted, plan},
    resource::Live,
    snapshot::{Found, Snapshot},
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, SandboxConfig};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The small cluster that the benchmark measures too.
fn cluster(nodes: u32) -> Deployment {
    let vars = [("nodes".to_owned(), nodes.to_string()), ("type".to_owned(), "c5n.18xlarge".to_owned())].into();
    let inputs = Inputs { file: "cluster.yaml".into(), vars, ..Inputs::default() };
    let files = MemoryFiles::new().with("cluster.yaml", include_str!("../../benches/goals/cluster.yaml"));
    compile(dialect(), &inputs, &files).and_then(compose).unwrap_or_else(|problems| panic!("{problems}"))
}

#[tokio::test(start_paused = true)]
async fn a_life_sends_few_requests() {
    let deployment = cluster(4);
    // AWS answers after a while, and nothing else takes time or is hidden, so that no request is a second try.
    let answer = |mutating, milliseconds| FaultRule {
        mutating: Some(mutating),
        ..FaultRule::new("*", FaultAction::Latency { milliseconds })
    };
    let behaviour = Behaviour {
        consistency: BTreeMap::new(),
        throttle: 0.0,
        durations: 0.0,
        faults: vec![answer(false, 80), answer(true, 250)],
        ..Behaviour::default()
    };
    let mut stage = Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await;
    stage.target = deployment.target();
    // A kind that the blueprint does not use costs nothing once there is a journal.
    stage.kinds = used(&deployment.wanted);
    stage.apply(&deployment.wanted).await;
    let made = stage.sandbox.requests();
    assert!(made.mutating <= 39, "an apply sends {} changing requests; by hand it takes 44", made.mutating);
    // One for the caller and 14 for the sweep, which finds nothing.
    assert!(made.total <= 15 + 61, "an apply sends {} requests", made.total);
    let before = stage.sandbox.requests();
    assert!(stage.plan(&deployment.wanted).await.is_empty());
    let after = stage.sandbox.requests();
    assert_eq!(after.mutating, before.mutating, "a plan changes nothing");
    assert!(after.total - before.total <= 31, "{} requests of a refresh", after.total - before.total);
    stage.apply(&[]).await;
    let gone = stage.sandbox.requests();
    let sent = gone.total - after.total;
    assert!(sent <= 30 + 34, "a destroy sends {sent} requests without its proof");
    assert_eq!(stage.left().await, Vec::<String>::new());
    let gone = gone.mutating - after.mutating;
    assert!(gone <= 28, "a destroy sends {gone} changing requests; by hand it takes 27");
}

#[test]
fn a_chain_of_20_000_is_planned_without_recursion() {
    const DEPTH: usize = 20_000;
    let first = wanted("r0", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let link = |i: usize| Wanted {
        address: Address::parse(&format!("r{i}")).unwrap(),
        depends_on: i.checked_sub(1).map(|p| format!("r{p}")).into_iter().collect(),
        ..first.clone()
    };
    let wanted: Vec<Wanted> = (0..DEPTH).map(link).collect();
    let found = |w: &Wanted| {
        let tags = BTreeMap::from([("dlinfra:address".to_owned(), w.address.to_string())]);
        let live = Live::new(w.address.clone(), format!("vpc-{}", w.address), tags, serde_json::Value::clone(&w.spec));
        Found { kind: w.kind, live: live.into() }
    };
    let all = Snapshot::build(wanted.iter().map(found).collect(), BTreeMap::new()).unwrap();
    let planned = |snapshot: &Snapshot| {
        let input = Input {
            wanted: &wanted,
            snapshot,
            applied: &BTreeMap::new(),
            interrupted: &BTreeMap::new(),
            settings: &BTreeMap::new(),
            pinned: &BTreeMap::new(),
            tags: &BTreeMap::new(),
            replace: &BTreeSet::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        plan(&input).unwrap()
    };
    assert_eq!(planned(&Snapshot::default()).critical_path.len(), DEPTH);
    assert!(planned(&all).is_empty());
}

/// The blueprint of many kinds that the benchmark measures too.
#[path = "../../benches/goals/mixed.rs"]
mod mixed;

#[test]
fn a_plan_of_many_kinds_grows_with_them_and_no_faster() {
    // Tasks, what they wait for, and words about them.
    let sizes = |count: usize| {
        let inputs = Inputs { file: "mixed.yaml".into(), ..Inputs::default() };
        let files = MemoryFiles::new()
            .with("mixed.yaml", mixed::blueprint(count))
            .with("cell.yaml", mixed::module())
            .with("boot.sh", mixed::SCRIPT);
        let made =
            compile(dialect(), &inputs, &files).and_then(compose).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(made.wanted.len(), count);
        let plan = plan(&Input {
            wanted: &made.wanted,
            snapshot: &Snapshot::default(),
            applied: &BTreeMap::new(),
            interrupted: &BTreeMap::new(),
            settings: &BTreeMap::new(),
            pinned: &BTreeMap::new(),
            tags: &BTreeMap::new(),
            replace: &BTreeSet::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
        });
        let plan = plan.unwrap();
        let edges: usize = (0..plan.dag.len()).map(|task| plan.dag.children(task).len()).sum();
        [plan.tasks.len(), edges, made.notes.len()]
    };
    let (few, many) = (sizes(200), sizes(1_000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many >= few && many <= 6 * few, "{few} for 200 resources, {many} for 1,000");
    }
}

/// What is written to the stage's journal from now on, in bytes.
fn weighed(stage: &mut Stage) -> Arc<AtomicUsize> {
    let bytes = Arc::new(AtomicUsize::new(0));
    let scale = bytes.clone();
    stage.backend = Arc::new(Asked::new(stage.backend.clone(), move |_, written| {
        scale.fetch_add(written.len(), Ordering::Relaxed);
        Fate::Written
    }));
    bytes
}

/// Bytes written by the apply of so many VPCs.
async fn written(count: usize) -> usize {
    let mut stage = Stage::new().await;
    let bytes = weighed(&mut stage);
    let vpc = |i: usize| wanted(&format!("net{i:03}"), "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let all: Vec<Wanted> = (0..count).map(vpc).collect();
    stage.apply(&all).await;
    bytes.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn the_journal_grows_with_what_happens_and_not_with_what_is_there() {
    let (few, many) = (written(20).await, written(60).await);
    assert!(many <= few * 3 + few / 5, "{few} bytes for 20, {many} for 60");
    // One after the other, each run writes what it did and not the whole again, but for the fold every 32 objects.
    let mut stage = Stage::new().await;
    let bytes = weighed(&mut stage);
    let mut all = Vec::new();
    let mut sizes = Vec::new();
    for i in 0..24 {
        all.push(wanted(&format!("net{i:03}"), "vpc", json!({ "cidr": "10.0.0.0/16" })));
        let before = bytes.load(Ordering::Relaxed);
        stage.apply(&all).await;
        sizes.push(bytes.load(Ordering::Relaxed) - before);
    }
    sizes.sort_unstable();
    let (smallest, median) = (sizes[0], sizes[sizes.len() / 2]);
    assert!(median <= smallest * 3 / 2, "{sizes:?}");
}

/// What was asked of AWS, and how many groups it showed.
struct Sent {
    changes: u64,
    all: u64,
    shown: usize,
}

/// What an apply of so many security groups in one VPC sends, one that changes all of them, and a destroy.
async fn groups(count: usize, specs: &[serde_json::Value]) -> Vec<Sent> {
    let mut stage = Stage::new().await;
    let shown = Arc::new(AtomicUsize::new(0));
    let (inner, seen) = (SharedHttpConnector::new(stage.sandbox.clone()), shown.clone());
    stage.http = Some(wire(move |request| {
        let (inner, seen) = (inner.clone(), seen.clone());
        async move {
            let response = inner.call(request).await?;
            let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
            seen.fetch_add(body.matches("<groupDescription>").count(), Ordering::Relaxed);
            Ok(response)
        }
    }));
    let stack = |spec: &serde_json::Value| {
        let group = |i: usize| wanted(&format!("group{i:04}"), "security-group", spec.clone());
        let net = wanted("net", "vpc", json!({ "cidr": "10.0.0.0/16" }));
        std::iter::once(net).chain((0..count).map(group)).collect::<Vec<Wanted>>()
    };
    let mut out = Vec::new();
    for wanted in specs.iter().map(stack).chain([Vec::new()]) {
        let before = stage.sandbox.requests();
        shown.store(0, Ordering::Relaxed);
        stage.apply(&wanted).await;
        let after = stage.sandbox.requests();
        out.push(Sent {
            changes: after.mutating - before.mutating,
            all: after.total - before.total,
            shown: shown.load(Ordering::Relaxed),
        });
    }
    assert_eq!(stage.left().await, Vec::<String>::new());
    out
}

#[tokio::test(start_paused = true)]
async fn many_of_one_kind_are_looked_at_together() {
    let plain = json!({ "vpc": { "$ref": "net" } });
    let rule = |port| json!({ "protocol": "tcp", "ports": port, "cidr": "10.0.0.0/8" });
    let open = |port| json!({ "vpc": { "$ref": "net" }, "ingress": [rule(port)] });
    for specs in [&[plain][..], &[open("22"), open("443")]] {
        for count in [40, 320] {
            for (at, sent) in groups(count, specs).await.into_iter().enumerate() {
                // What a look without a journal asks of every kind, and what the VPC takes.
                let most = sent.changes * 115 / 100 + dlinfra::kinds::KINDS.len() as u64 + 12;
                assert!(sent.all <= most, "{} requests for {} changes of {count} groups", sent.all, sent.changes);
                // Each is seen once when it was made or is to go, and by the plan, before and after it is changed.
                let most = if at == 0 || at == specs.len() { count } else { 3 * count };
                assert!(sent.shown <= most, "{count} groups were shown {} times", sent.shown);
            }
        }
    }
}

/// Kinds that are known by name are read one by one: a run reads those that it makes, and not each time all that there is.
#[tokio::test(start_paused = true)]
async fn requests_of_named_kinds_grow_with_what_is_made() {
    let groups = |count: usize| -> Vec<Wanted> {
        (0..count).map(|n| wanted(&format!("g{n:03}"), "log-group", json!({ "retention": "30d" }))).collect()
    };
    let sent = async |count: usize| {
        let stage = Stage::new().await;
        stage.apply(&groups(count)).await;
        let made = stage.sandbox.requests().total;
        // What was there before costs nothing more.
        let mut more = groups(count);
        more.push(wanted("another", "log-group", json!({})));
        let before = stage.sandbox.requests();
        stage.apply(&more).await;
        let after = stage.sandbox.requests();
        (made, after.count("logs:ListTagsForResource") - before.count("logs:ListTagsForResource"))
    };
    let (few, _) = sent(20).await;
    let (many, tags) = sent(160).await;
    assert!(many <= 9 * few, "{many} requests for 160, {few} for 20");
    // The sweep before it reads the tags of all, the run those of one.
    assert!(tags <= 160 + 3, "{tags}");
}
