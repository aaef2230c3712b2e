//! dlinfra

pub mod diagnostic;
pub mod units;
