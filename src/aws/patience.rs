//! Reads that are worth waiting for: a throttle is waited out, a hiccup of AWS is tried again, all else is an answer.
use super::{Error, ErrorClass};
use crate::clock::Clock;
use jiff::SignedDuration;
use std::{future::Future, time::Duration};

/// How long a throttled read is repeated.
const THROTTLED: SignedDuration = SignedDuration::from_mins(10);
/// How long a read is repeated of which AWS says that it failed on its side. The SDK tried four times before.
const AMBIGUOUS: SignedDuration = SignedDuration::from_secs(60);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(30);

/// Repeats a read until it is answered, or until it has been throttled for ten minutes.
///
/// # Errors
/// Whatever the last try answered.
pub(super) async fn read<T, F, Fut>(clock: &Clock, call: F) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let started = clock.now();
    let mut pause = Duration::from_secs(1);
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let waited = clock.now().duration_since(started);
        let again = match error.class {
            ErrorClass::Throttled => waited < THROTTLED,
            ErrorClass::Ambiguous => waited < AMBIGUOUS,
            _ => false,
        };
        if !again {
            return Err(error);
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}
