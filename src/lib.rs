//! dlinfra

pub mod diagnostic;
pub mod price;
pub mod units;
