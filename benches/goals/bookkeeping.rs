//! Applying resources that cost nothing: the real engine, planner, executor and local journal, and a kind whose objects
//! live in this process, as Terraform's `terraform_data` do in its own.
use crate::{
    asked::{Asked, Fate},
    dag, process,
};
use dlinfra::{
    address::Address,
    aws::{Aws, Error, Options},
    call::{Ctx, SweepCtx},
    clock::Clock,
    engine::{Engine, Execution, Target},
    field::Ref,
    journal::{self, LocalBackend},
    kind::{Kind, Of},
    plan::Wanted,
    record::Record,
    resource::{About, Call, Changes, Class, Durations, Id, Live, Lookup, Resource},
};
use dlinfra_sandbox::{Sandbox, SandboxConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// An object that is nowhere but here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Node {
    /// Its name.
    name: String,
    /// Its type.
    r#type: String,
    /// Its zone.
    az: String,
    /// What it refers to.
    refs: Vec<Ref<Node>>,
}

/// What "exists".
static ACCOUNT: Mutex<BTreeMap<Id, Live<Node>>> = Mutex::new(BTreeMap::new());
static KINDS: &[&dyn Kind] = &[&Of::<Node>::KIND];
const CREATE: Call = Call::new("bench:CreateNode", Class::Tags);

impl Resource for Node {
    const KIND: &'static str = "node";
    const ABOUT: About = About { calls: &[CREATE], ..About::new("An object that costs nothing") };

    fn summary(&self) -> String {
        self.name.clone()
    }

    fn durations(&self) -> Durations {
        Durations::quick(1, 1, 1)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        // A request would let others work meanwhile.
        tokio::task::yield_now().await;
        let mut all: Vec<Live<Self>> = ACCOUNT.lock().unwrap().values().cloned().collect();
        for live in &mut all {
            live.address = ctx.owned(&live.tags).unwrap_or_else(Address::unowned);
        }
        Ok(all)
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx.call(&CREATE, "", self, |attempt| async move {
            tokio::task::yield_now().await;
            let id = format!("node-{}", ctx.address);
            let live = Live::new(ctx.address.clone(), id.clone(), attempt.tags, self.clone());
            ACCOUNT.lock().unwrap().insert(id.clone(), live);
            Ok(vec![id])
        });
        Ok(ids.await?.remove(0))
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(_: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        ACCOUNT.lock().unwrap().remove(&live.id);
        Ok(())
    }

    async fn lookup(_: &SweepCtx, _: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        Ok(Vec::new())
    }
}

fn wanted(edges: &[Vec<usize>]) -> Vec<Wanted> {
    let address = |i: usize| format!("r{i:05}");
    let one = |(i, parents): (usize, &Vec<usize>)| {
        let refs: Vec<Value> = parents.iter().map(|p| json!({ "$ref": address(*p) })).collect();
        let spec = json!({ "name": format!("node-{i}"), "type": "p5.48xlarge", "az": "us-east-1a", "refs": refs });
        Wanted {
            address: Address::parse(&address(i)).unwrap(),
            kind: KINDS[0],
            spec: KINDS[0].canonical(&spec).unwrap().into(),
            depends_on: Vec::new(),
            protect: None,
            existing: None,
            moved: Vec::new(),
        }
    };
    edges.iter().enumerate().map(one).collect()
}

/// Applies so many nodes with a journal in `folder`, checks the journal, and prints the bytes and objects written.
pub(crate) fn apply(nodes: usize, folder: &Path) {
    let edges = dag::edges(dag::Shape::Dag, nodes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let disk = Arc::new(LocalBackend::new(folder, "000000000000", "us-east-1", "bench"));
    let count = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let counted = count.clone();
    let backend = Arc::new(Asked::new(disk.clone(), move |_, written| {
        counted.0.fetch_add(written.len() as u64, Ordering::Relaxed);
        counted.1.fetch_add(1, Ordering::Relaxed);
        Fate::Written
    }));
    runtime.block_on(async {
        let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
        let options = Options {
            region: "us-east-1".to_owned(),
            profile: None,
            endpoint_url: None,
            http: Some(sandbox.http_client()),
            clock: Clock::system(),
        };
        let aws = Aws::connect(options).await;
        let target = Target { stack: "bench".to_owned(), ..Target::default() };
        let engine = Engine::connect(aws, KINDS, target, backend, false).await.unwrap();
        let wanted = wanted(&edges);
        let view = engine.look(&wanted).await.unwrap();
        let plan = engine.plan(&wanted, &view, &BTreeSet::new()).unwrap();
        assert_eq!(plan.summary.create, nodes);
        let (_keep, cancel) = tokio::sync::watch::channel(false);
        let run = Execution { command: "apply", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
        let outcome = engine.execute(&plan, &view, &wanted, run).await.unwrap();
        assert!(outcome.complete(), "{outcome:?}");
    });
    ordered(&disk, &edges);
    let peak = process::field("self", "status", "VmHWM:").unwrap();
    let (bytes, writes) = (count.0.load(Ordering::Relaxed), count.1.load(Ordering::Relaxed));
    println!("{bytes} {writes} {}", peak * 1024);
}

/// Each resource was durable as it should be in an object before the one in which a dependant was begun.
fn ordered(backend: &LocalBackend, edges: &[Vec<usize>]) {
    let (mut begun, mut stable) = (BTreeMap::new(), BTreeMap::new());
    let mut files: Vec<_> =
        std::fs::read_dir(backend.folder().join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for (number, file) in files.iter().enumerate() {
        for record in journal::codec::decode("log", &std::fs::read(file).unwrap()).unwrap() {
            match record {
                Record::Intent(intent) => drop(begun.insert(intent.address.to_string(), number)),
                Record::Stable { address, .. } => drop(stable.insert(address.to_string(), number)),
                _ => {}
            }
        }
    }
    assert_eq!(stable.len(), edges.len());
    for (i, parents) in edges.iter().enumerate() {
        for p in parents {
            assert!(
                stable[&format!("r{p:05}")] < begun[&format!("r{i:05}")],
                "r{i:05} began before r{p:05} was durable"
            );
        }
    }
}
