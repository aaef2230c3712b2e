//! An engine on an in-process sandbox with a virtual clock and a journal in memory.
pub(crate) mod asked;
pub(crate) mod wire;

use asked::{Asked, Fate};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use dlinfra::{
    address::Address,
    apply::{Event, Outcome},
    aws::{Aws, Error, ErrorClass, Options},
    blueprint::{Inputs, MemoryFiles, compile},
    call::{Ctx, SweepCtx},
    clock::Clock,
    compose::compose,
    diagnostic::Diagnostics,
    engine::{Engine, Execution, Target, View},
    journal::{Backend, JournalError, MemoryBackend},
    kind::{Boxed, Kind},
    kinds::{KINDS, dialect},
    plan::{Plan, Wanted},
    record::{Applied, Intent, Recorder},
    resource::State,
};
use dlinfra_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// One stack in one sandbox.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) clock: Clock,
    pub(crate) target: Target,
    pub(crate) kinds: &'static [&'static dyn Kind],
    /// Stands between the engine and the sandbox; none = nothing does.
    pub(crate) http: Option<SharedHttpClient>,
}

/// Stops nothing: kept for as long as a run shall not be cancelled.
pub(crate) fn never() -> (tokio::sync::watch::Sender<bool>, tokio::sync::watch::Receiver<bool>) {
    tokio::sync::watch::channel(false)
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
        spec: spec.into(),
        depends_on: Vec::new(),
        protect: None,
        existing: None,
        moved: Vec::new(),
    }
}

/// What a blueprint wants, with these variables.
pub(crate) fn blueprint(text: &str, vars: &[(&str, &str)]) -> Vec<Wanted> {
    let files = MemoryFiles::new().with("dlinfra.yaml", text);
    let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let inputs = Inputs { file: "dlinfra.yaml".into(), vars, ..Inputs::default() };
    let compiled = compile(dialect(), &inputs, &files).unwrap_or_else(|p| panic!("{p}"));
    compose(compiled).unwrap_or_else(|p| panic!("{p}")).wanted
}

/// A journal that takes so many writes of records and then none, while its lock goes on to be written.
pub(crate) fn filling(inner: Arc<dyn Backend>, records: usize, why: JournalError) -> Arc<dyn Backend> {
    let taken = AtomicUsize::new(0);
    Arc::new(Asked::new(inner, move |key, _| {
        let full = key.starts_with("log/") && taken.fetch_add(1, Ordering::SeqCst) >= records;
        if full { Fate::Refused(why.clone()) } else { Fate::Written }
    }))
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

/// Keeps what was applied until the test ends; everything else is forgotten.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) applied: Mutex<BTreeMap<Address, Applied>>,
    pub(crate) waits: Mutex<Vec<String>>,
}

impl Recorder for Memory {
    fn intent(&self, _: Intent) -> Boxed<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn accepted<'a>(&'a self, _: &'a Address, _: &'a str, _: &'a [String]) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn failed<'a>(&'a self, _: &'a Address, _: &'a str, _: &'a str) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn stable<'a>(&'a self, address: &'a Address, applied: Applied) -> Boxed<'a, ()> {
        self.applied.lock().unwrap().insert(address.clone(), applied);
        Box::pin(async { Ok(()) })
    }
    fn gone<'a>(&'a self, address: &'a Address) -> Boxed<'a, ()> {
        self.applied.lock().unwrap().remove(address);
        Box::pin(async { Ok(()) })
    }
    fn waiting(&self, _: &Address, why: &Error) {
        self.waits.lock().unwrap().push(why.to_string());
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        Self::on(Sandbox::open(config).unwrap(), Arc::new(MemoryBackend::new()))
    }

    /// A stack in this account, with this journal.
    pub(crate) fn on(sandbox: Sandbox, backend: Arc<dyn Backend>) -> Self {
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        Self {
            sandbox,
            backend,
            events: Arc::default(),
            clock,
            target: Target { stack: "test".to_owned(), owner: Some("tests".to_owned()), ..Target::default() },
            kinds: KINDS,
            http: None,
        }
    }

