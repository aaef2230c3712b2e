//! Token buckets per API action, from AWS's published rates: dlinfra waits before AWS would refuse.
//!
//! The published rates are the account's, and others work in the account too. Each refusal therefore corrects how much
//! of a rate is ours: what AWS granted since the last one is a measurement. Later requests feel for more, slowly.
//!
//! Source: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
use super::service::services;
use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
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
    let (prefix, action) = operation.split_once(':').unwrap_or((operation, ""));
    let service = services().find(|s| s.prefix == prefix);
    let whole = service.map_or_else(|| rate(20.0, 10.0), |s| s.rate);
    if prefix != "ec2" {
        return whole;
    }
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
        _ => whole,
    }
}

/// So little of a published rate is always tried.
const LEAST: f64 = 0.02;
/// After a refusal: a little below what AWS was seen to grant, so that its bucket fills again.
const BELOW: f64 = 0.9;
/// How the share grows with each request that AWS grants: at most one in some thirty is refused while it looks for the
/// limit, and faster when nothing was refused for a while.
const GROWTH: (f64, f64) = (1.003, 1.02);
const A_WHILE: SignedDuration = SignedDuration::from_secs(60);
/// So many answers are a measurement of their own.
const ENOUGH: u32 = 5;

/// What is known of one action's bucket at AWS.
struct Level {
    tokens: f64,
    at: Timestamp,
    /// How much of the published rate AWS grants: others in the account use the same bucket.
    share: f64,
    /// Grows with each refusal that taught something; earlier reservations are void then.
    epoch: u64,
    /// Since the last refusal, or since the beginning, when AWS's bucket was full.
    granted: u32,
    since: Timestamp,
}

/// The buckets of one connection; pollers and executor share them.
pub(super) struct Buckets {
    clock: Clock,
    levels: Mutex<HashMap<String, Level>>,
}

/// One request that may leave; tells which of several refusals at once are the same news.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

