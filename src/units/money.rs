//! Money in US dollars, once or per time: `70000 USD`, `60 USD/h`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{UnitError, number_and_unit, text_form};

/// What an amount is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// Paid once.
    #[default]
    Once,
    /// Per hour.
    Hour,
    /// Per day.
    Day,
    /// Per month.
    Month,
}

impl Per {
    fn suffix(self) -> &'static str {
        match self {
            Per::Once => "",
            Per::Hour => "/h",
            Per::Day => "/day",
            Per::Month => "/month",
        }
    }
}

/// An amount of US dollars, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    per: Per,
}

impl Money {
    /// An amount per something.
    #[must_use]
    pub fn new(amount: Decimal, per: Per) -> Self {
        Money { amount: amount.normalize(), per }
    }

    /// In dollars.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// What it is for.
    #[must_use]
    pub fn per(self) -> Per {
        self.per
    }

    /// The sum, when both are per the same.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        if self.per != other.per {
            return None;
        }
        self.amount.checked_add(other.amount).map(|a| Money::new(a, self.per))
    }

    /// The difference, when both are per the same and it is not negative.
    #[must_use]
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        if self.per != other.per {
            return None;
        }
        self.amount.checked_sub(other.amount).filter(|a| !a.is_sign_negative()).map(|a| Money::new(a, self.per))
    }

    /// The product, unless it is too large or negative.
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Money> {
        self.amount.checked_mul(factor).filter(|a| !a.is_sign_negative()).map(|a| Money::new(a, self.per))
    }

    /// A part.
    #[must_use]
    pub fn checked_div(self, divisor: Decimal) -> Option<Money> {
        self.amount.checked_div(divisor).filter(|a| !a.is_sign_negative()).map(|a| Money::new(a, self.per))
    }

    /// How many times `other` goes into this, when both are per the same.
    #[must_use]
    pub fn ratio(self, other: Money) -> Option<Decimal> {
        if self.per == other.per { self.amount.checked_div(other.amount) } else { None }
    }
}

/// Amounts per different times have no order.
impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Money) -> Option<Ordering> {
        (self.per == other.per).then(|| self.amount.cmp(&other.amount))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD{}", self.amount, self.per.suffix())
    }
}

impl Money {
    /// The amount that a text most probably means which is not written as it must be: `$400`, `400 dollars per hour`.
    #[must_use]
    pub fn guess(text: &str) -> Option<Money> {
        let lower =
            text.to_ascii_lowercase().replace([',', '_', '$', ' '], "").replace("dollars", "").replace("usd", "");
        let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
        let (number, unit) = lower.split_at(end);
        let per = match unit.strip_prefix("per").unwrap_or(unit.trim_start_matches('/')) {
            "" => Per::Once,
            "h" | "hr" | "hour" | "hourly" => Per::Hour,
            "d" | "day" | "daily" => Per::Day,
            "m" | "mo" | "month" | "monthly" => Per::Month,
            _ => return None,
        };
        Decimal::from_str_exact(number).ok().map(|amount| Money::new(amount, per))
    }
}

impl FromStr for Money {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not = |why: &str, help: String| UnitError::new(format!("`{text}` is not an amount of money: {why}"), help);
        let example = || "write for example `60 USD/h`, `5 USD/month` or `70000 USD`".to_string();
        let forms = |money: Option<Money>| match money {
            Some(Money { amount, per: Per::Once }) => {
                format!("write `{amount} USD`, `{amount} USD/h` or `{amount} USD/month`")
            }
            Some(money) => format!("write `{money}`"),
            None => example(),
        };
        let guess = || forms(Money::guess(text));
        if text.contains('$') {
            return Err(not("the currency is written USD", guess()));
        }
        if text.contains([',', '_']) {
            return Err(not("numbers have no separators", guess()));
        }
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(not("it does not start with a number", example()));
        };
        if unit.is_empty() {
            let hourly = |n: &str| format!("write `{n} USD/h`, `{n} USD/month` or `{n} USD`");
            let amount = Decimal::from_str_exact(number);
            return Err(not("the unit is missing", amount.map_or_else(|_| example(), |_| hourly(number))));
        }
        let per = match unit.split_whitespace().collect::<String>().as_str() {
            "USD" => Per::Once,
            "USD/h" | "USD/hour" => Per::Hour,
            "USD/d" | "USD/day" => Per::Day,
            "USD/month" => Per::Month,
            other if other.starts_with("USD/") => {
                return Err(not("it is per hour, day or month", guess()));
            }
            _ => return Err(not("the currency is USD", forms(Money::guess(text).or_else(|| Money::guess(number))))),
        };
        let amount = Decimal::from_str_exact(number).map_err(|_| not("the number cannot be read", example()))?;
        Ok(Money::new(amount, per))
    }
}

text_form!(Money, "Money", "money", "US dollars, once or per h, day or month", "60 USD/h");
