//! The lease: one process at a time changes a stack, and one that slept, was stopped or was cut off knows it.
//!
//! The holder renews every 20 s, on the condition that the lock is as it left it, and counts its age by a clock that
//! also runs while the machine sleeps. A taker believes only its own eyes: the same version for 90 s. The holder gives
//! up at 75 s, so that a request under way then ends before anybody else begins. No lease can fence AWS calls fully;
//! what slips through is found by its tags.
use super::{
    Journal, JournalError,
    backend::{Backend, Put},
    lock::{Holder, KEY, LockStatus, Stored, moment},
    presence::{Here, Presence},
};
use crate::{aws::gate::Guard, clock::Clock, record};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;

/// A taker must see the same version for so long.
pub const TAKEOVER: Duration = Duration::from_secs(90);
/// The holder trusts an unconfirmed lease for so long.
pub const TRUST: Duration = Duration::from_secs(75);
/// The holder renews so often.
pub const HEARTBEAT: Duration = Duration::from_secs(20);
/// Pause after a failed renewal, and between looks at a lock of others.
const RETRY: Duration = Duration::from_secs(5);
/// A release that takes longer is left to time.
const RELEASE: Duration = Duration::from_secs(10);
/// The same after a signal.
const RELEASE_IN_HASTE: Duration = Duration::from_millis(1200);

/// How to take a lease.
#[derive(Clone)]
pub struct Request {
    /// Where the lock lies.
    pub backend: Arc<dyn Backend>,
    /// Time.
    pub clock: Clock,
    /// Who asks.
    pub holder: Holder,
    /// Recognises dead processes of this machine; `None` = only time does.
    pub presence: Option<Presence>,
    /// How long to wait for a holder that lives; zero = refuse at once.
    pub wait: Duration,
    /// Told once when the lock of a silent holder is being watched, and when a living one is waited for.
    pub watching: Arc<dyn Fn(&LockStatus) + Send + Sync>,
    /// Time that also runs while the machine sleeps.
    pub uptime: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Request {
    /// Refuses at once when somebody else holds the lock; dead processes are recognised as the backend can.
    pub fn new(backend: Arc<dyn Backend>, clock: Clock, holder: Holder) -> Self {
        let time = clock.clone();
        let presence = backend.presence();
        Self {
            backend,
            clock,
            holder,
            presence,
            wait: Duration::ZERO,
            watching: Arc::new(|_| ()),
            uptime: Arc::new(move || time.uptime()),
        }
    }
}

/// A lock that this process holds, and renews until it is released, lost or dropped.
pub struct Lease {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    /// Nothing once the lock was given back.
    here: Option<Here>,
}

struct Shared {
    request: Request,
    state: Mutex<State>,
}

struct State {
    stored: Stored,
    version: String,
    /// Uptime just before the last renewal that was confirmed was sent.
    confirmed: Duration,
    lost: Option<String>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.shared.request.backend.place())
    }
}

impl Lease {
    /// Takes the lock: at once if it is free or its holder is certainly dead, after 90 s of watching if the holder has
    /// been silent.
    ///
    /// # Errors
    /// [`JournalError::Locked`] names a holder that lives; else whatever the place answers.
    pub async fn acquire(request: Request) -> Result<Self, JournalError> {
        let nonce = record::nonce();
        let mut here = request.presence.as_ref().and_then(|p| p.enter(&nonce));
        let taken = Taking::new(&request, nonce, &mut here).take().await;
        if matches!(taken, Err(JournalError::Locked { .. })) {
            here.take().into_iter().for_each(Here::leave);
        }
        let state = taken?;
        let shared = Arc::new(Shared { request, state: Mutex::new(state) });
        let task = tokio::spawn(renew(shared.clone()));
        Ok(Self { shared, task, here })
    }

    /// Why this process may not change anything any more; asked before each mutation. Once lost, lost for ever.
    pub fn lost(&self) -> Option<String> {
        self.shared.lost()
    }

    /// The same as a guard for [`crate::aws::gate::Gate::set_guard`], together with the journal that belongs to it.
    pub fn guard(&self, journal: &Journal) -> Guard {
        let (shared, journal) = (self.shared.clone(), journal.clone());
        Arc::new(move || {
            let lost = shared.lost().map(|why| JournalError::Lost { why });
            lost.or_else(|| journal.broken().map(|e| JournalError::Lost { why: e.to_string() })).map(|e| e.to_string())
        })
    }

