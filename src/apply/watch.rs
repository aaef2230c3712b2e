//! Shared waiting: one sweep per kind answers everybody who waits for objects of that kind.
use crate::{address::Address, aws::Error, call::SweepCtx, kind::Kind, resource::Live, snapshot};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// What is known of one kind.
#[derive(Default)]
struct Slot {
    /// Counts the changes that this process made.
    changes: AtomicU64,
    latest: Mutex<Option<Latest>>,
}

/// The last sweep of one kind.
struct Latest {
    started: Instant,
    /// So many changes had been made when it began.
    changes: u64,
    lives: HashMap<Address, Live>,
}

/// Sweeps on demand; callers that wait at the same time share one.
pub(super) struct Watch {
    ctx: SweepCtx,
    kinds: HashMap<&'static str, Slot>,
}

impl Watch {
    pub(super) fn new(kinds: &[&'static dyn Kind], ctx: SweepCtx) -> Self {
        Self { ctx, kinds: kinds.iter().map(|k| (k.name(), Slot::default())).collect() }
    }

    /// The object at the address, as AWS showed it in a sweep that began at `not_before` or later, and after every change
    /// that was reported before this was called.
    pub(super) async fn look(
        &self,
        kind: &'static dyn Kind,
        address: &Address,
        not_before: Instant,
    ) -> Result<Option<Live>, Error> {
        self.seen(kind, not_before, |lives| lives.get(address).cloned()).await
    }

    /// The addresses of every object of a kind, by the same sweeps.
    pub(super) async fn addresses(&self, kind: &'static dyn Kind, not_before: Instant) -> Result<Vec<Address>, Error> {
        self.seen(kind, not_before, |lives| lives.keys().cloned().collect()).await
    }

    async fn seen<T>(
        &self,
        kind: &'static dyn Kind,
        not_before: Instant,
        read: impl FnOnce(&HashMap<Address, Live>) -> T,
    ) -> Result<T, Error> {
        let slot = self.kinds.get(kind.name()).ok_or_else(|| Error::bug(format!("{} is not watched", kind.name())))?;
        let seen = slot.changes.load(Ordering::SeqCst);
        let mut latest = slot.latest.lock().await;
        if latest.as_ref().is_none_or(|l| l.started < not_before || l.changes < seen) {
            // Everybody who comes in this tick is answered by the sweep that begins after it; whoever waits for this
            // lock meanwhile is too, if it begins late enough for them.
            tokio::task::yield_now().await;
            let (started, changes) = (Instant::now(), slot.changes.load(Ordering::SeqCst));
            let mut lives = HashMap::new();
            for live in snapshot::one(kind, &self.ctx).await? {
                // Two objects of one address are found by the next full sweep; the first one answers here.
                lives.entry(live.address.clone()).or_insert(live);
            }
            *latest = Some(Latest { started, changes, lives });
        }
        let latest = latest.as_ref().ok_or_else(|| Error::bug(format!("{} was not looked at", kind.name())))?;
        Ok(read(&latest.lives))
    }

    /// What was seen of a kind is older than a change that this process made: the next look asks again, however little
    /// time has passed.
    pub(super) fn forget(&self, kind: &dyn Kind) {
        if let Some(slot) = self.kinds.get(kind.name()) {
            slot.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Sleeps until the next tick of `pause`, so that everybody who polls a kind does it at the same moments.
    pub(super) async fn tick(&self, pause: Duration) {
        let clock = self.ctx.aws.clock();
        let now = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
        let step = u64::try_from(pause.as_millis()).unwrap_or(1000).max(1);
        clock.sleep(Duration::from_millis(step - now % step)).await;
    }
}