impl Buckets {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, levels: Mutex::default() }
    }

    /// Waits until one request of this action may leave.
    pub(super) async fn take(&self, operation: &str) -> Ticket {
        loop {
            let (pause, ticket) = self.reserve(operation);
            if pause == Duration::ZERO {
                return ticket;
            }
            self.clock.sleep(pause).await;
            // A refusal in the meantime says that the place in the queue is worth nothing.
            if self.with(operation, |level, _, _| level.epoch) == ticket.0 {
                return ticket;
            }
        }
    }

    /// AWS took the request, whatever it answered: slowly towards the published rate.
    pub(super) fn granted(&self, operation: &str, ticket: Ticket) {
        self.with(operation, |level, _, now| {
            level.granted = level.granted.saturating_add(1);
            if level.epoch == ticket.0 && level.share < 1.0 {
                let growth = if now.duration_since(level.since) > A_WHILE { GROWTH.1 } else { GROWTH.0 };
                level.share = (level.share * growth).min(1.0);
            }
        });
    }

    /// AWS refused the request for its rate: its bucket is empty, and what it granted until now shows how fast it fills.
    pub(super) fn refused(&self, operation: &str, ticket: Ticket) {
        self.with(operation, |level, rate, now| {
            // Several requests were under way at the last refusal: the first one said it all.
            if level.epoch != ticket.0 {
                return;
            }
            let full = if level.epoch == 0 { rate.burst } else { 0.0 };
            let seconds = now.duration_since(level.since).as_secs_f64().max(0.0);
            let seen = f64::from(level.granted) / (full + rate.refill * seconds).max(1.0);
            let least = if level.granted >= ENOUGH { LEAST } else { level.share * 0.5 };
            let most = level.share * BELOW;
            level.share = (seen * BELOW).max(least).min(most).max(LEAST);
            (level.tokens, level.at, level.since) = (0.0, now, now);
            level.granted = 0;
            level.epoch += 1;
        });
    }

    /// Takes one token now, into debt if need be, and says how long the caller must wait for it.
    fn reserve(&self, operation: &str) -> (Duration, Ticket) {
        self.with(operation, |level, rate, now| {
            let (burst, refill) = ((rate.burst * level.share).max(1.0), rate.refill * level.share);
            let gone = now.duration_since(level.at).as_secs_f64().max(0.0);
            level.tokens = (level.tokens + gone * refill).min(burst) - 1.0;
            level.at = now;
            let debt = -level.tokens;
            let pause = if debt <= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(debt / refill) };
            (pause, Ticket(level.epoch))
        })
    }

    fn with<T>(&self, operation: &str, work: impl FnOnce(&mut Level, Rate, Timestamp) -> T) -> T {
        let (rate, now) = (published(operation), self.clock.now());
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let level = levels.entry(operation.to_owned()).or_insert_with(|| Level {
            tokens: rate.burst,
            at: now,
            share: 1.0,
            epoch: 0,
            granted: 0,
            since: now,
        });
        work(level, rate, now)
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

    /// AWS's side of one bucket.
    struct Server {
        burst: f64,
        refill: f64,
        tokens: f64,
        at: Timestamp,
    }

    impl Server {
        fn answer(&mut self, now: Timestamp) -> bool {
            let gone = now.duration_since(self.at).as_secs_f64();
            (self.tokens, self.at) = ((self.tokens + gone * self.refill).min(self.burst), now);
            let granted = self.tokens >= 1.0;
            self.tokens -= if granted { 1.0 } else { 0.0 };
            granted
        }
    }

    /// Sends until so many are granted, with so many under way; refusals before and after the first ten seconds, and
    /// the seconds that it took.
    async fn storm(part: f64, wanted: usize, under_way: usize) -> (usize, usize, i64) {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1);
        let buckets = Buckets::new(clock.clone());
        let rate = published("ec2:DescribeVpcs");
        let server =
            Server { burst: rate.burst * part, refill: rate.refill * part, tokens: rate.burst * part, at: clock.now() };
        let server = Mutex::new(server);
        let (left, refused) = (Mutex::new(wanted), Mutex::new((0, 0)));
        let client = async || {
            while *left.lock().unwrap() > 0 {
                let ticket = buckets.take("ec2:DescribeVpcs").await;
                clock.sleep(Duration::from_millis(80)).await;
                if server.lock().unwrap().answer(clock.now()) {
                    buckets.granted("ec2:DescribeVpcs", ticket);
                    let mut left = left.lock().unwrap();
                    *left = left.saturating_sub(1);
                } else {
                    buckets.refused("ec2:DescribeVpcs", ticket);
                    let mut refused = refused.lock().unwrap();
                    if clock.now().as_second() < 10 { refused.0 += 1 } else { refused.1 += 1 }
                }
            }
        };
        futures_util::future::join_all((0..under_way).map(|_| client())).await;
        let (early, late) = *refused.lock().unwrap();
        (early, late, clock.now().as_second())
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_of_the_rate_is_found_and_kept() {
        for under_way in [1, 8, 64] {
            let (early, late, seconds) = storm(0.1, 1000, under_way).await;
            assert!(late * 20 <= 1000, "{under_way}: {late} refused after ten seconds");
            assert!(early <= 100 + under_way, "{under_way}: {early} refused at first");
            // 2 a second are granted: nothing is left lying about.
            assert!((495..650).contains(&seconds), "{under_way}: {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_full_rate_is_used_and_never_refused() {
        let (early, late, seconds) = storm(1.0, 1000, 64).await;
        assert_eq!((early, late), (0, 0));
        assert!(seconds <= 50, "{seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_comes_back_is_used_again() {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1);
        let buckets = Buckets::new(clock.clone());
        for _ in 0..10 {
            let ticket = buckets.take("ec2:RunInstances").await;
            buckets.refused("ec2:RunInstances", ticket);
        }
        let share = || buckets.with("ec2:RunInstances", |level, _, _| level.share);
        assert!(share() <= LEAST + 1e-9, "{}", share());
        for _ in 0..400 {
            let ticket = buckets.take("ec2:RunInstances").await;
            buckets.granted("ec2:RunInstances", ticket);
        }
        assert_eq!(share(), 1.0);
    }
}
