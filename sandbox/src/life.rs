//! Life cycles: states that follow from time alone, and how long AWS takes for things.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A moment later on; saturates at the end of time.
pub(crate) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| at.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// The past and planned states of an object. The state at any time is the last one that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    stages: Vec<(Timestamp, String)>,
}

impl Life {
    pub(crate) fn begin(now: Timestamp, state: &str) -> Self {
        Self { stages: vec![(now, state.to_owned())] }
    }

    /// Plans a state for later.
    #[must_use]
    pub(crate) fn then(mut self, at: Timestamp, state: &str) -> Self {
        self.stages.push((at, state.to_owned()));
        self
    }

    /// Enters a state now; what was planned for later no longer happens.
    pub(crate) fn enter(&mut self, now: Timestamp, state: &str) {
        self.stages.retain(|(at, _)| *at <= now);
        self.stages.push((now, state.to_owned()));
    }

    /// Plans a state for later, after what is planned already.
    pub(crate) fn plan(&mut self, at: Timestamp, state: &str) {
        self.stages.push((at, state.to_owned()));
    }

    pub(crate) fn state(&self, now: Timestamp) -> &str {
        let begun = self.stages.iter().rev().find(|(at, _)| *at <= now);
        begun.or(self.stages.first()).map_or("", |(_, state)| state)
    }

    /// From when to when an object is in a state, each time that it is.
    pub(crate) fn spans<'l>(&'l self, state: &'l str) -> impl Iterator<Item = (Timestamp, Option<Timestamp>)> + 'l {
        let ends = self.stages.iter().skip(1).map(|(at, _)| Some(*at)).chain(std::iter::once(None));
        self.stages.iter().zip(ends).filter(move |((_, name), _)| name == state).map(|((at, _), end)| (*at, end))
    }

    /// When the object last came into a state.
    pub(crate) fn last(&self, state: &str, now: Timestamp) -> Option<Timestamp> {
        self.stages.iter().rev().find(|(at, name)| name == state && *at <= now).map(|(at, _)| *at)
    }

    /// When the object next comes into a state.
    pub(crate) fn next(&self, state: &str, now: Timestamp) -> Option<Timestamp> {
        self.stages.iter().find(|(at, name)| name == state && *at > now).map(|(at, _)| *at)
    }

    /// From when to when an object is used: from its first time in one state to its first time in another.
    pub(crate) fn between(&self, begin: &str, end: &str) -> Option<(Timestamp, Option<Timestamp>)> {
        Some((self.since(begin)?, self.since(end)))
    }

    /// When the object first has, or will have, a state.
    pub(crate) fn since(&self, state: &str) -> Option<Timestamp> {
        self.stages.iter().find(|(_, name)| name == state).map(|(at, _)| *at)
    }
}

/// How long AWS takes, from public logs; where none was found, an estimate in the published range.
pub(crate) mod durations {
    use std::time::Duration;

    const fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    pub(crate) const BALANCER_CREATE: Duration = minutes(2);
    /// How long the interfaces of a load balancer stay when it is gone.
    pub(crate) const BALANCER_INTERFACES: Duration = minutes(3);
    pub(crate) const NAT_CREATE: Duration = minutes(2);
    pub(crate) const NAT_DELETE: Duration = Duration::from_secs(50);
    pub(crate) const ENDPOINT_CREATE: Duration = minutes(2);
    pub(crate) const ENDPOINT_DELETE: Duration = minutes(2);
    pub(crate) const FSX_CREATE: Duration = minutes(8);
    pub(crate) const FSX_UPDATE: Duration = minutes(10);
    pub(crate) const FSX_DELETE: Duration = minutes(4);
    pub(crate) const FSX_REPOSITORY: Duration = minutes(5);
    /// Machines, image and model of an endpoint until it answers.
    pub(crate) const HOSTING_START: Duration = minutes(6);
    /// How long AWS looks for machines that it does not have.
    pub(crate) const HOSTING_NO_CAPACITY: Duration = minutes(5);
    /// Until AWS gives up a container that never answers.
    pub(crate) const HOSTING_UNHEALTHY: Duration = minutes(20);
    pub(crate) const HOSTING_RESIZE: Duration = minutes(3);
    pub(crate) const HOSTING_DELETE: Duration = Duration::from_secs(40);
    /// How long the interfaces of an endpoint stay when it is gone.
    pub(crate) const HOSTING_INTERFACES: Duration = minutes(10);
    pub(crate) const FUNCTION_CREATE: Duration = Duration::from_secs(4);
    pub(crate) const FUNCTION_UPDATE: Duration = Duration::from_secs(3);
    pub(crate) const INSTANCE_START: Duration = Duration::from_secs(60);
    pub(crate) const INSTANCE_STOP: Duration = Duration::from_secs(60);
    pub(crate) const INSTANCE_STOP_GPU: Duration = minutes(3);
    pub(crate) const SCHEDULES_DELETE: Duration = Duration::from_secs(10);
    pub(crate) const CHECKS: Duration = minutes(2);
    pub(crate) const CHECKS_GPU: Duration = minutes(5);
    /// How long terminated instances and deleted gateways stay visible.
    pub(crate) const AFTERGLOW: Duration = minutes(60);
    /// How long an instance profile is unusable after its last change.
    pub(crate) const PROFILE_READY: Duration = Duration::from_secs(10);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_time() {
        let at = |n: i64| Timestamp::from_second(n).unwrap();
        let mut life = Life::begin(at(0), "pending").then(at(60), "running");
        assert_eq!(life.state(at(59)), "pending");
        assert_eq!(life.state(at(60)), "running");
        life.enter(at(30), "shutting-down");
        life.plan(at(90), "terminated");
        assert_eq!(life.state(at(61)), "shutting-down");
        assert_eq!(life.state(at(90)), "terminated");
        assert_eq!(life.since("terminated"), Some(at(90)));
        let twice = Life::begin(at(0), "on").then(at(5), "off").then(at(8), "on");
        assert_eq!(twice.spans("on").collect::<Vec<_>>(), [(at(0), Some(at(5))), (at(8), None)]);
        assert_eq!((twice.last("on", at(7)), twice.last("on", at(9))), (Some(at(0)), Some(at(8))));
    }
}
