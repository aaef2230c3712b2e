//! Rates of data: `125 MiB/s`, and per stored TiB `500 MB/s/TiB`.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::size::whole;
use super::{UnitError, number_and_unit, text_form};

macro_rules! rate {
    ($(#[$doc:meta])* $type:ident, $field:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u64);

        impl $type {
            #[doc = concat!("A number of ", $unit)]
            #[must_use]
            pub const fn new(value: u64) -> Self {
                $type(value)
            }

            #[doc = concat!("In ", $unit)]
            #[must_use]
            pub const fn $field(self) -> u64 {
                self.0
            }

            /// The sum, unless it is too large.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, unless it would be negative.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// The product, when it is whole and fits.
            #[must_use]
            pub fn checked_mul(self, factor: Decimal) -> Option<Self> {
                whole(Decimal::from(self.0).checked_mul(factor)?).map(Self)
            }

            /// A part, when it is whole.
            #[must_use]
            pub fn checked_div(self, divisor: Decimal) -> Option<Self> {
                whole(Decimal::from(self.0).checked_div(divisor)?).map(Self)
            }

            /// How many times `other` goes into this.
            #[must_use]
            pub fn ratio(self, other: Self) -> Option<Decimal> {
                Decimal::from(self.0).checked_div(Decimal::from(other.0))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }
    };
}

rate!(
    /// Throughput per stored TiB, as Lustre file systems are sized: `500 MB/s/TiB`.
    PerTib,
    mb_per_second,
    "MB/s/TiB"
);

rate!(
    /// Throughput: `125 MiB/s`.
    Bandwidth,
    mib_per_second,
    "MiB/s"
);

/// The form to write: with the number that was written, if that is one.
fn right(number: &str, unit: &str, example: &str) -> String {
    let whole: String = number.split('.').next().unwrap_or_default().chars().filter(|c| *c != '_').collect();
    match whole.parse::<u64>() {
        Ok(number) => format!("write `{number} {unit}`"),
        Err(_) => format!("write for example `{example} {unit}`"),
    }
}

impl FromStr for PerTib {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not =
            |why: &str, help: String| UnitError::new(format!("`{text}` is not a throughput per TiB: {why}"), help);
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(not("it does not start with a number", "write for example `500 MB/s/TiB`".to_string()));
        };
        let right = || self::right(number, "MB/s/TiB", "500");
        match unit.split_whitespace().collect::<String>().as_str() {
            "MB/s/TiB" => match number.parse() {
                Ok(value) => Ok(PerTib(value)),
                Err(_) => Err(not("the number must be whole", right())),
            },
            "" => Err(not("the unit is missing", right())),
            _ => Err(not("the unit is MB/s/TiB", right())),
        }
    }
}

impl FromStr for Bandwidth {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not = |why: &str, help: String| UnitError::new(format!("`{text}` is not a bandwidth: {why}"), help);
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(not("it does not start with a number", "write for example `125 MiB/s`".to_string()));
        };
        let right = || self::right(number, "MiB/s", "125");
        let factor = match unit {
            "MiB/s" => 1,
            "GiB/s" => 1024,
            "" => return Err(not("the unit is missing", right())),
            _ => return Err(not("the unit is MiB/s or GiB/s", right())),
        };
        match number.parse::<u64>() {
            Ok(value) => value
                .checked_mul(factor)
                .map(Bandwidth)
                .ok_or_else(|| not("the number is too large", "write for example `125 MiB/s`".to_string())),
            Err(_) => Err(not("the number must be whole", right())),
        }
    }
}

text_form!(PerTib, "PerTib", "throughput", "Throughput per stored TiB: a whole number and MB/s/TiB", "500 MB/s/TiB");
text_form!(Bandwidth, "Bandwidth", "bandwidth", "Throughput: a whole number and MiB/s or GiB/s", "125 MiB/s");
