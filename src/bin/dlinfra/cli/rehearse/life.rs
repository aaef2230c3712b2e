//! One life of a blueprint: an account in memory, in which it is applied and destroyed.
use crate::cli::{Stop, place};
use dlinfra::{
    aws::{Aws, Options},
    clock::Clock,
    compose::Deployment,
    diagnostic::Diagnostic,
    engine::codes::NO_STAND_IN,
    engine::{Engine, Event, Execution, Outcome},
    journal::{Backend, MemoryBackend},
    kinds::KINDS,
    plan::{Plan, Wanted},
    rehearsal::{Course, Phase, Refused, whole_seconds},
};
use dlinfra_sandbox::{Behaviour, FaultRule, Sandbox, SandboxConfig};
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What is rehearsed, and what exists before it.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) ground: &'a [Wanted],
    pub(super) wanted: &'a [Wanted],
}

/// One account of its own, and a stack in it.
pub(super) struct Life<'a> {
    stage: Stage<'a>,
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    backend: Arc<dyn Backend>,
}

/// What an execution came to.
pub(super) struct Done {
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    pub(super) events: Vec<Event>,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) phase: Phase,
}

impl<'a> Life<'a> {
    /// An account in which there is what the blueprint takes as given.
    pub(super) async fn begin(
        stage: Stage<'a>,
        behaviour: Behaviour,
        faults: Vec<FaultRule>,
    ) -> std::result::Result<Self, Stop> {
        let account = stage.deployment.compiled.account.clone();
        let config = SandboxConfig { behaviour, paused: true, ..Default::default() };
        let config = SandboxConfig { account: account.unwrap_or(config.account), ..config };
        // In memory, nothing can go wrong with a folder.
        let sandbox = Sandbox::open(config).map_err(|why| place::unopened(std::path::Path::new("memory"), &why))?;
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        let life = Self { stage, sandbox, clock, backend: Arc::new(MemoryBackend::new()) };
        if !stage.ground.is_empty() {
            let done = life.applied(stage.ground).await?;
            if let Some(failed) = done.phase.failed.first() {
                let text = format!("no stand-in could be made for {}, which exists: {}", failed.address, failed.error);
                return Err(Diagnostic::error(&NO_STAND_IN, text).at_address(&failed.address).into());
            }
        }
        life.sandbox.set_faults(faults);
        Ok(life)
    }

    /// With what the journal knows by now.
    pub(super) async fn engine(&self) -> std::result::Result<Engine, Stop> {
        let deployment = self.stage.deployment;
        let (region, clock) = (deployment.compiled.region.clone(), self.clock.clone());
        let http = Some(self.sandbox.http_client());
        let aws = Aws::connect(Options { region, profile: None, endpoint_url: None, http, clock }).await;
        Ok(Engine::connect(aws, KINDS, deployment.target(), self.backend.clone(), true).await?)
    }

    pub(super) async fn apply(&self) -> std::result::Result<Done, Stop> {
        self.applied(self.stage.wanted).await
    }

    async fn applied(&self, wanted: &[Wanted]) -> std::result::Result<Done, Stop> {
        let located = |problems| self.stage.deployment.located(problems);
        let began = self.clock.now();
        let before = self.sandbox.requests();
        let engine = self.engine().await?;
        let view = engine.look(wanted).await.map_err(located)?;
        let mut plan = engine.plan(wanted, &view, &BTreeSet::new()).map_err(located)?;
        engine.foresee(&mut plan, &view).await.map_err(located)?;
        let (events, run, _sender) = listened("apply", false);
        let outcome = match plan.is_empty() {
            true => Outcome::default(),
            false => engine.execute(&plan, &view, wanted, run).await?,
        };
        Ok(self.done(plan, outcome, &events, began, (before.total, before.mutating)))
    }

    pub(super) async fn destroy(&self) -> std::result::Result<Done, Stop> {
        let began = self.clock.now();
        let before = self.sandbox.requests();
        let engine = self.engine().await?;
        let removal = engine.plan_removal(self.stage.wanted, true).await?;
        let (events, run, _sender) = listened("destroy", true);
        let removed = engine.destroy(&removal.plan, &removal.view, self.stage.wanted, run).await?;
        Ok(self.done(removal.plan, removed.outcome, &events, began, (before.total, before.mutating)))
    }

    fn done(
        &self,
        plan: Plan,
        outcome: Outcome,
        events: &Mutex<Vec<Event>>,
        began: Timestamp,
        (total, mutating): (u64, u64),
    ) -> Done {
        let ended = self.clock.now();
        let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
        let after = self.sandbox.requests();
        let phase = Phase {
            seconds: whole_seconds(began, ended),
            path: Course::of(&events).path(&plan, began),
            requests: after.total - total,
            mutating: after.mutating - mutating,
            failed: undone(&outcome),
        };
        Done { plan, outcome, events, began, ended, phase }
    }
}

/// Hears everything, and stops nothing while the sender lives.
fn listened(
    command: &'static str,
    delete_data: bool,
) -> (Arc<Mutex<Vec<Event>>>, Execution, tokio::sync::watch::Sender<bool>) {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let heard = events.clone();
    let (sender, cancel) = tokio::sync::watch::channel(false);
    let sink = Arc::new(move |event| heard.lock().unwrap_or_else(PoisonError::into_inner).push(event));
    (events, Execution { command, presence: None, delete_data, sink, cancel }, sender)
}

fn undone(outcome: &Outcome) -> Vec<Refused> {
    let failed = outcome.failed.iter().map(|(address, error)| Refused {
        address: address.to_string(),
        error: error.to_string(),
        help: error.help.clone(),
    });
    let pending = outcome.pending.iter().map(|(address, why)| Refused {
        address: address.to_string(),
        error: why.clone(),
        help: None,
    });
    failed.chain(pending).collect()
}
