//! Token buckets per API action, from AWS's published rates: dlinfra waits before AWS would refuse.
//!
//! Source: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
use crate::clock::Clock;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Burst and refill per second of one action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests that may be sent at once.
    pub burst: f64,
    /// Requests per second after that.
    pub refill: f64,
}

/// The published rate of an action; services without published rates get a modest one.
pub fn published(operation: &str) -> Rate {
    let rate = |burst: f64, refill: f64| Rate { burst, refill };
    let Some(action) = operation.strip_prefix("ec2:") else {
        return match operation.split(':').next() {
            Some("iam") => rate(20.0, 10.0),
            Some("fsx") => rate(10.0, 5.0),
            Some("s3") => rate(200.0, 100.0),
            // Its limits are low and unpublished, and each request costs money.
            Some("ce") => rate(5.0, 1.0),
            _ => rate(20.0, 10.0),
        };
    };
    match action {
        "RunInstances" => rate(5.0, 2.0),
        "TerminateInstances" => rate(100.0, 5.0),
        "CreateNatGateway" => rate(10.0, 1.0),
        "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => rate(4.0, 0.3),
        "CreateTags" | "DeleteTags" => rate(100.0, 10.0),
        "CreateVolume" | "CreateNetworkInterface" => rate(100.0, 5.0),
        "DescribeCapacityBlockOfferings" | "PurchaseCapacityBlock" => rate(10.0, 0.15),
        "DescribeInstanceTopology" => rate(1.0, 1.0),
        _ if action.starts_with("Describe") => rate(100.0, 20.0),
        _ => rate(50.0, 5.0),
    }
}

struct Level {
    tokens: f64,
    at: Timestamp,
}

/// The buckets of one connection; pollers and executor share them.
pub(super) struct Buckets {
    clock: Clock,
    levels: Mutex<HashMap<String, Level>>,
}

impl Buckets {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, levels: Mutex::default() }
    }

    /// Waits until one request of this action may leave.
    pub(super) async fn take(&self, operation: &str) {
        let pause = self.reserve(operation);
        if pause > Duration::ZERO {
            self.clock.sleep(pause).await;
        }
    }

    /// Takes one token now, into debt if need be, and says how long the caller must wait for it.
    fn reserve(&self, operation: &str) -> Duration {
        let rate = published(operation);
        let now = self.clock.now();
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let level = levels.entry(operation.to_owned()).or_insert(Level { tokens: rate.burst, at: now });
        let gone = now.duration_since(level.at).as_secs_f64().max(0.0);
        level.tokens = (level.tokens + gone * rate.refill).min(rate.burst) - 1.0;
        level.at = now;
        if level.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-level.tokens / rate.refill) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_the_rest_waits() {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1);
        let buckets = Buckets::new(clock.clone());
        for _ in 0..5 {
            buckets.take("ec2:RunInstances").await;
        }
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        for _ in 0..4 {
            buckets.take("ec2:RunInstances").await;
        }
        assert_eq!(clock.now().as_second(), 2);
    }
}
