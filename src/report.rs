//! One model for each report, several renderers; the same numbers in every form.

pub mod change;
pub mod ci;
pub mod cost;
pub mod import;
pub mod plan;
pub mod rehearsal;
pub mod screen;
pub mod table;

/// `1 resource`, `2 resources`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}
