//! Shared waiting: one sweep per kind answers everybody who waits for objects of that kind.
//!
//! A sweep asks for what is waited for, so that the looks of a run grow with what it does and not with all that is there.
//! Whoever may wait a moment lets others come along, so that one request confirms many.
use crate::{
    address::Address,
    aws::Error,
    call::{Only, Sought, SweepCtx},
    kind::Kind,
    resource::{Id, Live},
    snapshot::{self, Place},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, watch as signal},
    time::Instant,
};

/// So long others may come along at most.
const GATHER: Duration = Duration::from_secs(4);

/// What is known of one kind.
struct Slot {
    /// Counts the changes that this process made.
    changes: AtomicU64,
    /// Tasks that have a call under way. Those who gather hear of every end of one, and of every answer.
    busy: signal::Sender<BTreeSet<usize>>,
    waiting: Mutex<Waiting>,
    seen: Mutex<Seen>,
    /// One sweeps at a time.
    turn: Turn<()>,
}

impl Default for Slot {
    fn default() -> Self {
        let (waiting, seen, turn) = Default::default();
        Self { changes: AtomicU64::new(0), busy: signal::Sender::new(BTreeSet::new()), waiting, seen, turn }
    }
}

/// What the next sweep is for.
#[derive(Default)]
struct Waiting {
    sought: Sought,
    /// Somebody must see all that there is.
    everything: bool,
}

/// The answers of sweeps.
#[derive(Default)]
struct Seen {
    /// Of what was asked for alone, each for who asked for it; all of them younger than the whole.
    single: HashMap<Address, (Moment, Option<Live>)>,
    whole: Option<(Moment, HashMap<Address, Live>)>,
}

/// When a sweep began.
#[derive(Clone, Copy)]
struct Moment {
    started: Instant,
    /// So many changes had been made then.
    changes: u64,
}

impl Moment {
    /// Is this late enough?
    fn serves(self, least: Self) -> bool {
        self.started >= least.started && self.changes >= least.changes
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A look at what is at one address.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) kind: &'static dyn Kind,
    pub(super) address: &'a Address,
    /// What is there, where that is known.
    pub(super) id: Option<&'a Id>,
    /// As AWS shows it in a sweep that begins then or later.
    pub(super) not_before: Instant,
    /// Everything that is there carries the tag with the address, so that a sweep may ask for that. Where a tag may be
    /// missing, only a sweep of the whole kind finds what the journal knows by its id.
    pub(super) by_tag: bool,
}

/// A call that is under way.
pub(super) struct Busy<'a> {
    slot: Option<&'a Slot>,
    task: usize,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.busy.send_modify(|tasks| {
                tasks.remove(&self.task);
            });
        }
    }
}

/// Sweeps on demand; callers that wait at the same time share one.
pub(super) struct Watch {
    ctx: SweepCtx,
    /// Ids of objects that have no place in the stack; each has an address of its own.
    surplus: Mutex<BTreeSet<Id>>,
    kinds: HashMap<&'static str, Slot>,
}

