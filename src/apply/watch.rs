//! Shared waiting: one sweep per kind answers everybody who waits for objects of that kind.
use crate::{address::Address, aws::Error, call::SweepCtx, kind::Kind, resource::Live, snapshot};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// The last sweep of one kind.
struct Latest {
    started: Instant,
    lives: Arc<Vec<Live>>,
}

/// Sweeps on demand; callers that wait at the same time share one.
pub(super) struct Watch {
    ctx: SweepCtx,
    kinds: HashMap<&'static str, Mutex<Option<Latest>>>,
}

impl Watch {
    pub(super) fn new(kinds: &[&'static dyn Kind], ctx: SweepCtx) -> Self {
        Self { ctx, kinds: kinds.iter().map(|k| (k.name(), Mutex::new(None))).collect() }
    }

    /// The object at the address, as AWS showed it in a sweep that began at `not_before` or later.
    pub(super) async fn look(
        &self,
        kind: &'static dyn Kind,
        address: &Address,
        not_before: Instant,
    ) -> Result<Option<Live>, Error> {
        let slot = self.kinds.get(kind.name()).ok_or_else(|| Error::bug(format!("{} is not watched", kind.name())))?;
        let mut latest = slot.lock().await;
        if latest.as_ref().is_none_or(|l| l.started < not_before) {
            // Whoever waits for this lock meanwhile is answered by this sweep too, if it begins late enough for them.
            let started = Instant::now();
            let lives = Arc::new(snapshot::one(kind, &self.ctx).await?);
            *latest = Some(Latest { started, lives });
        }
        let lives = latest.as_ref().map(|l| l.lives.clone()).unwrap_or_default();
        Ok(lives.iter().find(|l| l.address == *address).cloned())
    }

    /// Sleeps until the next tick of `pause`, so that everybody who polls a kind does it at the same moments.
    pub(super) async fn tick(&self, pause: Duration) {
        let clock = self.ctx.aws.clock();
        let now = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
        let step = u64::try_from(pause.as_millis()).unwrap_or(1000).max(1);
        clock.sleep(Duration::from_millis(step - now % step)).await;
    }
}
