//! What ends stacks at their time: only those whose tags and journal say so, and whose lease nobody holds.
use crate::{
    shipped::blueprints,
    stage::{Stage, blueprint, never, wanted, wire::wire},
};
use aws_smithy_runtime_api::client::http::HttpConnector;
use dlinfra::{
    aws::{Aws, Error, ErrorClass},
    engine::Target,
    journal::{self, Holder, Lease, S3Backend},
    kinds::KINDS,
    plan::{Protect, Wanted},
    preflight,
    reaper::{self, End, Ended, Ground, Pass, Program, Reap, pass},
    resource::Lookup,
    units::Span,
};
use dlinfra_sandbox::{Answer, Credentials, Functions, Invocation, Sandbox, SandboxConfig, StoredObject};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// A stack with a journal in the account's own bucket.
async fn stack(sandbox: &Sandbox, name: &str, hours: u64) -> Stage {
    let mut stage = Stage::on(sandbox.clone(), Arc::new(dlinfra::journal::MemoryBackend::new()));
    stage.backend = Arc::new(S3Backend::own(&stage.aws().await, "000000000000", name));
    stage.target =
        Target { stack: name.to_owned(), ttl: Some(Span::from_hours(hours)), ttl_enforced: true, ..Target::default() };
    stage
}

fn queues(name: &str) -> Vec<Wanted> {
    vec![
        wanted("first", "queue", json!({ "name": format!("{name}-first") })),
        wanted("second", "queue", json!({ "name": format!("{name}-second") })),
    ]
}

/// The names of stacks that have anything.
fn living(sandbox: &Sandbox) -> BTreeSet<String> {
    let live = sandbox.objects().into_iter().filter(StoredObject::is_live);
    live.filter_map(|object| object.tags.get("dlinfra:stack").cloned()).collect()
}

async fn reap(stage: &Stage) -> Pass {
    let (_keep, cancel) = never();
    pass(&stage.aws().await, KINDS, Reap { stack: None, dry_run: false, cancel }).await.unwrap()
}

fn ends(pass: &Pass) -> BTreeMap<&str, End> {
    pass.stacks.iter().map(|one| (one.stack.as_str(), one.end)).collect()
}

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % most
    }
}

fn hours(number: u64) -> Duration {
    Duration::from_secs(number * 3600)
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_removed_and_nothing_else() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let (short, long) = (stack(&sandbox, "short", 2).await, stack(&sandbox, "long", 48).await);
    let mut forever = stack(&sandbox, "forever", 1).await;
    forever.target.ttl = None;
    for stage in [&short, &long, &forever] {
        stage.apply(&queues(&stage.target.stack)).await;
    }
    let before = sandbox.requests().mutating;
    assert_eq!(reap(&short).await.stacks, []);
    assert_eq!(sandbox.requests().mutating, before, "nothing has expired");
    short.clock.sleep(hours(3)).await;
    let done = reap(&short).await;
    let [Ended { stack, end: End::Removed, removed: 2, left, why: None, .. }] = &done.stacks[..] else {
        panic!("{done:?}")
    };
    assert_eq!((stack.as_str(), left.len()), ("short", 0));
    assert!(done.is_clean());
    assert_eq!(living(&sandbox), BTreeSet::from(["forever".to_owned(), "long".to_owned()]));
    assert_eq!(reap(&short).await.stacks, [], "it is over");
}