impl Watch {
    pub(super) fn new(kinds: &[&'static dyn Kind], ctx: SweepCtx, surplus: BTreeSet<Id>) -> Self {
        Self { ctx, surplus: Mutex::new(surplus), kinds: kinds.iter().map(|k| (k.name(), Slot::default())).collect() }
    }

    fn slot(&self, kind: &dyn Kind) -> Result<&Slot, Error> {
        self.kinds.get(kind.name()).ok_or_else(|| Error::bug(format!("{} is not watched", kind.name())))
    }

    /// The object at the address, as AWS showed it in a sweep that began when it was asked for or later, and after every
    /// change that was reported before this was called.
    pub(super) async fn look(&self, look: Look<'_>) -> Result<Option<Live>, Error> {
        self.look_with(look, |_| false).await
    }

    /// The same, at leisure: waits for some of the tasks that have a call under way now, whose objects want to be looked
    /// at right after it, but not for long. `waits` says whether these tasks are worth waiting for.
    pub(super) async fn look_with(
        &self,
        look: Look<'_>,
        waits: impl Fn(&BTreeSet<usize>) -> bool,
    ) -> Result<Option<Live>, Error> {
        let slot = self.slot(look.kind)?;
        let least = Moment { started: look.not_before, changes: slot.changes.load(Ordering::SeqCst) };
        if let Some(answer) = slot.answer(look, least) {
            return Ok(answer);
        }
        // Whoever sweeps meanwhile asks for this too.
        slot.wait_for(look);
        self.gather(slot, look, least, waits).await;
        if let Some(answer) = slot.answer(look, least) {
            return Ok(answer);
        }
        let _turn = slot.turn.lock().await;
        if let Some(answer) = slot.answer(look, least) {
            return Ok(answer);
        }
        // Everybody who comes in this tick is answered by the sweep that begins after it.
        tokio::task::yield_now().await;
        // A sweep that failed has taken the wish with it.
        slot.wait_for(look);
        self.sweep(look.kind, slot).await?;
        slot.answer(look, least).ok_or_else(|| Error::bug(format!("{} was not looked at", look.kind.name())))
    }

    /// The addresses of every object of a kind, by the same sweeps.
    pub(super) async fn addresses(&self, kind: &'static dyn Kind, not_before: Instant) -> Result<Vec<Address>, Error> {
        let slot = self.slot(kind)?;
        let least = Moment { started: not_before, changes: slot.changes.load(Ordering::SeqCst) };
        let _turn = slot.turn.lock().await;
        if slot.all(least).is_none() {
            tokio::task::yield_now().await;
            locked(&slot.waiting).everything = true;
            self.sweep(kind, slot).await?;
        }
        slot.all(least).ok_or_else(|| Error::bug(format!("{} was not looked at", kind.name())))
    }

    async fn gather(&self, slot: &Slot, look: Look<'_>, least: Moment, waits: impl Fn(&BTreeSet<usize>) -> bool) {
        let mut news = slot.busy.subscribe();
        // Those who begin later are not waited for, so that nobody is passed on from one to the next.
        let mut tasks = news.borrow_and_update().clone();
        let end = self.ctx.aws.clock().sleep(GATHER);
        tokio::pin!(end);
        while waits(&tasks) && !slot.answers(look, least) {
            tokio::select! {
                () = &mut end => return,
                heard = news.changed() => {
                    if heard.is_err() {
                        return;
                    }
                }
            }
            let busy = news.borrow_and_update();
            tasks.retain(|task| busy.contains(task));
        }
    }

    /// Asks AWS for what is waited for.
    async fn sweep(&self, kind: &'static dyn Kind, slot: &Slot) -> Result<(), Error> {
        // In this order: whoever is taken along came before it begins.
        let waiting = std::mem::take(&mut *locked(&slot.waiting));
        let at = Moment { started: Instant::now(), changes: slot.changes.load(Ordering::SeqCst) };
        let only = (!waiting.everything).then(|| Arc::new(Only::new(waiting.sought)));
        let ctx = SweepCtx { only: only.clone(), ..self.ctx.clone() };
        let mut lives: HashMap<Address, Live> = HashMap::new();
        for mut live in snapshot::one(kind, &ctx).await? {
            live.address = match snapshot::place(&live, &ctx.scope, &ctx.remembered) {
                _ if locked(&self.surplus).contains(&live.id) => Address::surplus(&live.id),
                Place::At(address) => address,
                Place::Nowhere | Place::Others => continue,
            };
            // Two new objects of one address are found by the next full sweep; the one that is known, or the first,
            // answers here.
            let known = ctx.remembered.address_of(&live) == Some(&live.address);
            if known || !lives.contains_key(&live.address) {
                lives.insert(live.address.clone(), live);
            }
        }
        {
            let mut seen = locked(&slot.seen);
            match only.as_ref().and_then(|only| only.heeded()) {
                Some(addresses) => {
                    for address in addresses {
                        let live = lives.remove(address);
                        seen.single.insert(address.clone(), (at, live));
                    }
                }
                None => *seen = Seen { single: HashMap::new(), whole: Some((at, lives)) },
            }
        }
        slot.busy.send_modify(|_| {});
        Ok(())
    }

    /// A call that makes something has answered with this id: what has it has its place.
    pub(super) fn stands(&self, id: &Id) {
        locked(&self.surplus).remove(id);
    }

    /// What was seen of a kind is older than a change that this process made: the next look asks again, however little
    /// time has passed.
    pub(super) fn forget(&self, kind: &dyn Kind) {
        if let Some(slot) = self.kinds.get(kind.name()) {
            slot.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A task of this kind has a call under way as long as the answer lives.
    pub(super) fn busy(&self, kind: &dyn Kind, task: usize) -> Busy<'_> {
        let slot = self.kinds.get(kind.name());
        if let Some(slot) = slot {
            slot.busy.send_modify(|tasks| {
                tasks.insert(task);
            });
        }
        Busy { slot, task }
    }

    /// Sleeps until the next tick of `pause`, so that everybody who polls a kind does it at the same moments.
    pub(super) async fn tick(&self, pause: Duration) {
        let clock = self.ctx.aws.clock();
        let now = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
        let step = u64::try_from(pause.as_millis()).unwrap_or(1000).max(1);
        clock.sleep(Duration::from_millis(step - now % step)).await;
    }
}

impl Slot {
    fn wait_for(&self, look: Look<'_>) {
        let mut waiting = locked(&self.waiting);
        waiting.everything |= !look.by_tag;
        let ids = waiting.sought.entry(look.address.clone()).or_insert_with(|| Some(BTreeSet::new()));
        match (look.id, ids.as_mut()) {
            (Some(id), Some(ids)) => drop(ids.insert(id.clone())),
            (Some(_), None) => {}
            (None, _) => *ids = None,
        }
    }

    /// Has a sweep been late enough for this look?
    fn answers(&self, look: Look<'_>, least: Moment) -> bool {
        let seen = locked(&self.seen);
        let single = seen.single.get(look.address).filter(|_| look.by_tag);
        let whole = seen.whole.as_ref();
        single.map(|s| s.0).into_iter().chain(whole.map(|w| w.0)).any(|at| at.serves(least))
    }

    fn answer(&self, look: Look<'_>, least: Moment) -> Option<Option<Live>> {
        let mut seen = locked(&self.seen);
        if look.by_tag && seen.single.get(look.address).is_some_and(|(at, _)| at.serves(least)) {
            // Nobody else waits for it, and much that is seen need not be kept.
            return seen.single.remove(look.address).map(|(_, live)| live);
        }
        let (_, lives) = seen.whole.as_ref().filter(|(at, _)| at.serves(least))?;
        Some(lives.get(look.address).cloned())
    }

    fn all(&self, least: Moment) -> Option<Vec<Address>> {
        let seen = locked(&self.seen);
        let (_, lives) = seen.whole.as_ref().filter(|(at, _)| at.serves(least))?;
        Some(lives.keys().cloned().collect())
    }
}
