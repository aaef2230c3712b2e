//! Values with a unit: sizes, rates, durations, money and address ranges, each with one canonical text.

mod cidr;
mod money;
mod rate;
mod size;
mod span;

pub use cidr::Cidr;
pub use money::{Money, Per};
pub use rate::{Bandwidth, PerTib};
pub use size::Size;
pub use span::Span;

/// A count for people: `1,000,000`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Why a text is not a value of a unit, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; {help}")]
pub struct UnitError {
    /// `"9.6 TiB" is not a size: …`
    pub why: String,
    /// ``write `9600 GiB` ``
    pub help: String,
}

impl UnitError {
    fn new(why: impl Into<String>, help: impl Into<String>) -> Self {
        UnitError { why: why.into(), help: help.into() }
    }
}

/// The number and the unit of a text such as `125 MiB/s`; `None` when it does not start with a digit.
fn number_and_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    (end > 0 && text.starts_with(|c: char| c.is_ascii_digit())).then(|| (&text[..end], text[end..].trim_start()))
}

/// A number without the separators of thousands that people write, when it has some.
fn without_separators(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '_')).collect();
    (plain != text && text.contains(|c: char| c.is_ascii_digit())).then_some(plain)
}

/// Serde as the canonical text, and a JSON Schema that names the unit.
macro_rules! text_form {
    ($type:ty, $name:literal, $unit:literal, $description:literal, $example:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "x-dlinfra": $unit, "description": $description, "examples": [$example]
                })
            }
        }
    };
}
use text_form;

#[cfg(test)]
mod tests;
