//! A cluster in the simulated AWS with injected latency, on a clock that jumps: requests and time of each phase.
use dlinfra::{
    apply::{Event, Outcome, What},
    aws::{Aws, Options},
    blueprint::{Inputs, MemoryFiles, compile},
    clock::Clock,
    compose::{Deployment, compose},
    engine::{Engine, Execution},
    journal::{Backend, MemoryBackend},
    kinds::{KINDS, dialect},
    plan::Plan,
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long AWS takes to answer a reading and a changing request.
pub(crate) const READ: Duration = Duration::from_millis(80);
pub(crate) const WRITE: Duration = Duration::from_millis(250);

/// What one phase of a command took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase {
    pub(crate) requests: u64,
    pub(crate) mutating: u64,
    pub(crate) time: Duration,
    /// `ec2:CreateVpc` and how often.
    pub(crate) counts: BTreeMap<String, u64>,
}

/// A stack in an account of its own.
pub(crate) struct Stack {
    deployment: Deployment,
    sandbox: Sandbox,
    clock: Clock,
    backend: Arc<dyn Backend>,
}

/// The blueprint that peers were measured with, as far as kinds of resources go.
pub(crate) fn cluster(nodes: u32, machine: &str) -> Deployment {
    let vars = [("nodes".to_owned(), nodes.to_string()), ("type".to_owned(), machine.to_owned())].into();
    let inputs = Inputs { file: "cluster.yaml".into(), vars, ..Inputs::default() };
    let files = MemoryFiles::new().with("cluster.yaml", include_str!("cluster.yaml"));
    compile(dialect(), &inputs, &files).and_then(compose).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The blueprint of EFA training in this repository, with more nodes than it allows.
pub(crate) fn training(nodes: u32, machine: &str) -> Deployment {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/blueprints/efa-training.yaml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("max: 64", "max: 1000").replace("p5.48xlarge", machine);
    let vars = [("nodes".to_owned(), nodes.to_string())].into();
    let inputs = Inputs { file: "efa-training.yaml".into(), vars, ..Inputs::default() };
    let files = MemoryFiles::new().with("efa-training.yaml", text);
    compile(dialect(), &inputs, &files).and_then(compose).unwrap_or_else(|problems| panic!("{problems}"))
}

/// So many security groups in one VPC.
pub(crate) fn groups(count: usize) -> Deployment {
    let text = format!(
        "blueprint: groups\nregion: us-east-1\nowner: bench\nresources:\n  net:\n    kind: vpc\n    cidr: 10.0.0.0/16\n  \
         group:\n    kind: security-group\n    for_each: ${{range({count})}}\n    vpc: ${{net}}\n"
    );
    let inputs = Inputs { file: "groups.yaml".into(), ..Inputs::default() };
    let files = MemoryFiles::new().with("groups.yaml", text);
    compile(dialect(), &inputs, &files).and_then(compose).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Applies them, and destroys them where `command` says so; prints the requests of the command's executor and how many
/// of them change something.
pub(crate) fn many(command: &str, count: usize) {
    let sent = virtual_time(async {
        let stack = Stack::new(groups(count));
        let mut phases = stack.run("apply").await.0;
        if command == "destroy" {
            phases = stack.run("destroy").await.0;
        }
        phases.into_iter().find(|(name, _)| *name == "executor")
    });
    let (_, phase) = sent.unwrap();
    println!("{} {}", phase.requests, phase.mutating);
}

impl Stack {
    /// An account where AWS takes no time for anything but answers.
    pub(crate) fn new(deployment: Deployment) -> Self {
        let latency = |mutating, time: Duration| FaultRule {
            mutating: Some(mutating),
            ..FaultRule::new("*", FaultAction::Latency { milliseconds: time.as_millis() as u64 })
        };
        let behaviour = Behaviour {
            consistency: BTreeMap::new(),
            throttle: 0.0,
            durations: 0.0,
            faults: vec![latency(false, READ), latency(true, WRITE)],
            ..Behaviour::default()
        };
        let start = Some("2026-01-01T00:00:00Z".parse().unwrap());
        let sandbox = Sandbox::open(SandboxConfig { start, behaviour, ..SandboxConfig::default() }).unwrap();
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        Self { deployment, sandbox, clock, backend: Arc::new(MemoryBackend::new()) }
    }

    async fn engine(&self) -> Engine {
        let options = Options {
            region: self.deployment.compiled.region.clone(),
            profile: None,
            endpoint_url: None,
            http: Some(self.sandbox.http_client()),
            clock: self.clock.clone(),
        };
        let aws = Aws::connect(options).await;
        Engine::connect(aws, KINDS, self.deployment.target(), self.backend.clone(), false).await.unwrap()
    }

    /// Runs one phase and says what it took.
    async fn phase<T>(&self, work: impl Future<Output = T>) -> (Phase, T) {
        let (before, began) = (self.sandbox.requests(), self.clock.now());
        let out = work.await;
        let after = self.sandbox.requests();
        let mut counts = after.counts;
        for (name, count) in before.counts {
            *counts.entry(name).or_default() -= count;
        }
        counts.retain(|_, n| *n > 0);
        let time = self.clock.now().duration_since(began).unsigned_abs();
        let (requests, mutating) = (after.total - before.total, after.mutating - before.mutating);
        (Phase { requests, mutating, time, counts }, out)
    }

    /// A command with its phases: caller and sweep, execution, proof.
    pub(crate) async fn run(&self, command: &'static str) -> (Vec<(&'static str, Phase)>, Plan, Vec<Event>) {
        let empty = Vec::new();
        let wanted = if command == "destroy" { &empty } else { &self.deployment.wanted };
        let (caller, engine) = self.phase(self.engine()).await;
        let (sweep, view) = self.phase(async { engine.look(wanted).await.unwrap() }).await;
        let plan = engine.plan(wanted, &view, &BTreeSet::new()).unwrap();
        let mut phases = vec![("caller", caller), ("sweep", sweep)];
        let events = Arc::new(Mutex::new(Vec::new()));
        if command != "plan" {
            let (_keep, cancel) = tokio::sync::watch::channel(false);
            let seen = events.clone();
            let sink = Arc::new(move |e| seen.lock().unwrap().push(e));
            let run = Execution { command, presence: None, delete_data: true, sink, cancel };
            let (executed, outcome) =
                self.phase(async { engine.execute(&plan, &view, wanted, run).await.unwrap() }).await;
            complete(&outcome);
            phases.push(("executor", executed));
        }
        if command == "destroy" {
            let (proved, proof) = self.phase(async { engine.prove(wanted).await.unwrap() }).await;
            assert!(proof.left.is_empty(), "{:?}", proof.left);
            phases.push(("proof", proved));
        }
        let events = std::mem::take(&mut *events.lock().unwrap());
        (phases, plan, events)
    }

    /// Every request so far with the time at which it arrived, for people who look for what takes long.
    pub(crate) fn trace(&self) -> String {
        let log = self.sandbox.requests();
        let lines = log.entries.iter().map(|e| {
            let code = e.code.as_deref().unwrap_or("");
            format!("{:>4} {} {}:{} {code}\n", e.number, e.time.strftime("%M:%S.%3f"), e.service, e.operation)
        });
        lines.collect()
    }
}

fn complete(outcome: &Outcome) {
    let (failed, pending, skipped) = (&outcome.failed, &outcome.pending, &outcome.skipped);
    assert!(outcome.complete(), "failed {failed:?} pending {pending:?} skipped {skipped:?}");
}

/// A runtime on which time jumps to the next thing that happens.
pub(crate) fn virtual_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

/// Prints what each phase asks for.
pub(crate) fn show(what: &str, nodes: u32) {
    let deployment = if what == "training" { training(nodes, "p5.48xlarge") } else { cluster(nodes, "p5.48xlarge") };
    virtual_time(async {
        let stack = Stack::new(deployment);
        for command in ["apply", "plan", "destroy"] {
            let (phases, _, events) = stack.run(command).await;
            for (name, phase) in phases {
                println!(
                    "{command} {name}: {} requests, {} mutating, {:?}",
                    phase.requests, phase.mutating, phase.time
                );
                println!("    {:?}", phase.counts);
            }
            for event in events {
                if let What::Done { .. } | What::Started { .. } | What::Waiting { .. } = event.what {
                    println!("    {} {} {:?}", event.time.strftime("%M:%S.%3f"), event.address, event.what);
                }
            }
        }
        println!("{}", stack.trace());
    });
}
