//! What a stack costs: lines added up, held against a budget, compared, and looked over for savings.
//!
//! Kinds make the lines (`price`); nothing here knows a rate. Amounts are exact; only [`crate::report`] rounds.

pub mod account;
pub mod actual;
pub mod advice;
mod alike;
pub mod bill;
pub mod budget;
pub mod compare;
pub mod past;
pub mod policy;
pub mod pricing;
pub mod stated;

pub use bill::{Bill, GroupBy, Item, Run, RunSource, Sum};
pub use budget::{Budget, Refusal, Verdict};
pub use compare::{Comparison, Row};
pub use past::Past;
pub use pricing::{PlanCost, Pricing, Spent, StepCost, since};
pub use stated::Stated;