    /// Gives the lock back, if it is still ours, within 10 s.
    ///
    /// # Errors
    /// The lock is somebody else's, or the place did not answer: the lock then ends by itself.
    pub async fn release(self) -> Result<(), JournalError> {
        self.release_within(RELEASE).await
    }

    /// The same within little more than a second, for a run that was interrupted.
    ///
    /// # Errors
    /// As [`Lease::release`].
    pub async fn release_in_haste(self) -> Result<(), JournalError> {
        self.release_within(RELEASE_IN_HASTE).await
    }

    /// A lock that could not be given back is that of a dead process from now on: this machine need not wait for it.
    async fn release_within(mut self, patience: Duration) -> Result<(), JournalError> {
        self.task.abort();
        let late = || JournalError::Unreachable {
            place: self.shared.request.backend.place(),
            why: "the lock could not be released in time; it ends by itself".to_owned(),
        };
        let released = tokio::time::timeout(patience, self.shared.release()).await.unwrap_or_else(|_| Err(late()));
        if matches!(released, Ok(()) | Err(JournalError::Lost { .. })) {
            self.here.take().into_iter().for_each(Here::leave);
        }
        released
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> Option<String> {
        let mut state = self.state();
        if state.lost.is_none() {
            let age = (self.request.uptime)().saturating_sub(state.confirmed);
            if age >= TRUST {
                state.lost = Some(format!("it was not renewed for {} s", age.as_secs()));
            }
        }
        state.lost.clone()
    }

    fn lose(&self, why: String) {
        self.state().lost.get_or_insert(why);
    }

    /// What lies there now, if it is ours.
    async fn ours(&self) -> Result<Result<(Stored, String), String>, JournalError> {
        let Some(found) = self.request.backend.get(KEY).await? else { return Ok(Err("it was removed".to_owned())) };
        let stored = Stored::decode(KEY, &found.bytes)?;
        if stored.nonce == self.state().stored.nonce {
            return Ok(Ok((stored, found.version)));
        }
        let how = if stored.held { "was taken over by" } else { "was broken; it belonged to" };
        Ok(Err(format!("it {how} {}", stored.holder.name)))
    }

    async fn release(&self) -> Result<(), JournalError> {
        loop {
            let (mut free, version) = {
                let state = self.state();
                (state.stored.clone(), state.version.clone())
            };
            free.held = false;
            free.beat += 1;
            free.renewed = self.request.clock.now();
            if let Put::Done(_) = self.request.backend.put_if_match(KEY, &free.encode()?, &version).await? {
                return Ok(());
            }
            match self.ours().await? {
                // The answer to an earlier try was lost.
                Ok((stored, _)) if !stored.held => return Ok(()),
                // A renewal landed whose answer never came.
                Ok((stored, version)) => {
                    let mut state = self.state();
                    (state.stored, state.version) = (stored, version);
                }
                Err(why) => return Err(JournalError::Lost { why }),
            }
        }
    }
}

/// Renews until the lease is lost. Sleeps in the runtime's time: a fast sandbox clock must not shorten a lease that
/// real processes hold.
async fn renew(shared: Arc<Shared>) {
    let mut pause = HEARTBEAT;
    loop {
        tokio::time::sleep(pause).await;
        // What expired is never revived: another process may have come and gone.
        if shared.lost().is_some() {
            return;
        }
        let (mut next, version) = {
            let state = shared.state();
            (state.stored.clone(), state.version.clone())
        };
        next.beat += 1;
        next.renewed = shared.request.clock.now();
        let Ok(bytes) = next.encode() else { return shared.lose("it could not be written".to_owned()) };
        let sent = (shared.request.uptime)();
        match shared.request.backend.put_if_match(KEY, &bytes, &version).await {
            Ok(Put::Done(version)) => {
                if shared.lost().is_some() {
                    return;
                }
                let mut state = shared.state();
                (state.stored, state.version, state.confirmed) = (next, version, sent);
                pause = HEARTBEAT;
            }
            Ok(Put::Taken) => match shared.ours().await {
                // A renewal landed whose answer never came: go on from it, with a fresh confirmation.
                Ok(Ok((stored, version))) => {
                    let mut state = shared.state();
                    (state.stored, state.version) = (stored, version);
                    pause = Duration::ZERO;
                }
                Ok(Err(why)) => return shared.lose(why),
                Err(_) => pause = RETRY,
            },
            Err(_) => pause = RETRY,
        }
    }
}

/// One attempt to take the lock.
struct Taking<'r> {
    request: &'r Request,
    nonce: String,
    here: &'r mut Option<Here>,
    /// The version that is being watched, since when (uptime), and whether that was said.
    seen: Option<(String, Duration)>,
    told: bool,
    /// The version changed while it was watched: whatever its clock says, the holder lives.
    alive: bool,
    /// Uptime before our own write, should its answer be lost.
    attempted: Option<Duration>,
}

