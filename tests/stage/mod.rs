//! An engine on an in-process sandbox with a virtual clock and a journal in memory.
#![allow(dead_code)]
use dlinfra::{
    address::Address,
    apply::{Event, Outcome},
    aws::{Aws, Options},
    clock::Clock,
    engine::{Engine, Execution, Target, View},
    journal::{Backend, MemoryBackend},
    kinds::KINDS,
    plan::{Plan, Wanted},
};
use dlinfra_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

pub struct Stage {
    pub sandbox: Sandbox,
    pub backend: Arc<dyn Backend>,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub clock: Clock,
    pub region: String,
}

/// A resource as a blueprint would give it to the engine.
pub fn wanted(address: &str, kind: &str, spec: Value) -> Wanted {
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
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        out.push_str(&format!(
            "{:?} {} {} {:?} {}\n",
            step.action,
            step.address,
            step.kind.name(),
            step.class,
            step.reason
        ));
        for field in &step.fields {
            out.push_str(&format!(
                "    {}: {} -> {}{}\n",
                field.path,
                field.before,
                field.after,
                if field.forces { " (forces)" } else { "" }
            ));
        }
    }
    out
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    pub async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::open(config).unwrap();
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        Self {
            sandbox,
            backend: Arc::new(MemoryBackend::new()),
            events: Arc::default(),
            clock,
            region: "us-east-1".to_owned(),
        }
    }

    pub async fn aws(&self) -> Aws {
        Aws::connect(Options {
            region: self.region.clone(),
            profile: None,
            endpoint_url: None,
            http: Some(self.sandbox.http_client()),
            clock: self.clock.clone(),
        })
        .await
    }

    pub async fn engine(&self) -> Engine {
        let target = Target { stack: "test".to_owned(), owner: Some("tests".to_owned()), ..Target::default() };
        Engine::connect(self.aws().await, KINDS, target, self.backend.clone(), true).await.unwrap()
    }

    pub async fn look(&self, wanted: &[Wanted]) -> (Engine, View, Plan) {
        let engine = self.engine().await;
        let view = engine.look(wanted).await.unwrap();
        let plan = engine.plan(wanted, &view, &BTreeSet::new()).unwrap();
        (engine, view, plan)
    }

    pub async fn plan(&self, wanted: &[Wanted]) -> Plan {
        self.look(wanted).await.2
    }

    pub async fn try_apply(&self, wanted: &[Wanted]) -> Outcome {
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

    pub async fn apply(&self, wanted: &[Wanted]) -> Outcome {
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

    /// What is left, as text.
    pub async fn left(&self) -> Vec<String> {
        let proof = self.engine().await.prove(&[]).await.unwrap();
        proof.left.into_iter().map(|(kind, id, address, state)| format!("{kind} {id} {address} {state}")).collect()
    }
}
