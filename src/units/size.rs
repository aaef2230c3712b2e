//! Sizes in bytes: `9600 GiB`.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{UnitError, number_and_unit, text_form, without_separators};

/// A number of bytes; the canonical text is in GiB where that is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: [(&str, u64); 6] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50)];

impl Size {
    /// A number of bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Size(bytes)
    }

    /// A number of GiB.
    #[must_use]
    pub const fn from_gib(gib: u64) -> Self {
        Size(gib.saturating_mul(1 << 30))
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In GiB, when that is whole.
    #[must_use]
    pub const fn whole_gib(self) -> Option<u64> {
        if self.0.is_multiple_of(1 << 30) { Some(self.0 >> 30) } else { None }
    }

    /// In GiB, rounded up: what AWS bills and accepts.
    #[must_use]
    pub const fn gib_rounded_up(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }

    /// In GiB, exactly.
    #[must_use]
    pub fn gib(self) -> Decimal {
        Decimal::from(self.0) / Decimal::from(1_u64 << 30)
    }

    /// For people: one decimal, rounded down.
    #[must_use]
    pub fn rough(self) -> String {
        let bytes = self.0;
        let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, size)| bytes >= *size) {
            Some((unit, size)) => {
                let tenths = u128::from(bytes) * 10 / u128::from(*size);
                match tenths % 10 {
                    0 => format!("{} {unit}", tenths / 10),
                    tenth => format!("{}.{tenth} {unit}", tenths / 10),
                }
            }
            None => format!("{bytes} B"),
        }
    }

    /// The sum, unless it is too large.
    #[must_use]
    pub fn checked_add(self, other: Size) -> Option<Size> {
        self.0.checked_add(other.0).map(Size)
    }

    /// The difference, unless it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Size) -> Option<Size> {
        self.0.checked_sub(other.0).map(Size)
    }

    /// The product, when it is a whole number of bytes that fits.
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Size> {
        whole(Decimal::from(self.0).checked_mul(factor)?).map(Size)
    }

    /// A part, when it is a whole number of bytes.
    #[must_use]
    pub fn checked_div(self, divisor: Decimal) -> Option<Size> {
        whole(Decimal::from(self.0).checked_div(divisor)?).map(Size)
    }

    /// How many times `other` goes into this.
    #[must_use]
    pub fn ratio(self, other: Size) -> Option<Decimal> {
        Decimal::from(self.0).checked_div(Decimal::from(other.0))
    }
}

pub(super) fn whole(value: Decimal) -> Option<u64> {
    use rust_decimal::prelude::ToPrimitive;
    if value.is_integer() { value.to_u64() } else { None }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS[..4].iter().rev().find(|(_, factor)| self.0.is_multiple_of(*factor)).copied().unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not = |why: &str, help: String| UnitError::new(format!("`{text}` is not a size: {why}"), help);
        let example = || "write a whole number and a unit, such as `9600 GiB` or `512 MiB`".to_string();
        if let Some(plain) = without_separators(text) {
            let help = plain.parse::<Size>().map_or_else(|e| e.help, |_| format!("write `{plain}`"));
            return Err(not("numbers have no separators", help));
        }
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(not("it does not start with a number", example()));
        };
        if unit.is_empty() {
            let gib = format!("{number} GiB");
            let help = gib.parse::<Size>().map_or_else(|e| e.help, |_| format!("write `{gib}` (or MiB, TiB)"));
            return Err(not("the unit is missing", help));
        }
        let Some((unit, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let binary = match unit.to_ascii_lowercase().as_str() {
                "k" | "kb" | "kib" | "ki" => "KiB",
                "m" | "mb" | "mib" | "mi" => "MiB",
                "g" | "gb" | "gib" | "gi" => "GiB",
                "t" | "tb" | "tib" | "ti" => "TiB",
                "p" | "pb" | "pib" | "pi" => "PiB",
                _ => return Err(not(&format!("unknown unit `{unit}`"), example())),
            };
            let right = format!("{number} {binary}");
            let help = right.parse::<Size>().map_or_else(|e| e.help, |_| format!("write `{right}`"));
            return Err(not(&format!("AWS counts in {binary}, not `{unit}`"), help));
        };
        if number.contains('.') {
            return Err(not("only whole numbers are exact", decimal_help(number, unit, *factor)));
        }
        number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(*factor))
            .map(Size)
            .ok_or_else(|| not("the number is too large", "the largest size is 16383 PiB".to_string()))
    }
}

/// AWS writes 9600 GiB as "9.6 TiB": thousands of GiB, which no exact arithmetic yields.
fn decimal_help(number: &str, unit: &str, factor: u64) -> String {
    let Ok(value) = Decimal::from_str(number) else { return "write a whole number, such as `9600 GiB`".to_string() };
    if unit == "TiB" {
        if let Some(gib) = value.checked_mul(Decimal::from(1000)).and_then(whole) {
            return format!("write `{gib} GiB` (AWS calls that {number} TiB)");
        }
    } else if let Some(bytes) = value.checked_mul(Decimal::from(factor)).and_then(whole) {
        return format!("write `{}`", Size(bytes));
    }
    "write a whole number of a smaller unit, such as `1536 MiB`".to_string()
}

text_form!(Size, "Size", "size", "A size: a whole number and a unit (B, KiB, MiB, GiB, TiB, PiB)", "9600 GiB");
