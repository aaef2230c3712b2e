//! Faults injected by rule: errors, cut connections, latency, throttling, hidden objects.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// When to do what to a request. All conditions that are given must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// `service:Operation`, where `*` stands for anything: `ec2:Create*`.
    #[serde(default = "anything")]
    pub operation: String,
    /// Only requests of changing (or only of reading) actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutating: Option<bool>,
    /// Only the request with this number, over all requests, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// Only the nth request that meets the conditions above, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Only every nth request that meets the conditions above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only with this probability, decided by the sandbox's seed and the request's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// At most so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub action: FaultAction,
}

fn anything() -> String {
    "*".to_owned()
}

impl FaultRule {
    /// A rule for every request of an operation.
    pub fn new(operation: impl Into<String>, action: FaultAction) -> Self {
        Self {
            operation: operation.into(),
            mutating: None,
            request: None,
            nth: None,
            every: None,
            probability: None,
            times: None,
            action,
        }
    }

    /// The same rule for the nth matching request only.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// The same rule for one request by its number over all requests.
    #[must_use]
    pub fn at_request(mut self, number: u64) -> Self {
        self.request = Some(number);
        self
    }

    /// The same rule, at most so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultAction {
    /// Answers with an error; nothing is executed.
    ErrorBefore {
        /// AWS error code.
        code: String,
        /// HTTP status.
        status: u16,
    },
    /// Executes, then answers with an error.
    ErrorAfter {
        /// AWS error code.
        code: String,
        /// HTTP status.
        status: u16,
    },
    /// Drops the connection; nothing is executed.
    CutBefore,
    /// Executes, then drops the connection.
    CutAfter,
    /// Waits before executing.
    Latency {
        /// Sandbox milliseconds.
        milliseconds: u64,
    },
    /// Answers with the service's throttling error.
    Throttle,
    /// Answers with the service's error for a missing permission.
    AccessDenied,
    /// Answers with the service's error for expired credentials.
    ExpiredToken,
    /// Executes with a consistency window of this length instead of the configured one.
    HideNew {
        /// Sandbox seconds.
        seconds: f64,
    },
}

/// The rules with their counters.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    seed: u64,
    rules: Vec<(FaultRule, u64, u64)>,
}

impl Faults {
    pub(crate) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        Self { seed, rules: rules.into_iter().map(|rule| (rule, 0, 0)).collect() }
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.rules.iter().map(|(rule, ..)| rule.clone()).collect()
    }

    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push((rule, 0, 0));
    }

    /// Everything that is to happen to this request, in the order of the rules.
    pub(crate) fn for_request(&mut self, number: u64, operation: &str, mutating: bool) -> Vec<FaultAction> {
        let seed = self.seed;
        let mut actions = Vec::new();
        for (index, (rule, seen, fired)) in self.rules.iter_mut().enumerate() {
            let meets = matches(&rule.operation, operation)
                && rule.mutating.is_none_or(|wanted| wanted == mutating)
                && rule.request.is_none_or(|wanted| wanted == number);
            if !meets {
                continue;
            }
            *seen += 1;
            let fires = rule.nth.is_none_or(|nth| *seen == nth)
                && rule.every.is_none_or(|every| every > 0 && seen.is_multiple_of(every))
                && rule.times.is_none_or(|times| *fired < times)
                && rule.probability.is_none_or(|probability| chance(seed, index, number) < probability);
            if fires {
                *fired += 1;
                actions.push(rule.action.clone());
            }
        }
        actions
    }
}

/// A number in 0..1 that depends on nothing but its arguments.
fn chance(seed: u64, rule: usize, number: u64) -> f64 {
    let digest = Sha256::digest(format!("fault/{seed}/{rule}/{number}"));
    let value = digest.iter().take(6).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    value as f64 / (1_u64 << 48) as f64
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(ch) if *ch == b'?' || *ch == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|ch| *ch == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("ec2:Create*", "ec2:CreateVpc"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "axxbyyc"));
        assert!(!matches("a?c", "ac"));
        assert!(!matches("ec2:Create*", "fsx:CreateFileSystem"));
    }

    #[test]
    fn the_nth_and_times() {
        let mut faults = Faults::new(
            0,
            vec![
                FaultRule::new("a:*", FaultAction::CutBefore).nth(2),
                FaultRule::new("a:*", FaultAction::Throttle).times(1),
            ],
        );
        assert_eq!(faults.for_request(1, "a:X", true), [FaultAction::Throttle]);
        assert_eq!(faults.for_request(2, "a:Y", true), [FaultAction::CutBefore]);
        assert!(faults.for_request(3, "b:Y", true).is_empty());
    }

    #[test]
    fn rules_are_readable_json() {
        let rule: FaultRule =
            serde_json::from_str(r#"{"operation":"ec2:RunInstances","nth":1,"action":{"do":"cut-after"}}"#).unwrap();
        assert_eq!(rule.action, FaultAction::CutAfter);
        assert!(serde_json::from_str::<FaultRule>(r#"{"nht":1,"action":{"do":"throttle"}}"#).is_err());
    }
}
