//! Shared waiting: one sweep per kind answers everybody who waits for objects of that kind.
use crate::{
    address::Address,
    aws::Error,
    call::SweepCtx,
    kind::Kind,
    resource::{Id, Live},
    snapshot::{self, Place},
};
use std::{
    collections::{BTreeSet, HashMap},
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
    /// Ids of objects that have no place in the stack; each has an address of its own.
    surplus: BTreeSet<Id>,
    kinds: HashMap<&'static str, Slot>,
}

impl Watch {
    pub(super) fn new(kinds: &[&'static dyn Kind], ctx: SweepCtx, surplus: BTreeSet<Id>) -> Self {
        Self { ctx, surplus, kinds: kinds.iter().map(|k| (k.name(), Slot::default())).collect() }
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
            let mut lives: HashMap<Address, Live> = HashMap::new();
            for mut live in snapshot::one(kind, &self.ctx).await? {
                live.address = match snapshot::place(&live, &self.ctx.scope, &self.ctx.remembered) {
                    _ if self.surplus.contains(&live.id) => Address::surplus(&live.id),
                    Place::At(address) => address,
                    Place::Nowhere | Place::Others => continue,
                };
                // Two new objects of one address are found by the next full sweep; the one that is known, or the first,
                // answers here.
                let known = self.ctx.remembered.address_of(&live) == Some(&live.address);
                if known || !lives.contains_key(&live.address) {
                    lives.insert(live.address.clone(), live);
                }
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
