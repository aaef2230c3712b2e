//! The times of a schedule: `cron(…)` with six fields, or `rate(…)`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use super::refused;
use crate::services::prelude::*;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// A year and a day is looked ahead.
const FAR: i32 = 367;

pub(super) enum When {
    /// So many seconds after the one before.
    Rate(i64),
    /// Minutes, hours, days of the month, months, days of the week with Sunday as 1, years.
    Cron([BTreeSet<i64>; 6]),
}

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
        let wrong = || refused(format!("Invalid schedule expression. Details: {text}"));
        if text.starts_with("at(") {
            return Err(ApiError::not_implemented("scheduled actions that happen once"));
        }
        if let Some(rate) = inside("rate") {
            let (count, unit) = rate.split_once(' ').ok_or_else(wrong)?;
            let count = count.parse::<i64>().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
            let unit = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3600,
                "day" => 24 * 3600,
                _ => return Err(wrong()),
            };
            return Ok(Self::Rate(count * unit));
        }
        let fields: Vec<&str> = inside("cron").ok_or_else(wrong)?.split_whitespace().collect();
        let [minute, hour, day, month, weekday, year] = fields[..] else { return Err(wrong()) };
        if (day == "?") == (weekday == "?") {
            return Err(wrong());
        }
        let field = |text: &str, least: i64, most: i64, names: &[&str]| {
            values(text, least, most, names).ok_or_else(|| ApiError::not_implemented(format!("`{text}` in a schedule")))
        };
        Ok(Self::Cron([
            field(minute, 0, 59, &[])?,
            field(hour, 0, 23, &[])?,
            field(day, 1, 31, &[])?,
            field(month, 1, 12, &MONTHS)?,
            field(weekday, 1, 7, &DAYS)?,
            field(year, 1970, 2199, &[])?,
        ]))
    }

    /// The first time after `now`, of what was made then.
    pub(super) fn next(&self, made: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate(seconds) => {
                let past = now.duration_since(made).as_secs().max(0);
                made.checked_add(SignedDuration::from_secs((past / seconds + 1) * seconds)).ok()
            }
            Self::Cron([minutes, hours, days, months, weekdays, years]) => {
                let today = now.to_zoned(TimeZone::UTC).date();
                let fits = |date: &Date| {
                    let weekday = i64::from(date.weekday().to_sunday_one_offset());
                    days.contains(&i64::from(date.day()))
                        && months.contains(&i64::from(date.month()))
                        && years.contains(&i64::from(date.year()))
                        && weekdays.contains(&weekday)
                };
                let dates = (0..FAR).filter_map(|days| today.checked_add(days.days()).ok()).filter(fits);
                let times = dates.flat_map(|date| {
                    hours.iter().flat_map(move |hour| minutes.iter().map(move |minute| (date, *hour, *minute)))
                });
                let stamp = |(date, hour, minute): (Date, i64, i64)| {
                    let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
                    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
                };
                times.filter_map(stamp).find(|at| *at > now)
            }
        }
    }
}

/// The values of a field: `*`, `?`, lists, ranges, steps and names.
fn values(text: &str, least: i64, most: i64, names: &[&str]) -> Option<BTreeSet<i64>> {
    let one = |word: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let named = named.and_then(|place| i64::try_from(place).ok()).map(|place| place + 1);
        named.or_else(|| word.parse().ok()).filter(|value| (least..=most).contains(value))
    };
    let mut out = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse::<usize>().ok().filter(|step| *step > 0))?;
        let (from, to) = match range {
            "*" | "?" => (least, most),
            _ => match range.split_once('-') {
                Some((from, to)) => (one(from)?, one(to)?),
                None if part.contains('/') => (one(range)?, most),
                None => (one(range)?, one(range)?),
            },
        };
        out.extend((from..=to).step_by(step));
    }
    Some(out)
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
