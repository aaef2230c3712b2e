//! When a schedule is due: `at(…)`, `rate(…)` or `cron(…)`, all of it in UTC.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::cron::Cron;
use crate::services::prelude::*;

/// An expression that has been understood.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    At(Timestamp),
    /// A period in seconds.
    Rate(i64),
    Cron(Cron),
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let wrong = || ApiError::bad("ValidationException", format!("Invalid Schedule Expression {text}."));
        let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(inside) = inside("at") {
            return at(inside).map(Self::At).ok_or_else(wrong);
        }
        if let Some(inside) = inside("rate") {
            return rate(inside).map(Self::Rate).ok_or_else(wrong);
        }
        Cron::parse(inside("cron").ok_or_else(wrong)?, wrong).map(Self::Cron)
    }

    /// The first time from `from` on; `anchor` is what periods are counted from, and their first end.
    pub(crate) fn next(&self, from: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at).filter(|at| *at >= from),
            Self::Rate(seconds) => {
                let gone = from.duration_since(anchor).as_millis();
                let period = i128::from(*seconds) * 1000;
                let periods = if gone <= 0 { 0 } else { (gone + period - 1) / period };
                let wait = i64::try_from(periods * period).ok()?;
                anchor.checked_add(SignedDuration::from_millis(wait)).ok()
            }
            Self::Cron(cron) => cron.next(from),
        }
    }
}

/// `2026-01-01T00:00:00`, without a zone.
fn at(text: &str) -> Option<Timestamp> {
    let is_plain = text.len() == 19 && text.as_bytes().get(10) == Some(&b'T');
    let at = DateTime::strptime("%Y-%m-%dT%H:%M:%S", text).ok().filter(|_| is_plain)?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// `15 minutes`, in seconds.
fn rate(text: &str) -> Option<i64> {
    let (count, unit) = text.split_once(' ')?;
    let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, from: &str) -> String {
        let from: Timestamp = from.parse().unwrap();
        let anchor = "2026-01-01T00:00:10Z".parse().unwrap();
        Expression::parse(expression).unwrap().next(from, anchor).map_or_else(String::new, |at| at.to_string())
    }

    #[test]
    fn expressions_have_a_next_time() {
        for (expression, from, wanted) in [
            ("at(2026-03-01T10:00:00)", "2026-01-01T00:00:00Z", "2026-03-01T10:00:00Z"),
            ("at(2026-03-01T10:00:00)", "2026-03-01T10:00:01Z", ""),
            ("rate(15 minutes)", "2026-01-01T00:00:10Z", "2026-01-01T00:00:10Z"),
            ("rate(15 minutes)", "2026-01-01T00:00:11Z", "2026-01-01T00:15:10Z"),
            ("rate(1 day)", "2026-02-01T00:00:00Z", "2026-02-01T00:00:10Z"),
            ("cron(0 8 * * ? *)", "2026-01-01T08:00:00Z", "2026-01-01T08:00:00Z"),
            ("cron(0 8 * * ? *)", "2026-01-01T08:00:01Z", "2026-01-02T08:00:00Z"),
            ("cron(0/15 * * * ? *)", "2026-01-01T08:16:00Z", "2026-01-01T08:30:00Z"),
            ("cron(0 18 ? * MON-FRI *)", "2026-01-03T00:00:00Z", "2026-01-05T18:00:00Z"),
            ("cron(30 6 1,15 * ? 2027)", "2026-01-03T00:00:00Z", "2027-01-01T06:30:00Z"),
            ("cron(0 0 ? FEB 1 *)", "2026-01-03T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("cron(0 0 30 2 ? *)", "2026-01-03T00:00:00Z", ""),
            ("cron(0 0 1 1 ? 2025)", "2026-01-03T00:00:00Z", ""),
        ] {
            assert_eq!(next(expression, from), wanted, "{expression} from {from}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "15 minutes",
            "rate(0 minutes)",
            "rate(1 week)",
            "rate(x)",
            "at(2026-03-01)",
            "at(2026-03-01T10:00:00Z)",
            "cron(* * * * * *)",
            "cron(0 8 * * ?)",
            "cron(60 8 * * ? *)",
            "cron(0 8 ? * ? *)",
        ] {
            assert_eq!(Expression::parse(text).unwrap_err().code, "ValidationException", "{text}");
        }
        for text in ["cron(0 8 L * ? *)", "cron(0 8 15W * ? *)", "cron(0 8 ? * 6#3 *)"] {
            assert_eq!(Expression::parse(text).unwrap_err().code, "NotImplemented", "{text}");
        }
    }
}