impl<'r> Taking<'r> {
    fn new(request: &'r Request, nonce: String, here: &'r mut Option<Here>) -> Self {
        Self { request, nonce, here, seen: None, told: false, alive: false, attempted: None }
    }

    async fn take(mut self) -> Result<State, JournalError> {
        let backend = &self.request.backend;
        let deadline = (self.request.uptime)() + self.request.wait;
        loop {
            let sent = (self.request.uptime)();
            let Some(found) = backend.get(KEY).await? else {
                let stored = self.stored();
                self.attempt(sent);
                let put = backend.put_if_absent(KEY, &stored.encode()?).await?;
                if let Put::Done(version) = put {
                    return Ok(self.won(stored, version, sent));
                }
                continue;
            };
            let other = Stored::decode(&format!("{}/{KEY}", backend.place().trim_end_matches('/')), &found.bytes)?;
            if other.nonce == self.nonce {
                // The answer to our own write was lost: the lease counts from before that write.
                let since = self.attempted.unwrap_or(sent);
                return Ok(self.won(other, found.version, since));
            }
            if self.may_take(&other, &found.version, sent) {
                let stored = self.stored();
                self.attempt(sent);
                if let Put::Done(version) = backend.put_if_match(KEY, &stored.encode()?, &found.version).await? {
                    if let Some(presence) = &self.request.presence {
                        presence.forget(&other.nonce);
                    }
                    return Ok(self.won(stored, version, sent));
                }
                continue;
            }
            if (self.alive || !self.silent(&other)) && sent >= deadline {
                return Err(self.locked(&other));
            }
            if !self.told {
                self.told = true;
                (self.request.watching)(&LockStatus::new(&other, &found.version));
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn attempt(&mut self, sent: Duration) {
        self.attempted = Some(sent);
        if let Some(here) = self.here {
            here.writes();
        }
    }

    fn may_take(&mut self, other: &Stored, version: &str, looked: Duration) -> bool {
        if !other.held {
            return true;
        }
        let here = other.holder.host == self.request.holder.host;
        if here && self.request.presence.as_ref().is_some_and(|p| p.dead(&other.nonce)) {
            return true;
        }
        match &self.seen {
            Some((same, since)) if same == version => looked.saturating_sub(*since) >= TAKEOVER,
            earlier => {
                self.alive = earlier.is_some();
                self.seen = Some((version.to_owned(), (self.request.uptime)()));
                false
            }
        }
    }

    /// Has the holder been silent by its own account? Only a reason to watch: clocks differ.
    fn silent(&self, other: &Stored) -> bool {
        let age = self.request.clock.now().duration_since(other.renewed).unsigned_abs();
        age >= TAKEOVER.saturating_mul(self.request.clock.speed())
    }

    fn stored(&self) -> Stored {
        let now = self.request.clock.now();
        let holder = self.request.holder.clone();
        Stored { held: true, nonce: self.nonce.clone(), beat: 0, holder, since: now, renewed: now }
    }

    fn locked(&self, other: &Stored) -> JournalError {
        // By the holder's own clock; a fast sandbox's seconds are shorter than those that a lease is counted in.
        let silent = TAKEOVER.saturating_mul(self.request.clock.speed());
        JournalError::Locked {
            holder: other.holder.name.clone(),
            command: other.holder.command.clone(),
            since: moment(other.since).to_string(),
            renewed: moment(other.renewed).to_string(),
            silent: other.renewed.checked_add(silent).map_or_else(|_| String::new(), |at| moment(at).to_string()),
            ci: other.holder.ci.clone(),
        }
    }

    fn won(&self, stored: Stored, version: String, confirmed: Duration) -> State {
        State { stored, version, confirmed, lost: None }
    }
}
