//! Durations: `72h`, `1h30m`, `30d`.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::size::whole;
use super::{UnitError, text_form};

/// A duration in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;
/// A thousand years: more is a slip of the keyboard, and no sum of a few of them can overflow a time stamp.
const MAX: u64 = 1000 * 366 * DAY;

impl Span {
    /// A number of seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Span(seconds)
    }

    /// A number of hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Span(hours.saturating_mul(HOUR))
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// In hours, exactly.
    #[must_use]
    pub fn hours(self) -> Decimal {
        Decimal::from(self.0) / Decimal::from(HOUR)
    }

    /// In days, when that is whole.
    #[must_use]
    pub const fn whole_days(self) -> Option<u64> {
        if self.0.is_multiple_of(DAY) { Some(self.0 / DAY) } else { None }
    }

    /// The sum, unless it is too large.
    #[must_use]
    pub fn checked_add(self, other: Span) -> Option<Span> {
        self.0.checked_add(other.0).filter(|s| *s <= MAX).map(Span)
    }

    /// The difference, unless it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Span) -> Option<Span> {
        self.0.checked_sub(other.0).map(Span)
    }

    /// The product, when it is a whole number of seconds that fits.
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Span> {
        whole(Decimal::from(self.0).checked_mul(factor)?).filter(|s| *s <= MAX).map(Span)
    }

    /// A part, when it is a whole number of seconds.
    #[must_use]
    pub fn checked_div(self, divisor: Decimal) -> Option<Span> {
        whole(Decimal::from(self.0).checked_div(divisor)?).map(Span)
    }

    /// How many times `other` goes into this.
    #[must_use]
    pub fn ratio(self, other: Span) -> Option<Decimal> {
        Decimal::from(self.0).checked_div(Decimal::from(other.0))
    }
}

/// Hours, minutes and seconds; whole days from a week on (people say 72h, but 30d).
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0.is_multiple_of(DAY) && self.0 >= 7 * DAY {
            return write!(f, "{}d", self.0 / DAY);
        }
        let (h, m, s) = (self.0 / HOUR, self.0 % HOUR / MINUTE, self.0 % MINUTE);
        for (value, unit) in [(h, 'h'), (m, 'm'), (s, 's')] {
            if value > 0 {
                write!(f, "{value}{unit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not = |why: &str, help: &str| UnitError::new(format!("`{text}` is not a duration: {why}"), help);
        const EXAMPLE: &str = "write for example `72h`, `90m`, `30d` or `1h30m`";
        let mut total: u64 = 0;
        let mut rest = text;
        let mut previous = u64::MAX;
        if rest.is_empty() {
            return Err(not("it is empty", EXAMPLE));
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            if number.is_empty() {
                return Err(not("a whole number must stand before each unit", EXAMPLE));
            }
            let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(letters);
            let factor = match unit.trim() {
                "d" => DAY,
                "h" => HOUR,
                "m" => MINUTE,
                "s" => 1,
                "" => return Err(not("the unit is missing", &format!("write `{number}h` (or d, m, s)"))),
                other => {
                    let help = right(text).map_or_else(|| EXAMPLE.to_string(), |span| format!("write `{span}`"));
                    return Err(not(&unit_problem(other), &help));
                }
            };
            if factor >= previous {
                return Err(not("units go from large to small, each once", EXAMPLE));
            }
            previous = factor;
            total = number
                .parse::<u64>()
                .ok()
                .and_then(|n| n.checked_mul(factor))
                .and_then(|n| total.checked_add(n))
                .filter(|t| *t <= MAX)
                .ok_or_else(|| not("it is longer than a thousand years", EXAMPLE))?;
            rest = next;
        }
        Ok(Span(total))
    }
}

/// The duration that a text with other words means: `3 days`, `1.5h`.
fn right(text: &str) -> Option<Span> {
    let lower = text.to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = lower.split_at(end);
    let seconds = match unit.trim() {
        "w" | "week" | "weeks" => 7 * DAY,
        "d" | "day" | "days" => DAY,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        _ => return None,
    };
    Span(seconds).checked_mul(Decimal::from_str_exact(number).ok()?)
}

fn unit_problem(unit: &str) -> String {
    if unit.starts_with('.') {
        "only whole numbers are exact".to_string()
    } else {
        format!("the units are d, h, m and s, not `{unit}`")
    }
}

text_form!(Span, "Span", "duration", "A duration: whole numbers with d, h, m, s", "72h");