#[tokio::test(start_paused = true)]
async fn an_extension_counts_from_its_first_word() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let stage = stack(&sandbox, "train", 2).await;
    stage.apply(&queues("train")).await;
    let engine = stage.engine().await;
    let first = engine.ends().unwrap().at;
    let later = first + SignedDuration::from_hours(24);
    let presence = journal::Presence::new(tempfile::tempdir().unwrap().path());
    let done = engine.extend(later, presence.clone()).await.unwrap();
    assert_eq!((done.at, done.objects), (later, 2));
    // The blueprint says the same as before, and its plan has nothing to do.
    assert!(stage.plan(&queues("train")).await.is_empty());
    let sooner = stage.engine().await.extend(first, presence).await.unwrap_err();
    assert!(sooner.iter().all(|d| d.code == "DL0568"), "{sooner}");
    stage.clock.sleep(hours(3)).await;
    assert_eq!(reap(&stage).await.stacks, []);
    // Tags that somebody set back are not enough, and neither is an old journal.
    let aws = stage.aws().await;
    let tags = [("dlinfra:expires", first.to_string())].into();
    let arns = ["first", "second"].map(|name| format!("arn:aws:sqs:us-east-1:000000000000:train-{name}"));
    dlinfra::aws::tags::Tagger::retag(&dlinfra::aws::tags::QUEUES, &aws, &arns, &tags, &[]).await.unwrap();
    let done = reap(&stage).await;
    assert_eq!(ends(&done), BTreeMap::from([("train", End::Doubtful)]), "{done:?}");
    assert_eq!(living(&sandbox).len(), 1);
    stage.clock.sleep(hours(25)).await;
    // What is over is not extended to a time that is over as well.
    let folder = tempfile::tempdir().unwrap();
    let (over, presence) = (later + SignedDuration::from_mins(1), journal::Presence::new(folder.path()));
    let refused = stage.engine().await.extend(over, presence).await.unwrap_err();
    assert!(refused.iter().all(|d| d.code == "DL0568"), "{refused}");
    assert_eq!(ends(&reap(&stage).await), BTreeMap::from([("train", End::Removed)]));
}

/// What changes nothing in AWS is written down all the same: what must stay, and what may go.
#[tokio::test(start_paused = true)]
async fn protection_counts_as_soon_as_it_is_applied() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let stage = stack(&sandbox, "train", 2).await;
    stage.apply(&queues("train")).await;
    let mut all = queues("train");
    all[0].protect = Some(Protect::Never);
    let (engine, view, plan) = stage.look(&all).await;
    assert!(plan.is_empty() && engine.is_unsettled(&plan, &view, &all));
    stage.apply(&all).await;
    let (engine, view, plan) = stage.look(&all).await;
    assert!(!engine.is_unsettled(&plan, &view, &all));
    stage.clock.sleep(hours(3)).await;
    let done = reap(&stage).await;
    assert_eq!(ends(&done), BTreeMap::from([("train", End::Left)]), "{done:?}");
    assert!(done.stacks[0].left[0].starts_with("first"), "{done:?}");
}

/// `--no-reaper` is heeded also by a reaper that somebody else made.
#[tokio::test(start_paused = true)]
async fn what_was_applied_without_the_reaper_is_left_to_its_owner() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let mut stage = stack(&sandbox, "train", 2).await;
    stage.target.ttl_enforced = false;
    stage.apply(&queues("train")).await;
    stage.clock.sleep(hours(3)).await;
    let done = reap(&stage).await;
    assert_eq!(ends(&done), BTreeMap::from([("train", End::Doubtful)]), "{done:?}");
    assert_eq!(living(&sandbox).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_the_stack_is_waited_for() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let stage = stack(&sandbox, "train", 2).await;
    stage.apply(&queues("train")).await;
    stage.clock.sleep(hours(3)).await;
    let holder = Holder::current("apply");
    let lease = journal::Request::new(stage.backend.clone(), stage.clock.clone(), holder);
    let lease = Lease::acquire(lease).await.unwrap();
    let done = reap(&stage).await;
    assert_eq!(ends(&done), BTreeMap::from([("train", End::Busy)]), "{done:?}");
    assert_eq!(living(&sandbox).len(), 1);
    lease.release().await.unwrap();
    assert_eq!(ends(&reap(&stage).await), BTreeMap::from([("train", End::Removed)]));
}

