//! Six fields of cron: minutes, hours, day of the month, month, day of the week, year. Lists, ranges and steps; `L`,
//! `W` and `#` are not simulated.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::services::prelude::*;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// The first is 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What each field admits; nothing = `?`, or every day where the other field of days decides.
#[derive(Debug, Clone)]
pub(crate) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Option<BTreeSet<i16>>,
    months: BTreeSet<i16>,
    weekdays: Option<BTreeSet<i16>>,
    years: BTreeSet<i16>,
}

impl Cron {
    pub(super) fn parse(text: &str, wrong: impl Fn() -> ApiError) -> Result<Self, ApiError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields[..] else { return Err(wrong()) };
        // Exactly one of the two fields of days is left open.
        if (days == "?") == (weekdays == "?") {
            return Err(wrong());
        }
        for (field, signs) in [(days, &['L', 'W'][..]), (weekdays, &['L', '#'][..])] {
            let named = field.split(['-', ',']).all(|part| DAYS.contains(&part));
            if !named && field.contains(signs) {
                return Err(ApiError::not_implemented(format!("{field} in schedules")));
            }
        }
        let set = |text: &str, least: i16, most: i16, names: &[&str]| {
            set(text, least, most, names).filter(|set| !set.is_empty()).ok_or_else(&wrong)
        };
        let open = |text: &str, most: i16, names: &[&str]| (text != "?").then(|| set(text, 1, most, names)).transpose();
        Ok(Self {
            minutes: set(minutes, 0, 59, &[])?,
            hours: set(hours, 0, 23, &[])?,
            days: open(days, 31, &[])?,
            months: set(months, 1, 12, &MONTHS)?,
            weekdays: open(weekdays, 7, &DAYS)?,
            years: set(years, 1970, 2199, &[])?,
        })
    }

    /// The first time from `from` on.
    pub(super) fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let start = TimeZone::UTC.to_datetime(from);
        let mut day = start.date();
        let last = *self.years.last()?;
        while day.year() <= last {
            if self.admits(day) {
                let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
                let mut times = times.filter_map(|(hour, minute)| {
                    Some(day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0))
                });
                if let Some(at) = times.find(|at: &DateTime| *at >= start) {
                    return at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn admits(&self, day: jiff::civil::Date) -> bool {
        let weekday = i16::from(day.weekday().to_sunday_one_offset());
        self.years.contains(&day.year())
            && self.months.contains(&i16::from(day.month()))
            && self.days.as_ref().is_none_or(|days| days.contains(&i16::from(day.day())))
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&weekday))
    }
}

/// `*`, `5`, `MON-FRI`, `0/15`, `1-10/2`, and lists of these.
fn set(text: &str, least: i16, most: i16, names: &[&str]) -> Option<BTreeSet<i16>> {
    let number = |text: &str| {
        let named = names.iter().position(|name| *name == text).and_then(|at| i16::try_from(at + 1).ok());
        named.or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(number))
    };
    let mut out = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<i16>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        if from > to {
            return None;
        }
        out.extend((from..=to).step_by(usize::try_from(step.unwrap_or(1)).ok()?));
    }
    Some(out)
}
