//! An engine on an in-process sandbox with a virtual clock and a journal in memory.
use dlinfra::{
    address::Address,
    apply::{Event, Outcome},
    aws::{Aws, Error, ErrorClass, Options},
    call::{Ctx, SweepCtx},
    clock::Clock,
    engine::{Engine, Execution, Target, View},
    journal::{Backend, MemoryBackend},
    kind::Boxed,
    kinds::KINDS,
    plan::{Plan, Wanted},
    record::{Applied, Intent, Recorder},
    resource::State,
};
use dlinfra_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

/// One stack in one sandbox.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) clock: Clock,
    pub(crate) target: Target,
}

/// A resource as a blueprint would give it to the engine.
#[allow(clippy::needless_pass_by_value, reason = "callers write the spec in place")]
pub(crate) fn wanted(address: &str, kind: &str, spec: Value) -> Wanted {
    let kind = *KINDS.iter().find(|k| k.name() == kind).unwrap_or_else(|| panic!("no kind {kind}"));
    let spec = kind.canonical(&spec).unwrap_or_else(|p| panic!("{address}: {}", p.summary));
    assert_eq!(kind.check(&spec), [], "{address}");
    Wanted {
        address: Address::parse(address).unwrap(),
        kind,
        spec,
        depends_on: Vec::new(),
        protect: None,
        existing: None,
        moved: Vec::new(),
    }
}

/// The plan in a form for assertions and goldens.
pub(crate) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let class = step.class.map(|c| format!(" {c:?}")).unwrap_or_default();
        let reason = if step.reason.is_empty() { String::new() } else { format!(": {}", step.reason) };
        out.push_str(&format!("{:?} {} ({}){class}{reason}\n", step.action, step.address, step.kind.name()));
        for field in &step.fields {
            let forces = if field.forces { " (forces)" } else { "" };
            out.push_str(&format!("    {}: {} -> {}{forces}\n", field.path, field.before, field.after));
        }
    }
    out
}

/// Records nothing: what somebody else does is in no journal.
pub(crate) struct Quiet;

impl Recorder for Quiet {
    fn intent(&self, _: Intent) -> Boxed<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn accepted<'a>(&'a self, _: &'a Address, _: &'a str, _: &'a [String]) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn failed<'a>(&'a self, _: &'a Address, _: &'a str, _: &'a str) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn stable<'a>(&'a self, _: &'a Address, _: Applied) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn gone<'a>(&'a self, _: &'a Address) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn waiting(&self, _: &Address, _: &Error) {}
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::open(config).unwrap();
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        Self {
            sandbox,
            backend: Arc::new(MemoryBackend::new()),
            events: Arc::default(),
            clock,
            target: Target { stack: "test".to_owned(), owner: Some("tests".to_owned()), ..Target::default() },
        }
    }

    pub(crate) async fn aws(&self) -> Aws {
        Aws::connect(Options {
            region: "us-east-1".to_owned(),
            profile: None,
            endpoint_url: None,
            http: Some(self.sandbox.http_client()),
            clock: self.clock.clone(),
        })
        .await
    }

    pub(crate) async fn engine(&self) -> Engine {
        Engine::connect(self.aws().await, KINDS, self.target.clone(), self.backend.clone(), true).await.unwrap()
    }

    pub(crate) async fn look(&self, wanted: &[Wanted]) -> (Engine, View, Plan) {
        let engine = self.engine().await;
        let view = engine.look(wanted).await.unwrap();
        let plan = engine.plan(wanted, &view, &BTreeSet::new()).unwrap();
        (engine, view, plan)
    }

    pub(crate) async fn plan(&self, wanted: &[Wanted]) -> Plan {
        self.look(wanted).await.2
    }

    pub(crate) async fn try_apply(&self, wanted: &[Wanted]) -> Outcome {
        let (engine, view, plan) = self.look(wanted).await;
        let events = self.events.clone();
        let (_keep, cancel) = tokio::sync::watch::channel(false);
        let run = Execution {
            command: "apply",
            presence: None,
            delete_data: true,
            sink: Arc::new(move |e| events.lock().unwrap().push(e)),
            cancel,
        };
        engine.execute(&plan, &view, wanted, run).await.unwrap()
    }

    pub(crate) async fn apply(&self, wanted: &[Wanted]) -> Outcome {
        let outcome = self.try_apply(wanted).await;
        assert!(
            outcome.complete(),
            "failed {:?} pending {:?} skipped {:?}",
            outcome.failed,
            outcome.pending,
            outcome.skipped
        );
        outcome
    }

    /// Applies, and expects that a second plan finds nothing to do and that nothing is changed by looking.
    pub(crate) async fn settle(&self, wanted: &[Wanted]) -> Outcome {
        let outcome = self.apply(wanted).await;
        let before = self.sandbox.requests().mutating;
        let again = self.plan(wanted).await;
        assert!(again.is_empty(), "{}", text(&again));
        assert_eq!(self.sandbox.requests().mutating, before, "a plan changes nothing");
        outcome
    }

    /// Removes one object through its kind alone, as somebody with the console would, and then once more: an object that
    /// is gone may be deleted again.
    pub(crate) async fn lose(&self, wanted: &[Wanted], address: &str) {
        let (engine, view, _) = self.look(wanted).await;
        let address = Address::parse(address).unwrap();
        let kind = view.snapshot.owned[&address].kind;
        let names = wanted.iter().filter_map(|w| w.spec.get("name")?.as_str().map(str::to_owned)).collect();
        let sweep = SweepCtx {
            aws: engine.aws().clone(),
            scope: view.scope.clone(),
            names: Arc::new(names),
            all_stacks: false,
        };
        let ctx = Ctx {
            aws: engine.aws().clone(),
            scope: view.scope.clone(),
            address: address.clone(),
            clock: self.clock.clone(),
            tags: view.tags.clone(),
            spec_tag: String::new(),
            image: None,
            recorder: Arc::new(Quiet),
            open: Arc::default(),
            ordinal: Arc::default(),
        };
        let find = async || kind.sweep(&sweep).await.unwrap().into_iter().find(|l| l.address == address);
        let first = find().await.unwrap();
        for _ in 0..2000 {
            match find().await {
                None => {
                    kind.delete(&ctx, &first).await.unwrap();
                    return;
                }
                Some(live) if live.state == State::Deleting => self.clock.sleep(Duration::from_secs(15)).await,
                // In use for a moment longer: the engine tries again too.
                Some(live) => match kind.delete(&ctx, &live).await {
                    Err(e) if matches!(e.class, ErrorClass::InUse | ErrorClass::WrongState) => {
                        self.clock.sleep(Duration::from_secs(15)).await;
                    }
                    other => other.unwrap(),
                },
            }
        }
        panic!("{address} never goes");
    }

    /// What is left, as text.
    pub(crate) async fn left(&self) -> Vec<String> {
        let proof = self.engine().await.prove(&[]).await.unwrap();
        proof.left.into_iter().map(|(kind, id, address, state)| format!("{kind} {id} {address} {state}")).collect()
    }
}