/// Whoever can tag objects cannot have a stack removed, nor objects of others.
#[tokio::test(start_paused = true)]
async fn what_only_looks_like_an_expired_stack_is_not_touched() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let stage = stack(&sandbox, "train", 48).await;
    stage.apply(&queues("train")).await;
    let aws = stage.aws().await;
    let past = stage.clock.now() - SignedDuration::from_hours(1);
    for (name, stack) in [("forged", "forged"), ("theirs", "train")] {
        let tags = json!({
            "dlinfra:v": "1", "dlinfra:stack": stack, "dlinfra:stack-id": "somebody", "dlinfra:address": "log",
            "dlinfra:expires": past.to_string(),
        });
        let input = json!({ "logGroupName": name, "tags": tags });
        aws.logs().once::<serde::de::IgnoredAny>("CreateLogGroup", &input).await.unwrap();
    }
    let done = reap(&stage).await;
    assert_eq!(ends(&done), BTreeMap::from([("forged", End::Doubtful)]), "{done:?}");
    stage.clock.sleep(hours(49)).await;
    let done = reap(&stage).await;
    assert_eq!(ends(&done)["train"], End::Removed, "{done:?}");
    let left: BTreeSet<String> =
        sandbox.objects().into_iter().filter(|o| o.kind == "logs/log-group").map(|o| o.id).collect();
    assert_eq!(left, BTreeSet::from(["forged".to_owned(), "theirs".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn data_and_what_is_protected_stay_and_are_named() {
    for delete in [false, true] {
        let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
        let mut stage = stack(&sandbox, "train", 2).await;
        stage.target.ttl_data = delete;
        let mut all = queues("train");
        all.push(wanted("results", "bucket", json!({ "name": "train-results" })));
        all.push(Wanted { protect: Some(Protect::Never), ..wanted("kept", "queue", json!({ "name": "kept" })) });
        stage.apply(&all).await;
        let put = stage.aws().await;
        let put = put.s3().put_object().bucket("train-results").key("weights").body(b"data".to_vec().into());
        put.send().await.unwrap();
        stage.clock.sleep(hours(3)).await;
        for nth in 0..2 {
            let done = reap(&stage).await;
            let [Ended { end: End::Left, left, .. }] = &done.stacks[..] else { panic!("{nth}: {done:?}") };
            assert_eq!(left.len(), if delete { 1 } else { 2 }, "{nth}: {left:?}");
            assert!(left.iter().any(|line| line.starts_with("kept") && line.contains("protect: never")), "{left:?}");
            assert_eq!(left.iter().any(|line| line.starts_with("results") && line.contains("1 object")), !delete);
        }
        let bucket = sandbox.objects().iter().any(|o| o.is_live() && o.id == "train-results");
        assert_eq!(bucket, !delete);
    }
}

/// A pass that is cut off at any request is finished by the next one.
#[tokio::test(start_paused = true)]
async fn a_pass_that_dies_is_continued_by_the_next() {
    for requests in (1..60).step_by(7) {
        let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
        let stage = stack(&sandbox, "train", 2).await;
        stage.apply(&queues("train")).await;
        stage.clock.sleep(hours(3)).await;
        let aws = stage.aws().await;
        let (_keep, cancel) = never();
        let dies = pass(&aws, KINDS, Reap { stack: None, dry_run: false, cancel });
        let limit = sandbox.requests().total + requests;
        let watched = async {
            while sandbox.requests().total < limit {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            _ = dies => {}
            () = watched => {}
        }
        for _ in 0..3 {
            // The lease of the dead one must run out first.
            stage.clock.sleep(Duration::from_secs(900)).await;
            reap(&stage).await;
        }
        assert_eq!(living(&sandbox), BTreeSet::new(), "after {requests} requests");
    }
}

/// Random stacks, ends, extensions and holders: at every pass exactly those end whose time is over and whom nobody holds.
#[tokio::test(start_paused = true)]
async fn only_what_may_end_ends_whatever_the_times_are() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let sandbox = Sandbox::open(SandboxConfig { seed, ..SandboxConfig::default() }).unwrap();
        let mut stages = Vec::new();
        for nth in 0..4 {
            let stage = stack(&sandbox, &format!("s{nth}"), 1 + u64::from(random.below(6))).await;
            stage.apply(&queues(&stage.target.stack)).await;
            let end = stage.engine().await.ends().unwrap().at;
            stages.push((stage, end, None::<Lease>));
        }
        for _ in 0..8 {
            let nth = random.below(4) as usize;
            let (stage, end, lease) = &mut stages[nth];
            let lives = living(&sandbox).contains(&stage.target.stack);
            match random.below(3) {
                0 if lives && lease.is_none() => {
                    let later = *end + SignedDuration::from_hours(1 + i64::from(random.below(3)));
                    let folder = tempfile::tempdir().unwrap();
                    *end = stage.engine().await.extend(later, journal::Presence::new(folder.path())).await.unwrap().at;
                }
                1 if lease.is_none() => {
                    let holder = Holder::current("apply");
                    let request = journal::Request::new(stage.backend.clone(), stage.clock.clone(), holder);
                    *lease = Some(Lease::acquire(request).await.unwrap());
                }
                _ => {
                    if let Some(lease) = lease.take() {
                        lease.release().await.unwrap();
                    }
                }
            }
            stages[0].0.clock.sleep(Duration::from_secs(600 + 60 * u64::from(random.below(90)))).await;
            let before = living(&sandbox);
            let now: Timestamp = stages[0].0.clock.now();
            reap(&stages[0].0).await;
            let after = living(&sandbox);
            for (stage, end, lease) in &stages {
                let name = &stage.target.stack;
                let ends = *end <= now && lease.is_none();
                assert_eq!(after.contains(name), before.contains(name) && !ends, "seed {seed}: {name}, {end}, {now}");
            }
        }
    }
}

fn ground() -> Ground {
    Ground {
        partition: "aws".to_owned(),
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "dlinfra-000000000000-us-east-1".to_owned(),
        data: false,
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten().chain(value.is_string().then_some(value));
    list.filter_map(Value::as_str).collect()
}

/// The reaper is a stack, whose role may do what each kind states and no more.
#[test]
fn its_role_is_made_of_what_the_kinds_state() {
    let program = Program {
        architecture: "x86-64".to_owned(),
        sha256: "a".repeat(64),
        key: "reaper/a.zip".to_owned(),
        version: "0.1.0".to_owned(),
    };
    let made = |data| reaper::deployment(&Ground { data, ..ground() }, &program).unwrap_or_else(|p| panic!("{p}"));
    let role = made(false).wanted.iter().find(|w| w.address.as_str() == "role").unwrap().spec.clone();
    let policy = &role["policies"]["teardown"];
    assert!(policy.to_string().len() < 10_240, "an inline policy has at most so many characters");
    let statements = policy["Statement"].as_array().unwrap();
    let actions: BTreeSet<&str> = statements.iter().flat_map(|s| texts(&s["Action"])).collect();
    assert!(actions.iter().all(|a| !a.contains('*')), "{actions:?}");
    for (kind, removing) in reaper::removing(KINDS) {
        assert!(!removing.is_empty(), "{kind} states nothing that removes it");
        for action in removing.iter().filter(|a| !a.starts_with("s3:DeleteObject")) {
            assert!(actions.contains(action), "{kind}: {action}");
        }
    }
    // What removes something is bound to dlinfra's tags, or to a place.
    for one in statements.iter().filter(|s| s["Sid"].as_str().unwrap().starts_with("Remove")) {
        let bound = one["Condition"].is_object() || texts(&one["Resource"]) != ["*"];
        assert!(bound, "{one}");
    }
    assert!(!policy.to_string().contains("\"s3:DeleteObjectVersion\""), "it empties nothing");
    assert!(!policy.to_string().contains("Boundary"), "nor may it take a boundary off");
    let role = made(true).wanted.iter().find(|w| w.address.as_str() == "role").unwrap().spec.clone();
    assert!(role["policies"]["teardown"].to_string().contains("\"s3:DeleteObjectVersion\""), "unless a stack says so");
}

/// Holds the first call of a function open, so that its credentials can be used.
#[derive(Debug)]
struct Held {
    keys: watch::Sender<Option<Credentials>>,
    over: Arc<Notify>,
}

impl Functions for Held {
    fn run(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.keys.send_replace(Some(invocation.credentials));
        let over = self.over.clone();
        Box::pin(async move {
            over.notified().await;
            Answer::default()
        })
    }
}

/// An archive without a file, and its digest.
const NOTHING: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const DIGEST: &str = "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85";

/// Clients with the credentials of a function.
async fn as_the_function(stage: &Stage, key: &str) -> Aws {
    let (sandbox, key) = (stage.sandbox.clone(), format!("Credential={key}/"));
    let http = wire(move |mut request| {
        let signed = request.headers().get("authorization").unwrap_or_default().replace("Credential=sandbox/", &key);
        request.headers_mut().insert("authorization", signed);
        HttpConnector::call(&sandbox, request)
    });
    let stage = Stage { http: Some(http), ..stage.beside() };
    stage.aws().await
}

/// The role that the kinds' actions make is enough to remove every stack that the repository ships, and no more than that:
/// what does not carry dlinfra's tags stays.
#[tokio::test(start_paused = true)]
async fn under_its_role_everything_that_is_shipped_can_be_removed() {
    let (keys, mut told) = watch::channel(None);
    let over = Arc::new(Notify::new());
    let functions: Arc<dyn Functions> = Arc::new(Held { keys, over: over.clone() });
    let sandbox = Sandbox::open(SandboxConfig { functions: Some(functions), ..SandboxConfig::default() }).unwrap();
    let mut home = stack(&sandbox, reaper::NAME, 1).await;
    home.target.ttl = None;
    home.backend.prepare().await.unwrap();
    let aws = home.aws().await;
    let ground = Ground { data: true, ..ground() };
    let put = aws.s3().put_object().bucket(&ground.bucket).key("reaper/a.zip").body(NOTHING.to_vec().into());
    put.send().await.unwrap();
    let program = Program {
        architecture: "x86-64".to_owned(),
        sha256: DIGEST.to_owned(),
        key: "reaper/a.zip".to_owned(),
        version: "0.1.0".to_owned(),
    };
    let made = reaper::deployment(&ground, &program).unwrap_or_else(|p| panic!("{p}"));
    home.apply(&made.wanted).await;

    let mut stacks = BTreeSet::new();
    for path in blueprints() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let vars: &[(&str, &str)] = if text.contains("\n  mail:") { &[("mail", "[ops@example.com]")] } else { &[] };
        let wanted = blueprint(&text, vars);
        for existing in wanted.iter().filter_map(|w| w.existing.as_ref()) {
            let (Lookup::Id(bucket) | Lookup::Name(bucket)) = existing else { panic!("{name}: {existing:?}") };
            if !sandbox.objects().iter().any(|o| o.id == *bucket) {
                aws.s3().create_bucket().bucket(bucket).send().await.unwrap();
                for key in ["v1/weights", "second/weights"] {
                    let put = aws.s3().put_object().bucket(bucket).key(key).body(b"data".to_vec().into());
                    put.send().await.unwrap();
                }
            }
        }
        let mut stage = stack(&sandbox, &name, 1).await;
        stage.target.ttl_data = true;
        stage.apply(&wanted).await;
        stacks.insert(name);
    }
    let theirs = aws.ec2().create_vpc().cidr_block("10.99.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    home.clock.sleep(hours(2)).await;

    let path = format!("/2015-03-31/functions/{}/invocations", reaper::NAME);
    let call = tokio::spawn(async move {
        aws.lambda().patient().post("Invoke", path, "application/json", Vec::new(), b"{}".to_vec()).await
    });
    told.changed().await.unwrap();
    let key = told.borrow().clone().unwrap().access_key;
    let own = as_the_function(&home, &key).await;
    let identity = own.identity().await.unwrap();
    assert!(identity.arn.contains(":assumed-role/dlinfra-reaper"), "{}", identity.arn);
    let found = reaper::check(&own, KINDS).await.unwrap();
    assert_eq!(found.holes(KINDS.iter().map(|k| k.name())), Vec::<String>::new());
    // What any caller may not do, is told before it matters.
    let asked = ["ec2:RunInstances", "ec2:DescribeVpcs"].map(|a| (a.to_owned(), BTreeSet::from(["vpc"]))).into();
    let refused = preflight::refused(&own, &asked).await.unwrap();
    assert_eq!(refused, BTreeSet::from(["ec2:RunInstances".to_owned()]));
    let (_keep, cancel) = never();
    let done = pass(&own, KINDS, Reap { stack: None, dry_run: false, cancel }).await.unwrap();
    let left: Vec<&Ended> = done.stacks.iter().filter(|one| one.end != End::Removed).collect();
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(done.stacks.iter().map(|one| one.stack.clone()).collect::<BTreeSet<_>>(), stacks);
    assert_eq!(done.not_seen, Vec::<String>::new());
    let refused = own.ec2().delete_vpc().vpc_id(&theirs).send().await.unwrap_err();
    assert_eq!(Error::from(refused).class, ErrorClass::Denied, "what dlinfra did not make stays");
    over.notify_one();
    call.await.unwrap().unwrap();
}
