//! One model for each report, several renderers; the same numbers in every form.

pub mod cost;
pub mod import;
pub mod plan;
