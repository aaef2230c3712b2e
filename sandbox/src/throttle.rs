//! AWS's request-rate limits: a token bucket per account, region and API action, on sandbox time.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A bucket's size and how many tokens flow in per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) burst: f64,
    pub(crate) refill: f64,
}

pub(crate) const fn rate(burst: f64, refill: f64) -> Rate {
    Rate { burst, refill }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// The buckets' levels. They are not kept between processes: a burst is seconds long.
#[derive(Debug)]
pub(crate) struct Throttle {
    factor: f64,
    /// By region and action.
    buckets: BTreeMap<String, BTreeMap<String, Bucket>>,
}

impl Throttle {
    pub(crate) fn new(factor: f64) -> Self {
        Self { factor, buckets: BTreeMap::new() }
    }

    /// Takes `cost` tokens from a bucket; false when there are not enough.
    pub(crate) fn take(&mut self, region: &str, action: &str, rate: Rate, cost: f64, now: Timestamp) -> bool {
        if self.factor <= 0.0 {
            return true;
        }
        let burst = rate.burst * self.factor;
        if !self.buckets.get(region).is_some_and(|actions| actions.contains_key(action)) {
            let actions = self.buckets.entry(region.to_owned()).or_default();
            actions.insert(action.to_owned(), Bucket { tokens: burst, at: now });
        }
        let Some(bucket) = self.buckets.get_mut(region).and_then(|actions| actions.get_mut(action)) else {
            return true;
        };
        let elapsed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * rate.refill * self.factor).min(burst);
        bucket.at = now;
        // A call that costs more than the bucket holds must still be possible when the bucket is full.
        let needed = cost.min(burst);
        if bucket.tokens + 1e-9 < needed {
            return false;
        }
        bucket.tokens -= needed;
        true
    }
}

/// The published rates of EC2; `narrow` is a describe call with a filter, ids or a page size.
pub(crate) fn ec2_rate(operation: &str, mutating: bool, narrow: bool) -> Rate {
    match operation {
        "RunInstances" => rate(5.0, 2.0),
        "TerminateInstances" => rate(100.0, 5.0),
        "CreateNatGateway" | "DeleteNatGateway" => rate(10.0, 1.0),
        "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => rate(4.0, 0.3),
        "CreateTags" | "DeleteTags" => rate(100.0, 10.0),
        "CreateVolume" | "CreateNetworkInterface" | "DeleteNetworkInterface" => rate(100.0, 5.0),
        "DescribeCapacityBlockOfferings" | "PurchaseCapacityBlock" => rate(10.0, 0.15),
        "DescribeInstanceTopology" => rate(1.0, 1.0),
        _ if mutating => rate(50.0, 5.0),
        "DescribeInstances"
        | "DescribeInstanceStatus"
        | "DescribeNetworkInterfaces"
        | "DescribeSecurityGroups"
        | "DescribeVolumes"
            if !narrow =>
        {
            rate(50.0, 10.0)
        }
        _ => rate(100.0, 20.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut throttle = Throttle::new(1.0);
        let start = Timestamp::UNIX_EPOCH;
        let second = |n: i64| Timestamp::from_second(n).unwrap();
        for _ in 0..4 {
            assert!(throttle.take("r", "a", rate(4.0, 0.5), 1.0, start));
        }
        assert!(!throttle.take("r", "a", rate(4.0, 0.5), 1.0, start));
        assert!(throttle.take("r", "b", rate(4.0, 0.5), 1.0, start));
        assert!(!throttle.take("r", "a", rate(4.0, 0.5), 1.0, second(1)));
        assert!(throttle.take("r", "a", rate(4.0, 0.5), 1.0, second(2)));
    }
}