    /// Another process on the same stack.
    pub(crate) fn beside(&self) -> Self {
        let (sandbox, backend) = (self.sandbox.clone(), self.backend.clone());
        Self { clock: self.clock.clone(), target: self.target.clone(), ..Self::on(sandbox, backend) }
    }

    pub(crate) async fn aws(&self) -> Aws {
        Aws::connect(Options {
            region: "us-east-1".to_owned(),
            profile: None,
            endpoint_url: None,
            http: Some(self.http.clone().unwrap_or_else(|| self.sandbox.http_client())),
            clock: self.clock.clone(),
        })
        .await
    }

    pub(crate) async fn engine(&self) -> Engine {
        Engine::connect(self.aws().await, self.kinds, self.target.clone(), self.backend.clone(), true).await.unwrap()
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

    /// One command from its beginning to its end, as a process would run it.
    pub(crate) async fn command(
        &self,
        wanted: &[Wanted],
        cancel: tokio::sync::watch::Receiver<bool>,
    ) -> Result<Outcome, Diagnostics> {
        let engine =
            Engine::connect(self.aws().await, self.kinds, self.target.clone(), self.backend.clone(), true).await?;
        let view = engine.look(wanted).await?;
        let plan = engine.plan(wanted, &view, &BTreeSet::new())?;
        let events = self.events.clone();
        let run = Execution {
            command: if wanted.is_empty() { "destroy" } else { "apply" },
            presence: None,
            delete_data: true,
            sink: Arc::new(move |e| events.lock().unwrap().push(e)),
            cancel,
        };
        engine.execute(&plan, &view, wanted, run).await
    }

    /// The command after one that died: it takes the lock over, and where that took time it is asked to plan again.
    pub(crate) async fn resume(&self, wanted: &[Wanted]) -> Result<Outcome, String> {
        let mut last = String::new();
        for _ in 0..4 {
            let (_keep, cancel) = never();
            match self.command(wanted, cancel).await {
                Ok(outcome) if outcome.complete() => return Ok(outcome),
                Ok(o) => {
                    return Err(format!("failed {:?} pending {:?} skipped {:?}", o.failed, o.pending, o.skipped));
                }
                Err(problems) if problems.iter().all(|d| d.code == "DL0518") => last = problems.to_string(),
                // The holder wrote a moment ago, and may live: people are told so, and come back.
                Err(problems) if problems.iter().all(|d| d.code == "DL0510") => {
                    last = problems.to_string();
                    self.clock.sleep(Duration::from_secs(95)).await;
                }
                Err(problems) => return Err(problems.to_string()),
            }
        }
        Err(format!("the lock was not taken over: {last}"))
    }

    /// A plan, where a refusal is a result and no panic.
    pub(crate) async fn look_again(&self, wanted: &[Wanted]) -> Result<Plan, String> {
        let text = |d: Diagnostics| format!("plan: {d}");
        let connect = Engine::connect(self.aws().await, self.kinds, self.target.clone(), self.backend.clone(), true);
        let engine = connect.await.map_err(text)?;
        let view = engine.look(wanted).await.map_err(text)?;
        engine.plan(wanted, &view, &BTreeSet::new()).map_err(text)
    }

    pub(crate) async fn try_apply(&self, wanted: &[Wanted]) -> Outcome {
        let (_keep, cancel) = never();
        self.command(wanted, cancel).await.unwrap_or_else(|problems| panic!("{problems}"))
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
        let sweep = SweepCtx { names: Arc::new(names), ..SweepCtx::new(engine.aws().clone(), view.scope.clone()) };
        let ctx = Ctx {
            aws: engine.aws().clone(),
            scope: view.scope.clone(),
            address: address.clone(),
            clock: self.clock.clone(),
            tags: view.tags.clone().into(),
            spec_tag: String::new(),
            image: None,
            recorder: Arc::new(Memory::default()),
            open: Arc::default(),
            ordinal: Arc::default(),
            fresh: false,
            doubt: Arc::default(),
            tried: Arc::default(),
            senders: std::sync::Arc::new(()),
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
