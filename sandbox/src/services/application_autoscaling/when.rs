//! The times of a scheduled action: `cron(…)` or `rate(…)`, as schedules of EventBridge have them.

use jiff::SignedDuration;

use super::refused;
use crate::services::prelude::*;
use crate::services::scheduler::Expression;

pub(super) struct When(Expression);

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.starts_with("at(") {
            return Err(ApiError::not_implemented("scheduled actions that happen once"));
        }
        Expression::parse(text).map(Self).map_err(|error| match &*error.code {
            "ValidationException" => refused(format!("Invalid schedule expression. Details: {text}")),
            _ => error,
        })
    }

    /// The first time after `now`, of what was made then.
    pub(super) fn next(&self, made: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.0.next(now.checked_add(SignedDuration::from_millis(1)).ok()?, made)
    }
}

#[cfg(test)]
mod tests {
    use super::When;

    #[test]
    fn times_are_those_of_the_expression() {
        let next = |text: &str| {
            // A Monday.
            let now = "2026-06-01T12:00:00Z".parse().unwrap();
            let Ok(when) = When::parse(text) else { return "refused".to_owned() };
            when.next(now, now).map_or("never".to_owned(), |at| at.to_string())
        };
        assert_eq!(next("cron(0 20 ? * MON-FRI *)"), "2026-06-01T20:00:00Z");
        assert_eq!(next("cron(0 12 ? * MON-FRI *)"), "2026-06-02T12:00:00Z");
        assert_eq!(next("cron(30 6/6 1 * ? *)"), "2026-06-01T12:30:00Z");
        assert_eq!(next("cron(0 0 1 JAN ? *)"), "2027-01-01T00:00:00Z");
        assert_eq!(next("cron(0 8 ? * SAT,SUN *)"), "2026-06-06T08:00:00Z");
        assert_eq!(next("cron(0 8 1 1 ? 2020)"), "never");
        assert_eq!(next("rate(12 hours)"), "2026-06-02T00:00:00Z");
        for wrong in ["cron(0 20 * * MON *)", "cron(0 20 * *)", "rate(0 hours)", "daily", "cron(0 20 L * ? *)"] {
            assert_eq!(next(wrong), "refused", "{wrong}");
        }
    }
}
