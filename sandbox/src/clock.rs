//! The one clock that the sandbox, the engine and the SDK share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of time that can also be waited on.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment on this clock.
    fn now(&self) -> Timestamp;
    /// Waits until this clock has advanced by `duration`.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
}

/// Time that runs `speed` times as fast as tokio's.
///
/// With speed 1 on a paused tokio runtime (`start_paused`, `tokio::time::pause`) it is a discrete-event clock:
/// time jumps to the next timer when every task sleeps.
#[derive(Debug)]
pub struct ScaledClock {
    base: Timestamp,
    start: Instant,
    speed: f64,
}

impl ScaledClock {
    /// A clock that shows `base` now. A speed that is not positive and finite counts as 1.
    pub fn new(base: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self { base, start: Instant::now(), speed }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.start.elapsed().mul_f64(self.speed);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(tokio::time::sleep(duration.div_f64(self.speed)))
    }
}
