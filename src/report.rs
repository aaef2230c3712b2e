//! One model for each report, several renderers; the same numbers in every form.

pub mod cost;
pub mod import;
pub mod plan;

/// `1 resource`, `2 resources`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}
