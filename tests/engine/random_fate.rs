//! What befalls a run at its nth act: it is killed, cancelled, its credentials end, or somebody destroys meanwhile.
use crate::stage::{Stage, never, wire::wire};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    apply::Outcome,
    diagnostic::Diagnostics,
    engine::{Execution, Removed},
    journal::{Backend, Pending, Place, Presence, Put, Stored},
    plan::Wanted,
};
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// How a run is disturbed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// The process ends before the act, or right after it.
    Kill { executed: bool },
    /// Somebody interrupts it.
    Cancel,
    /// From this act on AWS refuses the credentials.
    Expire,
    /// Another process asks for the end of the stack, and for its proof.
    Prove,
}

/// Counts the acts (requests and writes of the journal) of a run from the moment at which it takes the lock.
#[derive(Clone)]
pub(crate) struct Fate(Arc<Inner>);

struct Inner {
    end: End,
    sandbox: Sandbox,
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
    died: Notify,
    cancel: watch::Sender<bool>,
    /// The other process.
    other: Stage,
    answered: Mutex<Option<Result<Removed, Diagnostics>>>,
}

struct State {
    left: u32,
    armed: bool,
    dead: bool,
}

impl std::fmt::Debug for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.end)
    }
}

/// How a disturbed run ended: nothing = it died.
pub(crate) type Ending = Option<Result<Outcome, Diagnostics>>;

impl Fate {
    /// Runs a command until it ends or its fate meets it at the act of this number, from 1.
    pub(crate) async fn meets(stage: &mut Stage, wanted: &[Wanted], end: End, at: u32) -> Ending {
        let (cancel, cancelled) = watch::channel(false);
        let whole = stage.backend.clone();
        let fate = Self(Arc::new(Inner {
            end,
            sandbox: stage.sandbox.clone(),
            backend: whole.clone(),
            state: Mutex::new(State { left: at, armed: false, dead: false }),
            died: Notify::new(),
            cancel,
            other: stage.beside(),
            answered: Mutex::new(None),
        }));
        let to = fate.clone();
        stage.http = Some(wire(move |request| {
            let fate = to.clone();
            async move {
                let inner = SharedHttpConnector::new(fate.0.sandbox.clone());
                fate.act(async move { inner.call(request).await }).await
            }
        }));
        stage.backend = Arc::new(fate.clone());
        let ending = tokio::select! {
            biased;
            () = fate.0.died.notified() => None,
            result = stage.command(wanted, cancelled) => Some(result),
        };
        (stage.http, stage.backend) = (None, whole);
        stage.sandbox.set_faults(Vec::new());
        if let Some(Ok(removed)) = fate.0.answered.lock().unwrap().take() {
            assert!(removed.proof.is_none(), "proven while an apply was at work: {removed:?}");
        }
        ending
    }

    /// A destroy, as the other process begins and ends it.
    async fn destroyed(other: &Stage) -> Result<Removed, Diagnostics> {
        let engine = other.engine().await;
        let view = engine.look_everywhere(&[]).await?;
        let plan = engine.plan(&[], &view, &std::collections::BTreeSet::new())?;
        let (_keep, cancel) = never();
        let run = Execution { command: "destroy", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
        engine.destroy(&plan, &view, &[], run).await
    }

    /// Is this the act? Nothing for the dead.
    fn now(&self) -> Option<bool> {
        let mut state = self.0.state.lock().unwrap();
        if state.dead {
            return None;
        }
        state.left = state.left.saturating_sub(u32::from(state.armed));
        let now = state.armed && state.left == 0;
        // Once.
        state.armed &= !now;
        state.dead = now && matches!(self.0.end, End::Kill { .. });
        Some(now)
    }

    async fn act<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(now) = self.now() else { return std::future::pending().await };
        match (now, self.0.end) {
            (true, End::Kill { executed }) => {
                if executed {
                    let _unanswered = work.await;
                }
                self.0.died.notify_one();
                std::future::pending().await
            }
            (true, End::Cancel) => {
                let _heard = self.0.cancel.send(true);
                work.await
            }
            (true, End::Prove) => {
                let answered = Self::destroyed(&self.0.other).await;
                *self.0.answered.lock().unwrap() = Some(answered);
                work.await
            }
            (true, End::Expire) => {
                self.0.sandbox.set_faults(vec![FaultRule::new("*", FaultAction::ExpiredToken)]);
                work.await
            }
            _ => work.await,
        }
    }

    fn arm(&self, key: &str) {
        let mut state = self.0.state.lock().unwrap();
        state.armed |= key == "lock.json" && state.left > 0;
    }
}

impl Backend for Fate {
    fn place(&self) -> String {
        self.0.backend.place()
    }
    fn presence(&self) -> Option<Presence> {
        self.0.backend.presence()
    }
    fn look(&self) -> Pending<'_, Place> {
        self.0.backend.look()
    }
    fn prepare(&self) -> Pending<'_, ()> {
        self.0.backend.prepare()
    }
    fn put_if_absent<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> Pending<'a, Put> {
        Box::pin(async move {
            self.arm(key);
            self.act(self.0.backend.put_if_absent(key, bytes)).await
        })
    }
    fn put_if_match<'a>(&'a self, key: &'a str, bytes: &'a [u8], version: &'a str) -> Pending<'a, Put> {
        Box::pin(async move {
            self.arm(key);
            self.act(self.0.backend.put_if_match(key, bytes, version)).await
        })
    }
    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Stored>> {
        self.0.backend.get(key)
    }
    fn list<'a>(&'a self, folder: &'a str, after: &'a str) -> Pending<'a, Vec<String>> {
        self.0.backend.list(folder, after)
    }
    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.0.backend.remove(key)
    }
}
