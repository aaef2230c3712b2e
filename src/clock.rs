//! The one clock: engine, SDK and sandbox all read this time and sleep on it.
use jiff::{SignedDuration, Timestamp};
use std::{fmt, time::Duration};
use tokio::time::Instant;

/// Wall time, or sandbox time that runs `speed` times faster.
///
/// With `speed` 1 and tokio's paused time this is a discrete-event clock: time jumps when every task sleeps.
#[derive(Clone)]
pub struct Clock {
    base: Timestamp,
    start: Instant,
    speed: u32,
    system: bool,
}

impl Clock {
    /// Real time.
    pub fn system() -> Self {
        Self { base: Timestamp::now(), start: Instant::now(), speed: 1, system: true }
    }

    /// Simulated time that starts at `base` and runs `speed` times as fast as the runtime's clock.
    pub fn scaled(base: Timestamp, speed: u32) -> Self {
        Self { base, start: Instant::now(), speed: speed.max(1), system: false }
    }

    /// The current time on this clock.
    pub fn now(&self) -> Timestamp {
        if self.system {
            return Timestamp::now();
        }
        let gone = self.start.elapsed().saturating_mul(self.speed);
        SignedDuration::try_from(gone).ok().and_then(|d| self.base.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
    }

    /// Time that only runs forward, also while the machine sleeps: what a lease is measured by. It is the runtime's
    /// time, not faster on a fast clock: a lease lives as long as real processes do.
    pub fn uptime(&self) -> Duration {
        if !self.system {
            return self.start.elapsed();
        }
        use rustix::time::{ClockId, clock_gettime};
        // Only Linux has a monotonic clock that stops in suspend; elsewhere the plain one goes on.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let now = clock_gettime(ClockId::Boottime);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let now = clock_gettime(ClockId::Monotonic);
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    /// Sleeps for `time` on this clock (shorter in real time when the clock is fast).
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time / self.speed).await;
    }

    /// How many times faster than the runtime's clock this one runs.
    pub fn speed(&self) -> u32 {
        self.speed
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} x{})", self.now(), self.speed)
    }
}
